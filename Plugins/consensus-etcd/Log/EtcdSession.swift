internal import EtcdEngine
internal import PluginKit

/// What the log's thread does, one member of the cluster at a time: it looks at all that concerns the chain once a
/// second, watches for changes in between, writes what the engine wants written, and keeps the cutter's lease.
///
/// Looking is a read that a majority of the cluster confirms. So a member that is stopped, paused or cut off is noticed
/// within a second and the time limit of a request, whatever its open connections seem to be.
final class EtcdSession {
    static let lookMilliseconds: Int64 = 1_000
    static let entriesAtOnce = 200
    private static let backOff = (shortest: Int64(20), longest: Int64(2_000))

    let log: EtcdLog
    let settings: EtcdSettings
    let connections: HTTPConnections
    var mail = EtcdLog.Mail()
    var keys: EtcdKeys?
    private var endpointIndex = 0
    private var token: String?
    /// Tokens that were refused in a row.
    private var tokenRefusals = 0
    private var nextLook: Int64 = 0
    /// Nothing is sent before: a request has just failed.
    private var pause: Int64 = 0
    private var backOff = EtcdSession.backOff.shortest
    /// The place that is being written.
    var appending: LogPlace?
    /// What the engine was told of each place, so that it hears of changes only.
    var told: [LogPlace: LogEntry] = [:]
    var revision: Int64 = 0
    var lease = CutterLease()
    var cleaning = LogCleaning()

    init(_ log: EtcdLog, _ settings: EtcdSettings, _ connections: HTTPConnections) {
        self.log = log
        self.settings = settings
        self.connections = connections
    }

    var endpoint: String { settings.endpoints[endpointIndex] }

    func run() {
        while true {
            mail = log.read()
            if mail.isStopping { return giveUpLease() }
            startWhatIsDue(monotonicMilliseconds())
            connections.work(atMostMilliseconds: untilNext(monotonicMilliseconds()))
            for (role, ending) in connections.takeEnded() { finish(role, ending) }
            for line in connections.takeStreamed(.watch) { watched(line) }
        }
    }

    // MARK: What is due

    private func startWhatIsDue(_ now: Int64) {
        guard let chain = mail.chain else { return connections.cancelAll() }
        if keys == nil { keys = EtcdKeys(prefix: settings.keyPrefix, chain: chain) }
        guard let keys, pause <= now else { return }
        told = told.filter { $0.key.height >= mail.height }
        if !settings.user.isEmpty, token == nil {
            if !connections.isBusy(.authenticate) {
                send(.authenticate, EtcdRequest.authenticate(user: settings.user, password: settings.password))
            }
            return
        }
        if let append = mail.append, !connections.isBusy(.append) {
            appending = append.place
            send(.append, EtcdRequest.putNew(keys.entry(append.place), EtcdKeys.value(append.id)))
        }
        if nextLook <= now, !connections.isBusy(.look) {
            nextLook = now + Self.lookMilliseconds
            send(.look, EtcdRequest.look(keys, from: mail.height, limit: Self.entriesAtOnce))
        }
        keepLease(keys, now)
        clean(keys)
    }

    private func untilNext(_ now: Int64) -> Int64 {
        guard mail.chain != nil else { return 60_000 }
        if pause > now { return pause - now }
        return max(1, nextLook - now)
    }

    func send(_ role: HTTPConnections.Role, _ call: EtcdRequest.Call, isStream: Bool = false) {
        connections.start(
            role, url: endpoint + call.path, body: call.body, token: role == .authenticate ? nil : token,
            timeoutMilliseconds: settings.requestTimeoutMilliseconds, isStream: isStream)
    }

    func lookSoon() { nextLook = 0 }

    // MARK: Answers

    private func finish(_ role: HTTPConnections.Role, _ ending: HTTPConnections.Ending) {
        switch ending {
        case .unreachable(let reason): failed(role, .unreachable(endpoint: endpoint, reason: reason))
        case .untrusted(let reason): failed(role, .untrusted(endpoint: endpoint, reason: reason))
        case .notHTTP(let reason): failed(role, .notEtcd(endpoint: endpoint, reason: reason))
        case .answered(200, let body):
            if role == .watch { return lookSoon() }
            guard let answer = JSON(body) else {
                return failed(role, .notEtcd(endpoint: endpoint, reason: "its answer is no JSON"))
            }
            answered(role, answer)
        case .answered(let status, let body):
            failed(role, EtcdTrouble(endpoint: endpoint, status: status, body: body))
        }
    }

    private func answered(_ role: HTTPConnections.Role, _ answer: JSON) {
        switch role {
        case .authenticate:
            guard let text = answer["token"]?.text else {
                return failed(role, .notEtcd(endpoint: endpoint, reason: "it gives no token"))
            }
            token = text
        case .look: looked(answer)
        case .append: appended(answer)
        case .lease: leased(answer)
        case .clean: cleaned()
        case .watch: lookSoon()
        }
    }

    /// Says why, and goes on with the next member. What is under way is given up: it is asked for again.
    private func failed(_ role: HTTPConnections.Role, _ trouble: EtcdTrouble) {
        // Nothing depends on these two; what ails the member shows when it is looked at.
        if role == .lease { lease.lose() }
        if role == .clean || role == .lease, case .refused = trouble { return cleaned() }
        if role == .watch { return lookSoon() }
        if case .refusedCredentials = trouble, token != nil, tokenRefusals == 0 {
            // Tokens run out; a new one is had at once.
            tokenRefusals += 1
            token = nil
            connections.cancelAll()
            return
        }
        log.say(trouble)
        connections.cancelAll()
        token = nil
        endpointIndex = (endpointIndex + 1) % settings.endpoints.count
        pause = monotonicMilliseconds() + backOff
        backOff = min(backOff * 2, Self.backOff.longest)
        lookSoon()
    }

    private func looked(_ answer: JSON) {
        guard let keys, let revision = answer["header"]?["revision"]?.integer,
            let responses = answer["responses"]?.list, responses.count == 2
        else { return failed(.look, .notEtcd(endpoint: endpoint, reason: "its answer has no revision")) }
        tokenRefusals = 0
        backOff = Self.backOff.shortest
        self.revision = revision
        var events: [LogEvent] = []
        var foreign: String?
        for pair in EtcdPair.pairs(responses[0]) {
            guard let place = keys.place(pair.key) else {
                foreign = String(decoding: pair.key, as: UTF8.self)
                continue
            }
            if EtcdKeys.entry(pair.value) == .foreign { foreign = keys.entry(place) }
            note(place, EtcdKeys.entry(pair.value), &events)
        }
        note(cutter: EtcdPair.pairs(responses[1]).first?.value, &events)
        log.tell(events)
        log.say(foreign.map { .foreignValue(key: $0) })
        // Begun where this view ends, so that nothing is missed.
        if !connections.isBusy(.watch) { send(.watch, EtcdRequest.watch(keys, from: revision + 1), isStream: true) }
    }

    private func watched(_ line: [UInt8]) {
        guard let keys, let result = JSON(line)?["result"], result["canceled"] != .flag(true) else {
            connections.cancel(.watch)
            return lookSoon()
        }
        var events: [LogEvent] = []
        for event in result["events"]?.list ?? [] {
            guard let pair = event["kv"].flatMap({ EtcdPair($0) }) else { continue }
            let isDeleted = event["type"]?.text == "DELETE"
            if pair.key == Array(keys.cutter.utf8) {
                note(cutter: isDeleted ? nil : pair.value, &events)
            } else if let place = keys.place(pair.key), !isDeleted {
                note(place, EtcdKeys.entry(pair.value), &events)
            }
        }
        log.tell(events)
    }

    private func appended(_ answer: JSON) {
        guard let place = appending, case .flag(let succeeded)? = answer["succeeded"] ?? .flag(false) else { return }
        appending = nil
        var events: [LogEvent] = []
        if succeeded, let append = mail.append, append.place == place {
            note(place, .block(append.id), &events)
        } else if let pair = EtcdPair.pairs(answer["responses"]?.list.first ?? .null).first {
            note(place, EtcdKeys.entry(pair.value), &events)
        } else {
            return lookSoon()
        }
        log.finished(place)
        log.tell(events)
    }

    private func note(_ place: LogPlace, _ entry: LogEntry, _ events: inout [LogEvent]) {
        guard place.height >= mail.height, told[place] != entry else { return }
        told[place] = entry
        events.append(.entry(place, entry))
    }
}
