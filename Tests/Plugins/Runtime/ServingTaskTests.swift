import CVinculum
import Glibc

import TestSupport
import Testing

/// Tasks that live from request to request.
@Suite(
    "runtime-process, serving", .serialized,
    .enabled(if: access("/usr/bin/bwrap", X_OK) == 0, "bubblewrap is not installed"))
struct ServingTaskTests {
    private func start(
        _ script: String, limits: vin_task_limits = taskLimits(), input: String? = nil, on runtime: RuntimeHarness
    ) throws -> UInt64 {
        let task = try runtime.prepare(script, limits: limits, input: input, serves: true)
        try runtime.start(task)
        return task
    }

    private func text(_ name: String, _ runtime: RuntimeHarness) throws -> String {
        let file = try #require(fopen("\(runtime.folder)/output/\(name)", "rb"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("answers request after request from one process, each with its own files")
    func answers() throws {
        let runtime = try RuntimeHarness()
        let task = try start(
            "n=0; while read -r word; do n=$((n+1)); echo $word $n > /output/said; echo $$ $word >&0; done",
            on: runtime)
        let first = try runtime.ask(task, "one")
        #expect(first.hasSuffix(" one"))
        #expect(try text("said", runtime) == "one 1\n")
        let second = try runtime.ask(task, "two words")
        #expect(second.hasSuffix(" two words"))
        #expect(first.split(separator: " ").first == second.split(separator: " ").first)
        #expect(try text("said", runtime) == "two words 2\n")
        try runtime.kill(task)
        #expect(try runtime.collect(task).result.end == UInt32(VIN_TASK_KILLED))
    }

    @Test("sees inputs as they are when it is asked, in a folder that it cannot write to")
    func seesInputs() throws {
        let runtime = try RuntimeHarness()
        let folder = try TemporaryFolder()
        chmod(folder.root, 0o755)
        system("mkdir '\(folder.root)/in'; echo old > '\(folder.root)/in/model'")
        let task = try start(
            "while read -r _; do (echo x > /data/new) 2>/dev/null; echo $(cat /data/model) $? >&0; done",
            input: "\(folder.root)/in", on: runtime)
        #expect(try runtime.ask(task, "go").hasPrefix("old"))
        system("echo new > '\(folder.root)/in/model'")
        #expect(try runtime.ask(task, "go").hasPrefix("new"))
        #expect(access("\(folder.root)/in/new", F_OK) != 0)
        try runtime.kill(task)
    }

    @Test("takes regular files alone, and leaves nothing of one request for the next")
    func clearsOutput() throws {
        let runtime = try RuntimeHarness()
        let task = try start(
            """
            read -r _; echo a > /output/a; mkdir /output/d; echo b > /output/d/b; ln -s /etc/passwd /output/l
            echo ok >&0
            read -r _; echo $(ls /output | wc -l) >&0; read -r _
            """, on: runtime)
        #expect(try runtime.ask(task, "x") == "ok")
        #expect(try text("a", runtime) == "a\n")
        #expect(access("\(runtime.folder)/output/l", F_OK) != 0 && access("\(runtime.folder)/output/d", F_OK) != 0)
        #expect(try runtime.ask(task, "y") == "0")
        try runtime.kill(task)
    }

    @Test("says that there is no answer yet, and goes on waiting when asked with nothing")
    func waits() throws {
        let runtime = try RuntimeHarness()
        let task = try start("read -r _; sleep .3; echo late >&0; read -r _", on: runtime)
        #expect(try runtime.ask(task, "x", wait: 0) == "")
        #expect(throws: Refused.self) { try runtime.ask(task, "too early", wait: 0) }
        #expect(try runtime.ask(task, "") == "late")
        try runtime.kill(task)
    }

    @Test("has its time anew for each request, and none of it while it waits for one")
    func limitsRequests() throws {
        let runtime = try RuntimeHarness()
        let task = try start(
            "while read -r time; do sleep $time; echo slept >&0; done", limits: taskLimits(wall: 600), on: runtime)
        for _ in 0..<3 { #expect(try runtime.ask(task, ".3") == "slept") }
        usleep(700_000)
        #expect(try runtime.ask(task, "0") == "slept")
        #expect(throws: Refused.self) { try runtime.ask(task, "5") }
        let ended = try runtime.collect(task)
        #expect(ended.result.end == UInt32(VIN_TASK_LIMIT) && ended.result.code == Int32(VIN_LIMIT_WALL))
    }

    @Test("ends at its limit of processor time, also when it burns it between requests")
    func limitsIdleWork() throws {
        let runtime = try RuntimeHarness()
        let task = try start(
            "read -r _; echo ok >&0; while :; do :; done", limits: taskLimits(cpu: 200), on: runtime)
        #expect(try runtime.ask(task, "x") == "ok")
        let usage = try runtime.usage(task, wait: 10_000)
        #expect(usage.state == UInt32(VIN_TASK_ENDED))
        let ended = try runtime.collect(task)
        #expect(ended.result.end == UInt32(VIN_TASK_LIMIT) && ended.result.code == Int32(VIN_LIMIT_CPU))
    }

    @Test("tells by its state that a task has died under a request, and how in its result")
    func dies() throws {
        let runtime = try RuntimeHarness()
        let task = try start("read -r _; exit 7", on: runtime)
        #expect(throws: Refused.self) { try runtime.ask(task, "x") }
        let ended = try runtime.collect(task)
        #expect(ended.result.end == UInt32(VIN_TASK_EXITED) && ended.result.code == 7)
    }

    @Test("refuses a request of two lines or too many bytes, and an answer that is not one line")
    func refuses() throws {
        let runtime = try RuntimeHarness()
        let task = try start("read -r _; echo; read -r _", on: runtime)
        #expect(throws: Refused.self) { try runtime.ask(task, "a\nb") }
        #expect(throws: Refused.self) { try runtime.ask(task, String(repeating: "a", count: 5_000)) }
        try runtime.kill(task)
        for answers in ["echo >&0", "printf 'a\\nb\\n' >&0", "exec 3>&0; head -c 70000 /dev/zero | tr '\\0' a >&3"] {
            let task = try start("read -r _; \(answers); read -r _", on: runtime)
            #expect(throws: Refused.self) { try runtime.ask(task, "x") }
            try runtime.kill(task)
            _ = try runtime.collect(task)
        }
    }

    @Test("does not ask a task that runs once")
    func onceOnly() throws {
        let runtime = try RuntimeHarness()
        let task = try runtime.prepare("sleep 5", limits: taskLimits())
        try runtime.start(task)
        #expect(throws: Refused.self) { try runtime.ask(task, "x") }
        try runtime.kill(task)
    }
}
