/// What a peer did in one topic (gossipsub 1.1, "Topic Parameter Calculation and Decay").
struct GossipTopicCounters: Sendable {
    let topic: String
    /// When the peer came into the mesh; nil outside of it.
    var graftTime: Duration?
    /// As of the last decay.
    var meshTime: Duration = .zero
    /// Whether the peer has been in the mesh for long enough to owe messages.
    var owes = false
    var first = 0.0
    var mesh = 0.0
    var failures = 0.0
    var invalid = 0.0

    init(topic: String) { self.topic = topic }

    /// How much the peer delivers too little.
    func deficit(_ parameters: GossipTopicScoreParameters) -> Double {
        owes ? max(0, parameters.meshDeliveriesThreshold - mesh) : 0
    }

    mutating func enterMesh(now: Duration) {
        graftTime = now
        meshTime = .zero
        owes = false
    }

    /// What is missing now sticks to the peer, so that it does not come back for being gone.
    mutating func leaveMesh(_ parameters: GossipTopicScoreParameters) {
        guard graftTime != nil else { return }
        let deficit = deficit(parameters)
        failures += deficit * deficit
        graftTime = nil
        meshTime = .zero
        owes = false
    }

    mutating func countFirst(_ parameters: GossipTopicScoreParameters) {
        first = min(first + 1, parameters.firstDeliveriesCap)
        countMesh(parameters)
    }

    mutating func countMesh(_ parameters: GossipTopicScoreParameters) {
        guard graftTime != nil else { return }
        mesh = min(mesh + 1, parameters.meshDeliveriesCap)
    }

    mutating func decay(_ parameters: GossipTopicScoreParameters, zero: Double, now: Duration) {
        first = GossipCounters.decayed(first, parameters.firstDeliveriesDecay, zero)
        mesh = GossipCounters.decayed(mesh, parameters.meshDeliveriesDecay, zero)
        failures = GossipCounters.decayed(failures, parameters.meshFailureDecay, zero)
        invalid = GossipCounters.decayed(invalid, parameters.invalidDecay, zero)
        guard let graftTime else { return }
        meshTime = now - graftTime
        if meshTime > parameters.meshDeliveriesActivation { owes = true }
    }

    var isIdle: Bool { graftTime == nil && first == 0 && mesh == 0 && failures == 0 && invalid == 0 }
}

/// What a peer did, in all topics.
struct GossipCounters: Sendable {
    /// Few, in order of the first event; a list keeps sums in one order, so that they repeat to the last bit.
    var topics: [GossipTopicCounters] = []
    var behaviour = 0.0
    var application = 0.0

    static func decayed(_ value: Double, _ factor: Double, _ zero: Double) -> Double {
        let value = value * factor
        return value < zero ? 0 : value
    }

    /// Changes what is counted of a topic.
    mutating func update(_ topic: String, _ change: (inout GossipTopicCounters) -> Void) {
        if let place = topics.firstIndex(where: { $0.topic == topic }) {
            change(&topics[place])
        } else {
            var counters = GossipTopicCounters(topic: topic)
            change(&counters)
            topics.append(counters)
        }
    }

    mutating func decay(_ configuration: GossipConfiguration, now: Duration) {
        let zero = configuration.score.decayToZero
        behaviour = GossipCounters.decayed(behaviour, configuration.score.behaviourDecay, zero)
        for place in topics.indices {
            topics[place].decay(configuration.settings(topics[place].topic).score, zero: zero, now: now)
        }
        topics.removeAll { $0.isIdle }
    }

    /// The connection is gone: nothing good outlives it, so that nobody gains by coming back.
    mutating func disconnect(_ configuration: GossipConfiguration) {
        for place in topics.indices {
            topics[place].leaveMesh(configuration.settings(topics[place].topic).score)
            topics[place].first = 0
        }
        topics.removeAll { $0.isIdle }
    }
}

/// A peer's score by its parts, weights applied (gossipsub 1.1, "The Score Function").
public struct GossipScore: Equatable, Sendable {
    /// P1, P2, P3, P3b and P4 of all topics; their sum is capped in `total`.
    public var timeInMesh = 0.0
    public var firstDeliveries = 0.0
    public var meshDeliveries = 0.0
    public var meshFailures = 0.0
    public var invalidMessages = 0.0
    /// What the cap took away.
    public var capped = 0.0
    /// P5, P6 and P7.
    public var application = 0.0
    public var colocation = 0.0
    public var behaviour = 0.0

    public var total: Double {
        timeInMesh + firstDeliveries + meshDeliveries + meshFailures + invalidMessages - capped + application
            + colocation + behaviour
    }

    init() {}

    /// The score of what was counted, with so many peers above the threshold in each of the peer's address ranges.
    init(_ counters: GossipCounters, rangeSurplus: [Int], _ configuration: GossipConfiguration) {
        for topic in counters.topics { add(topic, configuration.settings(topic.topic).score) }
        let parameters = configuration.score
        let sum = timeInMesh + firstDeliveries + meshDeliveries + meshFailures + invalidMessages
        if parameters.topicCap > 0, sum > parameters.topicCap { capped = sum - parameters.topicCap }
        application = counters.application * parameters.applicationWeight
        for surplus in rangeSurplus { colocation += Double(surplus) * Double(surplus) * parameters.colocationWeight }
        let excess = max(0, counters.behaviour - parameters.behaviourThreshold)
        behaviour = excess * excess * parameters.behaviourWeight
    }

    private mutating func add(_ topic: GossipTopicCounters, _ parameters: GossipTopicScoreParameters) {
        let quanta = (topic.meshTime / parameters.timeInMeshQuantum).rounded(.down)
        timeInMesh += parameters.weight * parameters.timeInMeshWeight * min(quanta, parameters.timeInMeshCap)
        firstDeliveries += parameters.weight * parameters.firstDeliveriesWeight * topic.first
        let deficit = topic.deficit(parameters)
        meshDeliveries += parameters.weight * parameters.meshDeliveriesWeight * deficit * deficit
        meshFailures += parameters.weight * parameters.meshFailureWeight * topic.failures
        invalidMessages += parameters.weight * parameters.invalidWeight * topic.invalid * topic.invalid
    }
}
