/* Built against another major version of the interface. */
#define ENTRY_MAJOR (VIN_ABI_MAJOR + 1)
#include "engine.h"
