// Sums of outer products on a grid of whole numbers. Included by kernels.c and kernels_reference.c.
//
// Each record's part is rounded by itself and added as an integer, which is exact: a sum does not depend on the order
// of the records, nor on which others are summed beside one. That is what lets a record be added or removed.

typedef uint32_t vin_bits8 __attribute__((vector_size(32), aligned(4)));

enum { VIN_GRID_ROWS = 4, VIN_GRID_COLUMNS = 16, VIN_GRID_RECORDS = 64 };

/// One tile of `rows` x 16 over at most 64 records. Adding 1.5 * 2^23 leaves the nearest integer in the low bits of a
/// float; the bits are added as they are, and what they have too much is taken off at the end.
VIN_INLINE void VIN_NAME(grid_tile)(
    const int rows, size_t records, const float *a, size_t a_record, const float *scaled, int32_t *tile)
{
    const float magic = 12582912.0f;
    const uint32_t excess = (uint32_t)records * 0x4b400000u;
    vin_bits8 sum[VIN_GRID_ROWS][2];
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
        sum[row][0] = (vin_bits8){0};
        sum[row][1] = (vin_bits8){0};
    }
    for (size_t record = 0; record < records; record++) {
        const vin_vector8 b0 = *(const vin_vector8 *)(scaled + record * VIN_GRID_COLUMNS);
        const vin_vector8 b1 = *(const vin_vector8 *)(scaled + record * VIN_GRID_COLUMNS + 8);
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
            const float value = a[record * a_record + (size_t)row];
            sum[row][0] += (vin_bits8)(value * b0 + magic);
            sum[row][1] += (vin_bits8)(value * b1 + magic);
        }
    }
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
        *(vin_bits8 *)(tile + row * VIN_GRID_COLUMNS) = sum[row][0] - excess;
        *(vin_bits8 *)(tile + row * VIN_GRID_COLUMNS + 8) = sum[row][1] - excess;
    }
}

/// All rows of A over one panel of at most 16 columns of B and at most 64 records.
VIN_INLINE void VIN_NAME(grid_panel)(
    size_t m, size_t n, size_t records, size_t width, const float *a, const float *b, float scale, int64_t *sums)
{
    float scaled[VIN_GRID_RECORDS * VIN_GRID_COLUMNS];
    int32_t tile[VIN_GRID_ROWS * VIN_GRID_COLUMNS];
    for (size_t record = 0; record < records; record++) {
        for (size_t j = 0; j < VIN_GRID_COLUMNS; j++) {
            scaled[record * VIN_GRID_COLUMNS + j] = j < width ? b[record * n + j] * scale : 0;
        }
    }
    for (size_t i0 = 0; i0 < m; i0 += VIN_GRID_ROWS) {
        const size_t rows = m - i0 < VIN_GRID_ROWS ? m - i0 : VIN_GRID_ROWS;
        if (rows == VIN_GRID_ROWS) {
            VIN_NAME(grid_tile)(VIN_GRID_ROWS, records, a + i0, m, scaled, tile);
        } else {
            for (size_t row = 0; row < rows; row++) {
                VIN_NAME(grid_tile)(1, records, a + i0 + row, m, scaled, tile + row * VIN_GRID_COLUMNS);
            }
        }
        for (size_t row = 0; row < rows; row++) {
            int64_t *target = sums + (i0 + row) * n;
            if (width == VIN_GRID_COLUMNS) {
                for (size_t j = 0; j < VIN_GRID_COLUMNS; j++) {
                    target[j] += tile[row * VIN_GRID_COLUMNS + j];
                }
            } else {
                for (size_t j = 0; j < width; j++) {
                    target[j] += tile[row * VIN_GRID_COLUMNS + j];
                }
            }
        }
    }
}

VIN_KERNEL void VIN_NAME(accumulate_products)(
    size_t m, size_t n, size_t k, const float *a, const float *b, double scale, double bound, int64_t *sums)
{
    if (bound < 0x1p21) {
        for (size_t k0 = 0; k0 < k; k0 += VIN_GRID_RECORDS) {
            const size_t records = k - k0 < VIN_GRID_RECORDS ? k - k0 : VIN_GRID_RECORDS;
            for (size_t j0 = 0; j0 < n; j0 += VIN_GRID_COLUMNS) {
                const size_t width = n - j0 < VIN_GRID_COLUMNS ? n - j0 : VIN_GRID_COLUMNS;
                VIN_NAME(grid_panel)(
                    m, n, records, width, a + k0 * m, b + k0 * n + j0, (float)scale, sums + j0);
            }
        }
        return;
    }
    const double magic = 6755399441055744.0;
    int64_t magic_bits;
    memcpy(&magic_bits, &magic, sizeof magic_bits);
    for (size_t record = 0; record < k; record++) {
        for (size_t i = 0; i < m; i++) {
            const float value = a[record * m + i];
            for (size_t j = 0; j < n; j++) {
                const double shifted = (double)(value * b[record * n + j]) * scale + magic;
                int64_t bits;
                memcpy(&bits, &shifted, sizeof bits);
                sums[i * n + j] += bits - magic_bits;
            }
        }
    }
}
