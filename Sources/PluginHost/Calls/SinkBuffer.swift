import CVinculum

/// The host's side of a `vin_sink`: takes bytes up to a limit. Belongs to one call or one instance at a time.
final class SinkBuffer {
    private(set) var bytes: [UInt8] = []
    private(set) var hasOverflowed = false
    let limit: Int
    let sink: UnsafeMutablePointer<vin_sink>

    init(limit: Int) {
        self.limit = limit
        sink = .allocate(capacity: 1)
        sink.initialize(
            to: vin_sink(
                struct_size: UInt32(MemoryLayout<vin_sink>.size), reserved: 0, sink_data: nil,
                append: { data, bytes, size in
                    guard let data else { return vin_status(VIN_ERROR_INVALID) }
                    return Unmanaged<SinkBuffer>.fromOpaque(data)._withUnsafeGuaranteedRef { $0.append(bytes, size) }
                }))
        // Not retained: the sink dies with the object, and a plugin may not keep it (BASE-11).
        sink.pointee.sink_data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        sink.deinitialize(count: 1)
        sink.deallocate()
    }

    func clear() {
        bytes.removeAll(keepingCapacity: true)
        hasOverflowed = false
    }

    private func append(_ data: UnsafePointer<UInt8>?, _ size: UInt64) -> vin_status {
        if size == 0 { return 0 }
        guard let data, size <= UInt64(limit - bytes.count), !hasOverflowed else {
            hasOverflowed = true
            return vin_status(VIN_ERROR_LIMIT)
        }
        bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(size)))
        return 0
    }
}
