#!/bin/sh
# Runs the consensus engines through the simulator, before a release: many seeds, all faults, networks of several sizes.
# Usage: Packaging/campaign/simulate.sh [SEEDS [FIRST]]     100,000 seeds from 1 on; needs VINCULUM_PREFIX, a staged
# installation of a release build. Ends with 1 when anything is found; each finding comes with the command that repeats
# it.
set -eu
: "${VINCULUM_PREFIX:?is not set: stage an installation with ./Packaging/dev build --release}"
seeds=${1:-100000} first=${2:-1}
bad=0

# simulate SHARE ARGUMENTS...: so many of a hundred of the seeds.
simulate() {
    count=$((seeds * $1 / 100))
    shift
    [ "$count" -gt 0 ] || return 0
    echo "simulate: $count seeds from $first on: $*"
    "$VINCULUM_PREFIX/bin/vinculum" simulate --seeds "$first..$((first + count - 1))" "$@" || bad=1
    first=$((first + count))
}

simulate 60 --engine consensus-pos --validators 4 --heights 100
simulate 15 --engine consensus-poc --validators 4 --heights 100
simulate 10 --engine consensus-pos --validators 7 --heights 50 \
    --parameter precision_ms=250 --parameter message_delay_ms=400
simulate 5 --engine consensus-pos --validators 13 --heights 20
simulate 5 --engine consensus-pos --validators 4 --heights 100 --faults none
simulate 5 --engine consensus-solo --validators 1 --heights 100
exit "$bad"
