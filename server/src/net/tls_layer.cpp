#include "net/tls_layer.hpp"

#include <boost/asio/error.hpp>

#include <exception>

namespace asio = boost::asio;

namespace finpost::detail {

// OpenSSL's memory and that of its words may run out.
template <class Step>
transfer tls_layer::tried(const Step& step) noexcept {
    try {
        return step();
    } catch (const std::exception&) {
        transfer out;
        out.error = asio::error::no_memory;
        return out;
    }
}

error_code tls_layer::noted(const transfer& step, readiness& to_wait) noexcept {
    if (step.wait_for != readiness::none) {
        to_wait = step.wait_for;
        return asio::error::would_block;
    }
    if (step.error == reason::tls_truncated)
        truncated_ = true;
    else if (step.error && !broken_)
        broken_ = step.error;
    if (!step.ended) return step.error;
    return broken_ ? broken_ : error_code(asio::error::eof);
}

error_code tls_layer::handshake() noexcept {
    const error_code failed = noted(tried([this] { return connection_.handshake(); }), to_read_);
    agreed_ = !failed;
    // What came with its last flight lies here already.
    reading_ = agreed_;
    return failed;
}

result<std::size_t> tls_layer::read_some(std::span<std::byte> buffer) noexcept {
    const transfer step = tried([&] { return connection_.read_some(buffer); });
    const error_code failed = noted(step, to_read_);
    reading_ = !failed;
    if (failed) return failed;
    return step.size;
}

result<std::size_t> tls_layer::peek(std::span<std::byte> buffer) noexcept {
    const transfer step = tried([&] { return connection_.peek(buffer); });
    const error_code failed = noted(step, to_read_);
    reading_ = !failed;
    if (failed) return failed;
    return step.size;
}

result<std::size_t> tls_layer::write_some(std::span<const std::byte> data) noexcept {
    const transfer step = tried([&] { return connection_.write_some(data); });
    const error_code failed = noted(step, to_write_);
    mid_write_ = failed == asio::error::would_block;
    if (failed) return failed;
    return step.size;
}

error_code tls_layer::close_notify() noexcept {
    if (!can_speak()) return {};
    const error_code failed =
        noted(tried([this] { return connection_.close_notify(); }), to_write_);
    said_goodbye_ = !failed;
    return failed;
}

} // namespace finpost::detail
