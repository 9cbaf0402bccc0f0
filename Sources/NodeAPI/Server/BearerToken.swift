import Node
import Primitives

/// The secret that requests over TCP carry, in a file of mode 0600.
public struct BearerToken: Sendable {
    private let bytes: [UInt8]

    /// The text for an `Authorization` header.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public init(_ text: String) { bytes = Array(text.utf8) }

    /// Compares without telling by its duration how much was right: digests of both are compared in full.
    func matches(authorization header: String?) -> Bool {
        guard let header, header.lowercased().hasPrefix("bearer ") else { return false }
        let given = Digest.blake2b256(Array(header.utf8.dropFirst(7))).bytes
        let own = Digest.blake2b256(bytes).bytes
        return zip(given, own).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Reads the file; refuses one that others may read, and one that is empty.
    public static func load(from path: String) throws(ServiceError) -> BearerToken {
        let permissions: UInt32
        do throws(FileError) { permissions = try DurableFile.permissions(of: path) } catch {
            throw ServiceError(.notFound, "there is no token file \(path)", field: "api.token_file")
        }
        guard permissions & 0o077 == 0 else {
            throw ServiceError(
                .unauthorised, "others may read the token file \(path)", hint: "chmod 600 \(path)",
                field: "api.token_file")
        }
        do {
            let text = String(decoding: try DurableFile.read(path, limitBytes: 4096), as: UTF8.self)
            let token = text.filter { !$0.isWhitespace }
            guard token.utf8.count >= 16 else {
                throw ServiceError(.malformed, "the token in \(path) is too short", field: "api.token_file")
            }
            return BearerToken(token)
        } catch let error as ServiceError {
            throw error
        } catch {
            throw ServiceError(.internal, "cannot read the token: \(error)", field: "api.token_file")
        }
    }

    /// Reads the file, or makes one with 32 random bytes.
    public static func loadOrCreate(at path: String) throws(ServiceError) -> BearerToken {
        if DurableFile.exists(path) { return try load(from: path) }
        let token = BearerToken(Hex.encode(SecureRandom.bytes(count: 32)))
        do {
            try DurableFile.replace(path, with: token.bytes + [0x0a], mode: 0o600)
        } catch {
            throw ServiceError(.internal, "cannot write the token: \(error)", field: "api.token_file")
        }
        return token
    }
}
