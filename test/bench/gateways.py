"""What is compared, and the comparisons."""

import dataclasses
import functools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

OURS = "finpostd"

# Name, title in tables and pictures. finpostd runs with everything it has: every limit and deadline,
# metrics, and an access log line for each exchange, written to a file.
TITLES = {
    "finpostd": "finpostd (event-driven)",
    "thread_per_client": "thread per client",
    "thread_per_client_pool": "thread per client, pooled",
    "original": "the original (Python)",
    "epoll_floor": "epoll floor",
    "finpostd_memory": "finpostd, accumulating in memory",
    "finpostd_spill": "finpostd, spilling to a file",
    "finpostd_stream": "finpostd, streaming",
    "finpostd_base64": "finpostd, streaming, Base64 both ways",
}

# What large payloads need of finpostd, and what each way to treat them is called there. With Base64 the
# load sends text: it is decoded for the service, and the answer encoded again.
LARGE = ["--max-payload", "8GiB", "--max-reply", "8GiB", "--max-buffered", "16GiB",
         "--receive-total", "10m", "--upstream-total", "10m", "--reply-total", "10m"]
WAYS = {
    "finpostd_memory": ["--spill-above", "off"],
    "finpostd_spill": ["--spill-above", "256KiB"],
    "finpostd_stream": ["--stream-above", "64KiB"],
    "finpostd_base64": ["--stream-above", "64KiB", "--decode", "base64", "--encode", "base64"],
}


def command(name, build_dir, upstream_port, frame):
    baselines = os.path.join(build_dir, "test", "bench")
    framed = ["--frame", frame] if frame else []
    if name == "finpostd" or name in WAYS:
        return [_finpostd(build_dir), "--listen", "127.0.0.1:0", "--upstream",
                f"http://127.0.0.1:{upstream_port}/upload", "--threads", "1", "--admin", "off",
                *framed, *([] if name == "finpostd" else LARGE + WAYS[name])]
    if name == "original":
        script = os.path.join(HERE, "baselines", "original.py")
        return [sys.executable, script, "0", str(upstream_port)]
    program = name.removesuffix("_pool")
    pool = ["--pool"] if program != name else []
    return [os.path.join(baselines, program), "0", str(upstream_port), *pool, *framed]


def _finpostd(build_dir):
    return os.path.join(build_dir, "server", "app", "finpostd")


@functools.cache
def _options(build_dir):
    done = subprocess.run([_finpostd(build_dir), "--help"], capture_output=True, text=True, timeout=10,
                          check=False)
    return set(done.stdout.replace(",", " ").split())


def echo_service(build_dir, delay):
    return [os.path.join(build_dir, "test", "bench", "echo_service"), "0", "--delay", str(delay)]


def load(build_dir):
    return os.path.join(build_dir, "client", "finpost")


@dataclasses.dataclass(frozen=True)
class Point:
    """One load."""
    x: object               # what the comparison varies: a number, or what stands in the table
    connections: int = 64
    size: int = 1024
    slow: int = 0
    seconds: float = 2.0
    warm_up: float = 0.3
    exchanges: int = 0      # so many instead of for so long, after one to warm up
    timeout: int = 10       # seconds for one exchange: who got nothing for so long counts as failed
    frame: str = ""         # many exchanges on each connection, in this frame
    rate: int = 0           # so many exchanges a second, instead of as many as go


KIB, MIB, GIB = 1024, 1024 ** 2, 1024 ** 3

SIZES = [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB]
LARGE_SIZES = [MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, GIB, 4 * GIB]


# The names of each comparison, and against which of them ratios are given.
EACH = ["finpostd", "thread_per_client", "thread_per_client_pool", "original", "epoll_floor"]
LARGE_ONES = [*WAYS, "thread_per_client", "epoll_floor"]
FRAMED_ONES = ["finpostd", "epoll_floor"]  # the others know no frames

FRAMES = ["length:u32be", "line"]
SAME_RATE = 10_000  # exchanges a second that all of them reach with ease


def compared(comparison, only):
    """The gateways of a comparison; `only` those, where some were named."""
    names = {"large": LARGE_ONES, "frames": FRAMED_ONES}.get(comparison, EACH)
    return [name for name in names if not only or name in only]


def reference(comparison):
    return "epoll_floor" if comparison in ("large", "frames") else OURS


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
    if comparison == "large":
        sizes = [MIB, 16 * MIB] if quick else LARGE_SIZES
        volume = 16 * MIB if quick else GIB // 2
        return [Point(n, connections=1, size=n, exchanges=max(1, min(256, volume // n)), timeout=100)
                for n in sizes]
    if comparison == "frames":
        return [Point(_framing(frame, rate), frame=frame, rate=rate, seconds=seconds, warm_up=warm_up)
                for rate in ([0] if quick else [0, SAME_RATE]) for frame in ["", *FRAMES]]
    counts = [200] if quick else [0, 1000, 2000, 4000, 8000]
    return [Point(n, slow=n, seconds=seconds, warm_up=warm_up) for n in counts]


def _framing(frame, rate):
    return (frame or "none, a connection each") + (f"; {rate:,}/s" if rate else "")


def left_out(name, point, build_dir):
    """Why a gateway is not asked to take a load, or nothing."""
    for option in WAYS.get(name, []):
        if option.startswith("--") and option not in _options(build_dir):
            return f"this finpostd has no {option}"
    if point.size > GIB and "--stream-above" not in WAYS.get(name, []):
        return "not streamed, it would be held twice: payload and answer"
    # The service holds a payload while it receives it, and a gateway may hold two more.
    needed = point.size * (1.5 if "--stream-above" in WAYS.get(name, []) else 5)
    if point.size >= GIB and needed > _available():
        return f"{needed / GIB:.0f} GiB of memory are not free"
    if name == "original" and point.size > 4 * MIB:
        return "half a minute of copying for four payloads: it accumulates in quadratic time"
    return None


def _available():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * KIB for line in file if line.startswith("MemAvailable:"))
