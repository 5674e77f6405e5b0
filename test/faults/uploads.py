"""Many large payloads at once, and the service that counts their bytes: for the scripts about the budget."""

import collections
import os
import selectors
import socket
import time

import measures
import peers

SIZE = 16 * measures.MIB
WHOLE = str(SIZE)  # what a client is told whose payload the service has


def answer(connection):
    """An HTTP service on one connection: reads what is posted and says how much that was."""
    room = bytearray(1 << 20)
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
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


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

    def told(self):
        """A refusal without its request id."""
        return b" ".join(self.said.split()[:2]).decode()


def drive(address, clients, limit):
    """All of them at once, for so many seconds; what they were told, and how often."""
    payload = memoryview(os.urandom(measures.MIB) * 16)
    told = collections.Counter()
    end = time.monotonic() + limit
    with selectors.DefaultSelector() as waiting:
        for _ in range(clients):
            one = Client(address)
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
                        told[one.told() or "nothing"] += 1
                        waiting.unregister(one.socket)
                        one.socket.close()
                except BlockingIOError:
                    pass
                except OSError as cut:
                    # A client that goes on sending long after its refusal is reset.
                    told[one.told() or type(cut).__name__] += 1
                    waiting.unregister(one.socket)
                    one.socket.close()
    return told
