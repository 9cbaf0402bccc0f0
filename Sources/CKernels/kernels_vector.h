// Kernels over vectors and rows. Included by kernels.c and kernels_reference.c after kernels_matrix.h.
//
// Loops whose iterations are independent are left to the compiler's vectoriser, which keeps every result as it is. Sums
// name their own partial sums, because the compiler may not reorder them.

/// exp(x) = 2^n * e^r with r in [-ln2/2, ln2/2]: a degree-6 Taylor-like minimax polynomial (coefficients of Cephes'
/// expf), reduction in two parts after Cody and Waite.
VIN_INLINE float VIN_NAME(exp_inline)(float x)
{
    if (!(x > -87.0f)) {
        return x != x ? x : 0;
    }
    if (x > 88.0f) {
        x = 88.0f;
    }
    const float rounded = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
    float r = x - rounded * 0.693359375f;
    r = r - rounded * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t bits = ((int32_t)rounded + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/// ln(x) = e ln2 + 2 atanh(s), s = (m - 1) / (m + 1), with m in [sqrt(1/2), sqrt(2)).
VIN_INLINE double VIN_NAME(log_inline)(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    if (mantissa > 1.4142135623730951) {
        mantissa *= 0.5;
        exponent += 1;
    }
    const double s = (mantissa - 1.0) / (mantissa + 1.0);
    const double square = s * s;
    double series = 0;
    for (int degree = 23; degree >= 1; degree -= 2) {
        series = series * square + 1.0 / degree;
    }
    return 2.0 * s * series + exponent * 0.6931471805599453;
}

VIN_KERNEL float VIN_NAME(exp)(float x) { return VIN_NAME(exp_inline)(x); }

VIN_KERNEL double VIN_NAME(log)(double x) { return VIN_NAME(log_inline)(x); }

VIN_KERNEL void VIN_NAME(add_bias)(size_t m, size_t n, const float *bias, float *x)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            x[i * n + j] += bias[j];
        }
    }
}

VIN_KERNEL void VIN_NAME(sum_rows)(size_t m, size_t n, const float *x, float *out, int accumulate)
{
    if (!accumulate) {
        memset(out, 0, n * sizeof(float));
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            out[j] += x[i * n + j];
        }
    }
}

VIN_KERNEL void VIN_NAME(relu)(size_t count, float *x)
{
    for (size_t i = 0; i < count; i++) {
        x[i] = x[i] < 0 ? 0 : x[i];
    }
}

VIN_KERNEL void VIN_NAME(relu_backward)(size_t count, const float *activation, float *delta)
{
    for (size_t i = 0; i < count; i++) {
        delta[i] = activation[i] > 0 ? delta[i] : 0;
    }
}

VIN_KERNEL void VIN_NAME(softmax_cross_entropy)(
    size_t m, size_t n, float *logits, const uint8_t *labels, double *losses)
{
    for (size_t i = 0; i < m; i++) {
        float *row = logits + i * n;
        float largest = row[0];
        for (size_t j = 1; j < n; j++) {
            largest = row[j] > largest ? row[j] : largest;
        }
        const float at_label = row[labels[i]] - largest;
        float sum = 0;
        for (size_t j = 0; j < n; j++) {
            row[j] = VIN_NAME(exp_inline)(row[j] - largest);
            sum += row[j];
        }
        for (size_t j = 0; j < n; j++) {
            row[j] /= sum;
        }
        row[labels[i]] -= 1.0f;
        if (losses) {
            losses[i] = VIN_NAME(log_inline)((double)sum) - (double)at_label;
        }
    }
}

VIN_KERNEL void VIN_NAME(row_argmax)(size_t m, size_t n, const float *x, uint8_t *out)
{
    for (size_t i = 0; i < m; i++) {
        size_t best = 0;
        for (size_t j = 1; j < n; j++) {
            best = x[i * n + j] > x[i * n + best] ? j : best;
        }
        out[i] = (uint8_t)best;
    }
}

VIN_KERNEL void VIN_NAME(axpy)(size_t count, float factor, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] += factor * x[i];
    }
}

VIN_KERNEL void VIN_NAME(scale)(size_t count, float factor, float *x)
{
    for (size_t i = 0; i < count; i++) {
        x[i] *= factor;
    }
}

VIN_KERNEL void VIN_NAME(scale_rows)(size_t m, size_t n, const float *factors, float *x)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            x[i * n + j] *= factors[i];
        }
    }
}

VIN_INLINE double VIN_NAME(dot_inline)(size_t count, const float *x, const float *y)
{
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
#pragma clang loop vectorize(enable) unroll(full)
        for (size_t lane = 0; lane < 8; lane++) {
            sums[lane] += (double)x[i + lane] * (double)y[i + lane];
        }
    }
    for (size_t lane = 0; i + lane < count; lane++) {
        sums[lane] += (double)x[i + lane] * (double)y[i + lane];
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

VIN_KERNEL double VIN_NAME(dot)(size_t count, const float *x, const float *y)
{
    return VIN_NAME(dot_inline)(count, x, y);
}

VIN_KERNEL void VIN_NAME(row_squared_norms)(size_t m, size_t n, const float *x, double *out, int accumulate)
{
    for (size_t i = 0; i < m; i++) {
        const double square = VIN_NAME(dot_inline)(n, x + i * n, x + i * n);
        out[i] = accumulate ? out[i] + square : square;
    }
}

VIN_KERNEL void VIN_NAME(clip_factors)(size_t m, double clip, const double *squared_norms, float *factors)
{
    for (size_t i = 0; i < m; i++) {
        const double norm = __builtin_sqrt(squared_norms[i]);
        if (!(norm <= 1.7976931348623157e308)) {
            factors[i] = 0;
        } else if (norm <= clip) {
            factors[i] = 1;
        } else {
            const double exact = clip / norm;
            float factor = (float)exact;
            if ((double)factor * norm > clip) {
                // One step toward zero: the rounding to single precision went up.
                uint32_t bits;
                memcpy(&bits, &factor, sizeof bits);
                bits = bits ? bits - 1 : 0;
                memcpy(&factor, &bits, sizeof factor);
            }
            factors[i] = factor;
        }
    }
}

VIN_KERNEL void VIN_NAME(accumulate_fixed_point)(size_t count, const float *values, double scale, int64_t *sums)
{
    // Adding 1.5 * 2^52 leaves the nearest integer in the low bits of the double.
    const double magic = 6755399441055744.0;
    int64_t magic_bits;
    memcpy(&magic_bits, &magic, sizeof magic_bits);
    for (size_t i = 0; i < count; i++) {
        const double shifted = (double)values[i] * scale + magic;
        int64_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        sums[i] += bits - magic_bits;
    }
}

VIN_KERNEL void VIN_NAME(add_int64)(size_t count, const int64_t *values, int64_t *sums)
{
    for (size_t i = 0; i < count; i++) {
        sums[i] = (int64_t)((uint64_t)sums[i] + (uint64_t)values[i]);
    }
}

VIN_KERNEL void VIN_NAME(int64_to_float)(size_t count, const int64_t *sums, double factor, float *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)((double)sums[i] * factor);
    }
}

VIN_KERNEL size_t VIN_NAME(count_not_finite)(size_t count, const float *x)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        found += (bits & 0x7f800000u) == 0x7f800000u;
    }
    return found;
}

VIN_KERNEL void VIN_NAME(bytes_to_float)(
    size_t count, const uint8_t *bytes, float factor, float offset, float *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)bytes[i] * factor + offset;
    }
}
