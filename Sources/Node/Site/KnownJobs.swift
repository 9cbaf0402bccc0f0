import Primitives

/// The jobs or tasks that events have named and that nobody has said to be over, the one that was heard of last at the
/// end. Events prove nothing: that a job has ended is for whoever has read its record to say.
struct KnownJobs {
    private(set) var list: [Digest] = []

    /// Jobs that are looked after at once; a node that invents jobs fills no more memory than this. The one that
    /// nothing was heard of for longest is forgotten until it is heard of again.
    static let limit = 1_000

    mutating func note(_ event: EventRecord) {
        guard let job = Self.job(of: event) else { return }
        remember(job)
    }

    mutating func remember(_ job: Digest) {
        forget(job)
        list.append(job)
        if list.count > Self.limit { list.removeFirst(list.count - Self.limit) }
    }

    mutating func forget(_ job: Digest) {
        list.removeAll { $0 == job }
    }

    /// The payload of every event of a job begins with the job.
    static func job(of event: EventRecord) -> Digest? {
        try? CBORDecoder.read(event.payload) { (decoder) throws(CBORError) -> Digest in
            let count = try decoder.array()
            let job = try decoder.digest()
            for _ in 1..<max(count, 1) { try decoder.skip() }
            return job
        }
    }
}
