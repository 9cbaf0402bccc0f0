/*
 * vinculum/host/metrics.h: numbers for the operator's monitoring, for kinds that do I/O.
 */
#ifndef VINCULUM_HOST_METRICS_H
#define VINCULUM_HOST_METRICS_H

#include "../base.h"

#define VIN_HOST_METRICS "vin.host.metrics/1"

/*
 *   MET-1  Names are [a-z0-9_]+ with the unit last (`request_duration_ms`), at most 64 for a plugin. The host adds the
 *          plugin's id. Nothing computed from the data of a data owner.
 */
typedef struct vin_host_metrics {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Adds to a counter that starts at zero. Added in 1.0 */
    void (*count)(void *host_data, vin_bytes name, uint64_t increment);

    /* [any]  Sets a gauge. Added in 1.0 */
    void (*gauge)(void *host_data, vin_bytes name, int64_t value);
} vin_host_metrics;

#endif
