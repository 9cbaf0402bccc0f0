import Primitives

/// A domain name as its labels (RFC 1035 section 3.1). Compared without regard to the case of ASCII letters, as the
/// standard asks (section 2.3.3).
public struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// Each of 1 to 63 bytes.
    public let labels: [[UInt8]]

    public static let labelLimit = 63
    /// The longest name on the wire, with the lengths of its labels.
    public static let byteLimit = 255

    private init(checked labels: [[UInt8]]) { self.labels = labels }

    public init(labels: [[UInt8]]) throws(FormatError) {
        guard labels.allSatisfy({ (1...DNSName.labelLimit).contains($0.count) }) else {
            throw FormatError(.wrongLength, "labels have 1 to \(DNSName.labelLimit) bytes", at: "DNS name")
        }
        guard labels.reduce(1, { $0 + 1 + $1.count }) <= DNSName.byteLimit else {
            throw FormatError(.tooLong, "more than \(DNSName.byteLimit) bytes", at: "DNS name")
        }
        self.labels = labels
    }

    /// `_p2p._udp.local`; dots within labels are not written here.
    public init(_ text: some StringProtocol) throws(FormatError) {
        try self.init(labels: text.split(separator: ".").map { Array($0.utf8) })
    }

    /// The name below `parent`, with one label in front.
    public func child(_ label: String) throws(FormatError) -> DNSName {
        try DNSName(labels: [Array(label.utf8)] + labels)
    }

    /// The name without its first label.
    public var parent: DNSName { DNSName(checked: Array(labels.dropFirst())) }

    public var description: String {
        labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }

    private var folded: [[UInt8]] {
        labels.map { label in label.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 } }
    }

    public static func == (left: DNSName, right: DNSName) -> Bool { left.folded == right.folded }
    public func hash(into hasher: inout Hasher) { hasher.combine(folded) }
}
