#include "upstream/response_head.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace finpost;

namespace {

std::optional<response_head> read(std::string_view fields, std::string_view line = "HTTP/1.1 200 OK") {
    std::string head(line);
    head += "\r\n";
    head += fields;
    return read_response_head(head + "\r\n");
}

} // namespace

BOOST_AUTO_TEST_SUITE(response_head)

BOOST_AUTO_TEST_CASE(says_how_the_body_ends) {
    BOOST_TEST(!read("")->length);
    BOOST_TEST(!read("")->chunked);
    BOOST_TEST(*read("Content-Length: 5\r\n")->length == 5u);
    BOOST_TEST(*read("content-length:5 \t\r\n")->length == 5u);
    BOOST_TEST(*read("Content-Length: 18446744073709551615\r\n")->length == UINT64_MAX);
    BOOST_TEST(read("TRANSFER-ENCODING: chunked\r\n")->chunked);
}

BOOST_AUTO_TEST_CASE(says_whether_the_connection_stays) {
    BOOST_TEST(read("")->keep_alive);
    BOOST_TEST(!read("Connection: close\r\n")->keep_alive);
    BOOST_TEST(!read("Connection: Upgrade , CLOSE\r\n")->keep_alive);
    BOOST_TEST(!read("Connection: keep-alive\r\nConnection: close\r\n")->keep_alive);
    BOOST_TEST(read("Connection: closed, , x\r\n")->keep_alive);
    BOOST_TEST(!read("", "HTTP/1.0 200 OK")->keep_alive);
    BOOST_TEST(read("Connection: Keep-Alive\r\n", "HTTP/1.0 200 OK")->keep_alive);
}

BOOST_AUTO_TEST_CASE(takes_any_status_line_that_has_a_meaning) {
    BOOST_TEST(read("", "HTTP/1.1 100 Continue")->status == 100);
    BOOST_TEST(read("", "HTTP/1.1 599 ")->status == 599);
    BOOST_TEST(read("", "HTTP/1.1 204")->status == 204);
    BOOST_TEST(read("", "HTTP/1.1 200 \xc3\xa9t\xc3\xa9\t!")->status == 200);
    for (const char* line : {"HTTP/1.1 099 Low", "HTTP/1.1 600 High", "HTTP/1.1 2000 OK", "HTTP/1.1 20 OK",
                             "HTTP/1.1  200 OK", "HTTP/1.1 +20 OK", "HTTP/1.2 200 OK", "HTTP/2.0 200 OK",
                             "http/1.1 200 OK", "HTTP/1.1 200OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200 O\x01K",
                             "HTTP/1.1 200 O\x7fK", "HTTP/1.1", "", " HTTP/1.1 200 OK"})
        BOOST_TEST(!read("", line), line);
}

BOOST_AUTO_TEST_CASE(refuses_fields_that_others_may_read_differently) {
    for (const char* field : {"Name : x", "Name\t: x", " Folded: x", "\tfolded", "Name", ": x", "Na me: x",
                              "Name: a\rb", "Name: a\x01", "N\xc3\xa4me: x", "Name: a\nContent-Length: 1"})
        BOOST_TEST(!read(std::string(field) + "\r\n"), field);
    using namespace std::string_view_literals;
    BOOST_TEST(!read("Name: a\0b\r\n"sv));
    BOOST_TEST(read("Name:\r\nOther: \t\r\n!#$%&'*+-.^_`|~: \xff\tx\r\n").has_value());
}

BOOST_AUTO_TEST_CASE(an_end_without_an_empty_line_is_no_head) {
    const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    BOOST_TEST(read_response_head(whole).has_value());
    for (std::size_t n = 0; n < whole.size(); ++n)
        BOOST_TEST(!read_response_head(std::string_view(whole).substr(0, n)), n);
}

BOOST_AUTO_TEST_CASE(bytes_of_any_kind_are_read_or_refused) {
    std::mt19937 random(7);
    const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    for (int i = 0; i < 20'000; ++i) {
        std::string head = good;
        for (int k = 0; k < 3; ++k) head[random() % head.size()] = static_cast<char>(random());
        const auto read = read_response_head(head);
        if (read) BOOST_TEST((read->status >= 100 && read->status <= 599));
    }
}

BOOST_AUTO_TEST_SUITE_END()
