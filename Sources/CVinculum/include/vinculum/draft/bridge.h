/*
 * vinculum/draft/bridge.h: carries facts between this ledger and another chain. Kind "vin.bridge/1".
 *
 * A bridge plugin brings bytes; the ledger's own module decides. It does I/O (network), never at [control], and is not
 * deterministic. It can lie about nothing that matters: headers and receipts are proven to the module.
 *
 *   BRI-1  A cursor is opaque bytes of at most 256. The host stores the newest after it has handled the records before
 *          it; after a crash observe is called with the older one and answers the same records again.
 *   BRI-2  Only records that are final on the foreign chain are answered.
 *   BRI-3  submit is idempotent by withdrawal id: called again, also after a crash, it never causes a second payment.
 *   BRI-4  A single bad withdrawal never holds up others: each has its own outcome.
 */
#ifndef VINCULUM_DRAFT_BRIDGE_H
#define VINCULUM_DRAFT_BRIDGE_H

#include "../factory.h"
#include "../record.h"

#define VIN_KIND_BRIDGE "vin.bridge/1"

/* Kinds of records. Added in 1.0: all. */
enum {
    VIN_BRIDGE_DEPOSIT = 1,
    VIN_BRIDGE_WITHDRAWAL = 2,
    VIN_BRIDGE_OUTCOME = 3,
    VIN_BRIDGE_FINALIZED = 4
};

/* VIN_BRIDGE_FINALIZED: the newest final block of the foreign chain. Output of observe, last. */
typedef struct vin_bridge_finalized {
    vin_record record;
    uint64_t chain_id; /* as the foreign chain numbers itself */
    uint64_t height;
    int64_t time_ms;
    uint8_t block_hash[32];
} vin_bridge_finalized;

/* VIN_BRIDGE_DEPOSIT: something was locked or burnt over there. Output of observe; input of prove. */
typedef struct vin_bridge_deposit {
    vin_record record;
    uint64_t chain_id;
    uint64_t height;
    uint32_t transaction_index;
    uint32_t log_index;
    uint8_t block_hash[32];
    uint8_t transaction_hash[32];
    uint8_t amount[32]; /* big-endian, in the token's own units */
    vin_span token;     /* address over there */
    vin_span sender;    /* address over there */
    vin_span recipient; /* account here, in its 33-byte form */
} vin_bridge_deposit;

/* VIN_BRIDGE_WITHDRAWAL: something to be released over there. Input of submit and confirm. */
typedef struct vin_bridge_withdrawal {
    vin_record record;
    uint64_t chain_id;
    vin_digest withdrawal_id;
    uint8_t amount[32];    /* big-endian */
    int64_t deadline_ms;   /* in the foreign chain's time */
    vin_span token;
    vin_span recipient;    /* address over there */
    vin_span authorization; /* validators' signatures as the contract wants them */
} vin_bridge_withdrawal;

typedef uint32_t vin_bridge_state;
enum {
    VIN_BRIDGE_PENDING = 1,  /* submitted, or to be submitted again */
    VIN_BRIDGE_PAID = 2,     /* final over there */
    VIN_BRIDGE_UNUSED = 3,   /* a final block later than the deadline shows that it was not used */
    VIN_BRIDGE_REJECTED = 4  /* the contract refused it; the reason is in `detail` */
};

/* VIN_BRIDGE_OUTCOME: where a withdrawal stands. Output of submit and confirm. */
typedef struct vin_bridge_outcome {
    vin_record record;
    vin_digest withdrawal_id;
    vin_bridge_state state;
    uint32_t reserved;
    uint64_t height;        /* foreign height that shows it, 0 while pending */
    uint8_t block_hash[32];
    vin_span detail;        /* UTF-8 */
} vin_bridge_outcome;

/* The table of an instance; begins with the fields of vin_instance (factory.h). Owned by the plugin. */
typedef struct vin_bridge {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *plugin_data;

    /* [control & created]  See vin_instance. Added in 1.0 */
    vin_status (*configure)(void *plugin_data, vin_settings settings);

    /* [control]  See vin_instance. Added in 1.0 */
    void (*destroy)(void *plugin_data);

    /* [lane & configured]  Appends what became final after `cursor` (no bytes: from the configured start), at most
     * `limit` deposits, then one vin_bridge_finalized; and the new cursor. Waits at most `wait_ms`. Added in 1.0 */
    vin_status (*observe)(
        void *plugin_data, vin_bytes cursor, uint32_t limit, uint64_t wait_ms, const vin_sink *records,
        const vin_sink *next_cursor);

    /* [lane & configured]  Appends the proof of a deposit (one record) in the format of the Bridging module: header,
     * receipt proof, log index. Added in 1.0 */
    vin_status (*prove)(void *plugin_data, vin_bytes deposit, const vin_sink *proof);

    /* [lane & configured]  Submits a withdrawal (one record), appends its outcome. BRI-3. Added in 1.0 */
    vin_status (*submit)(void *plugin_data, vin_bytes withdrawal, const vin_sink *outcome);

    /* [lane & configured]  Where a withdrawal stands (one record in, one outcome out), with the proof that the module
     * asks for, if it is final. Added in 1.0 */
    vin_status (*confirm)(void *plugin_data, vin_bytes withdrawal, const vin_sink *outcome, const vin_sink *proof);
} vin_bridge;

#endif
