#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace finpost {
class request_id;
}

namespace finpost::detail {

/// What finpost reads of a message's header, MSH (HL7 version 2, chapter 2). The fields are as the
/// sender wrote them, escape sequences included; those it left out are empty. By default it is the
/// header of nobody in particular.
struct hl7_header {
    char separator = '|';            ///< MSH-1
    std::string encoding = "^~\\&";  ///< MSH-2: component, repetition, escape, ...; 1 to 5 of them
    std::string sending_application; ///< MSH-3, and so on
    std::string sending_facility;
    std::string receiving_application;
    std::string receiving_facility;
    std::string type;                ///< the first component of MSH-9: ADT
    std::string trigger;             ///< the second: A01
    std::string control_id;          ///< MSH-10
    std::string processing_id = "P"; ///< MSH-11
    std::string version = "2.3";     ///< MSH-12
    std::string accept_when;         ///< MSH-15: AL, NE, ER, SU
    std::string application_when;    ///< MSH-16: the same
    std::string character_set;       ///< MSH-18
};

/// MSA-1 (table 0008).
enum class hl7_code : std::uint8_t {
    aa, ///< the application has taken it
    ae, ///< the application has failed
    ar, ///< the application does not take such a message
    ca, ///< the message is kept, and is going to be processed
    ce, ///< it could not be kept
    cr, ///< such a message is not kept
};

/// "AA" and so on.
std::string_view to_string(hl7_code code) noexcept;

/// The longest MSH that is read, and how far into a message its MSA is looked for.
inline constexpr std::size_t longest_hl7_header = 4096;
inline constexpr std::size_t farthest_hl7_msa = 16384;

/// Whether the bytes are `whole`, or the beginning of something that was refused before its end.
enum class hl7_extent : std::uint8_t { whole, beginning };

/// Reads the MSH that the message begins with, and not a byte behind it. A segment ends with CR, as
/// it must, or with LF, or with the message. Of a `beginning`, an MSH without its end is none: half
/// a control id would be another message's.
///
/// Nothing: there is no MSH, or it is longer than `longest_hl7_header`; its separators are letters,
/// not visible ASCII or not different from each other; MSH-2 has none or more than 5; or it has
/// control bytes other than tab and escape, which no acknowledgement could carry.
std::optional<hl7_header> parse_hl7_header(std::string_view message,
                                           hl7_extent extent = hl7_extent::whole);

/// Whether `parse_hl7_header` would read it.
bool is_hl7(std::string_view message) noexcept;

/// MSA-2 of a reply: the control id of the message that it answers; may be empty. Nothing: it is
/// not HL7, or has no MSA within `farthest_hl7_msa`.
std::optional<std::string> hl7_acknowledged_id(std::string_view reply);

/// A control id (MSH-10) for an acknowledgement: the last 20 hexadecimal digits of the request id,
/// as many as all versions allow, so that it is found in the log.
std::string hl7_control_id(const request_id& id);

/// The acknowledgement of the message that `sent` is the header of; null: of something without one.
/// It goes back to the sender, in its separators and version. MSA-2 is the sender's control id.
///
/// `text` says why, where `code` is not AA or CA: in MSA-3 for versions below 2.5, in an ERR
/// segment from there on. `id` is the acknowledgement's own (`hl7_control_id`), `at` its time.
std::string hl7_acknowledgement(const hl7_header* sent, hl7_code code, std::string_view text,
                                std::string_view id, std::chrono::system_clock::time_point at);

} // namespace finpost::detail
