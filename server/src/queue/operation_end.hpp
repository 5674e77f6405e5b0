#pragma once

#include "completion.hpp"

#include "finpost/error.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include <unistd.h>

namespace finpost::detail {

/// The end of something that a store was asked for: it is told once, also without memory. `Result`
/// is what it gives beside the error; void for nothing.
template <class Result>
class operation_end {
    static constexpr bool gives = !std::is_void_v<Result>;

    template <bool, class T>
    struct end_of {
        using type = completion<error_code, T>;
    };
    template <class T>
    struct end_of<false, T> {
        using type = completion<error_code>;
    };

public:
    using value_type = std::conditional_t<gives, Result, std::monostate>;
    using end_type = typename end_of<gives, Result>::type;
    using handler_type = typename end_type::handler_type;

    /// Throws std::bad_alloc.
    operation_end(handler_type done, const boost::asio::any_io_executor& executor)
        : end_(std::make_shared<end_type>(std::move(done), executor)) {}

    /// Before the operation begins.
    end_type& end() noexcept { return *end_; }
    bool told() const noexcept { return told_.load(); }

    /// The first call counts. From any thread, not from where the operation begins.
    void tell(error_code ec, value_type& value) noexcept {
        if (told_.exchange(true)) return;
        // Asio needs memory to tell it. Without any it is tried again, for ten seconds or so:
        // nobody else would tell, and whoever waits would wait for ever.
        for (int tries = 0; tries < 60'000; ++tries) {
            try {
                if constexpr (gives)
                    end_type::complete(end_, ec, ec ? value_type() : std::move(value));
                else
                    end_type::complete(end_, ec);
                break;
            } catch (const std::bad_alloc&) {
                if (tries > 100) ::usleep(1'000);
            }
        }
        end_.reset();
    }

private:
    std::shared_ptr<end_type> end_;
    std::atomic<bool> told_{false};
};

} // namespace finpost::detail
