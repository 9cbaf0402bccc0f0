/* Exports something, and not the entry. */
#define NO_ENTRY
#include "engine.h"
