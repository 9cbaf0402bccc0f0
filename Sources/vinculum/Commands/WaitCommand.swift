import ArgumentParser
import Node
import NodeAPI
import Primitives

struct Wait: VinculumCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until the node answers, is healthy, has a height or has decided a transaction.",
        discussion: HelpText(
            why: "Scripts wait for a fact instead of sleeping for a guess.",
            examples: [
                ("vinculum wait", "until the node answers and is healthy"),
                ("vinculum wait --height 10 --timeout 30", "until block 10 is decided"),
                ("vinculum wait --transaction ID", "until the transaction is decided"),
            ], exits: [.ok, .failed, .usage, .configuration, .refused, .timeout]
        ).text)

    @Option(help: "Wait for this height.") var height: UInt64?
    @Option(help: "Wait for the decision on this transaction (its id, 64 hexadecimal digits).") var transaction: String?
    @Option(help: ArgumentHelp("Give up after this many seconds.", valueName: "seconds")) var timeout: Double = 60
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard timeout.isFinite, timeout >= 0, timeout <= 86_400 else {
            throw ValidationError("--timeout takes 0 to 86400 seconds")
        }
    }

    func execute() async throws -> ExitStatus {
        let client = try node.client()
        let deadline = ContinuousClock.now.advanced(by: .seconds(timeout))
        let identifier = try transaction.map { text in
            guard let digest = try? Digest(hex: text) else {
                throw ValidationError("'\(text)' is not a transaction's id (64 hexadecimal digits)")
            }
            return digest
        }
        var last = CommandFailure(.timeout, "nothing answered in time")
        repeat {
            do throws(ServiceError) {
                let health = try await client.health()
                let status = try await client.status()
                if let identifier {
                    let left = max(.zero, deadline - ContinuousClock.now)
                    if let receipt = try await client.receipt(of: identifier, waitingAtMost: min(left, .seconds(10))) {
                        return ReceiptReport.emit(receipt, output)
                    }
                    last = CommandFailure(.timeout, "transaction \(identifier.hex) is not decided")
                } else if let height, status.height < height {
                    last = CommandFailure(.timeout, "the height is \(status.height), not \(height)")
                } else if !health.healthy {
                    last = CommandFailure(.timeout, "the node is not healthy", hint: "vinculum doctor")
                } else {
                    output.emit("wait", CBORMap([("height", .unsigned(status.height))])) { _ in
                        "ready at height \(status.height)"
                    }
                    return .ok
                }
            } catch {
                guard error.code == .unreachable || error.code == .timeout else { throw error }
                last = CommandFailure(.timeout, error.message, hint: error.hint)
            }
            try await Task.sleep(for: .milliseconds(100))
        } while ContinuousClock.now < deadline
        throw last
    }
}

/// How the outcome of a transaction is shown.
enum ReceiptReport {
    static func emit(_ receipt: TransactionReceipt, _ output: OutputOptions) -> ExitStatus {
        var document = receipt.wire.map ?? CBORMap()
        document["result"] = TransactionResult.word(receipt.resultCode).map { .text($0) }
        output.emit("receipt", document) { style in
            var facts = FactList()
            facts.add("transaction", receipt.id.hex)
            let name = TransactionResult.name(receipt.resultCode)
            facts.add("result", receipt.succeeded ? style.good("done") : style.bad("refused: \(name)"))
            if let hint = TransactionResult.hint(receipt.resultCode) { facts.add("to do", hint) }
            facts.add("height", "\(receipt.height)")
            facts.add("slot", "\(receipt.slot)")
            facts.add("fee", "\(receipt.fee)")
            return facts.text(style)
        }
        return receipt.succeeded ? .ok : .refused
    }
}
