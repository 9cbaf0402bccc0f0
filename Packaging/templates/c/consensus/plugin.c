/*
 * @NAME@: a consensus plugin in C.
 *
 * Steps: 1. Read draft/consensus.h: it is the specification. 2. Fill in the functions marked "Step". 3. `make`, then
 * `vinculum plugin check .`. 4. Write README.md: what it does, its settings, its limits.
 */
#include <stdlib.h>
#include <string.h>

#include <vinculum/vinculum.h>

#define TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* One object an instance. The table comes first, so that a pointer to one is a pointer to the other. */
typedef struct instance {
    vin_consensus table;
    const vin_host *host;
    vin_digest chain;
    vin_public_key own_key;
    uint64_t height; /* of the last committed block */
    int64_t block_time_ms;
    uint32_t round; /* of the next proposal: above every round of this height in which a vote was asked for */
    uint32_t busy;  /* a block of the next height is on its way */
} instance;

/* What survives a restart: without it, the key would be asked to sign a second vote in a round (CON-5, CON-6). */
typedef struct state {
    uint64_t height;
    uint64_t round;
} state;

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

static vin_status too_short(const instance *self) {
    return fail(self, VIN_ERROR_INVALID, "the event is too short");
}

static vin_status put(const vin_sink *sink, const void *record, size_t size) {
    return sink->append(sink->sink_data, record, size);
}

static vin_status start(void *data, vin_bytes saved) {
    instance *self = data;
    state last = {0, 0};
    if (saved.size != 0 && saved.size != sizeof last)
        return fail(self, VIN_ERROR_INVALID, "not a state of this engine");
    if (saved.size != 0) memcpy(&last, saved.data, sizeof last);
    self->height = last.height;
    self->round = (uint32_t)last.round;
    return VIN_OK;
}

static vin_status snapshot(void *data, const vin_sink *sink) {
    instance *self = data;
    state now = {self->height, self->round};
    return put(sink, &now, sizeof now);
}

static vin_status stop(void *data) {
    (void)data;
    return VIN_OK;
}

static vin_status propose(instance *self, int64_t now_ms, const vin_sink *effects) {
    int64_t time_ms = now_ms > self->block_time_ms ? now_ms : self->block_time_ms + 1;
    vin_effect_propose effect = {
        .record = {VIN_EFFECT_PROPOSE, sizeof effect}, .height = self->height + 1, .round = self->round,
        .time_ms = time_ms};
    vin_status status = put(effects, &effect, sizeof effect);
    if (status == VIN_OK) self->busy = 1;
    return status;
}

/* Persists first that a vote is asked for in this round, then asks for it. */
static vin_status vote(instance *self, const vin_event_proposal_built *built, const vin_sink *effects) {
    struct {
        vin_effect_persist persist;
        state next;
    } save;
    memset(&save, 0, sizeof save);
    save.persist.record.kind = VIN_EFFECT_PERSIST;
    save.persist.record.size = sizeof save;
    save.persist.state.offset = sizeof save.persist;
    save.persist.state.size = sizeof save.next;
    save.next.height = self->height;
    save.next.round = (uint64_t)built->round + 1;
    vin_effect_sign_vote sign = {
        .record = {VIN_EFFECT_SIGN_VOTE, sizeof sign},
        .vote = {built->height, built->round, VIN_VOTE_COMMIT, self->chain, built->header_id}};
    vin_status status = put(effects, &save, sizeof save);
    if (status == VIN_OK) status = put(effects, &sign, sizeof sign);
    if (status == VIN_OK) self->round = built->round + 1;
    return status;
}

/* Our own vote is the whole certificate: the record is a vin_effect_decide with one signature behind it. */
static vin_status decide(instance *self, const vin_event_vote_signed *signed_vote, const vin_sink *effects) {
    struct {
        vin_effect_decide decide;
        vin_vote_signature signature;
    } effect;
    memset(&effect, 0, sizeof effect);
    effect.decide.record.kind = VIN_EFFECT_DECIDE;
    effect.decide.record.size = sizeof effect;
    effect.decide.height = signed_vote->vote.height;
    effect.decide.round = signed_vote->vote.round;
    effect.decide.header_id = signed_vote->vote.header_id;
    effect.decide.signatures.offset = sizeof effect.decide;
    effect.decide.signatures.size = sizeof effect.signature;
    effect.signature.key = self->own_key;
    effect.signature.signature = signed_vote->signature;
    return put(effects, &effect, sizeof effect);
}

/* Step: bring validators to agree. This one is a single validator that decides what it proposes. */
static vin_status step(void *data, vin_bytes bytes, const vin_sink *effects) {
    instance *self = data;
    if (bytes.size < sizeof(vin_event)) return too_short(self);
    const vin_event *event = (const vin_event *)bytes.data;
    switch (event->record.kind) {
    case VIN_EVENT_START: {
        if (bytes.size < sizeof(vin_event_start)) return too_short(self);
        const vin_event_start *begin = (const vin_event_start *)bytes.data;
        self->chain = begin->chain;
        self->own_key = begin->own_key;
        /* The ledger may be ahead of what was persisted: no vote was asked for at its next height. */
        if (begin->height != self->height) self->round = 0;
        self->height = begin->height;
        self->block_time_ms = 0;
        self->busy = 0;
        return VIN_OK;
    }
    case VIN_EVENT_TRANSACTIONS: {
        if (bytes.size < sizeof(vin_event_transactions)) return too_short(self);
        const vin_event_transactions *waiting = (const vin_event_transactions *)bytes.data;
        return self->busy || waiting->count == 0 ? VIN_OK : propose(self, event->time_ms, effects);
    }
    case VIN_EVENT_PROPOSAL_BUILT: {
        if (bytes.size < sizeof(vin_event_proposal_built)) return too_short(self);
        const vin_event_proposal_built *built = (const vin_event_proposal_built *)bytes.data;
        if (built->flags & VIN_PROPOSAL_EMPTY) {
            self->busy = 0;
            return VIN_OK;
        }
        int awaited = self->busy && built->height == self->height + 1 && built->round == self->round;
        return awaited ? vote(self, built, effects) : VIN_OK;
    }
    case VIN_EVENT_VOTE_SIGNED: {
        if (bytes.size < sizeof(vin_event_vote_signed)) return too_short(self);
        const vin_event_vote_signed *signed_vote = (const vin_event_vote_signed *)bytes.data;
        if (!self->busy || signed_vote->vote.height != self->height + 1) return VIN_OK;
        /* The key has signed something else in that round: the next one, with another block. */
        return signed_vote->status == VIN_OK ? decide(self, signed_vote, effects)
                                             : propose(self, event->time_ms, effects);
    }
    case VIN_EVENT_BLOCK_COMMITTED: {
        if (bytes.size < sizeof(vin_event_block_committed)) return too_short(self);
        const vin_event_block_committed *committed = (const vin_event_block_committed *)bytes.data;
        self->height = committed->height;
        self->block_time_ms = committed->block_time_ms;
        self->round = 0;
        self->busy = 0;
        return committed->transactions_waiting == 0 ? VIN_OK : propose(self, event->time_ms, effects);
    }
    case VIN_EVENT_TIME:
    case VIN_EVENT_TIMER:
    case VIN_EVENT_VALIDATED:
    case VIN_EVENT_MESSAGE:
    case VIN_EVENT_PARAMETERS:
        return VIN_OK;
    default:
        return fail(self, VIN_ERROR_UNSUPPORTED, "an event of an unknown kind");
    }
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
    self->table = (vin_consensus){
        .struct_size = sizeof(vin_consensus),
        .plugin_data = self,
        .configure = configure,
        .destroy = destroy,
        .start = start,
        .step = step,
        .snapshot = snapshot,
        .stop = stop,
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
    static const vin_bytes own = TEXT(VIN_KIND_CONSENSUS);
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
