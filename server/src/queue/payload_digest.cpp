#include "queue/payload_digest.hpp"

#include "async/fairness.hpp"
#include "net/spill_io.hpp"

#include <boost/system/errc.hpp>

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

struct context_deleter {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using digest_context = std::unique_ptr<EVP_MD_CTX, context_deleter>;

error_code no_memory() noexcept {
    return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
}

// The next piece of it; how large that was.
result<std::size_t> add_piece(EVP_MD_CTX& context, const payload& of, std::uint64_t at) {
    const std::span<std::byte> buffer = passing_buffer();
    const auto n = of.read(at, buffer);
    if (n.has_error() || *n == 0) return n;
    if (EVP_DigestUpdate(&context, buffer.data(), *n) != 1) return no_memory();
    return n;
}

result<std::string> finished(EVP_MD_CTX& context) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(&context, digest.data(), &size) != 1) return no_memory();
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += digits[digest[i] >> 4];
        text += digits[digest[i] & 15];
    }
    return text;
}

} // namespace

asio::awaitable<result<std::string>> sha256_of(const payload& of) {
    const digest_context context(EVP_MD_CTX_new());
    if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
        co_return no_memory();
    for (std::uint64_t at = 0; at < of.size();) {
        const auto n = add_piece(*context, of, at);
        if (n.has_error()) co_return n.error();
        if (*n == 0) co_return boost::system::errc::make_error_code(boost::system::errc::io_error);
        at += *n;
        if (at < of.size()) co_await fair_yield();
    }
    co_return finished(*context);
}

} // namespace finpost::detail
