/*
 * vinculum/factory.h: what a library holds, and how an instance is made.
 */
#ifndef VINCULUM_FACTORY_H
#define VINCULUM_FACTORY_H

#include "base.h"
#include "host.h"

/* Flags of a descriptor. Unknown flags are refused. */
enum {
    VIN_DESCRIPTOR_DETERMINISTIC = 1u << 0 /* obligatory for sans-IO plugins (HOST-3) */
};

/*
 * Describes one plugin. Static data of the plugin, valid until the process ends.
 *   FAC-1  `id` is a reverse-DNS name, [a-z0-9.-]+, at most 64 bytes, equal to the manifest's id.
 *   FAC-2  `version` is MAJOR.MINOR.PATCH in decimal, equal to the manifest's version.
 */
typedef struct vin_descriptor {
    uint32_t struct_size;
    uint32_t flags;
    vin_bytes id;
    vin_bytes version;
    vin_bytes vendor;
    vin_bytes licence;          /* an SPDX expression */
    uint32_t least_host_minor;  /* a host of a lower minor refuses the plugin */
    uint32_t reserved;          /* zero */
} vin_descriptor;

/*
 * Head of the table of every kind of instance (vin_consensus and so on begin with these fields). The table is owned by
 * the plugin and valid until `destroy` returns.
 *   FAC-3  Lifecycle: create, configure (once), the functions of the kind, destroy (once, always).
 *   FAC-4  An instance shares no mutable state with another instance, also of the same library.
 */
typedef struct vin_instance {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *plugin_data; /* first argument of every function of the table */

    /* [control & created]  Takes the operator's settings, checked by the host against the manifest's schema. The
     * plugin checks them again. Services of the host may be used from here on. Added in 1.0 */
    vin_status (*configure)(void *plugin_data, vin_settings settings);

    /* [control & !started]  Frees the instance and this table. Also called after a failed configure. Added in 1.0 */
    void (*destroy)(void *plugin_data);
} vin_instance;

/*
 * Makes the plugins of one kind. Static data of the plugin. Which table `create` answers follows from the id that the
 * factory was asked for: "vin.consensus/1" gives vin_consensus, and so on.
 */
typedef struct vin_factory {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  How many plugins this factory makes; at least 1. deterministic. Added in 1.0 */
    uint32_t (*count)(void);

    /* [any]  The descriptor of plugin `index`, or null if there is none. deterministic. Added in 1.0 */
    const vin_descriptor *(*descriptor)(uint32_t index);

    /* [control]  Makes an instance of the plugin `id` and writes it to `out`. Calls nothing of the host but
     * report_error (HOST-1); keeps `host`. On failure `out` stays null. Added in 1.0 */
    vin_status (*create)(const vin_host *host, vin_bytes id, const vin_instance **out);
} vin_factory;

#endif
