import ArgumentParser
import Glibc
import Ledger
import Node
import NodeAPI
import PluginHost
import Primitives

struct Doctor: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look for what would keep a node from working, and say how to mend it.",
        discussion: HelpText(
            why: "Checks configuration, clock, disk, fsync time, keys, the interface, plugins and bubblewrap.",
            examples: [
                ("vinculum doctor", "the usual folder"), ("vinculum doctor --data ./node --json", "for a program"),
            ],
            limits: "Writes and removes a small file in the folder to time the disk.", exits: [.ok, .failed, .usage]
        ).text)

    @OptionGroup var folder: FolderOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let health = NodeHealth(findings: await DoctorChecks(folder: folder).run())
        return HealthReport.emit("doctor", health, output)
    }
}

/// How findings are shown: one line each, and what to do.
enum HealthReport {
    static func emit(_ name: String, _ health: NodeHealth, _ output: OutputOptions) -> ExitStatus {
        output.emit(name, health.wire) { style in
            health.findings.map { finding in
                let mark = finding.healthy ? style.good("ok  ") : style.bad("fail")
                let mend = finding.mend.map { "\n      to do: \($0)" } ?? ""
                return "\(mark)  \(finding.check): \(finding.detail)\(mend)"
            }.joined(separator: "\n")
        }
        return health.healthy ? .ok : .failed
    }
}

/// What the doctor looks at; each check gives one finding with its mend.
struct DoctorChecks {
    let folder: FolderOptions

    func run() async -> [NodeHealth.Finding] {
        var findings = [clock()]
        do {
            let configuration = try folder.configuration()
            let detail =
                DurableFile.exists(folder.file) ? "\(folder.file) is valid" : "no \(folder.file): defaults count"
            findings.append(
                DurableFile.exists(folder.file)
                    ? good("configuration", detail)
                    : bad("configuration", detail, "vinculum init --data \(folder.folder)"))
            findings += [disk(configuration), durability(configuration), keys(configuration)]
            findings.append(await interface(configuration))
            findings += plugins(configuration)
        } catch {
            findings.append(bad("configuration", "\(error)", "vinculum config validate \(folder.file)"))
        }
        findings.append(sandbox())
        return findings
    }

    private func good(_ check: String, _ detail: String) -> NodeHealth.Finding {
        .init(check: check, healthy: true, detail: detail)
    }

    private func bad(_ check: String, _ detail: String, _ mend: String) -> NodeHealth.Finding {
        .init(check: check, healthy: false, detail: detail, mend: mend)
    }

    /// Block times have to be near the truth: a clock before this program was made is certainly wrong.
    private func clock() -> NodeHealth.Finding {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let text = HumanUnits.time(milliseconds: UInt64(clamping: now.tv_sec) * 1000)
        let isPlausible = now.tv_sec > 1_767_225_600 && now.tv_sec < 4_102_444_800
        return isPlausible
            ? good("clock", text) : bad("clock", "it says \(text)", "set the clock: timedatectl set-ntp true")
    }

    private func disk(_ configuration: NodeConfiguration) -> NodeHealth.Finding {
        var status = statvfs()
        guard statvfs(configuration.dataFolder, &status) == 0 else {
            return bad(
                "disk", "\(configuration.dataFolder): \(String(cString: strerror(errno)))",
                "vinculum init --data \(folder.folder)")
        }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        let detail = "\(HumanUnits.bytes(free)) free in \(configuration.dataFolder)"
        return free > 1_000_000_000 ? good("disk", detail) : bad("disk", detail, "free some space: 1 GB at least")
    }

    /// The median of 15 synced writes: what each block waits for.
    private func durability(_ configuration: NodeConfiguration) -> NodeHealth.Finding {
        let path = "\(configuration.dataFolder)/.doctor-\(getpid())"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            return bad(
                "fsync", "cannot write in \(configuration.dataFolder): \(String(cString: strerror(errno)))",
                "chown or chmod the folder for this user")
        }
        defer {
            close(file)
            unlink(path)
        }
        let block = [UInt8](repeating: 0x56, count: 4096)
        var times: [Duration] = []
        for _ in 0..<15 {
            let start = ContinuousClock.now
            guard write(file, block, block.count) == block.count, fdatasync(file) == 0 else {
                return bad("fsync", String(cString: strerror(errno)), "check the disk and its free space")
            }
            times.append(ContinuousClock.now - start)
        }
        let median = times.sorted()[7]
        let detail = "\(HumanUnits.duration(median)) a synced write (median of 15)"
        return median < .milliseconds(50)
            ? good("fsync", detail) : bad("fsync", detail, "use a faster disk for node.data_folder")
    }

    private func keys(_ configuration: NodeConfiguration) -> NodeHealth.Finding {
        do throws(KeyFileError) {
            let key = try SecretKey.load(from: configuration.keyFile)
            return good("keys", "\(configuration.keyFile) is \(AccountID(key.publicKey).text)")
        } catch {
            let mend =
                error.code == .permissionsTooWide
                ? "chmod 600 \(configuration.keyFile)" : "vinculum init --data \(folder.folder)"
            return bad("keys", error.description, mend)
        }
    }

    /// A node that answers is well; none is as well, if its address is free.
    private func interface(_ configuration: NodeConfiguration) async -> NodeHealth.Finding {
        guard let path = configuration.unixSocket else {
            guard let port = configuration.tcpPort else {
                return bad("interface", "both ways in are switched off", "set api.unix_socket or api.tcp_port")
            }
            return good("interface", "TCP port \(port)")
        }
        guard path.utf8.count <= 98 else {
            return bad("interface", "\(path) is too long for a socket", "set api.unix_socket to a shorter path")
        }
        guard DurableFile.exists(path) else { return good("interface", "\(path) is free; no node runs") }
        do throws(ServiceError) {
            let health = try await NodeClient(.unixSocket(path: path), timeout: .seconds(5)).health()
            return health.healthy
                ? good("interface", "a healthy node answers at \(path)")
                : bad("interface", "the node at \(path) is not healthy", "vinculum status")
        } catch {
            return error.code == .unreachable
                ? good("interface", "\(path) is left over from a node that ended; the next one replaces it")
                : bad("interface", "\(error)", "look at the node's log")
        }
    }

    /// What the registry finds, and the consensus plugin that the genesis names.
    private func plugins(_ configuration: NodeConfiguration) -> [NodeHealth.Finding] {
        let registry = PluginCatalogue(configuration).registry
        let found = PluginReport.findings(registry.doctor())
        var findings = found.filter { !$0.healthy }.map { finding in
            NodeHealth.Finding(
                check: finding.check == "plugins" ? "plugins" : "plugin \(finding.check)", healthy: false,
                detail: finding.detail, mend: finding.mend)
        }
        if findings.isEmpty {
            findings.append(good("plugins", "\(found.count) in \(registry.folders.libraries), all verified"))
        }
        guard let bytes = try? DurableFile.read(configuration.genesisFile, limitBytes: 16 << 20),
            let genesis = try? Genesis.decode(bytes)
        else { return findings }
        do throws(PluginError) {
            let engine = try registry.find(genesis.engine)
            findings.append(
                engine.isEnabled
                    ? good("consensus plugin", "\(engine.manifest.id) \(engine.manifest.version), enabled")
                    : bad(
                        "consensus plugin", "\(engine.manifest.id) is not enabled",
                        "vinculum plugin enable \(engine.manifest.name)"))
        } catch {
            findings.append(
                bad("consensus plugin", error.description, "install and enable \(genesis.engine)"))
        }
        return findings
    }

    private func sandbox() -> NodeHealth.Finding {
        let folders = (ProcessEnvironment.variables["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        for folder in folders where access("\(folder)/bwrap", X_OK) == 0 {
            return good("sandbox", "bubblewrap is \(folder)/bwrap")
        }
        return bad("sandbox", "bubblewrap is not installed: tasks cannot run", "apt install bubblewrap")
    }
}
