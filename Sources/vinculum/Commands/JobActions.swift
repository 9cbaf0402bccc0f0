import ArgumentParser
import Federation
import Ledger
import Node
import NodeAPI
import Primitives

/// What the commands that change a job have in common.
struct JobActionOptions: ParsableArguments {
    @Argument(help: "The job's id.") var job: String
    @Option(help: ArgumentHelp("Wait this long for the decision.", valueName: "seconds")) var timeout: UInt32 = 30
    @OptionGroup var node: NodeOptions

    /// Apart from the lanes of payments, of sites and of tasks, so that none waits for another.
    private static let lane: UInt8 = 3

    static func help(
        _ why: String, examples: [(command: String, meaning: String)], limits: String? = nil
    ) -> String {
        HelpText(
            why: why, examples: examples, limits: limits,
            exits: ExitStatus.ofNode + [.refused, .timeout, .notFound, .notProven]
        ).text
    }

    /// - Parameters:
    ///   - signer: the name of the key that signs.
    ///   - isPaidByEscrow: for members, who need no tokens of their own.
    func send(
        _ action: String, as signer: String, _ output: OutputOptions, isPaidByEscrow: Bool = false,
        _ body: (Digest) throws -> some CBORCodable
    ) async throws -> ExitStatus {
        let id = try JobReport.id(job)
        let body = try body(id)
        let key = try KeyStore(folder: node.folder.folder).load(signer)
        let client = try node.client()
        let status = try await client.status()
        let account = AccountID(key.publicKey)
        let view = try await client.account(account)
        let transaction = Transaction(
            TransactionBody(
                chain: try node.folder.signingChain().of(status), account: account, lane: Self.lane,
                sequence: view.nextSequence(lane: Self.lane), validUntilHeight: status.height + 1_000,
                payer: isPaidByEscrow ? JobRecord.escrow(of: id) : nil, feeLimit: TransactionFees.agentLimit,
                module: FederationPaths.module, call: ActionCall(action, body)),
            signedBy: [key])
        return try await Submission.send(transaction.encoded, client, .seconds(Int64(timeout)), output)
    }
}

struct JobClose: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "End a job after its current round.",
        discussion: JobActionOptions.help(
            "For the requester. The round that runs is finished and paid; what is left of the escrow comes back.",
            examples: [("vinculum job close ID", "the model is good enough")]))

    @OptionGroup var action: JobActionOptions
    @Option(help: "The name of the requester's key.") var from = "main"
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        try await action.send("close", as: from, output) { JobBody(job: $0) }
    }
}

struct JobAbort: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "End a job now.",
        discussion: JobActionOptions.help(
            "For the requester. Members whose update was revealed in the open round are paid; the rest comes back.",
            examples: [("vinculum job abort ID", "the job was a mistake")],
            limits: "The round that runs brings no model: `vinculum job close` waits for it."))

    @OptionGroup var action: JobActionOptions
    @Option(help: "The name of the requester's key.") var from = "main"
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        try await action.send("abort", as: from, output) { JobBody(job: $0) }
    }
}

struct JobAdvance: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "advance", abstract: "Say that a phase's time has run out.",
        discussion: JobActionOptions.help(
            """
            For anyone. The aggregator says so by itself; when it is gone, somebody else has to. By the ledger's clock
            the phase is closed: who was silent is dropped, a silent aggregator is lost and may be replaced, and an
            ended job gives back what is left of its escrow.
            """,
            examples: [("vinculum job advance ID", "then `vinculum job show ID`")],
            limits: "Refused while the phase lasts."))

    @OptionGroup var action: JobActionOptions
    @Option(help: "The name of the key that signs and pays the fee.") var from = "main"
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        try await action.send("advance", as: from, output) { JobBody(job: $0) }
    }
}

struct JobReplaceAggregator: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace-aggregator", abstract: "Name another aggregator for one that is lost.",
        discussion: JobActionOptions.help(
            """
            For the requester, once the aggregator has missed its deadline (event aggregator_lost) and until the next
            one, at which the job ends. The round goes on from the updates that were accepted.
            """,
            examples: [("vinculum job replace-aggregator ID --aggregator did:key:z…", "another node's aggregator")],
            limits: "Not one of the round's auditors: it would confirm its own model."))

    @OptionGroup var action: JobActionOptions
    @Option(help: "The new aggregator's account, or the name of a key in the folder.") var aggregator: String
    @Option(help: "The name of the requester's key.") var from = "main"
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        let account = try KeyStore(folder: action.node.folder.folder).account(aggregator)
        return try await action.send("replace_aggregator", as: from, output) {
            ReplaceBody(job: $0, aggregator: account)
        }
    }
}

struct JobWithdraw: VinculumCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Leave a job as a member.",
        discussion: JobActionOptions.help(
            "For a data owner. The site takes part in no further round; budget that was reserved for them is free "
                + "again. The job's escrow pays the fee.",
            examples: [
                ("vinculum job withdraw ID --data north --node unix:node/api.sock", "with the key of the site's folder")
            ],
            limits: "What was released in earlier rounds stays released and spent."))

    @OptionGroup var action: JobActionOptions
    @Option(help: "The name of the member's key.") var from = "site"
    @OptionGroup var output: OutputOptions

    func execute() async throws -> ExitStatus {
        try await action.send("withdraw", as: from, output, isPaidByEscrow: true) { JobBody(job: $0) }
    }
}
