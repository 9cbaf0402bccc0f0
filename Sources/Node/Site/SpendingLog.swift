import Federation
import Primitives
import Privacy

/// A protected update that is stored at the site, and what it costs. Tuple: [job, round, dataset, cost, update, salt,
/// size (bytes)].
public struct SpendingEntry: Hashable, Sendable, CBORCodable {
    public let job: Digest
    public let round: UInt32
    public let dataset: Digest
    public let cost: CostVector
    public let update: CID
    public let salt: Digest
    public let size: UInt64

    public init(
        job: Digest, round: UInt32, dataset: Digest, cost: CostVector, update: CID, salt: Digest, size: UInt64
    ) {
        self.job = job
        self.round = round
        self.dataset = dataset
        self.cost = cost
        self.update = update
        self.salt = salt
        self.size = size
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 7)
        encoder.digest(job)
        encoder.unsigned(round)
        encoder.digest(dataset)
        encoder.value(cost)
        encoder.link(update)
        encoder.digest(salt)
        encoder.unsigned(size)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 7)
        job = try decoder.digest()
        round = try decoder.unsigned(as: UInt32.self)
        dataset = try decoder.digest()
        cost = try decoder.value()
        update = try decoder.link()
        salt = try decoder.digest()
        size = try decoder.unsigned()
    }
}

/// Why the site's own books cannot be used.
public enum SpendingLogError: Error, Hashable, Sendable, CustomStringConvertible {
    case file(FileError)
    /// The sum of what was spent does not fit; nothing more is released.
    case overflow
    /// Another update was prepared for this round before; it is the one that goes out.
    case alreadyPrepared(job: Digest, round: UInt32)

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .overflow: "the recorded costs do not add up to a number of 64 bits; the dataset is closed"
        case .alreadyPrepared(let job, let round):
            "another update of round \(round) of job \(job) was prepared before; that one is sent, and no other"
        }
    }
}

/// The site's own record of every update that it has prepared, synced before the update is committed.
///
/// The ledger keeps the same sums. The stricter of the two counts: a ledger that forgot, or a site that was restored
/// from an old backup, cannot make the data pay twice.
public struct SpendingLog: ~Copyable, Sendable {
    private var journal: Journal
    private var entries: [Key: SpendingEntry] = [:]
    /// Every different entry counts, also where a damaged history holds two for one round: each may have left.
    private var different: Set<SpendingEntry> = []

    private struct Key: Hashable {
        let job: Digest
        let round: UInt32
    }

    public init(path: String) throws(SpendingLogError) {
        var found: [SpendingEntry] = []
        do throws(FileError) {
            journal = try Journal(path) { (record) throws(FileError) in
                do { found.append(try SpendingEntry.decode(record)) } catch {
                    throw FileError(operation: "read", path: path, reason: "a record cannot be read: \(error)")
                }
            }
        } catch {
            throw .file(error)
        }
        for entry in found { keep(entry) }
    }

    private mutating func keep(_ entry: SpendingEntry) {
        different.insert(entry)
        let key = Key(job: entry.job, round: entry.round)
        if entries[key] == nil { entries[key] = entry }
    }

    /// The update prepared for a round, if there is one: it is sent again, never replaced by other bytes.
    public func entry(job: Digest, round: UInt32) -> SpendingEntry? { entries[Key(job: job, round: round)] }

    /// The updates of a job that were prepared before a round, and that nothing else names: equal bytes have one id.
    func updates(job: Digest, before round: UInt32) -> [CID] {
        let isOver = { (entry: SpendingEntry) in entry.job == job && entry.round < round }
        let needed = Set(different.filter { !isOver($0) }.map(\.update))
        return different.filter(isOver).map(\.update).filter { !needed.contains($0) }
    }

    /// Everything spent on a dataset by these books.
    public func spent(dataset: Digest) throws(SpendingLogError) -> CostVector {
        var total = CostVector.zero
        for entry in different where entry.dataset == dataset {
            guard let sum = total.adding(entry.cost) else { throw .overflow }
            total = sum
        }
        return total
    }

    /// Whether `cost` more stays within `limits` by these books.
    public func admits(_ cost: CostVector, dataset: Digest, limits: CostVector) throws(SpendingLogError) -> Bool {
        guard let total = try spent(dataset: dataset).adding(cost) else { throw .overflow }
        return total.isAdmitted(by: limits)
    }

    /// Records an update that has been stored; when this returns, the record survives a crash. A round has one update:
    /// the same one again changes nothing, another one is refused.
    public mutating func record(_ entry: SpendingEntry) throws(SpendingLogError) {
        if let known = self.entry(job: entry.job, round: entry.round) {
            guard known == entry else { throw .alreadyPrepared(job: entry.job, round: entry.round) }
            return
        }
        do { try journal.append(entry.encoded()) } catch { throw .file(error) }
        keep(entry)
    }
}
