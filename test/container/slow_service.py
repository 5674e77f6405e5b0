#!/usr/bin/env python3
"""An echo over HTTP that takes its time when the payload begins with `slow`. Says its port.

    slow_service.py [--host 127.0.0.1] [--seconds 2]
"""

import argparse
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        payload = self.rfile.read(int(self.headers["Content-Length"]))
        if payload.startswith(b"slow"):
            time.sleep(self.server.seconds)
        self.wfile.write(b"HTTP/1.1 200 x\r\nContent-Length: %d\r\n\r\n" % len(payload) + payload)

    def log_message(self, *_):
        pass


class Service(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def __init__(self, seconds, host="127.0.0.1"):
        super().__init__((host, 0), Echo)
        self.seconds = seconds

    def handle_error(self, *_):
        pass  # a gateway was killed, which is what happens here

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    service = Service(options.seconds, options.host)
    print(service.server_port, flush=True)
    sys.exit(service.serve_forever())
