#include "include/kernels.h"

// The kernels again, private to this file and for the oldest processor of the architecture, so that a test can tell
// whether the clones of kernels.c agree with it.
#define VIN_KERNEL static
#define VIN_NAME(name) reference_##name
#define VIN_REFERENCE 1

#include "kernels_matrix.h"
#include "kernels_vector.h"
#include "kernels_grid.h"
#include "kernels_fingerprint.h"
