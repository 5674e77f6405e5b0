#!/usr/bin/env python3
"""nginx, HAProxy and Node.js as the three endpoints of one service, under load:

    endpoints_peers.py [--seconds 3] FINPOSTD FINPOST

One of them is killed, revived, and one slowed. Prints who had how many exchanges and how many were lost; each
reply is verified by `finpost load`.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import peers

CLIENTS = 32
RATE = 1500  # a second: the kernel remembers each connection for a while, and its table is bounded

NODE = """
const http = require('http');
let delay = 0;
const server = http.createServer({ keepAliveTimeout: 5000 }, (request, response) => {
    if (request.url.startsWith('/delay/')) {
        delay = Number(request.url.substring(7));
        return response.end();
    }
    const parts = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => {
        const body = Buffer.concat(parts);
        if (request.method === 'POST' && delay > 0) setTimeout(() => response.end(body), delay);
        else response.end(body);
    });
});
server.listen(Number(process.argv[1]), '127.0.0.1', 4096);
"""

NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream echo {{ server 127.0.0.1:{echo}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""

HAPROXY = """
defaults
  mode http
  timeout connect 3s
  timeout client 20s
  timeout server 20s
frontend door
  bind 127.0.0.1:{port}
  default_backend echo
backend echo
  server one 127.0.0.1:{echo}
"""


class Peers:
    """The three endpoints and the echo that nginx and HAProxy stand before."""

    def __init__(self, folder):
        self.folder = folder
        self.names = ["nginx", "haproxy", "node"]
        self.ports = {name: peers.free_port() for name in ["echo", *self.names]}
        self.children = {}
        for name in ["echo", *self.names]:
            self.start(name)

    def start(self, name):
        port = self.ports[name]
        if name in ("echo", "node"):
            command = ["node", "-e", NODE, str(port)]
        else:
            template = NGINX if name == "nginx" else HAPROXY
            config = os.path.join(self.folder, name + ".conf")
            with open(config, "w", encoding="utf-8") as out:
                out.write(template.format(port=port, echo=self.ports["echo"]))
            command = (["nginx", "-c", config, "-p", self.folder, "-e", "stderr"]
                       if name == "nginx" else ["haproxy", "-db", "-f", config])
        child = peers.Child(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children[name] = child
        peers.until(lambda: peers.connects(port), f"{name} on port {port}")

    def end(self):
        for child in self.children.values():
            child.kill()

    def kill(self, name):
        self.children[name].kill()

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}/upload"

    def delay(self, milliseconds):
        url = f"http://127.0.0.1:{self.ports['node']}/delay/{milliseconds}"
        urllib.request.urlopen(url, timeout=peers.PATIENCE).close()


class Rounds:
    """One load after the other on the same gateway."""

    def __init__(self, options, there, gateway):
        self.options, self.there, self.gateway = options, there, gateway
        self.lines = 0

    def round(self, title, meanwhile=None):
        """What happened in one load: exchanges by endpoint, and the number of those lost."""
        host, port = self.gateway.address
        seconds = self.options.seconds
        load = subprocess.Popen([self.options.finpost, "load", f"{host}:{port}", "-c", str(CLIENTS),
                                 "--duration", f"{int(seconds * 1000)}ms", "--rate", str(RATE),
                                 "--json"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        timer = None
        if meanwhile:
            timer = threading.Timer(seconds / 3, meanwhile)
            timer.start()
        out, err = load.communicate(timeout=seconds + 2 * peers.PATIENCE)
        if timer:
            timer.join()
        peers.expect(load.returncode in (0, 1), f"finpost load: {err}")
        report = json.loads(out)
        # An access line is written before its client sees the end.
        lines = self.gateway.events("exchange")[self.lines:]
        self.lines += len(lines)
        by_port = {f"127.0.0.1:{self.there.ports[n]}": n for n in self.there.names}
        shares = collections.Counter(by_port.get(line.get("upstream"), "none") for line in lines
                                     if line["outcome"] == "replied")
        reasons = collections.Counter(line["reason"] for line in lines
                                      if line["outcome"] != "replied")
        lost = report["failed"]
        each = "  ".join(f"{name} {shares[name]:6}" for name in self.there.names)
        print(f"{title:34} {each}  lost {lost}  {dict(reasons) if reasons else ''}", flush=True)
        peers.expect(sum(shares.values()) > 100, f"{title}: hardly anything was served")
        return shares, lost


def up(gateway, port):
    return gateway.metric(f'finpost_upstream_endpoint_up{{endpoint="127.0.0.1:{port}"}}') == 1


def scenes(options, there, gateway):
    rounds = Rounds(options, there, gateway)
    shares, lost = rounds.round("all three are well")
    peers.expect(lost == 0, "lost although all is well")
    for name in there.names:
        peers.expect(shares[name] > sum(shares.values()) / 20, f"{name} had next to nothing")

    shares, lost = rounds.round("nginx is killed", lambda: there.kill("nginx"))
    # What it had on new connections is lost: it may have been seen, so it is not sent again.
    peers.expect(lost <= CLIENTS, "more were lost than were on their way")
    shares, lost = rounds.round("nginx stays away")
    peers.expect(lost == 0, "lost although nginx is known to be away")
    peers.expect(shares["nginx"] == 0, "answers of a dead nginx")
    peers.expect(gateway.ask("/readyz")[0] == 200, "not ready with two endpoints of three")
    peers.until(lambda: not up(gateway, there.ports["nginx"]), "the metric says that nginx is down")

    shares, lost = rounds.round("nginx is revived", lambda: there.start("nginx"))
    peers.expect(lost == 0, "lost while nginx came back")
    peers.until(lambda: up(gateway, there.ports["nginx"]), "the metric says that nginx is up")
    shares, lost = rounds.round("all three again")
    peers.expect(lost == 0 and shares["nginx"] > sum(shares.values()) / 20, "nginx is not asked again")

    there.delay(200)
    shares, lost = rounds.round("node takes 200 ms")
    peers.expect(lost == 0, "lost to slowness")
    peers.expect(shares["node"] < sum(shares.values()) / 6, "a slow endpoint has as much to do")
    there.delay(0)

    for name in there.names:
        there.kill(name)
    peers.until(lambda: gateway.ask("/readyz")[0] == 503, "unready when nobody is left")
    print(f"all are killed, nobody asks: /readyz says {gateway.ask('/readyz')[1].strip()}")
    reply, seconds = gateway.exchange()
    peers.expect(reply.startswith(b"finpost: upstream_unreachable "), f"got {reply!r}")
    peers.expect(seconds < 5, "a refusal took its time")
    there.start("haproxy")
    began = time.monotonic()
    peers.until(lambda: gateway.ask("/readyz")[0] == 200, "ready when one is back")
    print(f"haproxy is back: ready after {time.monotonic() - began:.2f} s")
    peers.expect(gateway.exchange()[0] == b"hello", "no answer from the one that is back")
    peers.expect(gateway.stop() == 0, "the gateway did not stop cleanly")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each load")
    parser.add_argument("finpostd")
    parser.add_argument("finpost")
    options = parser.parse_args()
    peers.need("nginx", "haproxy", "node")
    with tempfile.TemporaryDirectory() as folder:
        there = Peers(folder)
        try:
            flags = ["--health-path", "/health", "--health-every", "500ms", "--health-timeout", "2s"]
            with peers.Gateway(options.finpostd, folder, map(there.url, there.names), *flags) as gateway:
                scenes(options, there, gateway)
        finally:
            there.end()


if __name__ == "__main__":
    sys.exit(peers.run(main))
