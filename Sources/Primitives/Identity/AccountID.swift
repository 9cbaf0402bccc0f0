/// Names an account: 33 bytes, the kind and 32 more.
///
/// Texts: `did:key:z…` for a key; `vin:multi:b…` and `vin:derived:b…` with 32 bytes in base 32 for the others.
public struct AccountID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public enum Kind: UInt8, Hashable, Sendable {
        /// The account of one Ed25519 key; the 32 bytes are the key.
        case key = 0
        /// The account of a multi-signature; the 32 bytes are the digest of its first record.
        case multiSignature = 1
        /// An account that a module owns, such as an escrow; no key signs for it.
        case derived = 2
    }

    public let kind: Kind
    /// The 32 bytes after the kind.
    public let payload: Digest

    public init(kind: Kind, payload: Digest) {
        self.kind = kind
        self.payload = payload
    }

    public init(_ key: PublicKey) { self.init(kind: .key, payload: Digest(storage: key.storage)) }

    /// The account that `module` owns under the name `id`.
    public static func derived(module: String, id: [UInt8]) -> AccountID {
        var encoder = CBOREncoder()
        encoder.array(count: 2)
        encoder.text(module)
        encoder.bytes(id)
        let named = signedBytes(kind: "derived-account", body: encoder.finish())
        return AccountID(kind: .derived, payload: .blake2b256(named))
    }

    public static let byteCount = 33

    /// The kind and the 32 bytes.
    public var bytes: [UInt8] { [kind.rawValue] + payload.bytes }

    public init(bytes: some Collection<UInt8>) throws(FormatError) {
        guard bytes.count == AccountID.byteCount, let first = bytes.first else {
            throw FormatError(.wrongLength, "33 bytes are needed, not \(bytes.count)", at: "account id")
        }
        guard let kind = Kind(rawValue: first), let payload = Digest(bytes: bytes.dropFirst()) else {
            throw FormatError(.unsupported, "kind \(first)", at: "account id")
        }
        self.init(kind: kind, payload: payload)
    }

    /// The key, if the account is a key's.
    public var publicKey: PublicKey? { kind == .key ? PublicKey(storage: payload.storage) : nil }

    private static let multiSignaturePrefix = "vin:multi:"
    private static let derivedPrefix = "vin:derived:"

    public var text: String {
        switch kind {
        case .key: PublicKey(storage: payload.storage).didKey
        case .multiSignature: AccountID.multiSignaturePrefix + Multibase.base32.encode(payload.bytes)
        case .derived: AccountID.derivedPrefix + Multibase.base32.encode(payload.bytes)
        }
    }

    public var description: String { text }

    public init(text: some StringProtocol) throws(FormatError) {
        if text.hasPrefix("did:") {
            self.init(try PublicKey(didKey: text))
        } else if text.hasPrefix(AccountID.multiSignaturePrefix) {
            let digits = text.dropFirst(AccountID.multiSignaturePrefix.count)
            self.init(kind: .multiSignature, payload: try AccountID.payload(digits))
        } else if text.hasPrefix(AccountID.derivedPrefix) {
            let digits = text.dropFirst(AccountID.derivedPrefix.count)
            self.init(kind: .derived, payload: try AccountID.payload(digits))
        } else {
            throw FormatError(.wrongPrefix, "neither did:key:, vin:multi: nor vin:derived:", at: "account id")
        }
    }

    private static func payload(_ text: some StringProtocol) throws(FormatError) -> Digest {
        let (base, bytes) = try Multibase.decode(text)
        guard base == .base32 else { throw FormatError(.nonCanonical, "not in base 32", at: "account id") }
        guard let digest = Digest(bytes: bytes) else {
            throw FormatError(.wrongLength, "32 bytes are needed, not \(bytes.count)", at: "account id")
        }
        return digest
    }

    public static func < (left: AccountID, right: AccountID) -> Bool {
        left.kind == right.kind ? left.payload < right.payload : left.kind.rawValue < right.kind.rawValue
    }
}

extension AccountID: CBORCodable {
    /// A byte string of 33 bytes.
    public func encode(to encoder: inout CBOREncoder) { encoder.bytes(kind.rawValue, payload) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        let start = decoder.offset
        let place = try decoder.fixedBytes(AccountID.byteCount)
        guard let kind = Kind(rawValue: place.load(as: UInt8.self)) else {
            throw CBORError(.invalidValue, "an unknown kind of account", at: start)
        }
        self.init(kind: kind, payload: Digest(storage: Bytes32(unchecked: place + 1)))
    }
}
