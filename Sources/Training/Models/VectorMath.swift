import CKernels

/// Swift faces of vector kernels, with their sizes checked.
enum VectorMath {
    static func notFiniteCount(_ values: [Float]) -> Int {
        values.withUnsafeBufferPointer { vin_count_not_finite($0.count, $0.baseAddress) }
    }

    /// The dot product in double precision, in the fixed order of the kernel, over the shorter length.
    static func dot(_ left: [Float], _ right: [Float]) -> Double {
        vin_dot(min(left.count, right.count), left, right)
    }

    static func norm(_ values: [Float]) -> Double { dot(values, values).squareRoot() }

    static func float(_ sums: [Int64], factor: Double) -> [Float] {
        [Float](unsafeUninitializedCapacity: sums.count) { buffer, count in
            vin_int64_to_float(sums.count, sums, factor, buffer.baseAddress)
            count = sums.count
        }
    }
}
