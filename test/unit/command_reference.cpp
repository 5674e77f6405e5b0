#include "command_reference.hpp"

#include "help_text.hpp"
#include "load_help.hpp"
#include "queue/queue_help.hpp"

#include <boost/test/unit_test.hpp>

#include <regex>
#include <set>
#include <string>
#include <string_view>

using namespace finpost;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Where the help explains a flag, it begins a line, or follows one that does.
std::set<std::string> flags_of(std::string_view help) {
    std::set<std::string> flags;
    const std::string text(help);
    const std::regex line("\n  (-[^\n]*?)(  |\n)"), flag("(^|, )(--?[a-z][a-z-]*)");
    for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at) {
        const std::string names = (*at)[1];
        for (std::sregex_iterator one(names.begin(), names.end(), flag); one != end; ++one)
            flags.insert((*one)[2]);
    }
    return flags;
}

} // namespace

BOOST_AUTO_TEST_SUITE(command_reference)

BOOST_AUTO_TEST_CASE(every_reference_has_every_flag_that_the_help_explains) {
    std::size_t seen = 0;
    for (const std::string_view help : {help_text, load_help, queue_help})
        for (const std::string& flag : flags_of(help)) {
            ++seen;
            const bool is_long = flag.starts_with("--");
            BOOST_TEST(has(*finpost::command_reference("bash"), flag), flag);
            BOOST_TEST(has(*finpost::command_reference("zsh"), '\'' + flag + '['), flag);
            BOOST_TEST(has(*finpost::command_reference("fish"),
                           is_long ? " -l " + flag.substr(2) + ' ' : " -s " + flag.substr(1)),
                       flag);
        }
    BOOST_TEST(seen > 40u);
    BOOST_TEST(!finpost::command_reference("toml"));
}

BOOST_AUTO_TEST_CASE(a_flag_has_its_value_its_words_and_its_meaning) {
    const std::string zsh = *finpost::command_reference("zsh");
    BOOST_TEST(has(zsh, "'--encode[what is made of the payload before it is sent]"
                        ":none|base64:(none base64)'"));
    BOOST_TEST(has(zsh, "'-c[exchanges at once]:N:'"));
    BOOST_TEST(has(zsh, "'--key[our certificate, if the gateway asks for one, and its key]"
                        ":FILE:_files'"));
    BOOST_TEST(has(zsh, "'--proxy-source[the addresses in it]:IP\\:PORT:'"));
    BOOST_TEST(!has(zsh, "'--['"));
}

BOOST_AUTO_TEST_CASE(the_manual_page_has_the_help_as_it_is) {
    const std::string page = *finpost::command_reference("man");
    for (const std::string_view section : {"SEND AND PROBE", "LOAD", "QUEUE"})
        BOOST_TEST(has(page, ".SH " + std::string(section) + "\n.nf\n"));
    BOOST_TEST(has(page, "\n  \\-\\-encode none|base64 "));
}

BOOST_AUTO_TEST_SUITE_END()
