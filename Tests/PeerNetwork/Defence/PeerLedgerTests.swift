import PeerNetwork
import Primitives
import Testing

@Suite("Peer ledger")
struct PeerLedgerTests {
    private let start: Duration = .seconds(1_800_000_000)

    private func kinds(_ effects: [PeerLedger.Effect]) -> [String] {
        effects.map { effect in
            switch effect {
            case .log: "log"
            case .cut: "cut"
            case .ban: "ban"
            case .closeRange: "close"
            }
        }
    }

    @Test("cuts, then bans, logs each offence once in a while, and forgets with time")
    func conduct() {
        var ledger = PeerLedger()
        let peer = Fixture.peer(1)
        func offend(_ offence: Misconduct, at time: Duration, _ expected: [String]) {
            let effects = kinds(ledger.record(offence, by: peer, host: nil, detail: "for a test", now: time))
            #expect(effects == expected, "\(offence)")
        }
        offend(.protocolViolation, at: start, ["log"])
        offend(.protocolViolation, at: start, ["cut"])
        offend(.timeout, at: start, ["log", "cut"])
        #expect(abs(ledger.points(of: peer, now: start + .seconds(600)) - 27.5) < 0.01)
        offend(.invalidBlock, at: start + .seconds(1), ["log", "ban"])
        #expect(ledger.bannedUntil(peer, now: start + .seconds(2)) == start + .seconds(3_601))
        #expect(ledger.bannedUntil(peer, now: start + .seconds(3_601)) == nil)
        let snapshot = ledger.snapshot(now: start + .seconds(2))
        #expect(snapshot.first?.counts == [.protocolViolation: 2, .timeout: 1, .invalidBlock: 1])
        #expect(snapshot.first?.last == .invalidBlock)
    }

    @Test("bans twice as long each time, up to a bound, and begins anew after a long time of good conduct")
    func doubling() {
        var ledger = PeerLedger()
        let peer = Fixture.peer(1)
        var now = start
        var lengths: [Duration] = []
        for _ in 0..<12 {
            _ = ledger.record(.invalidBlock, by: peer, host: nil, detail: "", now: now)
            let until = ledger.bannedUntil(peer, now: now) ?? now
            lengths.append(until - now)
            now = until + .seconds(1)
        }
        #expect(lengths.prefix(4) == [.seconds(3_600), .seconds(7_200), .seconds(14_400), .seconds(28_800)])
        #expect(lengths.last == .seconds(7 * 24 * 3_600))
        now += .seconds(31 * 24 * 3_600)
        _ = ledger.record(.invalidBlock, by: peer, host: nil, detail: "", now: now)
        #expect(ledger.bannedUntil(peer, now: now) == now + .seconds(3_600))
    }

    @Test("closes a range of which several peers are banned, never bans exempt peers, and stays within its bounds")
    func rangesAndBounds() {
        var configuration = PeerLedger.Configuration()
        configuration.peerLimit = 50
        var ledger = PeerLedger(configuration: configuration)
        ledger.exempt = [Fixture.peer(0)]
        let first = ledger.record(.invalidBlock, by: Fixture.peer(0), host: nil, detail: "", now: start)
        #expect(kinds(first) == ["log"])
        var closed = 0
        for number in 1...4 {
            let host = Fixture.host(20, 1, 1, number)
            let effects = ledger.record(.invalidBlock, by: Fixture.peer(number), host: host, detail: "", now: start)
            closed += kinds(effects).count { $0 == "close" }
        }
        #expect(closed == 1)
        #expect(ledger.closedUntil(Fixture.host(20, 1, 1, 77), now: start) == start + .seconds(3_600))
        #expect(ledger.closedUntil(Fixture.host(20, 1, 2, 77), now: start) == nil)
        for number in 100..<1_000 {
            _ = ledger.record(.useless, by: Fixture.peer(number), host: nil, detail: "", now: start)
        }
        #expect(ledger.peerCount == 50)
        #expect(
            ledger.bannedUntil(Fixture.peer(4), now: start) != nil, "a flood of small offences frees no banned peer")
        ledger.pardon(Fixture.peer(4))
        #expect(ledger.bannedUntil(Fixture.peer(4), now: start) == nil)
    }

    @Test("reads what it wrote, and refuses damaged bytes with a typed error")
    func persistence() throws {
        var ledger = PeerLedger()
        for number in 0..<30 {
            let offence = Misconduct.allCases[number % Misconduct.allCases.count]
            _ = ledger.record(offence, by: Fixture.peer(number), host: nil, detail: "", now: start)
        }
        let bytes = ledger.encoded()
        let read = try PeerLedger(decoding: bytes)
        #expect(read.encoded() == bytes)
        #expect(read.snapshot(now: start).map(\.peer) == ledger.snapshot(now: start).map(\.peer))
        #expect(throws: PersistedStateError.version(2, supported: 1)) { try PeerLedger(decoding: [0x82, 2, 0x80]) }
        #expect(throws: PersistedStateError.self) { try PeerLedger(decoding: Array(bytes.dropLast())) }
        var random = PeerRandom(seed: 5)
        var refused = 0
        for _ in 0..<2_000 {
            do {
                let other = try PeerLedger(decoding: Fixture.mutated(bytes, random: &random))
                #expect(other.peerCount <= 31)
            } catch { refused += 1 }
        }
        #expect(refused > 1_000)
    }
}
