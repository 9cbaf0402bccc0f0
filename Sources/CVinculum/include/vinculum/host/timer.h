/*
 * vinculum/host/timer.h: wake-up calls on the lane, for kinds that do I/O. Consensus engines use effects instead.
 * Reserved: no host of this version lends it, and a manifest that asks for it is refused (HOST-4).
 */
#ifndef VINCULUM_HOST_TIMER_H
#define VINCULUM_HOST_TIMER_H

#include "../base.h"

#define VIN_HOST_TIMER "vin.host.timer/1"

/*
 *   TIM-1  `fire` is called on the lane, never during another call to the instance, never after destroy has begun.
 *   TIM-2  At most 64 timers are pending for an instance; a further one is refused with VIN_ERROR_LIMIT.
 */
typedef struct vin_host_timer {
    uint32_t struct_size;
    uint32_t reserved; /* zero */

    /* [lane]  Calls fire(plugin_data, timer_id) once, no earlier than `delay_ms` from now. A pending timer of the same
     * id is replaced. Added in 1.0 */
    vin_status (*set)(
        void *host_data, uint64_t timer_id, uint64_t delay_ms, void (*fire)(void *plugin_data, uint64_t timer_id),
        void *plugin_data);

    /* [lane]  Forgets a pending timer; no error if there is none. Added in 1.0 */
    void (*cancel)(void *host_data, uint64_t timer_id);
} vin_host_timer;

#endif
