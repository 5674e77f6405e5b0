#pragma once

#include "form_sink.hpp"
#include "streams.hpp"

#include "finpost/base64.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include <unistd.h>

namespace finpost {

/// Notes what goes wrong on this side, which is not to be told as if the peer had done it.
class noting_source final : public byte_source {
public:
    explicit noting_source(byte_source& from) : from_(from) {}
    void read(std::span<std::byte> room,
              std::function<void(error_code, std::size_t)> done) override {
        from_.read(room, [this, done = std::move(done)](error_code ec, std::size_t n) {
            if (ec) failed = ec;
            done(ec, n);
        });
    }
    error_code failed;

private:
    byte_source& from_;
};

/// The same of a sink.
class noting_sink final : public byte_sink {
public:
    explicit noting_sink(byte_sink& to) : to_(to) {}
    error_code write(std::span<const std::byte> data) override {
        empty = empty && data.empty();
        return failed = to_.write(data);
    }
    error_code failed;
    bool empty = true;

private:
    byte_sink& to_;
};

/// A file or standard input as the payload, encoded where the options say so.
class payload_input {
public:
    payload_input(int fd, bool encode) : file_(fd), encode_(encode) {}

    byte_source& source() { return encode_ ? static_cast<byte_source&>(encoded_) : noted_; }
    /// Of what is sent; 0 when it is not known.
    std::uint64_t size() const {
        return encode_ ? base64::encoded_size(file_.size()) : file_.size();
    }
    error_code failed() const { return noted_.failed; }
    void stop() { file_.stop(); }

private:
    descriptor_source file_;
    noting_source noted_{file_};
    encoding_source encoded_{noted_};
    bool encode_;
};

/// Standard output for the reply, decoded or read in its form where the options say so.
class reply_output {
public:
    reply_output(bool decode, form_kind form, bool framed)
        : decode_(decode), form_(form),
          formed_(form, framed, decode ? static_cast<byte_sink&>(decoded_) : noted_) {}

    byte_sink& sink() { return formed_; }
    /// After a whole reply: an error when its Base64 is not complete, or it is not in its form.
    error_code finish() {
        const error_code wrong = formed_.finish(true);
        return decode_ && !wrong && !is_receipt() ? decoded_.finish() : wrong;
    }
    /// After a failure: what came may be a refusal all the same. `rest` no sink was given.
    void finish_cut(const std::string& rest) {
        if (form_ == form_kind::body) return;
        const error_code wrong = formed_.write(std::as_bytes(std::span(rest)));
        if (!wrong) static_cast<void>(formed_.finish(false));
    }
    error_code failed() const { return noted_.failed; }
    /// There is none, or it has no byte; not of a form that has none.
    bool empty() const {
        return noted_.empty && !is_receipt() &&
               (form_ == form_kind::body || formed_.said().has_body()) &&
               form_ != form_kind::ack_nak;
    }
    const std::string& decoding_fault() const { return decoded_.wrong(); }
    const std::string& form_fault() const { return formed_.wrong(); }
    /// What a reply in its form says; of a body alone nothing, but for a receipt.
    const told& said() const { return formed_.said(); }

private:
    bool is_receipt() const { return said().what == told::outcome::queued; }

    descriptor_sink standard_output_{STDOUT_FILENO};
    noting_sink noted_{standard_output_};
    decoding_sink decoded_{noted_};
    bool decode_;
    form_kind form_;
    form_sink formed_;
};

} // namespace finpost
