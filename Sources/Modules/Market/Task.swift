import Ledger
import Primitives

/// What is asked of providers. Tuple: [program, input, kind, hardware, units, highest price a unit, replicas, place
/// or empty, least
/// uptime (1e-6), least score, auditors, auditor fee, tolerance (1e-6), matching (ms), execution (ms), reveal (ms),
/// audit (ms),
/// answer commitment or null].
public struct TaskTerms: Hashable, Sendable, CBORCodable {
    public var program: Digest
    public var input: CID
    public var kind: TaskKind
    public var hardware: Hardware
    /// The limits of the work, in the units that offers are priced in.
    public var units: UInt64
    public var highestPricePerUnit: Amount
    public var replicas: UInt32
    public var place: String
    public var leastUptimeMillionths: UInt32
    public var leastScore: Int64
    /// Drawn when the results differ, or the beacon says so; more than half of them decide.
    public var auditors: UInt32
    public var auditorFee: Amount
    /// How far results may differ for auditors to call them equal: the share of blocks that mismatch.
    public var toleranceMillionths: UInt32
    public var matchMilliseconds: UInt64
    public var executeMilliseconds: UInt64
    public var revealMilliseconds: UInt64
    public var auditMilliseconds: UInt64
    /// `AnswerCommitment` of a benchmark, made before anyone computes; null for the other kinds.
    public var answer: Digest?

    public init(
        program: Digest, input: CID, kind: TaskKind, hardware: Hardware, units: UInt64, highestPricePerUnit: Amount,
        replicas: UInt32, place: String = "", leastUptimeMillionths: UInt32 = 0, leastScore: Int64 = -250_000,
        auditors: UInt32, auditorFee: Amount, toleranceMillionths: UInt32 = 0, matchMilliseconds: UInt64,
        executeMilliseconds: UInt64, revealMilliseconds: UInt64, auditMilliseconds: UInt64, answer: Digest? = nil
    ) {
        self.program = program
        self.input = input
        self.kind = kind
        self.hardware = hardware
        self.units = units
        self.highestPricePerUnit = highestPricePerUnit
        self.replicas = replicas
        self.place = place
        self.leastUptimeMillionths = leastUptimeMillionths
        self.leastScore = leastScore
        self.auditors = auditors
        self.auditorFee = auditorFee
        self.toleranceMillionths = toleranceMillionths
        self.matchMilliseconds = matchMilliseconds
        self.executeMilliseconds = executeMilliseconds
        self.revealMilliseconds = revealMilliseconds
        self.auditMilliseconds = auditMilliseconds
        self.answer = answer
    }

    /// The escrow: all replicas at the highest price, and all auditors.
    public func escrow() throws(AmountError) -> Amount {
        try highestPricePerUnit.multiplied(by: units).multiplied(by: UInt64(replicas))
            .adding(try auditorFee.multiplied(by: UInt64(auditors)))
    }

    func check() throws(Refusal) {
        func need(_ holds: Bool, _ field: String) throws(Refusal) {
            guard holds else { throw MarketCode.invalidField.refusal(field) }
        }
        try need((1...16).contains(replicas), "replicas: 1 to 16")
        try need(units > 0, "units: none")
        try need((1...16).contains(auditors), "auditors: 1 to 16")
        try need((kind == .benchmark) == (answer != nil), "answer: a benchmark has one, others have none")
        try need(toleranceMillionths <= 1_000_000, "tolerance: at most 1")
        let times = [matchMilliseconds, executeMilliseconds, revealMilliseconds, auditMilliseconds]
        try need(times.allSatisfy { (1...31_536_000_000).contains($0) }, "deadlines: 1 ms to a year each")
    }
}

extension TaskTerms {
    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 18)
        encoder.digest(program)
        encoder.link(input)
        encoder.unsigned(kind.rawValue)
        encoder.value(hardware)
        encoder.unsigned(units)
        encoder.value(highestPricePerUnit)
        encoder.unsigned(replicas)
        encoder.text(place)
        encoder.unsigned(leastUptimeMillionths)
        encoder.integer(leastScore)
        encoder.unsigned(auditors)
        encoder.value(auditorFee)
        encoder.unsigned(toleranceMillionths)
        encoder.unsigned(matchMilliseconds)
        encoder.unsigned(executeMilliseconds)
        encoder.unsigned(revealMilliseconds)
        encoder.unsigned(auditMilliseconds)
        encoder.optional(answer)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 18)
        program = try decoder.digest()
        input = try decoder.link()
        kind = try decoder.choice()
        hardware = try decoder.value()
        units = try decoder.unsigned()
        highestPricePerUnit = try decoder.value()
        replicas = try decoder.number()
        place = try decoder.name(atMost: OfferTerms.placeLimit)
        leastUptimeMillionths = try decoder.number()
        leastScore = try decoder.integer()
        auditors = try decoder.number()
        auditorFee = try decoder.value()
        toleranceMillionths = try decoder.number()
        matchMilliseconds = try decoder.unsigned()
        executeMilliseconds = try decoder.unsigned()
        revealMilliseconds = try decoder.unsigned()
        auditMilliseconds = try decoder.unsigned()
        answer = try decoder.optional()
    }
}
