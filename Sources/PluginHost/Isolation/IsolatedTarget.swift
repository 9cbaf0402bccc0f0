import CIsolation
import Glibc
import Primitives

/// An instance in a child process. A crash, a hang or a broken protocol there is an error here, and the end of the
/// child.
///
/// The next call that needs nothing of what the child knew (`PluginCall.opens`) starts a new one, as often as the
/// launcher allows; any other call says why the instance is closed.
final class IsolatedTarget: CallTarget {
    let manifest: Manifest
    private let library: SealedLibrary
    private let manifestText: String
    private let settings: String
    private let services: HostServices
    private let launcher: PluginChildLauncher
    private var channel: Channel?
    private var process: pid_t = 0
    private var standardError: ChildErrorOutput?
    /// Why the instance is closed, for the calls that come afterwards.
    private var reason = "the instance is closed"
    /// The owner has closed it: no new child is started.
    private var isFinished = false
    /// When children were started again, in nanoseconds, oldest first; no more than the launcher allows.
    private var restarts: [UInt64] = []
    private var nextBuffer: UInt64 = 1
    /// Buffers below this number died with the child that knew them.
    private var firstBuffer: UInt64 = 1
    /// What the plugin's threads have said between calls.
    private let attention = PluginAttention()
    // Buffers that the host has dropped; the child hears of them with the next call.
    private let dropped = DroppedBuffers()

    init(
        _ library: SealedLibrary, _ manifest: Manifest, manifestText: String, settings: String, services: HostServices,
        launcher: PluginChildLauncher
    ) throws(PluginError) {
        self.library = library
        self.manifest = manifest
        self.manifestText = manifestText
        self.settings = settings
        self.services = services
        self.launcher = launcher
        try startChild()
    }

    private func startChild() throws(PluginError) {
        do throws(Channel.Failure) {
            (process, channel, standardError) = try launcher.start(library: library.descriptor)
        } catch {
            throw PluginError(.system, plugin: manifest.id, call: "create", "the child could not be started: \(error)")
        }
        let answer = try exchange(
            .create,
            [Array(manifestText.utf8), Array(settings.utf8), Plain.bytes(launcher.memoryBytesMax)],
            timeout: launcher.startTimeout)
        let missing = Confinement(manifest).missing(Plain.value(answer.first ?? [], as: Int32.self) ?? 0)
        if !missing.isEmpty {
            services.log(
                manifest.id, .warning,
                "this system refuses the plugin's process some of its confinement: \(missing.joined(separator: "; "))")
        }
        firstBuffer = nextBuffer
        _ = dropped.take()
    }

    /// A new child in the place of one that ended, unless that has happened too often.
    private func startAgain(_ call: PluginCall) throws(PluginError) {
        let now = monotonicNanoseconds()
        let window = launcher.restartWindow.wholeMilliseconds * 1_000_000
        restarts.removeAll { now - $0 > window }
        guard restarts.count < launcher.restartsMax else {
            throw PluginError(
                .closed, plugin: manifest.id, call: call.name,
                "\(reason); it was started again \(restarts.count) times within \(launcher.restartWindow), and is not now"
            )
        }
        restarts.append(now)
        services.log(manifest.id, .warning, "starting a new process for the plugin: \(reason)")
        do throws(PluginError) { try startChild() } catch {
            end(kill: true)
            reason = "a new process could not be started: \(error.message)"
            throw error
        }
    }

    deinit { close() }

    var isGone: Bool { channel == nil }

    func close() {
        isFinished = true
        _ = closeOrderly()
    }

    /// Lets the child destroy the instance, for which it has a second; answers whether it then ended in order.
    func closeOrderly() -> Bool {
        guard let channel else { return true }
        do throws(Channel.Failure) {
            let deadline = Deadline(after: .seconds(1))
            try channel.send(Frame(.call, code: PluginCall.destroy.rawValue), by: deadline)
            while try channel.receive(by: deadline).form != .answer {}
            return end(kill: false) == 0
        } catch {
            end(kill: true)
            return false
        }
    }

    /// What stopped the child; it is reaped in any case.
    @discardableResult
    private func end(kill shallKill: Bool) -> Int32 {
        channel = nil
        defer {
            relayErrors()
            standardError = nil
        }
        guard process > 0 else { return 0 }
        var status: Int32 = 0
        if shallKill {
            kill(process, SIGKILL)
        } else {
            // The socket has closed: the child is about to die. If it lingers, it is killed.
            for _ in 0..<200 {
                if waitpid(process, &status, WNOHANG) == process {
                    process = 0
                    return status
                }
                usleep(1000)
            }
            kill(process, SIGKILL)
        }
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        process = 0
        return status
    }

    func invoke(
        _ call: PluginCall, _ inputs: [[UInt8]], _ buffers: [PluginBuffer]
    ) throws(PluginError) -> [[UInt8]] {
        if channel == nil, call.opens, !isFinished { try startAgain(call) }
        guard !buffers.contains(where: { $0.id < firstBuffer }) else {
            throw PluginError(
                .closed, plugin: manifest.id, call: call.name, "the buffer belonged to a process that has ended")
        }
        for id in dropped.take() { _ = try exchange(.unmap, [Plain.bytes(id)], timeout: launcher.callTimeout) }
        var timeout = launcher.callTimeout
        if call.takesTime, let time = Plain.value(inputs.last ?? [], as: UInt64.self) {
            timeout += .milliseconds(Int64(clamping: time))
        }
        let ids = buffers.flatMap { Plain.bytes($0.id) }
        let outputs = try exchange(call, [ids] + inputs, timeout: timeout)
        // The child is not trusted with the limits either.
        guard !outputs.contains(where: { $0.count > call.outputLimit }) else {
            throw PluginError(
                .overflow, plugin: manifest.id, call: call.name, "more than \(call.outputLimit) bytes of output")
        }
        guard outputs.count == call.outputCount else {
            throw fail(.protocolBroken, call, "the child answers with \(outputs.count) parts")
        }
        return outputs
    }

    private func exchange(
        _ call: PluginCall, _ parts: [[UInt8]], timeout: Duration, descriptor: Int32 = -1
    ) throws(PluginError) -> [[UInt8]] {
        guard let channel else { throw PluginError(.closed, plugin: manifest.id, call: call.name, reason) }
        let answer: Frame
        do throws(Channel.Failure) {
            answer = try converse(
                channel, Frame(.call, code: call.rawValue, parts), timeout: timeout, descriptor: descriptor)
        } catch {
            throw channelError(error, call, timeout)
        }
        relayErrors()
        if answer.code == 0 { return answer.parts }
        throw remoteError(answer, call)
    }

    /// Sends a call and serves the child until its answer comes.
    private func converse(
        _ channel: Channel, _ call: Frame, timeout: Duration, descriptor: Int32
    ) throws(Channel.Failure) -> Frame {
        // One for the whole exchange: a child that keeps talking must not stretch its time.
        let deadline = Deadline(after: timeout)
        try channel.send(call, by: deadline, descriptor: descriptor)
        while true {
            let frame = try channel.receive(by: deadline)
            switch frame.form {
            case .answer: return frame
            case .log, .metric, .attention: observe(frame)
            case .service: try channel.send(serve(frame), by: deadline)
            case .call: throw .broken
            }
        }
    }

    private func channelError(_ error: Channel.Failure, _ call: PluginCall, _ timeout: Duration) -> PluginError {
        switch error {
        case .timeout: return fail(.timeout, call, "no answer within \(timeout); the child was killed")
        case .broken: return fail(.protocolBroken, call, "the child sent something that is no frame; it was killed")
        case .system(let number):
            return fail(.system, call, "the socket to the child failed: \(String(cString: strerror(number)))")
        case .closed:
            let status = end(kill: false)
            let signal = status & 0x7f
            reason =
                signal != 0
                ? "the plugin's process was ended by signal \(signal) (\(String(cString: strsignal(signal))))"
                : "the plugin's process ended with exit code \(status >> 8 & 0xff)"
            return PluginError(.crashed, plugin: manifest.id, call: call.name, reason)
        }
    }

    /// Kills the child and says why.
    private func fail(_ code: PluginError.Code, _ call: PluginCall, _ message: String) -> PluginError {
        end(kill: true)
        reason = "the instance is closed, since \(call.name) failed: \(message)"
        return PluginError(code, plugin: manifest.id, call: call.name, message)
    }

    private func remoteError(_ frame: Frame, _ call: PluginCall) -> PluginError {
        guard frame.parts.count == 4,
            let code = PluginError.Code(rawValue: String(decoding: frame.parts[0], as: UTF8.self)),
            let status = Plain.value(frame.parts[3], as: Int32.self)
        else { return fail(.protocolBroken, call, "the child sent a malformed error") }
        return PluginError(
            code, plugin: manifest.id, call: ChildText.printable(frame.parts[1].prefix(64)),
            ChildText.printable(frame.parts[2].prefix(1024)), status: status)
    }

    /// What the child wrote to its standard error, as lines of the log.
    private func relayErrors() {
        for line in standardError?.lines() ?? [] { services.log(manifest.id, .warning, "standard error: \(line)") }
    }

    private func observe(_ frame: Frame) {
        if frame.form == .attention {
            // No part: a wake. One: a complaint, or its end.
            if let sentence = frame.parts.first {
                attention.complain(ChildText.printable(sentence.prefix(PluginAttention.sentenceByteLimit)))
            } else {
                attention.wake()
            }
        } else if frame.form == .log, let line = frame.parts.first {
            services.log(
                manifest.id, HostServices.LogLevel(rawValue: Int32(truncatingIfNeeded: frame.code)) ?? .info,
                ChildText.printable(line.prefix(4096)))
        } else if frame.parts.count == 2, let value = Plain.value(frame.parts[1], as: Int64.self) {
            services.metric?(
                manifest.id, ChildText.printable(frame.parts[0].prefix(64)), value, frame.code == 1)
        }
    }

    // MARK: Between calls

    /// Becomes readable when the child says something between calls, or ends. Nil where it has nothing to say.
    var attentionDescriptor: Int32? {
        manifest.services.contains(.attention) ? channel?.descriptor : nil
    }

    var complaint: String? { attention.complaint }

    /// Whether `takeWake` may have something that the descriptor does not show.
    var mayHaveWake: Bool {
        attention.isAwake || manifest.services.contains(.attention) && channel?.hasReceived == true
    }

    /// Whether the plugin has asked for a call since this was asked last. A child that says what it may not between
    /// calls is killed; one that has ended is reaped, and the next call says so.
    func takeWake() -> Bool {
        while manifest.services.contains(.attention), let channel, channel.hasMore {
            do throws(Channel.Failure) {
                let frame = try channel.receive(by: Deadline(after: .seconds(1)))
                guard frame.form == .log || frame.form == .metric || frame.form == .attention else { throw .broken }
                observe(frame)
            } catch {
                _ = channelError(error, .step, .seconds(1))
                attention.complain("")
                // Whoever waits for the plugin hears with the next call that it is gone.
                attention.wake()
            }
        }
        return attention.takeWake()
    }

    private func serve(_ frame: Frame) -> Frame {
        ServiceBroker(manifest: manifest, services: services).answer(frame)
    }

    func makeBuffer(count: Int) throws(PluginError) -> PluginBuffer {
        let shared: (descriptor: Int32, values: UnsafeMutableBufferPointer<Int64>)
        do throws(Channel.Failure) { shared = try SharedMemory.make(count: count) } catch {
            throw PluginError(.system, plugin: manifest.id, call: "map", "no shared memory: \(error)")
        }
        defer { Glibc.close(shared.descriptor) }
        let id = nextBuffer
        nextBuffer += 1
        do throws(PluginError) {
            _ = try exchange(
                .map, [Plain.bytes(id), Plain.bytes(UInt64(count))], timeout: launcher.callTimeout,
                descriptor: shared.descriptor)
        } catch {
            SharedMemory.unmap(shared.values)
            throw error
        }
        return PluginBuffer(values: shared.values, id: id) { [dropped] values in
            SharedMemory.unmap(values)
            dropped.add(id)
        }
    }
}

/// Ids of buffers that no longer exist here. Same owner as the target: no lock.
private final class DroppedBuffers {
    private var ids: [UInt64] = []

    func add(_ id: UInt64) { ids.append(id) }

    func take() -> [UInt64] {
        if ids.isEmpty { return [] }
        defer { ids.removeAll() }
        return ids
    }
}
