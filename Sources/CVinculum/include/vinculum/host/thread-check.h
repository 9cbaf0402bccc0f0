/*
 * vinculum/host/thread-check.h: tells a plugin where it is running, so that debug builds can assert thread tags. Every
 * kind may have it.
 */
#ifndef VINCULUM_HOST_THREAD_CHECK_H
#define VINCULUM_HOST_THREAD_CHECK_H

#include "../base.h"

#define VIN_HOST_THREAD_CHECK "vin.host.thread-check/1"

typedef struct vin_host_thread_check {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  1 while this thread is inside a [control] call to this instance, else 0. Added in 1.0 */
    uint32_t (*is_control)(void *host_data);

    /* [any]  1 while this thread is inside a [lane] call to this instance, else 0. Added in 1.0 */
    uint32_t (*is_lane)(void *host_data);
} vin_host_thread_check;

#endif
