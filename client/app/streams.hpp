#pragma once

#include "finpost/base64.hpp"
#include "finpost/client.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace finpost {

/// A payload from a descriptor: a regular file is read in place, anything else (a pipe, a terminal)
/// by a thread of its own, so that a refusal is seen while the input is still being waited for.
class descriptor_source final : public byte_source {
public:
    explicit descriptor_source(int fd);
    ~descriptor_source() override;
    void read(std::span<std::byte> room,
              std::function<void(error_code, std::size_t)> done) override;

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

/// Base64 of another source, without line breaks. Wants room for at least one group of four.
class encoding_source final : public byte_source {
public:
    explicit encoding_source(byte_source& from) : from_(from) {}
    void read(std::span<std::byte> room,
              std::function<void(error_code, std::size_t)> done) override;

private:
    void more(std::span<std::byte> room, std::function<void(error_code, std::size_t)> done);

    byte_source& from_;
    base64::encoder encoder_;
    std::vector<std::byte> raw_;
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

/// Decodes Base64 on its way to another sink.
class decoding_sink final : public byte_sink {
public:
    explicit decoding_sink(byte_sink& to) : to_(to) {}

    /// `reason::bad_encoding` where the text is wrong; `wrong` says how. What came before it has
    /// gone on.
    error_code write(std::span<const std::byte> text) override;

    /// To be called at the reply's end: the same error when the text is not complete.
    error_code finish();

    /// What is wrong with the text, and where; empty while nothing is.
    const std::string& wrong() const noexcept { return wrong_; }

private:
    error_code failed(const base64::decode_error& what);

    byte_sink& to_;
    base64::decoder decoder_;
    std::vector<std::byte> bytes_;
    std::string wrong_;
};

} // namespace finpost
