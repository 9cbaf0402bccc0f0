import Ledger
import Primitives
import TestSupport
import Testing
import Tokens

@testable import Node

@Suite("What a node proves beside values is checked from the genesis alone")
struct OfflineProofTests {
    @Test("a listing with an entry left out, added or changed is refused")
    func listings() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        try await node.block(sequence: 0)
        let anchor = TrustAnchor(genesis: node.genesis)
        let listing = try await node.runtime.list(prefix: Array("a/".utf8), after: nil, limit: 100)
        let certified = Ledger.CertifiedHeader(
            header: try Header.decode(listing.anchor.header),
            certificate: try Certificate.decode(listing.anchor.certificate))
        let proof = try StateProof.decode(listing.proof)
        guard case .entries(let entries) = try CertifiedStateProof(certified: certified, proof: proof).verify(anchor)
        else {
            Issue.record("no entries")
            return
        }
        #expect(entries.map(\.path) == listing.entries.map(\.path))
        #expect(entries.map(\.value) == listing.entries.map(\.value))
        guard case .array(let parts) = try CBORValue.decode(listing.proof), case .array(let end) = parts[3],
            case .array(let list) = end[1]
        else {
            Issue.record("another form of proof")
            return
        }
        var lies: [[CBORValue]] = list.indices.map { index in
            var lie = list
            lie.remove(at: index)
            return lie
        }
        lies += list.indices.map { index in
            var lie = list
            if case .array(var entry) = lie[index], case .bytes(var value) = entry[1] {
                value[value.count - 1] ^= 1
                entry[1] = .bytes(value)
                lie[index] = .array(entry)
            }
            return lie
        }
        lies.append(list + [.array([.bytes(Array("a/".utf8) + [0xff]), .bytes([1])])])
        lies.append(list.reversed())
        lies.append(list + [try #require(list.last)])
        for lie in lies {
            var items = parts
            items[3] = .array([end[0], .array(lie)])
            let told = CBORValue.array(items).encoded()
            #expect(throws: (any Error).self) {
                try CertifiedStateProof(certified: certified, proof: StateProof.decode(told)).verify(anchor)
            }
        }
    }

    @Test("a transaction's proof with the receipt, slot or header of another is refused")
    func transactions() async throws {
        let folder = try TemporaryFolder()
        let node = try await TestNode(in: folder.root)
        for sequence in 0..<3 as Range<UInt64> { try await node.block(sequence: sequence) }
        let anchor = TrustAnchor(genesis: node.genesis)
        func proof(_ slot: UInt64) async throws -> TransactionProof {
            try TransactionProof.decode(try await node.runtime.transaction(.slot(slot)).proof)
        }
        let (first, second) = (try await proof(0), try await proof(1))
        let verified = try first.verify(anchor)
        #expect(verified.receipt.isSuccess)
        func mixed(
            slot: UInt64? = nil, transaction: [UInt8]? = nil, block: Ledger.CertifiedHeader? = nil,
            receipt: Receipt? = nil
        ) -> TransactionProof {
            TransactionProof(
                slot: slot ?? first.slot, transaction: transaction ?? first.transaction,
                historyPath: first.historyPath, certified: first.certified, block: block ?? first.block,
                receipt: receipt ?? first.receipt, receiptIndex: first.receiptIndex,
                receiptCount: first.receiptCount, receiptPath: first.receiptPath)
        }
        let failed = Receipt(code: .malformed, fee: first.receipt.fee, units: first.receipt.units, events: [])
        let lies = [
            mixed(slot: 1), mixed(transaction: second.transaction), mixed(block: second.block), mixed(receipt: failed),
        ]
        for lie in lies { #expect(throws: TrustError.self) { try lie.verify(anchor) } }
    }
}
