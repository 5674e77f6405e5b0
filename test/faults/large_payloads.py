#!/usr/bin/env python3
"""D16: a thousand clients with 16 MiB each, and a budget for a few of them:

    large_payloads.py [--clients 1000] [--budget 1024] FINPOSTD

Prints the most memory that the gateway ever had, which is 5 % above its budget (--max-buffered, in MiB;
finpostd's own default) at the most, and what the clients were told: their reply, `busy`, or
`receive_timeout` for those that stood half-way for too long, and nothing else. Fails otherwise.
"""

import argparse
import collections
import os
import selectors
import socket
import tempfile
import threading
import time

import measures
import peers

SIZE = 16 * measures.MIB
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
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        room = bytearray(256 << 10)
        with connection:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    part = connection.recv(4096)
                    if not part:
                        return
                    head += part
                head, rest = head.split(b"\r\n\r\n", 1)
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                left = length - len(rest)
                while left > 0:
                    n = connection.recv_into(room, min(left, len(room)))
                    if n == 0:
                        return
                    left -= n
                body = b"%d" % length
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                   % (len(body), body))


class Client:
    def __init__(self, address):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        # Clients of other machines have a kernel of their own. In this one all that they cannot send yet would use up
        # the memory for TCP, and nobody could send.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 << 10)
        self.socket.connect_ex(address)
        self.sent = 0
        self.said = b""


def drive(gateway, clients):
    """All of them at once; what they were told, and how often."""
    payload = memoryview(os.urandom(measures.MIB) * 16)
    told = collections.Counter()
    end = time.monotonic() + LIMIT
    with selectors.DefaultSelector() as waiting:
        for _ in range(clients):
            one = Client(gateway.address)
            waiting.register(one.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
        while waiting.get_map():
            peers.expect(time.monotonic() < end, f"not done in time: {dict(told)}")
            for key, events in waiting.select(1.0):
                one = key.data
                try:
                    if events & selectors.EVENT_WRITE:
                        one.sent += one.socket.send(payload[one.sent:one.sent + (1 << 18)])
                        if one.sent == SIZE:
                            one.socket.shutdown(socket.SHUT_WR)
                            waiting.modify(one.socket, selectors.EVENT_READ, one)
                    if events & selectors.EVENT_READ:
                        part = one.socket.recv(4096)
                        one.said += part
                        if part:
                            continue
                        told[b" ".join(one.said.split()[:2]).decode() or "nothing"] += 1
                        waiting.unregister(one.socket)
                        one.socket.close()
                except BlockingIOError:
                    pass
                except OSError as cut:
                    # A client that goes on sending long after its refusal is reset.
                    said = b" ".join(one.said.split()[:2]).decode()
                    told[said or type(cut).__name__] += 1
                    waiting.unregister(one.socket)
                    one.socket.close()
    return told


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
        told = drive(gateway, options.clients)
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
    peers.expect(set(told) <= {str(SIZE), "finpost: busy", "finpost: receive_timeout"},
                 "somebody was told something else")
    peers.expect(sum(told.values()) == options.clients, "somebody was told nothing")


peers.run(main)
