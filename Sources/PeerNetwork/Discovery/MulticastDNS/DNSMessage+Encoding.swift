extension DNSMessage {
    /// The wire form. Names are compressed where an earlier one ends alike (RFC 1035 section 4.1.4).
    public var bytes: [UInt8] {
        var writer = DNSWriter()
        writer.number(id)
        // Responses of multicast DNS are authoritative (RFC 6762 section 18.4).
        writer.number(UInt16(isResponse ? 0x8400 : 0))
        for count in [questions.count, answers.count, authorities.count, additional.count] {
            writer.number(UInt16(clamping: count))
        }
        for question in questions.prefix(Int(UInt16.max)) {
            writer.name(question.name)
            writer.number(question.type)
            writer.number(question.recordClass & 0x7fff | (question.wantsUnicast ? 0x8000 : 0))
        }
        for section in [answers, authorities, additional] {
            for record in section.prefix(Int(UInt16.max)) { writer.record(record) }
        }
        return writer.bytes
    }
}

/// Writes the parts of a DNS message.
struct DNSWriter {
    private(set) var bytes: [UInt8] = []
    private var places: [DNSName: Int] = [:]

    mutating func number(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    mutating func name(_ name: DNSName) {
        var rest = name
        while !rest.labels.isEmpty {
            if let place = places[rest] {
                number(0xc000 | UInt16(place))
                return
            }
            if bytes.count < 0x4000 { places[rest] = bytes.count }
            bytes.append(UInt8(rest.labels[0].count))
            bytes.append(contentsOf: rest.labels[0])
            rest = rest.parent
        }
        bytes.append(0)
    }

    mutating func record(_ record: DNSMessage.Record) {
        name(record.name)
        number(record.type)
        number(record.recordClass & 0x7fff | (record.flushesCache ? 0x8000 : 0))
        number(UInt16(truncatingIfNeeded: record.seconds >> 16))
        number(UInt16(truncatingIfNeeded: record.seconds))
        let length = bytes.count
        number(0)
        switch record.content {
        case .pointer(let target): name(target)
        case .text(let strings):
            // An empty record has one empty string (RFC 6763 section 6.1).
            for string in strings.isEmpty ? [[]] : strings {
                bytes.append(UInt8(min(string.count, 255)))
                bytes.append(contentsOf: string.prefix(255))
            }
        case .service(let priority, let weight, let port, let host):
            number(priority)
            number(weight)
            number(port)
            name(host)
        case .address(let address): bytes.append(contentsOf: address)
        case .other(_, let content): bytes.append(contentsOf: content)
        }
        let count = UInt16(clamping: bytes.count - length - 2)
        bytes[length] = UInt8(truncatingIfNeeded: count >> 8)
        bytes[length + 1] = UInt8(truncatingIfNeeded: count)
    }
}
