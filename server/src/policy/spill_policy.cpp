#include "policy/spill_policy.hpp"

#include "async/fairness.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

spill_policy::spill_policy(std::uint64_t above, std::string directory, byte_budget& space,
                           logger log)
    : above_(above == 0 ? off : above), directory_(std::move(directory)), space_(space),
      log_(std::move(log)) {}

result<std::unique_ptr<spill_file>> spill_policy::create() const {
    return spill_file::create(directory_, &space_);
}

error_code spill_policy::move(payload& bytes) const {
    auto file = create();
    if (!file) return failed(file.error());
    const error_code unwritten = bytes.spill(std::move(*file));
    return unwritten ? failed(unwritten) : unwritten;
}

asio::awaitable<error_code> spill_policy::move_piecewise(payload& bytes) const {
    auto file = create();
    if (!file) co_return failed(file.error());
    while (bytes.size() - (*file)->size() > quantum) {
        const auto piece =
            bytes.bytes().subspan(static_cast<std::size_t>((*file)->size()), quantum);
        const error_code unwritten = (*file)->append(piece);
        if (unwritten) co_return failed(unwritten);
        co_await fair_yield();
    }
    const error_code unwritten = bytes.spill(std::move(*file));
    co_return unwritten ? failed(unwritten) : unwritten;
}

error_code spill_policy::write(payload& to, std::span<const std::byte> data) const {
    const error_code unwritten = to.write(data);
    return unwritten ? failed(unwritten) : unwritten;
}

error_code spill_policy::failed(error_code why) const {
    if (shortage_.met(resource_shortage::clock::now())) {
        const std::string what = why.message();
        log_(log_level::warning, "spilling failed", {{"dir", directory_}, {"what", what}});
    }
    shortage_.refused();
    return reason::spill_failed;
}

void spill_policy::kept() const {
    if (!shortage_.is_on()) return;
    const auto was = shortage_.over(resource_shortage::clock::now());
    if (!was) return;
    const std::chrono::duration<double> lasted = was->lasted;
    log_(log_level::info, "spilling works again",
         {{"dir", directory_}, {"refused", was->refused}, {"seconds", lasted.count()}});
}

} // namespace finpost::detail
