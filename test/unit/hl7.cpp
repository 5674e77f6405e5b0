#include "reply_format/hl7.hpp"

#include "finpost/request_id.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;

namespace {

// A laboratory's result, of version 2.5.1, with a segment of its own (ZDS).
const std::string oru =
    "MSH|^~\\&|LAB|St. Anne^1.2.3^ISO|EHR|Clinic|20240131120000+0100||ORU^R01^ORU_R01|MSG00042|P|"
    "2.5.1|||AL|NE||UNICODE UTF-8\r"
    "PID|1||4711^^^HOSP^MR||M\xc3\xbcller^Hans||19700101|M\r"
    "OBR|1|845439^GHH OE|1045813^GHH LAB|1554-5^GLUCOSE^LN|||20240131073000\r"
    "OBX|1|SN|1554-5^GLUCOSE^LN||^182|mg/dl|70_105|H|||F\r"
    "ZDS|1.2.840.1^Application^DICOM\r";

const std::string adt = "MSH|^~\\&|ADT1|MCM|LABADT|MCM|198808181126|SECURITY|ADT^A01|MSG00001|P|2.3"
                        "\rEVN|A01|198808181123\rPID|||PATID1234^5^M11||JONES^WILLIAM^A^III\r";

// 2024-01-31 12:00:05.678 UTC.
const std::chrono::system_clock::time_point noon{1'706'702'405'678ms};

hl7_header header_of(std::string_view message) {
    const auto read = parse_hl7_header(message);
    BOOST_REQUIRE_MESSAGE(read, message);
    return *read;
}

std::string acknowledgement(std::string_view message, hl7_code code, std::string_view text = {}) {
    const hl7_header sent = header_of(message);
    return hl7_acknowledgement(&sent, code, text, "ACK1", noon);
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(hl7)

BOOST_AUTO_TEST_CASE(the_header_of_a_result_is_read_field_by_field) {
    const hl7_header header = header_of(oru);
    BOOST_TEST(header.separator == '|');
    BOOST_TEST(header.encoding == "^~\\&");
    BOOST_TEST(header.sending_application == "LAB");
    BOOST_TEST(header.sending_facility == "St. Anne^1.2.3^ISO");
    BOOST_TEST(header.receiving_application == "EHR");
    BOOST_TEST(header.receiving_facility == "Clinic");
    BOOST_TEST(header.type == "ORU");
    BOOST_TEST(header.trigger == "R01");
    BOOST_TEST(header.control_id == "MSG00042");
    BOOST_TEST(header.processing_id == "P");
    BOOST_TEST(header.version == "2.5.1");
    BOOST_TEST(header.accept_when == "AL");
    BOOST_TEST(header.application_when == "NE");
    BOOST_TEST(header.character_set == "UNICODE UTF-8");
}

BOOST_AUTO_TEST_CASE(fields_that_the_sender_leaves_out_are_empty) {
    for (const char* text : {"MSH|^~\\&", "MSH|^~\\&\r", "MSH|^~\\&|||||||||\rPID|1\r"}) {
        const hl7_header header = header_of(text);
        BOOST_TEST(header.type == "");
        BOOST_TEST(header.control_id == "");
        BOOST_TEST(header.processing_id == "");
        BOOST_TEST(header.version == "");
        BOOST_TEST(header.accept_when == "");
    }
}

BOOST_AUTO_TEST_CASE(a_segment_ends_with_cr_or_lf_or_both_or_the_message) {
    for (const char* end : {"\r", "\n", "\r\n", "", "\rEVN|A01", "\nEVN|A01|x\n", "\r\n\r\n"})
        BOOST_TEST(header_of("MSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.3" + std::string(end)).version ==
                   "2.3");
}

BOOST_AUTO_TEST_CASE(the_sender_chooses_its_separators) {
    const hl7_header odd = header_of("MSH$%~?@$A$B$C$D$$$ADT%A08%ADT_A01$7|7$P$2.4\r");
    BOOST_TEST(odd.separator == '$');
    BOOST_TEST(odd.encoding == "%~?@");
    BOOST_TEST(odd.trigger == "A08");
    BOOST_TEST(odd.control_id == "7|7");
    BOOST_TEST(header_of("MSH|^|A|B|C|D|||ADT^A01|7|P|2.1").encoding == "^");
    BOOST_TEST(header_of("MSH|^~|A|B|C|D|||ADT^A01|7|P|2.1").trigger == "A01");
    BOOST_TEST(header_of("MSH|^~\\&#|A|B|C|D|||ADT^A01|7|P|2.7").encoding == "^~\\&#");
}

BOOST_AUTO_TEST_CASE(what_has_no_readable_msh_is_not_hl7) {
    const std::string long_field(longest_hl7_header, 'A');
    const std::vector<std::string> bad{
        "",
        "M",
        "MSH",
        "MSH|",
        "MSH||A|B",
        "MSH|\r",
        "MSH\r^~\\&|A",
        "msh|^~\\&|A",
        " MSH|^~\\&|A",
        "\rMSH|^~\\&|A",
        "\x0bMSH|^~\\&|A",
        "\xef\xbb\xbfMSH|^~\\&|A",
        "MSH: hello",
        "MSHA^~\\&AB",
        "MSH ^~\\& A",
        "MSH|hello|A",
        "MSH|^~\\\\&|A",    // an escape that was escaped
        "MSH|^~\\&#!|A",    // six
        "MSH|^^\\&|A",      // not different
        "MSH\xa6^~\\&\xa6", // not ASCII
        std::string("MSH|^~\\&|A\0B|", 13),
        "MSH|^~\\&|A\x1c|",
        "MSH|^~\\&|" + long_field,
        "MSH|^~\\&|" + long_field + "\r",
        "BHS|^~\\&|A|B\rMSH|^~\\&|A\r",
        "{\"a\":1}",
        "PID|1||4711",
    };
    for (const std::string& text : bad) {
        BOOST_TEST(!parse_hl7_header(text).has_value(), text.substr(0, 40));
        BOOST_TEST(!is_hl7(text), text.substr(0, 40));
    }
    BOOST_TEST(is_hl7(oru));
    BOOST_TEST(is_hl7("MSH|^~\\&|\x1b$B%F%9%H\x1b(B\t|\r")); // Japanese
    BOOST_TEST(is_hl7(("MSH|^~\\&|" + long_field).substr(0, longest_hl7_header) + "\r"));
}

BOOST_AUTO_TEST_CASE(of_what_was_cut_only_a_whole_msh_counts) {
    const std::string msh = oru.substr(0, oru.find('\r'));
    BOOST_TEST(!parse_hl7_header(msh, hl7_extent::beginning).has_value());
    BOOST_TEST(parse_hl7_header(msh + '\r', hl7_extent::beginning)->control_id == "MSG00042");
    BOOST_TEST(parse_hl7_header(msh)->control_id == "MSG00042");
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_goes_back_to_the_sender) {
    BOOST_TEST(
        acknowledgement(oru, hl7_code::aa) ==
        "MSH|^~\\&|EHR|Clinic|LAB|St. Anne^1.2.3^ISO|20240131120005+0000||ACK^R01^ACK|ACK1|P|"
        "2.5.1||||||UNICODE UTF-8\rMSA|AA|MSG00042\r");
    BOOST_TEST(acknowledgement(adt, hl7_code::aa) ==
               "MSH|^~\\&|LABADT|MCM|ADT1|MCM|20240131120005+0000||ACK^A01|ACK1|P|2.3\r"
               "MSA|AA|MSG00001\r");
}

BOOST_AUTO_TEST_CASE(a_refusal_says_why_as_the_version_does) {
    BOOST_TEST(contains(acknowledgement(adt, hl7_code::ae, "upstream_timeout 42"),
                        "\rMSA|AE|MSG00001|upstream_timeout 42\r"));
    const std::string with_err = acknowledgement(oru, hl7_code::ar, "too_large 42");
    BOOST_TEST(contains(with_err, "\rMSA|AR|MSG00042\r"
                                  "ERR|||207^Application internal error^HL70357|E||||too_large 42"
                                  "\r"));
    BOOST_TEST(with_err.ends_with('\r'));
    BOOST_TEST(!contains(acknowledgement(oru, hl7_code::ca, "too_large"), "too_large"));
    BOOST_TEST(contains(acknowledgement(oru, hl7_code::ce), "|207^"));
}

BOOST_AUTO_TEST_CASE(the_form_follows_the_version) {
    const auto of_version = [](const std::string& version) {
        return acknowledgement("MSH|^~\\&|A|B|C|D|||ADT^A01|7|T|" + version, hl7_code::ae, "why");
    };
    for (const char* old : {"2.1", "2.2", "2.3", "2", "", "x", "D.2.5", "1.99.99", "2.3.0"}) {
        BOOST_TEST(contains(of_version(old), "|ACK^A01|ACK1|T"), old);
        BOOST_TEST(contains(of_version(old), "|7|why\r"), old);
    }
    for (const char* middle : {"2.3.1", "2.4", "2.4^DEU", "2.4.9"}) {
        BOOST_TEST(contains(of_version(middle), "|ACK^A01^ACK|ACK1|T"), middle);
        BOOST_TEST(contains(of_version(middle), "|7|why\r"), middle);
    }
    for (const char* current : {"2.5", "2.5.1", "2.6", "2.7.1", "2.8", "2.10", "2.5.1^NLD&1", "3"})
        BOOST_TEST(contains(of_version(current), "|7\rERR|||207^"), current);
    BOOST_TEST(of_version("2.99999999999999999999") != "");
}

BOOST_AUTO_TEST_CASE(what_the_sender_has_left_out_is_left_out) {
    BOOST_TEST(acknowledgement("MSH|^~\\&", hl7_code::ae, "busy 1") ==
               "MSH|^~\\&|||||20240131120005+0000||ACK|ACK1\rMSA|AE||busy 1\r");
    BOOST_TEST(contains(acknowledgement("MSH|^~\\&|A|B|C|D|||ORU||P|2.5", hl7_code::aa),
                        "||ACK|ACK1|P|2.5\rMSA|AA\r"));
}

BOOST_AUTO_TEST_CASE(what_is_no_hl7_gets_an_answer_of_the_usual_form) {
    BOOST_TEST(hl7_acknowledgement(nullptr, hl7_code::ar, "bad_frame 42", "ACK1", noon) ==
               "MSH|^~\\&|||||20240131120005+0000||ACK|ACK1|P|2.3\rMSA|AR||bad_frame 42\r");
}

BOOST_AUTO_TEST_CASE(a_text_adds_no_structure) {
    const std::string all = "a|b^c~d\\e&f\rg\nh\x01i\xc3\xbc#";
    BOOST_TEST(contains(acknowledgement(adt, hl7_code::ae, all),
                        "|a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f g h i??#\r"));
    BOOST_TEST(
        contains(acknowledgement("MSH|^~\\&#||||||||1|P|2.7", hl7_code::ae, "a#b"), "|a\\P\\b\r"));
    BOOST_TEST(contains(acknowledgement("MSH|^~||||||||1|P|2.3", hl7_code::ae, "a|b^c~d\\e"),
                        "|a b c d\\e\r"));
    BOOST_TEST(contains(acknowledgement("MSH$%~?@$$$$$$$$1$P$2.3", hl7_code::ae, "a$b|c%?"),
                        "$a?F?b|c?S??E?\r"));
}

BOOST_AUTO_TEST_CASE(a_long_text_is_cut_to_what_its_field_takes) {
    const std::string text(1000, 'x');
    BOOST_TEST(
        contains(acknowledgement(adt, hl7_code::ae, text), "|" + std::string(80, 'x') + "\r"));
    BOOST_TEST(
        contains(acknowledgement(oru, hl7_code::ae, text), "|" + std::string(250, 'x') + "\r"));
}

BOOST_AUTO_TEST_CASE(the_acknowledged_id_is_found_wherever_the_msa_stands) {
    const std::string msh = "MSH|^~\\&|EHR|Clinic|LAB|X|20240131||ACK^R01^ACK|9|P|2.5.1\r";
    BOOST_TEST(hl7_acknowledged_id(msh + "MSA|AA|MSG00042\r").value() == "MSG00042");
    BOOST_TEST(hl7_acknowledged_id(msh + "SFT|x|1\r\nMSA|AE|7|text").value() == "7");
    BOOST_TEST(hl7_acknowledged_id(msh + "MSA|AA\r").value() == "");
    BOOST_TEST(hl7_acknowledged_id(msh + "MSA|AA||x\r").value() == "");
    BOOST_TEST(hl7_acknowledged_id("MSH$%$$$$$\nMSA$AA$7|8$\n").value() == "7|8");
    for (const std::string& other :
         {msh, msh + "MSAX|AA|1\r", msh + "MSA", msh + "MSA^AA^1", msh + "ZZZ|MSA|AA|1\r",
          std::string("MSA|AA|1\r"), std::string("OK"), std::string()})
        BOOST_TEST(!hl7_acknowledged_id(other).has_value(), other);
    const std::string far = msh + "NTE|" + std::string(farthest_hl7_msa, 'x') + "\rMSA|AA|1\r";
    BOOST_TEST(!hl7_acknowledged_id(far).has_value());
    const std::string cut = msh + "NTE|" + std::string(farthest_hl7_msa - msh.size() - 14, 'x');
    BOOST_TEST(!hl7_acknowledged_id(cut + "\rMSA|AA|123456789\r").has_value());
}

BOOST_AUTO_TEST_CASE(its_own_acknowledgements_are_read_back) {
    for (const std::string& sent : {oru, adt, std::string("MSH$%~?@$A$B$C$D$$$ADT%A08$7|7$P$2.6")})
        for (const auto code : {hl7_code::aa, hl7_code::ae, hl7_code::cr}) {
            const std::string text = acknowledgement(sent, code, "why not | ^ 1");
            BOOST_TEST(hl7_acknowledged_id(text).value() == header_of(sent).control_id);
            BOOST_TEST(header_of(text).type == "ACK");
            BOOST_TEST(header_of(text).receiving_application ==
                       header_of(sent).sending_application);
        }
}

BOOST_AUTO_TEST_CASE(a_control_id_is_the_end_of_the_request_id) {
    const request_id id(1'706'702'405'678ms, 0x123, 0x3456789abcdef01);
    const std::string control = hl7_control_id(id);
    std::string digits(id.text());
    std::erase(digits, '-');
    BOOST_TEST(control.size() == 20u);
    BOOST_TEST(digits.ends_with(control));
}

BOOST_AUTO_TEST_CASE(a_mutated_message_is_read_or_refused_and_its_answer_is_well_formed) {
    std::mt19937 random(20240131);
    const std::vector<std::string> seeds{oru, adt, acknowledgement(oru, hl7_code::ae, "a|b")};
    const std::string bytes = "|^~\\&#\r\n\x0b\x1c\0MSHA. \xff$";
    std::size_t read = 0;
    for (int run = 0; run < 40'000; ++run) {
        std::string text = seeds[random() % seeds.size()];
        for (auto count = random() % 4 + 1; count > 0 && !text.empty(); --count) {
            const std::size_t at = random() % std::min<std::size_t>(text.size(), 120);
            switch (random() % 4) {
            case 0:
                text[at] = bytes[random() % bytes.size()];
                break;
            case 1:
                text.erase(at, random() % 9);
                break;
            case 2:
                text.insert(at, 1 + random() % 3, bytes[random() % bytes.size()]);
                break;
            default:
                text.resize(at);
            }
        }
        const auto header = parse_hl7_header(text);
        BOOST_REQUIRE(header.has_value() == is_hl7(text));
        hl7_acknowledged_id(text);
        const std::string answer =
            hl7_acknowledgement(header ? &*header : nullptr, hl7_code::ae, text, "1", noon);
        BOOST_REQUIRE(is_hl7(answer));
        BOOST_REQUIRE(hl7_acknowledged_id(answer) == (header ? header->control_id : ""));
        read += header ? 1 : 0;
    }
    BOOST_TEST(read > 5'000u);
    BOOST_TEST(read < 35'000u);
}

BOOST_AUTO_TEST_SUITE_END()
