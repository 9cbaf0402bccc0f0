import CVinculum

extension vin_bytes {
    /// The borrowed bytes; empty when there are none.
    var raw: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: size == 0 ? nil : data, count: data == nil ? 0 : Int(clamping: size))
    }
}

extension UnsafePointer where Pointee == vin_sink {
    /// Hands bytes to the sink.
    func append(_ bytes: [UInt8]) throws(PluginFailure) {
        guard !bytes.isEmpty else { return }
        guard let append = pointee.append else { throw PluginFailure(.invalid, "the sink takes nothing") }
        let status = bytes.withUnsafeBufferPointer { append(pointee.sink_data, $0.baseAddress, UInt64($0.count)) }
        if status != 0 { throw PluginFailure(.limit, "the sink takes no more than it has") }
    }
}

/// A sink that must be there.
func required(_ sink: UnsafePointer<vin_sink>?) throws(PluginFailure) -> UnsafePointer<vin_sink> {
    guard let sink else { throw PluginFailure(.invalid, "no sink was given") }
    return sink
}
