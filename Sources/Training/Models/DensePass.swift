import CKernels

/// Forward and backward through a dense network for up to `capacity` rows, in memory of its own that is used again.
///
/// Holds raw memory because the kernels take plain pointers: each buffer is allocated here once, has room for
/// `capacity` rows of its layer, is never handed out beyond a call, and is freed in `deinit`. One thread at a time.
struct DensePass: ~Copyable {
    let architecture: DenseArchitecture
    let capacity: Int
    /// For each layer its outputs: activations, and for the last the logits, which backward turns into their gradient.
    private let outputs: [UnsafeMutablePointer<Float>]
    /// For each layer but the last the gradient of its outputs.
    private let deltas: [UnsafeMutablePointer<Float>]
    private let squares: UnsafeMutablePointer<Double>
    private let norms: UnsafeMutablePointer<Double>
    private let products: UnsafeMutablePointer<Double>
    private let factors: UnsafeMutablePointer<Float>

    init(architecture: DenseArchitecture, capacity: Int) {
        let rows = max(1, capacity)
        self.architecture = architecture
        self.capacity = rows
        outputs = architecture.layers.map { .allocate(capacity: rows * $0.outputs) }
        deltas = architecture.layers.dropLast().map { .allocate(capacity: rows * $0.outputs) }
        squares = .allocate(capacity: rows)
        norms = .allocate(capacity: rows)
        products = .allocate(capacity: rows)
        factors = .allocate(capacity: rows)
    }

    deinit {
        for buffer in outputs { buffer.deallocate() }
        for buffer in deltas { buffer.deallocate() }
        squares.deallocate()
        norms.deallocate()
        products.deallocate()
        factors.deallocate()
    }

    /// Logits of `rows` (at most `capacity`) inputs; `parameters` has the architecture's length.
    func forward(rows: Int, inputs: UnsafePointer<Float>, parameters: UnsafePointer<Float>) {
        var source = inputs
        for (index, layer) in architecture.layers.enumerated() {
            let target = outputs[index]
            vin_matmul_nn(
                rows, layer.outputs, layer.inputs, source, parameters + layer.weightOffset, target, 0)
            vin_add_bias(rows, layer.outputs, parameters + layer.biasOffset, target)
            if index < architecture.layers.count - 1 { vin_relu(rows * layer.outputs, target) }
            source = UnsafePointer(target)
        }
    }

    /// The most likely class of each row after `forward`.
    func predictions(rows: Int, into out: UnsafeMutablePointer<UInt8>) {
        vin_row_argmax(rows, architecture.classCount, lastOutput, out)
    }

    /// Turns the logits of `forward` into each record's own gradients of all layers' outputs. `losses` may be nil.
    func backward(
        rows: Int, labels: UnsafePointer<UInt8>, parameters: UnsafePointer<Float>,
        losses: UnsafeMutablePointer<Double>? = nil
    ) {
        vin_softmax_cross_entropy(rows, architecture.classCount, lastOutput, labels, losses)
        for index in architecture.layers.indices.dropFirst().reversed() {
            let layer = architecture.layers[index]
            vin_matmul_nt(
                rows, layer.inputs, layer.outputs, delta(index), parameters + layer.weightOffset, deltas[index - 1], 0)
            vin_relu_backward(rows * layer.inputs, outputs[index - 1], deltas[index - 1])
        }
    }

    /// Clips each record's gradient to L2 norm `clip`, without forming it: for a dense layer the squared norm is that
    /// of the inputs plus 1 (the bias) times that of the output gradient (Goodfellow 2015, "ghost norm").
    ///
    /// A record whose norm is not finite is left out: its factor is 0 and its activations are cleared, so that no
    /// 0 * infinity can reach a sum.
    func clip(rows: Int, inputs: UnsafePointer<Float>, clip: Double) {
        for index in architecture.layers.indices {
            let layer = architecture.layers[index]
            vin_row_squared_norms(rows, layer.inputs, source(index, inputs), squares, 0)
            vin_row_squared_norms(rows, layer.outputs, delta(index), products, 0)
            for row in 0..<rows {
                let square = (squares[row] + 1) * products[row]
                norms[row] = index == 0 ? square : norms[row] + square
            }
        }
        vin_clip_factors(rows, clip, norms, factors)
        for (index, layer) in architecture.layers.enumerated() {
            vin_scale_rows(rows, layer.outputs, factors, delta(index))
        }
        for row in 0..<rows where !norms[row].isFinite { clearRecord(row) }
    }

    /// Makes a record add exactly zero to every sum.
    private func clearRecord(_ row: Int) {
        for (index, layer) in architecture.layers.enumerated() {
            (delta(index) + row * layer.outputs).update(repeating: 0, count: layer.outputs)
            if index < architecture.layers.count - 1 {
                (outputs[index] + row * layer.outputs).update(repeating: 0, count: layer.outputs)
            }
        }
    }

    /// All records' gradients times one factor: the step of SGD.
    func scale(rows: Int, by factor: Float) {
        for (index, layer) in architecture.layers.enumerated() {
            vin_scale(rows * layer.outputs, factor, delta(index))
        }
    }

    /// The sum of the records' gradients into a vector of the architecture's length, in ascending order of records.
    func sumGradients(
        rows: Int, inputs: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, accumulate: Bool
    ) {
        let mode: Int32 = accumulate ? 1 : 0
        for (index, layer) in architecture.layers.enumerated() {
            vin_matmul_tn(
                layer.inputs, layer.outputs, rows, source(index, inputs), delta(index), target + layer.weightOffset,
                mode)
            vin_sum_rows(rows, layer.outputs, delta(index), target + layer.biasOffset, mode)
        }
    }

    /// Adds the records' gradients to `sums`, each number of each record rounded to the grid for itself: what a record
    /// adds depends on no other. `bound` is above every gradient's norm times `scale`, a power of two.
    func sumOnGrid(
        rows: Int, inputs: UnsafePointer<Float>, scale: Double, bound: Double, into sums: UnsafeMutablePointer<Int64>
    ) {
        for (index, layer) in architecture.layers.enumerated() {
            vin_accumulate_products(
                layer.inputs, layer.outputs, rows, source(index, inputs), delta(index), scale, bound,
                sums + layer.weightOffset)
            for row in 0..<rows {
                vin_accumulate_fixed_point(
                    layer.outputs, delta(index) + row * layer.outputs, scale, sums + layer.biasOffset)
            }
        }
    }

    private var lastOutput: UnsafeMutablePointer<Float> { outputs[outputs.count - 1] }

    private func delta(_ index: Int) -> UnsafeMutablePointer<Float> {
        index == architecture.layers.count - 1 ? lastOutput : deltas[index]
    }

    private func source(_ index: Int, _ inputs: UnsafePointer<Float>) -> UnsafePointer<Float> {
        index == 0 ? inputs : UnsafePointer(outputs[index - 1])
    }
}
