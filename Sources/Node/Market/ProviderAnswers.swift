import Glibc
import Primitives

/// Results that this provider has computed and committed to, a file a task.
public struct ProviderAnswers: Sendable {
    /// Tuple: [result, salt].
    public struct Answer: Hashable, Sendable, CBORCodable {
        public let result: CID
        public let salt: Digest

        init(result: CID, salt: Digest) {
            self.result = result
            self.salt = salt
        }

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 2)
            encoder.link(result)
            encoder.digest(salt)
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 2)
            result = try decoder.link()
            salt = try decoder.digest()
        }
    }

    private let folder: String

    public init(folder: String) throws(FileError) {
        self.folder = folder
        try DurableFile.makeFolder(folder, mode: 0o700)
    }

    func read(_ task: Digest) throws -> Answer? {
        guard DurableFile.exists(path(task)) else { return nil }
        return try Answer.decode(try DurableFile.read(path(task), limitBytes: 1_024))
    }

    func write(_ answer: Answer, for task: Digest) throws(FileError) {
        try DurableFile.replace(path(task), with: answer.encoded(), mode: 0o600)
    }

    func remove(_ task: Digest) { unlink(path(task)) }

    private func path(_ task: Digest) -> String { "\(folder)/\(task.hex)" }
}
