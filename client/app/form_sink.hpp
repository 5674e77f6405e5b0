#pragma once

#include "reply_form.hpp"

#include "finpost/client.hpp"

#include <span>
#include <string>
#include <string_view>

namespace finpost {

/// Reads a reply in its form on its way to another sink, which gets the body alone, or an HL7
/// message that is no refusal. Of plain bodies a receipt is told. It holds a first line, the
/// beginning of an HL7 message and a whole JSON text in memory, and no more.
class form_sink final : public byte_sink {
public:
    /// `framed`: where a reply ends with a line end, that may be the frame's, and not be seen here.
    form_sink(form_kind kind, bool framed, byte_sink& body)
        : kind_(kind), framed_(framed), body_(body) {}

    /// `errc::bad_message` where the reply is not in its form.
    error_code write(std::span<const std::byte> data) override;

    /// To be called at the reply's end: the same error when it is not complete. After an exchange
    /// that failed it is not `whole`: nothing goes to the body, and what came may be a refusal.
    error_code finish(bool whole);

    /// Of a reply that was finished, or not in its form.
    const told& said() const noexcept { return told_; }
    /// What is wrong with the form, as a sentence; empty while nothing is.
    const std::string& wrong() const noexcept { return wrong_; }

private:
    enum class state : std::uint8_t {
        holding, ///< it is not decided
        passing, ///< it is, and what comes is of the body
        closed,  ///< it is, and nothing may follow
        dropping ///< it is a refusal, and what follows says no more
    };

    bool is_decided_now() const noexcept;
    error_code decide(bool to_body);
    error_code decide_body();
    error_code decide_status(bool to_body);
    error_code decide_json(bool to_body);
    error_code decide_hl7(bool to_body);
    error_code pass_on(std::string_view text, bool to_body);
    error_code fail(const std::string& why);

    const form_kind kind_;
    const bool framed_;
    byte_sink& body_;
    state now_ = state::holding;
    bool ended_ = false;
    std::string held_;
    told told_;
    std::string wrong_;
};

} // namespace finpost
