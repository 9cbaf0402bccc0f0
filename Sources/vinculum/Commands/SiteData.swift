import Node
import Training

/// A data owner's records, as far as the command line looks at them.
enum SiteData {
    /// How many records a file holds.
    static func count(_ path: String) throws -> Int {
        do throws(TrainingError) {
            return try ByteDataset(file: Safetensors.read(path)).count
        } catch {
            guard DurableFile.exists(path) else { throw CommandFailure(.notFound, "there is no \(path)") }
            throw CommandFailure(
                .failed, "\(path) is no data set: \(error)",
                hint: "a safetensors file with `inputs` (U8, records x width) and `labels` (U8)")
        }
    }
}
