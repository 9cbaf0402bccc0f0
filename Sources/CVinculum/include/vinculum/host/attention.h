/*
 * vinculum/host/attention.h: how a plugin that does I/O in threads of its own makes itself heard. A consensus engine
 * may have it, and a bridge.
 */
#ifndef VINCULUM_HOST_ATTENTION_H
#define VINCULUM_HOST_ATTENTION_H

#include "../base.h"

#define VIN_HOST_ATTENTION "vin.host.attention/1"

/*
 *   ATT-1  After a wake the host calls [lane] soon, on its own thread: a consensus engine gets VIN_EVENT_TIME. Several
 *          wakes may become one call. There is a call for each wake that was made before the plugin's `stop`: what the
 *          plugin had put aside by then, it can take up in that call.
 *   ATT-2  A complaint stays until the next one, and ends with an empty one or with the instance. It changes nothing of
 *          what the host does with the plugin.
 */
typedef struct vin_host_attention {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Asks for a call. Does not wait, and calls nothing of the plugin. Added in 1.0 */
    void (*wake)(void *host_data);

    /* [any]  Tells the operator, in the node's health, what keeps the plugin from its work: one sentence of UTF-8, of
     * which 1024 bytes are kept; no bytes when all is well again. Added in 1.0 */
    void (*complain)(void *host_data, vin_bytes sentence);
} vin_host_attention;

#endif
