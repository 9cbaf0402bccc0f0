import Primitives
import Synchronization

/// `vinculum plugin check`: every rule on one plugin, the calls in child processes.
///
/// Any thread; blocking, so not on Swift's cooperative pool.
public struct PluginChecker: Sendable {
    public var launcher: PluginChildLauncher
    /// Where random input starts from; printed, so that a failure can be repeated.
    public var seed: UInt64
    /// How many random inputs the fuzzer sends.
    public var fuzzCalls: Int

    /// Whose signatures count; nil takes no notice of signatures.
    public var trustedKeysFolder: String?

    public init(
        launcher: PluginChildLauncher = PluginChildLauncher(callTimeout: .seconds(5)), seed: UInt64 = 1,
        fuzzCalls: Int = 500, trustedKeysFolder: String? = nil
    ) {
        self.launcher = launcher
        self.seed = seed
        self.fuzzCalls = fuzzCalls
        self.trustedKeysFolder = trustedKeysFolder
    }

    /// Checks a plugin.
    ///
    /// - Parameters:
    ///   - path: the manifest; or the folder that holds `plugin.toml`; or the library, with the manifest in its folder
    /// or
    ///     in one of the three above it.
    ///   - library: nil takes the manifest's: beside it, where `swift build` puts it, or in the installed layout.
    public func check(_ path: String, library: String? = nil) -> CheckReport {
        let session = CheckSession(checker: self)
        let isLibrary = path.hasSuffix(".so")
        session.run(manifestPath: Self.manifest(path), libraryPath: library ?? (isLibrary ? path : nil))
        return CheckReport(
            plugin: session.manifest?.id ?? path, version: session.manifest?.version.description ?? "", seed: seed,
            conformanceDigest: session.conformanceDigest, results: session.results)
    }

    /// The manifest of a folder or of a library, or the path itself.
    static func manifest(_ path: String) -> String {
        if Files.isFolder(path) { return "\(path)/plugin.toml" }
        guard path.hasSuffix(".so") else { return path }
        var folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        for _ in 0..<4 {
            if Files.exists("\(folder)/plugin.toml") { return "\(folder)/plugin.toml" }
            folder += "/.."
        }
        return (path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".") + "/plugin.toml"
    }

    /// A manifest's library: beside it, where `swift build` puts it, or in the installed layout.
    static func library(_ manifest: Manifest, _ path: String) -> String {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let places = [
            folder, "\(folder)/.build/release", "\(folder)/.build/debug", "\(folder)/../../../lib/vinculum/plugins",
            "\(folder)/../../usr/lib/vinculum/plugins",
        ]
        let found = places.first { Files.exists("\($0)/\(manifest.library)") }
        return "\(found ?? folder)/\(manifest.library)"
    }

    /// What the checker lends: everything that a manifest may ask for, and nothing behind it but memory.
    static func services() -> HostServices {
        var services = HostServices()
        let memory = CheckMemory()
        services.metric = { _, _, _, _ in }
        services.storageGet = { _, key in memory.values.withLock { $0[key] } }
        services.storagePut = { _, key, value in memory.values.withLock { $0[key] = value } }
        services.publicKey = { _, _, _ throws(HostServices.Refusal) in throw HostServices.Refusal(status: 11) }
        services.sign = { _, _, _, _, _ throws(HostServices.Refusal) in throw HostServices.Refusal(status: 11) }
        services.validators = { (0, []) }
        return services
    }
}

private final class CheckMemory: Sendable {
    let values = Mutex<[[UInt8]: [UInt8]]>([:])
}

/// One run over the rules.
private final class CheckSession {
    let checker: PluginChecker
    var manifest: Manifest?
    var text = ""
    var results: [CheckResult] = []
    var conformanceDigest: Digest?

    init(checker: PluginChecker) { self.checker = checker }

    func note(_ rule: CheckRule, _ outcome: CheckResult.Outcome, _ reason: String = "") {
        results.append(CheckResult(rule: rule, outcome: outcome, reason: reason))
    }

    /// Runs a rule; an error of a dead child is a crash, any other a failure. Answers whether it passed.
    @discardableResult
    func rule(_ rule: CheckRule, _ body: () throws(PluginError) -> Void) -> Bool {
        do throws(PluginError) {
            try body()
            note(rule, .passed)
            return true
        } catch {
            let isDeath = error.code == .crashed || error.code == .timeout || error.code == .protocolBroken
            note(rule, isDeath ? .crashed : .failed, error.description)
            return false
        }
    }

    func run(manifestPath: String, libraryPath: String?) {
        var sealed: SealedLibrary?
        let isRead = rule(.manifest) { () throws(PluginError) in
            text = try Files.text(manifestPath, limit: 1 << 20)
            let read = try Manifest(text: text, file: manifestPath)
            try read.checkHost()
            manifest = read
        }
        guard isRead, let manifest else { return skipRest("the manifest cannot be used") }
        checkSignature(manifestPath)
        do throws(PluginError) {
            sealed = try SealedLibrary(path: libraryPath ?? PluginChecker.library(manifest, manifestPath))
        } catch {
            note(.digest, .failed, error.description)
        }
        guard let sealed else { return skipRest("there is no library") }
        if let promised = manifest.sha256 {
            guard rule(.digest, { () throws(PluginError) in try sealed.check(promised, plugin: manifest.id) }) else {
                return skipRest("the library is not the promised one")
            }
        } else {
            note(.digest, .skipped, "the manifest promises none; fill it in before you sign it")
        }
        checkSymbols(sealed, manifest)
        checkInstance(sealed, manifest)
    }

    private func skipRest(_ reason: String) {
        for rule in CheckRule.allCases where !results.contains(where: { $0.rule == rule }) {
            note(rule, .skipped, reason)
        }
    }

    /// A bad signature is a fault of the plugin; having none yet is not.
    private func checkSignature(_ manifestPath: String) {
        let path = manifestPath + ".minisig"
        guard Files.exists(path) else {
            return note(.signature, .skipped, "unsigned: a host takes it only where its sha256 is named")
        }
        guard let folder = checker.trustedKeysFolder else {
            return note(.signature, .skipped, "no keys to compare with")
        }
        rule(.signature) { () throws(PluginError) in
            try TrustedKeys(folder: folder).verify(
                Array(text.utf8), signature: try Files.text(path, limit: 1 << 16), file: path)
        }
    }

    private func checkSymbols(_ sealed: SealedLibrary, _ manifest: Manifest) {
        let bytes = (try? sealed.bytes()) ?? []
        guard let lint = SymbolLint(bytes, isSansIO: manifest.isSansIO) else {
            note(.exports, .failed, "not a 64-bit ELF library with dynamic symbols")
            note(.symbols, .skipped, "no symbols")
            return
        }
        note(.exports, lint.exportFault == nil ? .passed : .failed, lint.exportFault ?? "")
        guard manifest.isSansIO else { return note(.symbols, .skipped, "it does I/O") }
        note(.symbols, lint.wantFault == nil ? .passed : .failed, lint.wantFault ?? "")
    }

    /// An instance in a child of its own, with the settings given.
    private func make(
        _ sealed: SealedLibrary, _ manifest: Manifest, settings: String
    ) throws(PluginError) -> IsolatedTarget {
        try IsolatedTarget(
            sealed, manifest, manifestText: text, settings: settings, services: PluginChecker.services(),
            launcher: checker.launcher)
    }

    private func checkInstance(_ sealed: SealedLibrary, _ manifest: Manifest) {
        var settings = ""
        guard
            rule(
                .settings,
                { () throws(PluginError) in
                    settings = try manifest.settingsText(Self.examples(manifest))
                })
        else { return skipRest("no settings to make an instance with") }
        guard rule(.load, { () throws(PluginError) in _ = try make(sealed, manifest, settings: settings) }) else {
            return skipRest("there is no instance")
        }
        rule(.refusesUnknownSettings) { () throws(PluginError) in
            let unknown = settings + "zzz.not-a-setting=1\n"
            do throws(PluginError) { _ = try make(sealed, manifest, settings: unknown) } catch {
                if error.code == .failed { return }
                throw error
            }
            throw PluginError(.failed, plugin: manifest.id, call: "configure", "takes a setting that it does not know")
        }
        guard manifest.isSansIO || manifest.kind == .consensus else {
            for rule in [CheckRule.conformance, .determinism, .conformanceDigest, .garbage, .fuzz] {
                note(rule, .skipped, "this kind does I/O; its own tests drive it")
            }
            return checkDestroy(sealed, manifest, settings)
        }
        let conforms = manifest.isSansIO && checkScenario(sealed, manifest, settings)
        if !manifest.isSansIO {
            for rule in [CheckRule.conformance, .determinism, .conformanceDigest] {
                note(rule, .skipped, "it needs a service of its operator's; its own tests drive it")
            }
        } else if !conforms {
            note(.determinism, .skipped, "the scenario does not run through")
            note(.conformanceDigest, .skipped, "the scenario does not run through")
        }
        let calls = checker.fuzzCalls
        rule(.garbage) { () throws(PluginError) in
            try Fuzzer(seed: checker.seed, manifest: manifest).garbage(try make(sealed, manifest, settings: settings))
        }
        rule(.fuzz) { () throws(PluginError) in
            var fuzzer = Fuzzer(seed: checker.seed, manifest: manifest)
            try fuzzer.run(
                try make(sealed, manifest, settings: settings), calls: calls)
        }
        checkDestroy(sealed, manifest, settings)
    }

    /// The scenario, twice, and what it comes to. Answers whether it ran through.
    private func checkScenario(_ sealed: SealedLibrary, _ manifest: Manifest, _ settings: String) -> Bool {
        var first: [UInt8] = []
        let conforms = rule(.conformance) { () throws(PluginError) in
            first = try trace(sealed, manifest, settings: settings, seed: checker.seed)
        }
        guard conforms else { return false }
        rule(.determinism) { () throws(PluginError) in
            let second = try trace(sealed, manifest, settings: settings, seed: checker.seed)
            guard first == second else {
                let place = zip(first, second).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                throw PluginError(
                    .failed, plugin: manifest.id, call: "trace",
                    "two processes differ from byte \(place ?? min(first.count, second.count)) of the trace on")
            }
        }
        checkConformanceDigest(sealed, manifest, settings)
        return true
    }

    private func checkConformanceDigest(_ sealed: SealedLibrary, _ manifest: Manifest, _ settings: String) {
        var found: Digest?
        do throws(PluginError) {
            var traces: [(seed: UInt64, trace: [UInt8])] = []
            for seed in ConformanceDigest.seeds {
                traces.append((seed, try trace(sealed, manifest, settings: settings, seed: seed)))
            }
            found = ConformanceDigest.of(traces, kind: manifest.kind)
        } catch {
            return note(.conformanceDigest, .failed, error.description)
        }
        conformanceDigest = found
        guard let promised = manifest.conformanceDigest else {
            return note(
                .conformanceDigest, .warned,
                "the manifest gives none, so no job can name the plugin: \(found?.hex ?? "")")
        }
        guard promised == found else {
            return note(
                .conformanceDigest, .failed,
                "the manifest promises \(promised.hex), the plugin's traces give \(found?.hex ?? "")")
        }
        note(.conformanceDigest, .passed)
    }

    private func checkDestroy(_ sealed: SealedLibrary, _ manifest: Manifest, _ settings: String) {
        rule(.destroy) { () throws(PluginError) in
            let target = try make(sealed, manifest, settings: settings)
            guard target.closeOrderly() else {
                throw PluginError(.crashed, plugin: manifest.id, call: "destroy", "the process did not end in order")
            }
        }
    }

    private func trace(
        _ sealed: SealedLibrary, _ manifest: Manifest, settings: String, seed: UInt64
    ) throws(PluginError) -> [UInt8] {
        switch manifest.kind {
        case .consensus:
            var scenario = ConsensusScenario(seed: seed)
            return try scenario.run(steps: 200) { () throws(PluginError) in
                ConsensusInstance(manifest, try make(sealed, manifest, settings: settings))
            }
        case .privacy:
            return try PrivacyScenario.run(
                PrivacyInstance(manifest, try make(sealed, manifest, settings: settings)), seed: seed)
        case .verifier:
            return try VerifierScenario.run(
                VerifierInstance(manifest, try make(sealed, manifest, settings: settings)), seed: seed)
        case .bridge, .runtime: return []
        }
    }

    /// A value for each setting that has no default: the least integer, false, the first choice.
    private static func examples(_ manifest: Manifest) -> [String: String] {
        var values: [String: String] = [:]
        for setting in manifest.settings where setting.defaultValue == nil {
            switch setting.form {
            case .integer(let minimum, _): values[setting.key] = String(max(minimum, 0))
            case .boolean: values[setting.key] = "false"
            case .file: values[setting.key] = ""
            case .text(let choices): values[setting.key] = choices.first ?? ""
            }
        }
        return values
    }
}
