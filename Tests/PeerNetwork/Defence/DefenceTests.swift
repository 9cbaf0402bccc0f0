import PeerNetwork
import Primitives
import Testing

@Suite("Rate limits")
struct RateLimiterTests {
    @Test("let a burst pass, then so many a second, and a clock that goes back adds nothing")
    func bucket() {
        let rate = TokenBucket.Rate(burst: 3, perSecond: 2)
        var bucket = TokenBucket(rate, now: .seconds(10))
        let draws: [(Double, Int, Bool)] = [
            (1, 10, true), (1, 10, true), (1, 10, true), (1, 10, false), (1, 5, false), (2, 6, true), (1, 6, false),
            // Nothing is taken by a negative number.
            (-1, 7, false),
        ]
        for (units, second, passes) in draws {
            let passed = bucket.take(units, rate, now: .seconds(second))
            #expect(passed == passes, "\(units) at \(second) s")
        }
    }

    @Test("are kept apart by peer and protocol, in bounded memory")
    func keyed() {
        var limiter = RateLimiter(
            standard: .init(burst: 1, perSecond: 0.1), rates: ["/a": .init(burst: 2, perSecond: 0.1)], peerLimit: 4)
        let (one, other) = (Fixture.peer(1), Fixture.peer(2))
        let messages: [(PeerID, String, Bool)] = [
            (one, "/a", true), (one, "/a", true), (one, "/a", false), (other, "/a", true), (one, "/b", true),
            // Protocols without a rate of their own share one.
            (one, "/c", false),
        ]
        for (peer, name, passes) in messages {
            let passed = limiter.allows(peer, protocol: name, now: .zero)
            #expect(passed == passes, "\(peer.short) \(name)")
        }
        var keys = KeyedRateLimiter<Int>(.init(burst: 1, perSecond: 1), keyLimit: 10)
        let passed = (0..<1_000).count { keys.take($0, now: .zero) }
        #expect(passed == 11, "ten keys and one bucket for all others")
        #expect(keys.keyCount == 10)
        let later = keys.take(5_000, now: .seconds(5))
        #expect(later, "buckets that are full again are forgotten")
        #expect(keys.keyCount == 1)
    }
}

@Suite("Memory budget")
struct MemoryBudgetTests {
    @Test("refuses above the limits of a peer, a range and the whole, and takes back what was taken")
    func limits() throws {
        var limits = MemoryBudget.Limits()
        (limits.total, limits.perPeer, limits.perRange) = (1_000, 300, 500)
        var budget = MemoryBudget(limits: limits)
        let host = Fixture.host(20, 1, 1, 1)
        try budget.reserve(300, for: Fixture.peer(1), host: host)
        #expect(throws: MemoryBudget.Refusal.peer(wanted: 1, free: 0)) {
            try budget.reserve(1, for: Fixture.peer(1), host: host)
        }
        #expect(throws: MemoryBudget.Refusal.self) { try budget.reserve(201, for: Fixture.peer(2), host: host) }
        try budget.reserve(200, for: Fixture.peer(2), host: host)
        try budget.reserve(300, for: Fixture.peer(3), host: Fixture.host(30, 1, 1, 1))
        #expect(throws: MemoryBudget.Refusal.total(wanted: 201, free: 200)) {
            try budget.reserve(201, for: Fixture.peer(4), host: nil)
        }
        #expect(throws: MemoryBudget.Refusal.negative) { try budget.reserve(-1, for: Fixture.peer(4), host: nil) }
        #expect(throws: MemoryBudget.Refusal.self) { try budget.reserve(.max, for: Fixture.peer(4), host: nil) }
        budget.release(.max, for: Fixture.peer(1), host: host)
        budget.release(300, for: Fixture.peer(1), host: host)
        #expect(budget.used == 500)
        try budget.reserve(300, for: Fixture.peer(1), host: host)
    }
}

@Suite("Connection limits")
struct ConnectionLimitsTests {
    private func configuration() -> ConnectionLimits.Configuration {
        var configuration = ConnectionLimits.Configuration()
        configuration.rangeRate = .init(burst: 100, perSecond: 100)
        configuration.totalRate = .init(burst: 1_000, perSecond: 100)
        return configuration
    }

    @Test("hold for /24 and /16, /64 and /48, and every release gives a place back")
    func ranges() throws {
        var limits = ConnectionLimits(configuration: configuration())
        var tickets: [ConnectionLimits.Ticket] = []
        for number in 0..<4 {
            tickets.append(try limits.admit(host: Fixture.host(20, 1, 1, number), direction: .inbound, now: .zero))
        }
        let narrow = Fixture.host(20, 1, 1, 0).range(ip4Bits: 24, ip6Bits: 64)
        #expect(throws: ConnectionLimits.Refusal.range(narrow, 4)) {
            try limits.admit(host: Fixture.host(20, 1, 1, 9), direction: .inbound, now: .zero)
        }
        for number in 0..<12 {
            tickets.append(
                try limits.admit(host: Fixture.host(20, 1, 2 + number / 4, number), direction: .inbound, now: .zero))
        }
        let wide = Fixture.host(20, 1, 0, 0).range(ip4Bits: 16, ip6Bits: 48)
        #expect(throws: ConnectionLimits.Refusal.range(wide, 16)) {
            try limits.admit(host: Fixture.host(20, 1, 99, 9), direction: .inbound, now: .zero)
        }
        for ticket in tickets + tickets { limits.release(ticket) }
        #expect(limits.count == 0)
        _ = try limits.admit(host: Fixture.host(20, 1, 1, 1), direction: .inbound, now: .zero)
        let sixes = (0..<20).count { number in
            let host = HostAddress.ip6(0x2001_0db8_0001_0000 | UInt64(number), UInt64(number))
            return (try? limits.admit(host: host, direction: .inbound, now: .zero)) != nil
        }
        #expect(sixes == 16, "one /48 in many /64")
        for number in 0..<40 {
            _ = try limits.admit(host: Fixture.host(127, 0, 0, 1), direction: .inbound, now: .milliseconds(number))
        }
    }

    @Test("hold for one peer, for all, and for the rate of a range; exempt peers have a reserve")
    func others() throws {
        var configuration = configuration()
        (configuration.total, configuration.inbound, configuration.exemptReserve) = (12, 8, 2)
        configuration.rangeRate = .init(burst: 3, perSecond: 0.1)
        var limits = ConnectionLimits(configuration: configuration)
        limits.exemptPeers = [Fixture.peer(99)]
        let host = Fixture.host(20, 1, 1, 1)
        let first = try limits.admit(host: host, direction: .inbound, now: .zero)
        try limits.identified(first, as: Fixture.peer(1))
        try limits.identified(try limits.admit(host: host, direction: .inbound, now: .zero), as: Fixture.peer(1))
        let third = try limits.admit(host: host, direction: .inbound, now: .zero)
        #expect(throws: ConnectionLimits.Refusal.peer(2)) { try limits.identified(third, as: Fixture.peer(1)) }
        limits.release(third)
        let range = host.range(ip4Bits: 24, ip6Bits: 64)
        #expect(throws: ConnectionLimits.Refusal.rate(range)) {
            try limits.admit(host: host, direction: .inbound, now: .seconds(1))
        }
        for number in 0..<6 {
            _ = try limits.admit(host: Fixture.host(30 + number, 1, 1, 1), direction: .inbound, now: .zero)
        }
        #expect(throws: ConnectionLimits.Refusal.inbound(8)) {
            try limits.admit(host: Fixture.host(50, 1, 1, 1), direction: .inbound, now: .zero)
        }
        for number in 0..<4 {
            _ = try limits.admit(host: nil, direction: .outbound, peer: Fixture.peer(50 + number), now: .zero)
        }
        #expect(throws: ConnectionLimits.Refusal.total(12)) {
            try limits.admit(host: nil, direction: .outbound, peer: Fixture.peer(60), now: .zero)
        }
        _ = try limits.admit(host: nil, direction: .outbound, peer: Fixture.peer(99), now: .zero)
    }
}
