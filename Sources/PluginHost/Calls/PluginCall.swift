/// The calls of all kinds, numbered for the protocol between host and child. Append only.
enum PluginCall: UInt32, Sendable {
    case create = 1
    case configure, destroy, map, unmap, probe
    case consensusStart = 16
    case step, snapshot, stop
    case capabilities = 32
    case privacyPlan, begin, spend, release, message, combine, recover, end
    case verifierPlan = 48
    case judge
    case prepare = 64
    case taskStart, usage, kill, collect
    case observe = 80
    case prove, submit, confirm
    case ask = 96

    /// As messages name it.
    var name: String {
        switch self {
        case .consensusStart, .taskStart: "start"
        case .privacyPlan, .verifierPlan: "plan"
        default: "\(self)"
        }
    }

    /// Whether the call needs nothing of what an instance has seen before, so that a new instance can take it.
    var opens: Bool {
        switch self {
        case .consensusStart, .capabilities, .privacyPlan, .begin, .verifierPlan, .judge, .prepare, .observe, .prove,
            .submit, .confirm:
            true
        default: false
        }
    }

    /// Whether the call waits on purpose or copies much: the milliseconds that it needs for that are its last input.
    var takesTime: Bool {
        switch self {
        case .usage, .observe, .collect, .ask: true
        default: false
        }
    }

    /// How many outputs the call has.
    var outputCount: Int {
        switch self {
        case .step, .snapshot, .capabilities, .privacyPlan, .spend, .release, .message, .verifierPlan, .judge, .prepare,
            .usage, .prove, .submit, .ask:
            1
        case .observe, .confirm: 2
        case .collect: 3
        default: 0
        }
    }

    /// Most bytes that each output of the call may have.
    var outputLimit: Int {
        switch self {
        case .step: 16 << 20
        case .collect, .ask: 64 << 10
        default: 64 << 20
        }
    }
}

/// Where calls go: into this process or into a child. One call at a time; the owner sees to that.
protocol CallTarget: AnyObject {
    /// Answers the outputs of the call.
    func invoke(
        _ call: PluginCall, _ inputs: [[UInt8]], _ buffers: [PluginBuffer]
    ) throws(PluginError) -> [[UInt8]]

    /// Values that can be passed without a copy.
    func makeBuffer(count: Int) throws(PluginError) -> PluginBuffer

    /// Ends the instance; safe to call twice.
    func close()

    /// There is no instance behind this any more: it was closed, or its process ended.
    var isGone: Bool { get }
}

/// A vector of int64 that both sides see: plain memory in this process, shared memory with a child.
///
/// Belongs to one instance. Not to be used while a call with it is running.
public final class PluginBuffer {
    public let values: UnsafeMutableBufferPointer<Int64>
    let id: UInt64
    private let release: (UnsafeMutableBufferPointer<Int64>) -> Void

    init(
        values: UnsafeMutableBufferPointer<Int64>, id: UInt64,
        release: @escaping (UnsafeMutableBufferPointer<Int64>) -> Void
    ) {
        self.values = values
        self.id = id
        self.release = release
    }

    deinit { release(values) }
}

/// Structs as bytes. For imported C structs without pointers.
enum Plain {
    static func bytes<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    /// Nil unless there are exactly as many bytes as the struct has.
    static func value<Value: BitwiseCopyable>(_ bytes: [UInt8], as: Value.Type) -> Value? {
        guard bytes.count == MemoryLayout<Value>.size else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }
}

/// Lists of byte strings in one: a length of four bytes, then the bytes, for each.
enum Packed {
    static func pack(_ parts: [[UInt8]]) -> [UInt8] {
        var result: [UInt8] = []
        for part in parts {
            withUnsafeBytes(of: UInt32(part.count).littleEndian) { result.append(contentsOf: $0) }
            result += part
        }
        return result
    }

    static func unpack(_ bytes: [UInt8]) -> [[UInt8]]? {
        var parts: [[UInt8]] = []
        var position = 0
        while position < bytes.count {
            guard bytes.count - position >= 4 else { return nil }
            let size = bytes.withUnsafeBytes {
                Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
            }
            position += 4
            guard bytes.count - position >= size else { return nil }
            parts.append(Array(bytes[position..<position + size]))
            position += size
        }
        return parts
    }
}
