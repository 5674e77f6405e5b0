#!/usr/bin/env python3
"""Host names whose addresses change, hang, vanish or are many:

    endpoints_names.py FINPOSTD

Runs in a network and a mount namespace of its own, where /etc/resolv.conf names a DNS server that does as
it is told. Needs root; is skipped without.
"""

import argparse
import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import peers

PORT = 8080
INSIDE = "TEST_NAMESPACE"


class Dns:
    """Answers for `service.test` and `other.test` by UDP; other names do not exist."""

    def __init__(self):
        self.answers = {}  # by name: addresses, or None for silence
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12:at + 5]
            is_a = struct.unpack("!H", query[at + 1:at + 3])[0] == 1
            name = ".".join(labels).lower()
            addresses = self.answers.get(name, "none")
            self.asked += 1
            if addresses is None:
                continue
            code = 3 if addresses == "none" else 0
            answers = b"".join(struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(one)
                               for one in addresses) if is_a and code == 0 else b""
            head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(answers) // 16, 0, 0)
            self.socket.sendto(head + question + answers, peer)

    def wait_for_more(self, lookups=2):
        """Lookups that begin from now on: each asks for A and AAAA."""
        before = self.asked
        peers.until(lambda: self.asked >= before + 2 * lookups, "another lookup")


class Service:
    """An HTTP service that answers with its own address."""

    def __init__(self, address, close=False):
        self.address, self.close = address, close
        self.open = self.accepted = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, PORT), backlog=512)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            with self.lock:
                self.open += 1
                self.accepted += 1
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as reader:
            while True:
                length = -1
                while (line := reader.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if length < 0 or len(reader.read(length)) < length:
                    break
                more = "Connection: close\r\n" if self.close else ""
                client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.address)}\r\n{more}\r\n"
                               f"{self.address}".encode())
                if self.close:
                    break
        with self.lock:
            self.open -= 1


def black_hole(address):
    """Sockets that keep a full backlog: connecting to the address gets no answer."""
    listener = socket.create_server((address, PORT), backlog=0)
    held = [listener]
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((address, PORT))
        held.append(filler)
    return held


def answers(gateway, count=20):
    """The replies of some exchanges, and the longest time one took."""
    got = [gateway.exchange() for _ in range(count)]
    return {reply.decode() for reply, _ in got}, max(seconds for _, seconds in got)


def changing(dns, gateway, one):
    peers.until(lambda: one.accepted == 1 and one.open == 0, "the gateway's first look at its service")
    two = Service("127.0.0.2")
    expect_only(gateway, "127.0.0.1")
    peers.expect(one.accepted == 2, "the connection was not kept")
    dns.answers["service.test"] = ["127.0.0.2"]
    began = time.monotonic()
    peers.until(lambda: answers(gateway, 1)[0] == {"127.0.0.2"}, "an answer from the new address")
    peers.until(lambda: one.open == 0, "the end of connections to the old address")
    expect_only(gateway, "127.0.0.2")
    print(f"another address is used after {time.monotonic() - began:.2f} s, the old one no more")

    dns.answers["service.test"] = []
    dns.wait_for_more()
    expect_only(gateway, "127.0.0.2")
    dns.answers["service.test"] = "none"
    dns.wait_for_more()
    expect_only(gateway, "127.0.0.2")
    peers.expect(two.accepted == 1, "the kept connection was given up")
    print("an empty answer and a name that vanished leave what was known in use")


def expect_only(gateway, address):
    replies, slowest = answers(gateway)
    peers.expect(replies == {address}, f"answers of {replies}, not of {address} alone")
    peers.expect(slowest < 1, f"an exchange took {slowest:.2f} s")


def hanging(dns, gateway):
    dns.answers["service.test"] = None
    dns.wait_for_more(1)
    began = time.monotonic()
    replies, slowest = answers(gateway, 50)
    peers.expect(replies == {"127.0.0.2"}, f"answers of {replies}")
    peers.expect(slowest < 1, f"an exchange took {slowest:.2f} s while a lookup hangs")
    peers.expect(gateway.ask("/readyz")[0] == 200, "not ready while a lookup hangs")
    took = time.monotonic() - began
    print(f"50 exchanges in {took:.2f} s while a lookup hangs, the slowest {slowest * 1000:.0f} ms")


def many(dns, gateway):
    closing = Service("127.0.0.3", close=True)
    hole = black_hole("127.0.0.9")
    dns.answers["service.test"] = ["127.0.0.9", "127.0.0.3"]
    peers.until(lambda: answers(gateway, 1)[0] == {"127.0.0.3"}, "an answer beside the black hole")
    replies, slowest = answers(gateway)
    peers.expect(replies == {"127.0.0.3"}, f"answers of {replies}")
    peers.expect(slowest < 1, f"an exchange took {slowest:.2f} s beside a silent address")
    peers.expect(closing.accepted > 20, "connections were kept after all")
    print(f"beside a silent address the slowest of 20 connects took {slowest * 1000:.0f} ms")
    for one in hole:
        one.close()

    dns.answers["service.test"] = [f"127.0.1.{i}" for i in range(1, 101)]
    peers.until(lambda: gateway.exchange()[0].startswith(b"finpost: upstream_unreachable "),
                "a refusal when nobody listens at 100 addresses")
    reply, seconds = gateway.exchange()
    peers.expect(reply.startswith(b"finpost: upstream_unreachable "), f"got {reply!r}")
    peers.expect(seconds < 2, f"100 addresses took {seconds:.2f} s")
    print(f"100 addresses that refuse are refused in {seconds * 1000:.0f} ms")
    dns.answers["service.test"] = ["127.0.0.2"]
    peers.until(lambda: answers(gateway, 1)[0] == {"127.0.0.2"}, "an answer when the name is right")


def hanging_from_the_start(dns, finpostd, folder):
    dns.answers["other.test"] = None
    upstreams = [f"http://other.test:{PORT}/", f"http://127.0.0.2:{PORT}/"]
    with peers.Gateway(finpostd, folder, upstreams) as gateway:
        replies, slowest = answers(gateway)
        peers.expect(replies == {"127.0.0.2"}, f"answers of {replies}")
        peers.expect(slowest < 1, f"an exchange took {slowest:.2f} s beside a name not found yet")
        ready, cause = gateway.ask("/readyz")
        peers.expect(ready == 200, f"not ready: {cause}")
        down = f'finpost_upstream_endpoint_up{{endpoint="other.test:{PORT}"}}'
        peers.expect(gateway.metric(down) == 0, "an endpoint without an address counts as up")
        print(f"beside a name whose first lookup hangs the slowest of 20 took {slowest * 1000:.0f} ms")
        peers.expect(gateway.stop() == 0, "it does not stop while a lookup hangs")


def scenes(finpostd):
    dns = Dns()
    dns.answers["service.test"] = ["127.0.0.1"]
    with tempfile.TemporaryDirectory() as folder:
        # Each thread keeps connections of its own.
        one = Service("127.0.0.1")
        flags = ["--resolve-every", "100ms", "--upstream-keep-alive", "60s", "--threads", "1"]
        with peers.Gateway(finpostd, folder, [f"http://service.test:{PORT}/"], *flags) as gateway:
            changing(dns, gateway, one)
            many(dns, gateway)
            hanging(dns, gateway)
            peers.expect(gateway.stop() == 0, "the gateway did not stop cleanly")
        hanging_from_the_start(dns, finpostd, folder)


def bring_loopback_up():
    request = struct.pack("16sh14x", b"lo", 1 | 64)  # IFF_UP | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def put_in_place(path, text, folder):
    """This namespace's own version of a system file."""
    if not os.path.exists(path):
        return False
    own = os.path.join(folder, os.path.basename(path))
    with open(own, "w", encoding="utf-8") as out:
        out.write(text)
    libc = ctypes.CDLL(None, use_errno=True)
    bound = libc.mount(own.encode(), os.path.realpath(path).encode(), None, 4096, None)  # MS_BIND
    peers.expect(bound == 0, f"{path} cannot be replaced: {os.strerror(ctypes.get_errno())}")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("finpostd")
    options = parser.parse_args()
    if os.environ.get(INSIDE) is None:
        if os.geteuid() != 0 or shutil.which("unshare") is None or subprocess.run(
                ["unshare", "--mount", "--net", "true"], check=False, capture_output=True).returncode:
            peers.skip("no root, or no namespaces: a DNS server of one's own is not possible")
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, *sys.argv])
    bring_loopback_up()
    with tempfile.TemporaryDirectory() as folder:
        if not put_in_place("/etc/resolv.conf",
                            "nameserver 127.0.0.1\noptions timeout:8 attempts:1\n", folder):
            peers.skip("there is no /etc/resolv.conf to replace")
        put_in_place("/etc/nsswitch.conf", "hosts: files dns\n", folder)
        put_in_place("/etc/hosts", "", folder)
        scenes(options.finpostd)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(peers.run(main))
