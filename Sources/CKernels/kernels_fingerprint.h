// Runs every kernel over drawn data of awkward sizes and digests all results. Included last by kernels.c and
// kernels_reference.c.

enum { VIN_M = 37, VIN_N = 29, VIN_K = 300, VIN_LARGEST = 37 * 300 };

VIN_INLINE uint64_t VIN_NAME(next)(uint64_t *state)
{
    // SplitMix64 (Steele, Lea, Flood 2014).
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void VIN_NAME(draw)(uint64_t *state, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = VIN_NAME(next)(state);
        const float unit = (float)(bits >> 40) * 0x1p-24f * 2.0f - 1.0f;
        // A few large and a few tiny values among ordinary ones.
        out[i] = (bits & 31) == 0 ? unit * 1e6f : (bits & 31) == 1 ? unit * 1e-12f : unit;
    }
}

/// FNV-1a over bytes, as data lie in memory on little-endian machines.
static uint64_t VIN_NAME(digest)(uint64_t digest, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ bytes[i]) * 0x100000001b3u;
    }
    return digest;
}

#if defined(VIN_REFERENCE)
uint64_t vin_kernels_reference_fingerprint(uint64_t seed)
#else
uint64_t vin_kernels_fingerprint(uint64_t seed)
#endif
{
    static const float specials[] = {0, -0.0f, 1, -1, 87.5f, 88.5f, -86.9f, -87.1f, 1e-30f, 3e38f};
    float a[VIN_LARGEST], b[VIN_LARGEST], c[VIN_M * VIN_N], row[VIN_LARGEST];
    double doubles[VIN_LARGEST];
    int64_t sums[VIN_LARGEST], more[VIN_LARGEST];
    uint8_t labels[VIN_LARGEST];
    uint64_t state = seed, digest = 0xcbf29ce484222325u;
#define VIN_TAKE(array, count) digest = VIN_NAME(digest)(digest, array, (count) * sizeof(array)[0])

    for (int accumulate = 0; accumulate < 2; accumulate++) {
        VIN_NAME(draw)(&state, VIN_M * VIN_K, a);
        VIN_NAME(draw)(&state, VIN_N * VIN_K, b);
        VIN_NAME(matmul_nn)(VIN_M, VIN_N, VIN_K, a, b, c, accumulate);
        VIN_TAKE(c, VIN_M * VIN_N);
        VIN_NAME(matmul_nt)(VIN_M, VIN_N, VIN_K, a, b, c, accumulate);
        VIN_TAKE(c, VIN_M * VIN_N);
        VIN_NAME(matmul_tn)(VIN_M, VIN_N, VIN_K, a, b, c, accumulate);
        VIN_TAKE(c, VIN_M * VIN_N);
        VIN_NAME(sum_rows)(VIN_M, VIN_N, c, row, accumulate);
        VIN_TAKE(row, VIN_N);
        VIN_NAME(row_squared_norms)(VIN_M, VIN_K, a, doubles, accumulate);
        VIN_TAKE(doubles, VIN_M);
    }
    VIN_NAME(clip_factors)(VIN_M, 3.5, doubles, row);
    VIN_TAKE(row, VIN_M);
    VIN_NAME(scale_rows)(VIN_M, VIN_K, row, a);
    VIN_TAKE(a, VIN_M * VIN_K);
    VIN_NAME(draw)(&state, VIN_N, row);
    VIN_NAME(add_bias)(VIN_M, VIN_N, row, c);
    VIN_TAKE(c, VIN_M * VIN_N);
    VIN_NAME(row_argmax)(VIN_M, VIN_N, c, labels);
    VIN_TAKE(labels, VIN_M);
    VIN_NAME(scale)(VIN_M * VIN_N, 1e-6f, c);
    for (size_t i = 0; i < VIN_M; i++) {
        labels[i] = (uint8_t)(VIN_NAME(next)(&state) % VIN_N);
    }
    VIN_NAME(softmax_cross_entropy)(VIN_M, VIN_N, c, labels, doubles);
    VIN_TAKE(c, VIN_M * VIN_N);
    VIN_TAKE(doubles, VIN_M);

    VIN_NAME(draw)(&state, VIN_LARGEST, a);
    VIN_NAME(draw)(&state, VIN_LARGEST, b);
    memcpy(a, specials, sizeof specials);
    for (size_t i = 0; i < VIN_LARGEST; i++) {
        row[i] = VIN_NAME(exp)(a[i]);
        doubles[i] = VIN_NAME(log)((double)row[i] + 1e-9);
        labels[i] = (uint8_t)VIN_NAME(next)(&state);
        sums[i] = (int64_t)i;
        more[i] = (int64_t)VIN_NAME(next)(&state);
    }
    VIN_TAKE(row, VIN_LARGEST);
    VIN_TAKE(doubles, VIN_LARGEST);
    memcpy(row, b, sizeof row);
    VIN_NAME(relu_backward)(VIN_LARGEST, a, row);
    VIN_TAKE(row, VIN_LARGEST);
    VIN_NAME(relu)(VIN_LARGEST, row);
    VIN_TAKE(row, VIN_LARGEST);
    VIN_NAME(axpy)(VIN_LARGEST - 3, 0.3f, a + 3, b);
    VIN_TAKE(b, VIN_LARGEST);
    for (size_t count = 0; count < 40; count++) {
        doubles[count] = VIN_NAME(dot)(VIN_LARGEST - count, a + count, b);
    }
    VIN_TAKE(doubles, 40);
    VIN_NAME(accumulate_fixed_point)(VIN_LARGEST, b, 0x1p16, sums);
    VIN_TAKE(sums, VIN_LARGEST);
    for (size_t i = 0; i < VIN_LARGEST; i++) {
        // Products of a whole record stay below the bound on either way through the kernel.
        row[i] = (float)(int32_t)(VIN_NAME(next)(&state) >> 44) * 0x1p-20f;
    }
    for (int wide = 0; wide < 2; wide++) {
        VIN_NAME(accumulate_products)(VIN_M, VIN_N, 100, row, row + 3, 0x1p14, wide ? 0x1p40 : 0x1p20, sums);
        VIN_TAKE(sums, VIN_M * VIN_N);
    }
    VIN_NAME(int64_to_float)(VIN_LARGEST, sums, 1.0 / 3.0, row);
    VIN_TAKE(row, VIN_LARGEST);
    VIN_NAME(add_int64)(VIN_LARGEST, more, sums);
    VIN_TAKE(sums, VIN_LARGEST);
    a[5] = __builtin_inff();
    a[VIN_LARGEST - 1] = __builtin_nanf("");
    doubles[0] = (double)VIN_NAME(count_not_finite)(VIN_LARGEST, a);
    VIN_TAKE(doubles, 1);
    VIN_NAME(bytes_to_float)(VIN_LARGEST, labels, 0.0111f, -0.81f, row);
    VIN_TAKE(row, VIN_LARGEST);
#undef VIN_TAKE
    return digest;
}
