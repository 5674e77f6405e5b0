// The operator's command, beside a gateway and without one.
#include "flow/queue_gateway.hpp"
#include "support/finpost_command.hpp"
#include "support/until.hpp"
#include "unit/queue/open_queue.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

struct fixture : queue_gateway {
    std::string path(const std::string& name) const { return (folder.path() / name).string(); }
    std::string dead_letter(std::string_view payload) {
        std::string id = stored(payload);
        BOOST_REQUIRE(until([&] {
            return command({"show", id, "--json"}).output.find("\"state\":\"dead\"") !=
                   std::string::npos;
        }));
        return id;
    }
    finished command(strings words, const std::string& directory) const {
        words.insert(words.begin(), "queue");
        words.insert(words.end(), {"--queue-dir", directory});
        return run_finpost(std::move(words));
    }
    finished command(strings words) const { return command(std::move(words), queue()); }
    json::value output_of(strings words) const {
        words.emplace_back("--json");
        const finished ran = command(std::move(words));
        BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.error);
        BOOST_TEST(ran.error == "");
        return json::parse(ran.output);
    }
    json::array list() const { return output_of({"list"}).as_array(); }
    static std::string content(const std::string& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_queue, fixture)

BOOST_AUTO_TEST_CASE(a_dead_letter_is_replayed_and_delivered) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    const std::string id = dead_letter("hello");
    const std::size_t before = upstream.count();
    upstream.by_default(scripted_upstream::echo());
    const finished replayed = command({"replay", id});
    BOOST_TEST(replayed.code == 0);
    BOOST_TEST(replayed.output == "1 payload waits again\n");
    BOOST_TEST(upstream.wait_for_requests(before + 1));
    BOOST_TEST(upstream.requests().back().field("Idempotency-Key") == id);
    BOOST_TEST(upstream.requests().back().body == "hello");
    BOOST_TEST(until([&] { return list().empty(); }));
    BOOST_TEST(gateway->process().wait_for_error("\"event\":\"queue replayed\",\"payloads\":1"));
    end();
}

BOOST_AUTO_TEST_CASE(a_list_is_json_as_it_is_documented) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    const std::string id = dead_letter("hello");
    const json::array all = list();
    BOOST_REQUIRE(all.size() == 1u);
    std::string names;
    for (const auto& field : all[0].as_object()) (names += field.key()) += ' ';
    BOOST_TEST(names == "id state listener upstream peer accepted_at size attempts due "
                        "last_status last_error ");
    BOOST_TEST(all[0].at("id").as_string() == id);
    BOOST_TEST(all[0].at("listener").as_string() == "127.0.0.1:0"); // its name, without another
    BOOST_TEST(all[0].at("size") == 5);
    BOOST_TEST(all[0].at("last_status") == 422);
    BOOST_TEST(all[0].at("due").is_null());
    BOOST_TEST(output_of({"list", "--state", "waiting"}).as_array().empty());
    BOOST_TEST(output_of({"list", "--listener", "nobody&state=dead"}).as_array().empty());
    BOOST_TEST(output_of({"list", "--upstream", "default"}).as_array().size() == 1u);
    BOOST_TEST(output_of({"stats"}).at("states").at("dead").at("payloads") == 1);
    const finished table = command({"list"});
    BOOST_TEST(table.output.starts_with("ID     "));
    BOOST_TEST(has(table.output, "\n" + id + "  dead   127.0.0.1:"));
    end();
}

BOOST_AUTO_TEST_CASE(all_dead_letters_are_replayed_once) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    for (int i = 0; i < 3; ++i) dead_letter("payload " + std::to_string(i));
    BOOST_TEST(output_of({"replay", "--all", "--listener", "nobody"}).at("replayed") == 0);
    BOOST_TEST(output_of({"replay", "--all"}).at("replayed") == 3);
    BOOST_TEST(upstream.wait_for_requests(6)); // and the service still refuses them
    BOOST_TEST(until([&] { return list().size() == 3u; }));
    end();
}

BOOST_AUTO_TEST_CASE(what_is_dropped_is_gone_and_what_is_not_there_is_named) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    const std::string id = dead_letter("hello");
    const std::string nobody(request_id::generate().text());
    const finished dropped = command({"drop", nobody, id});
    BOOST_TEST(dropped.code == 1);
    BOOST_TEST(dropped.output == "1 payload dropped\n");
    BOOST_TEST(dropped.error == "finpost: " + nobody + ": is not in the queue\n");
    BOOST_TEST(list().empty());
    for (const char* const what : {"drop", "replay", "show"})
        BOOST_TEST(command({what, id}).code == 1);
    BOOST_TEST(gateway->sample("finpost_queue_dropped_total") == 1);
    const finished as_json = command({"drop", id, "--json"});
    BOOST_TEST(json::parse(as_json.output).at("missing").as_array().size() == 1u);
    BOOST_TEST(gateway->process().wait_for_error("\"event\":\"queue dropped\",\"payloads\":1"));
    end();
}

BOOST_AUTO_TEST_CASE(what_waits_is_not_replayed) {
    upstream.by_default(scripted_upstream::echo(503));
    begin();
    const std::string id = stored("hello");
    const finished replayed = command({"replay", id});
    BOOST_TEST(replayed.code == 0);
    BOOST_TEST(replayed.output == "0 payloads wait again\n");
    BOOST_TEST(replayed.error == "finpost: " + id + ": waits already\n");
    end();
}

// With a gateway, then by itself.
BOOST_AUTO_TEST_CASE(payloads_are_shown_and_exported_as_they_came) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    std::string weird("\0\r\n\x1b[2J\xff\x80\r\n\r\n{}", 15), large;
    for (int i = 0; i < 300'000; ++i) large += static_cast<char>(i * 7 % 251);
    std::map<std::string, std::string> payloads;
    for (const std::string& each : {std::string("hello"), weird, large})
        payloads[dead_letter(each)] = each;
    for (const bool runs : {true, false}) {
        if (!runs) kill();
        const std::string to = path(runs ? "beside" : "alone");
        const json::value exported = output_of({"export", to});
        BOOST_TEST(exported.at("exported") == 3);
        BOOST_TEST((fs::status(to).permissions() == fs::perms::owner_all));
        for (const auto& [id, bytes] : payloads) {
            const fs::path file = fs::path(to) / id;
            BOOST_TEST((content(file) == bytes));
            const auto about = json::parse(content(file.string() + ".json"));
            BOOST_TEST(about.at("id").as_string() == id);
            BOOST_TEST(about.at("idempotency_key").as_string() == id);
            BOOST_TEST((fs::status(file).permissions() ==
                        (fs::perms::owner_read | fs::perms::owner_write)));
            BOOST_TEST((command({"show", id, "--bytes"}).output == bytes));
            BOOST_TEST(command({"show", id, "-o", path("one")}).code == 0);
            BOOST_TEST((content(path("one")) == bytes));
        }
        BOOST_TEST(std::distance(fs::directory_iterator(to), {}) == 6);
        BOOST_TEST(output_of({"export", to}).at("already_there") == 3);
        const std::string first = to + '/' + payloads.begin()->first;
        std::ofstream(first) << "somebody's own";
        const finished again = command({"export", to});
        BOOST_TEST(again.code == 1);
        BOOST_TEST(has(again.error, first + ": is there already, with other bytes"));
        BOOST_TEST(content(first) == "somebody's own");
    }
}

BOOST_AUTO_TEST_CASE(the_socket_is_for_its_owner_and_goes_with_the_gateway) {
    begin();
    const std::string socket = queue() + "/control.sock";
    BOOST_TEST(fs::is_socket(socket));
    BOOST_TEST(
        (fs::status(socket).permissions() == (fs::perms::owner_read | fs::perms::owner_write)));
    end();
    BOOST_TEST(!fs::exists(socket));
}

BOOST_AUTO_TEST_CASE(a_socket_of_a_dead_process_is_in_nobodys_way) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    const std::string id = dead_letter("hello");
    kill();
    BOOST_TEST(fs::exists(queue() + "/control.sock"));
    BOOST_TEST(list().size() == 1u); // without it
    begin();
    const finished dropped = command({"drop", id});
    BOOST_TEST(dropped.code == 0);
    BOOST_TEST(gateway->process().wait_for_error("\"event\":\"queue dropped\"")); // by it
    end();
}

BOOST_AUTO_TEST_CASE(a_file_in_the_sockets_place_stops_the_gateway) {
    fs::create_directories(queue());
    fs::permissions(queue(), fs::perms::owner_all);
    std::ofstream(queue() + "/control.sock") << "not ours";
    bare_gateway second(strings{"--demo", "--listen", "127.0.0.1:0", "--queue-dir", queue()});
    BOOST_TEST(second.ended() == 1);
    BOOST_TEST(has(second.log(), "control.sock: is in the way, and is no socket"), second.log());
    BOOST_TEST(content(queue() + "/control.sock") == "not ours");
}

BOOST_AUTO_TEST_CASE(a_path_that_is_too_long_for_a_socket_is_a_problem) {
    const std::string longest = "/tmp/" + std::string(89, 'q');
    bare_gateway good(strings{"--demo", "--check", "--queue-dir", longest});
    BOOST_TEST(good.ended() == 0);
    bare_gateway wrong(strings{"--demo", "--check", "--queue-dir", longest + 'q'});
    BOOST_TEST(wrong.ended() == 2);
    BOOST_TEST(has(wrong.log(), "--queue-dir: must have 94 bytes at the most"), wrong.log());
    const finished listed = command({"list"}, longest + 'q');
    BOOST_TEST(listed.code == 1);
    BOOST_TEST(has(listed.error, "is too long"), listed.error);
}

// More of them than it holds, and none of them asks for anything.
BOOST_AUTO_TEST_CASE(idle_connections_keep_nobody_out) {
    begin();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string socket = queue() + "/control.sock";
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    std::vector<int> idle;
    for (int i = 0; i < 40; ++i) {
        idle.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        BOOST_REQUIRE(::connect(idle.back(), reinterpret_cast<const sockaddr*>(&address),
                                sizeof address) == 0);
    }
    BOOST_TEST(command({"stats"}).code == 0);
    for (const int fd : idle) ::close(fd);
    end();
}

BOOST_AUTO_TEST_CASE(where_there_is_no_queue_none_is_made) {
    const finished stats = command({"stats"});
    BOOST_TEST(stats.code == 1);
    BOOST_TEST(stats.error ==
               "finpost: " + queue() +
                   ": there is no queue: finpost queue init --queue-dir makes one\n");
    BOOST_TEST(!fs::exists(queue()));
    BOOST_TEST(command({"init"}).output == queue() + ": the queue is good\n");
    BOOST_TEST(output_of({"init"}).at("good") == true); // and is no trouble later
    BOOST_TEST(output_of({"stats"}).at("max_bytes").is_null());
    BOOST_TEST(list().empty());
}

BOOST_AUTO_TEST_CASE(another_process_that_has_it_is_named) {
    const open_queue held(queue());
    const finished listed = command({"list"});
    BOOST_TEST(listed.code == 1);
    BOOST_TEST(listed.output == "");
    BOOST_TEST(listed.error == "finpost: " + queue() + ": is in use by process " +
                                   std::to_string(::getpid()) + ", which has no control socket\n");
}

BOOST_AUTO_TEST_CASE(a_long_list_comes_page_by_page_and_whole) {
    std::set<std::string> ids;
    {
        open_queue filled(queue());
        for (int i = 0; i < 3; ++i) {
            std::vector<new_payload> batch;
            for (int k = 0; k < 401; ++k) {
                batch.push_back(make_payload("x"));
                ids.emplace(batch.back().id.text());
            }
            const error_code failed = filled->put(std::move(batch));
            BOOST_TEST(!failed);
        }
    }
    for (const bool runs : {false, true}) {
        if (runs) begin({});
        std::set<std::string> seen;
        for (const json::value& each : list()) seen.emplace(each.at("id").as_string());
        BOOST_TEST((seen == ids)); // of another upstream than the gateway has
        const std::string table = command({"list"}).output;
        BOOST_TEST(std::count(table.begin(), table.end(), '\n') == 1204);
    }
    end();
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_a_failure) {
    BOOST_TEST(command({"init"}).code == 0);
    child_process full({"sh", "-c", "exec \"$0\" \"$@\" > /dev/full", FINPOST_PATH, "queue", "list",
                        "--queue-dir", queue()});
    BOOST_TEST(full.wait().value_or(-1) == 1);
    BOOST_TEST(has(full.error(), "finpost: standard output: "), full.error());
}

BOOST_AUTO_TEST_CASE(usage_is_told_before_anything_is_done) {
    const finished wrong = run_finpost({"queue", "drop", "x", "--al"});
    BOOST_TEST(wrong.code == 2);
    BOOST_TEST(wrong.error == "finpost: unknown option \"--al\": did you mean --all?\n"
                              "finpost: --queue-dir DIR or --queue-database URL is missing\n"
                              "finpost: ID: \"x\" is not a request id\n");
    const finished help = run_finpost({"queue", "--help"});
    BOOST_TEST(help.code == 0);
    BOOST_TEST(help.output.starts_with("finpost queue: "));
}

BOOST_AUTO_TEST_SUITE_END()
