"""Processes of a run: started, pinned, measured from outside, ended. For Linux."""

import os
import resource
import subprocess
import time


class BenchError(Exception):
    """Something did not work, in words for a person."""


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cores():
    """The cores for the gateway and for load and service; None where there is only one for both."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) >= 2 else (None, None)


def pinned(command, core):
    return ["taskset", "-c", str(core), *command] if core is not None else command


class Process:
    """One program under measurement. Everything is read from /proc: it need not cooperate."""

    def __init__(self, command, core, log):
        self.log = log
        with open(log, "wb") as out:
            self.child = subprocess.Popen(pinned(command, core), stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out)
        self.name = os.path.basename(command[0])

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.child.terminate()
        try:
            self.child.wait(2)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)

    def port(self, within=10.0):
        """Waits until it listens and returns where: it was told port 0."""
        until = time.monotonic() + within
        while time.monotonic() < until and self.child.poll() is None:
            found = self._listening_port()
            if found:
                return found
            time.sleep(0.01)
        raise BenchError(f"{self.name} does not listen: {self._last_words()}")

    def cpu_us(self):
        """User and system time of all its threads, the ended ones too, in microseconds."""
        # The process's own CPU clock is exact where /proc/PID/stat counts ticks of 10 ms; its number is
        # how clock_getcpuclockid(3) makes it.
        try:
            return time.clock_gettime((~self.child.pid << 3) | 2) * 1e6
        except OSError as gone:
            raise BenchError(f"{self.name} has ended: {self._last_words()}") from gone

    def user_us(self):
        """Its user time alone, to a hundredth of a second."""
        return self._stat(11) * 1e6 / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        return self._status("VmRSS")

    def peak_rss_kib(self):
        return self._status("VmHWM")

    def threads(self):
        return self._status("Threads")

    def _stat(self, field):
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[field])

    def _status(self, name):
        try:
            with open(f"/proc/{self.child.pid}/status", encoding="ascii", errors="replace") as file:
                for line in file:
                    if line.startswith(name + ":"):
                        return int(line.split()[1])
        except OSError:
            pass
        return 0

    def _listening_port(self):
        inodes = set()
        try:
            for fd in os.listdir(f"/proc/{self.child.pid}/fd"):
                target = os.readlink(f"/proc/{self.child.pid}/fd/{fd}")
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
            with open(f"/proc/{self.child.pid}/net/tcp", encoding="ascii") as file:
                for line in list(file)[1:]:
                    words = line.split()
                    if words[3] == "0A" and words[9] in inodes:  # TCP_LISTEN
                        return int(words[1].partition(":")[2], 16)
        except OSError:
            pass
        return None

    def _last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = file.read().strip().splitlines()
        return lines[-1] if lines else "without a word"


def busy_us():
    """What all cores have worked so far, for anybody."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) * 1e6 / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(limit):
    """Waits until others use less than a tenth of one core, for `limit` seconds at most."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        before, began = busy_us(), time.monotonic()
        time.sleep(0.3)
        if busy_us() - before < 0.1e6 * (time.monotonic() - began):
            return
