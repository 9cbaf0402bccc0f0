/*
 * @NAME@: a privacy plugin in C.
 *
 * Steps: 1. Read draft/privacy.h: it is the specification. 2. Fill in the functions marked "Step". 3. `make`, then
 * `vinculum plugin check .`. 4. Write README.md: what it does, its settings, its limits.
 */
#include <stdlib.h>
#include <string.h>

#include <vinculum/vinculum.h>

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* One object an instance. The table comes first, so that a pointer to one is a pointer to the other. */
typedef struct instance {
    vin_privacy table;
    const vin_host *host;
    uint64_t count; /* values of a vector, as planned; 0 before the first plan */
    uint32_t begun;
    uint32_t charged;
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

static uint32_t capability_count(void *data) {
    (void)data;
    return 1;
}

/* Step: say what your mechanism guarantees. This one releases zeros, so it protects everything a site holds. */
static vin_status capability(void *data, uint32_t index, vin_privacy_capability *out) {
    if (index != 0) return fail(data, VIN_ERROR_NOT_FOUND, "there is one guarantee");
    if (out->struct_size < sizeof *out) return fail(data, VIN_ERROR_INVALID, "the struct is too short");
    *out = (vin_privacy_capability){
        .struct_size = sizeof *out,
        .unit = VIN_UNIT_SITE,
        .relation = VIN_RELATION_ADD_OR_REMOVE,
        .adversary = VIN_ADVERSARY_EVERYONE,
        .shown = VIN_SHOWN_SINGLE_UPDATES,
        .members_least = 1,
        .dropouts_max_e6 = 1000000,
    };
    return VIN_OK;
}

/* Step: noise and cost for a job. What does not depend on the data costs nothing. */
static vin_status plan(void *data, const vin_privacy_job *job, vin_privacy_plan *out) {
    instance *self = data;
    if (job->struct_size < sizeof *job || out->struct_size < sizeof *out)
        return fail(self, VIN_ERROR_INVALID, "a struct is too short");
    if (job->capability != 0 || job->count == 0 || job->rounds_planned == 0)
        return fail(self, VIN_ERROR_INVALID, "the job names no guarantee, no values or no rounds");
    if ((job->epsilon_e9 != 0) == (job->noise_multiplier_e6 != 0))
        return fail(self, VIN_ERROR_INVALID, "exactly one of epsilon and noise multiplier is to be given");
    if (self->begun) return fail(self, VIN_ERROR_STATE, "a round has begun");
    *out = (vin_privacy_plan){.struct_size = sizeof *out};
    self->count = job->count;
    return VIN_OK;
}

static vin_status begin(void *data, const vin_privacy_round *round) {
    instance *self = data;
    if (self->count == 0) return fail(self, VIN_ERROR_STATE, "there is no plan");
    if (self->begun) return fail(self, VIN_ERROR_STATE, "a round has begun");
    if (round->struct_size < sizeof *round) return fail(self, VIN_ERROR_INVALID, "the struct is too short");
    self->begun = 1;
    self->charged = 0;
    return VIN_OK;
}

static vin_status spend(void *data, vin_privacy_cost *out) {
    instance *self = data;
    if (!self->begun) return fail(self, VIN_ERROR_STATE, "no round has begun");
    memset(out, 0, sizeof *out);
    self->charged = 1;
    return VIN_OK;
}

/* Step: protect the vector. */
static vin_status release(void *data, const vin_privacy_release *values, const vin_sink *extra) {
    instance *self = data;
    (void)extra;
    if (!self->begun || !self->charged) return fail(self, VIN_ERROR_STATE, "spend comes before release");
    if (values->struct_size < sizeof *values || values->count != self->count)
        return fail(self, VIN_ERROR_INVALID, "another number of values than planned");
    memset(values->out, 0, values->count * sizeof *values->out);
    self->charged = 0;
    return VIN_OK;
}

static vin_status message(void *data, vin_bytes bytes, const vin_sink *messages) {
    (void)bytes;
    (void)messages;
    return fail(data, VIN_ERROR_UNSUPPORTED, "this mechanism exchanges no messages");
}

static vin_status combine(void *data, const vin_privacy_share *share) {
    instance *self = data;
    if (!self->begun) return fail(self, VIN_ERROR_STATE, "no round has begun");
    if (share->struct_size < sizeof *share || share->count != self->count)
        return fail(self, VIN_ERROR_INVALID, "another number of values than planned");
    for (uint64_t i = 0; i < share->count; i++) {
        int64_t total;
        if (__builtin_add_overflow(share->total[i], share->vector[i], &total))
            return fail(self, VIN_ERROR_LIMIT, "a sum does not fit 64 bits");
        share->total[i] = total;
    }
    return VIN_OK;
}

static vin_status recover(void *data, const vin_privacy_recovery *recovery) {
    instance *self = data;
    if (!self->begun) return fail(self, VIN_ERROR_STATE, "no round has begun");
    if (recovery->count != self->count) return fail(self, VIN_ERROR_INVALID, "another number of values than planned");
    return VIN_OK;
}

static vin_status end(void *data) {
    instance *self = data;
    if (!self->begun) return fail(self, VIN_ERROR_STATE, "no round has begun");
    self->begun = 0;
    self->charged = 0;
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
    self->table = (vin_privacy){
        .struct_size = sizeof(vin_privacy),
        .plugin_data = self,
        .configure = configure,
        .destroy = destroy,
        .capability_count = capability_count,
        .capability = capability,
        .plan = plan,
        .begin = begin,
        .spend = spend,
        .release = release,
        .message = message,
        .combine = combine,
        .recover = recover,
        .end = end,
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
    static const vin_bytes own = TEXT(VIN_KIND_PRIVACY);
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
