import CIsolation
import Glibc

/// Memory of int64 values that host and child both map.
enum SharedMemory {
    /// Makes a memory file whose size cannot change: a child that shrank it would kill the host with SIGBUS.
    static func make(count: Int) throws(Channel.Failure) -> (
        descriptor: Int32, values: UnsafeMutableBufferPointer<Int64>
    ) {
        let descriptor = isolation_memory_file("vinculum-buffer", 1)
        guard descriptor >= 0 else { throw .system(-descriptor) }
        guard ftruncate(descriptor, count * 8) == 0, isolation_seal_size(descriptor) == 0,
            let values = map(descriptor, count: count)
        else {
            let number = errno
            close(descriptor)
            throw .system(number)
        }
        return (descriptor, values)
    }

    static func map(_ descriptor: Int32, count: Int) -> UnsafeMutableBufferPointer<Int64>? {
        guard count > 0, let address = mmap(nil, count * 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            address != MAP_FAILED
        else { return nil }
        return UnsafeMutableBufferPointer(start: address.bindMemory(to: Int64.self, capacity: count), count: count)
    }

    static func unmap(_ values: UnsafeMutableBufferPointer<Int64>) { munmap(values.baseAddress, values.count * 8) }
}
