import Primitives

/// What a backup holds: the last part of the file, so that a file that was cut has none.
///
/// The file: the line `vinculum-backup/1`, the contents of the entries one behind the other, the index in canonical
/// DAG-CBOR, then its length (eight bytes, big-endian), its BLAKE2b-256 digest and the eight bytes `vincback`.
public struct BackupIndex: Hashable, Sendable, CBORCodable {
    static let firstLine = "vinculum-backup/1\n"
    static let lastBytes = Array("vincback".utf8)
    static let footerByteCount = 8 + 32 + 8
    static let byteLimit = 1 << 20
    static let entryLimit = 256

    /// A file of the node's folder.
    public struct Entry: Hashable, Sendable, CBORCodable {
        /// Relative to the folder, as `keys/node.key`.
        public let name: String
        public let offset: UInt64
        public let byteCount: UInt64
        public let digest: Digest
        /// Readable for its owner alone.
        public let isSecret: Bool

        public func encode(to encoder: inout CBOREncoder) {
            encoder.array(count: 5)
            encoder.text(name)
            encoder.unsigned(offset)
            encoder.unsigned(byteCount)
            encoder.digest(digest)
            encoder.bool(isSecret)
        }

        public init(from decoder: inout CBORDecoder) throws(CBORError) {
            try decoder.array(count: 5)
            name = try decoder.text()
            offset = try decoder.unsigned()
            byteCount = try decoder.unsigned()
            digest = try decoder.digest()
            isSecret = try decoder.bool()
            guard Entry.isAllowed(name) else { throw decoder.invalid("an entry named \(name.prefix(64))") }
        }

        package init(name: String, offset: UInt64, byteCount: UInt64, digest: Digest, isSecret: Bool) {
            self.name = name
            self.offset = offset
            self.byteCount = byteCount
            self.digest = digest
            self.isSecret = isSecret
        }

        /// A name cannot lead out of the folder, nor to a file of another kind.
        static func isAllowed(_ name: String) -> Bool {
            if ["ledger.sqlite", "genesis.dagcbor", "node.toml"].contains(name) { return true }
            guard name.hasPrefix("keys/") else { return false }
            let rest = name.utf8.dropFirst(5)
            return (1...64).contains(rest.count) && rest.first != UInt8(ascii: ".")
                && rest.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                        UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }

    public let chain: CID
    /// Where the chain stood when the backup was made.
    public let height: UInt64
    public let madeMilliseconds: UInt64
    public let entries: [Entry]

    public var hasKeys: Bool { entries.contains { $0.name.hasPrefix("keys/") } }
    public func entry(_ name: String) -> Entry? { entries.first { $0.name == name } }

    package init(chain: CID, height: UInt64, madeMilliseconds: UInt64, entries: [Entry]) {
        self.chain = chain
        self.height = height
        self.madeMilliseconds = madeMilliseconds
        self.entries = entries
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        encoder.link(chain)
        encoder.unsigned(height)
        encoder.unsigned(madeMilliseconds)
        encoder.list(entries)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        chain = try decoder.link()
        height = try decoder.unsigned()
        madeMilliseconds = try decoder.unsigned()
        entries = try decoder.list(maximum: BackupIndex.entryLimit)
        guard Set(entries.map(\.name)).count == entries.count else { throw decoder.invalid("an entry twice") }
        // One behind the other, so that no byte of the file is outside of every digest.
        var next = UInt64(BackupIndex.firstLine.utf8.count)
        for entry in entries {
            let (end, overflow) = next.addingReportingOverflow(entry.byteCount)
            guard entry.offset == next, !overflow else { throw decoder.invalid("entry \(entry.name) is out of place") }
            next = end
        }
    }

    /// Where the entries end.
    var endOffset: UInt64 {
        entries.last.map { $0.offset + $0.byteCount } ?? UInt64(BackupIndex.firstLine.utf8.count)
    }
}
