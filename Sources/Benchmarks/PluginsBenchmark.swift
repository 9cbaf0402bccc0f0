import CVinculum
import Glibc
import PluginHost
import Primitives

/// What a call costs: through a pointer into the same library, through the host in this process, and through the host
/// into a process of the plugin's own; and what it costs to hand a long vector over.
///
/// The prefix holds `bench-call` (in this process) and `bench-child` (isolated), both the C template of a consensus
/// plugin, and `privacy-dp` and `privacy-child`, both the privacy plugin; Packaging/bench/run makes it.
struct PluginsBenchmark {
    let prefix: String

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Values of a vector of 4 MiB.
    private static let vectorCount = (4 << 20) / 8

    /// Loads what lies in the prefix as a node would: signed, and in a process of its own where the manifest says so.
    static func registry(prefix: String) -> PluginRegistry {
        PluginRegistry(folders: PluginFolders(prefix: prefix), child: PluginChildLauncher())
    }

    func run(_ report: Report) throws {
        let registry = Self.registry(prefix: prefix)
        let small = Self.timeEvent(byteCount: 64)
        let inProcess = try registry.consensus("bench-call")
        try inProcess.start(snapshot: [])
        let host = try Self.cost(inProcess, small, calls: 200_000)
        let direct = try directCost(registry.find("bench-call"), small)
        report.add(
            "plugin call in this process, over a direct call", "\(significant((host - direct) * 1e9)) ns",
            "limit: 10 ns over the direct call's \(significant(direct * 1e9)) ns", ratio: (host - direct) / 10e-9,
            target: .atMost(1))

        let child = try registry.consensus("bench-child")
        guard child.isIsolated else { throw Failure(description: "bench-child runs in this process") }
        try child.start(snapshot: [])
        let event = Self.timeEvent(byteCount: 1_024)
        let times = try (0..<4_000).map { _ in
            let start = now()
            _ = try child.step(encoded: event)
            return now() - start
        }
        report.add(
            "isolated plugin call with 1 KiB, median", "\(significant(median(times) * 1e6)) us", "limit: 20 us",
            ratio: median(times) / 20e-6, target: .atMost(1))
        try vectors(registry, report)
        let starts = try (0..<20).map { _ in
            let start = now()
            try registry.consensus("bench-child").close()
            return now() - start
        }
        report.add(
            "start and end of a plugin's own process, median", "\(significant(median(starts) * 1e3)) ms",
            "once for a plugin and a life of the node")
    }

    /// A vector of 4 MiB that the child adds to a total, in shared memory, less what the addition itself costs here.
    private func vectors(_ registry: PluginRegistry, _ report: Report) throws {
        let here = try combineTime(registry, "privacy-dp")
        let there = try combineTime(registry, "privacy-child")
        report.add(
            "isolated plugin call that adds 4 MiB in shared memory, median", "\(significant(there * 1e6)) us",
            "the same in this process: \(significant(here * 1e6)) us", ratio: there / here)
    }

    private func combineTime(_ registry: PluginRegistry, _ name: String) throws -> Double {
        let plugin = try registry.privacy(name)
        guard let key = SecretKey(seed: Digest.blake2b256([1]).bytes)?.publicKey else {
            throw Failure(description: "libsodium makes no key")
        }
        _ = try plugin.plan(PrivacyBenchmark.job(count: Self.vectorCount))
        try plugin.begin(PrivacyBenchmark.round(1, role: .aggregator, key: key))
        let vector = try plugin.makeBuffer(count: Self.vectorCount)
        let total = try plugin.makeBuffer(count: Self.vectorCount)
        for place in vector.values.indices { vector.values[place] = Int64(place) }
        let times = try (0..<60).map { _ in
            let start = now()
            try plugin.combine(member: key, vector: vector, total: total)
            return now() - start
        }
        guard total.values[3] == 180 else { throw Failure(description: "\(name) added wrongly") }
        return median(times)
    }

    // MARK: Calls

    /// An event that the template answers at once: time has passed.
    private static func timeEvent(byteCount: Int) -> [UInt8] {
        var event = vin_event()
        event.record.kind = numericCast(VIN_EVENT_TIME)
        event.record.size = numericCast(byteCount)
        var bytes = withUnsafeBytes(of: event) { Array($0) }
        bytes += [UInt8](repeating: 0, count: max(0, byteCount - bytes.count))
        return bytes
    }

    private static func cost(_ instance: ConsensusInstance, _ event: [UInt8], calls: Int) throws -> Double {
        // Memory that no reference count follows: counting is not the call's.
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: event.count, alignment: 16)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: event)
        let record = UnsafeRawBufferPointer(bytes)
        var failures = 0
        let time = leastTime(calls: calls) {
            do throws(PluginError) { if try instance.stepInPlace(record) != 0 { failures += 1 } } catch {
                failures += 1
            }
        }
        guard failures == 0 else { throw Failure(description: "the plugin refused the event, or answered it") }
        return time
    }

    /// The same function of the same library, through the pointer that the library gives.
    private func directCost(_ plugin: InstalledPlugin, _ event: [UInt8]) throws -> Double {
        let path = "\(prefix)/lib/vinculum/plugins/\(plugin.manifest.library)"
        typealias Entry = @convention(c) () -> UnsafePointer<vin_entry>?
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL), let symbol = dlsym(library, "vin_plugin_entry_v1"),
            let entry = unsafeBitCast(symbol, to: Entry.self)()
        else { throw Failure(description: "\(path) cannot be loaded") }
        var created: UnsafePointer<vin_instance>?
        var kind = Array(VIN_KIND_CONSENSUS.utf8)
        var id = Array(plugin.manifest.id.utf8)
        let status = kind.withUnsafeMutableBufferPointer { kind in
            id.withUnsafeMutableBufferPointer { id in
                let name = vin_bytes(data: kind.baseAddress, size: numericCast(kind.count))
                let wanted = vin_bytes(data: id.baseAddress, size: numericCast(id.count))
                return entry.pointee.get_factory?(name)?.pointee.create?(nil, wanted, &created) ?? -1
            }
        }
        guard status == 0, let created else { throw Failure(description: "\(path) makes no instance") }
        // The kind that was asked for says that the instance begins with this table.
        let table = UnsafeRawPointer(created).assumingMemoryBound(to: vin_consensus.self)
        var sink = vin_sink()
        var failures = 0
        let time = event.withUnsafeBufferPointer { buffer in
            let bytes = vin_bytes(data: buffer.baseAddress, size: numericCast(buffer.count))
            return leastTime(calls: 200_000) {
                if table.pointee.step?(table.pointee.plugin_data, bytes, &sink) != 0 { failures += 1 }
            }
        }
        guard failures == 0 else { throw Failure(description: "\(path) refused the event") }
        return time
    }
}
