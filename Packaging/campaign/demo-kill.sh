#!/bin/sh
# Kills the full demo (ten sites, thirty rounds) at random instants and resumes it, until nothing is lost.
# Usage: Packaging/campaign/demo-kill.sh [KILLS]     needs VINCULUM_PREFIX, a staged installation
# A failure prints VINCULUM_DEMO_SEED; set it to repeat the instants.
set -eu
: "${VINCULUM_PREFIX:?is not set: stage an installation with ./Packaging/dev build}"
cd "$(dirname "$0")/../.."
VINCULUM_DEMO_FULL=1 VINCULUM_DEMO_KILLS="${1:-20}" export VINCULUM_DEMO_FULL VINCULUM_DEMO_KILLS
exec swift test --filter DemoResumeTests
