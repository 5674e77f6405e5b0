#pragma once

#include "finpost/config_problem.hpp"
#include "finpost/units.hpp"

#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace finpost::detail {

/// What a run needs, made of a configuration that is good; or everything that is wrong with it.
template <class T>
using checked = boost::system::result<T, std::vector<config_problem>>;

/// Sizes are added and doubled in size_t and ssize_t: far below their end is far enough for anyone.
inline constexpr std::uint64_t largest_size = std::uint64_t{1} << 46;

/// Collects what is wrong with a configuration.
class config_checker {
public:
    void require(bool good, std::string_view field, std::string message) {
        if (!good) problems_.push_back({std::string(field), std::move(message)});
    }
    void positive(duration value, std::string_view field) {
        // Adding it to a time point must not overflow.
        constexpr duration longest = std::chrono::hours(24 * 365);
        require(value > duration::zero() && value <= longest, field,
                "must be above zero and at most a year");
    }
    void add(const std::vector<config_problem>& found) {
        problems_.insert(problems_.end(), found.begin(), found.end());
    }

    /// The problems, or `made` where there are none.
    template <class T>
    checked<T> done(T made) {
        if (problems_.empty()) return {boost::system::in_place_value, std::move(made)};
        return {boost::system::in_place_error, std::move(problems_)};
    }

    /// What it has found.
    std::vector<config_problem> take_problems() noexcept { return std::move(problems_); }

private:
    std::vector<config_problem> problems_;
};

} // namespace finpost::detail
