import Node

/// The text format of Prometheus, version 0.0.4: HELP and TYPE before a metric's samples, and its unit in both its
/// name and its help.
public enum PrometheusText {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public static func encode(_ samples: [MetricSample]) -> String {
        var order: [String] = []
        var groups: [String: [MetricSample]] = [:]
        for sample in samples {
            if groups[sample.metric.name] == nil { order.append(sample.metric.name) }
            groups[sample.metric.name, default: []].append(sample)
        }
        var text = ""
        for name in order {
            guard let group = groups[name], let metric = group.first?.metric else { continue }
            text += "# HELP \(name) \(escape(metric.help, quotes: false)) (unit: \(metric.unit))\n"
            text += "# TYPE \(name) \(metric.kind.rawValue)\n"
            for sample in group {
                let labels = sample.labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }
                text +=
                    name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}") + " \(number(sample.value))\n"
            }
        }
        return text
    }

    /// What is wrong with the samples' descriptions; empty when each is documented.
    public static func problems(_ samples: [MetricSample]) -> [String] {
        var result: [String] = []
        for metric in Set(samples.map(\.metric)).sorted(by: { $0.name < $1.name }) {
            if !metric.name.hasPrefix("vinculum_") { result.append("\(metric.name): has to begin with vinculum_") }
            if !metric.name.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f })
            {
                result.append("\(metric.name): only a to z, 0 to 9 and _")
            }
            if metric.help.count < 10 { result.append("\(metric.name): has no help") }
            if metric.unit.isEmpty { result.append("\(metric.name): has no unit") }
            let end = metric.kind == .counter ? "_\(metric.unit)_total" : "_\(metric.unit)"
            if !metric.name.hasSuffix(end) { result.append("\(metric.name): has to end in \(end)") }
        }
        return result
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"": result += quotes ? "\\\"" : "\""
            default: result.append(character)
            }
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
    }
}
