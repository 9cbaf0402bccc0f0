import CZlib
import Primitives
import Training

extension FuzzGroups {
    /// Files of numbers: models, updates, data sets.
    package static let training = FuzzGroup(
        "training", "safetensors, released updates, data sets, gzip, IDX, architectures, task files",
        lengthLimit: 4_096,
        words: [
            "__metadata__", "dtype", "shape", "data_offsets", "F32", "I64", "U8", "F64", "BF16", "inputs", "labels",
            "sum", "9223372036854775807", "architecture", "scale_bits", "clip", "record_band", "noise_units", "\\u",
            "\\ud83d",
        ],
        targets: [safetensors, update, dataset, gzip, idx, architecture, taskFile])

    /// A file from its header and what follows the last brace: the length that has to stand before the header is added,
    /// so that a change of the header is not refused for its length alone.
    static func framed(_ bytes: [UInt8]) -> [UInt8] {
        let length = bytes.lastIndex(of: UInt8(ascii: "}")).map { $0 + 1 } ?? 0
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + bytes
    }

    static func update(_ numbers: [Int64]) throws -> ReleasedUpdate {
        try ReleasedUpdate(
            sum: numbers, architecture: DenseArchitecture(widths: [1, 2]), scaleBits: 14, clip: 4, recordBand: 1_000,
            noiseUnits: 12)
    }

    private static let safetensors = FuzzTarget(
        "safetensors",
        seeds: {
            [
                try update([1, -2, 3, 4]).safetensors().encoded(), Safetensors().encoded(),
                Safetensors(
                    tensors: [
                        "a": try Tensor(shape: [2, 2], .float32([1, .nan, .infinity, -0])),
                        "b": try Tensor(shape: [0], .uint8([])),
                    ], metadata: ["ä\"\n": "\u{1}"]
                ).encoded(),
            ]
        },
        run: { bytes throws(FuzzFinding) in
            guard let file = try? Safetensors.decode(bytes) else { return }
            // The same tensors may be written in another order, so it is what comes back that is compared.
            guard let again = try? Safetensors.decode(file.encoded()), again.encoded() == file.encoded(),
                again.metadata == file.metadata, Set(again.tensors.keys) == Set(file.tensors.keys)
            else { throw FuzzFinding("a file that was read is written as another one") }
        })

    private static let update = FuzzTarget(
        "update",
        seeds: {
            try [[1, -2, 3, 4], [.max, .min, .max, .min]].map {
                Array(try update($0).safetensors().encoded().dropFirst(8))
            }
        },
        run: { bytes throws(FuzzFinding) in
            guard let file = try? Safetensors.decode(framed(bytes)), let update = try? ReleasedUpdate(file: file) else {
                return
            }
            guard let again = try? ReleasedUpdate(file: update.safetensors()), again == update else {
                throw FuzzFinding("an update that was read is written as another one")
            }
            // What an auditor does with it.
            if let measures = audit?.measure(update, others: update.sum), measures.wellFormed != 0 {
                guard (0...UpdateMeasures.one).contains(measures.coneScore) else {
                    throw FuzzFinding("a score of \(measures.coneScore)")
                }
            }
            // What an aggregator does with two of them.
            var model = DenseModel(architecture: update.architecture, seed: 1)
            var velocity: [Float] = []
            let step = GlobalStep(learningRate: 0.1)
            guard (try? step.apply([update, update], to: &model, velocity: &velocity)) != nil else { return }
            guard model.parameters.allSatisfy(\.isFinite) else {
                throw FuzzFinding("a step leaves numbers that are none")
            }
        })

    private static let audit: UpdateAudit? = {
        guard let architecture = try? DenseArchitecture(widths: [1, 2]), let gradient = try? PrivateGradient(clip: 4),
            let holdout = try? Dataset(width: 1, classCount: 2, inputs: [0, 1], labels: [0, 1])
        else { return nil }
        return try? UpdateAudit(
            model: DenseModel(architecture: architecture, seed: 1), holdout: holdout, gradient: gradient)
    }()

    private static let dataset = FuzzTarget(
        "data set",
        seeds: {
            let bytes = try ByteDataset(width: 2, images: [0, 1, 254, 255], labels: [0, 9])
            return [
                try bytes.safetensors().encoded(),
                Safetensors(tensors: [
                    "inputs": try Tensor(shape: [1, 2], .float32([1, 2])),
                    "labels": try Tensor(shape: [1], .uint8([3])),
                ]).encoded(),
            ].map { Array($0.dropFirst(8)) }
        },
        run: { bytes throws(FuzzFinding) in
            guard let file = try? Safetensors.decode(framed(bytes)) else { return }
            let scaling = InputScaling(factor: 1.0 / 255, offset: 0)
            if let data = try? Dataset(file: file, classCount: 10, scaling: scaling) {
                guard data.inputs.allSatisfy(\.isFinite), data.labels.allSatisfy({ $0 < 10 }) else {
                    throw FuzzFinding("a data set holds what it must refuse")
                }
            }
            if let data = try? ByteDataset(file: file), data.images.count != data.width * data.count {
                throw FuzzFinding("a data set of another size than its shape")
            }
        })

    private static let gzip = FuzzTarget(
        "gzip",
        seeds: {
            // "hello, hello" and nothing, stored without compression: a header, one block, CRC-32 and length.
            [
                Deflate.stored(Array("hello, hello".utf8)), Deflate.stored([]),
                Deflate.stored(try IDX.encode(shape: [2, 2], [1, 2, 3, 4])),
            ]
        },
        run: { bytes throws(FuzzFinding) in
            guard let plain = try? Gzip.decode(bytes, limit: 1 << 16) else { return }
            guard plain.count <= 1 << 16 else { throw FuzzFinding("more comes out than the limit") }
            _ = try? IDX.decode(plain)
        })

    private static let idx = FuzzTarget(
        "IDX", seeds: { [try IDX.encode(shape: [2, 3], [1, 2, 3, 4, 5, 6]), try IDX.encode(shape: [0], [])] },
        run: { bytes throws(FuzzFinding) in
            guard let tensor = try? IDX.decode(bytes), let values = tensor.uint8 else { return }
            guard (try? IDX.encode(shape: tensor.shape, values)) == bytes else {
                throw FuzzFinding("decodes, and encodes to other bytes")
            }
        })

    /// A stranger's task brings its own settings.
    private static let taskFile = FuzzTarget(
        "task file",
        seeds: {
            [
                "mode = benchmark\nwidths = 784-64-10\nrecords = 100\nseed = 7\n",
                "# a comment\n  mode=evaluate # what is done\r\ninput_factor = 1e-3\nlearning_rate = .1\n",
            ].map { Array($0.utf8) }
        },
        run: { bytes throws(FuzzFinding) in
            guard let file = try? TaskFile(bytes: bytes, path: "task.conf") else { return }
            var again = ""
            for key in TaskFile.keys.sorted() {
                if let number = try? file.double(key), !number.isFinite { throw FuzzFinding("\(key) is not finite") }
                _ = (try? file.integer(key), try? file.unsigned(key))
                if let value = try? file.text(key) { again += "\(key) = \(value)\n" }
            }
            guard let read = try? TaskFile(bytes: Array(again.utf8), path: "again"),
                TaskFile.keys.allSatisfy({ (try? read.text($0)) == (try? file.text($0)) })
            else { throw FuzzFinding("a file that was read is written as another one") }
        })

    private static let architecture = FuzzTarget(
        "architecture", seeds: { [Array(try DenseArchitecture(widths: [784, 64, 10]).description.utf8)] },
        run: { bytes throws(FuzzFinding) in
            guard let text = String(validating: bytes, as: UTF8.self), let read = try? DenseArchitecture(text) else {
                return
            }
            guard let again = try? DenseArchitecture(read.description), again == read else {
                throw FuzzFinding("\(text) is printed as another architecture")
            }
        })
}

/// A gzip file (RFC 1952) of one stored block (RFC 1951, section 3.2.4), for seeds.
enum Deflate {
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        func little(_ value: UInt32, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
        }
        let length = UInt32(bytes.count)
        let checksum = UInt32(truncatingIfNeeded: crc32(0, bytes, length))
        return [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1] + little(length, 2) + little(~length, 2) + bytes
            + little(checksum, 4) + little(length, 4)
    }
}
