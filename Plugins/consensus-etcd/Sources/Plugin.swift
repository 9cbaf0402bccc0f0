public import CVinculum
import EtcdEngine
import EtcdLog
import PluginKit

/// The library's entry.
@c @implementation
public func vin_plugin_entry_v1() -> UnsafePointer<vin_entry>? {
    PluginLibrary.entry(.consensus(EtcdConsensus.self))
}

/// Blocks in the order of an etcd cluster; the rules are in ``EtcdEngine``, the cluster is behind ``EtcdLog``.
final class EtcdConsensus: ConsensusPlugin {
    static let description = PluginDescription(
        id: "org.vinculum.consensus-etcd", version: "0.1.0", vendor: "Vinculum maintainers", licence: "Apache-2.0",
        isDeterministic: false)

    private var engine: EtcdEngine?
    private var log: EtcdLog?

    init(host: HostAccess) {}

    deinit { log?.stop() }

    func configure(_ settings: Settings, host: HostAccess) throws(PluginFailure) {
        log = EtcdLog(
            try EtcdSettings(settings), hasNews: { host.wake() },
            hasTrouble: { trouble in
                if let trouble { host.log(.warning, "\(trouble)") } else { host.log(.info, "etcd is in reach") }
                host.complain(trouble.map { "\($0)" })
            })
    }

    func start(snapshot: [UInt8]) throws(PluginFailure) {
        guard engine == nil else { throw PluginFailure(.state, "the engine has started already") }
        engine = try EtcdEngine(snapshot: snapshot)
    }

    func step(_ event: ConsensusEvent, effects: inout ConsensusEffects) throws(PluginFailure) {
        guard engine != nil, let log else { throw PluginFailure(.state, "start comes before step") }
        var output = EngineOutput(effects: effects)
        // In place: a step throws before it changes anything, but then what the log has told must not be lost.
        let told = log.take()
        do throws(PluginFailure) {
            try engine?.step(event, log: told, &output)
        } catch {
            log.putBack(told)
            throw error
        }
        effects = output.effects
        log.submit(output.requests)
    }

    func snapshot() throws(PluginFailure) -> [UInt8] {
        guard let engine else { throw PluginFailure(.state, "start comes before snapshot") }
        return engine.snapshot
    }

    func stop() throws(PluginFailure) {
        log?.stop()
        engine = nil
    }
}
