import Glibc
import PluginHost
import Testing

/// What a child cannot do to its host, and what of the system it cannot reach.
@Suite struct ConfinementTests {
    private static func children(_ timeout: Duration = .seconds(20)) -> PluginChildLauncher {
        PluginChildLauncher(program: Fixture.childProgram, callTimeout: timeout, startTimeout: timeout)
    }

    /// The one effect of the sample's step.
    private func answer(_ fixture: Fixture, isolated: Bool) throws -> ConsensusEffect? {
        let engine = try fixture.engine(isolated: isolated)
        try engine.start(snapshot: [])
        return try engine.step(tick).first
    }

    /// Calls that reach for other processes answer "no such process" where nothing stops them: the number is nobody's.
    @Test(arguments: [
        ("syscall(SYS_tgkill, NOBODY, NOBODY, 0)", ESRCH), ("syscall(SYS_tkill, NOBODY, 0)", ESRCH),
        ("syscall(SYS_rt_sigqueueinfo, NOBODY, SIGTERM, information)", ESRCH),
        ("syscall(SYS_rt_tgsigqueueinfo, NOBODY, NOBODY, SIGTERM, information)", ESRCH),
        ("syscall(SYS_pidfd_open, NOBODY, 0)", ESRCH), ("syscall(SYS_pidfd_send_signal, -1, 0, 0, 0)", EBADF),
        ("syscall(SYS_pidfd_getfd, -1, 0, 0)", EBADF), ("prlimit(NOBODY, RLIMIT_NOFILE, 0, &limit)", ESRCH),
        ("syscall(SYS_sched_setaffinity, NOBODY, 8, information)", ESRCH), ("kill(NOBODY, 0)", ESRCH),
        ("truncate(\"/nowhere/at/all\", 0)", ENOENT), ("chmod(\"/nowhere/at/all\", 0)", ENOENT),
        ("mknod(\"/nowhere/at/all\", 0, 0)", ENOENT), ("setpriority(PRIO_PROCESS, NOBODY, 0)", ESRCH),
        ("memfd_create(\"more\", 0)", 0), ("unshare(0)", 0),
    ])
    func whatReachesOutIsRefused(call: String, without: Int32) throws {
        let fixture = try Fixture("attempts", flags: "-DTRY='\(call)'")
        defer { fixture.remove() }
        #expect(try answer(fixture, isolated: false) == .setTimer(id: UInt64(without), timeMilliseconds: 0))
        #expect(try answer(fixture, isolated: true) == .setTimer(id: UInt64(EPERM), timeMilliseconds: 0))
    }

    /// What a program does to itself goes on working: `abort` and `getrlimit` come from everywhere.
    @Test(arguments: ["raise(SIGURG)", "getrlimit(RLIMIT_NOFILE, &limit)", "prlimit(getpid(), RLIMIT_CORE, 0, &limit)"])
    func whatStaysInsideWorks(call: String) throws {
        let fixture = try Fixture("attempts", flags: "-DTRY='\(call)'")
        defer { fixture.remove() }
        #expect(try answer(fixture, isolated: true) == .setTimer(id: 0, timeMilliseconds: 0))
    }

    @Test func aChildHasNoTerminalOfTheHosts() throws {
        let fixture = try Fixture("attempts", flags: "-DTRY='errno = getsid(0) == getpid() && !isatty(2)'")
        defer { fixture.remove() }
        #expect(try answer(fixture, isolated: true) == .setTimer(id: 1, timeMilliseconds: 0))
    }

    /// A library's constructors are its own code, and run before anything of it is asked for.
    @Test func aConstructorIsConfinedToo() throws {
        let fixture = try Fixture("busy-constructor", flags: "-pthread")
        defer { fixture.remove() }
        // The sample must be able to tell: here all three can be had.
        #expect(try answer(fixture, isolated: false) == .setTimer(id: 7, timeMilliseconds: 1))
        #expect(try answer(fixture, isolated: true) == .setTimer(id: 0, timeMilliseconds: 0))
    }

    @Test func aBridgeReachesTheNetworkAndLittleElse() throws {
        let fixture = try Fixture("bridge", flags: "-pthread")
        defer { fixture.remove() }
        try fixture.writeManifest(kind: "vin.bridge/1")
        let isolated = IsolationPolicy(isolated: ["org.example.engine"])
        let error = pluginError { _ = try fixture.registry(isolation: isolated).bridge("engine") }
        #expect(error?.message == "passwd 0, hosts 1, inet 1, unix 0, thread 1, exec 0, fork 0")
    }

    /// A program that hosts children and confines none of them: the doctor names what is missing, and the log too.
    @Test func whatTheSystemRefusesIsNamed() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let isolated = IsolationPolicy(isolated: ["org.example.engine"])
        #expect(fixture.registry(isolation: isolated).doctor().allSatisfy { $0.problem == nil })
        // Without Landlock and filters, as an old kernel is: a filter answers that there are none.
        let wrapper = try Self.withoutSystemCalls(in: fixture, ["SYS_landlock_create_ruleset", "SYS_seccomp"])
        let lines = LogLines()
        let registry = fixture.registry(
            isolation: isolated, child: PluginChildLauncher(program: wrapper), services: lines.services)
        let problem = registry.doctor().compactMap(\.problem).first
        #expect(problem?.contains("Landlock") == true && problem?.contains("seccomp") == true, "\(problem ?? "")")
        let engine = try registry.consensus("engine")
        #expect(lines.all.contains { $0.contains("Landlock") && $0.contains("seccomp") }, "\(lines.all)")
        try engine.start(snapshot: [])
        #expect(try engine.step(tick).count == 1)
    }

    /// A program that starts the host of children where these system calls do not exist.
    private static func withoutSystemCalls(in fixture: Fixture, _ names: [String]) throws -> String {
        let source = "\(fixture.prefix)/wrapper.c"
        let checks = names.map { "BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, \($0), 0, 1), BPF_STMT(BPF_RET|BPF_K, NO)," }
        try Fixture.write(
            source,
            """
            #include <errno.h>
            #include <linux/filter.h>
            #include <linux/seccomp.h>
            #include <stddef.h>
            #include <sys/prctl.h>
            #include <sys/syscall.h>
            #include <unistd.h>
            #define NO (SECCOMP_RET_ERRNO | ENOSYS)
            int main(int count, char **arguments) {
                struct sock_filter code[] = {
                    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                    \(checks.joined(separator: " "))
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
                struct sock_fprog program = {sizeof code / sizeof *code, code};
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
                return execv("\(Fixture.childProgram)", arguments);
            }
            """)
        #expect(system("cc -w '\(source)' -o '\(fixture.prefix)/wrapper'") == 0)
        return "\(fixture.prefix)/wrapper"
    }

    @Test(arguments: ["hang-create", "hang-init"])
    func aPluginThatIsNeverReadyIsKilled(source: String) throws {
        let fixture = try Fixture(source)
        defer { fixture.remove() }
        let error = pluginError {
            _ = try fixture.registry(
                isolation: IsolationPolicy(isolated: ["org.example.engine"]), child: Self.children(.milliseconds(500))
            ).consensus("engine")
        }
        #expect(error?.code == .timeout)
    }

    /// Talking is no answer, and not reading is no way to hold the host.
    @Test(arguments: ["hang-logging", "unread-answers"])
    func aCallEndsInTimeWhateverTheChildSends(source: String) throws {
        let fixture = try Fixture(source)
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: true, callTimeout: .milliseconds(400))
        try engine.start(snapshot: [])
        let clock = ContinuousClock()
        let begin = clock.now
        #expect(pluginError { _ = try engine.step(tick) }?.code == .timeout)
        #expect(clock.now - begin < .seconds(10))
    }

    @Test func descriptorsThatAChildPassesDoNotArrive() throws {
        let fixture = try Fixture("passes-descriptors")
        defer { fixture.remove() }
        let engine = try fixture.engine(isolated: true)
        try engine.start(snapshot: [])
        let before = Self.memoryFiles()
        #expect(pluginError { _ = try engine.step(tick) }?.code == .protocolBroken)
        #expect(Self.memoryFiles() == before)
    }

    private static func memoryFiles() -> Int {
        (0..<1024).count { number in
            var name = [CChar](repeating: 0, count: 256)
            guard readlink("/proc/self/fd/\(number)", &name, 255) > 0 else { return false }
            return name.withUnsafeBufferPointer { $0.baseAddress.map { strstr($0, "memfd:vinculum") != nil } ?? false }
        }
    }

    @Test func whatAChildWritesIsLoggedWithoutControlCharacters() throws {
        let fixture = try Fixture("shouts")
        defer { fixture.remove() }
        let lines = LogLines()
        let engine = try fixture.registry(
            isolation: IsolationPolicy(isolated: ["org.example.engine"]), services: lines.services
        ).consensus("engine")
        try engine.start(snapshot: [])
        _ = try engine.step(tick)
        engine.close()
        let said = lines.all
        #expect(said.contains("standard error: first\u{FFFD}[2J") && said.contains("standard error: second"), "\(said)")
        #expect(said.contains("one\u{FFFD}two\u{FFFD}]0;title\u{FFFD}"), "\(said)")
    }
}
