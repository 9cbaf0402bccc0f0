/* A table that is shorter than the first version of the kind. */
#define TABLE_SIZE (sizeof(vin_consensus) - sizeof(void *))
#include "engine.h"
