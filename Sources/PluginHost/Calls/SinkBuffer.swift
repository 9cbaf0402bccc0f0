import CVinculum

/// The host's side of a `vin_sink`: takes bytes up to a limit. Belongs to one call or one instance at a time.
///
/// Memory of its own instead of an array, reached by the plugin without a reference count: an append is then a
/// comparison and a copy, some nanoseconds, where the host may add ten to a step in this process.
final class SinkBuffer {
    private struct State {
        var storage: UnsafeMutablePointer<UInt8>
        var capacity: Int
        var count: Int
        var limit: Int
        var hasOverflowed: Bool
    }

    // Both die with this object: a plugin may not keep the sink (BASE-11).
    private let state: UnsafeMutablePointer<State>
    let sink: UnsafeMutablePointer<vin_sink>

    init(limit: Int) {
        let capacity = 1024
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                storage: .allocate(capacity: capacity), capacity: capacity, count: 0, limit: limit,
                hasOverflowed: false))
        sink = .allocate(capacity: 1)
        sink.initialize(
            to: vin_sink(
                struct_size: UInt32(MemoryLayout<vin_sink>.size), reserved: 0,
                sink_data: UnsafeMutableRawPointer(state),
                append: { data, bytes, size in
                    guard let data else { return vin_status(VIN_ERROR_INVALID) }
                    return SinkBuffer.append(data.assumingMemoryBound(to: State.self), bytes, size)
                }))
    }

    deinit {
        sink.deinitialize(count: 1)
        sink.deallocate()
        state.pointee.storage.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    var count: Int { state.pointee.count }
    var limit: Int { state.pointee.limit }
    var hasOverflowed: Bool { state.pointee.hasOverflowed }

    /// What was appended, as a copy.
    var bytes: [UInt8] {
        count == 0 ? [] : Array(UnsafeBufferPointer(start: state.pointee.storage, count: count))
    }

    @inline(__always)
    func clear() {
        state.pointee.count = 0
        state.pointee.hasOverflowed = false
    }

    @inline(__always)
    private static func append(
        _ state: UnsafeMutablePointer<State>, _ data: UnsafePointer<UInt8>?, _ size: UInt64
    ) -> vin_status {
        if size == 0 { return 0 }
        let count = state.pointee.count
        guard let data, size <= UInt64(state.pointee.limit - count), !state.pointee.hasOverflowed else {
            state.pointee.hasOverflowed = true
            return vin_status(VIN_ERROR_LIMIT)
        }
        let size = Int(size)
        if count + size > state.pointee.capacity { grow(state, count + size) }
        state.pointee.storage.advanced(by: count).update(from: data, count: size)
        state.pointee.count = count + size
        return 0
    }

    @inline(never)
    private static func grow(_ state: UnsafeMutablePointer<State>, _ needed: Int) {
        // Twice what is needed, so that many small appends stay cheap.
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: needed * 2)
        larger.update(from: state.pointee.storage, count: state.pointee.count)
        state.pointee.storage.deallocate()
        state.pointee.storage = larger
        state.pointee.capacity = needed * 2
    }
}
