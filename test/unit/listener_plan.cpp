#include "listener_plan.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::detail;

namespace {

std::vector<std::string> words(std::string_view text, char between) {
    std::vector<std::string> all;
    std::istringstream in{std::string(text)};
    for (std::string word; std::getline(in, word, between);) all.push_back(word);
    return all;
}

// "a" is 127.0.0.1 with the port 'a', "A" is its wildcard, "a6" is on [::1], and "0" is port 0.
socket_address address(const std::string& name) {
    if (name == "0") return parse_socket_address("127.0.0.1:0").value();
    const bool any = name.front() >= 'A' && name.front() <= 'Z';
    const int port = any ? name.front() - 'A' + 'a' : name.front();
    const std::string host = name.ends_with('6') ? "[::1]" : any ? "0.0.0.0" : "127.0.0.1";
    return parse_socket_address(host + ':' + std::to_string(port)).value();
}

// "a b | c": two groups.
std::vector<std::vector<socket_address>> groups(std::string_view text) {
    std::vector<std::vector<socket_address>> all;
    for (const std::string& group : words(text, '|')) {
        std::vector<socket_address>& addresses = all.emplace_back();
        for (const std::string& name : words(group, ' '))
            if (!name.empty()) addresses.push_back(address(name));
    }
    return all;
}

std::vector<listener_plan::binding> bindings(std::string_view text) {
    std::vector<listener_plan::binding> all;
    const auto of = groups(text);
    for (std::size_t i = 0; i < of.size(); ++i)
        for (const socket_address& one : of[i]) all.push_back({one, i});
    return all;
}

// Each group as the old bindings that serve it ("new": none) and, in front, the old group whose
// count goes on ("-": none); at the end what is closed.
std::string transcript(const listener_plan& plan) {
    std::ostringstream out;
    for (std::size_t group = 0; group < plan.admissions.size(); ++group) {
        const auto& counted = plan.admissions[group];
        out << (group > 0 ? " | " : "") << (counted ? std::to_string(*counted) : "-") << ':';
        for (const auto& slot : plan.slots)
            if (slot.group == group) out << ' ' << (slot.kept ? std::to_string(*slot.kept) : "new");
    }
    for (const std::size_t old : plan.closed) out << " x" << old;
    return out.str();
}

struct change {
    const char* name;
    const char* before; // bindings are numbered from left to right
    const char* after;
    const char* says;
};

const std::vector<change> table{
    {"nothing changes", "a", "a", "0: 0"},
    {"nothing of several changes", "a b | c", "a b | c", "0: 0 1 | 1: 2"},
    {"the start", "", "a b | c", "-: new new | -: new"},
    {"nothing is left", "a b | c", "", " x0 x1 x2"},
    {"nothing at all", "", "", ""},
    {"one is added", "a", "a b", "0: 0 new"},
    {"one is added in front", "a", "b a", "0: new 0"},
    {"one is removed", "a b", "a", "0: 0 x1"},
    {"the first is removed", "a b", "b", "0: 1 x0"},
    {"one is replaced", "a b", "a c", "0: 0 new x1"},
    {"all are replaced", "a b", "c d", "-: new new x0 x1"},
    {"a group is added", "a", "a | b", "0: 0 | -: new"},
    {"a group is added in front", "a", "b | a", "-: new | 0: 0"},
    {"a group is removed", "a | b", "a", "0: 0 x1"},
    {"the first group is removed", "a | b", "b", "1: 1 x0"},
    {"a group is replaced", "a | b", "a | c", "0: 0 | -: new x1"},
    {"the order of addresses changes", "a b c", "c a b", "0: 2 0 1"},
    {"the order of groups changes", "a | b", "b | a", "1: 1 | 0: 0"},
    {"addresses are swapped between groups", "a b | c d", "a d | c b", "0: 0 3 | 1: 2 1"},
    {"a group gives one away", "a b | c", "a | c b", "0: 0 | 1: 2 1"},
    {"a group gives one away to the front", "a b | c", "a | b c", "0: 0 | 1: 1 2"},
    {"a group gives its first away", "a b | c", "b | a c", "0: 1 | 1: 0 2"},
    {"a group is split", "a b", "a | b", "0: 0 | -: 1"},
    {"a group is split in three", "a b c", "c | a | b", "0: 2 | -: 0 | -: 1"},
    {"a group is split, and its first part is new", "a b", "c | a b", "-: new | 0: 0 1"},
    {"groups are merged", "a | b", "a b", "0: 0 1"},
    {"groups are merged the other way round", "a | b", "b a", "1: 1 0"},
    {"groups are merged, and one part leaves", "a b | c", "a c | b", "0: 0 2 | -: 1"},
    {"two old groups meet in the last of three", "a b | c d", "a | c | b d",
     "0: 0 | 1: 2 | -: 1 3"},
    {"one splits while another is merged into a part", "a b | c", "c a | b", "1: 2 0 | 0: 1"},
    {"port 0 keeps its socket", "0", "0", "0: 0"},
    {"port 0 twice", "0 0", "0 0", "0: 0 1"},
    {"port 0 once less", "0 0", "0", "0: 0 x1"},
    {"port 0 once more", "0", "0 0", "0: 0 new"},
    {"port 0 in two groups is matched in order", "0 | 0", "0 | 0", "0: 0 | 1: 1"},
    {"port 0 of a group moves before that of another", "0 a | 0", "a | 0 0", "0: 1 | 1: 0 2"},
    {"the same address twice, once before", "a", "a | a", "0: 0 | -: new"},
    {"a wildcard is another address", "a", "A", "-: new x0"},
    {"a specific one is another address", "A", "a", "-: new x0"},
    {"a wildcard beside a specific one", "a", "a A", "0: 0 new"},
    {"another family is another address", "a", "a6", "-: new x0"},
    {"both families", "a a6", "a6 a", "0: 1 0"},
    {"a group without addresses", "a | ", "a | ", "0: 0 | -:"},
};

} // namespace

BOOST_AUTO_TEST_SUITE(listener_plan)

BOOST_AUTO_TEST_CASE(each_change_of_the_table) {
    BOOST_TEST(table.size() >= 25u);
    for (const change& each : table) {
        BOOST_TEST_CONTEXT(each.name) {
            BOOST_TEST(transcript(plan_listeners(bindings(each.before), groups(each.after))) ==
                       each.says);
        }
    }
}

BOOST_AUTO_TEST_CASE(whatever_changes_nothing_is_served_twice_or_forgotten) {
    std::mt19937 dice(1);
    const auto draw = [&dice] {
        constexpr std::string_view names = "abcdefAB";
        std::string text;
        for (unsigned n = dice() % 8; n > 0; --n) {
            text += names[dice() % names.size()];
            text += dice() % 3 == 0 ? '|' : ' ';
        }
        return text;
    };
    for (int round = 0; round < 2000; ++round) {
        const auto before = bindings(draw());
        const auto wanted = groups(draw());
        const auto plan = plan_listeners(before, wanted);
        std::vector<int> used(before.size());
        for (const std::size_t old : plan.closed) ++used[old];
        auto slot = plan.slots.begin();
        for (std::size_t group = 0; group < wanted.size(); ++group) {
            for (const socket_address& one : wanted[group]) {
                BOOST_TEST_REQUIRE((slot->wanted == one && slot->group == group));
                if (slot->kept) {
                    ++used[*slot->kept];
                    BOOST_TEST((before[*slot->kept].wanted == one));
                } else {
                    const auto is_it = [&](const auto& old) { return old.wanted == one; };
                    const auto asked =
                        std::count_if(plan.slots.begin(), plan.slots.end(), [&](const auto& other) {
                            return other.kept && other.wanted == one;
                        });
                    BOOST_TEST(asked == std::count_if(before.begin(), before.end(), is_it));
                }
                ++slot;
            }
        }
        BOOST_TEST((slot == plan.slots.end()));
        BOOST_TEST(std::count(used.begin(), used.end(), 1) ==
                   static_cast<std::ptrdiff_t>(before.size()));
        auto counted = plan.admissions;
        std::erase(counted, std::nullopt);
        std::sort(counted.begin(), counted.end());
        BOOST_TEST((std::unique(counted.begin(), counted.end()) == counted.end()));
    }
}

BOOST_AUTO_TEST_SUITE_END()
