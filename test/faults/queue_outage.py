#!/usr/bin/python3
"""A service that is away, and a gateway with a queue that is killed meanwhile: everything with a receipt is
delivered, each source in its order. Then a backlog: how soon a gateway is ready with it, and what memory it takes.

    queue_outage.py [--rate 200] [--seconds 6] [--backlog 20000] [--goals] FINPOSTD FINPOST

By itself: --seconds 600 for an outage of ten minutes, --backlog 1000000. With --goals it also fails when it is too
slow: drained at less than twice the rate at which payloads come, ready after more than 5 s."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import peers

SOURCES = [f"127.0.0.{n}" for n in range(2, 10)]
QUICK = ("--retry-first", "100ms", "--retry-most", "1s", "--queue-max", "64GiB")


class Service:
    """An HTTP service with a door that can be closed. It remembers what it took, in the order in which it came first."""

    def __init__(self):
        self.taken, self.bodies, self.twice, self.wrong = {}, [], 0, []
        self.loop = asyncio.new_event_loop()
        self.port = peers.free_port()
        self.server = None
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def _do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(peers.PATIENCE)

    def open(self):
        async def start():
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=256)
        self._do(start())

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                fields = {name.lower(): value for name, value in fields.items()}
                self._take(fields["idempotency-key"], await reader.readexactly(int(fields["content-length"])))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _take(self, key, body):
        if key not in self.taken:
            self.taken[key] = body
            self.bodies.append(body)
        else:
            self.twice += 1
            if self.taken[key] != body:
                self.wrong.append(key)


class Clients:
    """One for each source: a payload, its receipt, the next one."""

    def __init__(self, rate):
        self.pause = len(SOURCES) / rate
        self.address, self.going = None, True
        self.receipts, self.unknown = {}, 0

    async def run(self):
        await asyncio.gather(*(self._send_all(source) for source in SOURCES))

    async def _send_all(self, source):
        due, number = time.monotonic(), 0
        while self.going:
            number += 1
            body = f"{source} {number:08} ".encode().ljust(256, b"x")
            try:
                reply = await asyncio.wait_for(self._exchange(source, body), 30)
            except (OSError, asyncio.IncompleteReadError):
                reply = b""
            if reply.startswith(b"finpost: queued ") and len(reply) == 53:
                self.receipts[reply[16:52].decode()] = body
            else:
                self.unknown += 1
            due += self.pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _exchange(self, source, body):
        reader, writer = await asyncio.open_connection(*self.address, local_addr=(source, 0))
        try:
            writer.write(body)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()


def outage(program, folder, rate, seconds):
    service, clients = Service(), Clients(rate)
    flags = ("--delivery", "queue", "--delivery-order", "source", "--queue-dir", os.path.join(folder, "queue"), *QUICK)
    upstream = [f"http://127.0.0.1:{service.port}/"]
    with peers.Gateway(program, folder, upstream, *flags) as first:
        clients.address = first.address
        sending = threading.Thread(target=lambda: asyncio.run(clients.run()))
        sending.start()
        try:
            time.sleep(seconds / 2)
            first.kill()  # in the middle, while they send
            second = peers.Gateway(program, folder, upstream, *flags)
        except BaseException:
            clients.going = False
            raise
        with second:
            clients.address = second.address
            time.sleep(seconds / 2)
            waiting = second.metric('finpost_queue_payloads{state="waiting"}')
            began = time.monotonic()
            service.open()
            # Until it is about as empty as it can be while more come.
            peers.until(lambda: second.metric('finpost_queue_payloads{state="waiting"}') <= rate / 4, "an empty queue",
                        60 + seconds)
            took = time.monotonic() - began
            arrived = rate * took
            clients.going = False
            sending.join()
            peers.until(lambda: not clients.receipts.keys() - service.taken.keys(), "every payload with a receipt", 60)
            peers.expect(second.stop() == 0, "the gateway did not stop cleanly")
    judge(service, clients)
    drained = (waiting + arrived) / took
    print(f"outage of {seconds:g} s at {rate} payloads/s, killed in the middle: {len(clients.receipts)} receipts, "
          f"{clients.unknown} without one, {service.twice} sent twice under one key, 0 lost, each source in order; "
          f"{waiting:.0f} waited, drained at {drained:.0f}/s, {drained / rate:.1f} times what came")
    return drained / rate


def judge(service, clients):
    peers.expect(not service.wrong, f"one key, two payloads: {service.wrong[:3]}")
    wrong = [key for key, body in clients.receipts.items() if service.taken[key] != body]
    peers.expect(not wrong, f"payloads have changed: {wrong[:3]}")
    for source in SOURCES:
        numbers = [body.split()[1] for body in service.bodies if body.startswith(source.encode() + b" ")]
        peers.expect(numbers == sorted(numbers) and numbers, f"{source} is out of order")
        peers.expect(len(numbers) == len(set(numbers)), f"{source}: one payload under two keys")


def backlog(program, load, folder, wanted, most_mib):
    flags = ("--threads", "1", "--delivery", "queue", "--queue-dir", os.path.join(folder, "backlog"), *QUICK)
    address = [f"http://127.0.0.1:{peers.free_port()}/"]
    with peers.Gateway(program, folder, address, "--frame", "length:u32be", *flags) as gateway:
        done = subprocess.run([load, "load", "%s:%d" % gateway.address, "--json", "-c", "64", "-n", str(wanted), "--size",
                               "1KiB", "--frame", "length:u32be", "--no-verify", "--duration", "1h"],
                              capture_output=True, text=True, check=False, timeout=3600)
        said = json.loads(done.stdout)
        peers.expect(said["exchanges"] == wanted, f"the load: {done.stdout} {done.stderr}")
    service = Service()
    service.open()
    began = time.monotonic()
    with peers.Gateway(program, folder, [f"http://127.0.0.1:{service.port}/"], *flags) as gateway:
        ready = time.monotonic() - began
        waiting = gateway.metric("finpost_queue_recovered_total")
        peers.expect(waiting == wanted, f"{waiting} of {wanted} are there after a kill")
        time.sleep(5)
        delivered = gateway.metric("finpost_queue_delivered_total")
        with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
        gateway.stop()
    print(f"backlog of {wanted} payloads of 1 KiB after a kill: ready in {ready:.2f} s, {peak:.1f} MiB at the most, "
          f"{delivered / 5:.0f} delivered a second at first")
    peers.expect(peak < most_mib, f"more than {most_mib} MiB")
    peers.expect(delivered > 0, "nothing is delivered")
    return ready


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--most-mib", type=int, default=64)
    parser.add_argument("--goals", action="store_true")
    parser.add_argument("finpostd")
    parser.add_argument("finpost")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("QUEUE_TEST_DIR")) as folder:
        times = outage(given.finpostd, folder, given.rate, given.seconds)
        ready = backlog(given.finpostd, given.finpost, folder, given.backlog, given.most_mib)
    if given.goals:
        peers.expect(times >= 2 and ready < 5, "too slow")


if __name__ == "__main__":
    sys.exit(peers.run(main))
