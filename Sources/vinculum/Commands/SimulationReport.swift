import Glibc
import Node
import Primitives
import Simulator

/// What a simulation is told of: for people and for programs.
struct SimulationReport {
    let engine: String
    let version: String
    let sha256: String
    let seeds: ClosedRange<UInt64>
    let validators: Int
    let heights: UInt64
    let faults: Set<Fault>
    let parameters: [String: String]
    let totals: SimulationCollector.Totals
    let wall: Duration
    /// The command that does a seed again.
    let repeating: (UInt64) -> String

    private static let shownFindings = 20

    var document: CBORMap {
        var map = CBORMap()
        map["engine"] = .map(
            CBORMap([("id", .text(engine)), ("version", .text(version)), ("sha256", .text(sha256))]))
        map["first_seed"] = .unsigned(seeds.lowerBound)
        map["last_seed"] = .unsigned(seeds.upperBound)
        map["validators"] = .unsigned(UInt64(validators))
        map["heights"] = .unsigned(heights)
        map["faults"] = .array(faults.sorted().map { .text($0.rawValue) })
        map["parameters"] = .map(CBORMap(parameters.sorted { $0.key < $1.key }.map { ($0.key, .text($0.value)) }))
        map["seeds"] = .unsigned(totals.seeds)
        map["blocks"] = .unsigned(totals.blocks)
        map["steps"] = .unsigned(totals.steps)
        map["virtual_ms"] = .unsigned(totals.virtualMilliseconds)
        map["wall_ms"] = .unsigned(UInt64(max(0, wall / .milliseconds(1))))
        map["forks_looked_at"] = .unsigned(totals.forksLookedAt)
        map["injected"] = .map(
            CBORMap(Fault.allCases.map { ($0.rawValue, .unsigned(totals.counts[$0])) }))
        map["findings"] = .array(
            totals.findings.map { finding in
                .map(
                    CBORMap([
                        ("seed", .unsigned(finding.seed)), ("rule", .text(finding.rule)),
                        ("repeat", .text(repeating(finding.seed))),
                    ]))
            })
        return map
    }

    func text(_ style: Style) -> String {
        let seconds = max(wall / .seconds(1), 0.001)
        var facts = FactList()
        facts.add("engine", "\(engine) \(version), sha256 \(sha256)")
        facts.add(
            "seeds",
            "\(HumanUnits.grouped(totals.seeds)) (\(seeds.lowerBound)..\(seeds.upperBound)), "
                + "\(validators) validators, \(heights) heights each")
        facts.add("decided", "\(HumanUnits.grouped(totals.blocks)) blocks")
        facts.add("steps", HumanUnits.grouped(totals.steps))
        facts.add("virtual time", HumanUnits.duration(.milliseconds(Int64(clamping: totals.virtualMilliseconds))))
        facts.add(
            "wall time",
            "\(HumanUnits.duration(wall)), \(HumanUnits.fixed(Double(totals.seeds) / seconds, decimals: 1)) seeds/s, "
                + "\(HumanUnits.grouped(UInt64(Double(totals.steps) / seconds))) steps/s")
        if totals.forksLookedAt > 0 {
            facts.add("forks by a third", "\(totals.forksLookedAt): each proven against a third of the power and more")
        }
        var parts = [facts.text(style)]
        let injected = Fault.allCases.filter { totals.counts[$0] > 0 }
        if !injected.isEmpty {
            var table = Table([("FAULT", .left), ("TIMES", .right), ("WHAT", .left)])
            for fault in injected {
                table.add(fault.rawValue, HumanUnits.grouped(totals.counts[fault]), fault.meaning)
            }
            parts.append(table.text(style))
        }
        parts.append(verdict(style))
        return parts.joined(separator: "\n\n")
    }

    private func verdict(_ style: Style) -> String {
        guard !totals.findings.isEmpty else { return style.good("nothing found") }
        let shown = totals.findings.prefix(Self.shownFindings).map { finding in
            "\(style.bad("seed \(finding.seed)")): \(finding.rule)\n  repeat: \(repeating(finding.seed)) --trace -"
        }
        let more = totals.findings.count - shown.count
        return (shown + (more > 0 ? ["and \(more) more"] : [])).joined(separator: "\n")
    }
}

/// A trace's file, or standard output. Used by one thread.
final class TraceFile: @unchecked Sendable {
    // One thread writes, and closes when it is done: that is the argument for `@unchecked Sendable`.
    private let descriptor: Int32
    private let path: String
    private var buffer: [UInt8] = []
    private var failure: FileError?

    init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = path == "-" ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
    }

    func write(_ text: String) {
        buffer.append(contentsOf: text.utf8)
        if buffer.count > 1 << 16 { flush() }
    }

    /// - Throws: what went wrong with any write.
    func close() throws(FileError) {
        flush()
        if descriptor != STDOUT_FILENO { Glibc.close(descriptor) }
        if let failure { throw failure }
    }

    private func flush() {
        var offset = 0
        while offset < buffer.count, failure == nil {
            let count = buffer.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { failure = FileError(operation: "write", path: path, code: errno) }
            offset += max(0, count)
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
