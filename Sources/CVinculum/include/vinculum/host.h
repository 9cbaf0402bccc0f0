/*
 * vinculum/host.h: what a plugin can ask of the node that hosts it.
 */
#ifndef VINCULUM_HOST_H
#define VINCULUM_HOST_H

#include "base.h"

/*
 * The host, as one plugin instance sees it. Owned by the host; valid from `create` until `destroy` has returned.
 *   HOST-1  Nothing of the host is called inside `create`, except report_error.
 *   HOST-2  A plugin gets the services that its manifest asks for and its kind may have, no more. For anything else
 *           get_extension answers null.
 *   HOST-3  Consensus, privacy and verifier plugins are sans-IO: they get log and thread-check, nothing else. Time,
 *           randomness and messages come to them as arguments. The exception is a consensus engine over a service of
 *           its operator's: one whose manifest asks for network may open connections and have threads, and may have
 *           attention. It is not flagged deterministic, and CON-1 and CON-2 do not hold for it.
 *   HOST-4  A manifest that asks for a service that its kind may not have, or that the host does not lend, is refused
 * by
 *           name before any code is loaded: no plugin finds null where its manifest asked. Every host lends log, clock,
 *           random, thread-check and attention. The node of this version lends no more: metrics, storage, sign and
 *           validators are refused by it (the checker lends them), timer and transport are reserved and refused by
 *           every host. Their headers keep the shape that they will have. network is a permission and no table.
 */
typedef struct vin_host {
    uint32_t struct_size;
    uint32_t abi_major; /* VIN_ABI_MAJOR of the host */
    uint32_t abi_minor; /* VIN_ABI_MINOR of the host */
    uint32_t reserved;  /* zero */
    void *host_data;    /* first argument of every function of the host; tells instances apart */
    vin_bytes version;  /* the host's name and version, as "vinculum 0.1.0" */

    /* [any]  The table of a service (vinculum/host/NAME.h), or null. `id` is text such as "vin.host.log/1". The table
     * is owned by the host and lives as long as the host. Added in 1.0 */
    const void *(*get_extension)(void *host_data, vin_bytes id);

    /* [any]  Says why the call that is about to fail fails: one sentence, UTF-8, at most 1024 bytes are kept. The last
     * report before the return counts. Never holds data of a data owner: it may end up in a log. Added in 1.0 */
    void (*report_error)(void *host_data, vin_status code, vin_bytes message);
} vin_host;

#endif
