// A gateway that breaks off, or says what it should not: never a success, never a shorter list.
#include "support/daemon.hpp"
#include "support/finpost_command.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;

namespace {

/// A control socket that gives one answer after the other, as they are, and closes behind each.
/// Whoever connects and asks nothing gets none.
class scripted_socket {
public:
    scripted_socket(const std::string& path, strings answers) : answers_(std::move(answers)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_REQUIRE(
            ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        BOOST_REQUIRE(::listen(listener_, 16) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~scripted_socket() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }

private:
    void serve() {
        for (std::size_t next = 0; next < answers_.size();) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            if (asks(client)) {
                const std::string& answer = answers_[next++];
                static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
            }
            ::close(client);
        }
    }
    // All of a request: closing with a part of it unread would be another kind of end.
    static bool asks(int client) {
        std::string request;
        for (;;) {
            std::array<char, 4096> bytes{};
            const ssize_t n = ::recv(client, bytes.data(), bytes.size(), 0);
            if (n <= 0) return false;
            request.append(bytes.data(), static_cast<std::size_t>(n));
            const auto head = request.find("\r\n\r\n");
            if (head == request.npos) continue;
            const bool has_body = request.starts_with("POST");
            if (!has_body || request.ends_with("]}")) return true;
        }
    }

    const int listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const strings answers_;
    std::thread thread_;
};

std::string http(const std::string& body, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

const std::string id = "0190163d-8694-739b-aea5-966c26f8ad91";
const std::string row =
    "{\"id\":\"" + id +
    "\",\"state\":\"dead\",\"listener\":\"a\",\"upstream\":\"b\",\"peer\":\"192.0.2.1:1\","
    "\"accepted_at\":\"2026-11-30T11:36:45.123Z\",\"size\":5,\"attempts\":1,\"due\":null,"
    "\"last_status\":422,\"last_error\":\"x\",\"crc32c\":2591144780}";
const std::string first_page = "{\"payloads\":[" + row + "],\"next\":7}";
const std::string last_page = "{\"payloads\":[],\"next\":null}";

struct fixture {
    finished run(strings words, strings answers) const {
        const scripted_socket gateway((folder.path() / "control.sock").string(),
                                      std::move(answers));
        words.insert(words.begin(), "queue");
        words.insert(words.end(), {"--queue-dir", folder.path().string()});
        finished ran = run_finpost(std::move(words));
        ::unlink((folder.path() / "control.sock").c_str());
        return ran;
    }
    // A failure that names the socket.
    void fails(strings words, strings answers, const std::string& what) const {
        const finished ran = run(std::move(words), std::move(answers));
        BOOST_TEST(ran.code == 1);
        BOOST_TEST(has(ran.error, "control.sock: "), ran.error);
        BOOST_TEST(has(ran.error, what), ran.error);
    }
    temporary_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_queue_cut, fixture)

BOOST_AUTO_TEST_CASE(the_script_itself_is_understood) {
    const finished listed = run({"list", "--json"}, {http(first_page), http(last_page)});
    BOOST_TEST(listed.code == 0);
    BOOST_TEST(listed.output.ends_with("}]\n"), listed.output);
    BOOST_TEST(run({"drop", id}, {http("{\"dropped\":1}")}).output == "1 payload dropped\n");
    BOOST_TEST(run({"show", id, "--bytes"}, {http(row), http("hello")}).output == "hello");
}

BOOST_AUTO_TEST_CASE(a_list_that_is_cut_is_no_list) {
    for (const std::string& second :
         {std::string(), http(last_page).substr(0, 20), http(last_page).substr(0, 45)}) {
        const finished ran = run({"list", "--json"}, {http(first_page), second});
        BOOST_TEST(ran.code == 1);
        BOOST_TEST(ran.output.find(']') == ran.output.npos, ran.output);
        BOOST_TEST(has(ran.error, "control.sock: the gateway broke off"), ran.error);
    }
    fails({"list"}, {""}, "the gateway broke off");
}

BOOST_AUTO_TEST_CASE(what_is_no_list_is_none) {
    for (const char* const page :
         {"", "[]", "{}", "{\"payloads\":[],\"next\":\"x\"}", "{\"payloads\":[1],\"next\":null}",
          "{\"payloads\":[],\"next\":-1}", "not json"})
        fails({"list"}, {http(page)}, "the answer of the gateway");
    fails({"list"}, {http(first_page), http(first_page)}, "the list of the gateway goes back");
    fails({"list"}, {http("no\x1b[2J\n", "500 Internal Server Error")},
          "the gateway answers 500: no\\x1b[2J");
    const finished bare = run({"list"}, {http("{\"payloads\":[{}],\"next\":null}")});
    BOOST_TEST(bare.code == 1);
    BOOST_TEST(bare.error != "");
}

BOOST_AUTO_TEST_CASE(of_a_change_it_is_not_known) {
    for (const char* const what : {"drop", "replay"}) {
        fails({what, id}, {""}, id + ": ");
        fails({what, id}, {""}, "it is not known whether it was done");
        fails({what, id}, {http("{}")}, "it is not known whether it was done");
        fails({what, id},
              {http("the queue failed: it is not known whether it was done\n", "500 No")},
              "it is not known whether it was done");
    }
    const finished all = run({"replay", "--all"}, {http("{}"), http(first_page), ""});
    BOOST_TEST(all.code == 1);
    BOOST_TEST(has(all.error, "it is not known whether it was done"), all.error);
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_cut_becomes_no_file) {
    const std::string cut = http("hello").substr(0, http("hello").size() - 2);
    const std::string to = (folder.path() / "out").string();
    fails({"show", id, "-o", to}, {http(row), cut}, "broke off at byte 3 of " + id);
    fails({"export", to + ".d"}, {http("{}"), http(first_page), cut}, "broke off at byte 3");
    BOOST_TEST(::access(to.c_str(), F_OK) != 0);
    BOOST_TEST(::access((to + ".d/" + id).c_str(), F_OK) != 0);
    const finished other = run({"show", id, "--bytes"}, {http(row), http("hellO")});
    BOOST_TEST(other.code == 1);
    BOOST_TEST(has(other.error, "the bytes are not those that were stored"));
}

BOOST_AUTO_TEST_CASE(what_left_the_queue_meanwhile_is_not_exported) {
    const std::string to = (folder.path() / "out").string();
    const finished ran = run({"export", to}, {http("{}"), http(first_page),
                                              http("gone\n", "404 Not Found"), http(last_page)});
    BOOST_TEST(ran.code == 0);
    BOOST_TEST(ran.output == "0 payloads exported, 0 bytes; left the queue meanwhile: 1\n");
    BOOST_TEST(::access((to + '/' + id).c_str(), F_OK) != 0);
}

// The id is the name of a file.
BOOST_AUTO_TEST_CASE(an_id_that_is_none_is_no_name_of_a_file) {
    std::string evil = first_page;
    evil.replace(evil.find(id), id.size(), "../../../../tmp/0190163d-8694-739b-a");
    const std::string to = (folder.path() / "out").string();
    const finished ran = run({"export", to}, {http("{}"), http(evil)});
    BOOST_TEST(ran.code == 1);
    BOOST_TEST(has(ran.error, "is not a request id"), ran.error);
}

BOOST_AUTO_TEST_SUITE_END()
