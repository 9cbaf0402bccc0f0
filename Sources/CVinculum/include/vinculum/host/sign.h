/*
 * vinculum/host/sign.h: signatures by a key of the node. No plugin ever sees a private key.
 */
#ifndef VINCULUM_HOST_SIGN_H
#define VINCULUM_HOST_SIGN_H

#include "../base.h"

#define VIN_HOST_SIGN "vin.host.sign/1"

typedef uint32_t vin_sign_scheme;
enum {
    VIN_SIGN_ED25519 = 1,              /* 64 bytes */
    VIN_SIGN_SECP256K1_RECOVERABLE = 2 /* 65 bytes: r, s, recovery id */
};

/*
 *   SIG-1  The host signs "vinculum/plugin/1", a zero byte, chain id, purpose, message (Ed25519), or the 32-byte
 *          digest given (secp256k1); it refuses a purpose that the manifest does not list.
 *   SIG-2  Votes are never signed here: consensus asks for them with an effect, and the host keeps the last one.
 */
typedef struct vin_host_sign {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [any]  The public key of `key_id` in the encoding of the scheme. Added in 1.0 */
    vin_status (*public_key)(void *host_data, vin_bytes key_id, vin_sign_scheme scheme, const vin_sink *out);

    /* [lane]  Signs; may ask a remote signer and take long. VIN_ERROR_REFUSED names the rule. Added in 1.0 */
    vin_status (*sign)(
        void *host_data, vin_bytes key_id, vin_sign_scheme scheme, vin_bytes purpose, vin_bytes message,
        const vin_sink *signature);
} vin_host_sign;

#endif
