#!/usr/bin/env python3
"""What a receipt costs: finpostd with a queue beside SQLite alone, which stores as many bytes in transactions of the
same size in the same round; and what a queue that is busy costs a listener beside it that relays.

    test/bench/receipts.py [--build-dir build/release] [--seconds 3] [--rounds 5] [--quick] [--dir /var/tmp]

The service is not there while receipts are counted, so that nothing is delivered meanwhile. `--dir` is on the disk to
be measured: a tmpfs has none. Ratios are of one round's figures, and their median counts."""

import argparse
import collections
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request

import gateways
import processes

SIZE = 1024
COUNTS = [1, 16, 64, 256]
FRAMES = ["length:u32be", ""]  # one connection for all exchanges, or one for each
NOBODY = "http://127.0.0.1:9/"
LIMITS = ["--queue-max", "64GiB", "--retry-first", "1m", "--retry-most", "1m"]

Figures = collections.namedtuple("Figures", "load cpu commits stored commit_seconds")


class Gateway(processes.Process):
    """finpostd with a log in a file, and an admin port to ask."""

    def __init__(self, build_dir, folder, *flags):
        log = os.path.join(folder, "finpostd.log")
        super().__init__([os.path.join(build_dir, "server", "app", "finpostd"), "--threads", "1", "--admin",
                          "127.0.0.1:0", "--log-format", "json", *flags], None, log)
        self.log = log

    def ready(self):
        self.port()
        while True:
            with open(self.log, encoding="utf-8") as file:
                found = [json.loads(line) for line in file if line.endswith("}\n")]
            for line in found:
                if line["event"] == "ready":
                    return line
            if self.child.poll() is not None:
                raise processes.BenchError(f"finpostd has ended: {found}")

    def metrics(self, admin):
        with urllib.request.urlopen(f"http://{admin}/metrics", timeout=20) as page:
            lines = [line.decode().rsplit(" ", 1) for line in page if not line.startswith(b"#")]
        return {name: float(value) for name, value in lines}


def load(build_dir, address, connections, frame, seconds, *more):
    command = [gateways.load(build_dir), "load", address, "--json", "-c", str(connections), "--size", str(SIZE),
               "--duration", f"{int(seconds * 1000)}ms", *(["--frame", frame] if frame else []), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if not done.stdout.startswith("{"):
        raise processes.BenchError(f"no load: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    if found["failed"] or found["unfinished"]:
        raise processes.BenchError(f"exchanges failed: {found['errors']} {found['refusals']}")
    return found


def receipts(given, connections, frame):
    """One round of receipts: the load's figures, and the gateway's of the store."""
    with tempfile.TemporaryDirectory(prefix="finpost-bench-", dir=given.dir) as folder:
        flags = ["--listen", "127.0.0.1:0", "--upstream", NOBODY, "--delivery", "queue", "--queue-dir",
                 os.path.join(folder, "queue"), *LIMITS, *(["--frame", frame] if frame else [])]
        with Gateway(given.build_dir, folder, *flags) as gateway:
            ready = gateway.ready()
            load(given.build_dir, ready["listen"], connections, frame, given.seconds / 4, "--no-verify")
            before, cpu = gateway.metrics(ready["admin"]), gateway.cpu_us()
            found = load(given.build_dir, ready["listen"], connections, frame, given.seconds, "--no-verify")
            cpu, after = gateway.cpu_us() - cpu, gateway.metrics(ready["admin"])
            grown = {name: after[name] - before.get(name, 0) for name in after}
            return Figures(found, cpu, grown["finpost_queue_commit_seconds_count"],
                           grown["finpost_queue_stored_total"], grown["finpost_queue_commit_seconds_sum"])


def raw(given, batch):
    with tempfile.TemporaryDirectory(prefix="finpost-bench-", dir=given.dir) as folder:
        command = [os.path.join(given.build_dir, "test", "bench", "sqlite_loop"), os.path.join(folder, "raw.db"),
                   str(SIZE), str(batch), str(given.seconds)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def middle(values, form="{:.2f}"):
    values = sorted(values)
    return (form + " (" + form + " to " + form + ")").format(statistics.median(values), values[0], values[-1])


def compare_receipts(given):
    print("## Receipts, payloads of 1 KiB\n")
    print("| connections | receipts/s | payloads a commit | SQLite alone, rows/s | ratio | CPU a receipt, µs | p50, µs | "
          "p50 above one transaction of SQLite, µs |")
    print("|---|---|---|---|---|---|---|---|")
    for frame in FRAMES:
        for connections in COUNTS:
            rows = []
            for _ in range(given.rounds):
                ours = receipts(given, connections, frame)
                batch = max(1, round(ours.stored / max(1, ours.commits)))
                rows.append((ours, batch, raw(given, batch)))
            rates = [one.load["exchanges_per_s"] for one, _, _ in rows]
            each = "" if frame else ", one for each exchange"
            print(f"| {connections}{each} | {middle(rates, '{:.0f}')} | {statistics.median(b for _, b, _ in rows):.0f} | "
                  f"{middle([r['rows_per_s'] for _, _, r in rows], '{:.0f}')} | "
                  f"{middle([one.load['exchanges_per_s'] / r['rows_per_s'] for one, _, r in rows])} | "
                  f"{statistics.median(one.cpu / one.load['exchanges'] for one, _, _ in rows):.1f} | "
                  f"{statistics.median(one.load['latency_us']['p50'] for one, _, _ in rows):.0f} | "
                  f"{middle([one.load['latency_us']['p50'] - r['median_us'] for one, _, r in rows], '{:.0f}')} |",
                  flush=True)
    print()


CONFIG = """
threads = 1
admin = "127.0.0.1:0"
log_format = "json"
queue_dir = "{queue}"
queue_max = "64GiB"
[[listeners]]
listen = "127.0.0.1:0"
upstream = "echo"
[[listeners]]
listen = "127.0.0.1:0"
upstream = "nobody"
frame = "length:u32be"
delivery = "queue"
[upstreams.echo]
endpoints = ["http://127.0.0.1:{port}"]
path = "/upload"
[upstreams.nobody]
endpoints = ["{nobody}"]
retry_first = "1m"
retry_most = "1m"
"""


def relay_beside(given, folder, rates):
    """CPU of the gateway and p99 of the relay, at these rates of the relay and the queue; 0: none."""
    with processes.Process(gateways.echo_service(given.build_dir, 0), None, os.path.join(folder, "echo")) as service:
        config = os.path.join(folder, "finpost.toml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(queue=os.path.join(folder, "queue"), port=service.port(), nobody=NOBODY))
        with Gateway(given.build_dir, folder, "--config", config) as gateway:
            relay, stores = gateway.ready()["listen"].split(",")
            load(given.build_dir, relay, 16, "", 0.3)
            cpu = gateway.cpu_us()
            with contextlib.ExitStack() as both:
                storing = None
                if rates[1]:
                    command = [gateways.load(given.build_dir), "load", stores, "--json", "-c", "64", "--size", str(SIZE),
                               "--frame", "length:u32be", "--no-verify", "--rate", str(rates[1]), "--duration",
                               f"{int(given.seconds * 1000)}ms"]
                    storing = both.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
                found = load(given.build_dir, relay, 16, "", given.seconds, "--rate", str(rates[0])) if rates[0] else None
                if storing:
                    said = json.loads(storing.communicate(timeout=given.seconds + 60)[0])
                    if said["failed"] or said["unfinished"]:
                        raise processes.BenchError(f"receipts failed: {said['errors']} {said['refusals']}")
            return gateway.cpu_us() - cpu, found and found["latency_us"]["p99"]


def compare_relay(given):
    relayed, stored = 2000, 1000
    cpu, p99 = [], []
    for _ in range(given.rounds):
        found = []
        for rates in ((relayed, 0), (0, stored), (relayed, stored)):
            with tempfile.TemporaryDirectory(prefix="finpost-bench-", dir=given.dir) as folder:
                found.append(relay_beside(given, folder, rates))
        (alone, quick), (storing, _), (both, slow) = found
        cpu.append((both - storing) / alone)
        p99.append(slow / quick)
    print(f"## A listener that relays {relayed:,} exchanges a second, beside one that stores {stored:,}\n")
    print(f"- its CPU, times that without the other: {middle(cpu)}; what the other uses alone is taken off")
    print(f"- its p99, times that without the other: {middle(p99)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build/release")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--quick", action="store_true", help="one short round: does it still work?")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 0.4
    processes.raise_descriptor_limit()
    compare_receipts(given)
    compare_relay(given)


if __name__ == "__main__":
    try:
        main()
    except processes.BenchError as problem:
        sys.exit(f"receipts.py: {problem}")
