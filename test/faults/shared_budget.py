#!/usr/bin/env python3
"""D16: two hundred clients with 16 MiB each share a budget of 64 MiB:

    shared_budget.py [--clients 200] [--budget 64] [--spill-above SIZE|off] FINPOSTD

Each of them finishes, and while they do, what the process has grown by is within 10 % of what it says it
holds (`finpost_buffered_bytes`, at least half the budget full); with spilling on it is only below the budget.
Fails otherwise. Prints the p99 of small exchanges beside them, against what they take alone, and of the same
straight to the service meanwhile, on a connection that is kept: what the machine itself makes them wait.
"""

import argparse
import multiprocessing
import os
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

import measures
import peers
import uploads
from uploads import SIZE, WHOLE

MOST_APART = 0.10
LIMIT = 150.0  # seconds, for everything
ALONE = 1000   # small exchanges before


def serve(door):
    """An HTTP service that reads what is posted and says how much that was: a process for each connection, so that
    a small exchange does not wait for a large one in here."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection = door.accept()[0]
        if os.fork() == 0:
            door.close()
            uploads.answer(connection)
            os._exit(0)
        connection.close()


def through_gateway(address):
    while True:
        with socket.create_connection(address, 30) as client:
            client.sendall(b"x" * 1024)
            client.shutdown(socket.SHUT_WR)
            said = b""
            while part := client.recv(4096):
                said += part
        yield said


def straight(address):
    with socket.create_connection(address, 30) as service:
        while True:
            service.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024)
            said = b""
            while not said.endswith(b"\r\n\r\n1024"):
                part = service.recv(4096)
                if not part:
                    break
                said += part
            yield said[-4:]


def small_exchanges(way, address, results, stop, most):
    """One after the other; the seconds each took, and how many went wrong."""
    times, wrong = [], 0
    answers = way(address)
    while len(times) < most and not stop.is_set():
        began = time.monotonic()
        try:
            said = next(answers)
        except OSError as cut:
            said = cut
        times.append(time.monotonic() - began)
        if said != b"1024":
            wrong += 1
            answers = way(address)
        time.sleep(0.002)
    results.put((times, wrong))


class Beside:
    """Small exchanges in a process of their own."""

    def __init__(self, way, address, most):
        self.results, self.stop = multiprocessing.Queue(), multiprocessing.Event()
        self.process = multiprocessing.Process(target=small_exchanges, daemon=True,
                                               args=(way, address, self.results, self.stop, most))
        self.process.start()

    def times(self):
        """Their p99 and median, and how many."""
        times, wrong = self.results.get(timeout=LIMIT)
        self.process.join()
        peers.expect(wrong == 0, f"{wrong} small exchanges went wrong")
        return measures.percentile(times, 0.99), statistics.median(times), len(times)


class Watcher(threading.Thread):
    """What the gateway says it holds, and what its process has grown by, at the same time."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway, self.over = gateway, threading.Event()
        self.before = measures.memory(gateway.process.pid)
        self.held, self.grown = [], []

    def run(self):
        while not self.over.wait(0.05):
            pid = self.gateway.process.pid
            first = measures.memory(pid)
            held = self.gateway.metric("finpost_buffered_bytes")
            self.held.append(held)
            self.grown.append((first + measures.memory(pid)) / 2 - self.before)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--budget", type=int, default=64)
    options.add_argument("--spill-above", default="off")
    options.add_argument("finpostd")
    options = options.parse_args()
    budget = options.budget * measures.MIB
    door = socket.create_server(("127.0.0.1", 0), backlog=1024)
    service = door.getsockname()
    multiprocessing.Process(target=serve, args=(door,), daemon=True).start()
    door.close()
    with tempfile.TemporaryDirectory() as folder, peers.Gateway(
            options.finpostd, folder, [f"http://127.0.0.1:{service[1]}/"], "--max-buffered", str(budget),
            "--max-payload", str(SIZE), "--max-reply", "1MiB", "--spill-above", options.spill_above,
            "--access-log", "refused") as gateway:
        alone, *_ = Beside(through_gateway, gateway.address, ALONE).times()
        straight_alone, *_ = Beside(straight, service, ALONE).times()
        watcher = Watcher(gateway)
        watcher.start()
        beside = Beside(through_gateway, gateway.address, sys.maxsize)
        reference = Beside(straight, service, sys.maxsize)
        began = time.monotonic()
        told = uploads.drive(gateway.address, options.clients, LIMIT)
        took = time.monotonic() - began
        beside.stop.set()
        reference.stop.set()
        loaded, middle, small = beside.times()
        straight_loaded, straight_middle, straight_small = reference.times()
        watcher.over.set()
        watcher.join()
        left = [gateway.metric(f"finpost_{what}_bytes") for what in ("buffered", "spilled")]
        peers.expect(gateway.stop() == 0, "no clean stop")
    finished = told[WHOLE]
    others = [what for what in told if what != WHOLE]
    full = [(held, grown) for held, grown in zip(watcher.held, watcher.grown) if held >= budget / 2]
    most_held, most_grown = max(watcher.held), max(watcher.grown)
    print(f"finished                  {finished} of {options.clients} with {SIZE // measures.MIB} MiB each, "
          f"{took:.1f} s, {finished * SIZE / took / 1e6:.0f} MB/s")
    print(f"most held and grown by    {most_held / measures.MIB:.1f} and {most_grown / measures.MIB:.1f} MiB "
          f"of {options.budget} MiB")
    if full:
        held, grown = (statistics.mean(column) for column in zip(*full))
        print(f"held and grown by         {held / measures.MIB:.1f} and {grown / measures.MIB:.1f} MiB on average "
              f"({100 * (grown / held - 1):+.1f} %), {len(full)} looks")
    print(f"p99 of small exchanges    {1e3 * loaded:.1f} ms beside them ({small}, median {1e3 * middle:.1f}), "
          f"{1e3 * alone:.1f} ms alone: {loaded / alone:.1f} times")
    print(f"straight to the service   {1e3 * straight_loaded:.1f} ms ({straight_small}, median {1e3 * straight_middle:.1f}), "
          f"{1e3 * straight_alone:.1f} ms alone: {straight_loaded / straight_alone:.1f} times")
    peers.expect(finished == options.clients, f"others were told {others[:3]}")
    peers.expect(left == [0, 0], f"{left} bytes are still held")
    peers.expect(most_held <= budget, "it held more than its budget")
    if options.spill_above == "off":
        peers.expect(full, "the budget was never half full")
        peers.expect(abs(grown / held - 1) <= MOST_APART, "it grew by more or less than it holds")
    else:
        peers.expect(most_grown <= (1 + MOST_APART) * budget, "it grew by more than its budget")


if __name__ == "__main__":
    peers.run(main)
