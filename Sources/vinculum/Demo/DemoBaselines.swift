import FoundationEssentials
import Node
import Synchronization
import Training

/// What the federation is compared with: each site alone, the same federation without noise and without cheating, and
/// all data in one place. Computed here, from the sites' folders, which is what no node could do.
///
/// Every result is kept in the folder, so that a resumed demo computes only what is missing.
struct DemoBaselines: Sendable {
    let folder: DemoFolder
    let marker: DemoMarker

    /// Test accuracies by round.
    struct Results: Sendable {
        var withoutNoise: [Double] = []
        var central: [Double] = []
        /// By site, in the plan's order.
        var alone: [[Double]] = []
    }

    /// The rate and the batch of central training: plain SGD, an epoch a round.
    static let centralRate: Float = 0.05
    static let centralBatch = 32

    private static let withoutNoise = "without-noise"
    private static let central = "central"

    /// Set when nobody waits for the results any more.
    private final class Stop: Sendable {
        private let flag = Mutex(false)

        func set() { flag.withLock { $0 = true } }

        func check() throws {
            if flag.withLock({ $0 }) { throw CancellationError() }
        }
    }

    private let stop = Stop()

    init(folder: DemoFolder, marker: DemoMarker) {
        self.folder = folder
        self.marker = marker
    }

    func run() async throws -> Results {
        try await withTaskCancellationHandler {
            try await compute()
        } onCancel: {
            stop.set()
        }
    }

    /// Two threads share the work; both have the lowest priority.
    private func compute() async throws -> Results {
        let sites = try await BackgroundThread.run { try marker.plan.sites.map { try data($0) } }
        let test = try await BackgroundThread.run { try testData() }
        async let together = BackgroundThread.run {
            try cached(Self.withoutNoise) {
                try descent(sites, divisor: marker.sites.map(\.band).reduce(0, +), test: test)
            }
        }
        async let others = BackgroundThread.run {
            let central = try cached(Self.central) { try centralTraining(sites, test: test) }
            let alone = try zip(marker.plan.sites, sites).map { site, data in
                try cached("alone-\(site.name)") { try descent([data], divisor: data.count, test: test) }
            }
            return (central, alone)
        }
        let (withoutNoise, (central, alone)) = try await (together, others)
        return Results(withoutNoise: withoutNoise, central: central, alone: alone)
    }

    func testData() throws -> Dataset {
        try Dataset(file: Safetensors.read(folder.test), classCount: 10, scaling: marker.task.scaling)
    }

    /// A site's records with their true labels: flipping twice is no flip.
    private func data(_ site: DemoPlan.Site) throws -> Dataset {
        let stored = try ByteDataset(file: Safetensors.read(folder.siteData(site.name)))
        let labels = site.behaviour == .flip ? stored.labels.map { 9 - $0 } : stored.labels
        return try ByteDataset(width: stored.width, images: stored.images, labels: labels).scaled(marker.task.scaling)
    }

    // MARK: Training

    /// The federation's own steps over these records, without noise.
    private func descent(_ parts: [Dataset], divisor: Int, test: Dataset) throws -> [Double] {
        let gradient = try PrivateGradient(clip: DemoTask.clip, scaleBits: DemoTask.gridBits)
        let step = GlobalStep(
            learningRate: Float(DemoTask.serverLearningRate), momentum: Float(DemoTask.serverMomentum))
        var model = try marker.task.initialModel(seed: marker.plan.options.seed)
        var velocity: [Float] = []
        return try (0..<marker.plan.options.rounds).map { _ in
            try stop.check()
            var sum = [Int64](repeating: 0, count: model.architecture.parameterCount)
            for part in parts {
                let own = try gradient.sum(of: part, at: model)
                for place in sum.indices { sum[place] += own[place] }
            }
            let update = try ReleasedUpdate(
                sum: sum, architecture: model.architecture, scaleBits: DemoTask.gridBits, clip: DemoTask.clip,
                recordBand: divisor)
            try step.apply([update], to: &model, velocity: &velocity)
            return try Evaluation(of: model, on: test).accuracy
        }
    }

    /// Everything in one place, no clipping, no noise: an epoch of plain SGD for each round.
    private func centralTraining(_ parts: [Dataset], test: Dataset) throws -> [Double] {
        guard let first = parts.first else { return [] }
        let pool = try Dataset(
            width: first.width, classCount: first.classCount, inputs: parts.flatMap(\.inputs),
            labels: parts.flatMap(\.labels))
        var model = try marker.task.initialModel(seed: marker.plan.options.seed)
        return try (0..<marker.plan.options.rounds).map { round in
            try stop.check()
            try LocalTraining(
                learningRate: Self.centralRate, batchSize: Self.centralBatch,
                seed: marker.plan.options.seed &+ UInt64(round)
            ).run(&model, on: pool)
            return try Evaluation(of: model, on: test).accuracy
        }
    }

    // MARK: Results that are kept

    private func cached(_ name: String, _ compute: () throws -> [Double]) throws -> [Double] {
        let path = folder.baseline(name)
        if DurableFile.exists(path), let bytes = try? DurableFile.read(path, limitBytes: 1 << 20),
            let found = try? JSONDecoder().decode([Double].self, from: Data(bytes)),
            found.count == marker.plan.options.rounds
        {
            return found
        }
        let result = try compute()
        try DurableFile.replace(path, with: try DemoMarker.json(result))
        return result
    }
}
