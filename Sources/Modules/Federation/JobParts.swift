import Ledger
import Primitives

/// A plugin that everyone must hold to take part: its id, its version, and the digest of its conformance traces.
/// Tuple: [id, version, conformance digest].
public struct PluginReference: Hashable, Sendable, CBORCodable {
    public var id: String
    public var version: String
    public var conformance: Digest

    public init(id: String, version: String, conformance: Digest) {
        self.id = id
        self.version = version
        self.conformance = conformance
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.text(id)
        encoder.text(version)
        encoder.digest(conformance)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        id = try decoder.name(atMost: 128)
        version = try decoder.name(atMost: 32)
        conformance = try decoder.digest()
    }
}

/// A parameter as an integer; the name says the unit (`clip_norm_millionths`). Tuple: [name, value].
public struct Parameter: Hashable, Sendable, CBORCodable {
    public var name: String
    public var value: Int64

    public init(_ name: String, _ value: Int64) {
        self.name = name
        self.value = value
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.text(name)
        encoder.integer(value)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        name = try decoder.text(atMost: 64)
        value = try decoder.integer()
    }
}

/// What the aggregator gets to see, which decides what may be done with it.
public enum ShownUpdates: UInt8, CaseIterable, Sendable {
    case singleUpdates = 0
    case groupSums = 1
    case oneSum = 2
}

/// How updates are protected. Tuple: [plugin, shown, parameters].
public struct PrivacyMechanism: Hashable, Sendable, CBORCodable {
    public var plugin: PluginReference
    public var shown: ShownUpdates
    public var parameters: [Parameter]

    public init(plugin: PluginReference, shown: ShownUpdates, parameters: [Parameter]) {
        self.plugin = plugin
        self.shown = shown
        self.parameters = parameters
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 3)
        encoder.value(plugin)
        encoder.unsigned(shown.rawValue)
        encoder.list(parameters)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 3)
        plugin = try decoder.value()
        shown = try decoder.choice()
        parameters = try decoder.list(maximum: 64)
    }
}

/// A rule by name, with its parameters: `mean`, `median`, `trimmed_mean` … Tuple: [rule, parameters].
public struct AggregationRule: Hashable, Sendable, CBORCodable {
    public var rule: String
    public var parameters: [Parameter]

    public init(rule: String, parameters: [Parameter]) {
        self.rule = rule
        self.parameters = parameters
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 2)
        encoder.text(rule)
        encoder.list(parameters)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 2)
        rule = try decoder.text(atMost: 64)
        parameters = try decoder.list(maximum: 64)
    }
}

/// Who is paid what. Tuple: [base, score pool, auditor fee, aggregator fee, held back (1e-6), fee allowance].
public struct PaymentTerms: Hashable, Sendable, CBORCodable {
    /// For each accepted update, a round.
    public var base: Amount
    /// Shared among a round's accepted updates by their scores.
    public var scorePool: Amount
    /// For each verdict that agrees with what was decided.
    public var auditorFee: Amount
    /// For each confirmed model.
    public var aggregatorFee: Amount
    /// The part of a member's pay that waits until the job has ended, in 1e-6.
    public var heldBackMillionths: UInt32
    /// What the escrow may pay for transactions of the job's parties, in all.
    public var feeAllowance: Amount

    public init(
        base: Amount, scorePool: Amount, auditorFee: Amount, aggregatorFee: Amount, heldBackMillionths: UInt32,
        feeAllowance: Amount
    ) {
        self.base = base
        self.scorePool = scorePool
        self.auditorFee = auditorFee
        self.aggregatorFee = aggregatorFee
        self.heldBackMillionths = heldBackMillionths
        self.feeAllowance = feeAllowance
    }

    public func encode(to encoder: inout CBOREncoder) {
        encoder.array(count: 6)
        encoder.value(base)
        encoder.value(scorePool)
        encoder.value(auditorFee)
        encoder.value(aggregatorFee)
        encoder.unsigned(heldBackMillionths)
        encoder.value(feeAllowance)
    }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 6)
        base = try decoder.value()
        scorePool = try decoder.value()
        auditorFee = try decoder.value()
        aggregatorFee = try decoder.value()
        heldBackMillionths = try decoder.number()
        feeAllowance = try decoder.value()
    }
}

/// How long each phase may take, in milliseconds of the chain's time. Tuple: [accept, commit, reveal, audit, propose,
/// confirm].
public struct PhaseDeadlines: Hashable, Sendable, CBORCodable {
    public var acceptMilliseconds: UInt64
    public var commitMilliseconds: UInt64
    public var revealMilliseconds: UInt64
    public var auditMilliseconds: UInt64
    public var proposeMilliseconds: UInt64
    public var confirmMilliseconds: UInt64

    public init(
        acceptMilliseconds: UInt64, commitMilliseconds: UInt64, revealMilliseconds: UInt64, auditMilliseconds: UInt64,
        proposeMilliseconds: UInt64, confirmMilliseconds: UInt64
    ) {
        self.acceptMilliseconds = acceptMilliseconds
        self.commitMilliseconds = commitMilliseconds
        self.revealMilliseconds = revealMilliseconds
        self.auditMilliseconds = auditMilliseconds
        self.proposeMilliseconds = proposeMilliseconds
        self.confirmMilliseconds = confirmMilliseconds
    }

    var all: [UInt64] {
        [
            acceptMilliseconds, commitMilliseconds, revealMilliseconds, auditMilliseconds, proposeMilliseconds,
            confirmMilliseconds,
        ]
    }

    public func encode(to encoder: inout CBOREncoder) { encoder.list(all) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: 6)
        acceptMilliseconds = try decoder.unsigned()
        commitMilliseconds = try decoder.unsigned()
        revealMilliseconds = try decoder.unsigned()
        auditMilliseconds = try decoder.unsigned()
        proposeMilliseconds = try decoder.unsigned()
        confirmMilliseconds = try decoder.unsigned()
    }
}
