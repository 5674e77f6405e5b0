#include "page_store.hpp"

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using pages_of_a_thread = finpost::detail::page_store;

namespace {

constexpr std::size_t kib = 1 << 10;

bool holds(const void* memory, std::string_view text) {
    return std::memcmp(memory, text.data(), text.size()) == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(page_store)

BOOST_AUTO_TEST_CASE(a_buffer_that_was_given_back_is_the_next_one_of_its_size) {
    pages_of_a_thread store;
    void* const first = store.take(100 * kib);
    BOOST_TEST_REQUIRE(first != nullptr);
    std::memset(first, 'x', 100 * kib);
    store.give(first, 100 * kib);
    BOOST_TEST(store.kept() == 100 * kib);
    void* const other = store.take(104 * kib);
    BOOST_TEST(other != first);
    void* const again = store.take(100 * kib - 4095); // as many pages
    BOOST_TEST(again == first);
    BOOST_TEST(store.kept() == 0u);
    store.give(other, 104 * kib);
    store.give(again, 100 * kib - 4095);
}

BOOST_AUTO_TEST_CASE(a_buffer_that_grows_keeps_its_bytes) {
    const std::string text(70 * kib, 'a');
    for (const bool kept_one : {false, true}) {
        pages_of_a_thread store;
        if (kept_one) store.give(store.take(500 * kib), 500 * kib);
        void* const small = store.take(70 * kib);
        std::memcpy(small, text.data(), text.size());
        void* const grown = store.grow(small, 70 * kib, 500 * kib, text.size());
        BOOST_TEST_REQUIRE(grown != nullptr);
        BOOST_TEST(holds(grown, text));
        std::memset(grown, 'b', 500 * kib); // all of it is there
        BOOST_TEST(store.kept() == (kept_one ? 72 * kib : 0u));
        store.give(grown, 500 * kib);
    }
}

BOOST_AUTO_TEST_CASE(within_its_last_page_it_stays_where_it_is) {
    pages_of_a_thread store;
    void* const buffer = store.take(65 * kib);
    BOOST_TEST(store.grow(buffer, 65 * kib, 66 * kib, 65 * kib) == buffer);
    store.give(buffer, 66 * kib);
    BOOST_TEST(store.kept() == 68 * kib);
}

BOOST_AUTO_TEST_CASE(it_keeps_so_much_and_gives_up_the_oldest) {
    pages_of_a_thread store;
    std::vector<void*> buffers;
    for (int i = 0; i < 4; ++i) buffers.push_back(store.take(900 * kib));
    for (void* const one : buffers) store.give(one, 900 * kib);
    BOOST_TEST(store.kept() == 1800 * kib);
    void* const last = store.take(900 * kib);
    BOOST_TEST(last == buffers.back());
    store.give(last, 900 * kib);
    for (int i = 0; i < 100; ++i) buffers.push_back(store.take(64 * kib));
    for (std::size_t i = 4; i < buffers.size(); ++i) store.give(buffers[i], 64 * kib);
    BOOST_TEST(store.kept() == pages_of_a_thread::most);
}

BOOST_AUTO_TEST_CASE(what_is_larger_than_all_that_it_keeps_goes_back_to_the_system) {
    pages_of_a_thread store;
    store.give(store.take(100 * kib), 100 * kib);
    store.give(store.take(pages_of_a_thread::most + 1), pages_of_a_thread::most + 1);
    BOOST_TEST(store.kept() == 100 * kib);
}

BOOST_AUTO_TEST_CASE(without_memory_a_buffer_stays_as_it_is) {
    pages_of_a_thread store;
    constexpr std::size_t too_much = std::size_t{1} << 60;
    BOOST_TEST(store.take(too_much) == nullptr);
    void* const buffer = store.take(64 * kib);
    std::memset(buffer, 'c', 64 * kib);
    BOOST_TEST(store.grow(buffer, 64 * kib, too_much, 64 * kib) == nullptr);
    BOOST_TEST(holds(buffer, std::string(64 * kib, 'c')));
    store.give(buffer, 64 * kib);
}

BOOST_AUTO_TEST_SUITE_END()
