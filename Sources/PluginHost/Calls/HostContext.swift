import CSodium
import CVinculum
import Glibc
import Primitives
import Synchronization

/// The host as one instance sees it: what stands behind `vin_host.host_data`.
///
/// `report_error` and the thread check are the only mutable parts: the first is behind a lock, the second is atomic.
/// The C struct is written once in the initialiser and stays where it is until the object dies, which is after
/// `destroy`. That is the argument for `@unchecked Sendable`.
final class HostContext: @unchecked Sendable {
    let plugin: String
    let granted: Set<PluginService>
    let purposes: [String]
    let services: HostServices
    private(set) var host: UnsafeMutablePointer<vin_host>
    private let failure = Mutex<String?>(nil)
    let attention: PluginAttention
    // The thread inside a [lane] or a [control] call, or zero.
    let laneThread = Atomic<UInt>(0)
    let controlThread = Atomic<UInt>(0)
    // Set while `create` runs: HOST-1.
    let creating = Atomic<Bool>(false)
    let brokeCreateRule = Atomic<Bool>(false)

    init(plugin: String, granted: Set<PluginService>, purposes: [String], services: HostServices) {
        self.plugin = plugin
        self.granted = granted
        self.purposes = purposes
        self.services = services
        attention = PluginAttention(hasDescriptor: granted.contains(.attention) && services.attention == nil)
        host = .allocate(capacity: 1)
        host.initialize(
            to: vin_host(
                struct_size: UInt32(MemoryLayout<vin_host>.size), abi_major: UInt32(VIN_ABI_MAJOR),
                abi_minor: UInt32(VIN_ABI_MINOR), reserved: 0, host_data: nil, version: HostTables.version,
                get_extension: { data, id in HostContext.of(data)?.table(id) },
                report_error: { data, _, message in HostContext.of(data)?.report(message) }))
        host.pointee.host_data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        attention.close()
        host.deinitialize(count: 1)
        host.deallocate()
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> HostContext? {
        data.map { Unmanaged<HostContext>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Marks this thread as the one of control calls for the time of the body.
    func control<Answer>(_ body: () -> Answer) -> Answer {
        controlThread.store(currentThread(), ordering: .relaxed)
        defer { controlThread.store(0, ordering: .relaxed) }
        return body()
    }

    private func report(_ message: vin_bytes) {
        let text = String(
            decoding: UnsafeRawBufferPointer(start: message.data, count: Int(min(message.size, 1024))), as: UTF8.self)
        failure.withLock { $0 = text }
    }

    /// The last report, taken away.
    func takeReport() -> String? {
        failure.withLock { value in
            defer { value = nil }
            return value
        }
    }

    private func table(_ id: vin_bytes) -> UnsafeRawPointer? {
        if creating.load(ordering: .relaxed) { brokeCreateRule.store(true, ordering: .relaxed) }
        guard let name = id.string, let service = PluginService.allCases.first(where: { $0.id == name }),
            granted.contains(service)
        else { return nil }
        return HostTables.table(service, services)
    }
}

/// The tables of the services: one of each for the process, because `host_data` tells instances apart. Constant data
/// that is never freed, which is why sharing the pointers is safe.
enum HostTables {
    // Points at bytes that are written once, here, and never freed: that is the argument for `nonisolated(unsafe)`.
    nonisolated(unsafe) static let version: vin_bytes = {
        let text = Array("vinculum 0.1.0".utf8)
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        _ = copy.initialize(from: text)
        return vin_bytes(data: copy.baseAddress, size: UInt64(copy.count))
    }()

    static func table(_ service: PluginService, _ services: HostServices) -> UnsafeRawPointer? {
        guard services.lends(service) else { return nil }
        return switch service {
        case .log: UnsafeRawPointer(log)
        case .clock: UnsafeRawPointer(clock)
        case .random: UnsafeRawPointer(random)
        case .threadCheck: UnsafeRawPointer(threadCheck)
        case .metrics: UnsafeRawPointer(metrics)
        case .storage: UnsafeRawPointer(storage)
        case .sign: UnsafeRawPointer(sign)
        case .validators: UnsafeRawPointer(validators)
        // Reserved: no manifest gets as far as here with these two (HOST-4).
        case .timer, .transport: nil
        case .attention: UnsafeRawPointer(attention)
        // A permission, and no table.
        case .network: nil
        }
    }

    private static func make<Table>(_ table: Table) -> UnsafeMutablePointer<Table> {
        let pointer = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        pointer.initialize(to: table)
        return pointer
    }

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let log = make(
        vin_host_log(
            struct_size: UInt32(MemoryLayout<vin_host_log>.size), reserved: 0,
            write: { data, level, line in
                guard let context = HostContext.of(data) else { return }
                let bytes = UnsafeRawBufferPointer(start: line.data, count: Int(min(line.size, 4096)))
                context.services.log(
                    context.plugin, HostServices.LogLevel(rawValue: level) ?? .info,
                    String(decoding: bytes, as: UTF8.self))
            }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let clock = make(
        vin_host_clock(
            struct_size: UInt32(MemoryLayout<vin_host_clock>.size), reserved: 0,
            wall_ms: { _ in
                var time = timespec()
                clock_gettime(CLOCK_REALTIME, &time)
                return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
            },
            monotonic_ns: { _ in monotonicNanoseconds() }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let random = make(
        vin_host_random(
            struct_size: UInt32(MemoryLayout<vin_host_random>.size), reserved: 0,
            fill: { _, out, size in
                guard let out, size <= 1 << 20 else { return vin_status(VIN_ERROR_INVALID) }
                randombytes_buf(out, Int(size))
                return 0
            }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let threadCheck = make(
        vin_host_thread_check(
            struct_size: UInt32(MemoryLayout<vin_host_thread_check>.size), reserved: 0,
            is_control: { data in
                HostContext.of(data)?.controlThread.load(ordering: .relaxed) == currentThread() ? 1 : 0
            },
            is_lane: { data in HostContext.of(data)?.laneThread.load(ordering: .relaxed) == currentThread() ? 1 : 0 }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let attention = make(
        vin_host_attention(
            struct_size: UInt32(MemoryLayout<vin_host_attention>.size), reserved: 0,
            wake: { data in
                guard let context = HostContext.of(data) else { return }
                if let forward = context.services.attention { forward(nil) } else { context.attention.wake() }
            },
            complain: { data, sentence in
                guard let context = HostContext.of(data) else { return }
                let bytes = UnsafeRawBufferPointer(
                    start: sentence.data,
                    count: Int(min(sentence.size, UInt64(PluginAttention.sentenceByteLimit))))
                let text = String(decoding: bytes, as: UTF8.self)
                if let forward = context.services.attention {
                    forward(text)
                } else {
                    context.attention.complain(text)
                }
            }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let metrics = make(
        vin_host_metrics(
            struct_size: UInt32(MemoryLayout<vin_host_metrics>.size), reserved: 0,
            count: { data, name, increment in
                guard let context = HostContext.of(data), let name = name.string else { return }
                context.services.metric?(context.plugin, name, Int64(clamping: increment), true)
            },
            gauge: { data, name, value in
                guard let context = HostContext.of(data), let name = name.string else { return }
                context.services.metric?(context.plugin, name, value, false)
            }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let storage = make(
        vin_host_storage(
            struct_size: UInt32(MemoryLayout<vin_host_storage>.size), reserved: 0,
            get: { data, key, sink in
                guard let context = HostContext.of(data), key.size <= HostServices.storageKeyBytes else {
                    return vin_status(VIN_ERROR_INVALID)
                }
                guard let value = context.services.storageGet?(context.plugin, key.array) else {
                    return vin_status(VIN_ERROR_NOT_FOUND)
                }
                return append(value, to: sink)
            },
            put: { data, key, value in
                guard let context = HostContext.of(data), key.size <= HostServices.storageKeyBytes,
                    value.size <= HostServices.storageValueBytes
                else {
                    return vin_status(VIN_ERROR_INVALID)
                }
                do throws(HostServices.Refusal) {
                    try context.services.storagePut?(context.plugin, key.array, value.array)
                    return 0
                } catch { return error.status }
            },
            remove: { data, key in
                guard let context = HostContext.of(data), key.size <= HostServices.storageKeyBytes else {
                    return vin_status(VIN_ERROR_INVALID)
                }
                do throws(HostServices.Refusal) {
                    try context.services.storagePut?(context.plugin, key.array, nil)
                    return 0
                } catch { return error.status }
            }))

    // Constant and never freed: see `HostTables`.
    nonisolated(unsafe) private static let sign = make(
        vin_host_sign(
            struct_size: UInt32(MemoryLayout<vin_host_sign>.size), reserved: 0,
            public_key: { data, key, scheme, sink in
                guard let context = HostContext.of(data), let key = key.string,
                    let provider = context.services.publicKey
                else { return vin_status(VIN_ERROR_INVALID) }
                do throws(HostServices.Refusal) {
                    return append(try provider(context.plugin, key, scheme), to: sink)
                } catch { return error.status }
            },
            sign: { data, key, scheme, purpose, message, sink in
                guard let context = HostContext.of(data), let key = key.string, let purpose = purpose.string,
                    let provider = context.services.sign
                else { return vin_status(VIN_ERROR_INVALID) }
                // SIG-1: a purpose that the manifest does not list is refused here, whoever signs.
                guard context.purposes.contains(purpose) else { return vin_status(VIN_ERROR_REFUSED) }
                do throws(HostServices.Refusal) {
                    return append(try provider(context.plugin, key, scheme, purpose, message.array), to: sink)
                } catch { return error.status }
            }))

    nonisolated(unsafe) private static let validators = make(
        vin_host_validators(
            struct_size: UInt32(MemoryLayout<vin_host_validators>.size), reserved: 0,
            current: { data, height, sink in
                guard let current = HostContext.of(data)?.services.validators?(), let height else {
                    return vin_status(VIN_ERROR_UNAVAILABLE)
                }
                height.pointee = current.height
                var bytes: [UInt8] = []
                for entry in current.set {
                    bytes += entry.key.bytes
                    withUnsafeBytes(of: entry.power.littleEndian) { bytes.append(contentsOf: $0) }
                }
                return append(bytes, to: sink)
            }))

    private static func append(_ bytes: [UInt8], to sink: UnsafePointer<vin_sink>?) -> vin_status {
        guard let sink, let append = sink.pointee.append else { return vin_status(VIN_ERROR_INVALID) }
        return bytes.withUnsafeBufferPointer { append(sink.pointee.sink_data, $0.baseAddress, UInt64($0.count)) }
    }
}

@inline(__always)
func currentThread() -> UInt { UInt(pthread_self()) }

func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
