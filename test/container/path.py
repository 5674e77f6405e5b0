#!/usr/bin/env python3
"""A client and a gateway on different hosts, with a router between them that tracks connections and
translates addresses. Three network namespaces make the hosts, so this takes root.

    path.py FINPOSTD FINPOST
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import places
from places import peers

NAMES = {host: f"finpost-{host}-{os.getpid()}" for host in ("client", "router", "gateway")}
GATEWAY, OUTSIDE = "10.77.2.2", "10.77.2.1"
SLOW = 3  # seconds the service takes when it is slow


def run(*command, check=True, host=None, stdin=None, limit=60):
    if host:
        command = ("ip", "netns", "exec", NAMES[host], *command)
    ran = subprocess.run(command, input=stdin or b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=limit)
    if check:
        peers.expect(ran.returncode == 0, f"{' '.join(command)}: {ran.stderr.decode()}")
    return ran


class Hosts:
    """client 10.77.1.2 - 10.77.1.1 router 10.77.2.1 - 10.77.2.2 gateway"""

    def __enter__(self):
        for name in NAMES.values():
            run("ip", "netns", "add", name)
        for host, net in (("client", 1), ("gateway", 2)):
            run("ip", "link", "add", "wire", "netns", NAMES[host], "type", "veth", "peer", "name",
                f"to-{host}", "netns", NAMES["router"])
            for where, wire, last in ((host, "wire", 2), ("router", f"to-{host}", 1)):
                run("ip", "addr", "add", f"10.77.{net}.{last}/24", "dev", wire, host=where)
                run("ip", "link", "set", wire, "up", host=where)
        for host, net in (("client", 1), ("gateway", 2)):
            run("ip", "link", "set", "lo", "up", host=host)
        # The gateway needs no way back to the client's network: it only ever sees the router.
        run("ip", "route", "add", "default", "via", "10.77.1.1", host="client")
        self.write("net.ipv4.ip_forward", 1)
        run("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "to-gateway", "-j", "MASQUERADE",
            host="router")
        return self

    def __exit__(self, *_):
        for name in NAMES.values():
            run("ip", "netns", "del", name, check=False)

    @staticmethod
    def write(name, value):
        path = "/proc/sys/" + name.replace(".", "/")
        run("sh", "-c", f"echo {value} >{path}", host="router")


class Far(peers.Gateway):
    """finpostd on the gateway's host, and the service beside it."""

    def __init__(self, program, folder, *flags):
        at_home = ["ip", "netns", "exec", NAMES["gateway"]]
        self.service = subprocess.Popen(
            [*at_home, os.path.join(places.HERE, "slow_service.py"), "--seconds", str(SLOW)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        port = int(self.service.stdout.readline())
        self.log = os.path.join(folder, "finpostd.log")
        peers.Child.__init__(self, [*at_home, program, "--listen", f"{GATEWAY}:0", "--admin", "127.0.0.1:0",
                                    "--log-format", "json", "--log-file", self.log, "--upstream",
                                    f"http://127.0.0.1:{port}/upload", *flags])
        peers.until(lambda: self.events("ready") or self.process.poll() is not None, "the gateway")
        self.at = self.events("ready")[0]["listen"]

    def kill(self):
        super().kill()
        self.service.kill()
        self.service.wait()

    def last(self, number):
        """The access line of an exchange, which is written when it ends."""
        peers.until(lambda: len(self.events("exchange")) >= number, f"access line {number}")
        return self.events("exchange")[number - 1]


def send(options, gateway, payload, timeout="20s"):
    """The exit code, the reply, and the seconds it took."""
    began = time.monotonic()
    ran = run(options.finpost, "send", gateway.at, "--timeout", timeout, host="client", stdin=payload,
              check=False)
    return ran.returncode, ran.stdout, time.monotonic() - began


def told(line):
    return {key: line.get(key) for key in ("outcome", "reason", "client_gone")}


def scenes(options, hosts, gateway):
    code, reply, _ = send(options, gateway, b"hello")
    peers.expect((code, reply) == (0, b"hello"), f"through the router: {code} {reply!r}")
    peer = gateway.last(1)["peer"]
    peers.expect(peer.startswith(OUTSIDE + ":"), f"no address was translated: {peer}")
    print(f"through the router, which the gateway sees as {peer}")

    code, reply, took = send(options, gateway, b"slow")
    peers.expect((code, reply) == (0, b"slow") and took >= SLOW, f"after a wait: {code} {reply!r}")
    print(f"a reply {took:.1f} s after the half-close: the router keeps half-closed connections for 60 s")

    # A router that forgets: it keeps a half-closed connection for 1 s. Its own kernel then answers the reply
    # with a reset, since nothing there belongs to it; the client hears nothing at all. The gateway has handed
    # the reply to its kernel and closed before that reset comes, so for it this was a reply.
    hosts.write("net.netfilter.nf_conntrack_tcp_timeout_close_wait", 1)
    code, reply, took = send(options, gateway, b"slow, and forgotten", f"{SLOW + 3}s")
    line = gateway.last(3)
    peers.expect((code, reply) == (4, b""), f"a forgotten client: {code} {reply!r}")
    peers.expect(took < SLOW + 8, "the client waited longer than it was told to")
    peers.expect(line["outcome"] == "replied", f"the gateway: {line}")
    print(f"forgotten, the router resets: the client gives up after {took:.1f} s (exit code {code}); "
          f"the gateway: {told(line)}")
    # finpost probe finds such a router before a device does.
    probe = run(options.finpost, "probe", gateway.at, "--payload", "slow probe", "--timeout", f"{SLOW + 3}s",
                host="client", check=False)
    peers.expect(probe.returncode == 4, f"the probe ended with {probe.returncode}: {probe.stdout.decode()}")
    gateway.last(4)

    # One that drops what it does not know, as firewalls do. A small reply is handed to the kernel and so
    # is `replied`; one that does not fit into its buffers is not.
    run("iptables", "-A", "INPUT", "-i", "to-gateway", "-j", "DROP", host="router")
    code, reply, took = send(options, gateway, b"slow" + os.urandom(16_000_000), f"{SLOW + 4}s")
    peers.expect(code == 4 and reply == b"", f"a forgotten client: {code}, {len(reply)} bytes")
    line = gateway.last(5)
    peers.expect((line["outcome"], line["reason"]) == ("aborted", "aborted_reply"), f"the gateway: {line}")
    print(f"forgotten, the router drops: the client gives up after {took:.1f} s; the gateway: {told(line)}")
    run("iptables", "-D", "INPUT", "-i", "to-gateway", "-j", "DROP", host="router")
    hosts.write("net.netfilter.nf_conntrack_tcp_timeout_close_wait", 60)

    # The router is restarted, as it were, in the middle of an exchange.
    waiting = subprocess.Popen(["ip", "netns", "exec", NAMES["client"], options.finpost, "send", gateway.at,
                                "--timeout", f"{SLOW + 3}s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    waiting.stdin.write(b"slow, and then the router restarts")
    waiting.stdin.close()
    peers.until(lambda: b"CLOSE_WAIT" in run("conntrack", "-L", "-p", "tcp", host="router").stdout,
                "a half-closed connection in the router")
    run("conntrack", "-F", host="router")
    code = waiting.wait(60)
    peers.expect(code in (4, 6), f"after the router's restart: {code}")
    waiting.stdout.close(), waiting.stderr.close()
    line = gateway.last(6)
    print(f"the router restarts: the client ends with {code}; the gateway: {told(line)}")

    lossy(options, gateway)


def lossy(options, gateway):
    """Delay and loss cost time, never a byte."""
    netem = run("tc", "qdisc", "add", "dev", "to-gateway", "root", "netem", "delay", "20ms", "5ms", "loss",
                "2%", host="router", check=False)
    how = "20 ms and 2 % loss towards the gateway"
    if netem.returncode:
        # Not every kernel has netem. Loss can be had from the firewall; delay cannot.
        dropping = run("iptables", "-I", "FORWARD", "-m", "statistic", "--mode", "random", "--probability",
                       "0.02", "-j", "DROP", host="router", check=False)
        if dropping.returncode:
            print("delay and loss are left out: this kernel has neither netem nor xt_statistic")
            return
        how = "2 % loss in both directions (no delay: this kernel has no netem)"
    load = run(options.finpost, "load", gateway.at, "-c", "16", "-n", "300", "--size", "20KiB", "--json",
               host="client", check=False, limit=150)
    report = json.loads(load.stdout)
    peers.expect(report["failed"] == 0 and report["exchanges"] == 300, f"with {how}: {report}")
    print(f"{how}: 300 exchanges of 20 KiB, every reply whole")


class Options:
    finpostd, finpost = sys.argv[1:3]


def main():
    if os.geteuid() != 0:
        places.cannot("network namespaces take root")
    peers.need("ip", "iptables", "conntrack", "tc")
    if subprocess.run(["ip", "netns", "add", NAMES["client"]], stderr=subprocess.DEVNULL).returncode:
        places.cannot("this machine makes no network namespaces")
    run("ip", "netns", "del", NAMES["client"])
    with tempfile.TemporaryDirectory() as folder, Hosts() as hosts:
        with Far(Options.finpostd, folder, "--reply-total", "2s") as gateway:
            scenes(Options, hosts, gateway)
            peers.expect(gateway.stop() == 0, "the gateway did not stop cleanly")


if __name__ == "__main__":
    sys.exit(peers.run(main))
