/*
 * vinculum/draft/privacy.h: protects what a site releases, and says what the protection is worth. Kind
 * "vin.privacy/1".
 *
 * At a site: capability, plan, then for each round begin, spend, release, end. At the aggregator: plan, then for each
 * round begin, combine for each member, recover, end. Protocols of several rounds exchange messages in between. One
 * instance serves one round at a time; a host that runs more at once makes more instances.
 *
 * Numbers are integers. A vector is int64 on a grid: value = integer / 2^grid_bits. Trainers that the site's policy
 * lists by digest clip each unit's contribution; the plugin adds noise to every sum that is released. Any other
 * trainer gets the unit `site`.
 *
 *   PRV-1   Sans-IO and deterministic: the only randomness is the entropy given to begin. The same calls with the same
 *           entropy write the same bytes. The plugin expands it with a cryptographic generator, and wipes it at end.
 *   PRV-2   spend comes before release, in every round. release without it is VIN_ERROR_STATE. What spend answers is
 *           never less than what release then uses.
 *   PRV-3   Costs are Rényi divergences at the orders of VIN_PRIVACY_ORDERS_QUARTERS, in 1e-9, rounded up. They hold
 *           for the unit, the relation and the adversary of the capability that was planned.
 *   PRV-4   Noise is exact for the stated distribution: integer arithmetic, no rounding of floating-point samples.
 *           What release writes depends on the data only through the noised sums.
 *   PRV-5   A vector whose norm is above the sensitivity cannot be detected here: clipping and the rounding bound are
 *           the trainer's, and the sensitivity passed in contains both.
 *   PRV-6   Arithmetic that would overflow int64 is refused with VIN_ERROR_LIMIT, never wrapped, except in masked sums
 *           of protocols whose specification says modulo 2^64.
 *   PRV-7   A refusal gives a code and a reason that do not depend on the data.
 *   PRV-8   release writes all `count` values of `out`, or fails.
 */
#ifndef VINCULUM_DRAFT_PRIVACY_H
#define VINCULUM_DRAFT_PRIVACY_H

#include "../factory.h"

#define VIN_KIND_PRIVACY "vin.privacy/1"

/* The 32 Rényi orders of every cost vector, in quarters: 1.25 1.5 1.75 2 2.25 2.5 3 3.5 4 4.5 5 6 7 8 9 10 12 14 16
 * 18 20 24 28 32 40 48 56 64 96 128 256 512. They never change; another list is another kind revision. */
#define VIN_PRIVACY_ORDER_COUNT 32
static const uint32_t vin_privacy_orders_quarters[VIN_PRIVACY_ORDER_COUNT] = {
    5,  6,  7,  8,  9,   10,  12,  14,  16,  18,  20,  24,  28,  32,  36,   40,
    48, 56, 64, 72, 80,  96,  112, 128, 160, 192, 224, 256, 384, 512, 1024, 2048,
};

/* One cost a order, in 1e-9. UINT64_MAX: no bound at this order. */
typedef struct vin_privacy_cost {
    uint64_t orders[VIN_PRIVACY_ORDER_COUNT];
} vin_privacy_cost;

typedef uint32_t vin_privacy_unit;
enum {
    VIN_UNIT_RECORD = 1,
    VIN_UNIT_PERSON = 2, /* all records of a person, by a named column, at most K of them */
    VIN_UNIT_SITE = 3    /* everything that a site holds */
};

typedef uint32_t vin_privacy_relation;
enum {
    VIN_RELATION_ADD_OR_REMOVE = 1,
    VIN_RELATION_REPLACE_ONE = 2
};

typedef uint32_t vin_privacy_adversary;
enum {
    VIN_ADVERSARY_EVERYONE = 1,
    VIN_ADVERSARY_ALL_BUT_AGGREGATOR = 2,
    VIN_ADVERSARY_COLLUDING_MEMBERS = 3 /* up to colluding_members_max members, and the aggregator */
};

/* What others get to see; decides which aggregation rules and which compression are permitted. */
typedef uint32_t vin_privacy_shown;
enum {
    VIN_SHOWN_SINGLE_UPDATES = 1, /* noised at the site: every robust rule, top-k after the noise, error feedback */
    VIN_SHOWN_GROUP_SUMS = 2,     /* groups drawn by the beacon: robust rule over group means */
    VIN_SHOWN_ONE_SUM = 3         /* the mean only; random-k with a shared seed instead of top-k */
};

/* One guarantee that the plugin can give. Filled by the plugin; the host sets struct_size. */
typedef struct vin_privacy_capability {
    uint32_t struct_size;
    vin_privacy_unit unit;
    vin_privacy_relation relation;
    vin_privacy_adversary adversary;
    vin_privacy_shown shown;
    uint32_t members_least;         /* fewer members in a round are refused */
    uint32_t colluding_members_max; /* for VIN_ADVERSARY_COLLUDING_MEMBERS, else 0 */
    uint32_t message_steps;         /* message exchanges before combine; 0: none */
    uint32_t dropouts_max_e6;       /* share of members that may drop out, in 1e-6 */
    uint32_t reserved;              /* zero */
} vin_privacy_capability;

/*
 * What a job asks for. Borrowed.
 *   PRV-9  Exactly one of epsilon_e9 and noise_multiplier_e6 is not zero. With epsilon_e9 the plugin chooses the least
 *          noise such that rounds_planned rounds together stay within (epsilon, delta).
 */
typedef struct vin_privacy_job {
    uint32_t struct_size;
    uint32_t capability;          /* index of the guarantee asked for */
    uint64_t epsilon_e9;          /* epsilon x 1e9, for all rounds */
    uint64_t delta_e12;           /* delta x 1e12; 1e-5 is 10000000 */
    uint64_t noise_multiplier_e6; /* noise scale over sensitivity, x 1e6 */
    uint64_t sensitivity_grid;    /* L2 norm that one unit can add to a sum: clip and rounding bound, in grid steps */
    uint64_t count;               /* values of a vector */
    uint32_t grid_bits;           /* value = integer / 2^grid_bits; at most 40 */
    uint32_t rounds_planned;      /* at least 1 */
    uint32_t members;             /* of a round */
    uint32_t dropouts_max;        /* members that may be lost */
    uint32_t units_per_person_max; /* K of VIN_UNIT_PERSON, else 0 */
    uint32_t reserved;            /* zero */
} vin_privacy_job;

/* The plugin's answer; the host sets struct_size. */
typedef struct vin_privacy_plan {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t noise_scale_grid; /* standard deviation parameter of the noise of one release, in grid steps */
    uint64_t epsilon_e9;       /* of all planned rounds at the job's delta, rounded up */
    uint64_t expansion_bytes;  /* bytes that a release adds beside the vector, at most */
    vin_privacy_cost cost;     /* of one round */
} vin_privacy_plan;

typedef uint32_t vin_privacy_role;
enum {
    VIN_ROLE_SITE = 1,
    VIN_ROLE_AGGREGATOR = 2
};

/*
 * A round begins. Borrowed.
 *   PRV-10  Keys of masks bind job, round, model, members_root and the plugin's version.
 */
typedef struct vin_privacy_round {
    uint32_t struct_size;
    vin_privacy_role role;
    vin_digest job;
    vin_digest model;        /* digest in the CID of the model that this round starts from */
    vin_digest members_root; /* of the member set as all were told */
    vin_digest entropy;      /* fresh, secret, from the operating system; used for nothing else */
    vin_public_key own_key;
    uint32_t round;          /* from 1 */
    uint32_t members_count;
    const vin_public_key *members; /* sorted */
} vin_privacy_round;

/* A vector to protect. `sum` and `out` are the host's, `count` values each, the same or not overlapping. */
typedef struct vin_privacy_release {
    uint32_t struct_size;
    uint32_t flags; /* zero */
    const int64_t *sum;
    int64_t *out;
    uint64_t count;            /* as planned */
    uint64_t sensitivity_grid; /* at most as planned; the noise is the plan's all the same */
    uint32_t grid_bits;        /* as planned */
    uint32_t reserved;         /* zero */
} vin_privacy_release;

/* A member's released vector, to be added to a total. `total` is the host's and holds what earlier calls made of it;
 * it is zeros before the first. */
typedef struct vin_privacy_share {
    uint32_t struct_size;
    uint32_t flags; /* zero */
    vin_public_key member;
    const int64_t *vector;
    int64_t *total;
    uint64_t count;
    vin_bytes extra; /* what release appended to its sink */
} vin_privacy_share;

/* The end of a sum: who was lost on the way. */
typedef struct vin_privacy_recovery {
    uint32_t struct_size;
    uint32_t lost_count;
    const vin_public_key *lost; /* members whose vector did not come, sorted */
    int64_t *total;
    uint64_t count;
} vin_privacy_recovery;

/* The table of an instance; begins with the fields of vin_instance (factory.h). Owned by the plugin. */
typedef struct vin_privacy {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *plugin_data;

    /* [control & created]  See vin_instance. Added in 1.0 */
    vin_status (*configure)(void *plugin_data, vin_settings settings);

    /* [control & !begun]  See vin_instance. Added in 1.0 */
    void (*destroy)(void *plugin_data);

    /* [lane & configured]  How many guarantees there are; at least 1. deterministic. Added in 1.0 */
    uint32_t (*capability_count)(void *plugin_data);

    /* [lane & configured]  Writes guarantee `index`; VIN_ERROR_NOT_FOUND beyond the last. deterministic. Added in 1.0
     * */
    vin_status (*capability)(void *plugin_data, uint32_t index, vin_privacy_capability *out);

    /* [lane & configured & !begun]  Noise and cost for a job; the instance keeps the plan until the next one. Refuses
     * what it cannot give. deterministic. Added in 1.0 */
    vin_status (*plan)(void *plugin_data, const vin_privacy_job *job, vin_privacy_plan *out);

    /* [lane & planned & !begun]  Begins a round. deterministic. Added in 1.0 */
    vin_status (*begin)(void *plugin_data, const vin_privacy_round *round);

    /* [lane & begun, site]  The cost of the next release, before it is used; the host records it before it calls
     * release. deterministic. Added in 1.0 */
    vin_status (*spend)(void *plugin_data, vin_privacy_cost *out);

    /* [lane & begun, site]  Protects a vector: writes `out`, appends extra bytes that travel with it (at most
     * expansion_bytes). Large buffers are passed in place, without a copy. deterministic. Added in 1.0 */
    vin_status (*release)(void *plugin_data, const vin_privacy_release *release, const vin_sink *extra);

    /* [lane & begun]  A message of the protocol came in (one record of privacy-messages.h), or none at the start (zero
     * bytes); appends the messages to send. Never called when message_steps is 0. deterministic. Added in 1.0 */
    vin_status (*message)(void *plugin_data, vin_bytes message, const vin_sink *messages);

    /* [lane & begun, aggregator]  Adds a member's vector to the total. deterministic, and independent of the order of
     * members. Added in 1.0 */
    vin_status (*combine)(void *plugin_data, const vin_privacy_share *share);

    /* [lane & begun, aggregator]  Finishes the total: takes off what lost members left in it. VIN_ERROR_REFUSED with
     * too few survivors, VIN_ERROR_UNAVAILABLE while messages are missing. deterministic. Added in 1.0 */
    vin_status (*recover)(void *plugin_data, const vin_privacy_recovery *recovery);

    /* [lane & begun]  Ends the round and wipes its secrets. Added in 1.0 */
    vin_status (*end)(void *plugin_data);
} vin_privacy;

#endif
