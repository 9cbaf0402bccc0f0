#include "include/kernels.h"

// One copy of each kernel for processors with AVX2 and one for any other; the loader picks. Both are the same source
// and, without contraction, give the same bits.
#if defined(__x86_64__) && defined(__linux__)
#define VIN_KERNEL __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VIN_KERNEL
#endif
#define VIN_NAME(name) vin_##name

#include "kernels_matrix.h"
#include "kernels_vector.h"
#include "kernels_fingerprint.h"
