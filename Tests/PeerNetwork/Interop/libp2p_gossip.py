"""A gossiping peer that is not ours: PyPI libp2p with GossipSub 1.1, driven by tests of PeerNetwork.

listen FILE       writes the address it listens at, with its id, to the file; then as below
dial ADDRESS      dials the address; then as below

Subscribes, waits for the mesh with the other side, says five messages and hears five, tells by identify push of a
protocol that it did not speak before, and prints what it saw.
"""

import secrets
import sys

import multiaddr
import trio

from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.identity.identify_push.identify_push import push_identify_to_peers
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service

TOPIC = "/vinculum/test/gossip/1"
LATE = "/vinculum/test/late/1"
PUSHED = "/ip4/192.0.2.77/tcp/4077"
COUNT = 5


def say(*words):
    print(*words, flush=True)


async def until(condition):
    while not condition():
        await trio.sleep(0.05)


async def ignore(stream):
    await stream.close()


def knows(host, peer, text):
    """Whether this side was told of an address of the peer."""
    try:
        return any(str(address).startswith(text) for address in host.get_peerstore().addrs(peer))
    except Exception:
        return False


async def converse(host, pubsub, router):
    subscription = await pubsub.subscribe(TOPIC)
    await until(lambda: len(pubsub.peer_topics.get(TOPIC, ())) > 0)
    peer = next(iter(pubsub.peer_topics[TOPIC]))
    say("subscribed", peer)
    await until(lambda: peer in router.mesh.get(TOPIC, ()))
    say("mesh True")
    for number in range(COUNT):
        await pubsub.publish(TOPIC, f"python {number}".encode())
    heard = set()
    while len(heard) < COUNT:
        message = await subscription.get()
        if message.from_id == host.get_id().to_bytes():
            continue
        heard.add(message.data.decode())
    for text in sorted(heard):
        say("heard", text)
    host.set_stream_handler(LATE, ignore)
    await push_identify_to_peers(host, {peer})
    await until(lambda: knows(host, peer, PUSHED))
    say("told", PUSHED)
    record = host.get_peerstore().get_peer_record(peer)
    say("record", record is not None and record.record().peer_id == peer)
    # The other side may still be reading.
    await trio.sleep(2)


async def main():
    host = new_host(key_pair=create_new_key_pair(secrets.token_bytes(32)), muxer_preference="YAMUX")
    router = GossipSub(
        protocols=[PROTOCOL_ID_V11], degree=6, degree_low=4, degree_high=12, heartbeat_initial_delay=0.1,
        heartbeat_interval=1)
    pubsub = Pubsub(host, router)
    async with host.run(listen_addrs=[multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        async with background_trio_service(pubsub), background_trio_service(router):
            await pubsub.wait_until_ready()
            with trio.fail_after(90):
                if sys.argv[1] == "listen":
                    with open(sys.argv[2], "w") as file:
                        file.write(f"{host.get_addrs()[0]}\n")
                else:
                    await host.connect(info_from_p2p_addr(multiaddr.Multiaddr(sys.argv[2])))
                await converse(host, pubsub, router)


trio.run(main)
