import Ledger
import LedgerSupport
import Market
import Primitives
import Testing
import Tokens

/// Nobody blinds the market with offers or tasks that come to nothing.
@Suite("The market in bounds") struct MarketBoundsTests {
    @Test("a provider has so many offers, and room again when one is taken back") func ofOneProvider() throws {
        var world = try MarketWorld(providers: 1)
        for _ in 1..<MarketModule.maximumOffersOfProvider { try world.offer(11) }
        #expect(try world.send("offer", MarketWorld.terms(), from: 11) == MarketCode.tooManyOffers.code)
        let last = try #require(world.offers[11])
        #expect(try world.send("withdraw_offer", WithdrawOfferBody(offer: last), from: 11) == .ok)
        #expect(try world.send("offer", MarketWorld.terms(), from: 11) == .ok)
    }

    @Test("expired offers are deleted, and what counts them with them") func expired() throws {
        var world = try MarketWorld(providers: 3)
        let now = world.ledger.timeMilliseconds
        for _ in 0..<10 { try world.offer(11) { $0.expiryMilliseconds = now + 60_000 } }
        #expect(Self.paths(world, "o").count == 13 && Self.paths(world, "x").count == 13)
        for _ in 0..<2 { try world.ledger.block([], afterMilliseconds: 61_000) }
        #expect(Self.paths(world, "o").count == 3 && Self.paths(world, "x").count == 3)
        #expect(try Self.count(world, "c") == 3 && Self.count(world, "n/", LedgerHarness.account(11).bytes) == 1)
        #expect(try world.send("offer", MarketWorld.terms(), from: 11) == .ok)
        var long = MarketWorld.terms()
        long.expiryMilliseconds = world.ledger.timeMilliseconds + MarketModule.longestOfferMilliseconds + 60_000
        #expect(try world.send("offer", long, from: 11) == MarketCode.invalidField.code)
    }

    @Test("tasks that nobody can serve do not keep the others waiting") func junkTasks() throws {
        var world = try MarketWorld()
        var junk = MarketWorld.task()
        (junk.hardware.cores, junk.highestPricePerUnit, junk.auditorFee) = (1_000_000, .zero, .zero)
        // More than a block looks at. Lanes let one account send many in a block.
        for start in stride(from: 0, to: 1_200, by: 150) {
            var calls: [VerifiedTransaction] = []
            for index in start..<start + 150 {
                calls.append(
                    try world.ledger.call(
                        "market", ActionCall("submit", SubmitTaskBody(terms: junk)), from: 99, lane: UInt8(index % 15),
                        skipping: UInt64(index % 150 / 15)))
            }
            let receipts = try world.ledger.block(calls)
            #expect(receipts.prefix(150).allSatisfy { $0.code == .ok })
        }
        for _ in 0..<45 { try world.ledger.block() }
        try world.submit(MarketWorld.task())
        for _ in 0..<4 where try world.record().status == .matching { try world.ledger.block() }
        #expect(try world.record().status == .executing)
    }

    @Test("places and plugins are named in ASCII", arguments: ["Zürich", "D E", "DE\u{0}", "12345678901234567"])
    func places(place: String) throws {
        var world = try MarketWorld(providers: 1)
        var terms = MarketWorld.terms()
        terms.place = place
        #expect(try world.send("offer", terms, from: 11) == .malformed)
        var task = MarketWorld.task()
        task.place = place
        #expect(try world.send("submit", SubmitTaskBody(terms: task), from: 1) == .malformed)
    }

    @Test("what auditors have decided stands, also when they are even on another replica") func evenAuditors() throws {
        var world = try MarketWorld(providers: 9)
        var terms = MarketWorld.task(replicas: 3)
        terms.auditors = 2
        try world.submit(terms)
        // Two equal results that the auditors find wrong, and a third that they are even on.
        try world.compute([7, 7, 8])
        let auditors = try world.auditors()
        try #require(auditors.count == 2)
        let verdicts: [[ReplicaOutcome]] = [[.rejected, .rejected, .accepted], [.rejected, .rejected, .rejected]]
        for (key, outcomes) in zip(auditors, verdicts) {
            #expect(try world.send("verdict", TaskVerdictBody(task: world.task, outcomes: outcomes), from: key) == .ok)
        }
        let outcomes = try world.record().replicas.map(\.outcome)
        #expect(outcomes.prefix(2).allSatisfy { $0 == .rejected })
        #expect(outcomes[2] == .undecided)
    }

    private static func paths(_ world: MarketWorld, _ folder: String) -> [[UInt8]] {
        world.ledger.state.store.scan(prefix: Array("m/market/\(folder)/".utf8), from: [], limit: 100).map(\.path)
    }

    private static func count(_ world: MarketWorld, _ folder: String, _ rest: [UInt8] = []) throws -> UInt64 {
        let path = Array("m/market/\(folder)\(folder.hasSuffix("/") ? "" : "/")".utf8) + rest
        return try UInt64.decode(try #require(world.ledger.state.store.get(path)))
    }
}
