import Primitives

/// Changes on top of a store that are not in it yet: those of a block while it is executed. Accounts are held decoded,
/// so that an account which many transactions touch is read once and written once.
///
/// A journal takes a failed transaction back: `mark()` before it, `rollBack(to:)` after it.
struct StateOverlay {
    private struct AccountSlot {
        let id: AccountID
        var account: Account
        let isInStore: Bool
        var isChanged = false
    }

    private enum JournalEntry {
        case account(slot: Int, before: Account, wasChanged: Bool)
        /// `before` is nil when the overlay had no word on the path.
        case path([UInt8], before: PathState?, growth: Int)
    }

    /// What the overlay says of a path: a value, or that it is deleted.
    private enum PathState {
        case value([UInt8])
        case deleted

        var bytes: [UInt8]? { if case .value(let bytes) = self { bytes } else { nil } }
    }

    let store: any StateStore
    private var slots: [AccountSlot] = []
    private var slotOfAccount: [AccountID: Int] = [:]
    private var paths: [[UInt8]: PathState] = [:]
    /// The keys of `paths`, sorted, for scans.
    private var sortedPaths: [[UInt8]] = []
    private var journal: [JournalEntry] = []
    /// Bytes by which this overlay lets the state grow.
    private(set) var growth = 0

    /// What a new account is taken to add to the state: path, balance and sequences.
    private static let newAccountByteCount = 64

    init(_ store: any StateStore) { self.store = store }

    // MARK: Accounts

    private mutating func slot(of id: AccountID) throws(Refusal) -> Int {
        if let slot = slotOfAccount[id] { return slot }
        var account = Account.empty
        let stored = store.get(Account.path(id))
        if let stored {
            do { account = try Account.decode(stored) } catch {
                throw Refusal(.stateCorrupt, "the account \(id) does not decode: \(error)")
            }
        }
        slots.append(AccountSlot(id: id, account: account, isInStore: stored != nil))
        slotOfAccount[id] = slots.count - 1
        return slots.count - 1
    }

    mutating func account(_ id: AccountID) throws(Refusal) -> Account { slots[try slot(of: id)].account }

    mutating func setAccount(_ id: AccountID, _ account: Account) throws(Refusal) {
        let index = try slot(of: id)
        journal.append(.account(slot: index, before: slots[index].account, wasChanged: slots[index].isChanged))
        if !slots[index].isInStore && !slots[index].isChanged { growth += StateOverlay.newAccountByteCount }
        slots[index].account = account
        slots[index].isChanged = true
    }

    // MARK: Paths of modules

    func get(_ path: [UInt8]) -> [UInt8]? {
        if let state = paths[path] { return state.bytes }
        return store.get(path)
    }

    mutating func put(_ path: [UInt8], _ value: [UInt8]) {
        let before = get(path)
        let added = before.map { value.count - $0.count } ?? (path.count + value.count)
        set(path, .value(value), growth: added)
    }

    mutating func delete(_ path: [UInt8]) {
        guard let before = get(path) else { return }
        set(path, .deleted, growth: -(path.count + before.count))
    }

    private mutating func set(_ path: [UInt8], _ state: PathState, growth added: Int) {
        let before = paths.updateValue(state, forKey: path)
        if before == nil { sortedPaths.insert(path, at: position(path)) }
        growth += added
        journal.append(.path(path, before: before, growth: added))
    }

    private func position(_ path: [UInt8]) -> Int {
        var low = 0
        var high = sortedPaths.count
        while low < high {
            let middle = (low + high) / 2
            if sortedPaths[middle].lexicographicallyPrecedes(path) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Entries below `prefix` in order, the overlay's changes included.
    func scan(prefix: [UInt8], from start: [UInt8], limit: Int) -> [StateEntry] {
        let first = prefix.lexicographicallyPrecedes(start) ? start : prefix
        var changed = position(first)
        let changes = sortedPaths[changed...].prefix { $0.starts(with: prefix) }
        guard !changes.isEmpty else { return store.scan(prefix: prefix, from: start, limit: limit) }
        // Each change can hide one stored entry at most.
        let wanted = limit.addingReportingOverflow(changes.count)
        let stored = store.scan(prefix: prefix, from: start, limit: wanted.overflow ? .max : wanted.partialValue)
        var result: [StateEntry] = []
        var next = 0
        while result.count < limit, next < stored.count || changed < changes.endIndex {
            if changed < changes.endIndex,
                next == stored.count || !stored[next].path.lexicographicallyPrecedes(sortedPaths[changed])
            {
                let path = sortedPaths[changed]
                if next < stored.count, stored[next].path == path { next += 1 }
                if let value = paths[path]?.bytes { result.append(StateEntry(path: path, value: value)) }
                changed += 1
            } else {
                result.append(stored[next])
                next += 1
            }
        }
        return result
    }

    // MARK: Taking back

    /// A point to which `rollBack` can return.
    func mark() -> Int { journal.count }

    mutating func rollBack(to mark: Int) {
        while journal.count > mark, let entry = journal.popLast() {
            switch entry {
            case .account(let slot, let before, let wasChanged):
                if !slots[slot].isInStore && !wasChanged { growth -= StateOverlay.newAccountByteCount }
                slots[slot].account = before
                slots[slot].isChanged = wasChanged
            case .path(let path, let before, let added):
                growth -= added
                paths[path] = before
                if before == nil { sortedPaths.remove(at: position(path)) }
            }
        }
    }

    /// Forgets how to take back: what was done so far stays.
    mutating func settle() { journal.removeAll(keepingCapacity: true) }

    /// Everything that differs from the store, sorted by path, each path once: the block's change set.
    consuming func changes() -> [StateChange] {
        var result: [StateChange] = []
        result.reserveCapacity(slots.count + sortedPaths.count)
        // Accounts ("a/") precede modules ("m/") in the order of paths.
        let changedSlots = slots.filter(\.isChanged).sorted { $0.id < $1.id }
        for slot in changedSlots {
            result.append(StateChange(path: Account.path(slot.id), value: slot.account.encoded()))
        }
        for path in sortedPaths {
            let value = paths[path]?.bytes
            if value == nil && store.get(path) == nil { continue }
            result.append(StateChange(path: path, value: value))
        }
        return result
    }
}
