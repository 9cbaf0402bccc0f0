import ArgumentParser
import Federation
import Ledger
import Node
import NodeAPI
import Primitives

struct Job: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prepare, submit and follow training jobs.",
        discussion: HelpText(
            why: "A job says what is trained, under which privacy guarantee, and what is paid.",
            examples: [
                ("vinculum job new job.toml", "a documented file to fill in"),
                ("vinculum job submit job.toml --holdout h.safetensors", "offer it to its members"),
                ("vinculum job watch ID", "see the rounds as they happen"),
                ("vinculum job close ID", "no round after the current one"),
            ],
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven, .exists, .aborted]
        ).text,
        subcommands: [
            JobNew.self, JobSubmit.self, JobShow.self, JobList.self, JobWatch.self, JobModel.self, JobClose.self,
            JobAbort.self, JobAdvance.self, JobReplaceAggregator.self, JobWithdraw.self,
        ])
}

struct JobNew: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Write a documented job file to fill in.",
        discussion: HelpText(
            why: "Every key is in it with its meaning. `vinculum config validate FILE` checks the result.",
            examples: [("vinculum job new job.toml", "then edit it")], limits: "Never overwrites a file.",
            exits: [.ok, .failed, .usage, .exists]
        ).text)

    @Argument(help: "The file to write.") var file: String
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        if DurableFile.exists(file) { throw CommandFailure(.exists, "\(file) exists already") }
        try DurableFile.replace(file, with: Array(JobFile.schema.documentedFile().utf8))
        output.emit("job-new", CBORMap([("file", .text(file))])) { _ in
            "\(file) written; edit it, then run `vinculum config validate \(file)`"
        }
        return .ok
    }
}

/// How a job's record is shown.
enum JobReport {
    /// - Parameter what: whose id it has to be.
    static func id(_ text: String, of what: String = "job") throws -> Digest {
        guard let digest = try? Digest(hex: text) else {
            throw ValidationError("'\(text)' is not a \(what)'s id (64 hexadecimal digits)")
        }
        return digest
    }

    /// Why the job ended, as programs read it; nil while it goes on.
    static func end(_ record: JobRecord) -> String? {
        record.end == .none ? nil : TransactionResult.underscored("\(record.end)")
    }

    /// The same for people.
    static func words(_ record: JobRecord) -> String {
        let end = end(record).map { ": " + $0.replacing("_", with: " ") } ?? ""
        return "\(record.status)\(end)"
    }

    static func document(_ id: Digest, _ record: JobRecord) -> CBORMap {
        CBORMap([
            ("id", .text(id.hex)), ("requester", .text(record.requester.text)), ("status", .text("\(record.status)")),
            ("round", .unsigned(UInt64(record.round))), ("rounds_done", .unsigned(UInt64(record.roundsDone))),
            ("invited", .unsigned(UInt64(record.invited))), ("active", .unsigned(UInt64(record.active))),
            ("paid", .text("\(record.paid)")), ("refunded", .text("\(record.refunded)")),
            ("model", .text(record.model.text)), ("aggregator", .text(record.aggregator.text)),
            ("closing", .bool(record.isClosing)), ("end", end(record).map { .text($0) } ?? .null),
        ])
    }

    static func text(_ id: Digest, _ record: JobRecord, _ style: Style) -> String {
        var facts = FactList()
        facts.add("job", id.hex)
        facts.add("status", words(record) + (record.isClosing && !record.status.hasEnded ? ", closing" : ""))
        facts.add("round", "\(record.round), \(record.roundsDone) done")
        facts.add("members", "\(record.active) active of \(record.invited) invited")
        facts.add("paid", "\(record.paid)")
        facts.add("model", record.model.text)
        facts.add("requester", record.requester.text)
        return facts.text(style)
    }
}

struct JobShow: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show where a job stands.",
        discussion: HelpText(
            why: "Read from the ledger's state.", examples: [("vinculum job show ID", "one job")],
            exits: ExitStatus.ofNode + [.notFound]
        ).text)

    @Argument(help: "The job's id: that of the transaction that submitted it.") var job: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let id = try JobReport.id(job)
        let proven = try await node.client().state(at: FederationPaths.job(id).bytes)
        guard let value = proven.value else { throw CommandFailure(.notFound, "there is no job \(id.hex)") }
        let record = try JobRecord.decode(value)
        output.emit("job", JobReport.document(id, record)) { JobReport.text(id, record, $0) }
        return .ok
    }
}

struct JobList: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the jobs on the ledger.",
        discussion: HelpText(
            why: "Running and finished ones.", examples: [("vinculum job list", "all jobs")],
            exits: ExitStatus.ofNode
        ).text)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        // All jobs lie below the path that a job's path has before its id.
        let prefix = Array(FederationPaths.job(.zero).bytes.dropLast(32))
        var start: [UInt8]?
        var jobs: [(Digest, JobRecord)] = []
        while true {
            let page = try await client.list(prefix: prefix, after: start, limit: 500)
            for entry in page.entries {
                guard let id = Digest(bytes: Array(entry.path.suffix(32))) else { continue }
                jobs.append((id, try JobRecord.decode(entry.value)))
            }
            start = page.entries.last?.path
            if !page.hasMore || start == nil { break }
        }
        let documents = jobs.map { CBORValue.map(JobReport.document($0.0, $0.1)) }
        output.emit("jobs", CBORMap([("jobs", .array(documents))])) { style in
            var table = Table([
                ("JOB", .left), ("STATUS", .left), ("ROUNDS DONE", .right), ("ACTIVE", .right), ("PAID", .right),
            ])
            for (id, record) in jobs {
                table.add(
                    id.hex, "\(record.status)", "\(record.roundsDone)", "\(record.active)/\(record.invited)",
                    "\(record.paid)")
            }
            return jobs.isEmpty ? "no jobs yet" : table.text(style)
        }
        return .ok
    }
}

struct JobWatch: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow a job until it ends.",
        discussion: HelpText(
            why: "Prints each change of its state; with --json one document a line.",
            examples: [("vinculum job watch ID", "until the job ends")],
            exits: ExitStatus.ofNode + [.notFound, .aborted]
        ).text)

    @Argument(help: "The job's id.") var job: String
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let id = try JobReport.id(job)
        let client = try node.client()
        var seen: JobRecord?
        var cursor = EventCursor.start
        while true {
            guard let value = try await client.state(at: FederationPaths.job(id).bytes).value else {
                throw CommandFailure(.notFound, "there is no job \(id.hex)")
            }
            let record = try JobRecord.decode(value)
            if record != seen {
                output.emitLine("job", .map(JobReport.document(id, record))) { _ in
                    "\(JobReport.words(record)): round \(record.round), \(record.roundsDone) done, "
                        + "\(record.active) of \(record.invited) members, paid \(record.paid)"
                }
                seen = record
            }
            if record.status.hasEnded { return record.status == .aborted ? .aborted : .ok }
            let query = EventQuery(
                after: cursor, filter: EventFilter(module: "federation"), limit: 500, wait: .seconds(10))
            cursor = try await client.events(query).next
        }
    }
}
