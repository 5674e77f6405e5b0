#!/usr/bin/env python3
"""What TLS costs on the server's side: finpostd with TLS against nginx's stream module that takes TLS off
in front of a plain finpostd, and bulk against the cipher alone (`openssl speed`).

    test/bench/tls.py [--build-dir build/release] [--seconds 5] [--rounds 3]

Figures are CPU of the server processes, user and system, for each handshake and exchange: the clients
(Python, OpenSSL's library) share the machine and are not counted. Certificates are P-256 for both, sessions
are resumed by both or by none. Without nginx's stream module only finpostd's own figures are given."""

import argparse
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import processes

NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def make_certificate(folder):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "2", "-subj",
        "/CN=server.test", "-addext", "subjectAltName=DNS:server.test")


def exchange(context, port, payload, session):
    """One exchange as a client makes it; the session for the next one."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="server.test", session=session)
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # it writes in several pieces

        def step(call):
            while True:
                try:
                    result = call()
                    raw.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    raw.sendall(outgoing.read())
                    data = raw.recv(1 << 18)
                    if data:
                        incoming.write(data)
                    else:
                        incoming.write_eof()

        step(tls.do_handshake)
        rest = memoryview(payload)
        while rest:
            rest = rest[step(lambda: tls.write(rest[:1 << 20])):]
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        raw.sendall(outgoing.read())
        reply = bytearray()
        while True:
            try:
                data = step(lambda: tls.read(1 << 18))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                break
            if not data:
                break
            reply += data
        if reply != payload:
            raise processes.BenchError(f"a reply of {len(reply)} bytes is not its payload")
        return tls.session


def client_context(folder, version):
    context = ssl.create_default_context(cafile=f"{folder}/cert.pem")
    context.minimum_version = context.maximum_version = version
    return context


def measure(folder, port, servers, version, resumed, payload, seconds):
    """CPU of the servers for an exchange in microseconds, and exchanges a second."""
    context = client_context(folder, version)
    session = None
    for _ in range(5):  # warm up; the session to go on from
        session = exchange(context, port, payload, session if resumed else None)
    before, began, count = sum(s.cpu_us() for s in servers), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        fresh = exchange(context, port, payload, session if resumed else None)
        session = fresh if resumed else None
        count += 1
    took = time.monotonic() - began
    return (sum(s.cpu_us() for s in servers) - before) / count, count / took


def finpostd(build_dir, folder, service, name, *more):
    command = [os.path.join(build_dir, "server/app/finpostd"), "--listen", "127.0.0.1:0", "--upstream",
               f"http://127.0.0.1:{service}/upload", "--threads", "1", "--admin", "off",
               "--max-payload", "256MiB", "--max-reply", "256MiB", *more]
    return processes.Process(command, None, f"{folder}/{name}.log")


def nginx(folder, behind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(f"{folder}/nginx.conf", "w", encoding="ascii") as out:
        out.write(f"load_module {NGINX_STREAM};\ndaemon off; master_process off; pid nginx.pid;\n"
                  "error_log stderr error;\nevents {}\n"
                  f"stream {{ server {{ listen 127.0.0.1:{port} ssl; ssl_certificate cert.pem;\n"
                  "ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;\n"
                  "ssl_session_cache shared:s:10m; proxy_half_close on;\n"
                  f"proxy_buffer_size 64k; proxy_pass 127.0.0.1:{behind}; }} }}\n")
    command = ["nginx", "-c", f"{folder}/nginx.conf", "-p", folder, "-e", "stderr"]
    return processes.Process(command, None, f"{folder}/nginx.log")


def cipher_rate():
    """Bytes a microsecond of AES-256-GCM in records of 16 KiB, by OpenSSL alone."""
    text = run("openssl", "speed", "-seconds", "1", "-bytes", "16384", "-evp", "aes-256-gcm", "-mr")
    line = [one for one in text.splitlines() if one.startswith("+F:")][-1]
    return float(line.split(":")[-1]) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build/release")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    echo = os.path.join(given.build_dir, "test/bench/echo_service")
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        tls = ("--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem")
        with processes.Process([echo, "0"], None, f"{folder}/echo.log") as service, \
                finpostd(given.build_dir, folder, service.port(), "plain") as plain, \
                finpostd(given.build_dir, folder, service.port(), "tls", *tls) as own:
            contenders = [("finpostd", own.port(), [own])]
            front = None
            if os.path.exists(NGINX_STREAM):
                front = nginx(folder, plain.port())
                contenders.append(("nginx + finpostd", front.port(), [front, plain]))
            else:
                print(f"SKIPPED: {NGINX_STREAM} is not there: finpostd alone")
            try:
                compare(folder, contenders, given)
            finally:
                if front is not None:
                    front.__exit__()


def compare(folder, contenders, given):
    rate = cipher_rate()
    print(f"aes-256-gcm, records of 16 KiB: {rate:.0f} MB/s of CPU (openssl speed)\n")
    cases = [("1 KiB, full handshake", ssl.TLSVersion.TLSv1_3, False, 1024),
             ("1 KiB, TLS 1.2 full", ssl.TLSVersion.TLSv1_2, False, 1024),
             ("1 KiB, resumed", ssl.TLSVersion.TLSv1_3, True, 1024),
             ("1 KiB, TLS 1.2 resumed", ssl.TLSVersion.TLSv1_2, True, 1024),
             ("64 MiB there and back", ssl.TLSVersion.TLSv1_3, False, 64 << 20)]
    print("| exchange | server | CPU, µs: median (least to most) | a second | times the cipher |")
    print("|---|---|---|---|---|")
    for title, version, resumed, size in cases:
        payload = os.urandom(size)
        found = {name: [] for name, _, _ in contenders}
        for _ in range(given.rounds):
            for name, port, servers in contenders:
                found[name].append(measure(folder, port, servers, version, resumed, payload,
                                           given.seconds))
        for name, rounds in found.items():
            cpu = sorted(one[0] for one in rounds)
            # Decrypted once and encrypted once.
            ratio = f"{statistics.median(cpu) * rate / (2 * size):.1f}" if size > 1 << 20 else ""
            print(f"| {title} | {name} | {statistics.median(cpu):.0f} ({cpu[0]:.0f} to {cpu[-1]:.0f}) | "
                  f"{statistics.median(one[1] for one in rounds):.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except processes.BenchError as problem:
        sys.exit(f"tls.py: {problem}")
