#include "operation.hpp"

#include <algorithm>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

class string_source final : public byte_source {
public:
    explicit string_source(std::string bytes) : bytes_(std::move(bytes)) {}
    void read(std::span<std::byte> room,
              std::function<void(error_code, std::size_t)> done) override {
        const std::size_t n = std::min(room.size(), bytes_.size() - at_);
        std::copy_n(std::as_bytes(std::span(bytes_)).begin() + static_cast<std::ptrdiff_t>(at_), n,
                    room.begin());
        at_ += n;
        done({}, n);
    }

private:
    const std::string bytes_;
    std::size_t at_ = 0;
};

} // namespace

std::shared_ptr<byte_source> memory_source(std::string bytes) {
    return std::make_shared<string_source>(std::move(bytes));
}

void start_exchange(const asio::any_io_executor& executor, host_port target, byte_source& payload,
                    byte_sink* reply, client_options options, std::shared_ptr<void> owned,
                    exchange_handler done, const std::function<void(cancel_function)>& arm) {
    const auto started =
        std::make_shared<operation>(asio::make_strand(executor), std::move(target), payload, reply,
                                    std::move(options), std::move(owned), std::move(done));
    arm([weak = std::weak_ptr(started)] {
        if (const auto alive = weak.lock()) alive->cancel();
    });
    started->start();
}

} // namespace finpost::detail
