/* What the judge knows of a round; read from the records of draft/verifier.h. */
#ifndef VERIFY_BENCHMARK_JUDGE_H
#define VERIFY_BENCHMARK_JUDGE_H

#include <vinculum/vinculum.h>

/* Limits, so that no input makes the plugin allocate without bound. */
#define MEMBERS_MAX 1000000u
#define ANSWERS_MAX 256u

/* Own measure: `evidence` is the digest of the member's answer to benchmark task `subject`; the value is not used. */
#define MEASURE_ANSWER (VIN_MEASURE_OWN + 0u)
/* Own reason: every answer was right, and later than duration_max_ms. */
#define REASON_SLOW (VIN_REASON_OWN + 0u)

typedef struct known_answer {
    uint64_t subject;
    vin_digest digest;
} known_answer;

/* The job's settings: answer.NUMBER=64 hex digits (one a benchmark task), rate_e6, duration_full_ms,
 * duration_max_ms. */
typedef struct job {
    uint32_t round;
    uint32_t members;
    uint64_t rate_e6;
    uint64_t duration_full_ms; /* up to this the score is full */
    uint64_t duration_max_ms;  /* from this on it is zero */
    uint32_t answers_count;
    known_answer answers[ANSWERS_MAX];
} job;

typedef struct member_facts {
    uint8_t committed;
    uint8_t opened;
    uint32_t right;
    uint32_t wrong;
    uint64_t duration_ms; /* the longest */
} member_facts;

typedef struct benchmark {
    vin_verifier table;
    const vin_host *host;
} benchmark;

/* Each answers null, or a sentence that says what is wrong. */
const char *read_job(vin_bytes bytes, job *out);
const char *read_commitments(vin_bytes list, const job *facts, member_facts *members);
const char *read_results(vin_bytes list, const job *facts, member_facts *members);

vin_verifier_verdict verdict_of(uint32_t member, const member_facts *facts, const job *terms);

#endif
