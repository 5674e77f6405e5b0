#include "finpost/payload.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

using finpost::byte_budget;

namespace {

// A budget that keeps an account and can be looked into.
class account : public byte_budget {
public:
    explicit account(std::size_t limit) : left_(limit), limit_(limit) {}
    bool try_take(std::size_t n) noexcept override {
        if (n > left_) return false;
        left_ -= n;
        return true;
    }
    void give_back(std::size_t n) noexcept override { left_ += n; }
    std::size_t used() const noexcept { return limit_ - left_; }

private:
    std::size_t left_;
    std::size_t limit_;
};

bool append(finpost::payload& to, std::string_view text) {
    return to.append(std::as_bytes(std::span(text)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(payload)

BOOST_AUTO_TEST_CASE(a_new_one_is_empty_and_holds_nothing) {
    account budget(100);
    finpost::payload bytes(&budget);
    BOOST_TEST(bytes.empty());
    BOOST_TEST(bytes.capacity() == 0u);
    BOOST_TEST(bytes.text() == "");
    BOOST_TEST(bytes.writable().empty());
    BOOST_TEST(bytes.append({}));
    BOOST_TEST(bytes.reserve(0));
    BOOST_TEST(budget.used() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_appended_stays_in_order) {
    finpost::payload bytes;
    std::string all;
    for (int i = 0; i < 5000; ++i) {
        const std::string piece = std::to_string(i);
        BOOST_TEST(append(bytes, piece));
        all += piece;
    }
    BOOST_TEST((bytes.text() == all));
    BOOST_TEST(finpost::payload("hello").text() == "hello");
    BOOST_TEST(finpost::payload(std::string_view()).empty());
}

BOOST_AUTO_TEST_CASE(room_that_was_filled_becomes_part_when_committed) {
    finpost::payload bytes("ab");
    BOOST_TEST(bytes.reserve(3));
    BOOST_TEST(bytes.writable().size() >= 3u);
    for (std::size_t i = 0; i < 3; ++i) bytes.writable()[i] = static_cast<std::byte>('x' + i);
    BOOST_TEST(bytes.text() == "ab");
    bytes.commit(2);
    BOOST_TEST(bytes.text() == "abxy");
}

BOOST_AUTO_TEST_CASE(accumulating_is_linear) {
    finpost::payload bytes;
    std::size_t grown = 0;
    for (std::size_t i = 0; i < (1u << 20); ++i) {
        const std::size_t before = bytes.capacity();
        BOOST_REQUIRE(append(bytes, "x"));
        if (bytes.capacity() != before) ++grown;
    }
    BOOST_TEST(grown <= 11u); // from 1 KiB to 1 MiB by doubling
    BOOST_TEST(bytes.capacity() <= 2 * bytes.size());
}

BOOST_AUTO_TEST_CASE(what_it_allocates_is_taken_from_the_budget_and_comes_back) {
    account budget(100'000);
    {
        finpost::payload bytes(&budget);
        for (int i = 0; i < 1000; ++i) {
            BOOST_TEST(append(bytes, "some text"));
            BOOST_TEST(budget.used() == bytes.capacity());
        }
        bytes.truncate(1);
        BOOST_TEST(budget.used() == bytes.capacity()); // the memory is still held
    }
    BOOST_TEST(budget.used() == 0u);
}

BOOST_AUTO_TEST_CASE(a_refusal_changes_nothing) {
    account budget(5'000);
    finpost::payload bytes(&budget);
    BOOST_TEST(append(bytes, "kept"));
    const std::size_t used = budget.used();
    BOOST_TEST(!bytes.reserve(5'000));
    BOOST_TEST(!append(bytes, std::string(5'000, 'x')));
    BOOST_TEST(bytes.text() == "kept");
    BOOST_TEST(budget.used() == used);
    BOOST_TEST(append(bytes, " on"));
    BOOST_TEST(bytes.text() == "kept on");
}

BOOST_AUTO_TEST_CASE(near_its_end_the_budget_gives_what_is_needed_though_not_what_doubling_wants) {
    account budget(10'000);
    finpost::payload bytes(&budget);
    BOOST_TEST(append(bytes, std::string(6'000, 'x')));
    BOOST_TEST(append(bytes, std::string(4'000, 'y'))); // doubling would take 12,000
    BOOST_TEST(budget.used() == 10'000u);
    BOOST_TEST(!append(bytes, "z"));
    BOOST_TEST(bytes.size() == 10'000u);
    bytes.remove_prefix(1);
    BOOST_TEST(append(bytes, "z")); // the room in front is found again
    BOOST_TEST(bytes.text().back() == 'z');
}

BOOST_AUTO_TEST_CASE(dropping_at_the_front_moves_nothing_and_leaves_room_that_is_used) {
    finpost::payload bytes;
    BOOST_TEST(bytes.reserve(1000));
    const std::size_t capacity = bytes.capacity();
    BOOST_TEST(append(bytes, std::string(capacity - 3, 'a') + "xyz"));
    const std::byte* const before = bytes.data();
    bytes.remove_prefix(capacity - 3);
    BOOST_TEST((bytes.data() == before + capacity - 3));
    BOOST_TEST(bytes.text() == "xyz");
    BOOST_TEST(bytes.writable().empty());
    BOOST_TEST(append(bytes, std::string(capacity - 3, 'b')));
    BOOST_TEST(bytes.capacity() == capacity);
    BOOST_TEST((bytes.text() == "xyz" + std::string(capacity - 3, 'b')));
    bytes.remove_prefix(2);
    BOOST_TEST(append(bytes, std::string(3 * capacity, 'c'))); // grows with something in front
    BOOST_TEST(
        (bytes.text() == "z" + std::string(capacity - 3, 'b') + std::string(3 * capacity, 'c')));
}

BOOST_AUTO_TEST_CASE(truncating_keeps_the_beginning) {
    finpost::payload bytes("0123456789");
    bytes.remove_prefix(2);
    bytes.truncate(3);
    BOOST_TEST(bytes.text() == "234");
    bytes.truncate(0);
    BOOST_TEST(bytes.empty());
    BOOST_TEST(append(bytes, "new"));
    BOOST_TEST(bytes.text() == "new");
}

BOOST_AUTO_TEST_CASE(moving_hands_over_the_bytes_and_the_debt) {
    account budget(10'000), other_budget(10'000);
    finpost::payload from(&budget);
    BOOST_TEST(append(from, "--moved"));
    from.remove_prefix(2);
    const std::byte* const where = from.data();
    finpost::payload to(std::move(from));
    BOOST_TEST(to.text() == "moved");
    BOOST_TEST((to.data() == where));
    BOOST_TEST(budget.used() == to.capacity());

    finpost::payload assigned(&other_budget);
    BOOST_TEST(append(assigned, "old"));
    assigned = std::move(to);
    BOOST_TEST(assigned.text() == "moved");
    BOOST_TEST(other_budget.used() == 0u);
    BOOST_TEST((assigned.budget() == &budget));
    assigned = finpost::payload();
    BOOST_TEST(budget.used() == 0u);
}

BOOST_AUTO_TEST_CASE(what_was_moved_from_is_empty_and_can_be_used_again) {
    account budget(10'000);
    finpost::payload from(&budget);
    BOOST_TEST(append(from, "first"));
    finpost::payload to(std::move(from));
    BOOST_TEST(from.empty());
    BOOST_TEST(from.capacity() == 0u);
    BOOST_TEST(append(from, "second"));
    BOOST_TEST(from.text() == "second");
    BOOST_TEST(to.text() == "first");
    BOOST_TEST(budget.used() == from.capacity() + to.capacity());
}

BOOST_AUTO_TEST_CASE(assigning_to_itself_changes_nothing) {
    finpost::payload bytes("same");
    finpost::payload& alias = bytes;
    bytes = std::move(alias);
    BOOST_TEST(bytes.text() == "same");
}

BOOST_AUTO_TEST_CASE(a_size_beyond_memory_is_refused_and_not_wrapped_around) {
    constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
    account budget(huge);
    finpost::payload limited(&budget);
    BOOST_TEST(append(limited, "kept"));
    BOOST_TEST(!limited.reserve(huge));
    BOOST_TEST(!limited.reserve(huge - 4));
    BOOST_TEST(limited.text() == "kept");
    BOOST_TEST(budget.used() == limited.capacity());
    finpost::payload unlimited("kept");
    BOOST_CHECK_THROW(static_cast<void>(unlimited.reserve(huge)), std::bad_alloc);
    BOOST_TEST(unlimited.text() == "kept");
}

BOOST_AUTO_TEST_CASE(gives_room_back_and_keeps_its_bytes) {
    account budget(100'000);
    finpost::payload bytes(&budget);
    BOOST_TEST(bytes.reserve(4'096));
    bytes.release_writable(); // nothing in it: nothing is held
    BOOST_TEST(bytes.capacity() == 0u);
    BOOST_TEST(budget.used() == 0u);
    BOOST_TEST(append(bytes, "head and body"));
    BOOST_TEST(bytes.reserve(4'000));
    bytes.remove_prefix(9);
    bytes.release_writable();
    BOOST_TEST(bytes.text() == "body");
    BOOST_TEST(bytes.capacity() == 4u);
    BOOST_TEST(budget.used() == 4u);
    BOOST_TEST(append(bytes, " and more"));
    BOOST_TEST(bytes.text() == "body and more");
}

BOOST_AUTO_TEST_CASE(a_string_is_taken_over_without_a_copy) {
    std::string text(100'000, 'x');
    const void* const there = text.data();
    finpost::payload bytes(std::move(text));
    BOOST_TEST(static_cast<const void*>(bytes.data()) == there);
    bytes.remove_prefix(99'998);
    bytes.release_writable();
    BOOST_TEST(bytes.writable().empty());
    BOOST_TEST(static_cast<const void*>(bytes.data()) == static_cast<const char*>(there) + 99'998);

    finpost::payload moved = std::move(bytes);
    BOOST_TEST(append(moved, "yz")); // by memory of its own
    BOOST_TEST(moved.text() == "xxyz");
    BOOST_TEST(append(bytes, "new")); // what was moved from is empty
    BOOST_TEST(bytes.text() == "new");
    moved = finpost::payload(std::string("short"));
    BOOST_TEST(moved.text() == "short");
    moved = finpost::payload();
    BOOST_TEST(moved.empty());
    BOOST_TEST(finpost::payload(std::string()).empty());
}

BOOST_AUTO_TEST_CASE(a_string_that_was_taken_over_moves_to_a_file) {
    finpost::payload bytes(std::string(100'000, 'x'));
    auto file = finpost::spill_file::create("/tmp");
    BOOST_TEST_REQUIRE(file.has_value());
    BOOST_TEST(!bytes.spill(std::move(*file)));
    BOOST_TEST(bytes.spilled());
    BOOST_TEST((bytes.text() == std::string(100'000, 'x')));
}

BOOST_AUTO_TEST_CASE(large_buffers_keep_their_room) {
    const std::string text(100'000, 'x');
    finpost::payload bytes(text);
    BOOST_TEST(bytes.reserve(50'000));
    const std::size_t before = bytes.capacity();
    bytes.release_writable();
    BOOST_TEST(bytes.capacity() == before);
}

BOOST_AUTO_TEST_CASE(first_buffers_are_used_again_without_mixing_their_bytes) {
    std::vector<finpost::payload> many(40); // more than a thread keeps
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < many.size(); ++i) {
            many[i] = finpost::payload();
            BOOST_TEST(many[i].reserve(4'096));
            const auto buffer = many[i].writable().first(4'096);
            std::fill(buffer.begin(), buffer.end(), static_cast<std::byte>(i));
            many[i].commit(4'096);
        }
        for (std::size_t i = 0; i < many.size(); ++i)
            BOOST_TEST((many[i].text() == std::string(4'096, static_cast<char>(i))));
    }
}

// A payload may outlive its budget: what it holds is counted by somebody else then.
BOOST_AUTO_TEST_CASE(who_leaves_its_budget_may_outlive_it) {
    finpost::payload bytes;
    {
        account of(100'000);
        finpost::payload counted(&of);
        BOOST_TEST(append(counted, "hello"));
        const std::size_t used = of.used();
        BOOST_TEST(used > 0u);
        {
            const finpost::counted_bytes kept = counted.leave_budget();
            BOOST_TEST(of.used() == used);
            bytes = std::move(counted);
            BOOST_TEST(of.used() == used);
        }
        BOOST_TEST(of.used() == 0u);
    }
    BOOST_TEST(bytes.text() == "hello");
    BOOST_TEST((bytes.budget() == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
