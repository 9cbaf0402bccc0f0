/*
 * vinculum/anchor.h: reaches every type of the interface from one function, for tools that compare two builds of it
 * (abidiff follows types from exported symbols, and get_factory answers untyped tables).
 *
 * Not part of the interface: no plugin and no host calls it. Define VIN_ABI_ANCHOR in one C file to get the function.
 */
#ifndef VINCULUM_ANCHOR_H
#define VINCULUM_ANCHOR_H

typedef struct vin_abi_types {
    const vin_entry *entry;
    const vin_factory *factory;
    const vin_descriptor *descriptor;
    const vin_instance *instance;
    const vin_host *host;
    const vin_sink *sink;
    const vin_host_clock *host_clock;
    const vin_host_log *host_log;
    const vin_host_metrics *host_metrics;
    const vin_host_random *host_random;
    const vin_host_sign *host_sign;
    const vin_host_storage *host_storage;
    const vin_host_thread_check *host_thread_check;
    const vin_host_timer *host_timer;
    const vin_host_transport *host_transport;
    const vin_host_validators *host_validators;
    const vin_validator *validator;
    const vin_consensus *consensus;
    const vin_event *event;
    const vin_event_start *event_start;
    const vin_event_timer *event_timer;
    const vin_event_transactions *event_transactions;
    const vin_event_proposal_built *event_proposal_built;
    const vin_event_validated *event_validated;
    const vin_event_message *event_message;
    const vin_event_vote_signed *event_vote_signed;
    const vin_event_block_committed *event_block_committed;
    const vin_event_parameters *event_parameters;
    const vin_effect_propose *effect_propose;
    const vin_effect_validate *effect_validate;
    const vin_effect_sign_vote *effect_sign_vote;
    const vin_effect_decide *effect_decide;
    const vin_vote_signature *vote_signature;
    const vin_effect_persist *effect_persist;
    const vin_effect_send *effect_send;
    const vin_effect_broadcast *effect_broadcast;
    const vin_effect_set_timer *effect_set_timer;
    const vin_effect_cancel_timer *effect_cancel_timer;
    const vin_effect_evidence *effect_evidence;
    const vin_privacy *privacy;
    const vin_privacy_message *privacy_message;
    const vin_verifier *verifier;
    const vin_verifier_job *verifier_job;
    const vin_verifier_check *verifier_check;
    const vin_verifier_commitment *verifier_commitment;
    const vin_verifier_result *verifier_result;
    const vin_verifier_verdict *verifier_verdict;
    const vin_runtime *runtime;
    const vin_bridge *bridge;
    const vin_bridge_finalized *bridge_finalized;
    const vin_bridge_deposit *bridge_deposit;
    const vin_bridge_withdrawal *bridge_withdrawal;
    const vin_bridge_outcome *bridge_outcome;
} vin_abi_types;

#if defined(VIN_ABI_ANCHOR)
VIN_EXPORT const vin_abi_types *vin_abi_anchor(void) {
    static const vin_abi_types types = {0};
    return &types;
}
#endif

#endif
