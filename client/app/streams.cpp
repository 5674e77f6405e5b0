#include "streams.hpp"

#include "finpost/base64.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

namespace {

error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

ssize_t read_some(int fd, std::span<std::byte> room) noexcept {
    for (;;) {
        const ssize_t n = ::read(fd, room.data(), room.size());
        if (n >= 0 || errno != EINTR) return n;
    }
}

} // namespace

// Lives as long as its thread: a read of a terminal cannot be interrupted, so it is left behind.
struct descriptor_source::worker {
    // `done` is called under the lock, so that it is never called after `stop`; and it may ask for
    // more.
    std::recursive_mutex mutex;
    std::condition_variable_any read_requested;
    std::span<std::byte> room;
    std::function<void(error_code, std::size_t)> done; // null: nothing is asked for
    bool stopped = false;

    void run(int fd) {
        std::vector<std::byte> own(64 << 10); // the asker's room may be gone when the bytes come
        std::unique_lock lock(mutex);
        for (;;) {
            read_requested.wait(lock, [this] { return stopped || done; });
            if (stopped) return;
            const std::size_t most = std::min(room.size(), own.size());
            lock.unlock();
            const ssize_t n = read_some(fd, std::span(own).first(most));
            const error_code failed = n < 0 ? last_error() : error_code();
            lock.lock();
            if (stopped) return;
            const std::size_t got = n < 0 ? 0 : static_cast<std::size_t>(n);
            std::copy_n(own.begin(), got, room.begin());
            std::exchange(done, nullptr)(failed, got);
        }
    }
};

descriptor_source::descriptor_source(int fd) : fd_(fd) {
    struct stat about {};
    regular_ = ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    if (regular_) {
        size_ = static_cast<std::uint64_t>(about.st_size);
        return;
    }
    worker_ = std::make_shared<worker>();
    std::thread([shared = worker_, fd] { shared->run(fd); }).detach();
}

descriptor_source::~descriptor_source() { stop(); }

void descriptor_source::stop() {
    if (!worker_) return;
    std::function<void(error_code, std::size_t)> forgotten; // outside the lock
    const std::lock_guard lock(worker_->mutex);
    worker_->stopped = true;
    forgotten.swap(worker_->done);
    worker_->read_requested.notify_one();
}

void descriptor_source::read(std::span<std::byte> room,
                             std::function<void(error_code, std::size_t)> done) {
    if (regular_) {
        const ssize_t n = read_some(fd_, room);
        return n < 0 ? done(last_error(), 0) : done({}, static_cast<std::size_t>(n));
    }
    const std::lock_guard lock(worker_->mutex);
    worker_->room = room;
    worker_->done = std::move(done);
    worker_->read_requested.notify_one();
}

void encoding_source::read(std::span<std::byte> room,
                           std::function<void(error_code, std::size_t)> done) {
    if (ended_) return done({}, 0);
    raw_.resize(room.size() / 4 * 3 - 2); // with the two bytes that may have been left over
    more(room, std::move(done));
}

void encoding_source::more(std::span<std::byte> room,
                           std::function<void(error_code, std::size_t)> done) {
    from_.read(raw_, [this, room, done = std::move(done)](error_code ec, std::size_t n) {
        if (ec) return done(ec, 0);
        auto* const text = reinterpret_cast<char*>(room.data());
        ended_ = n == 0;
        const std::size_t made =
            ended_ ? encoder_.finish(text) : encoder_.encode(std::span(raw_).first(n), text);
        if (made == 0 && !ended_) return more(room, done); // 0 would be the end
        done({}, made);
    });
}

error_code descriptor_sink::write(std::span<const std::byte> data) {
    while (!data.empty()) {
        const ssize_t n = ::write(fd_, data.data(), data.size());
        if (n >= 0)
            data = data.subspan(static_cast<std::size_t>(n));
        else if (errno != EINTR)
            return last_error();
    }
    return {};
}

error_code decoding_sink::write(std::span<const std::byte> text) {
    bytes_.resize(text.size());
    const auto decoded = decoder_.decode(text, bytes_.data());
    if (decoded.error) return failed(*decoded.error);
    return to_.write(std::span(bytes_).first(decoded.size));
}

error_code decoding_sink::finish() {
    const auto end = decoder_.finish();
    return end.error ? failed(*end.error) : error_code();
}

error_code decoding_sink::failed(const base64::decode_error& what) {
    wrong_ = std::string(what.cause) + " at byte " + std::to_string(what.offset);
    return reason::bad_encoding;
}

} // namespace finpost
