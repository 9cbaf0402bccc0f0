/*
 * vinculum/host/storage.h: a small durable map of the plugin's own, for kinds that do I/O (cursors of a bridge).
 */
#ifndef VINCULUM_HOST_STORAGE_H
#define VINCULUM_HOST_STORAGE_H

#include "../base.h"

#define VIN_HOST_STORAGE "vin.host.storage/1"

/*
 *   STO-1  Keys are at most 128 bytes, values at most 1 MiB. No other plugin sees them.
 */
typedef struct vin_host_storage {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Appends the value to the sink; VIN_ERROR_NOT_FOUND if there is none. Added in 1.0 */
    vin_status (*get)(void *host_data, vin_bytes key, const vin_sink *value);

    /* [any]  Durable when it returns. Added in 1.0 */
    vin_status (*put)(void *host_data, vin_bytes key, vin_bytes value);

    /* [any]  Durable when it returns; no error if there is none. Added in 1.0 */
    vin_status (*remove)(void *host_data, vin_bytes key);
} vin_host_storage;

#endif
