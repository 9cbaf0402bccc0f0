import Training

/// Federated averaging over ten sites that hold equal shares of MNIST-5k, trainers and aggregation alone, against
/// Flower's simulation engine with the same records in the same order, the same first model and the same steps.
///
/// A round is what Flower's is: every site trains for an epoch on its own records, its model goes to the aggregator as
/// a file, the aggregator reads and averages the files, and the new model is tested. Half of our rounds run before the
/// peer's and half after it, so that a machine that gets busier in between favours neither.
struct FederationBenchmark {
    /// Holds `records.safetensors` and `start.safetensors` of Packaging/bench/mnist5k.py.
    var folder: String
    var roundCount = 10
    var peer: FlowerPeer?

    private static let trainingCount = 4_000
    private static let siteCount = 10
    /// Training stops being noise on the clock after some: the median of few rounds of milliseconds means little.
    private static let repeats = 5

    struct Run {
        var roundSeconds: [Double] = []
        var accuracies: [Double] = []
        var processorSeconds = 0.0
    }

    func run(_ report: Report) async throws {
        let records = try Dataset(
            file: Safetensors.read("\(folder)/records.safetensors"), classCount: 10, scaling: .unit)
        let start = try DenseModel(file: Safetensors.read("\(folder)/start.safetensors"))
        let perSite = Self.trainingCount / Self.siteCount
        let sites = try (0..<Self.siteCount).map {
            try records.subset(Array($0 * perSite..<($0 + 1) * perSite))
        }
        let test = try records.subset(Array(Self.trainingCount..<records.count))
        var runs = [try await federate(sites, test, from: start)]
        for _ in 1..<Self.repeats { runs.append(try await federate(sites, test, from: start)) }
        let peerRun = try peer?.run(rounds: roundCount)
        for _ in 0..<Self.repeats { runs.append(try await federate(sites, test, from: start)) }

        let seconds = median(runs.flatMap(\.roundSeconds))
        let processor = median(runs.map { $0.processorSeconds / Double(roundCount) })
        let against = peerRun.map { "Flower 1.41 simulation: \(milliseconds($0.medianSeconds)) ms" } ?? "no peer given"
        report.add(
            "round of federated averaging, 10 sites, MLP 784-64-10, trainers and aggregation alone",
            "\(milliseconds(seconds)) ms (\(milliseconds(processor)) ms of processor time)", against,
            ratio: peerRun.map { $0.medianSeconds / seconds }, target: .atLeast(10))
        if let peerRun {
            report.add(
                "first round, with all that starts before it", "\(milliseconds(runs[0].roundSeconds[0])) ms",
                "Flower 1.41 simulation: \(milliseconds(peerRun.roundSeconds[0])) ms",
                ratio: peerRun.roundSeconds[0] / runs[0].roundSeconds[0])
        }
        try reportAccuracy(runs[0].accuracies, peerRun?.accuracies, report)
        try await reportParts(sites[0], start, report)
    }

    private func reportAccuracy(_ ours: [Double], _ theirs: [Double]?, _ report: Report) throws {
        for round in [1, 5, 10] where round <= ours.count {
            let other = theirs.flatMap { round <= $0.count ? $0[round - 1] : nil }
            report.add(
                "accuracy after round \(round)", rounded(ours[round - 1], 3),
                other.map { "Flower, same run: \(rounded($0, 3))" } ?? "no peer given",
                ratio: other.map { ours[round - 1] / $0 }, target: .atLeast(0.985))
        }
    }

    /// What a round is made of, on one core.
    private func reportParts(_ site: Dataset, _ start: DenseModel, _ report: Report) async throws {
        var model = start
        let training = LocalTraining(learningRate: 0.1, seed: 1)
        var failure: TrainingError?
        let epoch = leastTime(calls: 4) {
            do throws(TrainingError) { try training.run(&model, on: site) } catch { failure = error }
        }
        if let failure { throw failure }
        // Forward, and backward to the weights of both layers and to the hidden layer's outputs: two operations a
        // multiplication with its addition.
        let operations = 2.0 * Double(site.count) * (2 * 784 * 64 + 3 * 64 * 10)
        report.add(
            "epoch at one site, 400 records, one core", "\(milliseconds(epoch)) ms",
            "\(rounded(operations / epoch / 1e9, 1)) GFLOP/s")
        let files = try (0..<Self.siteCount).map { _ in (file: try start.safetensors(), weight: 400.0) }
        let mean = leastTime(calls: 4) {
            do throws(TrainingError) { _ = try WeightedMean.of(files) } catch { failure = error }
        }
        if let failure { throw failure }
        report.add("mean of ten models, one core", "\(milliseconds(mean)) ms")
    }

    /// The federation from its first model on, on all cores.
    private func federate(_ sites: [Dataset], _ test: Dataset, from start: DenseModel) async throws -> Run {
        var run = Run()
        var model = start
        let processorBefore = processorSeconds()
        for _ in 0..<roundCount {
            let begin = now()
            let updates = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { [model] group in
                for (index, site) in sites.enumerated() {
                    group.addTask {
                        var local = model
                        var training = LocalTraining(learningRate: 0.1, seed: 0)
                        training.keepsOrder = true
                        try training.run(&local, on: site)
                        return (index, try local.safetensors().encoded())
                    }
                }
                var files = [[UInt8]](repeating: [], count: sites.count)
                for try await (index, file) in group { files[index] = file }
                return files
            }
            let received = try zip(updates, sites).map { file, site in
                (file: try Safetensors.decode(file), weight: Double(site.count))
            }
            model = try DenseModel(file: WeightedMean.of(received))
            run.accuracies.append(try Evaluation(of: model, on: test).accuracy)
            run.roundSeconds.append(now() - begin)
        }
        run.processorSeconds = processorSeconds() - processorBefore
        return run
    }
}

func milliseconds(_ seconds: Double) -> String { significant(seconds * 1_000) }
