import Testing

@testable import Storage

@Suite("Databases that begin late, copies, and held votes") struct BaseBlockTests {
    private func base(_ height: UInt64, slot: UInt64 = 40, sequence: UInt64 = 9) -> BaseBlock {
        BaseBlock(
            height: height, timeMilliseconds: height &* 10, nextSlot: slot, nextSequence: sequence, header: [1],
            certificate: [2])
    }

    @Test("blocks, slots and events go on from the base; what is before it is pruned") func begins() throws {
        let database = try ScratchDatabase()
        do {
            let ledger = try database.open()
            try ledger.begin(at: base(100), hashes: [HashRun(tree: 0, level: 0, first: 32, hashes: bytes(256, 1))])
            #expect(try ledger.baseHeight() == 100 && ledger.firstKeptHeight() == 101 && ledger.firstSlot() == 40)
            #expect(throws: StorageError.wrongHeight(expected: 101, given: 1)) { try ledger.append(block(1).0) }
            let (record, indexes) = block(101)
            try ledger.append(record, indexes: indexes)
            #expect(try ledger.summary(slot: 41)?.height == 101)
            #expect(try ledger.summary(slot: 39) == nil)
            #expect(try ledger.slots(transactionID: transactionID(101, 1)) == [41])
            #expect(throws: StorageError.pruned(firstKeptHeight: 101)) { try ledger.body(height: 100) }
            #expect(throws: StorageError.self) { try ledger.events(after: 3) }
            #expect(try ledger.hashes(tree: 0, level: 0, first: 32, count: 8) == bytes(256, 1))
            #expect(throws: StorageError.self) { try ledger.begin(at: base(200), hashes: []) }
            #expect(throws: StorageError.self) { try ledger.forgetBase() }
        }
        let again = try database.open()
        #expect(try again.lastHeight() == 101)
        try again.checkIntegrity()
    }

    @Test("a base that no chain has is refused, and one can be taken back while nothing follows it") func limits()
        throws
    {
        let database = try ScratchDatabase()
        let ledger = try database.open()
        for bad in [
            base(0), base(.max), base(5, slot: .max), base(5, sequence: 0), base(5, sequence: 1 << 53),
        ] {
            #expect(throws: StorageError.self) { try ledger.begin(at: bad, hashes: []) }
        }
        #expect(try ledger.lastHeight() == nil && ledger.baseHeight() == 0)
        try ledger.begin(at: base(7), hashes: [])
        try ledger.forgetBase()
        #expect(try ledger.lastHeight() == nil && ledger.baseHeight() == 0 && ledger.firstKeptHeight() == 0)
        try ledger.begin(at: base(8), hashes: [])
        #expect(try ledger.lastHeight() == 8)
    }

    @Test("a copy is what the database was at one moment, while its writer goes on") func copies() throws {
        let database = try ScratchDatabase()
        let ledger = try database.open()
        for height in UInt64(1)...20 {
            let (record, indexes) = block(height)
            try ledger.append(record, indexes: indexes)
        }
        let reader = try LedgerReader.open(path: database.path)
        let copy = database.path + ".copy"
        try reader.copy(to: copy)
        let (record, indexes) = block(21)
        try ledger.append(record, indexes: indexes)
        let found = try LedgerReader.open(path: copy)
        #expect(try found.lastHeight() == 20)
        try found.checkIntegrity()
        #expect(try found.chain() == [1, 2, 3])
    }

    @Test("while votes are held none is granted, over restarts, and afterwards the last vote still counts") func holds()
        throws
    {
        let database = try ScratchDatabase()
        let vote = SignedVote(height: 5, round: 0, step: 1, digest: [1])
        do {
            let ledger = try database.open()
            try ledger.grantVote(vote, signer: [7])
            try ledger.holdSigning(untilBlockAfter: 1_000)
            #expect(throws: StorageError.signingHeld(untilMilliseconds: 1_000)) {
                try ledger.grantVote(SignedVote(height: 6, round: 0, step: 1, digest: [1]), signer: [7])
            }
        }
        let ledger = try database.open(durability: .normal)
        #expect(try ledger.signingHold() == 1_000)
        #expect(throws: StorageError.self) { try ledger.grantVote(vote, signer: [7]) }
        try ledger.liftSigningHold()
        #expect(try ledger.signingHold() == nil)
        #expect(throws: StorageError.self) {
            try ledger.grantVote(SignedVote(height: 5, round: 0, step: 1, digest: [2]), signer: [7])
        }
        try ledger.grantVote(SignedVote(height: 6, round: 0, step: 1, digest: [2]), signer: [7])
    }
}
