// From common/src: how an operation tells its end to a handler of any kind.
#include "completion.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace asio = boost::asio;

namespace {

using int_completion = finpost::detail::completion<int>;

// Counts what it gives out and takes back.
template <class T>
struct counting_allocator {
    using value_type = T;

    explicit counting_allocator(int& given) : there(&given) {}
    template <class U>
    counting_allocator(const counting_allocator<U>& other) : there(other.there) {}

    T* allocate(std::size_t n) {
        ++*there;
        return static_cast<T*>(::operator new(n * sizeof(T)));
    }
    void deallocate(T* memory, std::size_t) {
        --*there;
        ::operator delete(memory);
    }
    friend bool operator==(const counting_allocator&, const counting_allocator&) = default;

    int* there;
};

struct fixture {
    asio::io_context io;
    int told = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(completion, fixture)

BOOST_AUTO_TEST_CASE(it_is_work_until_the_handler_was_called) {
    auto end = std::make_shared<int_completion>([this](int n) { told = n; }, io.get_executor());
    BOOST_TEST(io.poll() == 0u);
    BOOST_TEST(!io.stopped());
    int_completion::complete(std::move(end), 7);
    BOOST_TEST(told == 0); // not from within
    BOOST_TEST(io.run() == 1u);
    BOOST_TEST(told == 7);
    BOOST_TEST(io.stopped());
}

BOOST_AUTO_TEST_CASE(a_handler_that_is_never_called_is_no_work_any_more) {
    auto end = std::make_shared<int_completion>([](int) {}, io.get_executor());
    end.reset();
    BOOST_TEST(io.run() == 0u);
}

BOOST_AUTO_TEST_CASE(a_handler_that_can_only_be_moved_will_do) {
    auto word = std::make_unique<std::string>("kept");
    auto end = std::make_shared<int_completion>(
        [this, word = std::move(word)](int n) { told = n + static_cast<int>(word->size()); },
        io.get_executor());
    int_completion::complete(std::move(end), 1);
    io.run();
    BOOST_TEST(told == 5);
}

BOOST_AUTO_TEST_CASE(the_handler_is_called_on_its_own_executor) {
    asio::io_context other;
    const auto strand = asio::make_strand(other);
    auto end = std::make_shared<int_completion>(
        asio::bind_executor(strand,
                            [&](int n) { told = strand.running_in_this_thread() ? n : -1; }),
        io.get_executor());
    int_completion::complete(std::move(end), 7);
    BOOST_TEST(io.run() == 0u);
    BOOST_TEST(other.run() > 0u);
    BOOST_TEST(told == 7);
}

BOOST_AUTO_TEST_CASE(the_handler_is_kept_by_its_own_allocator) {
    int there = 0;
    auto end = std::make_shared<int_completion>(
        asio::bind_allocator(counting_allocator<char>(there),
                             [&](int n) { told = there == 0 ? n : -1; }),
        io.get_executor());
    BOOST_TEST(there > 0);
    int_completion::complete(std::move(end), 7);
    io.run();
    BOOST_TEST(told == 7); // and the memory was given back before the call
}

BOOST_AUTO_TEST_CASE(a_cancellation_of_any_type_is_handed_on) {
    for (const auto type : {asio::cancellation_type::total, asio::cancellation_type::partial,
                            asio::cancellation_type::terminal}) {
        asio::cancellation_signal signal;
        int cancelled = 0;
        auto end = std::make_shared<int_completion>(
            asio::bind_cancellation_slot(signal.slot(), [this](int n) { told = n; }),
            io.get_executor());
        end->on_cancel([&] { ++cancelled; });
        signal.emit(type);
        BOOST_TEST(cancelled == 1);
        int_completion::complete(std::move(end), 7);
        io.restart();
        io.run();
        BOOST_TEST(std::exchange(told, 0) == 7);
    }
}

BOOST_AUTO_TEST_CASE(a_slot_that_was_given_to_somebody_else_meanwhile_is_left_alone) {
    asio::cancellation_signal signal;
    auto end = std::make_shared<int_completion>(
        asio::bind_cancellation_slot(signal.slot(), [this](int n) { told = n; }),
        io.get_executor());
    end->on_cancel([] {});
    int others = 0;
    signal.slot().assign([&](asio::cancellation_type) { ++others; });
    int_completion::complete(std::move(end), 7);
    io.run();
    BOOST_TEST(told == 7);
    signal.emit(asio::cancellation_type::terminal);
    BOOST_TEST(others == 1);
}

// An operation without memory tries to complete once more. A handler that throws is no such case.
BOOST_AUTO_TEST_CASE(a_handler_is_called_once_whatever_it_throws) {
    auto end = std::make_shared<int_completion>(
        [this](int) {
            ++told;
            throw std::bad_alloc();
        },
        io.get_executor());
    int_completion::complete(end, 1);
    int_completion::complete(end, 1);
    BOOST_CHECK_THROW(io.run(), std::bad_alloc);
    io.run();
    BOOST_TEST(told == 1);
}

BOOST_AUTO_TEST_SUITE_END()
