import Glibc
import Ledger
import Primitives
import Storage
import Tokens

// vinculum-bench [accounts] [transactions] [folder] [transactions a block]: how close the ledger comes to what the machine's signature checks
// allow, what it writes, and how fast it starts again. Ratios, since machines differ.

let arguments = CommandLine.arguments
let accountCount = arguments.count > 1 ? Int(arguments[1]) ?? 1_000_000 : 1_000_000
let transactionCount = arguments.count > 2 ? Int(arguments[2]) ?? 200_000 : 200_000
let folder = arguments.count > 3 ? arguments[3] : "."
let senderCount = min(accountCount, 20_000)
let blockSize = arguments.count > 4 ? Int(arguments[4]) ?? 2_000 : 2_000
let path = "\(folder)/vinculum-bench-\(getpid()).db"
func removeFiles() { for suffix in ["", "-wal", "-shm", "-lock"] { unlink(path + suffix) } }

let key = try { () throws -> SecretKey in
    guard let key = SecretKey(seed: Digest.blake2b256(Array("bench".utf8)).bytes) else {
        throw Refusal(.malformed, "no key")
    }
    return key
}()
var random = SeededRandom(state: 1)
var start = now()
let senders = (0..<senderCount).compactMap { number in
    SecretKey(seed: Digest.blake2b256(signedBytes(kind: "bench-key", body: UInt64(number))).bytes)
}
let genesis = try BenchNode.genesis(accounts: accountCount, key: key, senders: senders.map { AccountID($0.publicKey) })
var encoded: [[UInt8]] = []
encoded.reserveCapacity(transactionCount)
let chain = genesis.chain
for number in 0..<transactionCount {
    let sender = senders[number % senderCount]
    let receiver = Int.random(in: senderCount..<max(accountCount, senderCount + 1), using: &random)
    let transfer = Transfer(to: BenchNode.account(receiver), amount: Amount(baseUnits: 1_000 + UInt128(number)))
    let body = TransactionBody(
        chain: chain, account: AccountID(sender.publicKey), sequence: UInt64(number / senderCount),
        validUntilHeight: 1_000_000, feeLimit: Amount(baseUnits: 1_000_000_000_000_000), module: "tokens",
        call: ActionCall("transfer", transfer))
    encoded.append(Transaction(body, signedBy: [sender]).encoded)
}
print("prepared \(transactionCount) transfers of \(encoded[0].count) bytes in \(rounded(now() - start)) s")
start = now()
var node: BenchNode? = try BenchNode(genesis: genesis, key: key, path: path)
defer { removeFiles() }
print("genesis of \(accountCount) accounts, and its snapshot: \(rounded(now() - start)) s")

// Signature checks alone, on all cores.
let decoded = try encoded.map { try Transaction(decoding: $0) }
let messages = decoded.map(\.signedMessage)
let processorAlone = processorSeconds()
start = now()
let good = await verifyAlone(decoded, messages)
let processorCheck = (processorSeconds() - processorAlone) / Double(max(good, 1)) * 1e6
let verificationRate = Double(good) / (now() - start)
print("signature checks alone, all cores: \(Int(verificationRate)) /s")

// Arriving encoded: verified ahead on all cores while the block before is executed and synced.
let writtenBefore = writtenBytes()
let processorBefore = processorSeconds()
start = now()
let parts = stride(from: 0, to: encoded.count, by: blockSize).map {
    Array(encoded[$0..<min($0 + blockSize, encoded.count)])
}
var ahead = Task.detached { [part = parts[0]] in await TransactionVerifier.verify(part) }
for index in parts.indices {
    let verified = await ahead.value
    if index + 1 < parts.count {
        ahead = Task.detached { [part = parts[index + 1]] in await TransactionVerifier.verify(part) }
    }
    try node?.submit(verified.compactMap { try? $0.get() })
}
let elapsed = now() - start
let processorEach = (processorSeconds() - processorBefore) / Double(transactionCount) * 1e6
try node?.archive.database.checkpoint()
let written = Double(writtenBytes() - writtenBefore) / Double(transactionCount)
let committed = node?.committed ?? 0
let rate = Double(committed) / elapsed
print("durable transfers: \(Int(rate)) /s (\(committed) committed, \(node?.rejected ?? 0) refused)")
if let refusal = node?.firstRefusal { print("first refusal: \(refusal)") }
print("ratio to signature checks alone: \(rounded(rate / verificationRate)) (target 0.60)")
print(
    "processor time: \(rounded(processorEach, 1)) us a transfer, \(rounded(processorCheck, 1)) us a check alone: "
        + "ratio \(rounded(processorCheck / processorEach)) whatever else the machine does")
print("bytes written per transfer, checkpoints and snapshots included: \(Int(written)) (target 1500)")
print("fdatasync median: \(rounded(syncMedian(folder: folder), 3)) ms")

// Start again: newest snapshot, and the change sets after it.
let height = node?.kernel.head.height ?? 0
let root = node?.kernel.committedState().store.root()
node = nil
start = now()
let processorStart = processorSeconds()
let archive = try LedgerArchive.open(path: path, chain: chain)
if let restored = try archive.restore(genesis: genesis, rules: BenchNode.rules) {
    let seconds = now() - start
    let processor = processorSeconds() - processorStart
    print(
        "restart at height \(height) from the snapshot at \(restored.snapshotHeight), \(accountCount) accounts: "
            + "\(rounded(seconds)) s (target 5; processor \(rounded(processor)) s), roots \(restored.state.store.root() == root ? "equal" : "DIFFER")"
    )
}
