import ArgumentParser
import Glibc
import Ledger
import Node
import NodeAPI
import PluginHost
import Primitives
import Training

/// A command that reports its errors in one form and gives an exit status.
protocol VinculumCommand: AsyncParsableCommand {
    var output: OutputOptions { get }
    mutating func execute() async throws -> ExitStatus
}

extension VinculumCommand {
    mutating func run() async throws {
        let status: ExitStatus
        do {
            status = try await execute()
        } catch let code as ExitCode {
            throw code
        } catch let error as ValidationError {
            throw error
        } catch {
            let failure = CommandFailure(error)
            output.report(failure)
            status = failure.status
        }
        if status != .ok { throw ExitCode(status.rawValue) }
    }
}

/// An error as people and programs get it: what happened, where, what to do.
struct CommandFailure: Error {
    var status: ExitStatus
    var code: String
    var message: String
    var hint: String?
    var field: String?
    var details: [CBORValue] = []

    init(_ status: ExitStatus, _ message: String, hint: String? = nil, field: String? = nil) {
        self.status = status
        self.code = TransactionResult.underscored("\(status)")
        self.message = message
        self.hint = hint
        self.field = field
    }

    init(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as ServiceError:
            let status: ExitStatus =
                switch error.code {
                case .refused: .refused
                case .unreachable: .unreachable
                case .timeout: .timeout
                case .notFound, .pruned: .notFound
                case .digestMismatch: .notProven
                default: .failed
                }
            self.init(status, error.message, hint: error.hint, field: error.field)
            code = error.code.rawValue
            if let result = error.resultCode {
                let name = TransactionResult.word(result)
                message += " (ledger code \(result)\(name.map { ", \($0)" } ?? ""))"
                hint = hint ?? TransactionResult.hint(result)
            }
        case let error as ConfigurationError:
            self.init(.configuration, error.description)
            code = "configuration"
            details = error.problems.map { problem in
                var map = CBORMap()
                map["key"] = problem.key.map { .text($0) } ?? .null
                map["file"] = .text(problem.origin ?? error.file)
                map["line"] = problem.line.map { .integer(Int64($0)) } ?? .null
                map["column"] = problem.column.map { .integer(Int64($0)) } ?? .null
                map["reason"] = .text(problem.reason)
                map["hint"] = problem.hint.map { .text($0) } ?? .null
                return .map(map)
            }
        case let error as KeyFileError:
            let status: ExitStatus = error.code == .notFound ? .notFound : error.code == .exists ? .exists : .failed
            self.init(status, error.description)
        case let error as PluginError: self.init(plugin: error)
        case let error as TrustError: self.init(.notProven, error.description)
        case let error as LightClientError: self.init(.notProven, error.description)
        case let error as UnusableTerms: self.init(.configuration, error.reason, field: error.field)
        case let error as BackupError:
            let status: ExitStatus =
                switch error.code {
                case .notABackup, .cut, .damaged, .wrongChain: .notProven
                case .exists: .exists
                case .inUse, .outside: .failed
                }
            self.init(status, error.description)
            code = error.code.rawValue
        case let error as FileError: self.init(error.code == ENOENT ? .notFound : .failed, error.description)
        case let error as TrainingError:
            self.init(error.code == .fileUnavailable ? .notFound : .failed, error.description, field: error.place)
            code = error.code.rawValue
        default: self.init(.failed, "\(error)")
        }
    }
}

extension CommandFailure {
    /// What a plugin or the host says, with the place in the file where there is one.
    private init(plugin error: PluginError) {
        let status: ExitStatus =
            switch error.code {
            case .notFound: .notFound
            case .abi, .digest, .signature, .downgrade, .symbols: .notProven
            case .manifest, .service, .setting: .configuration
            case .exists: .exists
            default: .failed
            }
        self.init(status, error.description, hint: error.remedy, field: error.place?.key)
        code = TransactionResult.underscored(error.code.rawValue)
        if let place = error.place {
            var map = CBORMap()
            map["key"] = place.key.map { .text($0) } ?? .null
            map["file"] = .text(place.file)
            map["line"] = place.line.map { .integer(Int64($0)) } ?? .null
            map["column"] = place.column.map { .integer(Int64($0)) } ?? .null
            map["reason"] = .text(error.message)
            map["hint"] = error.remedy.map { .text($0) } ?? .null
            details = [.map(map)]
        }
    }
}
