/*
 * vinculum/host/log.h: lines for the operator's log. Every kind may have it.
 */
#ifndef VINCULUM_HOST_LOG_H
#define VINCULUM_HOST_LOG_H

#include "../base.h"

#define VIN_HOST_LOG "vin.host.log/1"

typedef int32_t vin_log_level;
enum {
    VIN_LOG_DEBUG = 1,
    VIN_LOG_INFO = 2,
    VIN_LOG_WARNING = 3,
    VIN_LOG_ERROR = 4
};

/*
 *   LOG-1  A line never holds key material, nor anything computed from the data of a data owner.
 *   LOG-2  A log line is no output: a deterministic plugin may write one, and nothing reads it back.
 */
typedef struct vin_host_log {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Writes one line of UTF-8; at most 4096 bytes are kept. Never blocks, may drop lines under load.
     * Added in 1.0 */
    void (*write)(void *host_data, vin_log_level level, vin_bytes line);
} vin_host_log;

#endif
