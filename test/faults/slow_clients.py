#!/usr/bin/env python3
"""D1: ten thousand clients that send one byte every ten seconds, and a few good ones:

    slow_clients.py [--slow 10000] FINPOSTD FINPOST

Prints what the slow ones cost in memory (40 MiB at most) and what they do to the good ones' p99 (twice
that of before at most); fails above either. The good ones are `finpost load`.
"""

import argparse
import json
import selectors
import socket
import subprocess
import tempfile
import threading
import time

import measures
import peers

MOST_MEMORY = 40 * measures.MIB
MOST_TIMES = 2.0
EVERY = 10.0
GOOD = ["-c", "4", "-n", "4000"]
ROUNDS = 5


class Slow(threading.Thread):
    """The slow clients: each sends a byte in its turn, all of them within ten seconds."""

    def __init__(self, gateway, number):
        super().__init__(daemon=True)
        self.clients = []
        self.over = threading.Event()
        self.sent = 0
        while len(self.clients) < number:
            client = socket.create_connection(gateway.address, peers.PATIENCE)
            client.send(b"x")
            self.clients.append(client)

    def run(self):
        pause = 0.1
        at = 0
        share = max(1, int(len(self.clients) * pause / EVERY))
        while not self.over.wait(pause):
            for client in self.clients[at:at + share]:
                client.send(b"x")
                self.sent += 1
            at = (at + share) % len(self.clients)

    def stop(self):
        self.over.set()
        self.join()
        with selectors.DefaultSelector() as all_of_them:  # who has been told something is no client
            for client in self.clients:
                all_of_them.register(client, selectors.EVENT_READ)
            ended = len(all_of_them.select(0))
        for client in self.clients:
            client.close()
        return ended


def good(program, gateway):
    """The p99 of good clients in milliseconds: the median of some runs, for one can be unlucky."""
    found = []
    for _ in range(ROUNDS):
        done = subprocess.run([program, "load", f"{gateway.address[0]}:{gateway.address[1]}", *GOOD,
                               "--json"], capture_output=True, text=True, timeout=120, check=False)
        peers.expect(done.returncode == 0, f"finpost load failed: {done.stdout}{done.stderr}")
        found.append(json.loads(done.stdout)["latency_us"]["p99"] / 1000)
    return measures.percentile(found, 0.5)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--slow", type=int, default=10000)
    options.add_argument("finpostd")
    options.add_argument("finpost")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, peers.Gateway(
            options.finpostd, folder, [], "--demo", "--access-log", "off", "--max-connections",
            str(options.slow + 1000), "--receive-idle", "60s", "--receive-total",
            "10m") as gateway:
        pid = gateway.process.pid
        good(options.finpost, gateway)  # it has its buffers and connections after that
        before = measures.memory(pid)
        unloaded = good(options.finpost, gateway)
        slow = Slow(gateway, options.slow)
        peers.until(lambda: gateway.metric("finpost_sessions_active") >= options.slow,
                    "the slow clients' sessions")
        slow.start()
        time.sleep(1)  # under way
        loaded = good(options.finpost, gateway)
        while slow.sent < options.slow:  # each of them has had its turn
            time.sleep(0.1)
        after = measures.memory(pid)
        ended = slow.stop()
        peers.until(lambda: gateway.metric("finpost_sessions_active") == 0, "their end")
        left = measures.memory(pid)
        peers.expect(gateway.stop() == 0, "no clean stop")
    print(f"slow clients                     {options.slow}, a byte every {EVERY:.0f} s each")
    print(f"memory for all of them           {(after - before) / measures.MIB:.1f} MiB "
          f"(at most {MOST_MEMORY / measures.MIB:.0f}), {(after - before) // options.slow} bytes each; "
          f"{(left - before) / measures.MIB:.1f} MiB kept when they had gone")
    print(f"good clients' p99                {unloaded:.2f} ms without, {loaded:.2f} ms beside them "
          f"({loaded / unloaded:.2f} times, at most {MOST_TIMES})")
    peers.expect(ended == 0, f"{ended} slow clients were told something")
    peers.expect(after - before <= MOST_MEMORY, "they cost too much memory")
    peers.expect(loaded <= MOST_TIMES * unloaded, "good clients wait too long")


peers.run(main)
