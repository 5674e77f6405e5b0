#!/usr/bin/env python3
"""The balancers of docker/balancers, each in front of three gateways: the half-close, the client's address, and
a load under which one gateway is drained and one is killed.

    balancers.py [--seconds 6] FINPOSTD FINPOST haproxy|nginx
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import places
import slow_service
from places import peers

CLIENTS = 24
RATE = 500  # a second: each leaves three connections for the kernel to remember, and others test beside this
SLOW = 2.0  # seconds that the service takes for a payload that begins with `slow`


class Balancer(peers.Child):
    """One of the configurations, with the addresses of this machine in it."""

    def __init__(self, name, folder, gateways, proxy, *changes):
        text = open(os.path.join(places.DOCKER, "balancers",
                                 {"haproxy": "haproxy.cfg", "nginx": "nginx.conf"}[name]),
                    encoding="utf-8").read()
        self.port = peers.free_port()
        changes = [*changes]
        for number, gateway in enumerate(gateways, 1):
            changes.append((rf"192\.0\.2\.1{number}:5000( check port) 9180",
                            rf"127.0.0.1:{gateway.address[1]}\1 {gateway.admin[1]}")
                           if name == "haproxy" else
                           (rf"192\.0\.2\.1{number}:5000", f"127.0.0.1:{gateway.address[1]}"))
        if name == "haproxy":
            changes += [(r"bind :5000", f"bind 127.0.0.1:{self.port}"),
                        (r"maxconn 20000", "maxconn 2000")]  # two descriptors each
            command = ["haproxy", "-db", "-f"]
            if not proxy:
                changes.append((r" send-proxy-v2", ""))
        else:
            changes += [(r"listen 5000", f"listen 127.0.0.1:{self.port}"),
                        (r"error_log \S+ warn;", f"error_log stderr error; pid {folder}/nginx.pid;")]
            command = ["nginx", "-e", "stderr", "-g", "daemon off;", "-p", folder, "-c"]
            if not proxy:
                changes.append((r"proxy_protocol on;", ""))
        for what, instead in changes:
            text, times = re.subn(what, instead, text)
            peers.expect(times == 1, f"{what} stands {times} times in the configuration of {name}")
        self.path = path = os.path.join(folder, name + ".conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        self.said = open(os.path.join(folder, name + ".log"), "a+", encoding="utf-8")
        super().__init__([*command, path], stdout=self.said, stderr=self.said)
        peers.until(lambda: peers.connects(self.port) or self.process.poll() is not None, name)
        self.said.seek(0)
        peers.expect(self.process.poll() is None, f"{name} ended: {self.said.read()}")

    def take_out(self, gateway):
        """What nginx.conf says to do before a gateway is stopped; HAProxy sees it by its checks."""
        address = f"127.0.0.1:{gateway.address[1]} "
        with open(self.path, encoding="utf-8") as file:
            text = file.read()
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(text.replace(f"server {address}", f"server {address} down "))
        self.process.send_signal(signal.SIGHUP)
        counts = []

        def forgotten():
            counts.append(gateway.metric("finpost_sessions_total"))
            time.sleep(0.05)
            return counts[-6:] == [counts[-1]] * 6 and gateway.metric("finpost_sessions_active") == 0
        peers.until(forgotten, "nginx sends nobody to the gateway that is down")

    def kill(self):
        # nginx has workers, which outlive a killed master.
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(peers.PATIENCE)
        self.said.close()

    def exchange(self, payload, source="127.0.0.1"):
        """The reply, or what came of it before the connection was cut."""
        reply = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), peers.PATIENCE,
                                          (source, 0)) as client:
                client.sendall(payload)
                client.shutdown(socket.SHUT_WR)
                while part := client.recv(65536):
                    reply += part
        except ConnectionResetError:
            pass
        return reply


class Load:
    """`finpost load` through the balancer, which compares every reply with its payload."""

    def __init__(self, program, port, seconds):
        self.seconds = seconds
        self.process = subprocess.Popen(
            [program, "load", f"127.0.0.1:{port}", "-c", str(CLIENTS), "--duration",
             f"{int(seconds * 1000)}ms", "--rate", str(RATE), "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def report(self):
        out, err = self.process.communicate(timeout=self.seconds + 3 * peers.PATIENCE)
        peers.expect(self.process.returncode in (0, 1), f"finpost load: {err}")
        return json.loads(out)


def outcomes(gateway):
    counts = {}
    for line in gateway.events("exchange"):
        counts[line["outcome"]] = counts.get(line["outcome"], 0) + 1
    return counts


def under_load(options, balancer, gateways, what, seconds):
    """One load with something happening in the middle of it; how many exchanges failed."""
    load = Load(options.finpost, balancer.port, seconds)
    busy = [sum(outcomes(gateway).values()) for gateway in gateways]
    peers.until(lambda: all(sum(outcomes(gateway).values()) > before + 20 or
                            gateway.process.poll() is not None
                            for gateway, before in zip(gateways, busy)), "work for every gateway")
    what()
    report = load.report()
    peers.expect(report["exchanges"] > 200, f"hardly anything was served: {report}")
    return report["exchanges"], report["failed"]


def trapped(options, folder, service, proxy, balancer_name):
    """With the trap that each configuration avoids, replies are lost: so it matters.

    HAProxy's snaps only when payload and FIN come to it at once, which is up to the kernel: the clients try again.
    """
    traps = {"haproxy": [(r"timeout client-fin 75s", "timeout client-fin 500ms")],
             "nginx": [(r"proxy_half_close on;", "proxy_half_close off;")]}[balancer_name]
    payload = b"slow in a trap"
    lost = 0
    with tempfile.TemporaryDirectory() as place:
        with peers.Gateway(options.finpostd, place, [service], *proxy) as gateway:
            with Balancer(balancer_name, folder, [gateway] * 3, proxy, *traps) as balancer:
                with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
                    for _ in range(10):
                        replies = list(clients.map(balancer.exchange, [payload] * CLIENTS))
                        lost += sum(reply != payload for reply in replies)
                        if lost:
                            break
    peers.expect(lost > 0, f"{traps} is no trap: what is tested here?")
    print(f"the trap is real: with {traps[0][1]} {lost} of {CLIENTS} clients lost their reply")


def scenes(options, folder, service, proxy):
    gateways = []
    try:
        for number in range(3):
            place = os.path.join(folder, str(number))
            os.mkdir(place)
            gateways.append(peers.Gateway(options.finpostd, place, [service], "--drain-delay", "4s",
                                          *proxy))
        with Balancer(options.balancer, folder, gateways, proxy) as balancer:
            peers.until(lambda: balancer.exchange(b"hello") == b"hello", "the first exchange")
            began = time.monotonic()
            peers.expect(balancer.exchange(b"slow, but whole") == b"slow, but whole",
                         "no reply on the half that is open")
            print(f"a reply {time.monotonic() - began:.1f} s after the half-close")
            large = os.urandom(5_000_000)
            peers.expect(balancer.exchange(large) == large, "5 MB came back different")
            if proxy:
                balancer.exchange(b"who am I", "127.0.0.77")
                # A line of the log comes some milliseconds after its reply.
                peers.until(lambda: any(line["peer"].startswith("127.0.0.77:") for gateway in gateways
                                        for line in gateway.events("exchange")),
                            "the client's address in the log")
                print("the client's address arrives")

            drained, killed, left = gateways
            codes = []

            def drain():
                if options.balancer == "nginx":
                    balancer.take_out(drained)
                drained.process.send_signal(signal.SIGTERM)
                codes.append(drained.process.wait(60))
            done, failed = under_load(options, balancer, gateways, drain, options.seconds)
            print(f"one is drained: {done} exchanges, {failed} failed; {outcomes(drained)} at the drained one")
            peers.expect(failed == 0, "an exchange was lost to a drain")
            peers.expect(codes == [0], f"the drained gateway ended with {codes}")

            done, failed = under_load(options, balancer, gateways, killed.kill, options.seconds)
            print(f"one is killed: {done} exchanges, {failed} failed; at most {CLIENTS} were in flight")
            peers.expect(failed <= CLIENTS, "more were lost than were in flight")
            bad = {key: value for key, value in outcomes(left).items() if key != "replied"}
            peers.expect(not bad, f"lost at a gateway that was well: {bad}")
            done, failed = under_load(options, balancer, [left], lambda: None, options.seconds / 2)
            print(f"without it: {done} exchanges, {failed} failed")
            peers.expect(failed == 0, "an exchange was lost although the dead gateway is known")
            peers.expect(left.stop() == 0, "a gateway did not stop cleanly")
    finally:
        for gateway in gateways:
            gateway.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6, help="of each load")
    parser.add_argument("finpostd")
    parser.add_argument("finpost")
    parser.add_argument("balancer", choices=["haproxy", "nginx"])
    options = parser.parse_args()
    peers.need(options.balancer)
    if options.balancer == "nginx" and not os.path.exists("/usr/lib/nginx/modules/ngx_stream_module.so"):
        peers.skip("libnginx-mod-stream is not installed")
    known = subprocess.run([options.finpostd, "--help"], stdout=subprocess.PIPE, text=True, timeout=20).stdout
    proxy = ["--proxy-protocol-from", "127.0.0.1/32"] if "--proxy-protocol-from" in known else []
    print("with" if proxy else "without", "the PROXY protocol")
    service = slow_service.Service(SLOW).start()
    url = f"http://127.0.0.1:{service.server_port}/upload"
    with tempfile.TemporaryDirectory() as folder:
        scenes(options, folder, url, proxy)
        trapped(options, folder, url, proxy, options.balancer)


if __name__ == "__main__":
    sys.exit(peers.run(main))
