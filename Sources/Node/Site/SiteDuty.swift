import Primitives

/// What an agent does, once: it is withheld for a while when it has failed.
enum SiteDuty: Hashable, Sendable {
    case member(Digest, MemberDuty)
    case auditor(Digest, AuditorDuty)
    case advance(Digest)
    case job(Digest)

    var job: Digest {
        switch self {
        case .member(let job, _), .auditor(let job, _), .advance(let job), .job(let job): job
        }
    }

    var happensOnce: Bool {
        switch self {
        case .member, .auditor: true
        case .advance, .job: false
        }
    }

    /// Nothing is to be done.
    var isIdle: Bool {
        switch self {
        case .member(_, .wait), .member(_, .done), .auditor(_, .wait): true
        default: false
        }
    }

    /// Where it goes on beside everything else; nil for what is done at once.
    var lane: SiteLanes.Lane? {
        switch self {
        case .member(_, .commit): .training
        case .auditor: .auditing
        case .member, .advance, .job: nil
        }
    }
}

/// The long works of a site, which go on beside one another and beside everything that is short: one of each kind at a
/// time. One training at a time, because what a round may cost is decided before it and written down after it.
struct SiteLanes {
    enum Lane: Hashable, CaseIterable, Sendable { case training, auditing }

    private var busy: [Lane: Digest] = [:]
    private var ended: [Lane: Int] = [:]

    /// A moment, in works that have ended. What was read before a work has ended does not know of it, and would have it
    /// done again.
    struct Moment: Sendable {
        fileprivate let ended: [Lane: Int]
    }

    var now: Moment { Moment(ended: ended) }

    /// Whether a lane is free, and has been since a moment.
    func isFree(_ lane: Lane, since moment: Moment) -> Bool {
        busy[lane] == nil && ended[lane] == moment.ended[lane]
    }

    func isBusy(_ lane: Lane) -> Bool { busy[lane] != nil }

    /// Whether a work of this job goes on.
    func isWorking(on job: Digest) -> Bool { busy.values.contains(job) }

    mutating func begin(_ lane: Lane, _ job: Digest) { busy[lane] = job }

    mutating func end(_ lane: Lane) {
        busy[lane] = nil
        ended[lane, default: 0] += 1
    }
}
