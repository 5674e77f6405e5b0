// The line that a refused client reads, and the identifier in it.

#include "fuzz.hpp"

#include "finpost/client.hpp"
#include "finpost/request_id.hpp"

#include <string>

using namespace finpost;
using namespace finpost::fuzz;

namespace {

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == text.npos;
}

void check_id(const request_id& id, std::uint64_t time, double share) {
    const std::string_view text = id.text();
    std::string plain(text);
    std::erase(plain, '-');
    must(text.size() == 36 && plain.size() == 32 && is_hex(plain), "an identifier has 32 digits");
    must(text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-',
         "and four dashes");
    must(text[14] == '7' && std::string_view("89ab").find(text[19]) != std::string_view::npos,
         "it is of version 7");
    must(std::stoull(plain.substr(0, 12), nullptr, 16) == (time & 0xffff'ffff'ffff),
         "it begins with the time");
    const auto trace = id.trace_id();
    must(std::string_view(trace.data(), trace.size()) == plain, "a trace has the same digits");
    must(id.sampled(1) && !id.sampled(0), "all are all, and none is none");
    if (id.sampled(share))
        must(id.sampled(share + (1 - share) / 2), "who is in a share is in a larger one");
    for (const reason why : all_reasons) {
        const std::string line =
            "finpost: " + std::string(to_string(why)) + ' ' + std::string(text) + '\n';
        const auto read = detect_refusal(line);
        must(read && read->why == why && read->request_id == text,
             "a refusal is read as it was written");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    if (from.byte() % 4 == 0) {
        const std::uint64_t time = from.number() >> 1, a = from.number(), b = from.number();
        const double share = static_cast<double>(from.two_bytes()) / 65536;
        check_id(request_id(std::chrono::milliseconds(time), a, b), time, share);
    }
    const std::string_view text = from.text();
    const auto read = detect_refusal(text);
    if (read) {
        must(text ==
                 "finpost: " + std::string(to_string(read->why)) + ' ' + read->request_id + '\n',
             "a refusal is one line");
        must(read->request_id.size() == 36, "with an identifier");
    }
    const auto why = parse_reason(text);
    if (why) must(to_string(*why) == text, "a word is the reason's");
    return 0;
}
