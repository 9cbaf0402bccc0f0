import Primitives
import Testing

@Suite struct StateTreeTests {
    static let seeds: [UInt64] = [1, 2, 3, 4]

    @Test(arguments: seeds)
    func agreesWithItsDefinitionAfterEveryBatch(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tree = StateTree()
        var model = StateTreeModel()
        #expect(tree.root() == .zero)
        for round in 0..<12 {
            for change in generator.changes(upTo: 30) {
                if let value = change.value {
                    try tree.put(change.path, value)
                } else {
                    #expect(tree.delete(change.path) == (model.entries[change.path] != nil))
                }
                model.entries[change.path] = change.value
            }
            // Some batches pass without a root between them.
            if round % 3 != 0 { #expect(tree.root() == model.root(), "seed \(seed), round \(round)") }
            #expect(tree.count == model.entries.count)
            for _ in 0..<20 {
                let path = generator.path()
                #expect(tree.get(path) == model.entries[path], "seed \(seed), round \(round)")
            }
            let prefix = [UInt8](generator.path().prefix(2))
            let start = generator.path()
            let expected = model.scan(prefix: prefix, from: start)
            #expect(tree.scan(prefix: prefix, from: start) == expected, "seed \(seed), round \(round)")
            #expect(tree.scan(prefix: prefix, from: start, limit: 3) == [StateEntry](expected.prefix(3)))
            var part = StateTreeModel()
            for entry in model.scan(prefix: prefix) { part.entries[entry.path] = entry.value }
            #expect(tree.subtreeRoot(prefix: prefix) == part.root(), "seed \(seed), round \(round)")
        }
        let content = model.entries.reduce(0) { $0 + $1.key.count + $1.value.count }
        #expect(tree.contentByteCount == content)
    }

    /// Entries in order, with other changes and roots between; and what is not in order is refused.
    @Test(arguments: seeds)
    func appendedEntriesMakeTheSameTree(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for size in [0, 1, 2, 3, 40, 300] {
            var model = StateTreeModel()
            for _ in 0..<size { model.entries[generator.path()] = generator.value() }
            let tree = StateTree()
            for entry in model.scan(prefix: []) {
                try entry.path.withUnsafeBytes { path in try entry.value.withUnsafeBytes { try tree.append(path, $0) } }
                switch Int.random(in: 0..<8, using: &generator) {
                case 0: _ = tree.root()
                case 1:
                    try tree.put(entry.path, [1])
                    try tree.put(entry.path, entry.value)
                case 2:
                    tree.delete(entry.path)
                    try tree.put(entry.path, entry.value)
                case 3:
                    let error = #expect(throws: StateTreeError.self) {
                        try entry.path.withUnsafeBytes { try tree.append($0, $0) }
                    }
                    #expect(error?.code == .outOfOrder)
                default: break
                }
            }
            #expect(tree.rootOnAllCores() == model.root(), "seed \(seed), size \(size)")
            for entry in model.scan(prefix: []) { #expect(tree.get(entry.path) == entry.value) }
            // Every further root is right too: nothing stale is left behind.
            for change in generator.changes(upTo: 30) {
                if let value = change.value { try tree.put(change.path, value) } else { tree.delete(change.path) }
                model.entries[change.path] = change.value
            }
            let expected = model.root()
            #expect(tree.rootOnAllCores() == expected, "seed \(seed), size \(size)")
            #expect(tree.root() == expected)
        }
    }

    @Test(arguments: seeds)
    func theRootDoesNotDependOnTheOrderOfChanges(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var model = StateTreeModel()
        for _ in 0..<80 { model.entries[generator.path()] = generator.value() }
        var roots: Set<Digest> = []
        for _ in 0..<3 {
            let tree = StateTree()
            for entry in model.scan(prefix: []).shuffled(using: &generator) {
                try tree.put(entry.path, generator.value())
                if Bool.random(using: &generator) { _ = tree.root() }
                try tree.put(entry.path, entry.value)
            }
            roots.insert(tree.root())
        }
        #expect(roots == [model.root()], "seed \(seed)")
    }

    @Test(arguments: seeds)
    func revertingABatchRestoresTheRootAndTheContent(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tree = StateTree()
        var history: [(root: Digest, content: [StateEntry], changes: [StateChange], undo: StateUndo)] = []
        for _ in 0..<30 {
            let (root, content) = (tree.root(), tree.scan())
            let changes = generator.changes(upTo: 25)
            let undo = try tree.apply(changes)
            history.append((root, content, changes, undo))
        }
        for step in history.reversed() {
            tree.revert(step.undo)
            #expect(tree.root() == step.root, "seed \(seed)")
            #expect(tree.scan() == step.content, "seed \(seed)")
        }
        #expect(tree.count == 0)
        #expect(tree.root() == StateTree.emptyRoot)
        // Everything that was freed is used again.
        let reserved = tree.memoryByteCount
        for step in history { try tree.applyForGood(step.changes) }
        #expect(tree.memoryByteCount == reserved)
    }

    @Test func aPathIsAtMost128BytesAndABatchIsAllOrNothing() throws {
        let tree = StateTree()
        try tree.put([UInt8](repeating: 255, count: 128), [1])
        let root = tree.root()
        let tooLong = [UInt8](repeating: 1, count: 129)
        #expect(throws: StateTreeError.self) { try tree.put(tooLong, []) }
        #expect(throws: StateTreeError.self) {
            try tree.apply([StateChange(path: [1], value: [1]), StateChange(path: tooLong, value: [])])
        }
        #expect(tree.root() == root)
        #expect(tree.get(tooLong) == nil)
        #expect(!tree.delete(tooLong))
    }

    /// Each path extends the one before it by a byte: the deepest tree that paths can make.
    @Test func aChainOfExtensionsIsHandled() throws {
        let tree = StateTree()
        var model = StateTreeModel()
        for length in 0...128 {
            if length == 12 { #expect(tree.root() == model.root()) }
            let path = [UInt8](repeating: 0xaa, count: length)
            try tree.put(path, [UInt8(length)])
            model.entries[path] = [UInt8(length)]
            for bit in 0..<8 where length > 0 {
                var other = path
                other[length - 1] ^= 1 << UInt8(bit)
                try tree.put(other, [])
                model.entries[other] = []
            }
        }
        #expect(tree.count == model.entries.count)
        #expect(tree.scan() == model.scan(prefix: []))
        let again = StateTree()
        for entry in tree.scan().reversed() { try again.put(entry.path, entry.value) }
        #expect(again.root() == tree.root())
    }
}
