#include "streams.hpp"

#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <string>

using namespace finpost;

namespace {

// Gives its bytes in pieces of the sizes it is told, over and over.
class pieces final : public byte_source {
public:
    pieces(std::string bytes, std::vector<std::size_t> sizes)
        : bytes_(std::move(bytes)), sizes_(std::move(sizes)) {}
    void read(std::span<std::byte> buffer,
              std::function<void(error_code, std::size_t)> done) override {
        const std::size_t wanted = sizes_[turn_++ % sizes_.size()];
        const std::size_t n = std::min({buffer.size(), bytes_.size() - at_, wanted});
        std::copy_n(std::as_bytes(std::span(bytes_)).begin() + static_cast<std::ptrdiff_t>(at_), n,
                    buffer.begin());
        at_ += n;
        done({}, n);
    }

private:
    std::string bytes_;
    std::vector<std::size_t> sizes_;
    std::size_t at_ = 0, turn_ = 0;
};

std::string read_all(byte_source& source, std::size_t room_size) {
    std::string out;
    std::vector<std::byte> buffer(room_size);
    for (bool more = true; more;) {
        source.read(buffer, [&](error_code ec, std::size_t n) {
            BOOST_TEST(!ec);
            out.append(reinterpret_cast<const char*>(buffer.data()), n);
            more = n > 0;
        });
    }
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(encoding_source)

BOOST_AUTO_TEST_CASE(any_block_boundaries_give_the_same_text) {
    std::mt19937 random(3);
    for (std::size_t size = 0; size < 200; ++size) {
        std::string bytes(size, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        std::string whole(base64::encoded_size(size), '\0');
        base64::encode(std::as_bytes(std::span(bytes)), whole.data());
        for (const std::vector<std::size_t>& sizes :
             {std::vector<std::size_t>{1}, {2}, {3}, {4}, {1, 5, 2}, {1000}}) {
            for (const std::size_t buffer : {4u, 8u, 64u, 4096u}) {
                pieces from(bytes, sizes);
                finpost::encoding_source encoded(from);
                BOOST_TEST(read_all(encoded, buffer) == whole);
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
