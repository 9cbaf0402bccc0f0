import Glibc
import Ledger
import Primitives
import Storage
import TestSupport
import Testing

@testable import Node

/// A node's folder, in a file and back.
@Suite("Node: backup and restore", .serialized) struct BackupTests {
    /// A folder as `init` makes it, with a chain of some blocks.
    private func node(_ folder: String, blocks: UInt64 = 3) async throws -> TestNode {
        let node = try await TestNode(in: folder)
        try DurableFile.replace("\(folder)/genesis.dagcbor", with: node.genesis.encoded())
        try DurableFile.replace("\(folder)/node.toml", with: Array("[node]\ndata_folder = \".\"\n".utf8))
        try DurableFile.makeFolder("\(folder)/keys", mode: 0o700)
        try TestNode.validator.save(to: "\(folder)/keys/node.key")
        for sequence in 0..<blocks { try await node.block(sequence: sequence) }
        return node
    }

    private func backup(_ node: TestNode, _ path: String, withKeys: Bool = false) throws -> NodeBackup.Made {
        try NodeBackup.make(try TestNode.configuration(node.folder), to: path, withKeys: withKeys)
    }

    private func mode(_ path: String) throws -> UInt32 { try DurableFile.permissions(of: path) }

    private func code(_ body: () throws -> Void) -> BackupError.Code? {
        do { try body() } catch let error as BackupError { return error.code } catch {}
        return nil
    }

    @Test("what a running node holds comes back, and goes on", arguments: [false, true]) func roundTrip(withKeys: Bool)
        async throws
    {
        let folder = try TemporaryFolder()
        let node = try await node(folder.path("a"), blocks: 5)
        let file = folder.path("n.backup")
        let made = try backup(node, file, withKeys: withKeys)
        #expect(made.index.height == 5 && made.index.hasKeys == withKeys && made.index.chain == node.genesis.chain)
        #expect(try mode(file) == 0o600)
        #expect(try made.byteCount == UInt64(DurableFile.read(file).count))
        // The node goes on meanwhile, and what comes later is not in it.
        try await node.block(sequence: 5)
        #expect(!DurableFile.exists("\(file).partial") && !DurableFile.exists("\(file).ledger.partial"))
        let restored = try NodeRestore.restore(file, to: folder.path("b"), chain: node.genesis.chain, signsAtOnce: true)
        #expect(restored.index == made.index && restored.signingHoldMilliseconds == nil)
        #expect(restored.newKeys == (withKeys ? [] : ["keys/node.key"]))
        let key = try SecretKey.load(from: folder.path("b/keys/node.key"))
        #expect((key.publicKey == TestNode.validator.publicKey) == withKeys)
        #expect(try mode(folder.path("b")) == 0o700 && mode(folder.path("b/keys/node.key")) == 0o600)
        #expect(!DurableFile.exists(folder.path("b.restoring")))
        let again = try await TestNode(in: folder.path("b"), genesis: node.genesis)
        #expect(try await again.runtime.status().height == 5)
        try await again.block(sequence: 5)
        for node in [again, node] { await node.stop() }
    }

    @Test("of a node that is stopped, and over nothing that is there") func neverOverwrites() async throws {
        let folder = try TemporaryFolder()
        let node = try await node(folder.path("a"))
        await node.stop()
        let file = folder.path("n.backup")
        _ = try backup(node, file)
        let bytes = try DurableFile.read(file)
        #expect(code { _ = try backup(node, file) } == .exists)
        #expect(try DurableFile.read(file) == bytes)
        // What a killed attempt has left is in nobody's way; what another is writing is.
        try DurableFile.replace(folder.path("m.backup.partial"), with: [1, 2, 3])
        try DurableFile.replace(folder.path("m.backup.ledger.partial"), with: [1, 2, 3])
        _ = try backup(node, folder.path("m.backup"))
        let writer = try BackupWriter(folder.path("k.backup"))
        #expect(code { _ = try backup(node, folder.path("k.backup")) } == .inUse)
        withExtendedLifetime(writer) {}
        // Nor is a folder with anything in it.
        try DurableFile.makeFolder(folder.path("full"))
        try DurableFile.replace(folder.path("full/x"), with: [1])
        #expect(code { _ = try NodeRestore.restore(file, to: folder.path("full")) } == .exists)
        #expect(DurableFile.names(in: folder.path("full")) == ["x"])
        #expect(code { _ = try NodeRestore.restore(file, to: file) } == .exists)
        try DurableFile.makeFolder(folder.path("b.restoring"))
        try DurableFile.replace(folder.path("b.restoring/mine"), with: [1])
        #expect(code { _ = try NodeRestore.restore(file, to: folder.path("b")) } == .exists)
        unlink(folder.path("b.restoring/mine"))
        // An empty one is taken, and what a killed restore has left is cleared away.
        try DurableFile.replace(folder.path("b.restoring/ledger.sqlite"), with: [1])
        try DurableFile.makeFolder(folder.path("b"))
        _ = try NodeRestore.restore(file, to: folder.path("b"))
        #expect(DurableFile.exists(folder.path("b/ledger.sqlite")))
    }

    @Test("a backup with any byte changed, or cut anywhere, changes nothing") func damaged() async throws {
        let folder = try TemporaryFolder()
        let node = try await node(folder.path("a"))
        await node.stop()
        let made = try backup(node, folder.path("n.backup"), withKeys: true)
        let bytes = try DurableFile.read(folder.path("n.backup"))
        var places = [0, 5, 17, bytes.count - 1, bytes.count - 8, bytes.count - 9, bytes.count - 40, bytes.count - 48]
        for entry in made.index.entries {
            places += [
                Int(entry.offset), Int(entry.offset + entry.byteCount / 2), Int(entry.offset + entry.byteCount) - 1,
            ]
        }
        let indexStart = Int(made.index.endOffset)
        places += Array(stride(from: indexStart, to: bytes.count - 48, by: 11))
        func refuses(_ bytes: [UInt8], _ what: Comment) throws {
            let path = folder.path("bad.backup")
            try DurableFile.replace(path, with: bytes)
            let code = code { _ = try NodeRestore.restore(path, to: folder.path("b")) }
            #expect([.notABackup, .cut, .damaged, .wrongChain].contains(code), what)
            #expect(!DurableFile.exists(folder.path("b")) && !DurableFile.exists(folder.path("b.restoring")), what)
        }
        for place in places {
            var bad = bytes
            bad[place] ^= 0x10
            try refuses(bad, "byte \(place)")
        }
        for count in [0, 1, 17, 18, 19, 70, bytes.count / 2, indexStart, bytes.count - 48, bytes.count - 1] {
            try refuses(Array(bytes.prefix(count)), "cut to \(count)")
        }
        try refuses(bytes + [0], "a byte more")
        try refuses(Array("vinculum-backup/9\n".utf8) + bytes.dropFirst(18), "a later format")
    }

    @Test("a backup of another chain, or one whose parts are of two chains, is refused") func otherChain() async throws
    {
        let folder = try TemporaryFolder()
        let one = try await node(folder.path("a"))
        await one.stop()
        _ = try backup(one, folder.path("n.backup"))
        let other = try TestNode.genesis(name: "other")
        #expect(
            code { _ = try NodeRestore.restore(folder.path("n.backup"), to: folder.path("b"), chain: other.chain) }
                == .wrongChain)
        let writer = try BackupWriter(folder.path("mixed.backup"))
        try writer.add("ledger.sqlite", from: "\(one.folder)/ledger.sqlite")
        try DurableFile.replace(folder.path("g"), with: other.encoded())
        try writer.add("genesis.dagcbor", from: folder.path("g"))
        _ = try writer.finish(chain: other.chain, height: 3, madeMilliseconds: 1)
        #expect(
            code { _ = try NodeRestore.restore(folder.path("mixed.backup"), to: folder.path("b")) } == .wrongChain)
        // A node whose genesis is not its ledger's makes none.
        try DurableFile.replace("\(one.folder)/genesis.dagcbor", with: other.encoded())
        #expect(code { _ = try backup(one, folder.path("x.backup")) } == .wrongChain)
        #expect(!DurableFile.exists(folder.path("x.backup")) && !DurableFile.exists(folder.path("x.backup.partial")))
    }

    @Test("names in a backup lead nowhere but into the folder") func names() {
        for name in ["ledger.sqlite", "genesis.dagcbor", "node.toml", "keys/node.key", "keys/api.token"] {
            #expect(BackupIndex.Entry.isAllowed(name))
        }
        for name in [
            "", "/etc/passwd", "../x", "keys/../x", "keys/.x", "keys/", "keys/a/b", "ledger.sqlite-wal", "keys/é",
        ] {
            #expect(!BackupIndex.Entry.isAllowed(name), "\(name)")
        }
    }

    @Test("a restored validator signs nothing before a block that is later than the restore") func held() async throws {
        let folder = try TemporaryFolder()
        let node = try await node(folder.path("a"))
        _ = try backup(node, folder.path("n.backup"), withKeys: true)
        // What the backup does not know: the key has signed block 4.
        try await node.block(sequence: 3)
        let fourth = try await node.runtime.kernel.perform { try $0.archive.exportedBlock(height: 4) }
        let time = fourth.certified.header.timeMilliseconds
        await node.stop()
        // As if restored just before block 4 was made, on a clock within the margin.
        let restored = try NodeRestore.restore(
            folder.path("n.backup"), to: folder.path("b"),
            nowMilliseconds: time - 1 - NodeRestore.clockMarginMilliseconds)
        #expect(restored.signingHoldMilliseconds == time - 1)
        let again = try await TestNode(in: folder.path("b"), genesis: node.genesis)
        let sent = TestNode.transfer(node.genesis.chain, from: 5, sequence: 0)
        let outcome = try await again.runtime.submit(sent.encoded)
        #expect(try await again.runtime.receipt(of: outcome.id, waitingAtMost: .milliseconds(500)) == nil)
        #expect(try await again.runtime.status().height == 3)
        #expect(
            try await again.runtime.health().findings.contains { !$0.healthy && $0.detail.contains("restored") })
        #expect(try await again.runtime.status().notes.contains { $0.contains("signs nothing") })
        #expect(try await again.runtime.kernel.perform { try $0.archive.database.signingHold() } == time - 1)
        await #expect(throws: StorageError.self) {
            try await again.runtime.kernel.perform { host in
                try host.archive.database.grantVote(
                    SignedVote(height: 900, round: 0, step: 2, digest: [1]), signer: [1])
            }
        }
        // A final block from after the restore: what comes now, this key has not signed before.
        try await again.runtime.kernel.perform { try $0.follow(fourth) }
        #expect(try await again.runtime.kernel.perform { try $0.archive.database.signingHold() } == nil)
        await again.stop()
        let later = try await TestNode(in: folder.path("b"), genesis: node.genesis)
        #expect(try await later.block(from: 5, sequence: 0)?.height == 5)
        await later.stop()
    }
}
