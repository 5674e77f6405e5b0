"""What the fault scripts share: a gateway, clients, and how a script ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

PATIENCE = 20.0  # seconds, for whatever must happen


class Failed(Exception):
    """An expectation that was not met, in words for a person."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def until(condition, what, limit=PATIENCE):
    """Waits for a condition that nobody announces."""
    end = time.monotonic() + limit
    while not condition():
        expect(time.monotonic() < end, f"never came: {what}")
        time.sleep(0.01)


def skip(why):
    """Missing software skips a test, except in continuous integration."""
    if os.environ.get("CI"):
        print(why)
        sys.exit(1)
    print(f"SKIPPED: {why}")
    sys.exit(77)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            skip(f"{program} is not installed")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def connects(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


class Child:
    """A program that ends with the script: by SIGKILL, unless it has ended before."""

    def __init__(self, command, **more):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Gateway(Child):
    """finpostd in front of some endpoints; its log is in a file."""

    def __init__(self, program, folder, upstreams, *flags):
        self.log = os.path.join(folder, "finpostd.log")
        command = [program, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format",
                   "json", "--log-file", self.log, *flags]
        for url in upstreams:
            command += ["--upstream", url]
        if os.path.exists(self.log):
            os.remove(self.log)
        super().__init__(command)
        until(lambda: self.events("ready") or self.process.poll() is not None, "the gateway's start")
        expect(self.process.poll() is None, "finpostd ended at once")
        ready = self.events("ready")[0]
        self.address = self._split(ready["listen"])
        self.admin = self._split(ready["admin"])

    @staticmethod
    def _split(text):
        host, port = text.rsplit(":", 1)
        return host, int(port)

    def events(self, name):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as log:
            lines = [line for line in log if line.endswith("\n")]
        return [entry for entry in map(json.loads, lines) if entry["event"] == name]

    def exchange(self, payload=b"hello"):
        """The whole job of a client; the reply and the seconds it took."""
        began = time.monotonic()
        with socket.create_connection(self.address, PATIENCE) as client:
            client.sendall(payload)
            client.shutdown(socket.SHUT_WR)
            reply = b""
            while part := client.recv(65536):
                reply += part
        return reply, time.monotonic() - began

    def ask(self, path):
        """The status and the body of the admin port's answer."""
        with socket.create_connection(self.admin, PATIENCE) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := client.recv(65536):
                answer += part
        head, body = answer.decode().split("\r\n\r\n", 1)
        return int(head.split()[1]), body

    def metric(self, name):
        for line in self.ask("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise Failed(f"no metric {name}")

    def stop(self):
        """A clean stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def run(main):
    """Runs a script: 0, or 1 and what went wrong."""
    try:
        main()
    except Failed as failed:
        print(f"FAILED: {failed}")
        sys.exit(1)
    print("passed")
