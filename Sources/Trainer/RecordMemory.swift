import Training

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The records that were read last: a trainer that serves reads them once, and again only when their file is another.
final class RecordMemory {
    private struct Source: Equatable {
        let path: String
        let classes: Int
        let factor: Float
        let offset: Float
        let device: UInt64
        let node: UInt64
        let byteCount: Int
        let seconds: Int
        let nanoseconds: Int
    }

    private var known: (source: Source, dataset: Dataset)?

    func dataset(at path: String, classes: Int, scaling: InputScaling) throws(TrainingError) -> Dataset {
        let source = Self.source(path, classes, scaling)
        if let known, known.source == source { return known.dataset }
        let dataset = try Dataset(file: Safetensors.read(path), classCount: classes, scaling: scaling)
        known = source.map { ($0, dataset) }
        return dataset
    }

    private static func source(_ path: String, _ classes: Int, _ scaling: InputScaling) -> Source? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Source(
            path: path, classes: classes, factor: scaling.factor, offset: scaling.offset,
            device: UInt64(status.st_dev), node: UInt64(status.st_ino), byteCount: Int(status.st_size),
            seconds: Int(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
    }
}
