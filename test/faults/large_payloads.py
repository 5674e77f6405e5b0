#!/usr/bin/env python3
"""D16: a thousand clients with 16 MiB each, and a budget for a few of them:

    large_payloads.py [--clients 1000] [--budget 1024] FINPOSTD

Prints the most memory that the gateway ever had, which is 5 % above its budget (--max-buffered, in MiB;
finpostd's own default) at the most, and what the clients were told: their reply, `busy`, or
`receive_timeout` for those that stood half-way for too long, and nothing else. Fails otherwise.
"""

import argparse
import socket
import tempfile
import threading
import time

import measures
import peers
import uploads
from uploads import SIZE, WHOLE

MOST = 1.05
LIMIT = 400.0  # seconds, for everything


class Service(threading.Thread):
    """An HTTP service that reads what is posted and says how much that was."""

    def __init__(self):
        super().__init__(daemon=True)
        self.door = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.door.getsockname()[1]

    def run(self):
        while True:
            connection = self.door.accept()[0]
            threading.Thread(target=uploads.answer, args=(connection,), daemon=True).start()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--clients", type=int, default=1000)
    options.add_argument("--budget", type=int, default=1024)
    options.add_argument("finpostd")
    options = options.parse_args()
    service = Service()
    service.start()
    budget = options.budget * measures.MIB
    with tempfile.TemporaryDirectory() as folder, peers.Gateway(
            options.finpostd, folder, [f"http://127.0.0.1:{service.port}/"], "--max-buffered",
            str(budget), "--max-payload", str(SIZE), "--max-reply", "1MiB", "--access-log",
            "refused") as gateway:
        began = time.monotonic()
        told = uploads.drive(gateway.address, options.clients, LIMIT)
        took = time.monotonic() - began
        most = measures.memory(gateway.process.pid, "VmHWM")
        small = gateway.exchange()[0]
        buffered = gateway.metric("finpost_buffered_bytes")
        peers.expect(gateway.stop() == 0, "no clean stop")
    print(f"clients                          {options.clients} with {SIZE // measures.MIB} MiB each, "
          f"{took:.0f} s")
    for what, number in told.most_common():
        print(f"  {number:5} were told              {what}")
    print(f"most memory of the process       {most / measures.MIB:.1f} MiB, "
          f"{100 * (most / budget - 1):+.1f} % of a budget of {options.budget} MiB (at most +5 %)")
    peers.expect(small == b"5", f"a small client was told {small!r} afterwards")
    peers.expect(buffered == 0, f"{buffered} bytes are still held")
    peers.expect(most <= MOST * budget, "it took more memory than it may")
    peers.expect(set(told) <= {WHOLE, "finpost: busy", "finpost: receive_timeout"},
                 "somebody was told something else")
    peers.expect(sum(told.values()) == options.clients, "somebody was told nothing")


peers.run(main)
