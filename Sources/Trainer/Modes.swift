import Primitives
import Training

/// One run of the trainer: reads one folder, writes another, tells each step in a line of JSON.
struct TaskRun {
    private let inputs: String
    private let outputs: String
    private let task: TaskFile
    private let records: RecordMemory

    /// - Parameter records: what an earlier run has read.
    init(inputs: String, outputs: String, records: RecordMemory = RecordMemory()) throws(TrainingError) {
        self.inputs = inputs
        self.outputs = outputs
        self.records = records
        let path = "\(inputs)/task.conf"
        task = try TaskFile(bytes: WholeFile.read(path, limit: 1 << 20), path: path)
    }

    func run() throws(TrainingError) {
        let mode = try task.text("mode")
        Event.emit("started", ["mode": .text(mode)])
        switch mode {
        case "dp-gradient": try privateGradient()
        case "evaluate": try evaluate()
        case "benchmark": try benchmark()
        default: throw TrainingError(.badParameter, "unknown mode \(mode)", at: "task.conf")
        }
        Event.emit("finished", ["mode": .text(mode)])
    }

    // MARK: Modes

    /// out/update.safetensors: the exact sum of clipped gradients, without noise: for the site's privacy plugin only.
    private func privateGradient() throws(TrainingError) {
        let model = try model()
        let gradient = try gradient()
        let data = try data(classes: model.architecture.classCount)
        let update = try ReleasedUpdate(
            sum: gradient.sum(of: data, at: model), architecture: model.architecture, scaleBits: gradient.scaleBits,
            clip: gradient.clip, recordBand: task.integer("record_band"))
        try write(update.safetensors(), "update.safetensors")
        let sensitivity = gradient.sensitivityUnits(parameterCount: model.architecture.parameterCount)
        Event.emit(
            "gradient",
            ["parameters": .integer(update.sum.count), "sensitivity_units": .integer(Int(sensitivity))])
    }

    /// out/evaluation.json: correct records and loss, for public data and a site's own eyes: neither may leave a site
    /// uncharged.
    private func evaluate() throws(TrainingError) {
        let model = try model()
        let result = try Evaluation(of: model, on: data(classes: model.architecture.classCount))
        let loss = Int((min(result.loss, 1e6) * 1e6).rounded())
        // Integers in a fixed order: equal bytes on all machines.
        let document = "{\"correct\":\(result.correctCount),\"count\":\(result.count),\"loss_e6\":\(loss)}\n"
        try WholeFile.write("\(outputs)/evaluation.json", Array(document.utf8))
        Event.emit(
            "evaluated",
            [
                "correct": .integer(result.correctCount), "count": .integer(result.count),
                "accuracy_e6": .integer(result.correctCount * 1_000_000 / result.count),
                "loss_e6": .integer(loss),
            ])
    }

    /// A public task whose answer anyone can recompute: trains on drawn records, and tells the digest of the model.
    private func benchmark() throws(TrainingError) {
        let model = try BenchmarkTask.answer(
            architecture: DenseArchitecture(task.text("widths", default: "784-64-10")),
            records: task.integer("records", default: 1_000), seed: task.unsigned("seed"),
            learningRate: Float(task.double("learning_rate", default: 0.05)),
            epochs: task.integer("epochs", default: 1))
        let file = try model.safetensors()
        try write(file, "model.safetensors")
        Event.emit("benchmarked", ["digest": .text(Digest.blake2b256(file.encoded()).hex)])
    }

    // MARK: Files

    private func input(_ name: String) throws(TrainingError) -> String {
        guard !name.isEmpty, !name.contains("/"), name != ".." else {
            throw TrainingError(.badParameter, "\(name) is not the name of a file in in/", at: "task.conf")
        }
        return "\(inputs)/\(name)"
    }

    private func model() throws(TrainingError) -> DenseModel {
        try DenseModel(file: Safetensors.read(input(task.text("model", default: "model.safetensors"))))
    }

    private func gradient() throws(TrainingError) -> PrivateGradient {
        try PrivateGradient(clip: task.double("clip"), scaleBits: task.integer("scale_bits", default: 14))
    }

    private func data(classes: Int) throws(TrainingError) -> Dataset {
        let unit = InputScaling.unit
        let scaling = InputScaling(
            factor: Float(try task.double("input_factor", default: Double(unit.factor))),
            offset: Float(try task.double("input_offset", default: Double(unit.offset))))
        return try records.dataset(
            at: input(task.text("data", default: "data.safetensors")),
            classes: task.integer("classes", default: classes), scaling: scaling)
    }

    private func write(_ file: Safetensors, _ name: String) throws(TrainingError) {
        let bytes = file.encoded()
        try WholeFile.write("\(outputs)/\(name)", bytes)
        Event.emit("wrote", ["file": .text(name), "bytes": .integer(bytes.count)])
    }
}
