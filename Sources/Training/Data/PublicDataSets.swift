/// The data sets that the demonstration uses.
public enum PublicDataSets {
    /// Where Debian's package `dataset-fashion-mnist` puts its files.
    public static let fashionFolder = "/usr/share/datasets/fashion-mnist"

    /// Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, MIT licence): 60,000 and 10,000 images of 28 x 28 in 10 classes.
    /// `fileUnavailable` when the package is not installed.
    public static func fashion(
        folder: String = fashionFolder
    ) throws(TrainingError) -> (training: ByteDataset, test: ByteDataset) {
        (try pair(folder, "train"), try pair(folder, "t10k"))
    }

    private static func pair(_ folder: String, _ name: String) throws(TrainingError) -> ByteDataset {
        let images = try idx("\(folder)/\(name)-images-idx3-ubyte")
        let labels = try idx("\(folder)/\(name)-labels-idx1-ubyte")
        guard images.shape.count == 3, labels.shape == [images.shape[0]] else {
            throw TrainingError(.wrongShape, "images \(images.shape), labels \(labels.shape)", at: folder)
        }
        return try ByteDataset(
            width: images.shape[1] * images.shape[2], images: images.uint8 ?? [], labels: labels.uint8 ?? [])
    }

    /// Reads `path`.gz, or `path` itself where the packed file is missing.
    static func idx(_ path: String) throws(TrainingError) -> Tensor {
        let limit = 64 << 20
        let packed: [UInt8]
        do throws(TrainingError) {
            packed = try WholeFile.read(path + ".gz", limit: limit)
        } catch  where error.code == .fileUnavailable {
            return try IDX.decode(WholeFile.read(path, limit: limit), place: path)
        }
        return try IDX.decode(Gzip.decode(packed, limit: limit, place: path + ".gz"), place: path)
    }

    /// The digits fallback: 1,797 images of 8 x 8 (values 0 to 16), the test part of "Optical Recognition of
    /// Handwritten Digits" (Alpaydin and Kaynak 1998, UCI, CC BY 4.0). The first fifth of a seeded shuffle is the test
    /// set.
    public static func digits(
        file path: String, seed: UInt64
    ) throws(TrainingError) -> (training: ByteDataset, test: ByteDataset) {
        let all = try ByteDataset(file: Safetensors.read(path))
        let parts = try Split.even(count: all.count, sites: 5, seed: seed)
        return (try all.subset(parts[1...].flatMap { $0 }), try all.subset(parts[0]))
    }
}
