// Software nobody here wrote, as devices that do not half-close.
#include "support/child_process.hpp"
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/skipping.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;

namespace {

// Sends the lines of standard input one at a time, each when the one before it was answered.
constexpr const char* node_device = R"(
const net = require('node:net');
const lines = require('node:fs').readFileSync(0, 'utf8').split('\n').filter(line => line);
const socket = net.connect(Number(process.argv[1]), '127.0.0.1', next);
let read = '';
function next() {
    if (lines.length === 0) return socket.destroy();
    socket.write(lines.shift() + '\r\n');
}
socket.on('data', data => {
    read += data;
    for (let at; (at = read.indexOf('\n')) >= 0; read = read.slice(at + 1)) {
        process.stdout.write(read.slice(0, at + 1));
        next();
    }
});
)";

// hl7.client of Debian's python3-hl7 frames, and waits for the acknowledgement.
constexpr const char* hl7_device = R"(
import sys
import hl7
from hl7.client import MLLPClient
with MLLPClient('127.0.0.1', int(sys.argv[1])) as client:
    for line in sys.stdin.read().split('\n'):
        if line:
            answer = hl7.parse(client.send_message(line.replace('~', '\r')).decode().strip('\x0b\x1c\r'))
            print(answer.segment('MSA')[1], answer.segment('MSA')[2])
)";

// What Mirth Connect's TCP Sender does with a queue, by its documentation: one connection that it
// keeps; the next message when the one before it was acknowledged under its own id; a message whose
// acknowledgement has not come in time once more, on a new connection; an error is final.
constexpr const char* mirth_device = R"(
import re
import select
import socket
import sys
port, patience, connection = int(sys.argv[1]), float(sys.argv[2]), None

def closed(kept):
    return bool(select.select([kept], [], [], 0)[0])

def answer_to(message):
    global connection
    if connection is None or closed(connection):
        connection = socket.create_connection(('127.0.0.1', port), timeout=patience)
    connection.sendall(b'\x0b' + message + b'\x1c\r')
    got = b''
    while not got.endswith(b'\x1c\r'):
        some = connection.recv(65536)
        if not some:
            raise ConnectionError
        got += some
    return got

for line in sys.stdin.read().split('\n')[:-1]:
    message = line.replace('~', '\r').encode()
    number = message.split(b'|')[9]
    while True:
        try:
            code, of = re.fullmatch(rb'\x0bMSH\|.*\rMSA\|(\w\w)\|(\w+).*\x1c\r', answer_to(message), re.S).groups()
            print(code.decode(), of.decode(), '' if of == number else 'for ' + number.decode())
            break
        except OSError as why:
            if isinstance(why, TimeoutError):
                print('again', number.decode())
            connection.close()
            connection = None
)";

struct fixture : gateway_fixture {
    std::string drive(std::vector<std::string> argv, const std::string& input) {
        child_process device(std::move(argv), {}, input);
        BOOST_TEST((device.wait() == 0));
        BOOST_TEST(device.error() == "");
        return device.output();
    }
    // They are acknowledged by what the service answers.
    void start_hl7() {
        upstream.by_default(
            scripted_upstream::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        config.frame = spec("mllp");
        config.reply_format = reply_format::hl7;
        start();
    }
    static std::string messages(int count) {
        std::string all;
        for (int i = 1; i <= count; ++i)
            all += "MSH|^\\&|LAB|WEST|EHR|MAIN|20261130||ORU^R01|" + std::to_string(i) +
                   "|P|2.3.1~PID|1\n";
        return all;
    }
    std::string port() const { return std::to_string(address().port()); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(framed_peers, fixture)

BOOST_AUTO_TEST_CASE(nodejs_writes_lines) {
    if (!have("node")) return;
    config.frame = spec("line");
    start();
    std::string lines;
    for (int i = 0; i < 50; ++i) lines += "reading " + std::to_string(i) + '\n';
    BOOST_TEST(drive({"node", "-e", node_device, port()}, lines) == lines);
    BOOST_TEST(upstream.complete() == 50u);
    BOOST_TEST(upstream.requests().at(49).body == "reading 49");
    BOOST_TEST(counters.accepted.value() == 1u);
}

BOOST_AUTO_TEST_CASE(netcat_writes_lines) {
    if (!have("nc")) return;
    config.frame = spec("line");
    start();
    BOOST_TEST(drive({"nc", "-N", "127.0.0.1", port()}, "one\ntwo\nthree") == "one\ntwo\nthree\n");
    BOOST_TEST(upstream.complete() == 3u);
}

BOOST_AUTO_TEST_CASE(socat_writes_netstrings) {
    if (!have("socat")) return;
    config.frame = spec("netstring");
    start();
    const std::string sent = "3:one,3:two,";
    BOOST_TEST(drive({"socat", "-t", "20", "-", "TCP:127.0.0.1:" + port()}, sent) == sent);
    BOOST_TEST(upstream.complete() == 2u);
}

BOOST_AUTO_TEST_CASE(python_hl7_sends_messages) {
    if (!have("python3")) return;
    child_process look({"/usr/bin/python3", "-c", "import hl7.client"});
    if (!can_run(look.wait() == 0, "python3-hl7 is not installed")) return;
    upstream.on(2, scripted_upstream::raw("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"));
    start_hl7();
    BOOST_TEST(drive({"/usr/bin/python3", "-c", hl7_device, port()}, messages(3)) ==
               "AA 1\nAE 2\nAA 3\n");
    BOOST_TEST(counters.accepted.value() == 1u);
    BOOST_TEST(upstream.complete() == 3u);
}

BOOST_AUTO_TEST_CASE(ncat_writes_between_stx_and_etx) {
    if (!have("ncat")) return;
    config.frame = spec("stx-etx");
    start();
    const std::string sent = "\x02one\x03\r\n\x02two\x03\r\n";
    BOOST_TEST(drive({"ncat", "127.0.0.1", port()}, sent) == "\x02one\x03\x02two\x03");
    BOOST_TEST(upstream.complete() == 2u);
    BOOST_TEST(counters.heartbeats.value() == 4u);
}

BOOST_AUTO_TEST_CASE(mirth_keeps_a_queue) {
    if (!have("python3")) return;
    upstream.on(3, scripted_upstream::never());
    upstream.on(6, scripted_upstream::echo(500));
    config.max_exchanges = 4;
    service.total = std::chrono::seconds(5);
    start_hl7();
    std::string expected;
    for (int i = 1; i <= 12; ++i) {
        if (i == 3) expected += "again 3\n";
        expected += (i == 5 ? "AE " : "AA ") + std::to_string(i) + " \n";
    }
    BOOST_TEST(drive({"/usr/bin/python3", "-c", mirth_device, port(), "2"}, messages(12)) ==
               expected);
    BOOST_TEST(upstream.count() == 13u); // the third twice, and no other
    BOOST_TEST(counters.accepted.value() >= 4u);
}

BOOST_AUTO_TEST_SUITE_END()
