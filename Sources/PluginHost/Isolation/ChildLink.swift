import Glibc
import Primitives
import Synchronization

/// The child's end of the socket: answers go out, and services are asked for in the middle of a call.
///
/// The channel is used by the serving thread for frames in both directions, and by other threads of the plugin for
/// one-way frames (log, metrics); sending is behind a lock, receiving is the serving thread's alone. That is the
/// argument for
/// `@unchecked Sendable`.
final class ChildLink: @unchecked Sendable {
    private let channel: Channel
    private let sending = Mutex(())
    private let servingThread: UInt

    init(_ channel: Channel) {
        self.channel = channel
        servingThread = currentThread()
    }

    func next() throws(Channel.Failure) -> Frame { try channel.receive(by: nil) }

    func takeDescriptor() -> Int32 { channel.takeDescriptor() }

    func send(_ frame: Frame) throws(Channel.Failure) {
        let result: Result<Void, Channel.Failure> = sending.withLock { _ in
            do throws(Channel.Failure) { return .success(try channel.send(frame, by: nil)) } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Asks the host and waits; only in the middle of a call, on the thread that serves it.
    private func ask(_ request: ServiceRequest, _ parts: [[UInt8]]) throws(HostServices.Refusal) -> [[UInt8]] {
        guard currentThread() == servingThread else { throw HostServices.Refusal(status: 11) }
        do throws(Channel.Failure) {
            try send(Frame(.service, code: request.rawValue, parts))
            let answer = try channel.receive(by: nil)
            guard answer.form == .service else { throw Channel.Failure.broken }
            if answer.code == 0 { return answer.parts }
            throw Channel.Failure.system(Int32(bitPattern: answer.code))
        } catch {
            if case .system(let status) = error { throw HostServices.Refusal(status: status) }
            // Without a host there is nothing left to serve.
            exit(67)
        }
    }

    /// The host's services, as seen from here. Clock and random are this process's own.
    func services() -> HostServices {
        var services = HostServices(log: { [self] _, level, line in
            try? send(Frame(.log, code: UInt32(level.rawValue), [Array(line.utf8)]))
        })
        services.metric = { [self] _, name, value, isCounter in
            try? send(Frame(.metric, code: isCounter ? 1 : 0, [Array(name.utf8), Plain.bytes(value)]))
        }
        services.attention = { [self] sentence in
            try? send(Frame(.attention, sentence.map { [Array($0.utf8)] } ?? []))
        }
        services.storageGet = { [self] _, key in try? ask(.storageGet, [key]).first }
        services.storagePut = { [self] _, key, value throws(HostServices.Refusal) in
            if let value { _ = try ask(.storagePut, [key, value]) } else { _ = try ask(.storageRemove, [key]) }
        }
        services.publicKey = { [self] _, key, scheme throws(HostServices.Refusal) in
            try ask(.publicKey, [Array(key.utf8), Plain.bytes(scheme)]).first ?? []
        }
        services.sign = { [self] _, key, scheme, purpose, message throws(HostServices.Refusal) in
            try ask(.sign, [Array(key.utf8), Plain.bytes(scheme), Array(purpose.utf8), message]).first ?? []
        }
        services.validators = { [self] in
            guard let parts = try? ask(.validators, []), parts.count == 2,
                let height = Plain.value(parts[0], as: UInt64.self)
            else { return (0, []) }
            var set: [(key: PublicKey, power: UInt64)] = []
            for start in stride(from: 0, to: parts[1].count - 39, by: 40) {
                guard let key = PublicKey(bytes: parts[1][start..<start + 32]),
                    let power = Plain.value(Array(parts[1][(start + 32)..<(start + 40)]), as: UInt64.self)
                else { continue }
                set.append((key, power))
            }
            return (height, set)
        }
        return services
    }
}
