import CVinculum
import PluginKit
import Testing

/// A verifier behind the interface, with records made from plain values.
final class VerifierHarness {
    let host = TestHost()
    private let table: UnsafePointer<vin_verifier>

    init(_ library: LoadedPlugin, id: String) throws {
        table = try library.instance(kind: VIN_KIND_VERIFIER, id: id, host: host, as: vin_verifier.self)
    }

    deinit { table.pointee.destroy(table.pointee.plugin_data) }

    static func job(
        members: UInt32, tasks: UInt32 = 0, isPrivate: Bool = true, round: UInt32 = 1, settings: String = ""
    ) -> [UInt8] {
        var writer = RecordWriter()
        writer.append(
            vin_verifier_job(
                record: vin_record(), job: digest(5), round: round, members: members, tasks: tasks,
                flags: isPrivate ? 1 : 0, settings: vin_span()),
            kind: UInt32(VIN_VERIFIER_JOB), tails: [(\.settings, Array(settings.utf8))])
        return writer.bytes
    }

    static func commitments(_ members: [(UInt32, opened: Bool)]) -> [UInt8] {
        var writer = RecordWriter()
        for (member, opened) in members {
            writer.append(
                vin_verifier_commitment(
                    record: vin_record(), member: member, opened: opened ? 1 : 0, commitment: digest(UInt8(member)),
                    update: digest(2), size_bytes: 100), kind: UInt32(VIN_VERIFIER_COMMITMENT))
        }
        return writer.bytes
    }

    static func results(
        _ list: [(member: UInt32, measure: Int, value: Int64, subject: UInt64, evidence: UInt8)]
    ) -> [UInt8] {
        var writer = RecordWriter()
        for entry in list {
            writer.append(
                vin_verifier_result(
                    record: vin_record(), member: entry.member, measure: UInt32(entry.measure), value: entry.value,
                    subject: entry.subject, evidence: digest(entry.evidence)), kind: UInt32(VIN_VERIFIER_RESULT))
        }
        return writer.bytes
    }

    func plan(_ job: [UInt8], beacon: UInt8 = 3) throws -> [vin_verifier_check] {
        let (status, bytes) = collecting { sink in
            borrowed(job) { job in
                withUnsafePointer(to: digest(beacon)) { table.pointee.plan(table.pointee.plugin_data, job, $0, sink) }
            }
        }
        try host.check(status)
        return try records(bytes, kind: VIN_VERIFIER_CHECK, as: vin_verifier_check.self)
    }

    func judge(_ job: [UInt8], _ commitments: [UInt8], _ results: [UInt8]) throws -> [vin_verifier_verdict] {
        let (status, bytes) = collecting { sink in
            borrowed(job) { job in
                borrowed(commitments) { commitments in
                    borrowed(results) {
                        table.pointee.judge(table.pointee.plugin_data, job, commitments, $0, sink)
                    }
                }
            }
        }
        try host.check(status)
        return try records(bytes, kind: VIN_VERIFIER_VERDICT, as: vin_verifier_verdict.self)
    }

    /// Bytes of every length and content, some of them good input with one byte changed: errors, never a crash.
    func fuzz(seed: UInt64, rounds: Int, job: [UInt8], commitments: [UInt8], results: [UInt8]) {
        var words = SeededWords(seed: seed)
        for _ in 0..<rounds {
            var inputs = [job, commitments, results]
            let which = Int(words.nextWord() % 3)
            if words.nextWord() % 4 == 0 {
                inputs[which] = (0..<Int(words.nextWord() % 200)).map { _ in UInt8(truncatingIfNeeded: words.nextWord())
                }
            } else if !inputs[which].isEmpty {
                let place = Int(words.nextWord() % UInt64(inputs[which].count))
                inputs[which][place] = UInt8(truncatingIfNeeded: words.nextWord())
                if words.nextWord() % 3 == 0 { inputs[which].removeLast(Int(words.nextWord() % 8)) }
            }
            _ = try? judge(inputs[0], inputs[1], inputs[2])
            _ = try? plan(inputs[0])
        }
    }
}
