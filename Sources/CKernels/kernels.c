#include "include/kernels.h"

// One copy of each kernel for processors with AVX2 and one for any other; the loader picks. Both are the same source
// and, without contraction, give the same bits.
// The thread sanitizer is not ready when the loader asks which clone to take: there, one build for all.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VIN_ONE_BUILD 1
#endif
#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(VIN_ONE_BUILD)
#define VIN_KERNEL __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VIN_KERNEL
#endif
#define VIN_NAME(name) vin_##name

#include "kernels_matrix.h"
#include "kernels_vector.h"
#include "kernels_grid.h"
#include "kernels_fingerprint.h"
