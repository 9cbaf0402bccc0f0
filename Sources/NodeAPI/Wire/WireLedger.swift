import Node
import Primitives

extension TransactionReceipt: WireCodable {
    public var wire: CBORValue {
        [
            "id": .text(id.hex), "slot": .unsigned(slot), "height": .unsigned(height),
            "result_code": .integer(Int64(resultCode)), "detail": .text(detail), "fee": .text("\(fee)"),
            "encoded": .bytes(encoded),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        guard let resultCode = Int32(exactly: try wire.integer("result_code")) else {
            throw wire.wrong("result_code", "an integer of 32 bits")
        }
        self.init(
            id: try wire.digest("id"), slot: try wire.unsigned("slot"), height: try wire.unsigned("height"),
            resultCode: resultCode, detail: try wire.text("detail"), fee: try wire.amount("fee"),
            encoded: try wire.bytes("encoded"))
    }
}

extension SubmissionOutcome: WireCodable {
    public var wire: CBORValue {
        switch self {
        case .decided(let receipt): ["id": .text(receipt.id.hex), "receipt": receipt.wire]
        case .pending(let id): ["id": .text(id.hex), "receipt": .null]
        }
    }

    public init(wire: WireReader) throws(ServiceError) {
        if let receipt = wire.optional("receipt") {
            self = .decided(try TransactionReceipt(wire: receipt))
        } else {
            self = .pending(id: try wire.digest("id"))
        }
    }
}

extension CertifiedHeader: WireCodable {
    public var wire: CBORValue {
        var map = CBORMap([
            ("height", .unsigned(height)), ("header", .bytes(header)), ("certificate", .bytes(certificate)),
        ])
        if let newValidators { map["new_validators"] = .bytes(newValidators) }
        return .map(map)
    }

    public init(wire: WireReader) throws(ServiceError) {
        self.init(
            height: try wire.unsigned("height"), header: try wire.bytes("header"),
            certificate: try wire.bytes("certificate"),
            newValidators: wire.optional("new_validators") == nil ? nil : try wire.bytes("new_validators"))
    }
}

extension ProvenTransaction: WireCodable {
    public var wire: CBORValue {
        [
            "slot": .unsigned(slot), "envelope": .bytes(envelope), "receipt": receipt.wire, "proof": .bytes(proof),
            "anchor": anchor.wire,
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        self.init(
            slot: try wire.unsigned("slot"), envelope: try wire.bytes("envelope"),
            receipt: try TransactionReceipt(wire: wire.reader("receipt")), proof: try wire.bytes("proof"),
            anchor: try CertifiedHeader(wire: wire.reader("anchor")))
    }
}

extension ProvenValue: WireCodable {
    public var wire: CBORValue {
        [
            "path": .bytes(path), "value": .optionalBytes(value), "proof": .bytes(proof), "anchor": anchor.wire,
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        self.init(
            path: try wire.bytes("path"), value: wire.optional("value") == nil ? nil : try wire.bytes("value"),
            proof: try wire.bytes("proof"), anchor: try CertifiedHeader(wire: wire.reader("anchor")))
    }
}

extension ProvenValues: WireCodable {
    public var wire: CBORValue {
        [
            "anchor": anchor.wire,
            "entries": .array(
                entries.map {
                    ["path": .bytes($0.path), "value": .optionalBytes($0.value), "proof": .bytes($0.proof)]
                }),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var entries: [Entry] = []
        for item in try wire.items("entries") {
            entries.append(
                Entry(
                    path: try item.bytes("path"),
                    value: item.optional("value") == nil ? nil : try item.bytes("value"),
                    proof: try item.bytes("proof")))
        }
        self.init(entries: entries, anchor: try CertifiedHeader(wire: wire.reader("anchor")))
    }
}

extension ProvenListing: WireCodable {
    public var wire: CBORValue {
        [
            "prefix": .bytes(prefix), "has_more": .bool(hasMore), "proof": .bytes(proof), "anchor": anchor.wire,
            "entries": .array(entries.map { ["path": .bytes($0.path), "value": .bytes($0.value)] }),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var entries: [Entry] = []
        for item in try wire.items("entries") {
            entries.append(Entry(path: try item.bytes("path"), value: try item.bytes("value")))
        }
        self.init(
            prefix: try wire.bytes("prefix"), entries: entries, hasMore: try wire.bool("has_more"),
            proof: try wire.bytes("proof"), anchor: try CertifiedHeader(wire: wire.reader("anchor")))
    }
}

extension AccountView: WireCodable {
    public var wire: CBORValue {
        [
            "id": .text(id.text), "exists": .bool(exists), "balance": .text("\(balance)"),
            "next_sequences": .array(
                nextSequences.sorted { $0.key < $1.key }.map {
                    ["lane": .unsigned(UInt64($0.key)), "sequence": .unsigned($0.value)]
                }),
            "authorisation": .optionalBytes(authorisation), "height": .unsigned(height),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var sequences: [UInt8: UInt64] = [:]
        for item in try wire.items("next_sequences") {
            guard let lane = UInt8(exactly: try item.unsigned("lane")) else { throw item.wrong("lane", "0 to 15") }
            sequences[lane] = try item.unsigned("sequence")
        }
        self.init(
            id: try wire.account("id"), exists: try wire.bool("exists"), balance: try wire.amount("balance"),
            nextSequences: sequences,
            authorisation: wire.optional("authorisation") == nil ? nil : try wire.bytes("authorisation"),
            height: try wire.unsigned("height"))
    }
}

extension ObjectReceipt: WireCodable {
    public var wire: CBORValue {
        ["id": .text(id.text), "byte_count": .unsigned(byteCount), "created": .bool(created)]
    }

    public init(wire: WireReader) throws(ServiceError) {
        guard let id = try? CID(text: try wire.text("id")) else { throw wire.wrong("id", "a CID") }
        self.init(id: id, byteCount: try wire.unsigned("byte_count"), created: try wire.bool("created"))
    }
}

extension EventRecord: WireCodable {
    public var wire: CBORValue {
        [
            "cursor": .text("\(cursor)"), "height": .unsigned(height), "module": .text(module), "kind": .text(kind),
            "path": .optionalBytes(path), "accounts": .array(accounts.map { .text($0.text) }),
            "payload": .bytes(payload),
        ]
    }

    public init(wire: WireReader) throws(ServiceError) {
        var accounts: [AccountID] = []
        for item in try wire.items("accounts") {
            guard let text = item.value.text, let account = try? AccountID(text: text) else {
                throw wire.wrong("accounts", "accounts")
            }
            accounts.append(account)
        }
        self.init(
            cursor: try wire.cursor("cursor"), height: try wire.unsigned("height"),
            module: try wire.text("module"), kind: try wire.text("kind"),
            path: wire.optional("path") == nil ? nil : try wire.bytes("path"), accounts: accounts,
            payload: try wire.bytes("payload"))
    }
}

extension EventPage: WireCodable {
    public var wire: CBORValue { ["next": .text("\(next)"), "events": .array(events.map(\.wire))] }

    public init(wire: WireReader) throws(ServiceError) {
        var events: [EventRecord] = []
        for item in try wire.items("events") { events.append(try EventRecord(wire: item)) }
        self.init(events: events, next: try wire.cursor("next"))
    }
}
