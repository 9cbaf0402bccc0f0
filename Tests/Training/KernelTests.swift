import CKernels
import Testing

@Suite("Kernels")
struct KernelTests {
    @Test("give the same bits with and without the clones for newer processors", arguments: 1...8)
    func clonesAgree(seed: Int) {
        let fingerprint = vin_kernels_fingerprint(UInt64(seed))
        #expect(fingerprint == vin_kernels_reference_fingerprint(UInt64(seed)), "seed \(seed)")
    }

    @Test("give other bits for other data, so that the fingerprint can fail")
    func fingerprintDiffers() {
        #expect(vin_kernels_fingerprint(1) != vin_kernels_fingerprint(2))
    }

    @Test("give the bits that were recorded when they were written")
    func recordedFingerprint() {
        #expect(vin_kernels_fingerprint(1) == 0x8013_5960_cd51_2065)
    }

    @Test("multiply matrices of awkward sizes like the definition")
    func productsMatchDefinition() {
        let (m, n, k) = (7, 19, 261)
        let a = (0..<m * k).map { Float(($0 * 37) % 11) - 5 }
        let b = (0..<k * n).map { Float(($0 * 53) % 13) - 6 }
        var c = [Float](repeating: 1, count: m * n)
        vin_matmul_nn(m, n, k, a, b, &c, 1)
        for i in 0..<m {
            for j in 0..<n {
                var sum: Float = 1
                for p in 0..<k { sum += a[i * k + p] * b[p * n + j] }
                #expect(c[i * n + j] == sum)
            }
        }
        var transposedA = [Float](repeating: 0, count: m * k)
        for i in 0..<m { for p in 0..<k { transposedA[p * m + i] = a[i * k + p] } }
        var transposedB = [Float](repeating: 0, count: k * n)
        for p in 0..<k { for j in 0..<n { transposedB[j * k + p] = b[p * n + j] } }
        var fromTN = [Float](repeating: 1, count: m * n)
        vin_matmul_tn(m, n, k, transposedA, b, &fromTN, 1)
        var fromNT = [Float](repeating: 1, count: m * n)
        vin_matmul_nt(m, n, k, a, transposedB, &fromNT, 1)
        #expect(fromTN == c)
        #expect(fromNT == c)
    }

    @Test("leave out a record whose gradient is not finite, and never exceed the clip")
    func clipFactors() {
        var factors = [Float](repeating: 0, count: 5)
        vin_clip_factors(5, 1.5, [0, 1, 9, .infinity, .nan], &factors)
        #expect(factors[0] == 1 && factors[1] == 1)
        #expect(Double(factors[2]) * 3 <= 1.5 && factors[2] > 0.4999)
        #expect(factors[3] == 0 && factors[4] == 0)
    }
}
