#include "support/python_peer.hpp"

#include <stdexcept>

namespace finpost::test {

namespace {

constexpr const char* script = R"(
import socket, ssl, sys, threading
cert, key, client_ca, version, mode, proxy = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
exact = ssl.TLSVersion.TLSv1_2 if version == '1.2' else ssl.TLSVersion.TLSv1_3
context.minimum_version = context.maximum_version = exact
if client_ca:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client_ca)
listener = socket.create_server(('127.0.0.1', 0))
print('port %d ready' % listener.getsockname()[1], flush=True)

def say(*words):
    print(*words, flush=True)

def serve(raw):
    raw.settimeout(20)
    if proxy:
        line = b''
        while not line.endswith(b'\r\n'):
            line += raw.recv(1)
        say('proxy', line.decode().strip())
    try:
        s = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
    except (ssl.SSLError, OSError):
        return say('handshake failed')
    if mode == 'silent':
        threading.Event().wait()
    if mode == 'early':
        s.sendall(b'finpost: busy 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n')
        s.setblocking(False)
        try:
            s.unwrap() # one way: the alert is out, the answer to it is not there yet
        except (ssl.SSLError, OSError):
            pass
        raw.close()
        threading.Event().wait()
    payload = bytearray()
    try:
        while True:
            data = s.recv(65536)
            if not data:
                break
            payload += data
    except (ssl.SSLError, OSError):
        return say('payload', len(payload), 'truncated')
    say('payload', len(payload), 'whole')
    if mode in ('echo', 'cut'):
        s.sendall(payload)
    if mode == 'cut':
        s.shutdown(socket.SHUT_WR) # a FIN, and no close_notify
        return
    s.unwrap()
    s.close()

while True:
    serve(listener.accept()[0])
)";

} // namespace

python_tls_peer::python_tls_peer(const behaviour& what)
    : process_({"python3", "-c", script, what.cert, what.key, what.client_ca, what.version,
                what.mode, what.expects_proxy_line ? "proxy" : ""}) {
    if (!process_.wait_for_output(" ready"))
        throw std::runtime_error("python3 does not serve: " + process_.error());
    port_ = static_cast<std::uint16_t>(std::stoi(process_.output().substr(5)));
}

} // namespace finpost::test
