import Primitives

extension DNSMessage {
    /// Reads a message. Names are bounded in length, and a compression pointer leads to an earlier place than the name
    /// (and pointer) that it ends, so that no loop can be written.
    public init(_ bytes: [UInt8]) throws(FormatError) {
        guard bytes.count <= Limits.bytes else {
            throw FormatError(.tooLong, "\(bytes.count) bytes, of \(Limits.bytes) at most", at: "DNS message")
        }
        var reader = DNSReader(bytes)
        let id = try reader.number16()
        let flags = try reader.number16()
        let counts = [
            try reader.number16(), try reader.number16(), try reader.number16(), try reader.number16(),
        ].map(Int.init)
        // Other operations than queries and other results than success are ignored by the standard (18.3, 18.11).
        guard flags & 0x7800 == 0, flags & 0x000f == 0 else {
            throw FormatError(.unsupported, "operation or result code not zero", at: "DNS header")
        }
        guard counts[0] <= Limits.questions, counts[1] + counts[2] + counts[3] <= Limits.records else {
            throw FormatError(.tooLong, "more questions or records than one message may hold", at: "DNS header")
        }
        self.init(isResponse: flags & 0x8000 != 0)
        self.id = id
        for _ in 0..<counts[0] {
            let name = try reader.name()
            let type = try reader.number16()
            let number = try reader.number16()
            questions.append(
                Question(name, type: type, wantsUnicast: number & 0x8000 != 0, recordClass: number & 0x7fff))
        }
        for _ in 0..<counts[1] { answers.append(try reader.record()) }
        for _ in 0..<counts[2] { authorities.append(try reader.record()) }
        for _ in 0..<counts[3] { additional.append(try reader.record()) }
    }
}

/// Reads the parts of a DNS message, checking each against the end of the packet.
struct DNSReader {
    private let bytes: [UInt8]
    private var offset = 0
    /// Labels of names that records point to are copied at most this often in one packet, since a pointer of two bytes
    /// can stand for a name of 255.
    private var copied = 0
    private static let copyLimit = 64 << 10

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number16() throws(FormatError) -> UInt16 {
        let part = try take(2)
        return part.reduce(0) { $0 << 8 | UInt16($1) }
    }

    mutating func number32() throws(FormatError) -> UInt32 {
        let part = try take(4)
        return part.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private mutating func take(_ count: Int) throws(FormatError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - offset else {
            throw FormatError(.truncated, "\(count) bytes announced, \(bytes.count - offset) there", at: "DNS message")
        }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    mutating func name() throws(FormatError) -> DNSName {
        var labels: [[UInt8]] = []
        var length = 1
        var place = offset
        /// Where the name on the wire ends, once a pointer was followed.
        var end: Int?
        /// Pointers lead before this.
        var bound = offset
        while true {
            guard place < bytes.count else { throw FormatError(.truncated, "ends in a name", at: "DNS name") }
            let head = Int(bytes[place])
            switch head & 0xc0 {
            case 0x00:
                guard place + 1 + head <= bytes.count else {
                    throw FormatError(.truncated, "ends in a label", at: "DNS name")
                }
                if head == 0 {
                    offset = end ?? place + 1
                    return try DNSName(labels: labels)
                }
                length += 1 + head
                copied += 1 + head
                guard length <= DNSName.byteLimit, copied <= DNSReader.copyLimit else {
                    throw FormatError(.tooLong, "more than \(DNSName.byteLimit) bytes", at: "DNS name")
                }
                labels.append(Array(bytes[place + 1..<place + 1 + head]))
                place += 1 + head
            case 0xc0:
                guard place + 1 < bytes.count else {
                    throw FormatError(.truncated, "ends in a pointer", at: "DNS name")
                }
                let target = (head & 0x3f) << 8 | Int(bytes[place + 1])
                guard target < bound else {
                    throw FormatError(.outOfRange, "a pointer that does not lead back", at: "DNS name")
                }
                end = end ?? place + 2
                bound = target
                place = target
            default: throw FormatError(.unsupported, "a label of unknown kind", at: "DNS name")
            }
        }
    }

    mutating func record() throws(FormatError) -> DNSMessage.Record {
        let name = try name()
        let type = try number16()
        let number = try number16()
        let seconds = try number32()
        let length = Int(try number16())
        guard length <= bytes.count - offset else {
            throw FormatError(.truncated, "\(length) bytes announced", at: "DNS record")
        }
        let end = offset + length
        let content = try content(type, end: end)
        guard offset == end else { throw FormatError(.wrongLength, "content and length differ", at: "DNS record") }
        return DNSMessage.Record(
            name, content, seconds: seconds, flushesCache: number & 0x8000 != 0, recordClass: number & 0x7fff)
    }

    private mutating func content(_ type: UInt16, end: Int) throws(FormatError) -> DNSMessage.Record.Content {
        switch type {
        case DNSMessage.RecordType.pointer: return .pointer(try name())
        case DNSMessage.RecordType.text:
            var strings: [[UInt8]] = []
            while offset < end {
                let count = Int(bytes[offset])
                guard offset + 1 + count <= end else {
                    throw FormatError(.truncated, "ends in a text", at: "DNS record")
                }
                strings.append(Array(bytes[offset + 1..<offset + 1 + count]))
                offset += 1 + count
            }
            return .text(strings)
        case DNSMessage.RecordType.service:
            let (priority, weight, port) = (try number16(), try number16(), try number16())
            return .service(priority: priority, weight: weight, port: port, host: try name())
        case DNSMessage.RecordType.address4 where end - offset == 4,
            DNSMessage.RecordType.address6 where end - offset == 16:
            return .address(Array(try take(end - offset)))
        case DNSMessage.RecordType.address4, DNSMessage.RecordType.address6:
            throw FormatError(.wrongLength, "an address of \(end - offset) bytes", at: "DNS record")
        default: return .other(type: type, Array(try take(end - offset)))
        }
    }
}
