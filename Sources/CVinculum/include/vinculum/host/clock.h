/*
 * vinculum/host/clock.h: time, for kinds that do I/O (bridge, runtime). Sans-IO kinds get time in their events.
 */
#ifndef VINCULUM_HOST_CLOCK_H
#define VINCULUM_HOST_CLOCK_H

#include "../base.h"

#define VIN_HOST_CLOCK "vin.host.clock/1"

typedef struct vin_host_clock {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Milliseconds since 1970-01-01 UTC. May jump. Added in 1.0 */
    int64_t (*wall_ms)(void *host_data);

    /* [any]  Nanoseconds since an arbitrary start; never goes back. Added in 1.0 */
    uint64_t (*monotonic_ns)(void *host_data);
} vin_host_clock;

#endif
