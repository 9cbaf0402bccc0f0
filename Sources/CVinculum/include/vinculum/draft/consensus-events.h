/*
 * vinculum/draft/consensus-events.h: what a consensus engine is told. Each is one record (record.h).
 */
#ifndef VINCULUM_DRAFT_CONSENSUS_EVENTS_H
#define VINCULUM_DRAFT_CONSENSUS_EVENTS_H

#include "../host/validators.h"
#include "../record.h"
#include "consensus-effects.h"

/* Kinds of events. Added in 1.0: all. */
enum {
    VIN_EVENT_START = 1,
    VIN_EVENT_TIME = 2,
    VIN_EVENT_TIMER = 3,
    VIN_EVENT_TRANSACTIONS = 4,
    VIN_EVENT_PROPOSAL_BUILT = 5,
    VIN_EVENT_VALIDATED = 6,
    VIN_EVENT_MESSAGE = 7,
    VIN_EVENT_VOTE_SIGNED = 8,
    VIN_EVENT_BLOCK_COMMITTED = 9,
    VIN_EVENT_PARAMETERS = 10
};

/* Head of every event; alone it is VIN_EVENT_TIME: time has passed and nothing else happened. */
typedef struct vin_event {
    vin_record record;
    int64_t time_ms; /* milliseconds since 1970-01-01 UTC, never going back (CON-7) */
} vin_event;

/* VIN_EVENT_START: the first event of a life.
 *   EVT-1  An own_key of zeros, or one outside the set, means that this node does not vote. */
typedef struct vin_event_start {
    vin_event event;
    uint64_t height;         /* of the last committed block; 0 for the genesis */
    vin_digest chain;        /* digest in the chain id's CID */
    vin_digest header_id;    /* of the last committed block */
    vin_digest seed;         /* all the randomness that the engine gets */
    vin_public_key own_key;
    vin_span parameters;     /* settings (base.h): the engine's section of the genesis, as changed since */
    vin_span validators;     /* vin_validator array of the next height, sorted by key, never empty */
    vin_span blocks;         /* vin_digest array: blocks of the newest persist effect that the host has again */
    uint64_t threshold;      /* power that makes a certificate; 0 leaves it to the engine */
    int64_t block_time_ms;   /* of the last committed block; of the genesis at height 0 */
} vin_event_start;

/* VIN_EVENT_TIMER: a timer that was set has come due. It is no longer set. */
typedef struct vin_event_timer {
    vin_event event;
    uint64_t timer_id;
} vin_event_timer;

/* VIN_EVENT_TRANSACTIONS: the mempool has changed from or to empty, or the engine's step may want to know its size. */
typedef struct vin_event_transactions {
    vin_event event;
    uint64_t count;      /* transactions waiting */
    uint64_t size_bytes; /* their sum */
} vin_event_transactions;

/* Flags of VIN_EVENT_PROPOSAL_BUILT. */
enum {
    VIN_PROPOSAL_EMPTY = 1u << 0 /* nothing to put into a block: there is none, header_id is zeros */
};

/* VIN_EVENT_PROPOSAL_BUILT: answers a propose effect. The host keeps the block under its id and has validated it. */
typedef struct vin_event_proposal_built {
    vin_event event;
    uint64_t height;
    uint32_t round;
    uint32_t flags;
    vin_digest header_id;
    uint64_t transactions; /* how many the block holds */
} vin_event_proposal_built;

/* VIN_EVENT_VALIDATED: answers a validate effect. */
typedef struct vin_event_validated {
    vin_event event;
    uint64_t height;
    uint32_t round;
    uint32_t valid;  /* 1 or 0 */
    int32_t code;    /* result code of the ledger when not valid */
    uint32_t reserved;
    vin_digest header_id;
    int64_t block_time_ms; /* as the header says; 0 for a block that the host does not have */
} vin_event_validated;

/* VIN_EVENT_MESSAGE: from the same engine on another node. The host has checked who sent it.
 *   EVT-2  If `attachment` is not zeros, the block with that id came along. The host keeps it if the effects of this
 *          very step ask to validate it, and may drop it otherwise.
 *   EVT-3  The host has checked the signature of each cast vote under the key that stands there, and drops a message as
 *          a whole if one is bad. It checks nothing else of them: not the chain, not the height, not that the key is
 *          a validator's.
 *   EVT-4  At most VIN_CONSENSUS_VOTES_MAX votes come with a message. */
typedef struct vin_event_message {
    vin_event event;
    vin_public_key sender;
    vin_digest attachment;
    vin_span payload; /* the engine's own format */
    vin_span votes;   /* vin_cast_vote array */
} vin_event_message;

/* VIN_EVENT_VOTE_SIGNED: answers a sign-vote effect. `status` is VIN_OK, or VIN_ERROR_CONFLICT when the key has signed
 * something else at this (height, round, step) or a later one (CON-13), or VIN_ERROR_UNAVAILABLE when the disk or the
 * signer did not answer and the same vote may be asked for again; the signature is then zeros. */
typedef struct vin_event_vote_signed {
    vin_event event;
    vin_vote vote;
    vin_status status;
    uint32_t reserved;
    vin_signature signature;
} vin_event_vote_signed;

/* Flags of VIN_EVENT_BLOCK_COMMITTED. */
enum {
    VIN_COMMITTED_BY_CERTIFICATE = 1u << 0 /* fetched from others with its certificate, not decided by this engine */
};

/* VIN_EVENT_BLOCK_COMMITTED: the block is durable; the next height begins. */
typedef struct vin_event_block_committed {
    vin_event event;
    uint64_t height;
    vin_digest header_id;
    int64_t block_time_ms;
    uint32_t flags;
    uint32_t reserved;
    uint64_t transactions_waiting; /* in the mempool, after the block's were removed */
    vin_span validators;           /* vin_validator array for the next height if it changed, else empty */
    uint64_t threshold;            /* of that set, as in vin_event_start */
} vin_event_block_committed;

/* VIN_EVENT_PARAMETERS: the ledger changed the engine's parameters; they hold from `height` on. */
typedef struct vin_event_parameters {
    vin_event event;
    uint64_t height;
    vin_span parameters; /* all of them, as settings */
} vin_event_parameters;

#endif
