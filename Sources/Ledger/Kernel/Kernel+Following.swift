import Primitives

extension Kernel {
    /// Takes a block that other validators have made final: the certificate first, then the execution, whose header has
    /// to be the certified one. A block that does not hold is refused with `blockRefused` and changes nothing.
    ///
    /// Signatures of transactions are outside their ids, so a liar can change them under a good certificate: a block
    /// that executes to another header is its sender's fault as long as another sender has a better one.
    mutating func follow(_ block: ExportedBlock, _ effects: inout [KernelEffect]) throws(KernelError) {
        let header = block.certified.header
        guard header.height > head.height else { return }
        try checkRules(at: header.height)
        do throws(TrustError) {
            try check(block)
        } catch {
            effects.append(.blockRefused(height: header.height, error))
            return
        }
        effects.append(.persist(try decide(height: header.height, headerID: header.id, block.certified.certificate)))
        isPersistingByCertificate = true
    }

    private mutating func check(_ block: ExportedBlock) throws(TrustError) {
        let header = block.certified.header
        guard header.chain == chain else { throw TrustError(.wrongChain, "the block is of chain \(header.chain)") }
        guard persisting == nil, header.height == head.height + 1 else {
            throw TrustError(.notInOrder, "block \(header.height) came where \(head.height + 1) is next")
        }
        try block.certified.certificate.verify(header, validators: head.validators)
        let id = header.id
        let before = attachments.updateValue(Block(header: header, transactions: block.transactions), forKey: id)
        // Against its own time: how far ahead a clock may be is checked live, and never on what is final.
        let code = validate(id, height: header.height, timeMilliseconds: header.timeMilliseconds)
        guard code == .ok else {
            attachments[id] = before
            throw TrustError(
                .divergent,
                "block \(header.height) is certified, and what came with it does not execute to it (\(code))")
        }
    }
}
