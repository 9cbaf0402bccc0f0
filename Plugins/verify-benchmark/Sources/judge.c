#include "judge.h"

#include <string.h>

/* Walks a list of records (REC-1, REC-2). 1: a record was copied to `out`; 0: the end; -1: malformed. */
static int next_record(vin_bytes *rest, uint32_t kind, void *out, uint32_t size, vin_bytes *whole) {
    if (rest->size == 0) return 0;
    vin_record head;
    if (!rest->data || rest->size < sizeof head) return -1;
    memcpy(&head, rest->data, sizeof head);
    if (head.kind != kind || head.size < size || head.size > rest->size || head.size > VIN_RECORD_SIZE_MAX) return -1;
    memcpy(out, rest->data, size);
    *whole = (vin_bytes){rest->data, head.size};
    uint64_t padded = ((uint64_t)head.size + 7u) / 8u * 8u;
    if (padded > rest->size) padded = rest->size;
    rest->data += padded;
    rest->size -= padded;
    return 1;
}

/* A decimal number of at most 18 digits; 0 on anything else. */
static int read_number(const uint8_t *from, const uint8_t *to, uint64_t *out) {
    if (from == to || to - from > 18) return 0;
    *out = 0;
    for (; from < to; from++) {
        if (*from < '0' || *from > '9') return 0;
        *out = *out * 10u + (uint64_t)(*from - '0');
    }
    return 1;
}

static int read_hex(const uint8_t *from, const uint8_t *to, vin_digest *out) {
    if (to - from != 64) return 0;
    memset(out, 0, sizeof *out);
    for (int index = 0; index < 64; index++) {
        uint8_t letter = from[index];
        uint8_t value = letter >= '0' && letter <= '9'   ? (uint8_t)(letter - '0')
                        : letter >= 'a' && letter <= 'f' ? (uint8_t)(letter - 'a' + 10)
                                                         : 16;
        if (value == 16) return 0;
        out->bytes[index / 2] = (uint8_t)(out->bytes[index / 2] << 4 | value);
    }
    return 1;
}

static int is_key(const uint8_t *from, const uint8_t *to, const char *key) {
    return (size_t)(to - from) == strlen(key) && memcmp(from, key, (size_t)(to - from)) == 0;
}

static const char *read_setting(const uint8_t *line, const uint8_t *end, job *out) {
    const uint8_t *equals = memchr(line, '=', (size_t)(end - line));
    if (!equals) return "a line of the settings has no '='";
    const uint8_t *value = equals + 1;
    static const char prefix[] = "answer.";
    const size_t length = sizeof prefix - 1;
    if ((size_t)(equals - line) > length && memcmp(line, prefix, length) == 0) {
        if (out->answers_count == ANSWERS_MAX) return "the job has more than 256 known answers";
        known_answer *answer = &out->answers[out->answers_count];
        if (!read_number(line + length, equals, &answer->subject)) return "answer.NUMBER has no number";
        if (!read_hex(value, end, &answer->digest)) return "answer.NUMBER is not 64 hex digits";
        for (uint32_t index = 0; index < out->answers_count; index++)
            if (out->answers[index].subject == answer->subject) return "a benchmark task has two known answers";
        out->answers_count++;
        return NULL;
    }
    if (is_key(line, equals, "rate_e6"))
        return read_number(value, end, &out->rate_e6) && out->rate_e6 <= 1000000u ? NULL
                                                                                 : "rate_e6 is not 0 to 1000000";
    if (is_key(line, equals, "duration_full_ms"))
        return read_number(value, end, &out->duration_full_ms) ? NULL : "duration_full_ms is not a number";
    if (is_key(line, equals, "duration_max_ms"))
        return read_number(value, end, &out->duration_max_ms) ? NULL : "duration_max_ms is not a number";
    return "the settings have a key other than answer.NUMBER, rate_e6, duration_full_ms, duration_max_ms";
}

const char *read_job(vin_bytes bytes, job *out) {
    vin_verifier_job record;
    vin_bytes whole;
    *out = (job){.rate_e6 = 1000000u, .duration_full_ms = 60000u, .duration_max_ms = 600000u};
    if (next_record(&bytes, VIN_VERIFIER_JOB, &record, sizeof record, &whole) != 1 || bytes.size != 0)
        return "the job is not one job record";
    if (record.flags & ~(uint32_t)VIN_VERIFIER_JOB_PRIVATE) return "the job has unknown flags";
    if (record.members == 0 || record.members > MEMBERS_MAX) return "a round has 1 to 1000000 members";
    out->round = record.round;
    out->members = record.members;
    uint64_t end = (uint64_t)record.settings.offset + record.settings.size;
    if (record.settings.size && (record.settings.offset < sizeof record || end > whole.size))
        return "the settings point outside of the job";
    const uint8_t *line = whole.data + record.settings.offset;
    const uint8_t *last = line + record.settings.size;
    while (line < last) {
        const uint8_t *stop = memchr(line, '\n', (size_t)(last - line));
        if (!stop) return "the last line of the settings has no end";
        const char *why = read_setting(line, stop, out);
        if (why) return why;
        line = stop + 1;
    }
    if (out->answers_count == 0) return "the job commits to no known answer (answer.NUMBER)";
    if (out->duration_full_ms >= out->duration_max_ms) return "duration_full_ms must be below duration_max_ms";
    return NULL;
}

const char *read_commitments(vin_bytes list, const job *facts, member_facts *members) {
    vin_verifier_commitment record;
    vin_bytes whole;
    int got;
    while ((got = next_record(&list, VIN_VERIFIER_COMMITMENT, &record, sizeof record, &whole)) == 1) {
        if (record.member >= facts->members) return "a commitment names a member that the round does not have";
        if (record.opened > 1) return "a commitment's opened is neither 0 nor 1";
        if (members[record.member].committed) return "a member has two commitments";
        members[record.member].committed = 1;
        members[record.member].opened = (uint8_t)record.opened;
    }
    return got < 0 ? "the list of commitments is malformed" : NULL;
}

static const known_answer *find_answer(const job *facts, uint64_t subject) {
    for (uint32_t index = 0; index < facts->answers_count; index++)
        if (facts->answers[index].subject == subject) return &facts->answers[index];
    return NULL;
}

const char *read_results(vin_bytes list, const job *facts, member_facts *members) {
    vin_verifier_result record;
    vin_bytes whole;
    int got;
    while ((got = next_record(&list, VIN_VERIFIER_RESULT, &record, sizeof record, &whole)) == 1) {
        if (record.member >= facts->members) return "a result names a member that the round does not have";
        member_facts *member = &members[record.member];
        if (record.measure == VIN_MEASURE_DURATION_MS) {
            if (record.value < 0) return "a duration is below zero";
            if ((uint64_t)record.value > member->duration_ms) member->duration_ms = (uint64_t)record.value;
        } else if (record.measure == MEASURE_ANSWER) {
            const known_answer *answer = find_answer(facts, record.subject);
            if (!answer) return "a result is about a benchmark task without a known answer";
            if (memcmp(&answer->digest, &record.evidence, sizeof answer->digest) == 0) member->right++;
            else member->wrong++;
        }
        /* Other measures are other verifiers' business. */
    }
    return got < 0 ? "the list of results is malformed" : NULL;
}

vin_verifier_verdict verdict_of(uint32_t member, const member_facts *facts, const job *terms) {
    vin_verifier_verdict verdict = {
        .record = {VIN_VERIFIER_VERDICT, sizeof verdict},
        .member = member,
        .outcome = VIN_OUTCOME_UNDECIDED,
        .basis = VIN_BASIS_BOUND};
    if (!facts->opened) {
        verdict.outcome = VIN_OUTCOME_REFUSED;
        verdict.reason = VIN_REASON_NOT_OPENED;
    } else if (facts->wrong) {
        verdict.outcome = VIN_OUTCOME_REFUSED;
        verdict.reason = VIN_REASON_BENCHMARK;
        verdict.basis |= VIN_BASIS_CALIBRATED;
    } else if (facts->right) {
        verdict.outcome = VIN_OUTCOME_ACCEPTED;
        verdict.basis |= VIN_BASIS_CALIBRATED;
        if (facts->duration_ms <= terms->duration_full_ms) {
            verdict.score_e6 = 1000000;
        } else if (facts->duration_ms < terms->duration_max_ms) {
            /* Both differences are below 10^18; dividing first keeps the product within 64 bits. */
            uint64_t range = terms->duration_max_ms - terms->duration_full_ms;
            uint64_t left = terms->duration_max_ms - facts->duration_ms;
            verdict.score_e6 = range > 1000000u ? (int64_t)(left / (range / 1000000u + 1u))
                                                : (int64_t)(left * 1000000u / range);
        } else {
            verdict.reason = REASON_SLOW;
        }
    }
    return verdict;
}
