import Foundation
import Testing

@testable import vinculum

/// The demo's report as a person reads it.
@Suite struct DemoTableTests {
    private func site(
        _ name: String, truth: String = "honest", verdict: String = "honest", slashed: Bool = false
    ) -> DemoReport.Site {
        DemoReport.Site(
            name: name, account: "did:key:z\(name)", records: 15_018, sizeBand: 16_000, epsilonSpent: 2.9996,
            epsilonTotal: 3, roundsCommitted: 30, roundsAccepted: 29, roundsFlagged: 1, roundsRefused: 0,
            updateBytesSent: 6_000_000, transactionBytesSent: 100_000, evidenceBytesSent: 49_000, truth: truth,
            verdict: verdict, paidForUpdates: "74.837123999999999999", paidForAudits: "2", forfeited: "0.45",
            slashed: slashed)
    }

    private func report(_ change: (inout DemoReport) -> Void = { _ in }) -> DemoReport {
        let sites = [site("site-01"), site("site-02")]
        var report = DemoReport(
            dataSet: "Fashion-MNIST", isFallbackDataSet: false, folder: "./vinculum-demo", seed: 18, rounds: 30,
            roundsDone: 30, end: "completed", testRecords: 10_000,
            guarantee: .init(
                unit: "record", relation: "add or remove", adversary: "everyone", delta: 1e-5, epsilonLimit: 3,
                mechanism: "discrete Gaussian", noiseMultiplier: 8.2, clip: 4),
            accuracy: .init(
                federation: (1...30).map { 0.4 + Double($0) / 100 }, federationWithoutNoise: [], central: [0.8],
                alone: sites.map { .init(site: $0.name, byRound: [0.2, 0.3]) }), sites: sites,
            detection: .init(
                misbehaving: 0, found: 0, missed: [], falseAlarms: [], honestSlashed: [], updatesJudged: 60,
                honestUpdatesRejected: 0, dishonestUpdatesAccepted: 0), refusals: [],
            payments: .init(
                escrow: "685", members: "502.549999999999999904", auditors: "18", aggregator: "30", fees: "0.002102075",
                refunded: "134.447897925000000096"), model: "bafk2bzacea", modelMerkleRoot: "deecf3de", chain: "bafy",
            blocks: 448, transactions: 815, failedTransactions: 25, supply: "10009", burned: "0", proof: nil,
            evaluation: nil, checks: [.init(name: "escrow", holds: true, detail: "685 of 685")], processRestarts: 0,
            seconds: 54.58)
        change(&report)
        return report
    }

    private func text(colour: Bool = false, _ change: (inout DemoReport) -> Void = { _ in }) -> String {
        DemoTable(report: report(change), style: Style(isOn: colour)).text
    }

    private func line(_ text: String, _ start: String) -> String {
        text.split(separator: "\n").first { $0.drop { $0 == " " }.hasPrefix(start) }.map(String.init) ?? ""
    }

    @Test func aGoodRunIsSaidInFull() {
        let text = text()
        #expect(
            text.hasPrefix(
                "Fashion-MNIST, 2 sites, split unevenly (Dirichlet 0.3, seed 18): 30 of 30 rounds, 54.6 s\n"))
        #expect(line(text, "this federation").hasSuffix("0.410  0.450  0.500  0.550  0.600  0.650  0.700"))
        // What was not measured is a dash, and no number.
        #expect(line(text, "the same without noise").filter { $0 == "-" }.count == 7)
        #expect(line(text, "site-01").contains("15,018  0.300    3.000  3.000  6.15 MB   74.837   2.000      0.450"))
        #expect(text.contains("0 misbehaving, 0 found; missed: none; false alarms: none; honest and slashed: none"))
        #expect(text.contains("\nRefusals\n  none\n"))
        #expect(text.contains("  nobody was paid\n") && text.contains("none: the model was not evaluated"))
        #expect(text.contains("  holds  escrow: 685 of 685\n"))
        #expect(!text.contains("\u{1b}") && !text.contains("BROKEN"))
    }

    @Test func missesAndFalseAlarmsAreNamedWithTheirSites() {
        let text = text { report in
            report.sites = [
                site("site-01", truth: "flip"), site("site-02", verdict: "low score"),
                site("site-03", truth: "noise", verdict: "noise"),
                site("site-04", truth: "replay", verdict: "replay", slashed: true),
            ]
            report.detection = .init(
                misbehaving: 3, found: 2, missed: ["site-01"], falseAlarms: ["site-02"], honestSlashed: ["site-09"],
                updatesJudged: 120, honestUpdatesRejected: 16, dishonestUpdatesAccepted: 30)
        }
        let verdicts = text.components(from: "Verdicts beside the truth", to: "Refusals")
        #expect(line(verdicts, "site-01").hasSuffix("missed"))
        #expect(line(verdicts, "site-02").hasSuffix("false alarm"))
        #expect(line(verdicts, "site-03").hasSuffix("its updates are left out, unpaid"))
        #expect(line(verdicts, "site-04").hasSuffix("slashed: out of the job"))
        #expect(
            verdicts.contains(
                "3 misbehaving, 2 found; missed: site-01; false alarms: site-02; honest and slashed: site-09"))
        #expect(verdicts.contains("of 120 updates judged: 16 honest ones rejected, 30 of misbehaving sites accepted"))
    }

    @Test func whatDoesNotHoldIsLoudAndAnEarlyEndShows() {
        let text = text { report in
            report.roundsDone = 2
            report.accuracy.federation = [0.4, 0.4]
            report.checks.append(.init(name: "supply", holds: false, detail: "1 is missing"))
            report.proof = .init(
                payee: "site-01", account: "did:key:z", amount: "2.1", round: 1, file: "payment.proof", height: 9,
                slot: 4, verifiedOffline: false)
            report.evaluation = .init(
                task: "t", status: "done", replicas: [.init(provider: "site-02", outcome: "rejected", price: "1")],
                auditors: [], audited: false, correct: 3, count: 4, correctHere: 3, paid: "0", refunded: "1")
        }
        #expect(text.contains(": 2 of 30 rounds, "))
        #expect(line(text, "this federation").filter { $0 == "-" }.count == 6)
        #expect(text.contains("  BROKEN  supply: 1 is missing\n"))
        #expect(text.contains("  NOT VERIFIED, from the genesis"))
        #expect(text.contains("accuracy 0.750: 3 of 4 public records, not audited; paid 0"))
    }

    @Test func refusalsSayWhenAndWhy() {
        let text = text { report in
            report.refusals = [
                .init(
                    site: "site-01", firstRound: 0, lastRound: 0, code: "purpose_not_allowed", meaning: "the purpose"),
                .init(site: "site-02", firstRound: 4, lastRound: 4, code: "data_unavailable", meaning: "the data"),
                .init(site: "site-02", firstRound: 19, lastRound: 30, code: "budget_exhausted", meaning: "is used up"),
            ]
        }
        let refusals = text.components(from: "\nRefusals", to: "\nPaid from")
        #expect(refusals.contains("  site-01  the job          purpose_not_allowed  the purpose"))
        #expect(refusals.contains("  site-02  round 4          data_unavailable     the data"))
        #expect(refusals.contains("  site-02  rounds 19 to 30  budget_exhausted     is used up"))
    }

    /// Colours change no word and no column.
    @Test func coloursAreOnlyColours() {
        let plain = text()
        let coloured = text(colour: true)
        #expect(coloured != plain)
        let bare = coloured.replacingOccurrences(of: "\u{1b}\\[[0-9]*m", with: "", options: .regularExpression)
        #expect(bare == plain)
    }

    /// 100 columns, however long the names of checks are. The model's CID and amounts to the unit are not cut.
    @Test func noLineIsWiderThanAHundredColumns() {
        let text = text { report in
            report.checks = (0..<5).map { number in
                .init(
                    name: "check \(number)", holds: true,
                    detail: (0..<30 * number).map { "word\($0)" }.joined(separator: " "))
            }
            report.model = "bafk2bzaceaf3si76j4eujdfm2sfqjbq5fid5vbzy3w4tjlubpvr3ovsqexy5a"
            report.modelMerkleRoot = String(repeating: "d", count: 64)
        }
        for line in text.split(separator: "\n") { #expect(Table.width(String(line)) <= 100, "\(line)") }
        #expect(text.contains("word119"))
    }

    /// Any number of rounds gives columns in order: the first, the last, and no more than eight.
    @Test(arguments: [1, 2, 3, 5, 6, 7, 29, 30, 31, 100, 1_000])
    func theColumnsFitAnyNumberOfRounds(rounds: Int) {
        let text = text { report in
            report.rounds = rounds
            report.accuracy.federation = [Double](repeating: 0.5, count: rounds)
        }
        let lines = text.split(separator: "\n").map(String.init)
        let place = lines.firstIndex { $0.hasPrefix("Accuracy on") } ?? 0
        let columns = lines[place + 1].split(separator: " ").compactMap { Int($0) }
        #expect(columns.first == 1 && columns.last == rounds && columns == columns.sorted() && columns.count <= 8)
        #expect(Set(columns).count == columns.count)
    }
}

extension String {
    fileprivate func components(from start: String, to end: String) -> String {
        guard let first = range(of: start), let last = self[first.upperBound...].range(of: end) else { return "" }
        return String(self[first.lowerBound..<last.lowerBound])
    }
}
