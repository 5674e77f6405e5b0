// Words that finpost has given up stay out of everything but CHANGELOG, which lists them.
#include "lint/word_lint.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <filesystem>

namespace fs = std::filesystem;
using namespace finpost::test;

namespace {

std::string faults(std::string_view text) {
    std::string all;
    for (const finding& each : check_words(text))
        all += std::to_string(each.line) + ": " + each.message + '\n';
    return all;
}

// Text that people write: not what a fuzzer has found, nor what Git and builds keep.
std::vector<std::string> written_under(const std::string& root) {
    constexpr std::array<std::string_view, 3> others{".git", "build", "corpus"};
    constexpr std::array<std::string_view, 12> kinds{".cpp",  ".hpp",   ".py",   ".sh",
                                                     ".txt",  ".cmake", ".in",   ".toml",
                                                     ".yaml", ".yml",   ".json", ".md"};
    std::vector<std::string> all;
    for (auto i = fs::recursive_directory_iterator(root); i != fs::end(i); ++i) {
        const std::string name = i->path().filename().string();
        if (std::find(others.begin(), others.end(), name) != others.end())
            i.disable_recursion_pending();
        const std::string kind = i->path().extension().string();
        if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end() && i->is_regular_file())
            all.push_back(i->path().lexically_relative(root).generic_string());
    }
    return all;
}

bool is_exempt(const std::string& path, const finding& one) {
    // The list itself, its examples, and what has become of old names.
    if (path == "CHANGELOG.md" || path.starts_with("test/lint/word")) return true;
    // systemd has one.
    const bool tells_it = path.starts_with("server/app/") || path.ends_with("/service_manager.cpp");
    return tells_it && one.message.starts_with("\"watchdog\"");
}

} // namespace

BOOST_AUTO_TEST_SUITE(words)

BOOST_AUTO_TEST_CASE(each_word_of_the_list_is_found) {
    for (const old_word& old : old_words()) {
        const std::string found = faults("a;\nb(" + std::string(old.word) + ");\n");
        BOOST_TEST(found.starts_with("2: \"" + std::string(old.word) + "\": say \""), old.word);
    }
}

BOOST_AUTO_TEST_CASE(the_message_says_what_to_say_instead) {
    BOOST_TEST(faults("x\n\nlane_of(y)") == "3: \"lane\": say \"executor_index\"\n");
    BOOST_TEST(faults("\"--a is no option\"") == "1: \"is no option\": say \"unknown option\"\n");
}

BOOST_AUTO_TEST_CASE(a_word_is_found_within_an_identifier_and_not_within_another_word) {
    for (const std::string_view bad : {"dog_", "the_dog", "watchdog_exchange", "a.lane_of(b)",
                                       "finpost_lane_total", "session_gate_", "// to blame"})
        BOOST_TEST(!faults(bad).empty(), bad);
    for (const std::string_view good : {"dogma", "planes", "introduced", "is_kept_out_where",
                                        "mute", "muted_", "blameless", "demoted"})
        BOOST_TEST(faults(good) == "", good);
}

BOOST_AUTO_TEST_CASE(a_phrase_is_found_across_lines) {
    BOOST_TEST(!faults("\"is no \"\n    \"option\"").empty());
    BOOST_TEST(!faults("// is of no\n/// use without").empty());
    BOOST_TEST(faults("is no optional") == "");
    BOOST_TEST(faults("is no. option") == "");
    BOOST_TEST(faults("is no") == "");
}

BOOST_AUTO_TEST_CASE(they_are_nowhere_but_in_the_changelog) {
    const std::string root = FINPOST_SOURCE_DIR;
    const std::vector<std::string> all = written_under(root);
    for (const std::string& path : all)
        for (const finding& each : check_words(read_file(root + '/' + path)))
            if (!is_exempt(path, each))
                BOOST_ERROR(path << ":" << each.line << ": " << each.message);
    BOOST_TEST(all.size() > 500u);
    for (const std::string seen : {"README.md", "server/app/main.cpp", "docker/compose.yaml"})
        BOOST_TEST(std::count(all.begin(), all.end(), seen) == 1, seen);
}

BOOST_AUTO_TEST_SUITE_END()
