/*
 * vinculum/draft/verifier.h: decides what to check of a round's work, and what the checks amount to. Kind
 * "vin.verifier/1".
 *
 * Run by auditors that the ledger's beacon draws. Each auditor measures with the node's own kernels; the verifier only
 * plans and judges, in integers, so that honest auditors come to equal verdicts.
 *
 *   VER-1  plan and judge are pure: deterministic, integer only, no state kept between calls.
 *   VER-2  Verdicts depend on the set of commitments and results, not on their order; they are written sorted by
 *          member.
 *   VER-3  Every member with a commitment gets exactly one verdict.
 *   VER-4  A verdict says what it rests on (VIN_BASIS_...). Only a proven fact is VIN_OUTCOME_FAULT; scores alone
 *          change pay, nothing else. An honest site with unusual data looks like an outlier and is no fault.
 *   VER-5  Private training is never re-executed elsewhere: no VIN_CHECK_REEXECUTE for a job flagged private.
 */
#ifndef VINCULUM_DRAFT_VERIFIER_H
#define VINCULUM_DRAFT_VERIFIER_H

#include "../factory.h"
#include "../record.h"

#define VIN_KIND_VERIFIER "vin.verifier/1"

/* Kinds of records. Added in 1.0: all. */
enum {
    VIN_VERIFIER_JOB = 1,
    VIN_VERIFIER_CHECK = 2,
    VIN_VERIFIER_COMMITMENT = 3,
    VIN_VERIFIER_RESULT = 4,
    VIN_VERIFIER_VERDICT = 5
};

/* Flags of a job. */
enum {
    VIN_VERIFIER_JOB_PRIVATE = 1u << 0 /* inputs are private: re-execution is out of the question */
};

/* VIN_VERIFIER_JOB: what was to be done. Input of plan and of judge. */
typedef struct vin_verifier_job {
    vin_record record;
    vin_digest job;
    uint32_t round;   /* from 1 */
    uint32_t members; /* they are numbered from 0 in the order of the ledger */
    uint32_t tasks;   /* public tasks of the round, numbered from 0; 0 for federated training */
    uint32_t flags;
    vin_span settings; /* the job's settings for this verifier (base.h): rates, bounds */
} vin_verifier_job;

typedef uint32_t vin_check_kind;
enum {
    VIN_CHECK_MEASURE = 1,   /* measure the member's update: all measures that the node has */
    VIN_CHECK_REEXECUTE = 2, /* run public task `subject` again and compare */
    VIN_CHECK_BENCHMARK = 3  /* give the member benchmark task `subject`, with `seed` */
};

/* VIN_VERIFIER_CHECK: one thing to do, output of plan; sorted by member, check, subject. */
typedef struct vin_verifier_check {
    vin_record record;
    uint32_t member;
    vin_check_kind check;
    uint64_t subject;
    uint64_t seed;
} vin_verifier_check;

/* VIN_VERIFIER_COMMITMENT: what a member bound itself to, and revealed. Input of judge. */
typedef struct vin_verifier_commitment {
    vin_record record;
    uint32_t member;
    uint32_t opened;   /* 1 if the reveal matches the commitment, 0 if none came in time */
    vin_digest commitment;
    vin_digest update; /* digest in the CID of what was revealed */
    uint64_t size_bytes;
} vin_verifier_commitment;

/* What a result measures. Values are fixed point in 1e-6 unless they say otherwise. Own measures from 1000 on. */
typedef uint32_t vin_measure;
enum {
    VIN_MEASURE_FINITE = 1,         /* 1000000 if shape is right and all values are finite, else 0 */
    VIN_MEASURE_NORM = 2,           /* L2 norm of the update over the norm that the plan allows */
    VIN_MEASURE_DUPLICATE = 3,      /* 1000000 if the same bytes or noise were seen before in the job; `subject` */
    VIN_MEASURE_COSINE_HISTORY = 4, /* cosine to the mean of the member's own earlier updates */
    VIN_MEASURE_COSINE_OTHERS = 5,  /* cosine to the mean of the other members' updates */
    VIN_MEASURE_CONE_SCORE = 6,     /* how well the update lies in the cone of gradients by class on a public holdout */
    VIN_MEASURE_HOLDOUT_GAIN = 7,   /* loss change on a public holdout when the update is applied; up is better */
    VIN_MEASURE_MATCH = 8,          /* share of equal block fingerprints of a task that was run again */
    VIN_MEASURE_BENCHMARK = 9,      /* share of right answers to a benchmark task */
    VIN_MEASURE_DURATION_MS = 10,   /* milliseconds, not fixed point */
    VIN_MEASURE_OWN = 1000
};

/* VIN_VERIFIER_RESULT: one measurement. Input of judge. */
typedef struct vin_verifier_result {
    vin_record record;
    uint32_t member;
    vin_measure measure;
    int64_t value;
    uint64_t subject;    /* of the check that asked for it; for duplicates the earlier round << 32 | member */
    vin_digest evidence; /* digest in the CID of what proves it, or zeros */
} vin_verifier_result;

typedef uint32_t vin_outcome;
enum {
    VIN_OUTCOME_ACCEPTED = 1,
    VIN_OUTCOME_REFUSED = 2,  /* not used and not paid for this round; no fault is proven */
    VIN_OUTCOME_FAULT = 3,    /* a proven fact: the ledger may slash */
    VIN_OUTCOME_UNDECIDED = 4 /* too little to judge by: a larger draw, or the next round */
};

/* What a verdict rests on; bits. */
enum {
    VIN_BASIS_BOUND = 1u << 0,
    VIN_BASIS_CHECKED = 1u << 1,
    VIN_BASIS_SCORED = 1u << 2,
    VIN_BASIS_CALIBRATED = 1u << 3,
    VIN_BASIS_REEXECUTED = 1u << 4
};

/* Why; append-only, own reasons from 1000 on. */
typedef uint32_t vin_verdict_reason;
enum {
    VIN_REASON_NONE = 0,
    VIN_REASON_NOT_OPENED = 1,
    VIN_REASON_MALFORMED = 2,
    VIN_REASON_NORM = 3,
    VIN_REASON_REPLAY = 4,
    VIN_REASON_SCORE = 5,
    VIN_REASON_MISMATCH = 6,
    VIN_REASON_BENCHMARK = 7,
    VIN_REASON_OWN = 1000
};

/* VIN_VERIFIER_VERDICT: output of judge. */
typedef struct vin_verifier_verdict {
    vin_record record;
    uint32_t member;
    vin_outcome outcome;
    vin_verdict_reason reason;
    uint32_t basis;      /* VIN_BASIS_ bits, at least one */
    int64_t score_e6;    /* 0 to 1000000; share of the score pay */
    vin_digest evidence; /* of the result that proves a fault, or zeros */
} vin_verifier_verdict;

/* The table of an instance; begins with the fields of vin_instance (factory.h). Owned by the plugin. */
typedef struct vin_verifier {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *plugin_data;

    /* [control & created]  See vin_instance. Settings that change verdicts belong to the job, not here. Added in 1.0
     * */
    vin_status (*configure)(void *plugin_data, vin_settings settings);

    /* [control]  See vin_instance. Added in 1.0 */
    void (*destroy)(void *plugin_data);

    /* [lane & configured]  From the job (one record) and the beacon of a block after the commitments, appends the
     * checks to make. deterministic. Added in 1.0 */
    vin_status (*plan)(void *plugin_data, vin_bytes job, const vin_digest *beacon, const vin_sink *checks);

    /* [lane & configured]  From the job, the commitments and the results (lists of records), appends the verdicts.
     * deterministic. Added in 1.0 */
    vin_status (*judge)(
        void *plugin_data, vin_bytes job, vin_bytes commitments, vin_bytes results, const vin_sink *verdicts);
} vin_verifier;

#endif
