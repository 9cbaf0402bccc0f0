/*
 * vinculum/host/random.h: secret random bytes of the operating system, for kinds that do I/O. Sans-IO kinds get
 * entropy as an argument, so that a check can repeat them.
 */
#ifndef VINCULUM_HOST_RANDOM_H
#define VINCULUM_HOST_RANDOM_H

#include "../base.h"

#define VIN_HOST_RANDOM "vin.host.random/1"

typedef struct vin_host_random {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Fills `size` bytes of the plugin's own buffer. At most 1 MiB a call. Added in 1.0 */
    vin_status (*fill)(void *host_data, uint8_t *out, uint64_t size);
} vin_host_random;

#endif
