import NIOCore

/// A frame's header of Yamux (the specification of hashicorp and libp2p, "Framing"): twelve bytes in network order.
struct YamuxHeader: Hashable, Sendable {
    enum Kind: UInt8, Sendable {
        case data = 0
        case windowUpdate = 1
        case ping = 2
        case goAway = 3
    }

    struct Flags: OptionSet, Hashable, Sendable {
        let rawValue: UInt16
        static let syn = Flags(rawValue: 1)
        static let ack = Flags(rawValue: 2)
        static let fin = Flags(rawValue: 4)
        static let rst = Flags(rawValue: 8)
        static let all: Flags = [.syn, .ack, .fin, .rst]
    }

    static let byteCount = 12

    let kind: Kind
    let flags: Flags
    let stream: UInt32
    /// Bytes of data, an addition to a window, a ping's value, or a reason for leaving.
    let length: UInt32

    init(_ kind: Kind, _ flags: Flags, stream: UInt32, length: UInt32) {
        self.kind = kind
        self.flags = flags
        self.stream = stream
        self.length = length
    }

    /// Reads twelve bytes; nil when fewer are there.
    init?(reading input: inout ByteBuffer) throws(WireError) {
        guard let word = input.getInteger(at: input.readerIndex, as: UInt32.self),
            let stream = input.getInteger(at: input.readerIndex + 4, as: UInt32.self),
            let length = input.getInteger(at: input.readerIndex + 8, as: UInt32.self)
        else { return nil }
        guard word >> 24 == 0 else { throw WireError(.malformed, "version \(word >> 24)", at: "yamux") }
        guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: word >> 16)) else {
            throw WireError(.malformed, "a frame of type \(word >> 16 & 0xff)", at: "yamux")
        }
        let flags = Flags(rawValue: UInt16(truncatingIfNeeded: word))
        guard flags.isSubset(of: .all) else {
            throw WireError(.malformed, "unknown flags \(flags.rawValue)", at: "yamux")
        }
        input.moveReaderIndex(forwardBy: YamuxHeader.byteCount)
        self.init(kind, flags, stream: stream, length: length)
    }

    func write(into output: inout ByteBuffer) {
        output.writeMultipleIntegers(
            UInt32(kind.rawValue) << 16 | UInt32(flags.rawValue), stream, length, as: (UInt32, UInt32, UInt32).self)
    }
}

/// Why a session ends, as GO_AWAY says it.
enum YamuxGoAway: UInt32, Sendable {
    case normal = 0
    case protocolError = 1
    case internalError = 2
}

/// What a session may take of the machine's memory and time.
public struct YamuxLimits: Sendable {
    /// Streams that the peer may have open at once.
    public var inboundStreams = 256
    /// Streams that this side may have open at once.
    public var outboundStreams = 1024
    /// Bytes that one stream may hold for a reader who is late, at most; 256 KiB at least.
    public var streamWindow = 4 * 1024 * 1024
    /// Bytes that all windows of a connection may allow together, beyond the 256 KiB that each stream starts with.
    public var connectionWindow = 8 * 1024 * 1024
    /// Streams of ours that the peer has not acknowledged yet (the specification says 256 at most).
    public var unacknowledgedStreams = 256

    public init() {}
}
