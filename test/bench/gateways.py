"""What is compared, and the three comparisons."""

import dataclasses
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

REFERENCE = "finpostd"  # ratios are given against it

# Name, title in tables and pictures. finpostd runs with everything it has: every limit and deadline,
# metrics, and an access log line for each exchange, written to a file.
TITLES = {
    "finpostd": "finpostd (event-driven)",
    "thread_per_client": "thread per client",
    "thread_per_client_pool": "thread per client, pooled",
    "original": "the original (Python)",
    "epoll_floor": "epoll floor",
}


def command(name, build_dir, upstream_port):
    baselines = os.path.join(build_dir, "test", "bench")
    if name == "finpostd":
        return [os.path.join(build_dir, "server", "app", "finpostd"), "--listen", "127.0.0.1:0",
                "--upstream", f"http://127.0.0.1:{upstream_port}/upload", "--threads", "1",
                "--admin", "off"]
    if name == "original":
        script = os.path.join(HERE, "baselines", "original.py")
        return [sys.executable, script, "0", str(upstream_port)]
    program = name.removesuffix("_pool")
    pool = ["--pool"] if program != name else []
    return [os.path.join(baselines, program), "0", str(upstream_port), *pool]


def echo_service(build_dir, delay):
    return [os.path.join(build_dir, "test", "bench", "echo_service"), "0", "--delay", str(delay)]


def load(build_dir):
    return os.path.join(build_dir, "client", "finpost")


@dataclasses.dataclass(frozen=True)
class Point:
    """One load."""
    x: int                  # what the comparison varies
    connections: int = 64
    size: int = 1024
    slow: int = 0
    seconds: float = 2.0
    warm_up: float = 0.3


KIB, MIB = 1024, 1024 * 1024

SIZES = [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB]


def points(comparison, quick):
    """The loads of a comparison, smallest first."""
    seconds, warm_up = (0.3, 0.1) if quick else (2.0, 0.3)
    if comparison == "connections":
        counts = [16, 256] if quick else [16, 64, 256, 1000, 2000, 4000, 8000]
        # Many at once take a while to get there: the warm-up must not end before.
        return [Point(n, connections=n, seconds=seconds, warm_up=warm_up + n / 8000)
                for n in counts]
    if comparison == "sizes":
        sizes = [KIB, 256 * KIB] if quick else SIZES
        return [Point(n, connections=16 if n < MIB else 4, size=n, seconds=seconds, warm_up=warm_up)
                for n in sizes]
    counts = [200] if quick else [0, 1000, 2000, 4000, 8000]
    return [Point(n, slow=n, seconds=seconds, warm_up=warm_up) for n in counts]


def left_out(name, point):
    """Why a gateway is not asked to take a load, or nothing."""
    if name == "original" and point.size > 4 * MIB:
        return "half a minute of copying for four payloads: it accumulates in quadratic time"
    return None
