#!/usr/bin/python3
"""Everything at once, for a while: clients of every kind, a service that does what services do on bad days, reloads,
drains, restarts, kills, and a gateway that runs short of descriptors and of memory. Whatever happens, each client reads
its own whole reply, a refusal line, or a reset; the service has its payload whole or not at all, at most twice, under
one key; a reason that says "nothing was sent" is true; the counters balance, and nothing is left behind.

    torture.py [--seconds 60] [--seed N] [--clients 40] [--calm] FINPOSTD

The seed draws what is done; when it happens is up to the machine. --calm leaves out what kills or starves the process,
which a sanitizer does not bear.
Prints what was done, how often, and what was wrong. Exit code 1 when anything was.
"""

import argparse
import asyncio
import base64
import collections
import hashlib
import json
import logging
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import peers

REFUSAL = re.compile(rb"finpost: ([a-z_]+) [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n")
# Said only while not a byte of the request has gone out.
NOTHING_SENT = {"upstream_unreachable", "busy", "draining", "too_large", "bad_encoding", "empty", "receive_timeout",
                "too_slow", "denied"}
GOOD = ["length", "chunked", "until_close", "slow", "closes", "interim"]
BAD = ["reset", "reset_in_head", "reset_in_body", "cut_length", "cut_chunked", "reset_until_close", "nonsense",
       "status_500", "early_413"]
LISTENERS = ["plain", "stream", "base64", "spill"]


def reset(writer):
    """Ends a connection so that its peer cannot take it for an end."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


def answer_to(body, size):
    """What the service answers to a payload: nothing of it can be taken for another's, or for a part of it."""
    mark = hashlib.sha256(body).hexdigest().encode()
    return mark + b" " + (mark * (size // len(mark) + 1))[:size] + b" end\n"


class Service:
    """An HTTP service that does as the payload says: `ID ACTION SIZE\\n` and filler."""

    def __init__(self):
        self.taken = collections.defaultdict(list)  # by client: (key, whether it was whole and right)
        self.requests = 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = bytearray()
        if "content-length" in fields:
            length = int(fields["content-length"])
            while len(body) < length:
                part = await reader.read(min(length - len(body), 1 << 18))
                if not part:
                    return False
                body += part
                if self.refuses_early(body):
                    return await self.early(writer)
        else:
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                part = await reader.readexactly(size + 2)
                body += part[:-2]
                if self.refuses_early(body):
                    return await self.early(writer)
                if size == 0:
                    break
        body = bytes(body)
        who, action, size = body.split(b"\n", 1)[0].decode("latin1").split(" ")
        self.requests += 1
        self.taken[who].append((fields["idempotency-key"], hashlib.sha256(body).hexdigest()))
        return await getattr(self, action)(writer, answer_to(body, int(size)))

    @staticmethod
    def refuses_early(body):
        return b" early_413 " in body[:60]

    async def early(self, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbig\n")
        await writer.drain()
        return False

    async def length(self, writer, answer, more=b""):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(answer), more))
        writer.write(answer)
        await writer.drain()
        return True

    async def chunked(self, writer, answer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(answer), 30000):
            part = answer[at:at + 30000]
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def until_close(self, writer, answer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + answer)
        await writer.drain()
        return False

    async def slow(self, writer, answer):
        await asyncio.sleep(0.15)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        await asyncio.sleep(0.02)
        writer.write(b"ngth: %d\r\n\r\n" % len(answer))
        for at in range(0, len(answer), len(answer) // 3 + 1):
            await asyncio.sleep(0.01)
            writer.write(answer[at:at + len(answer) // 3 + 1])
        await writer.drain()
        return True

    async def closes(self, writer, answer):
        """Without a word, just as somebody may want to use the connection again."""
        await self.length(writer, answer)
        await asyncio.sleep(0.001)
        return False

    async def interim(self, writer, answer):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        return await self.length(writer, answer)

    async def reset(self, writer, _):
        reset(writer)
        return False

    async def reset_in_head(self, writer, answer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Len")
        await writer.drain()
        await asyncio.sleep(0.005)
        reset(writer)
        return False

    async def cut(self, writer, head, answer, ends):
        writer.write(head + answer[:len(answer) // 2])
        await writer.drain()
        await asyncio.sleep(0.005)
        if ends is reset:
            reset(writer)
        return False

    async def reset_in_body(self, writer, answer):
        return await self.cut(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer), answer, reset)

    async def cut_length(self, writer, answer):
        return await self.cut(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer), answer, None)

    async def cut_chunked(self, writer, answer):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(answer)
        return await self.cut(writer, head, answer, None)

    async def reset_until_close(self, writer, answer):
        return await self.cut(writer, b"HTTP/1.1 200 OK\r\n\r\n", answer, reset)

    async def nonsense(self, writer, _):
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        return False

    async def status_500(self, writer, _):
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\noops\n")
        await writer.drain()
        return True


class Gateway:
    """The process, its configuration file and its restarts."""

    def __init__(self, program, folder, dice, service):
        self.program, self.folder, self.dice, self.service = program, folder, dice, service
        self.ports = {name: peers.free_port() for name in LISTENERS}
        self.admin = peers.free_port()
        self.config = os.path.join(folder, "finpost.toml")
        self.log = os.path.join(folder, "log")
        self.process, self.starved = None, False

    def write(self):
        pick = self.dice.choice
        text = f'''admin = "127.0.0.1:{self.admin}"
log_level = "info"
log_format = "json"
log_file = "{self.log}"
drain = "2s"
max_buffered = "{pick(["8MiB", "16MiB", "64MiB"])}"
threads = 2
'''
        for name in LISTENERS:
            text += f'''
[[listeners]]
listen = "127.0.0.1:{self.ports[name]}"
upstream = "service"
receive_idle = "{pick(["1s", "2s"])}"
receive_total = "20s"
reply_total = "10s"
max_payload = "4MiB"
spill_dir = "{self.folder}"
max_connections = {pick([30, 100, 1000])}
'''
            text += {"plain": "", "stream": f'stream_above = "{pick(["16KiB", "64KiB"])}"\n',
                     "base64": 'decode = "base64"\nencode = "base64"\n',
                     "spill": ""}[name]
            spills = pick(["32KiB", "256KiB"]) if name == "spill" else pick(["off", "4MiB"])
            if name != "stream":
                text += f'spill_above = "{spills}"\n'
        text += f'''
[upstreams.service]
endpoints = "http://127.0.0.1:{self.service.port}/in"
upstream_total = "5s"
upstream_connect = "1s"
max_reply = "4MiB"
'''
        with open(self.config + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(self.config + ".new", self.config)

    async def start(self, files=None):
        self.write()
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        self.process = subprocess.Popen([self.program, "--config", self.config], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=limit)
        end = time.monotonic() + peers.PATIENCE
        while await self.get("/healthz") is None:
            if self.process.poll() is not None:
                raise peers.Failed(f"finpostd did not start: {self.process.stderr.read().decode()}")
            peers.expect(time.monotonic() < end, "finpostd is not ready")
            await asyncio.sleep(0.02)
        self.few_files = files

    async def get(self, path):
        """The body, or None."""
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.admin), 5)
        except (OSError, asyncio.TimeoutError):
            return None
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            data = await asyncio.wait_for(reader.read(-1), 10)
            return data.split(b"\r\n\r\n", 1)[1].decode() if data.startswith(b"HTTP/1.1 200") else None
        except (OSError, asyncio.TimeoutError):
            return None
        finally:
            writer.close()

    async def metrics(self):
        text = await self.get("/metrics")
        found = collections.Counter()
        for name, labels, value in re.findall(r"^(\w+)(\{.*\})? ([0-9.e+-]+)$", text or "", re.M):
            found[name] += float(value)
            if labels:
                found[name + labels] += float(value)
        return found

    async def ended(self, limit):
        end = time.monotonic() + limit
        while self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return self.process.poll()


class Torture:
    def __init__(self, options):
        self.options = options
        self.dice = random.Random(options.seed)
        self.service = Service()
        self.counts, self.wrong = collections.Counter(), []
        self.sent = {}  # by client: the digest of its payload, and what must hold of it
        self.going, self.open = asyncio.Event(), 0
        self.going.set()
        self.over = False
        self.next = 0

    def fault(self, what):
        self.wrong.append(what)
        if len(self.wrong) <= 20:
            print(f"WRONG: {what}", flush=True)

    # --- clients

    async def clients(self):
        while not self.over:
            await self.going.wait()
            self.open += 1
            try:
                await self.client()
            finally:
                self.open -= 1

    @staticmethod
    def payload(dice, who, action):
        size = int(2 ** dice.uniform(0, 21.5 if dice.random() < 0.15 else 15))
        reply = int(2 ** dice.uniform(0, 21 if dice.random() < 0.15 else 14))
        head = f"{who} {action} {reply}\n".encode()
        filler = dice.randbytes(min(size, 4096))
        body = head + (filler * (size // len(filler) + 1))[:size]
        return body, answer_to(body, reply)

    async def client(self):
        self.next += 1
        who = f"c{self.next}"
        dice = random.Random(f"{self.options.seed} {who}")  # the same client in every run
        listener = dice.choice(LISTENERS)
        action = dice.choice(GOOD) if dice.random() < 0.8 else dice.choice(BAD)
        manner = dice.choices(["fair", "drips", "resets_before", "resets_after", "leaves", "reads_slowly", "never_ends",
                               "probe"], [50, 15, 10, 6, 6, 6, 2, 5])[0]
        body, answer = self.payload(dice, who, action)
        wire = base64.b64encode(body) if listener == "base64" else body
        plan = (dice.random(), dice.randint(1, 6))
        self.sent[who] = {"digest": hashlib.sha256(body).hexdigest(), "manner": manner, "reason": None,
                          "replied": False}
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", self.gateway.ports[listener], limit=1 << 18), 10)
        except (OSError, asyncio.TimeoutError):
            self.counts["not connected"] += 1
            await asyncio.sleep(0.05)
            return
        self.counts[f"client {manner}"] += 1
        self.counts[f"service {action}"] += 1
        try:
            await asyncio.wait_for(self.talk(who, reader, writer, manner, wire, answer, listener, action, plan), 45)
        except asyncio.TimeoutError:
            self.fault(f"{who} ({manner}, {listener}, {action}) had no end within 45 s")
        except OSError:
            self.counts["end reset"] += 1
        finally:
            reset(writer)

    async def talk(self, who, reader, writer, manner, wire, answer, listener, action, plan):
        where, pieces = plan
        if manner == "probe":
            writer.close()
            return
        if manner == "resets_before":
            writer.write(wire[:max(1, int(where * len(wire)))])
            await asyncio.sleep(where * 0.02)
            reset(writer)
            return
        upload = asyncio.ensure_future(self.upload(writer, wire, pieces if manner == "drips" else 1,
                                                   manner != "never_ends"))
        try:
            if manner == "resets_after":
                await upload
                await asyncio.sleep(where * 0.05)
                reset(writer)
                return
            if manner == "leaves":
                await upload
                writer.close()
                return
            await self.read(who, reader, manner, answer, listener, action)
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)

    @staticmethod
    async def upload(writer, wire, pieces, ends):
        step = len(wire) // pieces + 1
        for at in range(0, len(wire), step):
            writer.write(wire[at:at + step])
            await writer.drain()
            if pieces > 1:
                await asyncio.sleep(0.005)
        if ends:
            writer.write_eof()

    async def read(self, who, reader, manner, answer, listener, action):
        got = bytearray()
        try:
            while True:
                part = await reader.read(1 << 16)
                if not part:
                    break
                got += part
                if manner == "reads_slowly" and len(got) < 300000:
                    await asyncio.sleep(0.02)
        except OSError:
            self.counts["end reset"] += 1
            return
        refusal = REFUSAL.fullmatch(bytes(got))
        told = f"{who} ({manner}, {listener}, {action})"
        if refusal:
            reason = refusal[1].decode()
            self.counts[f"refused {reason}"] += 1
            self.sent[who]["reason"] = reason
            return
        try:
            plain = base64.b64decode(bytes(got), validate=True) if listener == "base64" else bytes(got)
        except ValueError:
            plain = b""
        if manner == "never_ends":
            self.fault(f"{told} read {len(got)} bytes and a FIN, and never sent one")
        elif action in BAD:
            self.fault(f"{told} read {len(got)} bytes as a success: {bytes(got[:60])!r}")
        elif plain != answer:
            self.fault(f"{told} read {len(plain)} of {len(answer)} bytes and a FIN: {bytes(got[:60])!r}")
        else:
            self.sent[who]["replied"] = True
            self.counts["replied"] += 1

    # --- what happens to the gateway

    async def quiet(self):
        """Nobody is in flight, and then the books must balance."""
        self.going.clear()
        end = time.monotonic() + 60
        while self.open and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if self.open:
            self.fault(f"{self.open} clients never end")
        end = time.monotonic() + 10
        while True:
            now = await self.gateway.metrics()
            if (now and not now["finpost_sessions_active"] and not now["finpost_buffered_bytes"]) or \
                    time.monotonic() > end:
                break
            await asyncio.sleep(0.05)
        self.counts["looks at the books"] += 1
        ended = now["finpost_exchanges_total"]
        if not now:
            self.fault("the admin port says nothing")
        if now["finpost_sessions_active"] or now["finpost_buffered_bytes"]:
            self.fault(f"left behind: {now['finpost_sessions_active']:.0f} sessions, "
                       f"{now['finpost_buffered_bytes']:.0f} bytes")
        elif now["finpost_sessions_total"] != ended:
            self.fault(f"{now['finpost_sessions_total']:.0f} sessions, {ended:.0f} ends")
        idle = now['finpost_upstream_connections{state="idle"}']
        files = len(os.listdir(f"/proc/{self.gateway.process.pid}/fd")) - idle
        # Descriptors that the admin port and the log have by chance.
        if files > self.files + 8:
            self.fault(f"{files:.0f} descriptors are open, {self.files} were at the start")
        self.going.set()

    async def started(self, files=None):
        await self.gateway.start(files)
        self.files = len(os.listdir(f"/proc/{self.gateway.process.pid}/fd"))

    async def reload(self):
        self.gateway.write()
        self.gateway.process.send_signal(signal.SIGHUP)

    async def restart(self):
        await self.quiet() if self.dice.random() < 0.3 else None
        self.gateway.process.send_signal(signal.SIGTERM)
        code = await self.gateway.ended(15)
        if code is None:
            self.fault("a drain of 2 s takes longer than 15 s")
            self.gateway.process.kill()
            self.gateway.process.wait()
        elif code != 0:
            self.fault(f"finpostd ended with {code}: {self.gateway.process.stderr.read().decode()[-500:]}")
        await self.started(None if self.options.calm else self.dice.choice([None, None, 90]))

    async def kill(self):
        self.gateway.process.kill()
        self.gateway.process.wait()
        await self.started()

    async def starve(self):
        """For a moment there is no more memory than what it has."""
        with open(f"/proc/{self.gateway.process.pid}/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        most = pages * resource.getpagesize() + self.dice.choice([0, 1 << 20])
        try:
            resource.prlimit(self.gateway.process.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
            await asyncio.sleep(self.dice.uniform(0.2, 1))
        finally:
            resource.prlimit(self.gateway.process.pid, resource.RLIMIT_AS,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    async def chaos(self, end):
        deeds = {"reload": 6, "quiet": 2, "restart": 2, "kill": 1, "starve": 2}
        if self.options.calm:
            deeds = {"reload": 6, "quiet": 2, "restart": 1}
        while time.monotonic() < end:
            await asyncio.sleep(self.dice.uniform(0.1, 1.5))
            deed = self.dice.choices(list(deeds), list(deeds.values()))[0]
            self.counts[f"deed {deed}"] += 1
            await getattr(self, deed)()
            code = self.gateway.process.poll()
            if code is not None:
                self.fault(f"finpostd died: {code}: {self.gateway.process.stderr.read().decode()[-500:]}")
                await self.started()
            elif await self.gateway.get("/healthz") is None and deed != "starve":
                self.fault(f"no answer from /healthz after {deed}")

    # --- at the end

    def judge(self):
        for who, sent in self.sent.items():
            taken = self.service.taken.get(who, [])
            told = f"{who} ({sent['manner']})"
            if any(digest != sent["digest"] for _, digest in taken):
                self.fault(f"the service has another payload than {told} sent")
            if len(taken) > 2 or len({key for key, _ in taken}) > 1:
                self.fault(f"the service has {told} {len(taken)} times, by {len({k for k, _ in taken})} keys")
            if taken and sent["manner"] in ("resets_before", "never_ends", "probe"):
                self.fault(f"the service has the payload of {told}, which never was whole")
            if taken and sent["reason"] in NOTHING_SENT:
                self.fault(f"{told} was told {sent['reason']}, and the service has it")
            if sent["replied"] and not taken:
                self.fault(f"{told} has a reply, and the service knows nothing of it")

    async def run(self, folder):
        await self.service.start()
        self.gateway = Gateway(self.options.finpostd, folder, self.dice, self.service)
        await self.started()
        end = time.monotonic() + self.options.seconds
        tasks = [asyncio.ensure_future(self.clients()) for _ in range(self.options.clients)]
        try:
            await self.chaos(end)
            if self.gateway.few_files:
                await self.restart()
            await self.quiet()
            self.over = True
            await asyncio.gather(*tasks)
            self.gateway.process.send_signal(signal.SIGTERM)
            if await self.gateway.ended(15) != 0:
                self.fault(f"the last stop ended with {self.gateway.process.poll()}")
        finally:
            if self.gateway.process.poll() is None:
                self.gateway.process.kill()
                self.gateway.process.wait()
        self.judge()
        bugs = collections.Counter()
        with open(self.gateway.log, encoding="utf-8", errors="replace") as log:
            for line in log:
                try:
                    event = json.loads(line)
                except ValueError:
                    bugs["a line that is no JSON"] += 1
                    continue
                if event.get("event") in ("session failed", "handler failed"):
                    bugs[f"{event['event']}: {event.get('what')}"] += 1
        for name, count in sorted({**self.counts, **{f"log {k}": v for k, v in bugs.items()}}.items()):
            print(f"{count:8}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("finpostd")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it tells of each reset
    torture = Torture(options)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(torture.run(folder))
    print(f"{torture.next} clients, {torture.service.requests} requests, {len(torture.wrong)} wrong")
    sys.exit(1 if torture.wrong else 0)


if __name__ == "__main__":
    main()
