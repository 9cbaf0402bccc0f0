import Training

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

// vinculum-training-bench [FIRST_SEED COUNT [uneven | even | digits FILE]]: the speed of the dense kernels, and, for
// some seeds, whole private federations with drawn attackers: accuracy, and how the judge's threshold tells honest
// members from others. Noise is a rounded float Gaussian here, for measurement only; sites draw it exactly.

func processSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func decimal(_ value: Double, _ digits: Int = 3) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return "\((value * scale).rounded() / scale)"
}

do {
    let arguments = Array(CommandLine.arguments.dropFirst())
    try benchmarkEpoch(PublicDataSets.fashion().training)
    if arguments.count >= 2, let first = UInt64(arguments[0]), let count = UInt64(arguments[1]) {
        let name = arguments.count > 2 ? arguments[2] : Arrangement.uneven.name
        guard let arrangement = Arrangement.all.first(where: { $0.name == name }) else {
            throw TrainingError(.badParameter, "no such arrangement", at: name)
        }
        let data =
            arguments.count > 3
            ? try ExperimentData(digits: arguments[3], arrangement) : try ExperimentData(fashion: arrangement)
        let experiment = try FederationExperiment(arrangement, data)
        var tally = Tally()
        for seed in first..<first + count { try experiment.run(seed: seed, &tally) }
        tally.print()
    }
} catch {
    print("failed: \(error)")
    exit(1)
}

func benchmarkEpoch(_ bytes: ByteDataset) throws(TrainingError) {
    let data = try bytes.subset(Array(0..<6_000)).scaled(.fashion)
    var model = DenseModel(architecture: try DenseArchitecture("784-64-10"), seed: 1)
    var best = Double.infinity
    for epoch in 0..<10 {
        let start = processSeconds()
        try LocalTraining(learningRate: 0.1, seed: UInt64(epoch)).run(&model, on: data)
        best = min(best, processSeconds() - start)
    }
    print("one epoch of 784-64-10, 6,000 records, batch 32: \(decimal(best * 1_000, 2)) ms CPU (best of 10)")
    let gradient = try PrivateGradient(clip: 4)
    let start = processSeconds()
    _ = try gradient.sum(of: data, at: model)
    print("clipped full-batch gradient of 6,000 records: \(decimal((processSeconds() - start) * 1_000, 2)) ms CPU")
}
