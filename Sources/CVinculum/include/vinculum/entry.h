/*
 * vinculum/entry.h: the one symbol that a plugin exports.
 */
#ifndef VINCULUM_ENTRY_H
#define VINCULUM_ENTRY_H

#include "base.h"
#include "factory.h"

/*
 * Static data of the plugin.
 *   ENT-1  The library exports vin_plugin_entry_v1 and no other symbol.
 *   ENT-2  The host refuses another abi_major than its own, and an abi_minor above its own only if the descriptor's
 *          least_host_minor says so.
 *   ENT-3  A library is never unloaded. `init` is called once in a process, before anything else; `deinit` at most
 *          once, when the process ends in an orderly way, after the last `destroy`.
 *   ENT-4  Constructors of the library start no thread, open no file and change no state of the process.
 */
typedef struct vin_entry {
    uint32_t struct_size;
    uint32_t abi_major; /* VIN_ABI_MAJOR that the plugin was built against */
    uint32_t abi_minor; /* VIN_ABI_MINOR that the plugin was built against */
    uint32_t reserved;  /* zero */

    /* [control]  Prepares the library; VIN_OK, or it is not used. Added in 1.0 */
    vin_status (*init)(void);

    /* [control]  Added in 1.0 */
    void (*deinit)(void);

    /* [any]  The factory for a kind ("vin.privacy/1"), or null if the library holds none. deterministic. Added in 1.0
     * */
    const vin_factory *(*get_factory)(vin_bytes kind);
} vin_entry;

/* [any]  Answers the library's entry, the same pointer each time. A function and not data, because dlsym promises only
 * functions. Added in 1.0 */
VIN_EXPORT const vin_entry *vin_plugin_entry_v1(void);

#endif
