#!/usr/bin/env python3
"""What a receipt costs when the queue is in a PostgreSQL: finpostd beside pgbench, which inserts rows of the same size into
the same table, each in a transaction of its own, in the same round and with as many connections. Then how much faster two
gateways deliver than one, and what a gateway costs that has nothing to do.

    test/bench/database.py [--build-dir build/release] [--seconds 3] [--rounds 3] [--standbys] [--quick]

The server is one of its own, in a temporary folder; with --standbys two others follow it, and a commit waits for one."""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import gateways
import processes
import receipts

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder) for folder in ("cluster", "faults")]
import nodes  # noqa: E402 # pylint: disable=wrong-import-position
import peers  # noqa: E402 # pylint: disable=wrong-import-position

COUNTS = [1, 8, 32, 128]
INSERT = f"""insert into finpost_payloads(id, idempotency_key, listener, upstream, peer, peer_port, tls_name, local, accepted_at,
    waiting_since, size, crc32c, state, attempts, due, lease_owner, last_status, last_error, body)
values (gen_random_uuid(), gen_random_uuid()::text, '127.0.0.1:5000', 'nobody', '127.0.0.1', 40000, '', '127.0.0.1:5000', now(),
    now(), {receipts.SIZE}, 0, 0, 0, now(), '', 0, '', decode(repeat('5a', {receipts.SIZE}), 'hex'))
""".replace("\n", " ") + ";\n"


class Place:
    """A server, or a primary with two standbys."""

    def __init__(self, given, folder):
        self.given = given
        self.cluster = nodes.Cluster(folder, standbys=2 if given.standbys else 0)

    def __enter__(self):
        self.cluster.__enter__()
        finpost = gateways.load(self.given.build_dir)
        subprocess.run([finpost, "queue", "init", "--queue-database", self.cluster.url()], check=True,
                       stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.cluster.__exit__()

    def empty(self):
        self.cluster.primary.ask("truncate finpost_payloads, finpost_totals", database="finpost")
        self.cluster.primary.ask("checkpoint")

    def pgbench(self, connections):
        """Rows a second."""
        script = os.path.join(self.cluster.folder, "insert.sql")
        with open(script, "w", encoding="utf-8") as out:
            out.write(INSERT)
        os.chmod(script, 0o644)
        done = nodes.run("pgbench", "-n", "-M", "prepared", "-f", script, "-c", str(connections), "-T",
                         str(max(1, round(self.given.seconds))), "-h", "127.0.0.1", "-p", str(self.cluster.primary.port), "-U",
                         "finpost", "finpost")
        return float(re.search(r"tps = ([0-9.]+)", done.stdout)[1])

    def gateway(self, folder, upstream, *more):
        os.makedirs(folder, exist_ok=True)
        return receipts.Gateway(self.given.build_dir, folder, "--listen", "127.0.0.1:0", "--upstream", upstream, "--delivery",
                                "queue", "--queue-database", self.cluster.url(), "--queue-max", "64GiB", *more)

    def receipts(self, folder, connections):
        self.empty()
        frame = "length:u32be"
        with self.gateway(folder, receipts.NOBODY, "--frame", frame, "--retry-first", "1m", "--retry-most", "1m") as one:
            ready = one.ready()
            receipts.load(self.given.build_dir, ready["listen"], connections, frame, self.given.seconds / 4, "--no-verify")
            return receipts.load(self.given.build_dir, ready["listen"], connections, frame, self.given.seconds, "--no-verify")

    def stored(self, folder, number):
        """Payloads that wait, with nobody to take them."""
        self.empty()
        with self.gateway(folder, receipts.NOBODY, "--frame", "length:u32be", "--retry-first", "1s") as one:
            receipts.load(self.given.build_dir, one.ready()["listen"], 64, "length:u32be", 3600, "--no-verify", "-n", str(number))

    def drained(self, folder, number, gateways_):
        """Deliveries a second by so many gateways, with a service that is quick."""
        self.stored(folder, number)
        self.cluster.primary.ask("update finpost_payloads set due = now(), lease_until = null", database="finpost")
        with processes.Process(gateways.echo_service(self.given.build_dir, 0), None, os.path.join(folder, "echo")) as service:
            url = f"http://127.0.0.1:{service.port()}/upload"
            began = time.monotonic()
            some = [self.gateway(os.path.join(folder, str(n)), url, "--deliveries", "32") for n in range(gateways_)]
            try:
                for each in some:
                    each.__enter__()
                count = "select count(*) from finpost_payloads"
                peers.until(lambda: self.cluster.primary.ask(count, database="finpost") == "0", "an empty queue", 300)
            finally:
                for each in some:
                    each.__exit__(None, None, None)
            return number / (time.monotonic() - began)

    def idle(self, folder):
        """Of a core, in percent."""
        self.empty()
        with self.gateway(folder, receipts.NOBODY) as one:
            one.ready()
            before, began = one.cpu_us(), time.monotonic()
            time.sleep(4 * self.given.seconds)
            return (one.cpu_us() - before) / (time.monotonic() - began) / 1e4


def compare(given, place, folder):
    print("## Receipts, payloads of 1 KiB\n")
    print("| connections | receipts/s | pgbench, rows/s | ratio | p50, ms |")
    print("|---|---|---|---|---|")
    for connections in COUNTS:
        rows = []
        for _ in range(given.rounds):
            ours = place.receipts(folder, connections)
            place.empty()
            rows.append((ours["exchanges_per_s"], place.pgbench(connections), ours["latency_us"]["p50"] / 1e3))
        print(f"| {connections} | {receipts.middle([r[0] for r in rows], '{:.0f}')} | "
              f"{receipts.middle([r[1] for r in rows], '{:.0f}')} | {receipts.middle([r[0] / r[1] for r in rows])} | "
              f"{statistics.median(r[2] for r in rows):.1f} |", flush=True)
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build/release")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--standbys", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one short round: does it still work?")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 1
    given.build_dir = os.path.abspath(given.build_dir)
    processes.raise_descriptor_limit()
    if nodes.find("pgbench") is None:
        raise processes.BenchError("pgbench is not installed: docker/install-deps.sh --test")
    with tempfile.TemporaryDirectory(prefix="finpost-bench-", dir="/var/tmp") as folder, \
            tempfile.TemporaryDirectory(prefix="finpost-bench-", dir="/var/tmp") as data, Place(given, data) as place:
        compare(given, place, folder)
        number = 2_000 if given.quick else 20_000
        one, two = place.drained(folder, number, 1), place.drained(folder, number, 2)
        print(f"{number} payloads that wait: one gateway delivers {one:.0f} a second, two {two:.0f}: {two / one:.2f} times")
        print(f"a gateway with nothing to do: {place.idle(folder):.2f} % of a core")


if __name__ == "__main__":
    try:
        main()
    except (processes.BenchError, peers.Failed) as problem:
        sys.exit(f"database.py: {problem}")
