#include "queue/queue_options.hpp"

#include "queue/queue_help.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace finpost;
using action = queue_options::action;

namespace {

const std::string id = "0190163d-8694-739b-aea5-966c26f8ad91";

struct reading {
    queue_options options;
    std::vector<std::string> problems;
    std::string only() const {
        return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
    }
};

reading read(std::vector<std::string> words) {
    words.insert(words.begin(), "queue");
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    reading out;
    out.options = read_queue_options(static_cast<int>(argv.size()), argv.data(), out.problems);
    return out;
}

reading read_in_dir(std::vector<std::string> words) {
    words.insert(words.end(), {"--queue-dir", "d"});
    return read(std::move(words));
}

} // namespace

BOOST_AUTO_TEST_SUITE(queue_options)

BOOST_AUTO_TEST_CASE(each_command_is_read) {
    for (const auto& [name, what] :
         {std::pair{"init", action::init}, {"stats", action::stats}, {"list", action::list}}) {
        const auto got = read_in_dir({name, "--json"});
        BOOST_TEST(got.problems.empty());
        BOOST_TEST((got.options.what == what));
        BOOST_TEST(got.options.directory == "d");
        BOOST_TEST(got.options.json);
    }
    BOOST_TEST((read({"--help"}).options.what == action::help));
    BOOST_TEST((read({"list", "-h"}).problems.empty()));
}

BOOST_AUTO_TEST_CASE(a_filter_is_read) {
    const auto got = read_in_dir({"list", "--state", "dead", "--listener", "a", "--upstream", ""});
    BOOST_TEST(got.problems.empty());
    BOOST_TEST((got.options.filter.state == queue_state::dead));
    BOOST_TEST(got.options.filter.listener.value() == "a");
    BOOST_TEST(got.options.filter.upstream.value() == "");
    BOOST_TEST(read_in_dir({"list", "--state", "died"}).only() ==
               "--state: \"died\": expected waiting, dead or set_aside");
}

BOOST_AUTO_TEST_CASE(ids_are_read_once_each) {
    const auto got = read_in_dir({"replay", id, id});
    BOOST_TEST(got.problems.empty());
    BOOST_TEST(got.options.ids.size() == 1u);
    const auto wrong = read_in_dir({"drop", "x", id, "y"});
    BOOST_REQUIRE(wrong.problems.size() == 2u);
    BOOST_TEST(wrong.problems[0] == "ID: \"x\" is not a request id");
    BOOST_TEST(read_in_dir({"show", id, id}).only() == "unexpected argument \"" + id + '"');
    BOOST_TEST(read_in_dir({"drop"}).only() == "ID is missing: finpost queue drop ID");
}

BOOST_AUTO_TEST_CASE(all_is_for_replay_and_alone) {
    BOOST_TEST(read_in_dir({"replay", "--all", "--state", "dead"}).problems.empty());
    BOOST_TEST(read_in_dir({"replay", "--all", id}).only() ==
               "--all: does not go together with an ID");
    BOOST_TEST(read_in_dir({"replay"}).only() ==
               "ID is missing: finpost queue replay ID... or --all");
    BOOST_TEST(read_in_dir({"replay", id, "--state", "dead"}).only() ==
               "--state, --listener and --upstream go with --all");
    BOOST_TEST(read_in_dir({"replay", "--all", "--state", "waiting"}).only() ==
               "--state: what waits need not be replayed: dead or set_aside");
    BOOST_TEST(read_in_dir({"drop", id, "--all"}).only() == "--all is not for finpost queue drop");
}

BOOST_AUTO_TEST_CASE(a_move_has_two_directories) {
    const auto got = read({"move", "--from", "a", "--to", "b"});
    BOOST_TEST(got.problems.empty());
    BOOST_TEST(got.options.from == "a");
    BOOST_TEST(got.options.to == "b");
    BOOST_TEST(read({"move", "--from", "a"}).only() == "--to DIR or URL is missing");
    BOOST_TEST(read_in_dir({"move", "--from", "a", "--to", "b"}).only() ==
               "--queue-dir is not for finpost queue move: it has --from and --to");
    BOOST_TEST(read_in_dir({"stats", "--to", "b"}).only() == "--to is not for finpost queue stats");
}

BOOST_AUTO_TEST_CASE(a_queue_is_in_a_directory_or_in_a_database) {
    const auto got =
        read({"init", "--queue-database", "postgresql://h/d", "--queue-password-file", "f"});
    BOOST_TEST(got.problems.empty());
    BOOST_TEST(got.options.database == "postgresql://h/d");
    BOOST_TEST(got.options.password_file == "f");
    BOOST_TEST(read_in_dir({"stats", "--queue-database", "postgresql://h/d"}).only() ==
               "--queue-database: does not go together with --queue-dir");
    BOOST_TEST(read_in_dir({"stats", "--queue-password-file", "f"}).only() ==
               "--queue-password-file has no effect without --queue-database");
    BOOST_TEST(
        read({"move", "--from", "a", "--to", "b", "--queue-database", "postgresql://h/d"}).only() ==
        "--queue-database is not for finpost queue move: it has --from and --to");
}

BOOST_AUTO_TEST_CASE(all_problems_are_told) {
    BOOST_TEST(read({}).only() == "a command is missing: see finpost queue --help");
    BOOST_TEST(read({"lst"}).only() == "unknown command \"lst\": did you mean list?");
    BOOST_TEST(read({"stats"}).only() == "--queue-dir DIR or --queue-database URL is missing");
    BOOST_TEST(read_in_dir({"export"}).only() == "DIR is missing: finpost queue export DIR");
    BOOST_TEST(read_in_dir({"stats", "--jsn"}).only() ==
               "unknown option \"--jsn\": did you mean --json?");
    BOOST_TEST(read_in_dir({"show", id, "--bytes", "-o", "f"}).only() ==
               "--bytes: does not go together with --output");
    BOOST_TEST(read_in_dir({"show", id, "--bytes", "--json"}).only() ==
               "--bytes: does not go together with --json");
    BOOST_TEST(read({"list", "--bytes", "--from", "x", "y"}).problems.size() == 4u);
    BOOST_TEST(read({"export", "--queue-dir", "d", "--", "-x"}).options.export_to == "-x");
}

BOOST_AUTO_TEST_CASE(the_help_names_every_option) {
    for (const char* const name :
         {"--queue-dir", "--queue-database", "--queue-password-file", "--json", "--state",
          "--listener", "--upstream", "--all", "--bytes", "--output", "--from", "--to"})
        BOOST_TEST((queue_help.find(name) != queue_help.npos), name);
}

BOOST_AUTO_TEST_SUITE_END()
