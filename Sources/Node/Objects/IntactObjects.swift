import Glibc
import Primitives
import Synchronization

/// Which stored files were read whole and found to be what their ids say, since this process began. As long as such a
/// file is not written to, nor another one put in its place, it is not digested again each time that it is handed out.
///
/// Safe from any thread. Forgets everything when it is full, which costs a digest for each object.
final class IntactObjects: Sendable {
    /// Changes with every write to the file and every replacement of it.
    struct Stamp: Hashable, Sendable {
        private let device: UInt64
        private let inode: UInt64
        private let byteCount: Int64
        private let changedSeconds: Int64
        private let changedNanoseconds: Int64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            byteCount = Int64(status.st_size)
            // Of the inode, which a program that writes cannot set.
            changedSeconds = Int64(status.st_ctim.tv_sec)
            changedNanoseconds = Int64(status.st_ctim.tv_nsec)
        }
    }

    private let stamps = Mutex<[CID: Stamp]>([:])
    private static let limit = 16_384

    func knows(_ id: CID, _ stamp: Stamp) -> Bool { stamps.withLock { $0[id] == stamp } }

    func note(_ id: CID, _ stamp: Stamp) {
        stamps.withLock { stamps in
            if stamps.count >= Self.limit { stamps = [:] }
            stamps[id] = stamp
        }
    }
}
