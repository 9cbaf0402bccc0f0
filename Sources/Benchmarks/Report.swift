/// What a figure is held against.
enum Target {
    /// The ratio to the limit or peer is to be this or more.
    case atLeast(Double)
    case atMost(Double)

    func isMet(by ratio: Double) -> Bool {
        switch self {
        case .atLeast(let bound): ratio >= bound
        case .atMost(let bound): ratio <= bound
        }
    }

    var text: String {
        switch self {
        case .atLeast(let bound): "at least \(significant(bound))"
        case .atMost(let bound): "at most \(significant(bound))"
        }
    }
}

/// Collects one row a figure; prints each as soon as it is known.
struct Report {
    enum Form: String, CaseIterable { case text, markdown }

    static let markdownHead = "| what | measured | limit or peer | ratio | target |\n|---|---|---|---|---|"

    let form: Form

    /// A figure without a target is printed for the others' sake: what a disk or a library gives by itself.
    func add(_ what: String, _ measured: String, _ against: String = "", ratio: Double? = nil, target: Target? = nil) {
        let share = ratio.map { significant($0) } ?? ""
        var aim = target?.text ?? ""
        if let ratio, let target { aim += target.isMet(by: ratio) ? ", met" : ", MISSED" }
        switch form {
        case .markdown: emit("| \(what) | \(measured) | \(against) | \(share) | \(aim) |")
        case .text:
            let parts = [
                "\(what): \(measured)", against, share.isEmpty ? "" : "ratio \(share)",
                aim.isEmpty ? "" : "target \(aim)",
            ]
            emit(parts.filter { !$0.isEmpty }.joined(separator: "; "))
        }
    }

    /// What helps to read the figures; goes to standard error, so that the table stays one.
    func note(_ text: String) { emitError("vinculum-bench: \(text)") }
}

/// 1234567 as 1,234,567.
func counted(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return text
}

func counted(_ value: Double) -> String { value.isFinite ? counted(Int(value.rounded())) : "unknown" }

/// Three significant digits, which is more than such figures repeat.
func significant(_ value: Double) -> String {
    guard value.isFinite else { return "unknown" }
    let magnitude = value.magnitude
    if magnitude >= 100 { return counted(value) }
    return rounded(value, magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : magnitude >= 0.01 ? 3 : 5)
}

func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
