"""One measurement: fresh processes, warm-up, load, figures."""

import json
import os
import signal
import subprocess
import tempfile
import time

import gateways
from processes import BenchError, Process, busy_us, cores, pinned, wait_for_quiet

GRACE = 60        # for a load generator to end by itself after its time
MEGABYTE = 1e6


def _load(build_dir, port, point, arguments, core):
    return pinned([gateways.load(build_dir), "load", f"127.0.0.1:{port}", "--json",
                   "--timeout", f"{point.timeout}s", *arguments], core)


def _run_load(build_dir, port, point, core, warm_up=False):
    seconds = point.warm_up if warm_up else point.seconds
    if point.exchanges:
        seconds = point.timeout
        much = ["-n", str(1 if warm_up else point.exchanges)]
    else:
        much = ["--duration", f"{int(seconds * 1000)}ms"]
    arguments = ["-c", str(point.connections), "--size", str(point.size), *much]
    arguments += ["--frame", point.frame] if point.frame else []
    arguments += ["--rate", str(point.rate)] if point.rate else []
    try:
        done = subprocess.run(_load(build_dir, port, point, arguments, core), capture_output=True,
                              text=True, timeout=seconds + GRACE, check=False)
    except subprocess.TimeoutExpired as stuck:
        raise BenchError("the load generator did not end") from stuck
    if not done.stdout.startswith("{"):
        raise BenchError(f"no load: {done.stderr.strip()}")
    return json.loads(done.stdout)


class SlowClients:
    """A load generator of its own that holds slow clients, so that its CPU is not in the figures."""

    def __init__(self, build_dir, port, point, core):
        arguments = ["-c", "0", "--slow", str(point.slow), "--duration", "60s"]
        command = _load(build_dir, port, point, arguments, core)
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True)
        # It says one line when all are connected, or ends: bounded by its own limits.
        self.child.stderr.readline()

    def end(self):
        """How many of them stayed to the end."""
        self.child.send_signal(signal.SIGINT)
        out, words = self.child.communicate(timeout=GRACE)
        if not out.startswith("{"):
            raise BenchError(f"no slow clients: {words.strip()}")
        return json.loads(out)["slow"]["stayed"]

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def measure(name, point, build_dir, delay, quiet):
    """The figures of one gateway under one load, with fresh processes. Raises BenchError."""
    wait_for_quiet(quiet)
    gateway_core, other_core = cores()
    with tempfile.TemporaryDirectory(prefix="finpost-bench-") as directory:
        def log(of):
            return os.path.join(directory, of)
        with Process(gateways.echo_service(build_dir, delay), other_core, log("service")) as service:
            command = gateways.command(name, build_dir, service.port(), point.frame)
            with Process(command, gateway_core, log("gateway")) as gateway:
                return _measure(gateway, service, point, build_dir, other_core)


def _measure(gateway, service, point, build_dir, core):
    port = gateway.port()
    rss_idle = gateway.rss_kib()
    _run_load(build_dir, port, point, core, warm_up=True)
    rss_before = gateway.rss_kib()
    slow = SlowClients(build_dir, port, point, core) if point.slow else None
    try:
        figures = {"rss_slow_kib": gateway.rss_kib(), "threads": gateway.threads()}
        began, busy = time.monotonic(), busy_us()
        cpu, user, service_cpu = gateway.cpu_us(), gateway.user_us(), service.cpu_us()
        load = _run_load(build_dir, port, point, core)
        cpu, user = gateway.cpu_us() - cpu, gateway.user_us() - user
        service_cpu = service.cpu_us() - service_cpu
        elapsed, busy = time.monotonic() - began, busy_us() - busy
        stayed = slow.end() if slow else 0
    finally:
        if slow:
            slow.kill()
    done = load["exchanges"]
    figures.update(
        exchanges=done,
        exchanges_per_s=load["exchanges_per_s"],
        mb_per_s=load["mb_per_s"],
        p50_us=load["latency_us"]["p50"],
        p99_us=load["latency_us"]["p99"],
        max_us=load["latency_us"]["max"],
        gateway_us=cpu / done if done else None,
        gateway_user_us=user / done if done else None,
        gateway_us_per_mb=cpu / (done * point.size / MEGABYTE) if done else None,
        load_us=load["cpu_us_per_exchange"],
        service_us=service_cpu / done if done else None,
        # Others used more than a sixth of one core meanwhile.
        disturbed=busy - cpu - service_cpu - load["cpu_us"] > elapsed * 1e6 / 6,
        errors=load["failed"] + load["unfinished"],
        error_kinds={kind: count for kind, count in {**load["errors"], **load["refusals"]}.items()
                     if count and kind != "refused"},  # the reasons add up to it
        stalled=load["stalled"],
        # A large payload takes its time.
        waited_long=load["latency_us"]["max"] > 1e6 and not point.exchanges,
        slow_lost=point.slow - stayed,
        peak_rss_kib=gateway.peak_rss_kib(),
        peak_above_idle_kib=gateway.peak_rss_kib() - rss_idle,
    )
    if point.slow:
        figures["rss_per_slow_kib"] = (figures["rss_slow_kib"] - rss_before) / point.slow
    return figures
