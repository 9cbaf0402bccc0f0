#!/usr/bin/env python3
"""Times federated averaging in Flower's simulation engine: the peer of `vinculum-bench federation`.

The federation of mnist5k.py: an MLP 784-64-10 in numpy, ten clients with equal shares, SGD 0.1, batches of 32, one local
epoch a round. Writes one JSON document: seconds of each round, and test accuracy after each. A round is timed from one
evaluation on the server to the next.

Usage: flower_simulation.py [--rounds N] [--clients N] [--output FILE]
"""

import argparse
import json
import logging
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Ray's workers import mnist5k too, and load the records once each.
os.environ["PYTHONPATH"] = HERE + os.pathsep + os.environ.get("PYTHONPATH", "")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
sys.path.insert(0, HERE)

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.common import Context, ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.simulation import run_simulation

import mnist5k

BATCH = 32
LEARNING_RATE = np.float32(0.1)


def epoch(weights, images, labels):
    """One epoch of mini-batch SGD on softmax cross-entropy."""
    w1, b1, w2, b2 = (w.copy() for w in weights)
    for start in range(0, len(images), BATCH):
        x, y = images[start : start + BATCH], labels[start : start + BATCH]
        hidden = np.maximum(x @ w1 + b1, 0)
        logits = hidden @ w2 + b2
        logits -= logits.max(axis=1, keepdims=True)
        delta = np.exp(logits)
        delta /= delta.sum(axis=1, keepdims=True)
        delta[np.arange(len(y)), y] -= 1
        delta /= np.float32(len(y))
        back = (delta @ w2.T) * (hidden > 0)
        w2 -= LEARNING_RATE * (hidden.T @ delta)
        b2 -= LEARNING_RATE * delta.sum(axis=0)
        w1 -= LEARNING_RATE * (x.T @ back)
        b1 -= LEARNING_RATE * back.sum(axis=0)
    return [w1, b1, w2, b2]


def accuracy(weights, images, labels):
    w1, b1, w2, b2 = weights
    return float((np.argmax(np.maximum(images @ w1 + b1, 0) @ w2 + b2, axis=1) == labels).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--output", help="where to write the document (default: standard output)")
    arguments = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.ERROR)
    test = mnist5k.test_records()
    client_count = arguments.clients

    class Client(NumPyClient):
        def __init__(self, index):
            self.images, self.labels = mnist5k.share(index, client_count)

        def fit(self, parameters, config):
            return epoch(parameters, self.images, self.labels), len(self.images), {}

    def client(context: Context):
        return Client(int(context.node_config["partition-id"])).to_client()

    marks, accuracies = [], []

    def evaluate(_round, parameters, _config):
        marks.append(time.monotonic())
        accuracies.append(accuracy(parameters, *test))
        return 0.0, {}

    def server(_context: Context):
        strategy = FedAvg(
            fraction_fit=1.0,
            fraction_evaluate=0.0,
            min_fit_clients=client_count,
            min_available_clients=client_count,
            initial_parameters=ndarrays_to_parameters(mnist5k.start()),
            evaluate_fn=evaluate,
        )
        return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=arguments.rounds))

    run_simulation(
        server_app=ServerApp(server_fn=server),
        client_app=ClientApp(client_fn=client),
        num_supernodes=client_count,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    seconds = [after - before for before, after in zip(marks, marks[1:])]
    document = json.dumps(
        {
            "rounds": len(seconds),
            "round_seconds": seconds,
            "round_seconds_median": float(np.median(seconds[1:] or seconds)),
            "first_round_seconds": seconds[0],
            "accuracy": accuracies[1:],
        }
    )
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(document + "\n")
    else:
        print(document)


if __name__ == "__main__":
    main()
