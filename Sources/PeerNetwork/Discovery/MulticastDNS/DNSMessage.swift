/// A DNS message (RFC 1035 section 4.1), as far as multicast DNS (RFC 6762) and service discovery (RFC 6763) use it.
public struct DNSMessage: Hashable, Sendable {
    public struct Question: Hashable, Sendable {
        public var name: DNSName
        public var type: UInt16
        /// Without the upper bit.
        public var recordClass: UInt16
        /// The upper bit of the class: an answer to the asker alone is welcome (RFC 6762 section 5.4).
        public var wantsUnicast: Bool

        public init(_ name: DNSName, type: UInt16, wantsUnicast: Bool = false, recordClass: UInt16 = 1) {
            self.name = name
            self.type = type
            self.wantsUnicast = wantsUnicast
            self.recordClass = recordClass
        }
    }

    public struct Record: Hashable, Sendable {
        public enum Content: Hashable, Sendable {
            case pointer(DNSName)
            /// Strings of up to 255 bytes.
            case text([[UInt8]])
            case service(priority: UInt16, weight: UInt16, port: UInt16, host: DNSName)
            /// Four bytes (A) or sixteen (AAAA).
            case address([UInt8])
            case other(type: UInt16, [UInt8])
        }

        public var name: DNSName
        public var content: Content
        public var recordClass: UInt16
        /// The upper bit of the class: the only such record there is (RFC 6762 section 10.2).
        public var flushesCache: Bool
        /// How long the record holds, in seconds; zero takes it back.
        public var seconds: UInt32

        public init(
            _ name: DNSName, _ content: Content, seconds: UInt32, flushesCache: Bool = false, recordClass: UInt16 = 1
        ) {
            self.name = name
            self.content = content
            self.seconds = seconds
            self.flushesCache = flushesCache
            self.recordClass = recordClass
        }

        public var type: UInt16 {
            switch content {
            case .pointer: RecordType.pointer
            case .text: RecordType.text
            case .service: RecordType.service
            case .address(let bytes): bytes.count == 4 ? RecordType.address4 : RecordType.address6
            case .other(let type, _): type
            }
        }
    }

    public enum RecordType {
        public static let address4: UInt16 = 1
        public static let pointer: UInt16 = 12
        public static let text: UInt16 = 16
        public static let address6: UInt16 = 28
        public static let service: UInt16 = 33
        public static let any: UInt16 = 255
    }

    /// What one message may hold.
    public enum Limits {
        /// RFC 6762 section 17: packets have up to 9,000 bytes with all headers.
        public static let bytes = 9_000
        public static let questions = 32
        /// Records in all sections.
        public static let records = 256
        /// What we send at most: one Ethernet frame without headers.
        public static let sentBytes = 1_440
    }

    public var id: UInt16 = 0
    public var isResponse: Bool
    public var questions: [Question]
    public var answers: [Record]
    public var authorities: [Record] = []
    public var additional: [Record]

    public init(
        isResponse: Bool, questions: [Question] = [], answers: [Record] = [], additional: [Record] = []
    ) {
        self.isResponse = isResponse
        self.questions = questions
        self.answers = answers
        self.additional = additional
    }
}
