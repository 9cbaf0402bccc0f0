/*
 * vinculum/host/validators.h: the validator set of the last committed block, for bridges.
 */
#ifndef VINCULUM_HOST_VALIDATORS_H
#define VINCULUM_HOST_VALIDATORS_H

#include "../base.h"

#define VIN_HOST_VALIDATORS "vin.host.validators/1"

typedef struct vin_validator {
    vin_public_key key;
    uint64_t power; /* above zero; the sum over a set is below 2^63 */
} vin_validator;

typedef struct vin_host_validators {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  Writes the height and appends the set as an array of vin_validator, sorted by key. Added in 1.0 */
    vin_status (*current)(void *host_data, uint64_t *height, const vin_sink *validators);
} vin_host_validators;

#endif
