import Node
import Primitives

extension FuzzTarget {
    /// What a stranger's task works on: no name in it may leave its folder.
    static let taskInput: FuzzTarget = {
        let seeds = [
            TaskInput.benchmark(widths: "784-64-10", records: 100, seed: 7),
            .evaluation(model: .of(raw: [1]), data: .of(raw: [2]), inputFactor: 1e-3, inputOffset: -1),
        ]
        let records = FuzzTarget.record(TaskInput.self, seeds: seeds)
        return FuzzTarget("task input", seeds: records.seeds) { bytes throws(FuzzFinding) in
            try records.run(bytes)
            guard let input = try? TaskInput.decode(bytes) else { return }
            for name in input.files.map(\.name) + [input.result] where name.contains("/") || name.hasPrefix(".") {
                throw FuzzFinding("takes the name \(name)")
            }
        }
    }()
}
