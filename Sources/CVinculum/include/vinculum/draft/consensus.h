/*
 * vinculum/draft/consensus.h: an engine that brings validators to agree on the next block. Kind "vin.consensus/1".
 *
 * An engine is sans-IO: a state machine that takes one event and answers a batch of effects. It asks the host nothing,
 * so the same library runs in a node, in a child process and in a simulator of a whole network.
 *
 * The host builds, executes, stores and transports blocks; the engine sees only their ids. The host makes and checks
 * all signatures; the engine sees neither secret keys nor signed bytes. Engines of several validators prove what they
 * say by typed votes with their signatures (vin_cast_vote), which anybody may pass on: who a message comes from decides
 * nothing.
 *
 *   CON-1   step and snapshot are deterministic functions of the snapshot given to start and the events since.
 *   CON-2   An engine has no other input: no clock, no random source, no file, no thread, no environment. Time is
 *           the event's time_ms; randomness is the seed of the start event. (HOST-3 has an exception, for which CON-3
 *           to CON-13 hold all the same.)
 *   CON-3   The host applies the effects of one step in this order, after step has returned VIN_OK: persist and sync,
 *           then sign, then the rest in the order of the batch. If step fails, none is applied, the engine's state
 *           must be as before, and the host may repeat the event.
 *   CON-4   Safety: an engine decides at most one block id a height, and only one that the host called valid.
 *   CON-5   It asks for at most one vote for each (height, round, step); the host refuses a second, different one.
 *   CON-6   Everything that must survive a crash to keep CON-4 and CON-5 is in a persist effect of the same batch as
 *           the vote that depends on it, or of an earlier one.
 *   CON-7   Times of events never go back within one life of an instance. Events may be late; a timer may fire late.
 *   CON-8   An event that is unknown to the engine's minor is refused with VIN_ERROR_UNSUPPORTED; a message that is
 *           malformed or out of place is no failure: it is dropped, with evidence if it proves a fault.
 *   CON-9   After start, a step with the start event comes first. After stop, only destroy comes.
 *   CON-10  A batch is at most VIN_CONSENSUS_BATCH_SIZE_MAX bytes.
 *   CON-11  An engine keeps a bounded amount of state, whatever others send: it may forget what it was told, and asks
 *           again.
 *   CON-12  Evidence names nobody who kept the rules: only contradictions of EVI-1 and EVI-2 (consensus-effects.h).
 *   CON-13  Once the key was refused a vote for VIN_ERROR_CONFLICT, the engine does not know what the key has signed at
 *           this height, and gives no vote there that could contradict a later one than it remembers.
 */
#ifndef VINCULUM_DRAFT_CONSENSUS_H
#define VINCULUM_DRAFT_CONSENSUS_H

#include "../factory.h"
#include "../record.h"

#define VIN_KIND_CONSENSUS "vin.consensus/1"

#define VIN_CONSENSUS_BATCH_SIZE_MAX (16u * 1024u * 1024u)

/* The table of an instance; begins with the fields of vin_instance (factory.h). Owned by the plugin. */
typedef struct vin_consensus {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    void *plugin_data;

    /* [control & created]  See vin_instance. Engines take their parameters from the start event: only settings that do
     * not change decisions may come this way. Added in 1.0 */
    vin_status (*configure)(void *plugin_data, vin_settings settings);

    /* [control & !started]  See vin_instance. Added in 1.0 */
    void (*destroy)(void *plugin_data);

    /* [control & configured]  Restores what the newest persist effect held, or what snapshot wrote; no bytes on the
     * first start. Fails with VIN_ERROR_INVALID on bytes that it does not understand. deterministic. Added in 1.0 */
    vin_status (*start)(void *plugin_data, vin_bytes snapshot);

    /* [lane & started]  Takes one event (one record of consensus-events.h, borrowed) and appends zero or more effects
     * (records of consensus-effects.h) to the sink. deterministic. Added in 1.0 */
    vin_status (*step)(void *plugin_data, vin_bytes event, const vin_sink *effects);

    /* [lane & started]  Appends the engine's state, enough for another instance to go on from here. Two instances with
     * the same history write the same bytes. deterministic. Added in 1.0 */
    vin_status (*snapshot)(void *plugin_data, const vin_sink *snapshot);

    /* [control & started]  The end of this instance's work; there are no effects. Added in 1.0 */
    vin_status (*stop)(void *plugin_data);
} vin_consensus;

#endif
