"""Clients of two gateways, and the service behind both: what the drills send, and what must arrive."""

import asyncio
import random
import threading
import time

import peers

RECEIPT = b"finpost: queued "


class Service:
    """An HTTP service that refuses a fifth with 503, and can be away. It remembers what it took, by key."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.taken, self.twice, self.refused, self.wrong = {}, 0, 0, []
        self.fails = True
        self.loop = asyncio.new_event_loop()
        self.port = peers.free_port()
        self.server, self.writers = None, set()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.open()

    def _do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(peers.PATIENCE)

    def open(self):
        async def start():
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self._do(start())

    def close(self):
        """Away: nobody listens, and what was open is cut."""
        async def stop():
            self.server.close()
            for writer in self.writers:
                writer.transport.abort()
        self._do(stop())

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await reader.readexactly(int(fields["content-length"]))
                if self.fails and self.random.random() < 0.2:
                    self.refused += 1
                    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
                else:
                    self._take(fields["idempotency-key"], body)
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def _take(self, key, body):
        if key not in self.taken:
            self.taken[key] = body
        else:
            self.twice += 1
            if self.taken[key] != body:
                self.wrong.append(key)


class Clients:
    """Each sends one payload after another, no two alike, to one of the gateways, and to the next one after a failure."""

    def __init__(self, addresses, number, wanted):
        self.addresses, self.number, self.wanted = addresses, number, wanted
        self.receipts, self.unknown, self.sent = {}, 0, 0
        self.last = self.longest_pause = 0.0
        self.going, self.problem = True, None
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self):
        self.last = time.monotonic()
        self.thread.start()

    def join(self, limit):
        self.thread.join(limit)
        peers.expect(not self.thread.is_alive(), f"{len(self.receipts)} of {self.wanted} receipts after {limit} s")
        peers.expect(self.problem is None, self.problem)

    async def _run(self):
        await asyncio.gather(*(self._send_all(client) for client in range(self.number)))

    async def _send_all(self, client):
        at = client
        while self.going and len(self.receipts) < self.wanted:
            self.sent += 1
            body = f"{client:04} {self.sent:09} ".encode().ljust(64 + self.sent % 2000, b"x")
            try:
                reply = await asyncio.wait_for(self._exchange(self.addresses[at % len(self.addresses)], body), 30)
            except (OSError, asyncio.TimeoutError):
                reply = b""
            if reply.startswith(RECEIPT) and len(reply) == 53:
                self._note(reply[16:52].decode(), body)
            else:
                self.unknown += 1
                at += 1
                if reply and not reply.startswith(b"finpost: "):
                    self.problem = f"a reply that is none: {reply[:80]}"
                await asyncio.sleep(0.05)

    def _note(self, key, body):
        now = time.monotonic()
        self.longest_pause = max(self.longest_pause, now - self.last)
        self.last = now
        if key in self.receipts:
            self.problem = f"two receipts with {key}"
        self.receipts[key] = body

    @staticmethod
    async def _exchange(address, body):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(body)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()


def judge(service, clients):
    """After the queue is empty. The payloads that were lost: none, or this fails."""
    peers.expect(not service.wrong, f"one key, two payloads: {service.wrong[:3]}")
    lost = [key for key in clients.receipts if key not in service.taken]
    peers.expect(not lost, f"{len(lost)} lost: {lost[:3]}")
    changed = [key for key, body in clients.receipts.items() if service.taken[key] != body]
    peers.expect(not changed, f"changed: {changed[:3]}")
    bodies = set(service.taken.values())
    peers.expect(len(bodies) == len(service.taken), f"{len(service.taken) - len(bodies)} payloads under two keys")
