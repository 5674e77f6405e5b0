#!/usr/bin/env python3
"""The whole job of a client: standard input out as it comes, a half-close, the reply on standard output.

    client.py HOST:PORT
    client.py --get PATH HOST:PORT      the status and the body of an HTTP answer, on one line
"""

import socket
import sys
import threading

PATIENCE = 60.0  # seconds


def get(path, address):
    with socket.create_connection(address, PATIENCE) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    head, body = answer.decode().split("\r\n\r\n", 1)
    print(head.split()[1], body.strip())


def exchange(address):
    with socket.create_connection(address, PATIENCE) as peer:
        def send():
            while part := sys.stdin.buffer.read1(65536):
                peer.sendall(part)
            peer.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        while part := peer.recv(65536):
            sys.stdout.buffer.write(part)
        sender.join()


if __name__ == "__main__":
    host, port = sys.argv[-1].rsplit(":", 1)
    if sys.argv[1] == "--get":
        get(sys.argv[2], (host, int(port)))
    else:
        exchange((host, int(port)))
