/*
 * vinculum/draft/consensus-effects.h: what a consensus engine asks for. Each is one record (record.h); the order in
 * which the host applies a batch is CON-3.
 */
#ifndef VINCULUM_DRAFT_CONSENSUS_EFFECTS_H
#define VINCULUM_DRAFT_CONSENSUS_EFFECTS_H

#include "../record.h"

/* Kinds of effects. Added in 1.0: all. */
enum {
    VIN_EFFECT_PROPOSE = 1,
    VIN_EFFECT_VALIDATE = 2,
    VIN_EFFECT_SIGN_VOTE = 3,
    VIN_EFFECT_DECIDE = 4,
    VIN_EFFECT_PERSIST = 5,
    VIN_EFFECT_SEND = 6,
    VIN_EFFECT_BROADCAST = 7,
    VIN_EFFECT_SET_TIMER = 8,
    VIN_EFFECT_CANCEL_TIMER = 9,
    VIN_EFFECT_EVIDENCE = 10,
    VIN_EFFECT_RELEASE = 11
};

/* Cast votes of one message: three kinds of vote of twice as many validators as a chain may have. */
#define VIN_CONSENSUS_VOTES_MAX 900u

/* Steps of a vote, in the order in which a key signs them in a round. A certificate holds commit votes. */
typedef uint32_t vin_vote_step;
enum {
    VIN_VOTE_PROPOSE = 0, /* "I propose this block in this round", by the round's proposer */
    VIN_VOTE_PREPARE = 1, /* "I have validated this block" */
    VIN_VOTE_COMMIT = 2   /* "this block is decided if enough of us say so" */
};

/*
 * A typed vote: the only thing that a validator's key signs for an engine. Signed bytes: "vinculum/vote/1", a zero
 * byte, then the canonical DAG-CBOR array of chain, height, round, step, header id; the host makes them. Votes of the
 * steps propose and prepare have the proof round as a sixth element.
 */
typedef struct vin_vote {
    uint64_t height;
    uint32_t round;
    vin_vote_step step;
    vin_digest chain;
    vin_digest header_id; /* zeros: a vote for no block in this round; never in a certificate */
    /* One more than the round whose prepare votes prove that the vote may be given although its signer, or another, has
     * committed to another block before; 0: there is no such proof. 0 in commit votes. At most `round`. */
    uint32_t proof_round;
    uint32_t reserved; /* zero */
} vin_vote;

/* A vote's signature with the key that made it. */
typedef struct vin_vote_signature {
    vin_public_key key;
    vin_signature signature;
} vin_vote_signature;

/* A vote with its signature, as it travels. */
typedef struct vin_cast_vote {
    vin_public_key key;
    vin_signature signature;
    vin_vote vote;
} vin_cast_vote;

/* VIN_EFFECT_PROPOSE: build a block for this height and round, with this time, on the last committed block. The host
 * answers with one VIN_EVENT_PROPOSAL_BUILT.
 *   EFF-1  time_ms is above the parent's block time and not above the event's time by more than the chain allows. */
typedef struct vin_effect_propose {
    vin_record record;
    uint64_t height;
    uint32_t round;
    uint32_t reserved;
    int64_t time_ms;
} vin_effect_propose;

/* VIN_EFFECT_VALIDATE: execute the block of this id, which came as an attachment, in an overlay. The host answers with
 * one VIN_EVENT_VALIDATED. */
typedef struct vin_effect_validate {
    vin_record record;
    uint64_t height;
    uint32_t round;
    uint32_t reserved;
    vin_digest header_id;
} vin_effect_validate;

/* VIN_EFFECT_SIGN_VOTE: sign this vote with the validator's key. The host answers with one VIN_EVENT_VOTE_SIGNED. */
typedef struct vin_effect_sign_vote {
    vin_record record;
    vin_vote vote;
} vin_effect_sign_vote;

/* VIN_EFFECT_DECIDE: the block is final. The host checks the signatures against the set's threshold, commits, and
 * answers with one VIN_EVENT_BLOCK_COMMITTED.
 *   EFF-2  Signatures are sorted by key, no key twice, all over the same vote (this height, round, commit, header
 *          id). */
typedef struct vin_effect_decide {
    vin_record record;
    uint64_t height;
    uint32_t round;
    uint32_t reserved;
    vin_digest header_id;
    vin_span signatures; /* vin_vote_signature array */
} vin_effect_decide;

/* VIN_EFFECT_PERSIST: keep these bytes and blocks, synced, in place of the last ones; start gets them after a crash.
 *   EFF-3  At most one in a batch.
 *   EFF-5  The blocks are such as the host has. It has them again after a crash (`blocks` of vin_event_start), unless
 *          they are committed by then: a validator that is bound to a block can always show it. */
typedef struct vin_effect_persist {
    vin_record record;
    vin_span state;
    vin_span blocks; /* vin_digest array */
} vin_effect_persist;

/* What goes first where the line is full; the lowest number wins. */
typedef uint32_t vin_message_priority;
enum {
    VIN_PRIORITY_VOTE = 0,    /* small, and somebody waits for it */
    VIN_PRIORITY_BLOCK = 1,   /* a proposal with its block */
    VIN_PRIORITY_CATCH_UP = 2 /* questions, answers and evidence: what is lost is asked for again */
};

/* VIN_EFFECT_SEND: a message to one validator. It may be lost, repeated or reordered, never altered.
 *   EFF-4  An attachment is the id of a block that the host has; it is delivered before or with the message. One that
 *          the host does not have any more is left out.
 *   EFF-6  At most VIN_CONSENSUS_VOTES_MAX votes. */
typedef struct vin_effect_send {
    vin_record record;
    vin_public_key recipient;
    vin_digest attachment;
    vin_span payload;
    vin_span votes; /* vin_cast_vote array */
    vin_message_priority priority;
    uint32_t reserved; /* zero */
} vin_effect_send;

/* VIN_EFFECT_BROADCAST: a message to all other validators. EFF-4 and EFF-6 hold. */
typedef struct vin_effect_broadcast {
    vin_record record;
    vin_digest attachment;
    vin_span payload;
    vin_span votes; /* vin_cast_vote array */
    vin_message_priority priority;
    uint32_t reserved; /* zero */
} vin_effect_broadcast;

/* VIN_EFFECT_SET_TIMER: a VIN_EVENT_TIMER at `time_ms` or later. A pending timer of the same id is replaced. */
typedef struct vin_effect_set_timer {
    vin_record record;
    uint64_t timer_id;
    int64_t time_ms;
} vin_effect_set_timer;

/* VIN_EFFECT_CANCEL_TIMER: forget it; no error if there is none. */
typedef struct vin_effect_cancel_timer {
    vin_record record;
    uint64_t timer_id;
} vin_effect_cancel_timer;

/* VIN_EFFECT_EVIDENCE: two votes of one key at one height that contradict each other. The kernel checks rules and
 * signatures itself. No key that keeps the rules gives such votes.
 *   EVI-1  Equivocation: the same chain, height, round and step, and another header id or proof round.
 *   EVI-2  Amnesia: first a commit vote for a block, then, in a later round, a prepare vote for another block whose
 *          proof_round is at most the first vote's round: no proof from that round or a later one. */
typedef struct vin_effect_evidence {
    vin_record record;
    vin_public_key offender;
    vin_vote first_vote;
    vin_vote second_vote;
    vin_signature first_signature;
    vin_signature second_signature;
} vin_effect_evidence;

/* VIN_EFFECT_RELEASE: the engine does not need this block any more; the host may drop what it keeps of it. Blocks of a
 * height that is committed need no release. */
typedef struct vin_effect_release {
    vin_record record;
    vin_digest header_id;
} vin_effect_release;

#endif
