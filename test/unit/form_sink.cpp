#include "form_sink.hpp"

#include <boost/system/errc.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using outcome = told::outcome;
namespace errc = boost::system::errc;

namespace {

const std::string id = "0190163d-8694-739b-aea5-966c26f8ad91";
const std::string header = "MSH|^~\\&|EHR|MAIN|LAB|WEST|||ACK|7|P|2.3.1\r";
const std::string busy = "refused busy " + id + '\n';

struct kept final : byte_sink {
    error_code write(std::span<const std::byte> data) override {
        bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
        return answer;
    }
    std::string bytes;
    error_code answer;
};

struct reading {
    reading(form_kind kind, bool framed) : form(kind, framed, body) {}
    // In pieces of `size` bytes, up to the first error.
    error_code write(std::string_view text, std::size_t size = SIZE_MAX) {
        error_code failed;
        while (!text.empty() && !failed) {
            failed = form.write(std::as_bytes(std::span(text.substr(0, size))));
            text.remove_prefix(std::min(size, text.size()));
        }
        return failed;
    }
    error_code read(std::string_view text, std::size_t size = SIZE_MAX) {
        const error_code failed = write(text, size);
        return failed ? failed : form.finish(true);
    }
    outcome said() const { return form.said().what; }

    kept body;
    finpost::form_sink form;
};

constexpr std::size_t each_size[] = {1, 2, 7, 50, SIZE_MAX};

} // namespace

BOOST_AUTO_TEST_SUITE(form_sink)

BOOST_AUTO_TEST_CASE(a_plain_receipt_is_told_and_anything_like_it_is_a_body) {
    const std::string receipt = "finpost: queued " + id;
    for (const std::size_t size : each_size) {
        for (const bool framed : {false, true}) {
            reading whole(form_kind::body, framed), bare(form_kind::body, framed);
            BOOST_TEST(!whole.read(receipt + '\n', size));
            BOOST_TEST((whole.said() == outcome::queued));
            BOOST_TEST(whole.body.bytes == "");
            BOOST_TEST(!bare.read(receipt, size)); // the line end may be the frame's
            BOOST_TEST((bare.said() == outcome::queued) == framed);
            BOOST_TEST(bare.body.bytes == (framed ? "" : receipt));
            for (const std::string& text :
                 {receipt + "\n\n", receipt + "\nmore", receipt.substr(0, 20), "x" + receipt + '\n',
                  "finpost: queued " + std::string(36, 'x') + '\n',
                  std::string("finpost: Queued")}) {
                reading other(form_kind::body, framed);
                BOOST_TEST(!other.read(text, size));
                BOOST_TEST(other.body.bytes == text);
                BOOST_TEST(other.form.said().why == "");
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_body_without_a_form_is_passed_on) {
    reading one(form_kind::body, false);
    BOOST_TEST(!one.read("200 anything"));
    BOOST_TEST(one.body.bytes == "200 anything");
}

BOOST_AUTO_TEST_CASE(a_body_goes_on_without_its_line_in_any_pieces) {
    const std::string line = "200 " + id + '\n', body = "body\n" + busy;
    for (const std::size_t size : each_size) {
        reading one(form_kind::status, false);
        BOOST_TEST(!one.read(line + body, size));
        BOOST_TEST((one.said() == outcome::replied));
        BOOST_TEST(one.body.bytes == body);
        reading empty(form_kind::status, false);
        BOOST_TEST(!empty.read("201 " + id + "\n", size));
        BOOST_TEST((empty.said() == outcome::replied));
        BOOST_TEST(empty.body.bytes == "");
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_gives_no_body) {
    for (const std::size_t size : each_size)
        for (const bool framed : {false, true}) {
            reading refused(form_kind::status, framed), queued(form_kind::status, framed);
            BOOST_TEST(!refused.read(busy, size));
            BOOST_TEST((refused.said() == outcome::refused));
            BOOST_TEST(!queued.read("queued " + id + "\n", size));
            BOOST_TEST((queued.said() == outcome::queued));
            BOOST_TEST(refused.body.bytes + queued.body.bytes == "");
        }
}

BOOST_AUTO_TEST_CASE(a_line_end_may_be_the_frames_own) {
    for (const std::string& text : {"refused busy " + id, "queued " + id,
                                    R"({"id":")" + id + R"(","outcome":"refused","reason":"busy"})",
                                    R"({"id":")" + id + R"(","outcome":"replied","body":"x"})"}) {
        const form_kind kind = text.front() == '{' ? form_kind::json : form_kind::status;
        reading framed(kind, true), plain(kind, false);
        BOOST_TEST(!framed.read(text), text);
        BOOST_TEST((framed.said() != outcome::malformed), text);
        BOOST_TEST((plain.read(text) == errc::bad_message), text);
        BOOST_TEST((plain.said() == outcome::malformed), text);
    }
    // No gateway writes an answer so.
    reading answer(form_kind::status, true);
    BOOST_TEST((answer.read("200 " + id) == errc::bad_message));
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_form_is_never_a_success) {
    const std::vector<std::pair<form_kind, std::vector<std::string>>> wrong{
        {form_kind::status,
         {"", "200", "200 " + id, "hello\n", "200 OK\nbody", "refused busy " + id + "\nmore",
          "queued " + id + "\n\n", std::string(1'000, '2'), "200 " + id + "\r\nbody",
          "\n200 " + id + "\nbody"}},
        {form_kind::json,
         {"", "\n", "{}\n", R"({"id":")" + id + R"(","outcome":"replied","body":"x"})" + "\n\n",
          R"({"id":")" + id + R"(","outcome":"replied","body":"x"})" + "\r\n\n", "hello\n",
          std::string(longest_json_reply + 1, ' ')}},
        {form_kind::ack_nak, {"", "\x06\n", "\x06\x15", "\x15\x15", "200"}},
        {form_kind::hl7, {"", "MSH", header, "hello", header + std::string(50'000, 'x')}}};
    for (const auto& [kind, texts] : wrong)
        for (const std::string& text : texts)
            for (const std::size_t size : {std::size_t{1 + text.size() / 1'000}, SIZE_MAX})
                for (const bool framed : {false, true}) {
                    if (framed && text == "200 " + id) continue; // told above
                    reading one(kind, framed);
                    BOOST_TEST((one.read(text, size) == errc::bad_message), text.substr(0, 80));
                    BOOST_TEST((one.said() == outcome::malformed), text.substr(0, 80));
                    BOOST_TEST(one.form.wrong().starts_with("the reply is not in the form " +
                                                            std::string(to_string(kind))));
                    BOOST_TEST(one.body.bytes == "", text.substr(0, 80));
                }
}

BOOST_AUTO_TEST_CASE(json_and_bytes_in_any_pieces) {
    for (const std::size_t size : each_size) {
        reading json(form_kind::json, false), ack(form_kind::ack_nak, false),
            nak(form_kind::ack_nak, false);
        BOOST_TEST(
            !json.read(R"({"id":")" + id + R"(","outcome":"replied","body":"a\n"})" + "\n", size));
        BOOST_TEST(json.body.bytes == "a\n");
        BOOST_TEST(!ack.read("\x06", size));
        BOOST_TEST((ack.said() == outcome::replied));
        BOOST_TEST(!nak.read("\x15", size));
        BOOST_TEST((nak.said() == outcome::refused));
        BOOST_TEST(ack.body.bytes + nak.body.bytes == "");
    }
}

BOOST_AUTO_TEST_CASE(an_hl7_message_goes_on_whole_when_it_is_no_refusal) {
    for (const std::size_t more : {std::size_t{0}, farthest_msa - 100, 3 * farthest_msa})
        for (const std::size_t size : {std::size_t{1}, std::size_t{999}, SIZE_MAX}) {
            std::string good = header + "MSA|AA|42\r", bad = header + "MSA|AE|42|no\r";
            const std::string rest = std::string(more, 'x') + '\r';
            good += rest;
            bad += rest;
            reading taken(form_kind::hl7, true), failed(form_kind::hl7, true);
            BOOST_TEST(!taken.read(good, size));
            BOOST_TEST((taken.said() == outcome::replied));
            BOOST_TEST((taken.body.bytes == good));
            BOOST_TEST(!failed.read(bad, size));
            BOOST_TEST(failed.form.said().why == "refused: AE: no");
            BOOST_TEST(failed.body.bytes == "");
        }
}

BOOST_AUTO_TEST_CASE(a_refusal_counts_although_the_connection_was_cut_and_nothing_else_does) {
    const std::string json = R"({"id":")" + id + R"(","outcome":)";
    const std::vector<std::tuple<form_kind, std::string, outcome>> cases{
        {form_kind::status, busy, outcome::refused},
        {form_kind::status, "refused busy " + id, outcome::malformed},
        {form_kind::json, json + "\"refused\",\"reason\":\"busy\"}\n", outcome::refused},
        {form_kind::json, json + "\"replied\",\"body\":\"x\"}\n", outcome::replied},
        {form_kind::ack_nak, "\x15", outcome::refused},
        {form_kind::hl7, header + "MSA|AR|42|no\r", outcome::refused},
        {form_kind::hl7, header + "MSA|AA|42\r", outcome::replied}};
    for (const auto& [kind, text, expected] : cases) {
        reading one(kind, false);
        BOOST_TEST(!one.write(text), text);
        static_cast<void>(one.form.finish(false));
        BOOST_TEST((one.said() == expected), text);
        BOOST_TEST(one.body.bytes == "", text);
    }
}

BOOST_AUTO_TEST_CASE(an_error_of_the_other_sink_is_the_error) {
    reading one(form_kind::status, false);
    one.body.answer = make_error_code(errc::no_space_on_device);
    BOOST_TEST((one.write("200 " + id + "\nbody") == errc::no_space_on_device));
    BOOST_TEST(one.form.wrong() == "");
}

BOOST_AUTO_TEST_SUITE_END()
