import Market
import Node
import Primitives
import Testing

@Suite("What the ledger waits for from a provider") struct ProviderDutyTests {
    private static let own = AccountID.derived(module: "test", id: [1])
    private static let other = AccountID.derived(module: "test", id: [2])
    private static let deadline: UInt64 = 10_000

    private static func replica(
        _ provider: AccountID, committed: Bool = false, revealed: Bool = false, _ outcome: ReplicaOutcome = .open
    ) -> CBORValue {
        .array([
            .bytes(Digest.zero.bytes), .bytes(provider.bytes), .bytes([UInt8](repeating: 0, count: 16)),
            committed ? .bytes(Digest.zero.bytes) : .null, revealed ? .link(CID.of(raw: [7])) : .null,
            .unsigned(UInt64(outcome.rawValue)),
        ])
    }

    private static func record(
        _ status: TaskStatus, _ replicas: [CBORValue], verdicts: [CBORValue] = []
    ) throws -> TaskRecord {
        let zero = CBORValue.bytes([UInt8](repeating: 0, count: 16))
        let value = CBORValue.array([
            .bytes(other.bytes), .unsigned(UInt64(status.rawValue)), .unsigned(deadline), .array(replicas), .array([]),
            .unsigned(0), .bool(false), .bool(false), .array(verdicts), zero, zero,
        ])
        return try TaskRecord.decode(value.encoded())
    }

    private static func duty(_ record: TaskRecord, now: UInt64 = 0) -> ProviderDuty {
        ProviderDuty.next(record, own, now: now)
    }

    @Test("a replica of its own is computed, then revealed") func own() throws {
        #expect(Self.duty(try Self.record(.executing, [Self.replica(Self.own)])) == .commit)
        let open = try Self.record(.executing, [Self.replica(Self.own)])
        #expect(Self.duty(open, now: Self.deadline) == .commit)
        #expect(Self.duty(open, now: Self.deadline + 1) == .wait)
        #expect(Self.duty(open, now: Self.deadline + 1_001) == .advance)
        #expect(Self.duty(try Self.record(.executing, [Self.replica(Self.own, committed: true)])) == .wait)
        #expect(Self.duty(try Self.record(.revealing, [Self.replica(Self.own, committed: true)])) == .reveal)
        let shown = Self.replica(Self.own, committed: true, revealed: true)
        #expect(Self.duty(try Self.record(.revealing, [shown])) == .wait)
    }

    @Test("others' replicas, lost ones and ended tasks are nobody's duty") func others() throws {
        #expect(Self.duty(try Self.record(.executing, [Self.replica(Self.other)])) == .wait)
        #expect(Self.duty(try Self.record(.executing, [Self.replica(Self.own, .lost)])) == .wait)
        for status in [TaskStatus.done, .cancelled] {
            #expect(Self.duty(try Self.record(status, [Self.replica(Self.own)]), now: .max) == .wait)
        }
    }

    @Test("a drawn auditor judges once") func auditor() throws {
        let shown = Self.replica(Self.other, committed: true, revealed: true)
        let silent = CBORValue.array([.bytes(Self.own.bytes), .array([])])
        let spoken = CBORValue.array([.bytes(Self.own.bytes), .array([.unsigned(1)])])
        #expect(Self.duty(try Self.record(.judging, [shown], verdicts: [silent])) == .judge)
        #expect(Self.duty(try Self.record(.judging, [shown], verdicts: [spoken])) == .wait)
    }

    @Test("a deadline that has passed is said, with a second of grace") func deadlines() throws {
        for status in [TaskStatus.matching, .executing, .revealing, .judging] {
            let record = try Self.record(status, [Self.replica(Self.other)])
            #expect(Self.duty(record, now: Self.deadline + 1_000) == .wait)
            #expect(Self.duty(record, now: Self.deadline + 1_001) == .advance)
        }
    }
}
