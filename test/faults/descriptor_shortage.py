#!/usr/bin/env python3
"""D14: a gateway without a free descriptor for a while, clients waiting all the time:

    descriptor_shortage.py [--seconds 10] FINPOSTD

Prints what the shortage costs of a core (5 % at most) and how long after a descriptor has become free a
client is served (250 ms at most); fails above either.
"""

import argparse
import resource
import selectors
import socket
import tempfile
import time

import measures
import peers

MOST_OF_A_CORE = 0.05
MOST_TO_RESUME = 0.250
ROUNDS = 10
WAITING = 50
MOST_IDLE = 200


def connect(gateway):
    return socket.create_connection(gateway.address, peers.PATIENCE)


def is_refused(client, pid, before):
    """Waits until the gateway has taken a client in, which takes a descriptor more than before, or turned
    it away. Those who wait already come first."""
    end = time.monotonic() + peers.PATIENCE
    client.settimeout(0.02)
    while time.monotonic() < end:
        try:
            said = client.recv(100)
        except TimeoutError:
            if measures.descriptors(pid) > before:
                return False
            continue
        peers.expect(said.startswith(b"finpost: busy "), f"an idle client was told {said!r}")
        return True
    raise peers.Failed("a client waits in vain")


def fill(gateway, idle):
    """Idle clients until one is refused: every descriptor is taken then."""
    for _ in range(MOST_IDLE):
        before = measures.descriptors(gateway.process.pid)
        client = connect(gateway)
        if is_refused(client, gateway.process.pid, before):
            client.close()
            return
        idle.append(client)
    raise peers.Failed(f"{MOST_IDLE} idle clients, and nobody is refused")


def is_served(gateway):
    """Whether an exchange succeeds; whoever is refused while it sends may see a reset."""
    try:
        return gateway.exchange()[0] == b"hello"
    except OSError:
        return False


def hold(gateway, seconds):
    """Clients that come again whenever they are refused; how many were, and the processor's share."""
    refused = 0
    used = measures.processor_seconds(gateway.process.pid)
    began = time.monotonic()
    with selectors.DefaultSelector() as waiting:
        for _ in range(WAITING):
            waiting.register(connect(gateway), selectors.EVENT_READ)
        while time.monotonic() - began < seconds:
            for key, _ in waiting.select(0.1):
                said = key.fileobj.recv(100)
                peers.expect(said.startswith(b"finpost: busy "), f"a client was told {said!r}")
                refused += 1
                waiting.unregister(key.fileobj)
                key.fileobj.close()
                waiting.register(connect(gateway), selectors.EVENT_READ)
        took = time.monotonic() - began
        share = (measures.processor_seconds(gateway.process.pid) - used) / took
        for key in list(waiting.get_map().values()):
            key.fileobj.close()
    return refused, share


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("finpostd")
    options = options.parse_args()
    idle = []
    with tempfile.TemporaryDirectory() as folder, peers.Gateway(
            options.finpostd, folder, [], "--demo", "--threads", "1", "--receive-idle", "10m", "--receive-total",
            "10m", "--upstream-keep-alive", "10m") as gateway:
        pid = gateway.process.pid
        peers.expect(is_served(gateway), "no reply before the shortage")
        soft = measures.descriptors(pid) + 30
        resource.prlimit(pid, resource.RLIMIT_NOFILE,
                         (soft, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
        fill(gateway, idle)
        refused, share = hold(gateway, options.seconds)
        resumed = []
        for _ in range(ROUNDS):
            fill(gateway, idle)
            for _ in range(4):  # the client's, the demo's connection on both sides, one more
                idle.pop(0).close()
            began = time.monotonic()
            while not is_served(gateway):  # refused: it was there before the close was
                peers.expect(time.monotonic() - began < peers.PATIENCE, "it does not resume")
            resumed.append(time.monotonic() - began)
        lines = len(gateway.events("accept failed"))
        peers.expect(gateway.stop() == 0, "no clean stop")
    print(f"held without a descriptor        {options.seconds:.0f} s, {WAITING} clients waiting")
    print(f"refused with busy meanwhile      {refused}")
    print(f"of a core                        {100 * share:.2f} % (at most {100 * MOST_OF_A_CORE:.0f} %)")
    print(f"served again after a free one    {1000 * max(resumed):.0f} ms at worst of {ROUNDS} "
          f"(at most {1000 * MOST_TO_RESUME:.0f} ms)")
    print(f"lines that say so                {lines} for {1 + ROUNDS} shortages at the most")
    peers.expect(refused > 0, "nobody was refused")
    peers.expect(share <= MOST_OF_A_CORE, "it costs too much")
    peers.expect(max(resumed) <= MOST_TO_RESUME, "it resumes too late")
    peers.expect(1 <= lines <= 1 + ROUNDS, "it is logged more than once a shortage")


peers.run(main)
