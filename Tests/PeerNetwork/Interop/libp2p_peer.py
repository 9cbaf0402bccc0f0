"""A peer that is not ours: PyPI libp2p, driven by tests of PeerNetwork.

listen FILE       writes the address it listens at, with its id, to the file, and serves until it is killed
dial ADDRESS      dials the address: ping, identify, and an echo of 1 MiB; prints what it saw
"""

import hashlib
import secrets
import sys

import multiaddr
import trio

from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.ping import PingService
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.peer.peerinfo import info_from_p2p_addr

ECHO = "/vinculum/test/echo/1"
IDENTIFY = "/ipfs/id/1.0.0"
SIZE = 1 << 20


def say(*words):
    print(*words, flush=True)


async def echo(stream):
    """Sends back what comes, until the other side ends."""
    while True:
        try:
            data = await stream.read(65536)
        except Exception:
            break
        if not data:
            break
        await stream.write(data)
    await stream.close()


async def read_all(stream, size):
    data = b""
    while len(data) < size:
        part = await stream.read(65536)
        if not part:
            break
        data += part
    return data


async def identify(host, peer):
    stream = await host.new_stream(peer, [IDENTIFY])
    data = b""
    while True:
        try:
            part = await stream.read(65536)
        except Exception:
            break
        if not part:
            break
        data += part
    await stream.close()
    length, shift, index = 0, 0, 0
    while True:
        length |= (data[index] & 0x7F) << shift
        index += 1
        if data[index - 1] & 0x80 == 0:
            break
        shift += 7
    assert len(data) == index + length, (len(data), index, length)
    message = Identify()
    message.ParseFromString(data[index:])
    return message


async def dial(host, address):
    info = info_from_p2p_addr(multiaddr.Multiaddr(address))
    await host.connect(info)
    rounds = await PingService(host).ping(info.peer_id, ping_amt=3)
    say("ping", len(rounds))
    message = await identify(host, info.peer_id)
    say("agent", message.agent_version)
    say("speaks", ECHO in message.protocols)
    say("observed", multiaddr.Multiaddr(message.observed_addr))
    stream = await host.new_stream(info.peer_id, [ECHO])
    sent = secrets.token_bytes(SIZE)
    received = b""

    async def receive():
        nonlocal received
        received = await read_all(stream, SIZE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await stream.write(sent)
    await stream.close()
    say("echo", hashlib.sha256(received).digest() == hashlib.sha256(sent).digest(), len(received))


async def main():
    host = new_host(key_pair=create_new_key_pair(secrets.token_bytes(32)), muxer_preference="YAMUX")
    host.set_stream_handler(ECHO, echo)
    listens = sys.argv[1] == "listen"
    async with host.run(listen_addrs=[multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        if listens:
            with open(sys.argv[2], "w") as file:
                file.write(f"{host.get_addrs()[0]}\n")
            # The test ends this process; if the test is gone, time does.
            await trio.sleep(120)
        else:
            with trio.fail_after(60):
                await dial(host, sys.argv[2])


trio.run(main)
