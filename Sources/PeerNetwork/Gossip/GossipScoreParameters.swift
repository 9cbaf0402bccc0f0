import Glibc

/// How peers are judged across topics (gossipsub 1.1, "The Score Function"; the names follow its table of parameters).
///
/// The defaults fit a network of some nodes to some thousands: five invalid messages, or about eleven breaches of the
/// protocol, take a peer below the graylist threshold; a good peer earns some tens of points.
public struct GossipScoreParameters: Equatable, Sendable {
    /// What all topics together add to a score at most; zero for no cap.
    public var topicCap = 50.0
    /// Weight of P5, the score that the application gives.
    public var applicationWeight = 1.0
    /// Weight of P6, the square of the peers of one address range above the threshold; negative, zero to disable.
    public var colocationWeight = -2.0
    public var colocationThreshold = 10
    /// Address ranges in which any number of peers may be.
    public var colocationWhitelist: Set<String> = []
    /// Weight of P7, the square of the breaches of the protocol above the threshold; negative, zero to disable.
    public var behaviourWeight = -10.0
    public var behaviourThreshold = 6.0
    public var behaviourDecay = GossipScoreParameters.decay(over: .seconds(3600))
    /// How often counters decay.
    public var decayInterval: Duration = .seconds(1)
    /// Counters below count as zero.
    public var decayToZero = 0.01
    /// How long a score that is not positive outlives the connection.
    public var retention: Duration = .seconds(3600)

    /// Below: no gossip to the peer, and none taken from it.
    public var gossipThreshold = -40.0
    /// Below: own messages are not sent to the peer.
    public var publishThreshold = -80.0
    /// Below: what the peer says is ignored, and the peer is to be cut.
    public var graylistThreshold = -160.0
    /// Below: peers that the peer names in a PRUNE are ignored.
    public var acceptExchangeThreshold = 2.0
    /// A mesh whose median score is below takes in better peers.
    public var opportunisticGraftThreshold = 2.0

    public init() {}

    /// The factor that takes a counter of one to `zero` within a time, applied once an interval.
    public static func decay(
        over time: Duration, interval: Duration = .seconds(1), zero: Double = 0.01
    ) -> Double {
        pow(zero, 1 / max(time / interval, 1))
    }

    func validate() throws(GossipError) {
        try GossipError.check(topicCap >= 0 && topicCap.isFinite, "topicCap", "is zero or more, and finite")
        try GossipError.check(
            applicationWeight >= 0 && applicationWeight.isFinite, "applicationWeight", "is not below 0")
        try GossipError.check(colocationWeight.isNegativeOrZero, "colocationWeight", "is zero or less, and finite")
        try GossipError.check(colocationThreshold >= 1, "colocationThreshold", "is one or more")
        try GossipError.check(behaviourWeight.isNegativeOrZero, "behaviourWeight", "is zero or less, and finite")
        try GossipError.check(
            behaviourThreshold >= 0 && behaviourThreshold.isFinite, "behaviourThreshold", "is zero or more, and finite")
        try GossipError.check(behaviourDecay.isBetweenZeroAndOne, "behaviourDecay", "is between 0 and 1")
        try GossipError.check(decayInterval >= .milliseconds(100), "decayInterval", "is 100 ms or more")
        try GossipError.check(decayToZero.isBetweenZeroAndOne, "decayToZero", "is between 0 and 1")
        try GossipError.check(retention >= .zero, "retention", "is not negative")
        try validateThresholds()
    }

    private func validateThresholds() throws(GossipError) {
        try GossipError.check(gossipThreshold < 0 && gossipThreshold.isFinite, "gossipThreshold", "is below 0")
        try GossipError.check(
            publishThreshold <= gossipThreshold && publishThreshold.isFinite, "publishThreshold",
            "is not above gossipThreshold")
        try GossipError.check(
            graylistThreshold < publishThreshold && graylistThreshold.isFinite, "graylistThreshold",
            "is below publishThreshold")
        try GossipError.check(
            acceptExchangeThreshold >= 0 && acceptExchangeThreshold.isFinite, "acceptExchangeThreshold",
            "is zero or more")
        try GossipError.check(
            opportunisticGraftThreshold >= 0 && opportunisticGraftThreshold.isFinite, "opportunisticGraftThreshold",
            "is zero or more")
    }
}

/// How a peer is judged by what it does in one topic (gossipsub 1.1, P1 to P4).
public struct GossipTopicScoreParameters: Equatable, Sendable {
    /// The topic's part in the whole.
    public var weight = 1.0
    /// P1: points for time in the mesh; less than for two messages, since attackers have time.
    public var timeInMeshWeight = 0.003
    public var timeInMeshQuantum: Duration = .seconds(1)
    public var timeInMeshCap = 300.0
    /// P2: points for messages that the peer brought first.
    public var firstDeliveriesWeight = 0.5
    public var firstDeliveriesDecay = GossipScoreParameters.decay(over: .seconds(600))
    public var firstDeliveriesCap = 40.0
    /// P3: the square of what a mesh peer delivers too little; negative. Zero, as here, disables it: only who knows the
    /// topic's rate can say what is too little (`expecting(messagesPerSecond:)`).
    public var meshDeliveriesWeight = 0.0
    public var meshDeliveriesDecay = GossipScoreParameters.decay(over: .seconds(60))
    public var meshDeliveriesCap = 100.0
    public var meshDeliveriesThreshold = 1.0
    /// How long after validation a copy still counts as delivered.
    public var meshDeliveriesWindow: Duration = .milliseconds(10)
    /// How long a peer is in the mesh before P3 applies.
    public var meshDeliveriesActivation: Duration = .seconds(30)
    /// P3b: what was missing when the peer left the mesh; negative.
    public var meshFailureWeight = 0.0
    public var meshFailureDecay = GossipScoreParameters.decay(over: .seconds(600))
    /// P4: the square of the number of invalid messages; negative.
    public var invalidWeight = -10.0
    public var invalidDecay = GossipScoreParameters.decay(over: .seconds(3600))

    public init() {}

    /// With P3 and P3b for a topic of a known rate: a mesh peer that delivers less than a tenth of the messages loses
    /// points, and one that delivers nothing falls out of the mesh.
    public static func expecting(messagesPerSecond rate: Double) -> GossipTopicScoreParameters {
        var parameters = GossipTopicScoreParameters()
        // A counter that gains a number each second and loses a part of itself settles where both are equal.
        let settled = max(rate, 0) / (1 - parameters.meshDeliveriesDecay)
        parameters.meshDeliveriesThreshold = max(settled / 10, 0.1)
        parameters.meshDeliveriesCap = max(settled * 2, 1)
        // A peer that delivers nothing loses twice what time and first messages can earn.
        let earned =
            parameters.timeInMeshCap * parameters.timeInMeshWeight
            + parameters.firstDeliveriesCap * parameters.firstDeliveriesWeight
        let deficit = parameters.meshDeliveriesThreshold
        parameters.meshDeliveriesWeight = -2 * earned / (deficit * deficit)
        parameters.meshFailureWeight = parameters.meshDeliveriesWeight
        return parameters
    }

    func validate() throws(GossipError) {
        try GossipError.check(weight >= 0 && weight.isFinite, "weight", "is zero or more, and finite")
        try GossipError.check(timeInMeshWeight >= 0 && timeInMeshWeight.isFinite, "timeInMeshWeight", "is not below 0")
        try GossipError.check(timeInMeshQuantum > .zero, "timeInMeshQuantum", "is above 0")
        try GossipError.check(timeInMeshCap > 0 && timeInMeshCap.isFinite, "timeInMeshCap", "is above 0")
        try GossipError.check(
            firstDeliveriesWeight >= 0 && firstDeliveriesWeight.isFinite, "firstDeliveriesWeight", "is not below 0")
        try GossipError.check(firstDeliveriesDecay.isBetweenZeroAndOne, "firstDeliveriesDecay", "is between 0 and 1")
        try GossipError.check(firstDeliveriesCap > 0 && firstDeliveriesCap.isFinite, "firstDeliveriesCap", "is above 0")
        try validateMesh()
        try GossipError.check(invalidWeight.isNegativeOrZero, "invalidWeight", "is zero or less, and finite")
        try GossipError.check(invalidDecay.isBetweenZeroAndOne, "invalidDecay", "is between 0 and 1")
    }

    private func validateMesh() throws(GossipError) {
        try GossipError.check(
            meshDeliveriesWeight.isNegativeOrZero, "meshDeliveriesWeight", "is zero or less, and finite")
        try GossipError.check(meshDeliveriesDecay.isBetweenZeroAndOne, "meshDeliveriesDecay", "is between 0 and 1")
        try GossipError.check(
            meshDeliveriesThreshold > 0 && meshDeliveriesThreshold.isFinite, "meshDeliveriesThreshold", "is above 0")
        try GossipError.check(
            meshDeliveriesCap >= meshDeliveriesThreshold && meshDeliveriesCap.isFinite, "meshDeliveriesCap",
            "is not below meshDeliveriesThreshold")
        try GossipError.check(meshDeliveriesWindow >= .zero, "meshDeliveriesWindow", "is not negative")
        try GossipError.check(
            meshDeliveriesActivation >= .seconds(1), "meshDeliveriesActivation", "is a second or more")
        try GossipError.check(meshFailureWeight.isNegativeOrZero, "meshFailureWeight", "is zero or less, and finite")
        try GossipError.check(meshFailureDecay.isBetweenZeroAndOne, "meshFailureDecay", "is between 0 and 1")
    }
}

extension Double {
    fileprivate var isNegativeOrZero: Bool { self <= 0 && isFinite }
    fileprivate var isBetweenZeroAndOne: Bool { self > 0 && self < 1 }
}
