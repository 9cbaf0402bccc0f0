import Primitives

/// What an account wants done: the body that is signed.
public struct TransactionBody: Hashable, Sendable, CBORCodable {
    /// The CID of the genesis: a transaction of one chain is worth nothing on another.
    public let chain: CID
    public let account: AccountID
    /// 0 to 15; each lane has a sequence of its own, so that independent programs of one account do not wait for
    /// another.
    public let lane: UInt8
    public let sequence: UInt64
    /// The last height at which the transaction may be in a block.
    public let validUntilHeight: UInt64
    /// Who pays; nil when the account does. Another payer signs too, or is a derived account whose module agrees.
    public let payer: AccountID?
    /// The most that may be charged.
    public let feeLimit: Amount
    public let module: String
    public let call: ActionCall

    public init(
        chain: CID, account: AccountID, lane: UInt8 = 0, sequence: UInt64, validUntilHeight: UInt64,
        payer: AccountID? = nil, feeLimit: Amount, module: String, call: ActionCall
    ) {
        self.chain = chain
        self.account = account
        self.lane = lane
        self.sequence = sequence
        self.validUntilHeight = validUntilHeight
        self.payer = payer == account ? nil : payer
        self.feeLimit = feeLimit
        self.module = module
        self.call = call
    }

    /// Who pays, named.
    public var payingAccount: AccountID { payer ?? account }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 11)
        encoder.link(chain)
        encoder.value(account)
        encoder.unsigned(lane)
        encoder.unsigned(sequence)
        encoder.unsigned(validUntilHeight)
        encoder.optional(payer)
        encoder.value(feeLimit)
        encoder.text(module)
        encoder.text(call.action)
        encoder.unsigned(call.version)
        encoder.bytes(call.body)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 11)
        chain = try decoder.link()
        account = try decoder.value()
        lane = try decoder.unsigned(as: UInt8.self)
        sequence = try decoder.unsigned()
        validUntilHeight = try decoder.unsigned()
        payer = try decoder.optional()
        feeLimit = try decoder.value()
        module = try decoder.text()
        let action = try decoder.text()
        let version = try decoder.unsigned(as: UInt32.self)
        call = ActionCall(action: action, version: version, body: try decoder.bytes())
        guard payer != account else { throw decoder.invalid("a payer that is the account is left out") }
    }

    /// The digest that names the transaction: of what is signed, so that signatures are outside.
    public var id: Digest { .blake2b256(signedBytes(kind: Transaction.kind, body: self)) }
}

/// A key and its signature over the body.
public struct SignedBy: Hashable, Sendable, CBORCodable {
    public let key: PublicKey
    public let signature: Signature

    public init(key: PublicKey, signature: Signature) {
        self.key = key
        self.signature = signature
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.value(key)
        encoder.value(signature)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        key = try decoder.value()
        signature = try decoder.value()
    }
}

/// A body with signatures, as it travels: the array of body and signatures. Nothing says yet that a signature is good.
public struct Transaction: Hashable, Sendable {
    /// The kind in the signed bytes.
    public static let kind = "transaction"
    /// Keys that may sign one transaction.
    public static let maximumSignatures = 16

    public let body: TransactionBody
    /// Sorted by key, none twice.
    public let signatures: [SignedBy]
    /// The canonical encoding, signatures included.
    public let encoded: [UInt8]
    public let id: Digest

    /// Signs a body.
    public init(_ body: TransactionBody, signedBy keys: [SecretKey]) {
        let message = signedBytes(kind: Transaction.kind, body: body)
        let signatures = keys.map { SignedBy(key: $0.publicKey, signature: $0.sign(message)) }
        self.init(body, signatures: signatures)
    }

    /// A body with signatures that were made elsewhere.
    public init(_ body: TransactionBody, signatures: [SignedBy]) {
        let sorted = signatures.sorted { $0.key < $1.key }
        var encoder = CBOREncoder(capacity: 320)
        encoder.array(count: 2)
        encoder.value(body)
        encoder.list(sorted)
        self.body = body
        self.signatures = sorted
        encoded = encoder.finish()
        id = body.id
    }

    /// Reads an envelope. Anything but a canonical one of at most 16 signatures, sorted by key, is refused.
    public init(decoding bytes: [UInt8]) throws(Refusal) {
        do {
            var signed: [UInt8] = []
            let (body, signatures) = try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                try decoder.array(count: 2)
                let start = decoder.offset
                let body = try TransactionBody(from: &decoder)
                signed = signedBytes(kind: Transaction.kind, body: decoder.bytes(in: start..<decoder.offset))
                return (body, try decoder.list(of: SignedBy.self, maximum: Transaction.maximumSignatures))
            }
            guard !signatures.isEmpty else { throw Refusal(.unauthorised, "there is no signature") }
            guard zip(signatures, signatures.dropFirst()).allSatisfy({ $0.key < $1.key }) else {
                throw Refusal(.malformed, "signatures are not sorted by key")
            }
            self.body = body
            self.signatures = signatures
            encoded = bytes
            id = .blake2b256(signed)
        } catch let error as CBORError {
            throw Refusal(malformed: error)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.malformed, "\(error)")
        }
    }

    /// What the signatures are over.
    public var signedMessage: [UInt8] { signedBytes(kind: Transaction.kind, body: body) }
}
