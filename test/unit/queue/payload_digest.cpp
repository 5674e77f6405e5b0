#include "queue/payload_digest.hpp"

#include "support/temporary_folder.hpp"

#include "finpost/spill_file.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
namespace asio = boost::asio;

namespace {

asio::awaitable<std::string> text_of(const payload& of) {
    auto digest = co_await detail::sha256_of(of);
    co_return digest.has_error() ? digest.error().message() : *digest;
}

std::string digest(const payload& of) {
    asio::io_context io;
    auto text = asio::co_spawn(io, text_of(of), asio::use_future);
    io.run();
    return text.get();
}

} // namespace

BOOST_AUTO_TEST_SUITE(payload_digest)

// FIPS 180-2, appendix B.
BOOST_AUTO_TEST_CASE(known_texts_have_known_digests) {
    BOOST_TEST(digest(payload("")) ==
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(digest(payload("abc")) ==
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(digest(payload(std::string(1'000'000, 'a'))) ==
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(what_is_in_a_file_has_the_same) {
    const finpost::test::temporary_folder folder;
    payload bytes(std::string(1'000'000, 'a'));
    auto file = spill_file::create(folder.path().string());
    BOOST_REQUIRE(!file.has_error());
    BOOST_REQUIRE(!bytes.spill(std::move(*file)));
    BOOST_TEST(digest(bytes) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_SUITE_END()
