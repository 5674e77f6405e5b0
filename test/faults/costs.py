#!/usr/bin/python3
"""What clients cost that nobody trusts, on loopback:

    costs.py [--clients 1000] [--connections 2000] [--calm] FINPOSTD

First the memory of each client that stalls, by where it stalls. Then what each connection costs that is turned away,
beside one that is served: processor time of the gateway, bytes that it answers for bytes that it was sent, bytes in its
log. It draws nothing by chance. Fails above the bounds that SECURITY.md names; --calm leaves out those of processor
time, which want the machine for themselves. Memory is that of the process: what the kernel holds for a socket is on top.
"""

import argparse
import collections
import contextlib
import glob
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading

import measures
import peers

# Bytes of memory for each client that stalls, and what a connection turned away may cost of one that is served.
MOST_PLAIN, MOST_BEGUN, MOST_TLS = 8 << 10, 8 << 10, 96 << 10
MOST_TIMES = 2.0
# Bytes answered whatever was sent, and bytes in the log for each connection.
MOST_ANSWER, MOST_LOG = 80, 640

HELLO_1_1 = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x02" + b"r" * 32 + b"\x00\x00\x02\xc0\x14\x01\x00"
PATIENT = ["--receive-idle", "10m", "--receive-total", "10m", "--tls-handshake", "10m", "--access-log", "off"]

AT_ONCE = 50
Turned = collections.namedtuple("Turned", "name flags say ends", defaults=(True,))


class Service:
    """An HTTP service that keeps its connections and says ok."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.heads = self.requests = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as reader:
            while True:
                length, size = 0, 0
                while (line := reader.readline()) not in (b"\r\n", b""):
                    size += len(line)
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if not line:
                    return
                reader.read(length)
                self.heads += size + 2
                self.requests += 1
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def make_certificate(folder):
    name = os.path.join(folder, "gateway.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
                    "-keyout", name + ".key", "-out", name, "-days", "2", "-subj", "/CN=gateway"], check=True,
                   capture_output=True)
    return ["--tls-cert", name, "--tls-key", name + ".key"]


class Handshake:
    """The client's side of TLS, without a socket."""

    def __init__(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.over = False

    def says(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
            self.over = True
        return self.outgoing.read()

    def on(self, client):
        """The whole handshake; the bytes sent and answered."""
        sent = answered = 0
        while True:
            said = self.says()
            client.sendall(said)
            sent += len(said)
            if self.over:
                return sent, answered
            got = client.recv(65536)
            answered += len(got)
            self.incoming.write(got)


def connect(gateway):
    return socket.create_connection(gateway.address, peers.PATIENCE)


def leave(client):
    """Ends with a reset: no TIME_WAIT."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# --- memory

def memory_of_each(gateway, number, begin):
    """Bytes for each of so many clients that have begun like this and say no more."""
    held = []
    pid = gateway.process.pid

    def more(count):
        for _ in range(count):
            held.append(connect(gateway))
            begin(held[-1])
        peers.until(lambda: gateway.metric("finpost_sessions_active") == len(held), "their sessions")

    more(50)  # whatever is made once
    before = measures.memory(pid)
    more(number)
    grown = measures.memory(pid) - before
    for client in held:
        leave(client)
    peers.until(lambda: gateway.metric("finpost_sessions_active") == 0, "their end")
    return grown / number


def stalls(options, folder, tls, url):
    flags = ["--max-handshakes", str(options.clients + 100), *PATIENT]
    proxied = ["--proxy-protocol-from", "127.0.0.0/8"]

    def stalled_hello(client):
        client.sendall(Handshake().says())
        client.recv(1, socket.MSG_PEEK)  # the gateway has answered

    table = [("connected, and says nothing", [], lambda client: None, MOST_PLAIN),
             ("one byte, and no end", [], lambda client: client.sendall(b"x"), MOST_PLAIN),
             ("part of a PROXY header", proxied, lambda client: client.sendall(b"PROXY TC"), MOST_PLAIN),
             ("nothing on a TLS port", tls, lambda client: None, MOST_BEGUN),
             ("part of a ClientHello", tls, lambda client: client.sendall(Handshake().says()[:100]), MOST_BEGUN),
             ("a whole ClientHello", tls, stalled_hello, MOST_TLS),
             ("a whole TLS handshake", tls, lambda client: Handshake().on(client), MOST_TLS)]
    print(f"{'memory of each client that stalls':44} bytes")
    for name, more, begin, most in table:
        with peers.Gateway(options.finpostd, folder, [url], *flags, *more) as gateway:
            bytes_each = memory_of_each(gateway, options.clients, begin)
        print(f"{name:44} {bytes_each:6.0f}")
        peers.expect(bytes_each <= most, f"{name}: more than {most} bytes")


# --- what is turned away

def processor_seconds(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9 or measures.processor_seconds(pid)


def some(gateway, how, number):
    """Some connections at once; what was sent on them and answered, in bytes."""
    sent = answered = 0
    clients = []
    for _ in range(number):
        with contextlib.suppress(OSError):  # a reset may come at once
            clients.append(connect(gateway))
            if callable(how.say):
                said, heard = how.say(clients[-1])
                sent, answered = sent + said, answered + heard
                continue
            clients[-1].sendall(how.say)
            sent += len(how.say)
            if how.ends:
                clients[-1].shutdown(socket.SHUT_WR)
    for client in clients:
        with contextlib.suppress(ConnectionError):
            while not callable(how.say) and (got := client.recv(65536)):
                answered += len(got)
        leave(client)
    return sent, answered


def ended(gateway):
    outcomes = ("replied", "refused", "aborted", "probe")
    return sum(gateway.metric(f'finpost_exchanges_total{{outcome="{one}"}}') for one in outcomes)


def cost(options, folder, how, urls):
    """Microseconds of the gateway's processors, bytes sent and answered, bytes in the log: for each connection."""
    with peers.Gateway(options.finpostd, folder, urls, *how.flags) as gateway, contextlib.ExitStack() as held:
        if how.name == "busy":
            held.callback(leave, connect(gateway))
            peers.until(lambda: gateway.metric("finpost_sessions_active") == 1, "the one that is there")
        done = AT_ONCE
        some(gateway, how, AT_ONCE)
        peers.until(lambda: ended(gateway) == done, "the end of the first")
        pid = gateway.process.pid
        before, log = processor_seconds(pid), os.path.getsize(gateway.log)
        sent = answered = 0
        while done < options.connections + AT_ONCE:
            more = some(gateway, how, AT_ONCE)
            sent, answered, done = sent + more[0], answered + more[1], done + AT_ONCE
        peers.until(lambda: ended(gateway) == done, "the end of all")
        spent = processor_seconds(pid) - before
        held.close()
        gateway.stop()  # then all lines are written
        lines = os.path.getsize(gateway.log) - log - 400  # without `draining` and `stopped`
    number = done - AT_ONCE
    return spent / number * 1e6, sent / number, answered / number, max(0, lines) / number


def ways(tls):
    def shake_hands(client):
        return Handshake().on(client)

    def half_a_payload(client):
        client.sendall(b"half")
        return 4, 0

    def an_old_version(client):
        client.sendall(HELLO_1_1)
        return len(HELLO_1_1), len(client.recv(65536))  # who stays is reset after 2 s

    nobody = f"http://127.0.0.1:{peers.free_port()}/"
    first = Turned("served: one byte, and its reply", [], b"x")
    return first, [
        Turned("a probe: connects and goes", [], b""),
        Turned("a reset in the payload", [], half_a_payload),
        Turned("denied", ["--deny", "127.0.0.1"], b"x"),
        Turned("busy", ["--max-per-source", "1"], b"x"),
        Turned("bad_encoding", ["--decode", "base64"], b"*"),
        Turned("empty", ["--decode", "base64"], b"\n"),
        Turned("too_large", ["--max-payload", "1"], b"xx"),
        Turned("foreign", ["--foreign", "refuse"], b"GET / HTTP/1.1\r\n\r\n"),
        Turned("receive_timeout, without a byte", ["--receive-idle", "50ms"], b"", False),
        Turned("proxy_protocol", ["--proxy-protocol-from", "127.0.0.0/8"], b"hello"),
        Turned("tls_handshake: plain text", tls, b"hello"),
        Turned("tls_handshake: an old version", tls, an_old_version),
        Turned("upstream_unreachable", ["--upstream", nobody], b"x"),
    ], Turned("a whole TLS handshake, and gone", tls, shake_hands)


def turned_away(options, folder, tls, service):
    first, refused, handshake = ways(tls)
    print(f"\n{'each connection':36} {'CPU us':>8} {'of one served':>14} {'sent':>6} {'answered':>9} {'log':>6}")
    served = None
    for how in [first, *refused, handshake]:
        urls = [] if "--upstream" in how.flags else [service.url]
        spent, sent, answered, lines = cost(options, folder, how, urls)
        served = served or spent
        print(f"{how.name:36} {spent:8.1f} {spent / served:14.2f} {sent:6.0f} {answered:9.0f} {lines:6.0f}")
        peers.expect(lines <= MOST_LOG, f"{how.name}: {lines:.0f} bytes in the log")
        if how is not handshake:
            peers.expect(answered <= MOST_ANSWER, f"{how.name}: {answered:.0f} bytes answered")
        if how in refused and not options.calm:
            peers.expect(spent <= MOST_TIMES * served, f"{how.name} costs more than one that is served")
    print(f"\nto the service for a payload of one byte {service.heads / service.requests:.0f} bytes of head")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("finpostd")
    options = parser.parse_args()
    peers.need("openssl")
    service = Service()
    with tempfile.TemporaryDirectory() as folder:
        tls = make_certificate(folder)
        stalls(options, folder, tls, service.url)
        turned_away(options, folder, tls, service)


peers.run(main)
