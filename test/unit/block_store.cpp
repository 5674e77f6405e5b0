#include "block_store.hpp"

#include <boost/test/unit_test.hpp>

#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

using blocks_of_a_thread = finpost::block_store;

BOOST_AUTO_TEST_SUITE(block_store)

BOOST_AUTO_TEST_CASE(a_block_that_was_given_back_is_the_next_one) {
    blocks_of_a_thread store;
    void* const first = store.take(100);
    store.give(first, 100);
    BOOST_TEST(store.kept(100) == 1u);
    BOOST_TEST(store.take(104) == first); // of the same sixteen bytes
    BOOST_TEST(store.kept(100) == 0u);
    store.give(first, 104);
    void* const other = store.take(120);
    BOOST_TEST(other != first);
    store.give(other, 120);
}

// By the size that was asked for, or by the block's whole size where nobody knows that one.
BOOST_AUTO_TEST_CASE(a_kept_block_is_large_enough_whatever_it_was_before) {
    for (const bool sized : {true, false}) {
        blocks_of_a_thread store;
        for (std::size_t size = 0; size <= blocks_of_a_thread::largest + 32; ++size) {
            void* const before = store.take(size);
            if (sized)
                store.give(before, size);
            else
                store.give_whole(before, ::malloc_usable_size(before));
            void* const after = store.take(size);
            BOOST_REQUIRE(::malloc_usable_size(after) >= size);
            BOOST_REQUIRE(reinterpret_cast<std::uintptr_t>(after) % alignof(std::max_align_t) ==
                          0u);
            store.give(after, size);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_the_c_library_gave_is_taken_back_as_well) {
    blocks_of_a_thread store;
    for (std::size_t size = 24; size <= blocks_of_a_thread::largest; size += 16) {
        store.give(std::malloc(size), size);
        void* const block = store.take(size);
        BOOST_REQUIRE(::malloc_usable_size(block) >= size);
        std::free(block);
    }
}

// Other allocators have blocks of 32 and 48 bytes, where the C library has 24, 40 and 56.
BOOST_AUTO_TEST_CASE(a_block_of_another_allocator_is_kept_for_what_fits_into_it) {
    blocks_of_a_thread store;
    store.give_whole(std::malloc(56), 48);
    BOOST_TEST(store.kept(56) == 0u);
    BOOST_TEST(store.kept(40) == 1u);
    store.give_whole(std::malloc(24), 16);
    BOOST_TEST(store.kept(24) == 0u);
    store.give_whole(nullptr, 0);
    BOOST_TEST(store.kept(24) == 0u);
}

BOOST_AUTO_TEST_CASE(it_keeps_so_many_and_no_more) {
    blocks_of_a_thread store;
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < blocks_of_a_thread::most + 10; ++i)
        blocks.push_back(store.take(300));
    for (void* const block : blocks) store.give(block, 300);
    BOOST_TEST(store.kept(300) == blocks_of_a_thread::most);
}

BOOST_AUTO_TEST_CASE(large_blocks_and_none_are_not_kept) {
    blocks_of_a_thread store;
    store.give(store.take(blocks_of_a_thread::largest + 1), blocks_of_a_thread::largest + 1);
    store.give(nullptr, 300);
    BOOST_TEST(store.kept(blocks_of_a_thread::largest + 1) == 0u);
    BOOST_TEST(store.kept(300) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
