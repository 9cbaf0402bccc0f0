/// Dense kernels of training, aggregation and verification.
///
/// Rules that hold for every function here:
/// - Results are equal bit for bit on every machine: each output is one chain of IEEE operations in a fixed order, no
///   contraction into fused multiply-adds, no call into the C library's mathematics, no dependence on vector width.
/// - Matrices are row-major and dense unless a stride is given. Pointers need the alignment of their element only.
/// - Inputs are borrowed for the call; outputs must not overlap inputs unless it says so. No allocation, no state, no
///   errors: [any thread]. Sizes are trusted; the Swift callers in `Training` check them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/// C[m x n] = A[m x k] * B[k x n], or C += when `accumulate` is not 0. Sums run over k in ascending order.
void vin_matmul_nn(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, int accumulate);

/// C[m x n] = A[m x k] * B[n x k] transposed: backward through a dense layer.
void vin_matmul_nt(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, int accumulate);

/// C[m x n] = A[k x m] transposed * B[k x n]: the gradient of a dense layer's weights, summed over the k records.
void vin_matmul_tn(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, int accumulate);

/// Adds bias[n] to each of the m rows of x.
void vin_add_bias(size_t m, size_t n, const float *bias, float *x);

/// out[n] = sum of the m rows of x, in ascending order of rows; added to `out` when `accumulate` is not 0.
void vin_sum_rows(size_t m, size_t n, const float *x, float *out, int accumulate);

/// x = max(x, 0), with NaN kept.
void vin_relu(size_t count, float *x);

/// delta = 0 where the activation is not positive (the derivative of ReLU, in place).
void vin_relu_backward(size_t count, const float *activation, float *delta);

/// Softmax cross-entropy of m rows of n logits. On return `logits` holds the gradient of each row's own loss
/// (probability, less 1 at the label). `losses` (m, may be NULL) takes each row's loss in nats. Labels are < n.
void vin_softmax_cross_entropy(size_t m, size_t n, float *logits, const uint8_t *labels, double *losses);

/// The index of the first largest value in each row of x.
void vin_row_argmax(size_t m, size_t n, const float *x, uint8_t *out);

/// y += factor * x.
void vin_axpy(size_t count, float factor, const float *x, float *y);

/// x *= factor.
void vin_scale(size_t count, float factor, float *x);

/// Each of the m rows of x times its factor.
void vin_scale_rows(size_t m, size_t n, const float *factors, float *x);

/// Sum of x*y in double precision: eight interleaved partial sums, folded in a fixed tree.
double vin_dot(size_t count, const float *x, const float *y);

/// Sum of squares of each of the m rows of x, in the order of `vin_dot`; added to `out` when `accumulate` is not 0.
void vin_row_squared_norms(size_t m, size_t n, const float *x, double *out, int accumulate);

/// factors[i] = min(1, clip / sqrt(squared_norms[i])), and 0 for a norm that is not finite: such a record counts for
/// nothing, which keeps the bound. Rounded toward zero to single precision, so that factor * norm <= clip.
void vin_clip_factors(size_t m, double clip, const double *squared_norms, float *factors);

/// sums[i] += round(values[i] * scale), to nearest, ties to even; |values[i] * scale| must be below 2^51.
void vin_accumulate_fixed_point(size_t count, const float *values, double scale, int64_t *sums);

/// sums[m x n] += for each of the k records the outer product of its row of A[k x m] and its row of B[k x n], each
/// product in single precision, times `scale` (a power of two), rounded to nearest, ties to even. No product times
/// scale is larger than `bound`, which is below 2^51. The result does not depend on the order or the blocks of records.
void vin_accumulate_products(
    size_t m, size_t n, size_t k, const float *a, const float *b, double scale, double bound, int64_t *sums);

/// sums[i] += values[i], wrapping.
void vin_add_int64(size_t count, const int64_t *values, int64_t *sums);

/// out[i] = (float)((double)sums[i] * factor).
void vin_int64_to_float(size_t count, const int64_t *sums, double factor, float *out);

/// The number of values that are NaN or infinite.
size_t vin_count_not_finite(size_t count, const float *x);

/// out = bytes * factor + offset, each step rounded to single precision.
void vin_bytes_to_float(size_t count, const uint8_t *bytes, float factor, float offset, float *out);

/// Our own exponential and natural logarithm, so that no two C libraries can disagree. Relative error below 2e-7 and
/// 1e-14. `vin_exp` is 0 below -87 and the largest result above 88; `vin_log` needs a positive normal argument.
float vin_exp(float x);
double vin_log(double x);

/// A digest of what every kernel above gives for data drawn from `seed`: equal on all machines, or a kernel is broken.
uint64_t vin_kernels_fingerprint(uint64_t seed);

/// The same from a second build of the same source, without clones for newer processors. Tests compare the two.
uint64_t vin_kernels_reference_fingerprint(uint64_t seed);

#if defined(__cplusplus)
}
#endif
