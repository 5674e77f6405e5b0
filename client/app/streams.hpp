#pragma once

#include "finpost/client.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace finpost {

/// A payload from a descriptor: a regular file is read in place, anything else (a pipe, a terminal) by a
/// thread of its own, so that a refusal is seen while the input is still being waited for.
class descriptor_source final : public byte_source {
public:
    explicit descriptor_source(int fd);
    ~descriptor_source() override;
    void read(std::span<std::byte> room, std::function<void(error_code, std::size_t)> done) override;

    /// Forgets whoever still waits for bytes; called before what that runs on goes away.
    void stop();

    /// The file's size; 0 when it is not known.
    std::uint64_t size() const noexcept { return size_; }

private:
    struct worker;
    int fd_;
    bool regular_ = false;
    std::uint64_t size_ = 0;
    std::shared_ptr<worker> worker_;
};

/// Base64 of another source, without line breaks.
class encoding_source final : public byte_source {
public:
    explicit encoding_source(byte_source& from) : from_(from) {}
    void read(std::span<std::byte> room, std::function<void(error_code, std::size_t)> done) override;

private:
    void more(std::span<std::byte> room, std::function<void(error_code, std::size_t)> done);

    byte_source& from_;
    std::vector<std::byte> raw_; // read, and not yet a whole group of three
    std::size_t have_ = 0;
    bool ended_ = false;
};

/// Writes to a descriptor.
class descriptor_sink final : public byte_sink {
public:
    explicit descriptor_sink(int fd) : fd_(fd) {}
    error_code write(std::span<const std::byte> data) override;

private:
    int fd_;
};

/// Keeps the reply, to be decoded when all of it is there.
class keeping_sink final : public byte_sink {
public:
    error_code write(std::span<const std::byte> data) override;
    std::vector<std::byte>& bytes() noexcept { return bytes_; }

private:
    std::vector<std::byte> bytes_;
};

} // namespace finpost
