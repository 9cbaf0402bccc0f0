import Synchronization

/// How many event streams may be open at once: each holds a connection for as long as its reader likes, and some are
/// kept for everybody else.
final class StreamPlaces: Sendable {
    private let free: Mutex<Int>

    init(_ count: Int) { free = Mutex(count) }

    /// A place until it is dropped; nil when all are taken.
    func take() -> Place? {
        let isFree = free.withLock { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
        return isFree ? Place(self) : nil
    }

    final class Place: Sendable {
        private let places: StreamPlaces
        fileprivate init(_ places: StreamPlaces) { self.places = places }
        deinit { places.free.withLock { $0 += 1 } }
    }
}
