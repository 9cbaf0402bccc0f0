// Matrix products, register-blocked: tiles of six rows and two vectors of eight columns. Included by kernels.c and
// kernels_reference.c, which say what VIN_KERNEL and VIN_NAME are.
//
// Each element of C is one chain: start value, then + a*b for k = 0, 1, 2, ... Blocking over k stores the partial chain
// and takes it up again, so that neither the blocks nor the vector width change the result.

#include <string.h>

typedef float vin_vector8 __attribute__((vector_size(32), aligned(4)));

enum { VIN_TILE_ROWS = 6, VIN_TILE_COLUMNS = 16, VIN_DEPTH = 256 };

#define VIN_INLINE static inline __attribute__((always_inline))

/// One tile: `rows` is a constant at every call, so that the sums stay in registers.
VIN_INLINE void VIN_NAME(tile)(
    const int rows, size_t depth, const float *a, size_t a_row, size_t a_depth, const float *b, size_t b_depth,
    float *c, size_t c_row, int accumulate)
{
    vin_vector8 sum[VIN_TILE_ROWS][2];
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
        if (accumulate) {
            sum[row][0] = *(const vin_vector8 *)(c + (size_t)row * c_row);
            sum[row][1] = *(const vin_vector8 *)(c + (size_t)row * c_row + 8);
        } else {
            sum[row][0] = (vin_vector8){0};
            sum[row][1] = (vin_vector8){0};
        }
    }
    for (size_t k = 0; k < depth; k++) {
        const vin_vector8 b0 = *(const vin_vector8 *)(b + k * b_depth);
        const vin_vector8 b1 = *(const vin_vector8 *)(b + k * b_depth + 8);
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
            const float value = a[(size_t)row * a_row + k * a_depth];
            sum[row][0] += value * b0;
            sum[row][1] += value * b1;
        }
    }
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
        *(vin_vector8 *)(c + (size_t)row * c_row) = sum[row][0];
        *(vin_vector8 *)(c + (size_t)row * c_row + 8) = sum[row][1];
    }
}

VIN_INLINE void VIN_NAME(tile_rows)(
    size_t rows, size_t depth, const float *a, size_t a_row, size_t a_depth, const float *b, size_t b_depth, float *c,
    size_t c_row, int accumulate)
{
    switch (rows) {
    case 6: VIN_NAME(tile)(6, depth, a, a_row, a_depth, b, b_depth, c, c_row, accumulate); break;
    case 5: VIN_NAME(tile)(5, depth, a, a_row, a_depth, b, b_depth, c, c_row, accumulate); break;
    case 4: VIN_NAME(tile)(4, depth, a, a_row, a_depth, b, b_depth, c, c_row, accumulate); break;
    case 3: VIN_NAME(tile)(3, depth, a, a_row, a_depth, b, b_depth, c, c_row, accumulate); break;
    case 2: VIN_NAME(tile)(2, depth, a, a_row, a_depth, b, b_depth, c, c_row, accumulate); break;
    default: VIN_NAME(tile)(1, depth, a, a_row, a_depth, b, b_depth, c, c_row, accumulate); break;
    }
}

/// C[m x n] with any strides of A and B; narrow or strided panels of B are copied into a padded one first.
VIN_INLINE void VIN_NAME(product)(
    size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_depth, const float *b, size_t b_depth,
    size_t b_column, float *c, int accumulate)
{
    float packed[VIN_DEPTH * VIN_TILE_COLUMNS];
    float edge[VIN_TILE_ROWS * VIN_TILE_COLUMNS];
    if (k == 0 && !accumulate) {
        memset(c, 0, m * n * sizeof(float));
    }
    for (size_t k0 = 0; k0 < k; k0 += VIN_DEPTH) {
        const size_t depth = k - k0 < VIN_DEPTH ? k - k0 : VIN_DEPTH;
        const int continues = accumulate || k0 > 0;
        for (size_t j0 = 0; j0 < n; j0 += VIN_TILE_COLUMNS) {
            const size_t width = n - j0 < VIN_TILE_COLUMNS ? n - j0 : VIN_TILE_COLUMNS;
            const float *panel = b + k0 * b_depth + j0 * b_column;
            size_t panel_depth = b_depth;
            if (width < VIN_TILE_COLUMNS || b_column != 1) {
                for (size_t p = 0; p < depth; p++) {
                    for (size_t j = 0; j < VIN_TILE_COLUMNS; j++) {
                        packed[p * VIN_TILE_COLUMNS + j] = j < width ? panel[p * b_depth + j * b_column] : 0;
                    }
                }
                panel = packed;
                panel_depth = VIN_TILE_COLUMNS;
            }
            for (size_t i0 = 0; i0 < m; i0 += VIN_TILE_ROWS) {
                const size_t rows = m - i0 < VIN_TILE_ROWS ? m - i0 : VIN_TILE_ROWS;
                const float *block = a + i0 * a_row + k0 * a_depth;
                float *target = c + i0 * n + j0;
                if (width == VIN_TILE_COLUMNS) {
                    VIN_NAME(tile_rows)(
                        rows, depth, block, a_row, a_depth, panel, panel_depth, target, n, continues);
                    continue;
                }
                for (size_t i = 0; i < rows; i++) {
                    for (size_t j = 0; j < VIN_TILE_COLUMNS; j++) {
                        edge[i * VIN_TILE_COLUMNS + j] = continues && j < width ? target[i * n + j] : 0;
                    }
                }
                VIN_NAME(tile_rows)(
                    rows, depth, block, a_row, a_depth, panel, panel_depth, edge, VIN_TILE_COLUMNS, 1);
                for (size_t i = 0; i < rows; i++) {
                    memcpy(target + i * n, edge + i * VIN_TILE_COLUMNS, width * sizeof(float));
                }
            }
        }
    }
}

VIN_KERNEL void VIN_NAME(matmul_nn)(
    size_t m, size_t n, size_t k, const float *a, const float *b, float *c, int accumulate)
{
    VIN_NAME(product)(m, n, k, a, k, 1, b, n, 1, c, accumulate);
}

VIN_KERNEL void VIN_NAME(matmul_nt)(
    size_t m, size_t n, size_t k, const float *a, const float *b, float *c, int accumulate)
{
    VIN_NAME(product)(m, n, k, a, k, 1, b, 1, k, c, accumulate);
}

VIN_KERNEL void VIN_NAME(matmul_tn)(
    size_t m, size_t n, size_t k, const float *a, const float *b, float *c, int accumulate)
{
    VIN_NAME(product)(m, n, k, a, 1, m, b, n, 1, c, accumulate);
}
