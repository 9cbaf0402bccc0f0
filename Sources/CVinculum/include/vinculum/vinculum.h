/*
 * vinculum/vinculum.h: the whole plugin interface. Start reading at base.h, then entry.h, factory.h, host.h, then the
 * header of your kind. Interfaces under draft/ may still change; they leave it, with the same id, when two unlike
 * plugins of the kind pass the checks.
 */
#ifndef VINCULUM_VINCULUM_H
#define VINCULUM_VINCULUM_H

#include "base.h"
#include "entry.h"
#include "factory.h"
#include "host.h"
#include "record.h"

#include "host/attention.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/metrics.h"
#include "host/random.h"
#include "host/sign.h"
#include "host/storage.h"
#include "host/thread-check.h"
#include "host/timer.h"
#include "host/transport.h"
#include "host/validators.h"

#include "draft/bridge.h"
#include "draft/consensus.h"
#include "draft/consensus-effects.h"
#include "draft/consensus-events.h"
#include "draft/privacy.h"
#include "draft/privacy-messages.h"
#include "draft/runtime.h"
#include "draft/verifier.h"

#endif
