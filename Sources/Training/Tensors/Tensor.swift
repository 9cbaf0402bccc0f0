/// How a tensor's numbers are stored; the raw value is the name in safetensors.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
    case float32 = "F32"
    case int32 = "I32"
    case int64 = "I64"
    case uint8 = "U8"

    public var byteCount: Int {
        switch self {
        case .float32, .int32: 4
        case .int64: 8
        case .uint8: 1
        }
    }
}

/// A dense row-major array of numbers with a shape. A value: copies share storage until one of them is changed.
public struct Tensor: Hashable, Sendable {
    public enum Storage: Hashable, Sendable {
        case float32([Float])
        case int32([Int32])
        case int64([Int64])
        case uint8([UInt8])
    }

    public let shape: [Int]
    public let storage: Storage

    /// Refuses (`wrongShape`) a shape whose product is not the number of elements, or a negative dimension.
    public init(shape: [Int], _ storage: Storage) throws(TrainingError) {
        let expected = try Tensor.elementCount(of: shape)
        let given =
            switch storage {
            case .float32(let values): values.count
            case .int32(let values): values.count
            case .int64(let values): values.count
            case .uint8(let values): values.count
            }
        guard given == expected else {
            throw TrainingError(.wrongShape, "\(given) elements for shape \(shape)", at: "tensor")
        }
        self.shape = shape
        self.storage = storage
    }

    public var elementType: ElementType {
        switch storage {
        case .float32: .float32
        case .int32: .int32
        case .int64: .int64
        case .uint8: .uint8
        }
    }

    public var elementCount: Int {
        switch storage {
        case .float32(let values): values.count
        case .int32(let values): values.count
        case .int64(let values): values.count
        case .uint8(let values): values.count
        }
    }

    public var float32: [Float]? { if case .float32(let values) = storage { values } else { nil } }
    public var int32: [Int32]? { if case .int32(let values) = storage { values } else { nil } }
    public var int64: [Int64]? { if case .int64(let values) = storage { values } else { nil } }
    public var uint8: [UInt8]? { if case .uint8(let values) = storage { values } else { nil } }

    /// The numbers as bytes, little-endian as in memory, borrowed for the call.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch storage {
        case .float32(let values): values.withUnsafeBytes(body)
        case .int32(let values): values.withUnsafeBytes(body)
        case .int64(let values): values.withUnsafeBytes(body)
        case .uint8(let values): values.withUnsafeBytes(body)
        }
    }

    static func elementCount(of shape: [Int]) throws(TrainingError) -> Int {
        var count = 1
        for dimension in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflow else {
                throw TrainingError(.wrongShape, "shape \(shape) has no size", at: "tensor")
            }
            count = product
        }
        return count
    }

    /// A tensor filled by `fill`, which gets its zeroed bytes: how readers avoid a second copy.
    static func filled(
        shape: [Int], as type: ElementType, fill: (UnsafeMutableRawBufferPointer) throws(TrainingError) -> Void
    ) throws(TrainingError) -> Tensor {
        let count = try elementCount(of: shape)
        switch type {
        case .float32: return try Tensor(shape: shape, .float32(filledArray(count, 0, fill)))
        case .int32: return try Tensor(shape: shape, .int32(filledArray(count, 0, fill)))
        case .int64: return try Tensor(shape: shape, .int64(filledArray(count, 0, fill)))
        case .uint8: return try Tensor(shape: shape, .uint8(filledArray(count, 0, fill)))
        }
    }

    private static func filledArray<Element>(
        _ count: Int, _ zero: Element, _ fill: (UnsafeMutableRawBufferPointer) throws(TrainingError) -> Void
    ) throws(TrainingError) -> [Element] {
        var values = [Element](repeating: zero, count: count)
        var failure: TrainingError?
        values.withUnsafeMutableBytes { buffer in
            do throws(TrainingError) { try fill(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        return values
    }
}
