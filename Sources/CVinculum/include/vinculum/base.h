/*
 * vinculum/base.h: words that every other header uses.
 *
 * These headers are the specification of the plugin interface. A plugin author needs nothing else.
 *
 * Thread tags. Every function carries one, and a state after "&" where it matters:
 *   [control]  the thread that creates, configures and destroys; never at the same time as another call to the
 *   instance [lane]     one call at a time for each instance, on any operating-system thread, never one of a
 *   cooperative pool [worker]   a thread that the plugin started itself
 *   [any]      any thread, also at the same time as other calls
 * So `[lane & started]` is a call on the instance's lane while the instance is started.
 *
 * Determinism tags. A function marked `deterministic` answers the same bytes for the same instance state and the same
 * inputs, on every machine and in every process: no clock, no random source, no address, no hash order, no floating
 * point that reaches an output.
 *
 * Requirements are numbered (BASE-1 and so on). `vinculum plugin check` names the number that a plugin breaks.
 */
#ifndef VINCULUM_BASE_H
#define VINCULUM_BASE_H

#include <stddef.h>
#include <stdint.h>

/* Major: something was removed, reordered or retyped, or a thread tag, an owner or a determinism tag changed. */
#define VIN_ABI_MAJOR 1
/* Minor: something was added at the end of a table, or a new extension id. */
#define VIN_ABI_MINOR 0

#if defined(__cplusplus)
#define VIN_EXTERN_C extern "C"
#else
#define VIN_EXTERN_C
#endif

#if defined(__GNUC__) || defined(__clang__)
#define VIN_EXPORT VIN_EXTERN_C __attribute__((visibility("default")))
#else
#define VIN_EXPORT VIN_EXTERN_C
#endif

/*
 * struct_size. Every table and every argument that is passed by pointer begins with `uint32_t struct_size`, set by the
 * side that allocates it to its own sizeof.
 *   BASE-1  A reader uses a field only if the field ends at or before struct_size. What lies beyond reads as zero.
 *   BASE-2  New fields are only added at the end. A table shorter than the size of its first version is refused.
 *   BASE-3  Zero in an added field means "as before". Reserved fields are zero; the reader refuses anything else.
 *   BASE-4  Flags that the reader does not know are refused, with VIN_ERROR_UNSUPPORTED.
 */

/*
 * What a call answers: VIN_OK or an error. The list is append-only; a plugin's own codes start at VIN_ERROR_OWN.
 *   BASE-5  Before it returns an error a plugin calls vin_host.report_error with the same code and one sentence.
 *   BASE-6  A call that returns an error has had no effect, and nothing that it wrote is used.
 *   BASE-7  A plugin never prints, never exits, never raises a signal, never throws through this interface.
 */
typedef int32_t vin_status;
enum {
    VIN_OK = 0,
    VIN_ERROR_INVALID = 1,     /* an argument is malformed or out of range */
    VIN_ERROR_STATE = 2,       /* the call is not allowed in this state */
    VIN_ERROR_UNSUPPORTED = 3, /* a flag, a kind or an option that this side does not know */
    VIN_ERROR_LIMIT = 4,       /* a limit was reached: a sink's, or a configured one */
    VIN_ERROR_REFUSED = 5,     /* well formed, but a rule or a policy says no */
    VIN_ERROR_IO = 6,          /* a file, a socket or a device failed */
    VIN_ERROR_MEMORY = 7,      /* memory could not be had */
    VIN_ERROR_NOT_FOUND = 8,   /* the thing named does not exist */
    VIN_ERROR_TIMEOUT = 9,     /* time ran out */
    VIN_ERROR_CONFLICT = 10,   /* contradicts something done before */
    VIN_ERROR_UNAVAILABLE = 11, /* cannot be done now; the same call may succeed later */
    VIN_ERROR_INTERNAL = 12,   /* a defect of the side that answers */
    VIN_ERROR_OWN = 1000       /* first code that belongs to the plugin; it documents its own codes */
};

/*
 * Borrowed bytes, or borrowed UTF-8 text (no terminating zero). `data` may be null only when `size` is zero.
 *   BASE-8  An input is borrowed for the duration of the call. Who wants to keep it copies it. Nobody writes to it.
 *   BASE-9  Nothing is freed across the boundary. An object dies by its own `destroy`.
 */
typedef struct vin_bytes {
    const uint8_t *data;
    uint64_t size; /* bytes */
} vin_bytes;

/*
 * Where a call puts output of a size that the caller does not know beforehand. Owned by the caller, valid during the
 * call. Added in 1.0.
 *   BASE-10  A sink has a limit. An append that would pass it takes nothing and answers VIN_ERROR_LIMIT; the call has
 *            then failed, whatever it returns itself.
 *   BASE-11  Bytes are appended in the order of the calls. A sink is used only on the thread of the call it was given
 *            to, and never after that call has returned.
 */
typedef struct vin_sink {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *sink_data;   /* the caller's */
    /* [same thread as the call]  Takes a copy of `size` bytes. VIN_OK or VIN_ERROR_LIMIT. Added in 1.0 */
    vin_status (*append)(void *sink_data, const uint8_t *data, uint64_t size);
} vin_sink;

/*
 * Settings: how configuration and parameters are written for a plugin. UTF-8 text, one `key=value` a line, each line
 * ended by '\n', lines sorted by the bytes of the key, no key twice. Keys are [a-z0-9_.-]+; a key of a TOML table is
 * `table.key`. A value is a decimal integer, `true`, `false`, or text without '\n'. Units are part of the key
 * (`interval_ms`). No settings are zero bytes.
 *   BASE-12  A plugin refuses a key that it does not know, and names it.
 */
typedef vin_bytes vin_settings;

/* 32 bytes: BLAKE2b-256 unless the field says otherwise. A digest of zeros means "none". */
typedef struct vin_digest {
    uint8_t bytes[32];
} vin_digest;

/* An Ed25519 public key. A key of zeros means "none". */
typedef struct vin_public_key {
    uint8_t bytes[32];
} vin_public_key;

/* An Ed25519 signature, accepted exactly as libsodium accepts it. */
typedef struct vin_signature {
    uint8_t bytes[64];
} vin_signature;

#endif
