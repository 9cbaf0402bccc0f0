/*
 * @NAME@: a verifier plugin in C.
 *
 * Steps: 1. Read draft/verifier.h: it is the specification. 2. Fill in the functions marked "Step". 3. `make`, then
 * `vinculum plugin check .`. 4. Write README.md: what it does, its settings, its limits.
 */
#include <stdlib.h>
#include <string.h>

#include <vinculum/vinculum.h>

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* One object an instance. The table comes first, so that a pointer to one is a pointer to the other. */
typedef struct instance {
    vin_verifier table;
    const vin_host *host;
} instance;

/* Says why a call fails, then answers the status (BASE-5). */
static vin_status fail(const instance *self, vin_status status, const char *reason) {
    vin_bytes message = {(const uint8_t *)reason, strlen(reason)};
    self->host->report_error(self->host->host_data, status, message);
    return status;
}

/* Step: take your settings here. A key that is not known is refused (BASE-12). */
static vin_status configure(void *data, vin_settings settings) {
    instance *self = data;
    if (settings.size != 0) return fail(self, VIN_ERROR_INVALID, "this plugin has no settings");
    return VIN_OK;
}

static void destroy(void *data) { free(data); }

/* More members than this are refused before any work is done for them: the job comes from outside. */
#define MEMBERS_MAX 65536

/* Reads the record at `*offset` of a list and moves on (REC-1, REC-2). Null at the end, and for a malformed list. */
static const vin_record *next_record(vin_bytes list, uint64_t *offset, uint32_t kind, size_t least) {
    if (*offset > list.size || list.size - *offset < sizeof(vin_record)) return NULL;
    const vin_record *record = (const vin_record *)(list.data + *offset);
    if (record->kind != kind || record->size < least || record->size > list.size - *offset) return NULL;
    *offset += (record->size + UINT64_C(7)) & ~UINT64_C(7);
    return record;
}

/* Step: decide what to check. This one has every member's update measured. */
static vin_status plan(void *data, vin_bytes job, const vin_digest *beacon, const vin_sink *checks) {
    instance *self = data;
    uint64_t offset = 0;
    const vin_verifier_job *record = (const void *)next_record(job, &offset, VIN_VERIFIER_JOB, sizeof *record);
    if (record == NULL || beacon == NULL) return fail(self, VIN_ERROR_INVALID, "the job is not a job record");
    if (record->members > MEMBERS_MAX) return fail(self, VIN_ERROR_LIMIT, "a round has 65536 members at most");
    for (uint32_t member = 0; member < record->members; member++) {
        vin_verifier_check check = {
            .record = {VIN_VERIFIER_CHECK, sizeof check}, .member = member, .check = VIN_CHECK_MEASURE};
        vin_status status = checks->append(checks->sink_data, (const uint8_t *)&check, sizeof check);
        if (status != VIN_OK) return fail(self, status, "the sink is full");
    }
    return VIN_OK;
}

/* Whether a result says that the member's update is malformed. */
static int is_malformed(vin_bytes results, uint32_t member) {
    uint64_t offset = 0;
    const vin_verifier_result *result;
    while ((result = (const void *)next_record(results, &offset, VIN_VERIFIER_RESULT, sizeof *result)) != NULL)
        if (result->member == member && result->measure == VIN_MEASURE_FINITE && result->value < 1000000) return 1;
    return 0;
}

/* Step: judge. This one accepts what was opened and is finite. Verdicts are sorted by member (VER-2). */
static vin_status judge(void *data, vin_bytes job, vin_bytes commitments, vin_bytes results, const vin_sink *verdicts) {
    instance *self = data;
    uint64_t offset = 0;
    const vin_verifier_job *record = (const void *)next_record(job, &offset, VIN_VERIFIER_JOB, sizeof *record);
    if (record == NULL) return fail(self, VIN_ERROR_INVALID, "the job is not a job record");
    if (record->members > MEMBERS_MAX) return fail(self, VIN_ERROR_LIMIT, "a round has 65536 members at most");
    for (uint32_t member = 0; member < record->members; member++) {
        const vin_verifier_commitment *commitment;
        offset = 0;
        while ((commitment = (const void *)next_record(
                    commitments, &offset, VIN_VERIFIER_COMMITMENT, sizeof *commitment)) != NULL) {
            if (commitment->member != member) continue;
            int malformed = is_malformed(results, member);
            int accepted = commitment->opened && !malformed;
            vin_verifier_verdict verdict = {
                .record = {VIN_VERIFIER_VERDICT, sizeof verdict},
                .member = member,
                .outcome = accepted ? VIN_OUTCOME_ACCEPTED : VIN_OUTCOME_REFUSED,
                .reason = accepted ? VIN_REASON_NONE : malformed ? VIN_REASON_MALFORMED : VIN_REASON_NOT_OPENED,
                .basis = VIN_BASIS_BOUND | VIN_BASIS_CHECKED,
                .score_e6 = accepted ? 1000000 : 0,
            };
            vin_status status = verdicts->append(verdicts->sink_data, (const uint8_t *)&verdict, sizeof verdict);
            if (status != VIN_OK) return fail(self, status, "the sink is full");
            break;
        }
    }
    return VIN_OK;
}

static const vin_descriptor descriptor = {
    .struct_size = sizeof(vin_descriptor),
    .flags = VIN_DESCRIPTOR_DETERMINISTIC,
    .id = TEXT("@ID@"),
    .version = TEXT("0.1.0"),
    .vendor = TEXT("@VENDOR@"),
    .licence = TEXT("Apache-2.0"),
};

static uint32_t factory_count(void) { return 1; }

static const vin_descriptor *factory_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }

static int same(vin_bytes left, vin_bytes right) {
    return left.size == right.size && memcmp(left.data, right.data, right.size) == 0;
}

static vin_status factory_create(const vin_host *host, vin_bytes id, const vin_instance **out) {
    if (!same(id, descriptor.id)) return VIN_ERROR_NOT_FOUND;
    instance *self = calloc(1, sizeof(instance));
    if (self == NULL) return VIN_ERROR_MEMORY;
    self->table = (vin_verifier){
        .struct_size = sizeof(vin_verifier),
        .plugin_data = self,
        .configure = configure,
        .destroy = destroy,
        .plan = plan,
        .judge = judge,
    };
    self->host = host;
    *out = (const vin_instance *)&self->table;
    return VIN_OK;
}

static const vin_factory factory = {
    .struct_size = sizeof(vin_factory),
    .count = factory_count,
    .descriptor = factory_descriptor,
    .create = factory_create,
};

static vin_status library_init(void) { return VIN_OK; }

static void library_deinit(void) {}

static const vin_factory *get_factory(vin_bytes kind) {
    static const vin_bytes own = TEXT(VIN_KIND_VERIFIER);
    return same(kind, own) ? &factory : NULL;
}

static const vin_entry entry = {
    .struct_size = sizeof(vin_entry),
    .abi_major = VIN_ABI_MAJOR,
    .abi_minor = VIN_ABI_MINOR,
    .init = library_init,
    .deinit = library_deinit,
    .get_factory = get_factory,
};

VIN_EXPORT const vin_entry *vin_plugin_entry_v1(void) { return &entry; }
