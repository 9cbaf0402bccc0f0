/// Named tensors and text metadata, as one safetensors file (the format of the Hugging Face library of that name).
///
/// Reading is strict: the header's length is checked before it is read, and every byte after it belongs to exactly one
/// tensor. Tensors go between file and memory without a copy of the whole file.
public struct Safetensors: Hashable, Sendable {
    public var tensors: [String: Tensor]
    public var metadata: [String: String]

    /// The longest header that is read unless a caller says otherwise, in bytes.
    public static let headerByteLimit = 1 << 20

    public init(tensors: [String: Tensor] = [:], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// The tensor of that name and type. Errors: `missing`, `unsupportedType`, `wrongShape` (when a shape is given).
    public func tensor(_ name: String, _ type: ElementType, shape: [Int]? = nil) throws(TrainingError) -> Tensor {
        guard let tensor = tensors[name] else { throw TrainingError(.missing, "no such tensor", at: name) }
        guard tensor.elementType == type else {
            throw TrainingError(
                .unsupportedType, "holds \(tensor.elementType.rawValue), wanted \(type.rawValue)", at: name)
        }
        if let shape, tensor.shape != shape {
            throw TrainingError(.wrongShape, "has shape \(tensor.shape), wanted \(shape)", at: name)
        }
        return tensor
    }

    // MARK: Reading

    public static func read(
        _ path: String, headerByteLimit: Int = headerByteLimit
    ) throws(TrainingError) -> Safetensors {
        let file = try OpenFile(reading: path)
        return try decode(
            byteCount: file.byteCount, headerByteLimit: headerByteLimit, place: path
        ) { (offset, buffer) throws(TrainingError) in try file.read(at: offset, into: buffer) }
    }

    public static func decode(
        _ bytes: [UInt8], headerByteLimit: Int = headerByteLimit, place: String = "safetensors"
    ) throws(TrainingError) -> Safetensors {
        try decode(byteCount: bytes.count, headerByteLimit: headerByteLimit, place: place) { offset, buffer in
            bytes.withUnsafeBytes { source in
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + buffer.count]))
            }
        }
    }

    /// `load` fills a buffer with the bytes at an offset; it is only asked for ranges inside `byteCount`.
    private static func decode(
        byteCount: Int, headerByteLimit: Int, place: String,
        load: (Int, UnsafeMutableRawBufferPointer) throws(TrainingError) -> Void
    ) throws(TrainingError) -> Safetensors {
        guard byteCount >= 8 else { throw TrainingError(.truncated, "shorter than a header's length", at: place) }
        let lengthBytes = try Tensor.filled(shape: [8], as: .uint8) { (buffer) throws(TrainingError) in
            try load(0, buffer)
        }
        let length = (lengthBytes.uint8 ?? []).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(headerByteLimit) else {
            throw TrainingError(.headerTooLarge, "a header of \(length) bytes, at most \(headerByteLimit)", at: place)
        }
        let start = 8 + Int(length)
        guard start <= byteCount else { throw TrainingError(.truncated, "ends inside the header", at: place) }
        let text = try Tensor.filled(shape: [Int(length)], as: .uint8) { (buffer) throws(TrainingError) in
            try load(8, buffer)
        }
        let header = try SafetensorsHeader.parse(text.uint8 ?? [], dataByteCount: byteCount - start, place: place)
        var result = Safetensors(metadata: header.metadata)
        for entry in header.entries {
            result.tensors[entry.name] = try Tensor.filled(
                shape: entry.shape, as: entry.type
            ) { (buffer) throws(TrainingError) in try load(start + entry.begin, buffer) }
        }
        return result
    }

    // MARK: Writing

    /// Writes tensor by tensor, beside the target, then renames.
    public func write(_ path: String) throws(TrainingError) {
        let (header, names) = encodedHeader()
        try WholeFile.replace(path) { (file) throws(TrainingError) in
            var failure: TrainingError?
            func put(_ buffer: UnsafeRawBufferPointer) {
                do throws(TrainingError) { try file.write(buffer) } catch { failure = failure ?? error }
            }
            header.withUnsafeBytes(put)
            for name in names { tensors[name]?.withUnsafeBytes(put) }
            if let failure { throw failure }
        }
    }

    /// The whole file as bytes; equal contents give equal bytes.
    public func encoded() -> [UInt8] {
        let (header, names) = encodedHeader()
        var bytes = header
        for name in names { tensors[name]?.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Tensors lie by size of their numbers, largest first, then by name, so that each is aligned.
    private func encodedHeader() -> (header: [UInt8], names: [String]) {
        let sorted = tensors.sorted {
            ($1.value.elementType.byteCount, $0.key) < ($0.value.elementType.byteCount, $1.key)
        }
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var position = 0
        for (name, tensor) in sorted {
            let end = position + tensor.elementCount * tensor.elementType.byteCount
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(Self.quoted(name)):{\"dtype\":\"\(tensor.elementType.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(position),\(end)]}")
            position = end
        }
        var text = Array("{\(members.joined(separator: ","))}".utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        return (length + text, sorted.map(\.key))
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
