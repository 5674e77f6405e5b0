#!/usr/bin/env python3
"""Many exchanges against a service that closes each idle connection after 0 to 50 ms:

    keep_alive_race.py [--exchanges 20000] [--clients 32] [--limit 240] FINPOSTD

A service that has made up its mind to close no longer answers what comes; the FIN takes 2 ms to get
through. A request that goes out in that time is lost, and one of two of them was acted upon. The gateway
has to send it again, on a new connection and with the same Idempotency-Key. Prints what happened; fails
when a client did not get its own payload back, or when one payload came twice under two keys.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time

import peers

IDLE = 0.050
ON_THE_WIRE = 0.002


class Service:
    """An HTTP echo that closes connections in the gateway's face."""

    def __init__(self):
        self.keys = {}  # by payload, a list: each time it was acted upon
        self.connections = self.closed = self.raced = 0

    async def serve(self, reader, writer):
        self.connections += 1
        first = True
        try:
            while True:
                patience = peers.PATIENCE if first else random.uniform(0, IDLE)
                first = False
                request = await self.request_within(reader, patience)
                if request is None:
                    await self.close_late(reader)
                    return
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request))
                writer.write(request)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway has closed it
        finally:
            writer.close()

    async def request_within(self, reader, patience):
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience)
        except asyncio.TimeoutError:
            return None
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        body = await reader.readexactly(int(fields["Content-Length"]))
        self.keys.setdefault(body, []).append(fields["Idempotency-Key"])
        return body

    async def close_late(self, reader):
        self.closed += 1
        await asyncio.sleep(ON_THE_WIRE)  # how long the FIN takes to get through
        try:
            head = await asyncio.wait_for(reader.readexactly(1), 0.0001)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError):
            return
        self.raced += 1
        if self.raced % 2 == 0:  # acted upon, and never answered
            rest = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1)
                          for line in (head + rest).decode().split("\r\n")[1:] if line)
            body = await reader.readexactly(int(fields["Content-Length"]))
            self.keys.setdefault(body, []).append(fields["Idempotency-Key"])


async def one_exchange(address, payload):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(payload)
    writer.write_eof()
    reply = await reader.read(-1)
    writer.close()
    return reply


async def drive(gateway, exchanges, clients):
    """The replies that were not their payload."""
    numbers = iter(range(exchanges))
    lost = []

    async def client():
        for n in numbers:
            payload = b"payload %d " % n + os.urandom(16).hex().encode()
            try:
                reply = await asyncio.wait_for(one_exchange(gateway.address, payload), 60)
            except (OSError, asyncio.TimeoutError) as failed:
                reply = repr(failed).encode()
            if reply != payload:
                lost.append(reply)
            await asyncio.sleep(random.uniform(0, IDLE))

    await asyncio.gather(*(client() for _ in range(clients)))
    return lost


async def race(options):
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        start = lambda: peers.Gateway(options.finpostd, folder, [f"http://127.0.0.1:{port}/"],
                                      "--access-log", "refused")
        with await loop.run_in_executor(None, start) as gateway:
            lost = await asyncio.wait_for(drive(gateway, options.exchanges, options.clients),
                                          options.limit)
            took = time.monotonic() - began
            metric = lambda name: loop.run_in_executor(None, gateway.metric, name)
            retries = await metric("finpost_upstream_retries_total")
            replied = await metric('finpost_exchanges_total{outcome="replied"}')
            code = await loop.run_in_executor(None, gateway.stop)
    server.close()
    doubled = {body: keys for body, keys in service.keys.items() if len(keys) > 1}
    strange = [keys for keys in doubled.values() if len(set(keys)) > 1 or len(keys) > 2]
    print(f"exchanges                         {options.exchanges} in {took:.1f} s")
    print(f"replied with their own payload    {options.exchanges - len(lost)}")
    print(f"lost                              {len(lost)}")
    print(f"connections the service accepted  {service.connections}")
    print(f"of these closed while idle        {service.closed}")
    print(f"requests that met the closing     {service.raced}")
    print(f"requests sent again               {retries:.0f}")
    print(f"acted upon twice, with one key    {len(doubled) - len(strange)}")
    print(f"acted upon twice, with two keys   {len(strange)}")
    peers.expect(not lost, f"lost exchanges, the first with {lost[:1]}")
    peers.expect(not strange, f"doubled without their key: {strange[:1]}")
    peers.expect(replied == options.exchanges, "the metrics know another number of replies")
    peers.expect(service.raced > 0, "no request met a closing connection: nothing was tested")
    peers.expect(retries >= service.raced / 2, "requests were lost and not sent again")
    peers.expect(code == 0, f"the gateway ended with {code}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exchanges", type=int, default=20000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--limit", type=float, default=240, help="seconds for all exchanges")
    parser.add_argument("finpostd")
    options = parser.parse_args()
    try:
        asyncio.run(race(options))
    except asyncio.TimeoutError:
        raise peers.Failed(f"not done within {options.limit} s") from None


if __name__ == "__main__":
    sys.exit(peers.run(main))
