/*
 * @NAME@: a runtime plugin in C.
 *
 * Steps: 1. Read draft/runtime.h: it is the specification. 2. Fill in the functions marked "Step". 3. `make`, then
 * `vinculum plugin check .`. 4. Write README.md: what it does, its settings, its limits.
 */
#include <stdlib.h>
#include <string.h>

#include <vinculum/vinculum.h>

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* One object an instance. The table comes first, so that a pointer to one is a pointer to the other. */
typedef struct instance {
    vin_runtime table;
    const vin_host *host;
    uint64_t task_id; /* the task that is prepared, 0 for none */
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

/* Step: take a task on under a number, and start a sandbox in `start`. This one admits one task and runs none. */
static vin_status prepare(void *data, const vin_task *task, uint64_t *task_id) {
    instance *self = data;
    if (task->struct_size < sizeof *task || task->flags & ~(uint32_t)VIN_TASK_KEEP_STANDARD_OUTPUT)
        return fail(self, VIN_ERROR_UNSUPPORTED, "a task that this plugin does not understand");
    const vin_task_limits *limits = &task->limits;
    if (!limits->memory_bytes || !limits->cpu_ms || !limits->wall_ms || !limits->output_bytes || !limits->processes)
        return fail(self, VIN_ERROR_INVALID, "there is no unlimited task");
    if (self->task_id != 0) return fail(self, VIN_ERROR_UNAVAILABLE, "a task is prepared already");
    self->task_id = 1;
    *task_id = self->task_id;
    return VIN_OK;
}

static vin_status known(instance *self, uint64_t task_id) {
    return task_id != 0 && task_id == self->task_id ? VIN_OK : fail(self, VIN_ERROR_NOT_FOUND, "no such task");
}

static vin_status start(void *data, uint64_t task_id) {
    vin_status status = known(data, task_id);
    return status != VIN_OK ? status : fail(data, VIN_ERROR_UNAVAILABLE, "this plugin starts no programs");
}

static vin_status usage(void *data, uint64_t task_id, uint64_t wait_ms, vin_task_usage *out) {
    (void)wait_ms;
    vin_status status = known(data, task_id);
    if (status == VIN_OK) *out = (vin_task_usage){.struct_size = sizeof *out, .state = VIN_TASK_PREPARED};
    return status;
}

static vin_status kill_task(void *data, uint64_t task_id) {
    instance *self = data;
    vin_status status = known(self, task_id);
    if (status == VIN_OK) self->task_id = 0;
    return status;
}

static vin_status collect(
    void *data, uint64_t task_id, vin_task_result *out, const vin_sink *standard_output,
    const vin_sink *standard_error) {
    (void)out;
    (void)standard_output;
    (void)standard_error;
    vin_status status = known(data, task_id);
    return status != VIN_OK ? status : fail(data, VIN_ERROR_STATE, "the task has not ended");
}

/* Step, if tasks can serve: `prepare` then takes VIN_TASK_SERVES too. */
static vin_status ask(void *data, uint64_t task_id, vin_bytes request, uint64_t wait_ms, const vin_sink *answer) {
    (void)request;
    (void)wait_ms;
    (void)answer;
    vin_status status = known(data, task_id);
    return status != VIN_OK ? status : fail(data, VIN_ERROR_UNSUPPORTED, "this plugin has no serving tasks");
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
    self->table = (vin_runtime){
        .struct_size = sizeof(vin_runtime),
        .plugin_data = self,
        .configure = configure,
        .destroy = destroy,
        .prepare = prepare,
        .start = start,
        .usage = usage,
        .kill = kill_task,
        .collect = collect,
        .ask = ask,
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
    static const vin_bytes own = TEXT(VIN_KIND_RUNTIME);
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
