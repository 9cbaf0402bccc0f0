#!/usr/bin/env bash
# What nodes in low-bandwidth mode say to one another when nothing happens, counted on the wire.
# Usage: Packaging/campaign/idle-network.sh [SECONDS] [NODES]     (3600 seconds, 2 nodes)
# Needs VINCULUM_PREFIX, a staged installation, and root for network namespaces. Each node is a machine of its own on
# one bridge; they find each other by multicast. Counted are whole Ethernet frames in and out at each machine, headers
# included, and apart from them the bytes of the peers' TCP streams. Ends with 1 if a node exceeds 1 MB an hour.
set -euo pipefail
: "${VINCULUM_PREFIX:?is not set: stage an installation with ./Packaging/dev build}"
readonly seconds=${1:-3600} count=${2:-2}
readonly program=$VINCULUM_PREFIX/bin/vinculum
readonly name=vni$$
readonly limit=1000000
work=$(mktemp -d)
pids=()

# Run by the trap.
# shellcheck disable=SC2317
finish() {
    local pid index
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    for ((index = 0; index < count; index++)); do ip netns delete "${name}m$index" 2>/dev/null || true; done
    ip netns delete "$name" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

machine() { ip netns exec "${name}m$1" "${@:2}"; }
frames() { machine "$1" cat "/sys/class/net/lan/statistics/$2_bytes"; }
# streams NODE: bytes of its peers' connections, in and out.
streams() {
    "$program" peers --data "$work/$1" --json |
        python3 -c 'import json, sys; p = json.load(sys.stdin)["peers"]; print(sum(x["received_bytes"] + x["sent_bytes"] for x in p))'
}
connected() {
    "$program" peers --data "$work/$1" --json |
        python3 -c 'import json, sys; print(sum(1 for x in json.load(sys.stdin)["peers"] if x.get("address")))'
}

ip netns add "$name"
ip -netns "$name" link add bridge type bridge
ip -netns "$name" link set bridge up
for ((index = 0; index < count; index++)); do
    ip netns add "${name}m$index"
    ip -netns "$name" link add "cable$index" type veth peer name lan netns "${name}m$index"
    ip -netns "$name" link set "cable$index" master bridge up
    ip -netns "${name}m$index" address add "10.78.0.$((index + 1))/24" dev lan
    ip -netns "${name}m$index" link set lan up
    ip -netns "${name}m$index" link set lo up
    ip -netns "${name}m$index" route add default dev lan
done

export VINCULUM_NETWORK_MDNS=true VINCULUM_NETWORK_LOW_BANDWIDTH=true
for ((index = 0; index < count; index++)); do
    joins=()
    [ "$index" -eq 0 ] || joins=(--join "$work/0/genesis.dagcbor")
    "$program" init --data "$work/$index" --listen /ip4/0.0.0.0/tcp/4001 "${joins[@]}" >/dev/null
    machine "$index" "$program" run --data "$work/$index" >"$work/$index.log" 2>&1 &
    pids+=($!)
    "$program" wait --data "$work/$index" --timeout 60 >/dev/null
done
for ((tries = 0; tries < 120; tries++)); do
    least=$count
    for ((index = 0; index < count; index++)); do
        now=$(connected "$index")
        [ "$now" -ge "$least" ] || least=$now
    done
    [ "$least" -lt $((count - 1)) ] || break
    sleep 1
done
[ "$least" -ge $((count - 1)) ] || { echo "the nodes do not find each other" >&2; exit 1; }
# Greetings are not idleness: who they are, where they stand, a first search.
sleep 30

declare -a in_before out_before streams_before
for ((index = 0; index < count; index++)); do
    in_before[index]=$(frames "$index" rx) out_before[index]=$(frames "$index" tx)
    streams_before[index]=$(streams "$index")
done
echo "$count nodes, $seconds s idle, low-bandwidth mode"
sleep "$seconds"
status=0
for ((index = 0; index < count; index++)); do
    in=$(($(frames "$index" rx) - in_before[index])) out=$(($(frames "$index" tx) - out_before[index]))
    inner=$(($(streams "$index") - streams_before[index]))
    hour=$(((in + out) * 3600 / seconds))
    echo "node $index: $in bytes in, $out out on the wire, of which $inner in the peers' streams;" \
        "an hour: $hour bytes, of which streams $((inner * 3600 / seconds))"
    [ "$hour" -lt "$limit" ] || status=1
done
[ "$status" -eq 0 ] || echo "above $limit bytes an hour" >&2
exit "$status"
