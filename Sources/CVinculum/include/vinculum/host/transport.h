/*
 * vinculum/host/transport.h: messages to the same plugin on other nodes, for kinds that do I/O. Consensus and privacy
 * plugins use effects and message steps instead.
 * Reserved: no host of this version lends it, and a manifest that asks for it is refused (HOST-4).
 */
#ifndef VINCULUM_HOST_TRANSPORT_H
#define VINCULUM_HOST_TRANSPORT_H

#include "../base.h"

#define VIN_HOST_TRANSPORT "vin.host.transport/1"

/*
 *   TRA-1  Delivery is not promised: a message may be lost, repeated or reordered, never altered; the sender's key has
 *          been checked.
 *   TRA-2  A message is at most 1 MiB.
 */
typedef struct vin_host_transport {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Hands a message to the network and returns. A recipient of zeros means all nodes that run the plugin.
     * Added in 1.0 */
    vin_status (*send)(void *host_data, const vin_public_key *recipient, vin_bytes message);

    /* [lane]  From now on messages come through `receive`, on the lane. Null stops them. Added in 1.0 */
    vin_status (*listen)(
        void *host_data, void (*receive)(void *plugin_data, const vin_public_key *sender, vin_bytes message),
        void *plugin_data);
} vin_host_transport;

#endif
