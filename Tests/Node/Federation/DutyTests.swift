import Ledger
import LedgerSupport
import Primitives
import Testing

@testable import Federation
@testable import Node

@Suite("A member's duty follows from the state alone")
struct MemberDutyTests {
    private func duty(_ state: TableState, _ index: Int = 0) async throws -> MemberDuty {
        try await MemberDuty.next(try await state.reader(), TableState.members[index])
    }

    @Test("an invitation is answered while the job invites, and not any more")
    func invitation() async throws {
        let state = try TableState()
        state.member(0, .invited)
        #expect(try await duty(state) == .answer)
        for status in JobStatus.allCases where status != .inviting {
            state.record.status = status
            #expect(try await duty(state) == .done, "\(status)")
        }
    }

    @Test("who is out of the job has nothing to do")
    func out() async throws {
        let state = try TableState()
        state.record.status = .running
        state.round(1, .commit)
        for status in MemberStatus.allCases where status != .active && status != .invited {
            state.member(0, status)
            #expect(try await duty(state) == .done, "\(status)")
        }
        #expect(try await MemberDuty.next(try await state.reader(), LedgerHarness.account(99)) == .done)
    }

    @Test("who has accepted waits for the start, and for rounds that have it")
    func waiting() async throws {
        let state = try TableState()
        state.member(0, .active)
        #expect(try await duty(state) == .wait)
        state.record.status = .running
        #expect(try await duty(state) == .wait)
        state.round(1, .commit, participants: [1, 2])
        #expect(try await duty(state) == .wait)
        for status in [JobStatus.finished, .aborted] {
            state.record.status = status
            #expect(try await duty(state) == .done)
        }
    }

    @Test("each phase with each submission")
    func phases() async throws {
        let states: [SubmissionState?] = [nil] + SubmissionState.allCases
        for phase in RoundPhase.allCases {
            for submission in states {
                let state = try TableState()
                state.member(0, .active)
                state.record.status = .running
                state.round(2, phase, model: .of(raw: [8]))
                if let submission { state.submission(0, submission, round: 2) }
                let expected: MemberDuty =
                    switch (phase, submission) {
                    case (.commit, nil): .commit(round: 2, model: .of(raw: [8]))
                    case (.reveal, .committed?): .reveal(round: 2)
                    default: .wait
                    }
                #expect(try await duty(state) == expected, "\(phase), \(submission.map { "\($0)" } ?? "none")")
            }
        }
    }
}

@Suite("An auditor's duty follows from the state alone")
struct AuditorDutyTests {
    private let auditor = LedgerHarness.account(31)

    @Test("each phase, before and after the auditor has spoken")
    func phases() async throws {
        for phase in RoundPhase.allCases {
            let state = try TableState()
            let auditor = auditor
            state.record.status = .running
            state.round(1, phase) { $0.auditors = [auditor] }
            let expected: AuditorDuty =
                switch phase {
                case .audit: .judge(round: 1)
                case .confirm: .confirm(round: 1)
                default: .wait
                }
            #expect(try await AuditorDuty.next(try await state.reader(), auditor) == expected, "\(phase)")
            #expect(try await AuditorDuty.next(try await state.reader(), LedgerHarness.account(32)) == .wait)
            state.put(VerdictRecord(outcomes: [], height: 1), FederationPaths.verdict(state.job, 1, auditor))
            for side in [\RoundRecord.confirmedBy, \RoundRecord.rejectedBy] {
                state.round(1, phase) {
                    $0.auditors = [auditor]
                    $0[keyPath: side] = [auditor]
                }
                #expect(try await AuditorDuty.next(try await state.reader(), auditor) == .wait, "\(phase)")
            }
        }
    }

    @Test("nothing in a job that does not run")
    func notRunning() async throws {
        let state = try TableState()
        let auditor = auditor
        state.round(1, .audit) { $0.auditors = [auditor] }
        for status in JobStatus.allCases where status != .running {
            state.record.status = status
            #expect(try await AuditorDuty.next(try await state.reader(), auditor) == .wait)
        }
    }
}

@Suite("An aggregator's duty follows from the state and the clock")
struct AggregatorDutyTests {
    private func duty(_ state: TableState, now: UInt64 = 1_000_000, of account: UInt64 = 2) async throws
        -> AggregatorDuty
    {
        try await AggregatorDuty.next(
            try await state.reader(), LedgerHarness.account(account), nowMilliseconds: now)
    }

    @Test("a job starts when all have answered, or after the deadline, with enough members")
    func start() async throws {
        let state = try TableState()
        let deadline = state.record.acceptDeadlineMilliseconds
        #expect(try await duty(state) == .wait)
        #expect(try await duty(state, now: deadline) == .wait)
        #expect(try await duty(state, now: deadline + 1) == .start)
        state.record.answered = state.record.invited
        #expect(try await duty(state) == .start)
        #expect(try await duty(state, of: 3) == .wait)
    }

    @Test("a job that cannot start is ended, not started again and again")
    func tooFew() async throws {
        let state = try TableState()
        state.record.answered = state.record.invited
        state.record.active = state.terms.minimumMembers - 1
        #expect(try await duty(state) == .advance)
        state.record.answered = 1
        #expect(try await duty(state) == .wait)
        #expect(try await duty(state, now: state.record.acceptDeadlineMilliseconds + 1) == .advance)
    }

    @Test("each phase, before and after its deadline")
    func phases() async throws {
        for phase in RoundPhase.allCases {
            let state = try TableState()
            state.record.status = .running
            state.round(3, phase)
            let before: AggregatorDuty = phase == .propose ? .propose(round: 3) : .wait
            let after: AggregatorDuty = phase == .propose ? .propose(round: 3) : .advance
            #expect(try await duty(state, now: 2_000_000) == before, "\(phase)")
            #expect(try await duty(state, now: 2_000_001) == after, "\(phase)")
            // A model that could not be proposed for so long does not hold up the job.
            #expect(try await duty(state, now: 2_005_001) == .advance, "\(phase)")
            state.round(3, phase) { $0.auditorsToDraw = 1 }
            #expect(try await duty(state) == after, "\(phase)")
        }
        let ended = try TableState()
        for status in [JobStatus.finished, .aborted] {
            ended.record.status = status
            #expect(try await duty(ended) == .done)
        }
    }

    @Test("the ledger's own module takes what the duty says: a job without members ends")
    func ends() async throws {
        let world = try FederationWorld()
        let job = try await world.submitJob()
        for key in [11, 12] as [UInt64] {
            try await world.send("refuse", RefuseBody(job: job, round: 0, reason: 2), from: key)
        }
        while try await world.moveOthers() {}
        #expect(try await world.reader(job).record()?.end == .tooFewMembers)
    }
}
