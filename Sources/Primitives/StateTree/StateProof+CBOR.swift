// Tuples: [question kind, path, steps, end kind, end…]; the steps are one byte string of 34 bytes each: the bit, two
// bytes big-endian, and the sibling's digest.
extension StateProof: CBORCodable {
    private static let stepByteCount = 34

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 4)
        switch question {
        case .path(let path):
            encoder.unsigned(0 as UInt64)
            encoder.bytes(path)
        case .prefix(let prefix):
            encoder.unsigned(1 as UInt64)
            encoder.bytes(prefix)
        }
        var packed: [UInt8] = []
        packed.reserveCapacity(steps.count * StateProof.stepByteCount)
        for step in steps {
            packed.append(UInt8(truncatingIfNeeded: step.bit >> 8))
            packed.append(UInt8(truncatingIfNeeded: step.bit))
            step.sibling.withUnsafeBytes { packed.append(contentsOf: $0) }
        }
        encoder.bytes(packed)
        encode(end, to: &encoder)
    }

    private func encode(_ end: End, to encoder: inout CBOREncoder) {
        switch end {
        case .emptyTree:
            encoder.array(count: 1)
            encoder.unsigned(0 as UInt64)
        case .value(let value):
            encoder.array(count: 2)
            encoder.unsigned(1 as UInt64)
            encoder.bytes(value)
        case .entries(let entries):
            encoder.array(count: 2)
            encoder.unsigned(2 as UInt64)
            encoder.list(entries)
        case .otherLeaf(let path, let valueDigest):
            encoder.array(count: 3)
            encoder.unsigned(3 as UInt64)
            encoder.bytes(path)
            encoder.digest(valueDigest)
        case .otherNode(let bit, let prefix, let left, let right):
            encoder.array(count: 5)
            encoder.unsigned(4 as UInt64)
            encoder.unsigned(bit)
            encoder.bytes(prefix)
            encoder.digest(left)
            encoder.digest(right)
        }
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 4)
        let kind = try decoder.unsigned()
        guard kind < 2 else { throw decoder.invalid("an unknown kind of question") }
        let path = try decoder.bytes()
        question = kind == 0 ? .path(path) : .prefix(path)
        let packed = try decoder.bytes()
        guard packed.count % StateProof.stepByteCount == 0 else { throw decoder.invalid("a part of a step") }
        var steps: [Step] = []
        steps.reserveCapacity(packed.count / StateProof.stepByteCount)
        for start in stride(from: 0, to: packed.count, by: StateProof.stepByteCount) {
            let bit = UInt16(packed[start]) << 8 | UInt16(packed[start + 1])
            let sibling = Digest(bytes: packed[(start + 2)..<(start + StateProof.stepByteCount)]) ?? .zero
            steps.append(Step(bit: bit, sibling: sibling))
        }
        self.steps = steps
        end = try StateProof.decodeEnd(&decoder)
    }

    private static func decodeEnd(_ decoder: inout CBORDecoder) throws(CBORError) -> End {
        let items = try decoder.array()
        let kind = try decoder.unsigned()
        switch (kind, items) {
        case (0, 1): return .emptyTree
        case (1, 2): return .value(try decoder.bytes())
        case (2, 2): return .entries(try decoder.list())
        case (3, 3): return .otherLeaf(path: try decoder.bytes(), valueDigest: try decoder.digest())
        case (4, 5):
            return .otherNode(
                bit: try decoder.unsigned(as: UInt16.self), prefix: try decoder.bytes(), left: try decoder.digest(),
                right: try decoder.digest())
        default: throw decoder.invalid("an unknown end, or one with a wrong number of items")
        }
    }
}
