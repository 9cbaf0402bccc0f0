/// The IDX format of MNIST and Fashion-MNIST: unsigned bytes with a big-endian shape.
public enum IDX {
    /// Errors: `malformed`, `unsupportedType`, `truncated`, `trailingBytes`, `wrongShape`.
    public static func decode(_ bytes: [UInt8], place: String = "idx") throws(TrainingError) -> Tensor {
        guard bytes.count >= 4 else { throw TrainingError(.truncated, "shorter than its magic number", at: place) }
        guard bytes[0] == 0, bytes[1] == 0 else { throw TrainingError(.malformed, "no IDX magic number", at: place) }
        guard bytes[2] == 8 else { throw TrainingError(.unsupportedType, "only unsigned bytes are read", at: place) }
        let dimensions = Int(bytes[3])
        guard (1...8).contains(dimensions) else {
            throw TrainingError(.malformed, "\(dimensions) dimensions", at: place)
        }
        let start = 4 + 4 * dimensions
        guard bytes.count >= start else { throw TrainingError(.truncated, "ends inside its shape", at: place) }
        let shape = (0..<dimensions).map { dimension in
            bytes[4 + 4 * dimension..<8 + 4 * dimension].reduce(0) { $0 << 8 | Int($1) }
        }
        let count = try Tensor.elementCount(of: shape)
        guard bytes.count - start >= count else {
            throw TrainingError(.truncated, "\(bytes.count - start) bytes for shape \(shape)", at: place)
        }
        guard bytes.count - start == count else {
            throw TrainingError(.trailingBytes, "\(bytes.count - start - count) bytes too many", at: place)
        }
        return try Tensor(shape: shape, .uint8(Array(bytes[start...])))
    }

    public static func encode(shape: [Int], _ values: [UInt8]) throws(TrainingError) -> [UInt8] {
        guard (1...8).contains(shape.count), try Tensor.elementCount(of: shape) == values.count,
            shape.allSatisfy({ $0 <= Int(UInt32.max) })
        else { throw TrainingError(.wrongShape, "\(values.count) bytes for shape \(shape)", at: "idx") }
        var bytes: [UInt8] = [0, 0, 8, UInt8(shape.count)]
        for dimension in shape { bytes += (0..<4).reversed().map { UInt8(truncatingIfNeeded: dimension >> (8 * $0)) } }
        return bytes + values
    }
}
