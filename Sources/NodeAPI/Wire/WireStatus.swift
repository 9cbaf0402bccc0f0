import Node
import Primitives

extension NodeStatus: WireCodable {
    public var wire: CBORValue {
        [
            "version": .text(version), "role": .text(role), "chain": .text(chain), "height": .unsigned(height),
            "head": .text(head), "state_root": .text(stateRoot), "head_time_ms": .unsigned(headTimeMilliseconds),
            "first_kept_height": .unsigned(firstKeptHeight), "engine": .text(engine),
            "rules_version": .unsigned(rulesVersion), "validators": .integer(Int64(validators)),
            "pending_transactions": .integer(Int64(pendingTransactions)), "transactions": .unsigned(transactions),
            "uptime_ms": .unsigned(uptimeMilliseconds), "notes": .array(notes.map { .text($0) }),
            "plugins": .array(plugins.map(\.wire)), "aggregator": .optionalText(aggregator),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var notes: [String] = []
        for (index, item) in (wire.value["notes"]?.array ?? []).enumerated() {
            guard let text = item.text else { throw wire.wrong("notes[\(index)]", "text") }
            notes.append(text)
        }
        var plugins: [PluginStatus] = []
        for item in try wire.items("plugins") { plugins.append(try PluginStatus(wire: item)) }
        self.init(
            version: try wire.text("version"), role: try wire.text("role"), chain: try wire.text("chain"),
            height: try wire.unsigned("height"), head: try wire.text("head"), stateRoot: try wire.text("state_root"),
            headTimeMilliseconds: try wire.unsigned("head_time_ms"),
            firstKeptHeight: try wire.unsigned("first_kept_height"), engine: try wire.text("engine"),
            rulesVersion: try wire.unsigned("rules_version"), validators: try wire.integer("validators"),
            pendingTransactions: try wire.integer("pending_transactions"),
            transactions: try wire.unsigned("transactions"), uptimeMilliseconds: try wire.unsigned("uptime_ms"),
            notes: notes, plugins: plugins, aggregator: wire.value["aggregator"]?.text)
    }
}

extension NodeStatus.PluginStatus: WireCodable {
    public var wire: CBORValue {
        [
            "id": .text(id), "kind": .text(kind), "version": .text(version), "isolation": .text(isolation),
            "healthy": .bool(healthy),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        self.init(
            id: try wire.text("id"), kind: try wire.text("kind"), version: try wire.text("version"),
            isolation: try wire.text("isolation"), healthy: try wire.bool("healthy"))
    }
}

extension NodeHealth: WireCodable {
    public var wire: CBORValue {
        [
            "healthy": .bool(healthy),
            "findings": .array(
                findings.map {
                    [
                        "check": .text($0.check), "healthy": .bool($0.healthy), "detail": .text($0.detail),
                        "mend": .optionalText($0.mend),
                    ]
                }),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var findings: [Finding] = []
        for item in try wire.items("findings") {
            findings.append(
                Finding(
                    check: try item.text("check"), healthy: try item.bool("healthy"),
                    detail: try item.text("detail"), mend: item.value["mend"]?.text))
        }
        self.init(findings: findings)
    }
}

extension MetricSample: WireCodable {
    public var wire: CBORValue {
        [
            "name": .text(metric.name), "kind": .text(metric.kind.rawValue), "unit": .text(metric.unit),
            "help": .text(metric.help), "value": .float(value),
            "labels": .array(labels.map { .array([.text($0.name), .text($0.value)]) }),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        guard let kind = MetricDescription.Kind(rawValue: try wire.text("kind")) else {
            throw wire.wrong("kind", "counter or gauge")
        }
        guard let number = wire.value["value"]?.float else { throw wire.wrong("value", "a number") }
        var labels: [Label] = []
        for item in try wire.items("labels") {
            guard let pair = item.value.array, pair.count == 2, let name = pair[0].text, let value = pair[1].text else {
                throw wire.wrong("labels", "pairs of text")
            }
            labels.append(Label(name, value))
        }
        self.init(
            MetricDescription(
                name: try wire.text("name"), kind: kind, unit: try wire.text("unit"), help: try wire.text("help")),
            labels: labels, value: number)
    }
}

extension ServiceError: WireCodable {
    public var wire: CBORValue {
        var map: CBORMap = CBORMap()
        map["code"] = .text(code.rawValue)
        map["message"] = .text(message)
        map["hint"] = .optionalText(hint)
        map["field"] = .optionalText(field)
        if let resultCode { map["result_code"] = .integer(Int64(resultCode)) }
        if let firstKeptSequence { map["first_kept_sequence"] = .text("\(firstKeptSequence)") }
        return .map(map)
    }

    public init(wire: WireReader) throws(ServiceError) {
        let name = try wire.text("code")
        self.init(
            // A code that this build does not know yet is still an error with a message.
            Code(rawValue: name) ?? .badAnswer, try wire.text("message"), hint: wire.value["hint"]?.text,
            field: wire.value["field"]?.text,
            resultCode: wire.value["result_code"]?.integer.flatMap { Int32(exactly: $0) },
            firstKeptSequence: wire.value["first_kept_sequence"]?.text.flatMap { UInt64($0) })
    }
}
