import CIsolation
import Glibc
import Primitives

/// The child's side of `isolation = "process"`.
///
/// A program offers itself as a host for children by calling `PluginChild.main` first thing:
/// ```swift
/// if PluginChild.isRequested(CommandLine.arguments) { exit(PluginChild.main(arguments: CommandLine.arguments)) }
/// ```
public enum PluginChild {
    public static func isRequested(_ arguments: [String]) -> Bool {
        arguments.count == 2 && arguments[1] == "plugin-child"
    }

    /// Serves calls until the host closes the socket; answers the exit code. Descriptor 3 is the socket, 4 the library.
    public static func main(arguments: [String]) -> Int32 {
        guard isRequested(arguments), fcntl(3, F_GETFD) >= 0, fcntl(4, F_GETFD) >= 0 else { return 64 }
        _ = isolation_die_with_parent()
        // Programs that the plugin starts inherit neither.
        _ = fcntl(3, F_SETFD, FD_CLOEXEC)
        _ = fcntl(4, F_SETFD, FD_CLOEXEC)
        signal(SIGPIPE, SIG_IGN)
        let server = ChildServer(Channel(descriptor: 3, takesDescriptors: true))
        return server.run()
    }
}

/// Takes frames and makes the calls. One thread; callbacks of the plugin from other threads only log.
final class ChildServer {
    private let link: ChildLink
    private var target: DirectTarget?
    private var buffers: [UInt64: PluginBuffer] = [:]

    init(_ channel: Channel) { link = ChildLink(channel) }

    func run() -> Int32 {
        while true {
            do throws(Channel.Failure) {
                let frame = try link.next()
                guard frame.form == .call, let call = PluginCall(rawValue: frame.code) else { return 65 }
                let answer = answer(call, frame.parts)
                try link.send(answer)
                if call == .destroy { return 0 }
            } catch {
                if case .closed = error { return 0 }
                return 66
            }
        }
    }

    private func answer(_ call: PluginCall, _ parts: [[UInt8]]) -> Frame {
        do throws(PluginError) {
            return Frame(.answer, code: 0, try handle(call, parts))
        } catch {
            return Frame(
                .answer, code: 1,
                [
                    Array(error.code.rawValue.utf8), Array(error.call.utf8), Array(error.message.utf8),
                    Plain.bytes(error.status),
                ])
        }
    }

    private func handle(_ call: PluginCall, _ parts: [[UInt8]]) throws(PluginError) -> [[UInt8]] {
        func fault(_ message: String) -> PluginError {
            PluginError(.protocolBroken, plugin: "child", call: call.name, message)
        }
        switch call {
        case .create:
            guard parts.count == 3, target == nil, let memory = Plain.value(parts[2], as: UInt64.self) else {
                throw fault("create is malformed")
            }
            return try create(parts[0], parts[1], memory)
        case .destroy:
            target?.close()
            return []
        case .probe:
            guard target == nil, let name = parts.first,
                let kind = PluginKind(rawValue: String(decoding: name, as: UTF8.self))
            else { throw fault("probe is malformed") }
            return [Plain.bytes(isolation_confine_early(Confinement(kind).permissions, 0))]
        case .map:
            guard parts.count == 2, let id = Plain.value(parts[0], as: UInt64.self),
                let count = Plain.value(parts[1], as: UInt64.self)
            else { throw fault("map is malformed") }
            let descriptor = link.takeDescriptor()
            guard descriptor >= 0 else { throw fault("no memory came with the call") }
            defer { close(descriptor) }
            guard let values = SharedMemory.map(descriptor, count: Int(count)) else { throw fault("mapping failed") }
            buffers[id] = PluginBuffer(values: values, id: id) { SharedMemory.unmap($0) }
            return []
        case .unmap:
            guard let id = Plain.value(parts.first ?? [], as: UInt64.self) else { throw fault("unmap is malformed") }
            buffers[id] = nil
            return []
        default:
            guard let target, let ids = parts.first, ids.count % 8 == 0 else { throw fault("no instance yet") }
            var used: [PluginBuffer] = []
            for start in stride(from: 0, to: ids.count, by: 8) {
                guard let id = Plain.value(Array(ids[start..<start + 8]), as: UInt64.self), let buffer = buffers[id]
                else { throw fault("no such buffer") }
                used.append(buffer)
            }
            return try target.invoke(call, Array(parts.dropFirst()), used)
        }
    }

    /// Confines the process, loads, confines it further, makes the instance. Nothing of the plugin runs unconfined:
    /// its constructors, its entry and its `init` run while it is loaded.
    private func create(_ manifest: [UInt8], _ settings: [UInt8], _ memory: UInt64) throws(PluginError) -> [[UInt8]] {
        let manifest = try Manifest(text: String(decoding: manifest, as: UTF8.self), file: "manifest")
        let confinement = Confinement(manifest)
        // Tasks of a runtime inherit limits of this process, and have their own.
        let holds = isolation_confine_early(confinement.permissions, manifest.kind == .runtime ? 0 : memory)
        let library = try LoadedLibrary.load(
            try SealedLibrary(inherited: 4, plugin: manifest.id), plugin: manifest.id)
        // Where the first filter could be installed, only what the library did meanwhile can refuse the second.
        guard isolation_confine_late(confinement.permissions) >= 0 || holds & Int32(ISOLATION_HAS_FILTER) == 0 else {
            throw PluginError(
                .load, plugin: manifest.id, call: "load", "made a thread while it was loaded that cannot be confined")
        }
        target = try DirectTarget(
            library, manifest, settings: String(decoding: settings, as: UTF8.self), services: link.services())
        return [Plain.bytes(holds)]
    }
}
