/// The bytes that are signed or hashed for a body: `vinculum/KIND/1`, a zero byte, the canonical DAG-CBOR of the body.
/// The kind keeps a signature over one type of object from being valid for another.
public func signedBytes(kind: String, body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(kind.utf8.count + body.count + 12)
    bytes.append(contentsOf: "vinculum/".utf8)
    bytes.append(contentsOf: kind.utf8)
    bytes.append(contentsOf: "/1\0".utf8)
    bytes.append(contentsOf: body)
    return bytes
}

/// The bytes that are signed or hashed for a record.
public func signedBytes(kind: String, body: some CBORCodable) -> [UInt8] {
    signedBytes(kind: kind, body: body.encoded())
}
