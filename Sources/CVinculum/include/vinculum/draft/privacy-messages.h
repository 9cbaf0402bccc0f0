/*
 * vinculum/draft/privacy-messages.h: messages of privacy protocols of several rounds, as records (record.h).
 */
#ifndef VINCULUM_DRAFT_PRIVACY_MESSAGES_H
#define VINCULUM_DRAFT_PRIVACY_MESSAGES_H

#include "../record.h"

/* Kinds of privacy messages. Added in 1.0: all. */
enum {
    VIN_PRIVACY_MESSAGE = 1
};

/*
 * A message between members and aggregator.
 *   PRM-1  Going out, `peer` is the recipient; coming in, it is the sender, whose signature the host has checked.
 *   PRM-2  A peer of zeros is the aggregator, on the way out and in.
 */
typedef struct vin_privacy_message {
    vin_record record;
    uint32_t step; /* from 1 to message_steps */
    uint32_t reserved;
    vin_public_key peer;
    vin_span payload; /* the plugin's own format */
} vin_privacy_message;

#endif
