import Federation
import Primitives
import Synchronization
import Testing

@testable import vinculum

/// What a person sees while a demo runs, from the events of its job.
@Suite struct DemoProgressTests {
    private static let job = Digest.blake2b256([1])
    private static let accounts = (1...5).map { AccountID(SecretKey.fixed(UInt8($0)).publicKey) }
    private static let first = CID.of(raw: [0])

    private func news(
        _ kind: FederationEvent, _ items: [CBORValue] = [], accounts: [AccountID] = accounts
    ) throws -> FederationNews {
        let payload = CBORValue.array([.bytes(Self.job.bytes)] + items).encoded()
        return try #require(
            try FederationNews(module: "federation", kind: kind.rawValue, accounts: accounts, payload: payload))
    }

    private func progress() -> DemoProgress { DemoProgress(rounds: 3, model: Self.first) }

    private func open(_ progress: inout DemoProgress, _ round: UInt64) throws {
        _ = progress.take(try news(.roundOpened, [.unsigned(round), .link(Self.first), .unsigned(9)]))
    }

    @Test func theBarOfARoundSaysWhatItWaitsFor() throws {
        var progress = progress()
        #expect(progress.bar() == "waiting for the sites' answers")
        try open(&progress, 1)
        #expect(progress.bar(width: 10) == "round 1/3 [----------] 0 of 4 committed")
        for _ in 0..<4 { _ = progress.take(try news(.memberCommitted, [.unsigned(1)])) }
        #expect(progress.bar(width: 10) == "round 1/3 [####------] 4 of 4 committed")
        for _ in 0..<4 { _ = progress.take(try news(.memberRevealed, [.unsigned(1)])) }
        #expect(progress.bar(width: 10) == "round 1/3 [#######---] 4 of 4 updates in")
        for _ in 0..<3 { _ = progress.take(try news(.verdictGiven, [.unsigned(1)])) }
        #expect(progress.bar(width: 10) == "round 1/3 [#########-] 4 of 4 updates in")
        _ = progress.take(try news(.modelProposed, [.unsigned(1)]))
        #expect(progress.bar(width: 10) == "round 1/3 [##########] agreeing on the model")
        // The next round begins anew.
        try open(&progress, 2)
        #expect(progress.bar(width: 10) == "round 2/3 [----------] 0 of 4 committed")
    }

    /// The bar is drawn at any width, and never grows beyond it, whatever the events say.
    @Test func theBarHasItsWidth() throws {
        var progress = progress()
        try open(&progress, 1)
        for count in 0..<40 {
            for width in [0, 1, 7, 30, 80] {
                let bar = progress.bar(width: width)
                let cells = bar.split(separator: "[", maxSplits: 1)[1].prefix { $0 != "]" }
                #expect(cells.count == width && cells.allSatisfy { $0 == "#" || $0 == "-" }, "\(count): \(bar)")
            }
            _ = progress.take(try news([.memberCommitted, .memberRevealed, .verdictGiven][count % 3]))
        }
    }

    @Test func aRoundWithoutAModelKeepsTheOneBefore() throws {
        var progress = progress()
        let model = CID.of(raw: [7])
        try open(&progress, 1)
        _ = progress.take(try news(.modelPublished, [.unsigned(1), .link(model)]))
        _ = progress.take(try news(.roundSettled, [.unsigned(1), .link(model), .bool(true)]))
        try open(&progress, 2)
        _ = progress.take(try news(.modelProposed, [.unsigned(2)]))
        _ = progress.take(try news(.modelRejected, [.unsigned(2)]))
        let notice = progress.take(try news(.roundSettled, [.unsigned(2), .link(model), .bool(false)]))
        guard case .settled(round: 2, model: model)? = notice else {
            Issue.record("\(String(describing: notice))")
            return
        }
        #expect(progress.models == [model, model])
        #expect(progress.settled == 2 && progress.fraction == 1)
    }

    @Test func outcomesAreCountedAndSlashesAreNamed() throws {
        var progress = progress()
        try open(&progress, 1)
        let outcomes: [CBORValue] = [0, 1, 0, 3].enumerated().map { index, outcome in
            .array([.unsigned(UInt64(index)), .unsigned(UInt64(outcome)), .unsigned(0)])
        }
        _ = progress.take(try news(.verdictsDecided, [.unsigned(1), .array(outcomes), .unsigned(5)]))
        #expect(progress.accepted == 2 && progress.rejected == 2)
        let slashed = progress.take(
            try news(
                .memberSlashed, [.unsigned(2), .unsigned(3), .unsigned(4)],
                accounts: [Self.accounts[0], Self.accounts[3]]))
        guard case .slashed(let account, round: 2)? = slashed else {
            Issue.record("\(String(describing: slashed))")
            return
        }
        #expect(account == Self.accounts[3])
    }

    @Test func aRefusedRoundIsAnAnswerAndARefusedJobIsNone() throws {
        var progress = progress()
        _ = progress.take(try news(.memberRefused, [.unsigned(0), .unsigned(0), .unsigned(7)]))
        #expect(progress.answered == 0)
        try open(&progress, 1)
        _ = progress.take(try news(.memberRefused, [.unsigned(0), .unsigned(1), .unsigned(7)]))
        #expect(progress.answered == 1)
        #expect(progress.refusals.map(\.round) == [0, 1] && progress.refusals.allSatisfy { $0.reason == 7 })
    }

    @Test func anEndIsSaidAndEventsOfOthersAreNone() throws {
        var progress = progress()
        guard
            case .ended(.tooFewMembers)? = progress.take(
                try news(.jobEnded, [.unsigned(UInt64(JobEnd.tooFewMembers.rawValue))]))
        else {
            Issue.record("no end")
            return
        }
        #expect(progress.hasEnded)
        let payload = CBORValue.array([.bytes(Self.job.bytes)]).encoded()
        #expect(try FederationNews(module: "market", kind: "job_ended", accounts: [], payload: payload) == nil)
        #expect(try FederationNews(module: "federation", kind: "nonsense", accounts: [], payload: payload) == nil)
        #expect(try FederationNews(module: "federation", kind: "job_ended", accounts: [], payload: [0x80]) == nil)
    }
}

/// Where it is written to: a terminal, or a file.
@Suite struct DemoConsoleTests {
    private final class Screen: Sendable {
        let text = Mutex("")
        func write(_ more: String) { text.withLock { $0 += more } }
        var all: String { text.withLock { $0 } }
    }

    private func console(terminal: Bool, width: Int = 80, colour: Bool = false) -> (DemoConsole, Screen) {
        let screen = Screen()
        return (DemoConsole(isTerminal: terminal, hasColour: colour, width: { width }) { screen.write($0) }, screen)
    }

    @Test func withoutATerminalThereAreLinesAndNoBar() {
        let (console, screen) = console(terminal: false, colour: true)
        console.show("round 1/3 [###---]")
        console.line(console.warning("site-01 is slashed"))
        console.show("round 2/3 [------]")
        console.clear()
        #expect(screen.all == "site-01 is slashed\n")
    }

    @Test func onATerminalLinesPassAboveTheBar() {
        let (console, screen) = console(terminal: true)
        console.show("bar 1")
        console.show("bar 1")
        console.line("a line")
        console.show("bar 2")
        console.clear()
        let erase = "\r\u{1b}[2K"
        #expect(screen.all == "\(erase)bar 1\(erase)a line\nbar 1\(erase)bar 2\(erase)")
    }

    @Test func aBarIsNeverWiderThanTheTerminal() {
        for width in [1, 2, 21, 40, 66, 200] {
            let (console, screen) = console(terminal: true, width: width)
            let bar = "round 12/30 [##############################] 9 of 10 updates in"
            console.show(bar)
            let shown = screen.all.dropFirst("\r\u{1b}[2K".count)
            #expect(shown.count < max(2, width) && bar.hasPrefix(shown), "\(width): \(shown)")
        }
    }

    @Test func coloursAreForTerminalsThatWantThem() {
        #expect(console(terminal: true, colour: true).0.warning("x").contains("\u{1b}["))
        #expect(console(terminal: true).0.warning("x") == "x")
        #expect(console(terminal: false, colour: true).0.warning("x") == "x")
    }
}

extension SecretKey {
    fileprivate static func fixed(_ number: UInt8) -> SecretKey {
        SecretKey(seed: [UInt8](repeating: number, count: 32)) ?? .generate()
    }
}
