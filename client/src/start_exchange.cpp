#include "operation.hpp"

#include <algorithm>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

class string_source final : public byte_source {
public:
    explicit string_source(std::string bytes) : bytes_(std::move(bytes)) {}
    void read(std::span<std::byte> buffer,
              std::function<void(error_code, std::size_t)> done) override {
        const std::size_t n = std::min(buffer.size(), bytes_.size() - at_);
        std::copy_n(std::as_bytes(std::span(bytes_)).begin() + static_cast<std::ptrdiff_t>(at_), n,
                    buffer.begin());
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

void initiate_exchange::operator()(exchange_handler handler, host_port target,
                                   std::shared_ptr<byte_source> memory, byte_source* source,
                                   byte_sink* sink, client_options options) const {
    byte_source& payload = memory ? *memory : *source;
    const auto started =
        std::make_shared<operation>(asio::make_strand(executor_), std::move(target), payload, sink,
                                    std::move(options), std::move(memory), std::move(handler));
    started->start();
}

} // namespace finpost::detail
