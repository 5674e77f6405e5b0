#!/usr/bin/env python3
"""The example service: answers each POST with its size and prints a line, and GET /health with 200.

    service.py [--port 3000] [--echo]      --echo answers with the payload itself
"""

import argparse
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 64 * 1024 * 1024  # bytes


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections
    timeout = 30  # seconds without a request; the gateway keeps an idle connection for 4
    disable_nagle_algorithm = True
    echo = False

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, b"")

    def do_POST(self):
        size = int(self.headers.get("Content-Length", "-1"))
        if not 0 <= size <= LARGEST:
            self.close_connection = True
            return self.answer(413, b"")
        payload = self.rfile.read(size)
        key = self.headers.get("Idempotency-Key")
        print(f"POST {self.path}: {size} bytes" + (f", Idempotency-Key: {key}" if key else ""), flush=True)
        self.answer(200, payload if self.echo else b"got %d bytes\n" % size)

    def answer(self, status, body):
        # One write: a head alone would wait for an acknowledgement.
        self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n%s\r\n" % (
            status, len(body), b"Connection: close\r\n" if self.close_connection else b"") + body)


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--echo", action="store_true")
    options = parser.parse_args()
    Service.echo = options.echo
    server = Server((options.host, options.port), Service)
    # The first process of a container gets no signal that it does not ask for.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
