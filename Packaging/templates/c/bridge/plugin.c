/*
 * @NAME@: a bridge plugin in C.
 *
 * Steps: 1. Read draft/bridge.h: it is the specification. 2. Fill in the functions marked "Step". 3. `make`, then
 * `vinculum plugin check .`. 4. Write README.md: what it does, its settings, its limits.
 */
#include <stdlib.h>
#include <string.h>

#include <vinculum/vinculum.h>

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* One object an instance. The table comes first, so that a pointer to one is a pointer to the other. */
typedef struct instance {
    vin_bridge table;
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

/* Step: ask the foreign chain what became final after the cursor. This one watches a chain on which nothing happens. */
static vin_status observe(
    void *data, vin_bytes cursor, uint32_t limit, uint64_t wait_ms, const vin_sink *records,
    const vin_sink *next_cursor) {
    instance *self = data;
    (void)limit;
    (void)wait_ms;
    if (cursor.size > 256) return fail(self, VIN_ERROR_INVALID, "a cursor has at most 256 bytes");
    vin_bridge_finalized finalized = {.record = {VIN_BRIDGE_FINALIZED, sizeof finalized}, .chain_id = 0};
    vin_status status = records->append(records->sink_data, (const uint8_t *)&finalized, sizeof finalized);
    if (status == VIN_OK && cursor.size > 0)
        status = next_cursor->append(next_cursor->sink_data, cursor.data, cursor.size);
    return status == VIN_OK ? VIN_OK : fail(self, status, "the sink is full");
}

static vin_status prove(void *data, vin_bytes deposit, const vin_sink *proof) {
    (void)deposit;
    (void)proof;
    return fail(data, VIN_ERROR_NOT_FOUND, "no deposit was observed");
}

static vin_status submit(void *data, vin_bytes withdrawal, const vin_sink *outcome) {
    (void)withdrawal;
    (void)outcome;
    return fail(data, VIN_ERROR_UNAVAILABLE, "there is no foreign chain to submit to");
}

static vin_status confirm(void *data, vin_bytes withdrawal, const vin_sink *outcome, const vin_sink *proof) {
    (void)withdrawal;
    (void)outcome;
    (void)proof;
    return fail(data, VIN_ERROR_NOT_FOUND, "no withdrawal was submitted");
}

static const vin_descriptor descriptor = {
    .struct_size = sizeof(vin_descriptor),
    .flags = 0,
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
    self->table = (vin_bridge){
        .struct_size = sizeof(vin_bridge),
        .plugin_data = self,
        .configure = configure,
        .destroy = destroy,
        .observe = observe,
        .prove = prove,
        .submit = submit,
        .confirm = confirm,
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
    static const vin_bytes own = TEXT(VIN_KIND_BRIDGE);
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
