#!/usr/bin/python3
"""Two gateways with one queue in a cluster of three PostgreSQL nodes, many clients, and a service that refuses a fifth and
is away for a time. Meanwhile something dies, stands still, cannot be reached, or is full. Whatever has a receipt is
delivered.

    drills.py [--receipts 20000] [--away 10] [--drill NAME]... FINPOSTD FINPOST

Each drill prints: receipts; what the service took, and how much of it again, under the same key; dead letters; the longest
time without a receipt. It fails when one payload is lost. Everything is on loopback, when root runs it on one of its own;
the drills `partition` and `full` need that."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

import crowd  # noqa: E402 # pylint: disable=wrong-import-position
import namespaces  # noqa: E402 # pylint: disable=wrong-import-position
import nodes  # noqa: E402 # pylint: disable=wrong-import-position
import peers  # noqa: E402 # pylint: disable=wrong-import-position

CLIENTS = 48
FLAGS = ("--threads", "1", "--delivery", "queue", "--retry-first", "100ms", "--retry-most", "1s", "--queue-timeout", "5s",
         "--access-log", "off", "--queue-max", "64GiB")


class Site:
    """What a drill has: the cluster, two gateways, the service, the clients."""

    def __init__(self, given, folder, cluster, seed):
        self.given, self.folder, self.cluster = given, folder, cluster
        self.service = crowd.Service(seed)
        self.gateways = [self.gateway(0), self.gateway(1)]
        self.clients = crowd.Clients([each.address for each in self.gateways], CLIENTS, given.receipts)

    def gateway(self, number, address=None):
        folder = os.path.join(self.folder, f"gateway{number}")
        os.makedirs(folder, exist_ok=True)
        flags = [*FLAGS, "--queue-database", self.cluster.url()]
        if address:
            flags += ["--listen", "%s:%d" % address]
        return peers.Gateway(self.given.finpostd, folder, [f"http://127.0.0.1:{self.service.port}/"], *flags)

    def restart(self, number):
        """On the address that it had: clients know no other."""
        self.gateways[number] = self.gateway(number, self.clients.addresses[number])

    def stats(self):
        """Payloads by state."""
        done = subprocess.run([self.given.finpost, "queue", "stats", "--queue-database", self.cluster.url(), "--json"],
                              capture_output=True, text=True, check=False, timeout=30)
        peers.expect(done.returncode == 0, f"finpost queue stats: {done.stderr}")
        return {state: count["payloads"] for state, count in json.loads(done.stdout)["states"].items()}

    def receipts(self):
        return len(self.clients.receipts)

    def wait_for(self, part):
        """Until so much of all receipts is there."""
        peers.until(lambda: self.receipts() >= part * self.given.receipts, f"{part:.0%} of the receipts", 300)

    def wait_for_more(self, number=200):
        """Receipts are given again."""
        before = self.receipts()
        peers.until(lambda: self.receipts() >= min(before + number, self.given.receipts), "more receipts", 60)

    def end(self):
        for each in self.gateways:
            each.kill()
        self.service.close()


def kill_gateway(site):
    site.gateways[0].kill()
    site.wait_for_more()  # from the other one
    site.restart(0)


def kill_standby(number):
    def drill(site):
        node = site.cluster.standbys()[number]
        node.kill()
        site.wait_for_more()
        site.cluster.heal()
    return drill


def kill_primary(site):
    old = site.cluster.primary
    old.kill()
    site.cluster.promote()
    site.cluster.drop(old)
    site.wait_for_more()
    site.cluster.heal()


def kill_all(site):
    for node in site.cluster.nodes:
        node.kill()
    site.cluster.heal()


def freeze_primary(site):
    site.cluster.primary.freeze(True)
    time.sleep(site.given.frozen)  # how long is what is tested
    site.cluster.primary.freeze(False)


def replace_primary(site):
    """It is there, and answers nobody. It could not commit anything without a standby; whoever promotes sees to it that it
    does not come back."""
    old = site.cluster.primary
    site.cluster.promote()
    site.wait_for_more()
    old.kill()
    site.cluster.drop(old)


def replace_frozen_primary(site):
    """Its connections stay open, and nobody answers: the gateways find the other one that takes writes."""
    site.cluster.primary.freeze(True)
    replace_primary(site)
    site.cluster.heal()


def cut_off_primary(site):
    """It runs, and nothing reaches it or comes from it: no connection is closed by that."""
    with namespaces.cut_off(site.cluster.primary.port):
        replace_primary(site)
    site.cluster.heal()


def fill_disk(site):
    """Of the primary, for some seconds: it refuses, or ends and is started again when there is room."""
    primary = site.cluster.primary
    with namespaces.full(primary.disk):
        time.sleep(site.given.full)
        before = site.receipts()
    if primary.process.poll() is not None:
        primary.start()
    peers.until(lambda: site.receipts() > before, "receipts after the full disk", 120)
    site.cluster.heal()


def freeze_gateway(site):
    """Past its lease: the other one takes what it had, and what it says late does no harm."""
    site.gateways[0].process.send_signal(signal.SIGSTOP)
    time.sleep(site.given.lease)
    site.gateways[0].process.send_signal(signal.SIGCONT)


DRILLS = {
    "gateway": kill_gateway,
    "standby": kill_standby(0),
    "other-standby": kill_standby(1),
    "primary": kill_primary,
    "all": kill_all,
    "frozen-primary": freeze_primary,
    "frozen-primary-replaced": replace_frozen_primary,
    "frozen-gateway": freeze_gateway,
    "partition": cut_off_primary,
    "full": fill_disk,
}
ALONE = {"partition", "full"}  # need a loopback, and disks, of their own


def perform(name, given, folder, cluster):
    site = Site(given, folder, cluster, name)
    try:
        site.clients.start()
        site.wait_for(0.25)
        DRILLS[name](site)
        site.wait_for(0.6)
        site.service.close()  # away
        time.sleep(given.away)
        site.service.open()
        site.clients.join(600)
        site.service.fails = False
        peers.until(lambda: not site.clients.receipts.keys() - site.service.taken.keys(), "the last delivery", 300)
        peers.until(lambda: site.stats()["waiting"] == 0, "an empty queue", 60)
        crowd.judge(site.service, site.clients)
        stats = site.stats()
        peers.expect(stats["dead"] == stats["set_aside"] == 0, f"dead letters: {stats}")
        print(f"{name}: {site.receipts()} receipts, {site.clients.unknown} exchanges without one; {len(site.service.taken)} "
              f"delivered, {site.service.twice} of them again under the same key, {site.service.refused} refused by the "
              f"service; 0 dead, 0 lost; {site.clients.longest_pause:.1f} s without a receipt at the most", flush=True)
    finally:
        site.clients.going = False
        site.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--receipts", type=int, default=20_000, help="of each drill")
    parser.add_argument("--away", type=float, default=10, help="seconds that the service is away")
    parser.add_argument("--frozen", type=float, default=20, help="seconds that the primary stands still")
    parser.add_argument("--full", type=float, default=8, help="seconds that the primary's disk is full")
    parser.add_argument("--lease", type=float, default=75, help="seconds that a gateway stands still")
    parser.add_argument("--drill", action="append", choices=DRILLS)
    parser.add_argument("finpostd")
    parser.add_argument("finpost")
    given = parser.parse_args()
    nodes.need()
    wanted = list(given.drill or DRILLS)
    if ALONE.intersection(wanted) and not namespaces.enter():
        if given.drill:
            peers.skip("only root has a loopback and disks of its own")
        for name in [name for name in wanted if name in ALONE]:
            print(f"{name}: left out, only root has a loopback and disks of its own")
            wanted.remove(name)
    # A small disk is no place for all the others.
    for part, disk in ([name for name in wanted if name != "full"], None), ([name for name in wanted if name == "full"], 600):
        if part:
            run_drills(part, given, disk)


def run_drills(names, given, disk):
    with tempfile.TemporaryDirectory(prefix="finpost-cluster-") as folder, nodes.Cluster(folder, disk=disk) as cluster:
        subprocess.run([given.finpost, "queue", "init", "--queue-database", cluster.url()], check=True)
        for name in names:
            perform(name, given, folder, cluster)


if __name__ == "__main__":
    sys.exit(peers.run(main))
