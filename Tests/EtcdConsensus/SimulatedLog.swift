import EtcdEngine
import PluginHost
import PluginKit
import Primitives
import Simulator

/// What goes wrong with the log on purpose, each in thousandths of a second's chances.
struct LogFaults {
    /// Of a thousand requests and answers that are lost.
    var lost: UInt64 = 0
    /// Of a thousand entries that are told again.
    var repeated: UInt64 = 0
    /// Of a thousand looks at which an outage of this client begins.
    var outages: UInt64 = 0
    /// Of a thousand looks at which the log is set back to an earlier state, or to nothing.
    var restores: UInt64 = 0
    /// Of a thousand appends before which somebody else writes something at the place.
    var foreign: UInt64 = 0
    /// Milliseconds until a change is seen.
    var delay: ClosedRange<Int64> = 0...5

    static func drawn(_ random: inout SeededRandom) -> LogFaults {
        var faults = LogFaults()
        faults.lost = random.chance(500) ? random.below(300) : 0
        faults.repeated = random.below(300)
        faults.outages = random.chance(400) ? random.below(20) : 0
        faults.restores = random.chance(400) ? random.below(10) : 0
        faults.foreign = random.chance(300) ? random.below(300) : 0
        faults.delay = 0...random.within(0...300)
        return faults
    }
}

/// A log for a simulated network: what etcd does for real, with faults from a seed until their end.
final class SimulatedLog {
    private(set) var entries: [LogPlace: LogEntry] = [:]
    private var backup: [LogPlace: LogEntry] = [:]
    private var holder: (key: Bytes32, until: Int64)?
    var faults: LogFaults
    let faultsEnd: Int64
    var random: SeededRandom
    private(set) var restoreCount = 0
    private(set) var foreignCount = 0

    init(seed: UInt64, faults: LogFaults, faultsEnd: Int64) {
        random = SeededRandom(seed: seed ^ 0x0e7c_d106)
        self.faults = faults
        self.faultsEnd = faultsEnd
    }

    func areFaultsOn(_ now: Int64) -> Bool { now < faultsEnd }

    func chance(_ thousandths: UInt64, _ now: Int64) -> Bool { areFaultsOn(now) && random.chance(thousandths) }

    /// The first at a place stays. Answers what stands there.
    func append(_ place: LogPlace, _ id: Bytes32, _ now: Int64) -> LogEntry {
        if let known = entries[place] { return known }
        if chance(faults.foreign, now) {
            foreignCount += 1
            entries[place] = .foreign
        } else {
            entries[place] = .block(id)
        }
        return entries[place] ?? .foreign
    }

    /// Somebody looks: that keeps time for what befalls the log itself.
    func look(_ now: Int64) {
        if random.chance(5) { backup = entries }
        if chance(faults.restores, now) {
            restoreCount += 1
            entries = random.chance(300) ? [:] : backup
            holder = nil
        }
    }

    /// Who is the cutter; whoever asks becomes it where there is none.
    func cutter(_ own: Bytes32?, _ now: Int64) -> Bytes32? {
        if let holder, holder.until > now, holder.key != own { return holder.key }
        holder = own.map { ($0, now + 3_000) }
        return own
    }
}

/// The engine over a simulated log, behind the form in which libraries are driven. It wakes itself with a timer of its
/// own, where the plugin is woken by its thread.
final class EngineOverLog: SimulatedEngine {
    private var engine: EtcdEngine?
    private let planted: EtcdEngine.Planted?
    private let log: SimulatedLog
    private var height: UInt64?
    private var own: Bytes32?
    private var append: (place: LogPlace, id: Bytes32)?
    private var told: [LogPlace: LogEntry] = [:]
    private var coming: [(due: Int64, event: LogEvent)] = []
    private var outageEnd: Int64 = 0
    private var cutter: Bytes32??
    private var nextLook: Int64 = 0

    private static let timer: UInt64 = 99
    private static let lookMilliseconds: Int64 = 25

    init(_ log: SimulatedLog, planted: EtcdEngine.Planted? = nil) {
        self.log = log
        self.planted = planted
    }

    func start(snapshot: [UInt8]) throws {
        engine = try EtcdEngine(snapshot: snapshot)
        engine?.planted = planted
    }

    func step(_ event: [UInt8]) throws -> [UInt8] {
        var parsed = try event.withUnsafeBytes { try PluginKit.ConsensusEvent($0) }
        let now = parsed.timeMilliseconds
        if case .timer(Self.timer) = parsed.body {
            let time = PluginHost.ConsensusEvent(timeMilliseconds: now, .time).encoded()
            parsed = try time.withUnsafeBytes { try PluginKit.ConsensusEvent($0) }
        }
        look(now)
        let due = coming.filter { $0.due <= now }.map(\.event)
        coming.removeAll { $0.due <= now }
        var output = EngineOutput()
        try engine?.step(parsed, log: due, &output)
        for request in output.requests { take(request) }
        if height != nil { output.effects.setTimer(id: Self.timer, timeMilliseconds: now + Self.lookMilliseconds) }
        return output.effects.bytes
    }

    private func take(_ request: LogRequest) {
        switch request {
        case .follow(_, let height, let cutter):
            self.height = height
            own = cutter
            told = told.filter { $0.key.height >= height }
            if let append, append.place.height < height { self.append = nil }
        case .leave: (height, append) = (nil, nil)
        case .append(let place, let id): append = (place, id)
        }
    }

    private func look(_ now: Int64) {
        guard let height, nextLook <= now, outageEnd <= now else { return }
        nextLook = now + Self.lookMilliseconds
        log.look(now)
        if log.chance(log.faults.outages, now) {
            outageEnd = now + log.random.within(100...3_000)
            return
        }
        if log.chance(log.faults.lost, now) { return }
        if let append {
            let entry = log.append(append.place, append.id, now)
            // Written, and the answer may be lost: it is asked for again.
            if !log.chance(log.faults.lost, now) {
                self.append = nil
                tell(.entry(append.place, entry), now)
                told[append.place] = entry
            }
        }
        for (place, entry) in log.entries.sorted(by: { $0.key < $1.key }) where place.height >= height {
            guard told[place] != entry || log.chance(log.faults.repeated, now) else { continue }
            told[place] = entry
            tell(.entry(place, entry), now)
        }
        let holder = log.cutter(own, now)
        if cutter != .some(holder) {
            cutter = .some(holder)
            tell(.cutter(holder), now)
        }
    }

    /// Later, each by its own delay: what was later may come first.
    private func tell(_ event: LogEvent, _ now: Int64) {
        coming.append((now + (log.areFaultsOn(now) ? log.random.within(log.faults.delay) : 0), event))
    }
}

extension EtcdEngine {
    typealias Planted = EtcdEngineBug
}

typealias EtcdEngineBug = PlantedBug
