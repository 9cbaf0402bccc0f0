/*
 * verify-benchmark: benchmark tasks with known answers. The beacon draws who gets which task; the judge compares the
 * digests of the answers with those that the job committed to, and the times with its bounds.
 *
 * C with nothing but the interface's headers, to show that a plugin needs no more.
 */
#include <stdlib.h>
#include <string.h>

#include "judge.h"

static vin_bytes text(const char *words) { return (vin_bytes){(const uint8_t *)words, strlen(words)}; }

/* Says why and answers the code, as BASE-5 wants it. */
static vin_status refuse(const benchmark *self, vin_status code, const char *why) {
    if (self->host->report_error) self->host->report_error(self->host->host_data, code, text(why));
    return code;
}

static vin_status configure(void *plugin_data, vin_settings settings) {
    if (settings.size != 0)
        return refuse(plugin_data, VIN_ERROR_INVALID, "verify-benchmark has no settings of its own; a job has them");
    return VIN_OK;
}

static void destroy(void *plugin_data) { free(plugin_data); }

/* Draws: equal for everybody who knows the beacon (the finaliser of SplitMix64, Steele, Lea and Flood 2014). */
static uint64_t draw(const vin_digest *beacon, uint64_t round, uint64_t member, uint64_t purpose) {
    uint64_t state = round * 0x9e3779b97f4a7c15u ^ member << 8 ^ purpose;
    for (int index = 0; index < 4; index++) {
        uint64_t word = 0;
        for (int byte = 0; byte < 8; byte++) word |= (uint64_t)beacon->bytes[index * 8 + byte] << (8 * byte);
        state += word;
        state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
        state = (state ^ state >> 27) * 0x94d049bb133111ebu;
        state ^= state >> 31;
    }
    return state;
}

static vin_status plan(void *plugin_data, vin_bytes bytes, const vin_digest *beacon, const vin_sink *checks) {
    const benchmark *self = plugin_data;
    job facts;
    const char *why = read_job(bytes, &facts);
    if (why) return refuse(self, VIN_ERROR_INVALID, why);
    if (!beacon || !checks || !checks->append) return refuse(self, VIN_ERROR_INVALID, "no beacon or no sink");
    for (uint32_t member = 0; member < facts.members; member++) {
        if (draw(beacon, facts.round, member, 1) % 1000000u >= facts.rate_e6) continue;
        vin_verifier_check check = {
            .record = {VIN_VERIFIER_CHECK, sizeof check},
            .member = member,
            .check = VIN_CHECK_BENCHMARK,
            .subject = facts.answers[draw(beacon, facts.round, member, 2) % facts.answers_count].subject,
            .seed = draw(beacon, facts.round, member, 3)};
        vin_status status = checks->append(checks->sink_data, (const uint8_t *)&check, sizeof check);
        if (status != VIN_OK) return refuse(self, VIN_ERROR_LIMIT, "the checks do not fit into the sink");
    }
    return VIN_OK;
}

static vin_status judge(
    void *plugin_data, vin_bytes bytes, vin_bytes commitments, vin_bytes results, const vin_sink *verdicts) {
    const benchmark *self = plugin_data;
    job facts;
    const char *why = read_job(bytes, &facts);
    if (why) return refuse(self, VIN_ERROR_INVALID, why);
    if (!verdicts || !verdicts->append) return refuse(self, VIN_ERROR_INVALID, "no sink was given");
    member_facts *members = calloc(facts.members, sizeof *members);
    if (!members) return refuse(self, VIN_ERROR_MEMORY, "no memory for the members of the round");
    why = read_commitments(commitments, &facts, members);
    if (!why) why = read_results(results, &facts, members);
    vin_status status = why ? refuse(self, VIN_ERROR_INVALID, why) : VIN_OK;
    for (uint32_t member = 0; status == VIN_OK && member < facts.members; member++) {
        if (!members[member].committed) continue;
        vin_verifier_verdict verdict = verdict_of(member, &members[member], &facts);
        status = verdicts->append(verdicts->sink_data, (const uint8_t *)&verdict, sizeof verdict);
        if (status != VIN_OK) status = refuse(self, VIN_ERROR_LIMIT, "the verdicts do not fit into the sink");
    }
    free(members);
    return status;
}

#define PLUGIN_ID "org.vinculum.verify-benchmark"
#define TEXT(words) {(const uint8_t *)(words), sizeof(words) - 1}

static const vin_descriptor descriptor = {
    .struct_size = sizeof(vin_descriptor),
    .flags = VIN_DESCRIPTOR_DETERMINISTIC,
    .id = TEXT(PLUGIN_ID),
    .version = TEXT("0.1.0"),
    .vendor = TEXT("Vinculum maintainers"),
    .licence = TEXT("Apache-2.0"),
    .least_host_minor = 0,
};

static int equals(vin_bytes bytes, const char *words) {
    return bytes.size == strlen(words) && bytes.data && memcmp(bytes.data, words, bytes.size) == 0;
}

static uint32_t count(void) { return 1; }

static const vin_descriptor *describe(uint32_t index) { return index == 0 ? &descriptor : NULL; }

static vin_status create(const vin_host *host, vin_bytes id, const vin_instance **out) {
    if (!host || !out) return VIN_ERROR_INVALID;
    const benchmark seen = {.host = host};
    if (!equals(id, PLUGIN_ID)) return refuse(&seen, VIN_ERROR_NOT_FOUND, "this library holds verify-benchmark only");
    benchmark *made = calloc(1, sizeof *made);
    if (!made) return refuse(&seen, VIN_ERROR_MEMORY, "no memory for an instance");
    made->host = host;
    made->table = (vin_verifier){
        .struct_size = sizeof(vin_verifier),
        .plugin_data = made,
        .configure = configure,
        .destroy = destroy,
        .plan = plan,
        .judge = judge};
    *out = (const vin_instance *)&made->table;
    return VIN_OK;
}

static const vin_factory factory = {
    .struct_size = sizeof(vin_factory), .count = count, .descriptor = describe, .create = create};

static vin_status init(void) { return VIN_OK; }

static void deinit(void) {}

static const vin_factory *get_factory(vin_bytes kind) { return equals(kind, VIN_KIND_VERIFIER) ? &factory : NULL; }

VIN_EXPORT const vin_entry *vin_plugin_entry_v1(void) {
    static const vin_entry entry = {
        .struct_size = sizeof(vin_entry),
        .abi_major = VIN_ABI_MAJOR,
        .abi_minor = VIN_ABI_MINOR,
        .init = init,
        .deinit = deinit,
        .get_factory = get_factory};
    return &entry;
}
