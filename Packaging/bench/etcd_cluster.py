"""An etcd cluster of three members on the loopback interface, and its own rate of compare-and-append.

Usage: etcd_cluster.py FOLDER APPENDS -- COMMAND...
Starts the cluster with its data below FOLDER, measures APPENDS appends through the JSON gateway (one client at a time,
then 16 at once), prints two rows of a Markdown table, runs COMMAND with {endpoints} replaced by the members, and measures
again afterwards. The cluster ends with this program.
"""

import base64
import http.client
import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(folder, clients, peers):
    cluster = ",".join(f"m{index}=http://127.0.0.1:{port}" for index, port in enumerate(peers))
    return [
        subprocess.Popen(
            ["etcd", "--name", f"m{index}", "--data-dir", f"{folder}/m{index}", "--initial-cluster", cluster,
             "--listen-peer-urls", f"http://127.0.0.1:{peers[index]}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peers[index]}",
             "--listen-client-urls", f"http://127.0.0.1:{clients[index]}",
             "--advertise-client-urls", f"http://127.0.0.1:{clients[index]}", "--logger", "zap", "--log-level", "fatal"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for index in range(len(peers))
    ]


def await_health(ports):
    for port in ports:
        for _ in range(300):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                connection.request("GET", "/health")
                if b'"true"' in connection.getresponse().read():
                    break
            except OSError:
                pass
            time.sleep(0.1)
        else:
            sys.exit(f"no member answers on port {port}")


def append(connection, key):
    """One entry where nothing is yet, as consensus-etcd writes it; answers the seconds that it took."""
    name = base64.b64encode(key.encode()).decode()
    value = base64.b64encode(("1 " + "ab" * 32).encode()).decode()
    body = json.dumps({
        "compare": [{"key": name, "target": "CREATE", "result": "EQUAL", "create_revision": "0"}],
        "success": [{"request_put": {"key": name, "value": value}}],
        "failure": [{"request_range": {"key": name}}],
    })
    begin = time.perf_counter()
    connection.request("POST", "/v3/kv/txn", body)
    answer = json.loads(connection.getresponse().read())
    if not answer.get("succeeded"):
        sys.exit(f"{key} was there already")
    return time.perf_counter() - begin


def appends(ports, run, count, clients):
    """Every client's own keys, over a connection of its own; answers all times and the appends a second."""
    times = []

    def work(number):
        connection = http.client.HTTPConnection("127.0.0.1", ports[number % len(ports)], timeout=10)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = [append(connection, f"bench/{run}/{number}/{index:020}") for index in range(count // clients)]
        times.extend(own)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(times) / (time.perf_counter() - begin)


def measure(ports, run, count, when):
    times, rate = appends(ports, f"{run}-1", count, 1)
    middle = statistics.median(times) * 1e3
    print(f"| etcd's own compare-and-append, 3 members, one client, {when}: p50; a second |"
          f" {middle:.2f} ms; {rate:.0f} /s | | | |", flush=True)
    _, rate = appends(ports, f"{run}-16", count * 2, 16)
    print(f"| the same, 16 clients | {rate:.0f} /s | | | |", flush=True)


def main():
    split = sys.argv.index("--")
    folder, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[split + 1:]
    ports = free_ports(6)
    clients, peers = ports[:3], ports[3:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    members = start(folder, clients, peers)
    try:
        await_health(clients)
        measure(clients, "before", count, "before")
        endpoints = ",".join(f"http://127.0.0.1:{port}" for port in clients)
        status = subprocess.call([word.replace("{endpoints}", endpoints) for word in command])
        measure(clients, "after", count, "afterwards")
        sys.exit(status)
    finally:
        for member in members:
            member.kill()
            member.wait()


main()
