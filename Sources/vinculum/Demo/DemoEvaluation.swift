import Node
import Primitives
import Training

/// Accuracy of the global models on the test set, each computed once and beside the run.
actor DemoEvaluation {
    private let ledger: DemoLedger
    private let test: Dataset
    private var running: [CID: Task<Double, any Error>] = [:]

    init(ledger: DemoLedger, test: Dataset) {
        self.ledger = ledger
        self.test = test
    }

    /// Starts to measure a model and returns at once.
    func prepare(_ model: CID) { _ = task(model) }

    func accuracy(_ model: CID) async throws -> Double { try await task(model).value }

    private func task(_ model: CID) -> Task<Double, any Error> {
        if let task = running[model] { return task }
        let (ledger, test) = (ledger, test)
        let task = Task {
            let bytes = try await ledger.object(model)
            return try await BackgroundThread.run {
                try Evaluation(of: DenseModel(file: Safetensors.decode(bytes)), on: test).accuracy
            }
        }
        running[model] = task
        return task
    }
}
