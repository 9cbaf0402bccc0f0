#!/bin/sh
# Runs the full demo (ten sites, thirty rounds, cheats drawn by the seed) over many seeds and says what came of each.
# Usage: Packaging/campaign/demo-seeds.sh [SEEDS [FIRST]]     needs VINCULUM_PREFIX, a staged installation
# Ends with 1 when an honest site was slashed, a cheat was not found, a check of the books did not hold, a site spent
# more than epsilon 3, or a model ended below an accuracy of .75. Times are printed and not judged: machines differ.
set -eu
: "${VINCULUM_PREFIX:?is not set: stage an installation with ./Packaging/dev build --release}"
seeds=${1:-20} first=${2:-1}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad=0
seed=$first
while [ "$seed" -lt $((first + seeds)) ]; do
    status=0
    "$VINCULUM_PREFIX/bin/vinculum" demo --seed "$seed" --dir "$folder/demo" --json \
        >"$folder/report.json" 2>"$folder/errors" || status=$?
    python3 - "$folder/report.json" "$seed" "$status" <<'PYTHON' || { bad=1; tail -n 3 "$folder/errors" >&2; }
import json, sys

path, seed, status = sys.argv[1:]
try:
    report = json.load(open(path))
except ValueError:
    sys.exit(f"seed {seed}: exit {status}, no report")
found = report["detection"]
accuracy = report["accuracy"]["federation"][-1]
epsilon = max(site["epsilonSpent"] for site in report["sites"])
broken = [check["name"] for check in report["checks"] if not check["holds"]]
print(
    f"seed {seed}: {report['seconds']:.1f} s, accuracy {accuracy:.3f}, epsilon at most {epsilon:.3f},"
    f" cheats {found['misbehaving']}, found {found['found']}, false alarms {len(found['falseAlarms'])},"
    f" honest updates rejected {found['honestUpdatesRejected']} of {found['updatesJudged']},"
    f" honest slashed {len(found['honestSlashed'])}" + (f", BROKEN {broken}" if broken else ""), flush=True)
sys.exit(
    status != "0" or bool(broken) or bool(found["honestSlashed"]) or bool(found["missed"]) or accuracy < 0.75
    or epsilon > 3)
PYTHON
    rm -rf "$folder/demo"
    seed=$((seed + 1))
done
exit "$bad"
