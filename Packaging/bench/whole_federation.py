#!/usr/bin/env python3
"""A round of the same ten sites with everything on: a process, a key, a policy and a sandbox for each site, differential
privacy (epsilon 3), commitments, audits by three sites drawn from the beacon, verdicts and payments on the ledger.

Starts a node and ten sites as an operator would, submits a job over the records of mnist5k.py, and takes the time from
one settled round to the next from the node's event stream.

Commitments leave a site at steps of the clock, so that nobody sees how long its training took; STEP_MS is that step,
else the default of `policy.commit_step_ms`.

Usage: whole_federation.py PREFIX [ROUNDS [STEP_MS]]    PREFIX is an installation; needs mlxtend
Prints {"round_seconds": [...], "round_seconds_median": S}.
"""

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

SITES, HOLDOUT = 10, 500

JOB = """
[job]
name = "digits"
purpose = "bench/digits"
rounds = {rounds}
[members]
invited = [{invited}]
least = 10
[model]
descriptor = "mlp/784-64-10"
[training]
input_factor = 0.003921569
[privacy]
clip = 4.0
epsilon = 3.0
[aggregation]
server_learning_rate = 1.2
server_momentum = 0.8
[payment]
escrow = "100000"
base = "5"
score_pool = "20"
auditor_fee = "1"
"""


def write_records(path, images, labels):
    """The file that `vinculum init site` takes: bytes, a row a record, and a label each."""
    inputs = np.rint(images * 255).astype(np.uint8)
    header = json.dumps(
        {
            "inputs": {"dtype": "U8", "shape": list(inputs.shape), "data_offsets": [0, inputs.size]},
            "labels": {"dtype": "U8", "shape": [len(labels)], "data_offsets": [inputs.size, inputs.size + len(labels)]},
        }
    ).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + inputs.tobytes() + labels.astype(np.uint8).tobytes())


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self.path)


class EndedEarly(Exception):
    pass


def settled_rounds(node, rounds):
    """The times at which the job's rounds were settled, as the node's event stream tells them."""
    connection = UnixConnection(f"{node}/api.sock")
    connection.request("GET", "/v1/events?module=federation", headers={"Accept": "text/event-stream"})
    times = []
    for line in connection.getresponse():
        if line.strip() == b"event: federation.round_settled":
            times.append(time.monotonic())
            if len(times) == rounds:
                return times
        if line.strip() == b"event: federation.job_ended":
            raise EndedEarly
    raise EndedEarly


class Federation:
    def __init__(self, prefix, folder, step_ms):
        self.program, self.folder, self.step_ms = f"{prefix}/bin/vinculum", folder, step_ms
        self.node, self.processes = f"{folder}/node", []

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            sys.exit(f"vinculum {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def start(self, *arguments):
        log = open(f"{self.folder}/{len(self.processes)}.log", "w")
        self.processes.append(subprocess.Popen([self.program, *arguments], stdout=log, stderr=log))

    def start_all(self):
        import mnist5k

        images, labels = mnist5k.records()
        test = slice(mnist5k.TRAINING_COUNT, mnist5k.TRAINING_COUNT + HOLDOUT)
        write_records(f"{self.folder}/holdout.safetensors", images[test], labels[test])
        self.run("init", "--data", self.node)
        self.start("run", "--data", self.node)
        self.run("wait", "--data", self.node, "--timeout", "30")
        requester = self.run("account", "address", "main", "--data", self.node)
        for index in range(SITES):
            site = f"{self.folder}/site-{index}"
            shares, own = mnist5k.share(index, SITES)
            write_records(f"{site}.safetensors", shares, own)
            self.run(
                "init", "site", "--data", site, "--genesis", f"{self.node}/genesis.dagcbor",
                "--node", f"unix:{self.node}/api.sock", "--dataset", f"{site}.safetensors",
                "--requester", requester, "--purpose", "bench/digits",
            )
            if self.step_ms is not None:
                with open(f"{site}/site.toml") as file:
                    policy = file.read()
                with open(f"{site}/site.toml", "w") as file:
                    file.write(re.sub(r"(?m)^commit_step_ms = .*$", f"commit_step_ms = {self.step_ms}", policy))
            self.start("work", "--config", f"{site}/site.toml")

    def submit(self, rounds):
        sites = [self.run("account", "address", "site", "--data", f"{self.folder}/site-{i}") for i in range(SITES)]
        job = f"{self.folder}/job.toml"
        with open(job, "w") as file:
            file.write(JOB.format(rounds=rounds, invited=", ".join(f'"{site}"' for site in sites)))
        self.run("job", "submit", job, "--holdout", f"{self.folder}/holdout.safetensors", "--data", self.node)

    def explain(self):
        """What the ledger and the processes say of a job that ended before its time."""
        job = json.loads(self.run("job", "list", "--data", self.node, "--json"))["jobs"][0]["id"]
        print(self.run("job", "show", job, "--data", self.node), file=sys.stderr)
        for index in range(len(self.processes)):
            with open(f"{self.folder}/{index}.log") as log:
                print(f"--- process {index}", *log.readlines()[-5:], sep="\n", file=sys.stderr)

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    prefix = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    step_ms = int(sys.argv[3]) if len(sys.argv) > 3 else None
    # In the system's folder: sandboxed tasks run as another user, who has to reach it.
    with tempfile.TemporaryDirectory(prefix="vinculum-bench-") as folder:
        os.chmod(folder, 0o755)
        federation = Federation(prefix, folder, step_ms)
        try:
            federation.start_all()
            federation.submit(rounds)
            times = settled_rounds(federation.node, rounds)
        except EndedEarly:
            federation.explain()
            sys.exit("the job ended early")
        finally:
            federation.stop()
    seconds = [after - before for before, after in zip(times, times[1:])]
    print(json.dumps({"round_seconds": seconds, "round_seconds_median": float(np.median(seconds))}))


if __name__ == "__main__":
    main()
