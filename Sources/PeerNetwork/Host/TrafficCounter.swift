import Synchronization

/// Bytes that came and went, counted without locks. Safe from any thread.
final class TrafficCounter: Sendable {
    private let received = Atomic<UInt64>(0)
    private let sent = Atomic<UInt64>(0)

    func receive(_ count: Int) { received.wrappingAdd(UInt64(count), ordering: .relaxed) }
    func send(_ count: Int) { sent.wrappingAdd(UInt64(count), ordering: .relaxed) }

    var total: Traffic {
        Traffic(received: received.load(ordering: .relaxed), sent: sent.load(ordering: .relaxed))
    }
}

/// Bytes that a connection makes this node hold, counted without locks. Safe from any thread.
final class HeldBytes: Sendable {
    private let count = Atomic<Int>(0)

    func add(_ bytes: Int) { count.wrappingAdd(bytes, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
}

/// Bytes in and out. Of a peer: what its connections carried on the wire. Of a protocol: what its streams carried.
public struct Traffic: Hashable, Sendable {
    public var received: UInt64
    public var sent: UInt64

    public init(received: UInt64 = 0, sent: UInt64 = 0) {
        self.received = received
        self.sent = sent
    }

    static func + (left: Traffic, right: Traffic) -> Traffic {
        Traffic(received: left.received &+ right.received, sent: left.sent &+ right.sent)
    }
}
