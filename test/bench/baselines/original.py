#!/usr/bin/env python3
"""The gateway finpost replaces: a select loop that accepts, a thread for each client, recv until it
returns nothing, then one POST with a time limit of five seconds, and the answer back.

Kept as it was, the quadratic `data += chunk` included. Left out: nothing it had; it never had limits,
logs, pooled connections, or an answer for a client when the POST fails.

    original.py PORT UPSTREAM_PORT
"""
import http.client
import resource
import select
import socket
import sys
import threading


def post(port, data):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/upload", data, {"Content-Type": "application/octet-stream"})
        return connection.getresponse().read()
    finally:
        connection.close()


def serve(client, upstream_port):
    with client:
        try:
            data = b""
            while True:
                chunk = client.recv(4096)
                if not chunk:
                    break
                data += chunk
            client.sendall(post(upstream_port, data))
            client.shutdown(socket.SHUT_WR)
        except (OSError, http.client.HTTPException) as error:
            print("failed:", error, file=sys.stderr)


def main():
    port, upstream_port = int(sys.argv[1]), int(sys.argv[2])
    # The one thing added: without it the comparison would end at 1,024 clients.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    while True:
        readable, _, _ = select.select([listener], [], [], 0.5)
        if readable:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, upstream_port), daemon=True).start()


main()
