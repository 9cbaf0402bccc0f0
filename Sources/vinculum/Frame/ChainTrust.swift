import Ledger
import Node
import Primitives

/// The chain that transactions are signed for.
struct SigningChain: Sendable {
    /// What the folder's genesis says; nil where a folder has none, and the node's word is all there is.
    let expected: CID?

    /// A signature for another chain could be spent there: a node that names one is not believed.
    func of(_ status: NodeStatus) throws -> CID {
        let said = try CID(text: status.chain)
        guard let expected, expected != said else { return said }
        throw CommandFailure(
            .notProven, "the node follows chain \(said.text), and the folder's genesis is of \(expected.text)",
            hint: "ask a node of that chain with --node, or name the other chain's folder with --data",
            field: "node.genesis_file")
    }
}

/// What a node says of the state, believed only with a proof under a genesis.
final class ProvenState {
    let service: any NodeService
    /// Comes along with the chain's changes of validators.
    private var anchor: TrustAnchor

    init(_ service: any NodeService, _ genesis: Genesis) {
        self.service = service
        anchor = TrustAnchor(genesis: genesis)
    }

    /// The value at a path, or nil where it is proven that there is none, and the height of the state that says so.
    func value(at path: [UInt8]) async throws -> (value: [UInt8]?, height: UInt64) {
        let answer = try await service.state(at: path)
        // Before the first block there is no header, and nothing but the genesis.
        guard answer.anchor.height > 0 else {
            throw CommandFailure(.notFound, "the chain has no block yet", hint: "a first transaction makes one")
        }
        let proof: CertifiedStateProof
        do throws(CBORError) { proof = try CertifiedStateProof(answer) } catch {
            throw CommandFailure(.notProven, "the node's proof cannot be read: \(error)")
        }
        guard proof.proof.question == .path(path) else {
            throw CommandFailure(.notProven, "the node's proof is for another path")
        }
        let height = proof.certified.header.height
        try await anchor.follow(to: proof.certified.header, of: service)
        switch try proof.verify(anchor) {
        case .value(let value): return (value, height)
        case .absent: return (nil, height)
        case .entries: throw CommandFailure(.notProven, "the node's proof lists a prefix")
        }
    }
}

extension CertifiedStateProof {
    /// As a node hands it out.
    init(_ proven: ProvenValue) throws(CBORError) {
        self.init(certified: try Ledger.CertifiedHeader(proven.anchor), proof: try StateProof.decode(proven.proof))
    }
}

extension FolderOptions {
    /// The genesis in a file, or the folder's.
    func genesis(_ file: String?) throws -> Genesis {
        let path = try file ?? configuration().genesisFile
        guard file != nil || DurableFile.exists(path) else {
            throw CommandFailure(.notFound, "there is no \(path)", hint: "give the chain's genesis with --genesis")
        }
        let bytes = try readBytes(path, limitBytes: 16 << 20)
        do throws(CBORError) { return try Genesis.decode(bytes) } catch {
            throw CommandFailure(.notProven, "\(path) is no genesis: \(error)")
        }
    }

    /// The genesis of the folder; nil where it has none.
    func ownGenesis() throws -> Genesis? {
        DurableFile.exists(try configuration().genesisFile) ? try genesis(nil) : nil
    }

    func signingChain() throws -> SigningChain { SigningChain(expected: try ownGenesis()?.chain) }
}

/// Headers that a node serves, one after another.
enum HeaderWalk {
    /// A header as a node serves it.
    struct Served {
        let certified: Ledger.CertifiedHeader
        /// To whom it hands over, where they are others than those who certify it.
        let newValidators: ValidatorSet?
    }

    /// The handovers that lead from the genesis to the validators of a height; none for the first.
    static func lead(to first: UInt64, of service: any NodeService) async throws -> [Handover] {
        var handovers: [Handover] = []
        var height: UInt64 = 0
        while first > 1 {
            let page = try await service.handovers(from: height, limit: 100)
            for encoded in page {
                let handover = try Handover(encoded)
                guard handover.certified.header.height < first else { return handovers }
                handovers.append(handover)
            }
            guard let last = handovers.last?.certified.header.height, last >= height, !page.isEmpty else { break }
            height = last + 1
        }
        return handovers
    }

    /// Throws where the node ends early: what is left out could be anything.
    ///
    static func forEach(
        from first: UInt64, through last: UInt64, of service: any NodeService,
        _ body: (Served) async throws -> Void
    ) async throws {
        var height = first
        while height <= last {
            let page = try await service.headers(from: height, limit: Int(min(500, last - height + 1)))
            guard !page.isEmpty else {
                throw CommandFailure(.notProven, "the node says that there are \(last) blocks, and gives no \(height)")
            }
            for encoded in page {
                let certified: Ledger.CertifiedHeader
                let validators: ValidatorSet?
                do throws(CBORError) {
                    certified = try Ledger.CertifiedHeader(encoded)
                    validators = try encoded.newValidators.map { (bytes) throws(CBORError) in
                        try ValidatorSet.decode(bytes)
                    }
                } catch {
                    throw CommandFailure(.notProven, "block \(height) cannot be read: \(error)")
                }
                guard certified.header.height == height, height <= last else {
                    throw CommandFailure(.notProven, "the node gave block \(certified.header.height), not \(height)")
                }
                try await body(Served(certified: certified, newValidators: validators))
                height += 1
            }
        }
    }
}
