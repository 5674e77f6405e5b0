// Payloads that go from one queue to another, and damaged ones.
#include "support/daemon.hpp"
#include "support/finpost_command.hpp"
#include "support/temporary_folder.hpp"
#include "unit/queue/open_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include <sys/resource.h>

namespace fs = std::filesystem;
using namespace finpost;
using namespace finpost::test;

namespace {

struct fixture {
    std::string path(const std::string& name) const { return (folder.path() / name).string(); }
    strings words(strings more = {}) const {
        more.insert(more.begin(), {"queue", "move", "--from", path("a"), "--to", path("b")});
        return more;
    }
    finished move(strings more = {}) const { return run_finpost(words(std::move(more))); }
    int move_with_files_of(rlim_t longest) const {
        strings argv = words();
        argv.insert(argv.begin(), FINPOST_PATH);
        rlimit before{};
        BOOST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
        rlimit limit = before;
        limit.rlim_cur = longest;
        BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
        child_process moving(std::move(argv)); // has it from now on
        BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
        return moving.wait().value_or(-1);
    }
    std::map<std::string, std::string> fill(std::size_t n, std::size_t size = 100) const {
        open_queue from(path("a"));
        std::map<std::string, std::string> bodies;
        for (std::size_t i = 0; i < n; ++i) {
            // Some are files, above 256 KiB.
            std::string body = std::to_string(i) + std::string(i % 20 == 7 ? 300'000 : size, 'x');
            new_payload made = make_payload(body);
            bodies[std::string(made.id.text())] = std::move(body);
            const error_code failed = from->put(std::move(made));
            BOOST_TEST(!failed);
        }
        return bodies;
    }
    static std::map<std::string, std::string> bodies_in(const std::string& directory) {
        open_queue opened(directory);
        std::map<std::string, std::string> bodies;
        for (const queue_entry& each : opened->list({}, {.most = 10'000}).value) {
            const auto shown = opened->show(each.id);
            BOOST_REQUIRE(shown.value.has_value());
            bodies[std::string(each.id.text())] = std::string(shown.value->body.text());
        }
        return bodies;
    }
    temporary_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_queue_move, fixture)

BOOST_AUTO_TEST_CASE(a_payload_keeps_everything_it_was_stored_with) {
    new_payload made = make_payload("hello");
    made.idempotency_key = "a key of its own";
    const request_id id = made.id;
    {
        open_queue from(path("a"));
        BOOST_TEST(!from->put(std::move(made)));
    }
    const finished moved = move();
    BOOST_TEST(moved.code == 0);
    BOOST_TEST(moved.output == "1 payload moved\n");
    BOOST_TEST(bodies_in(path("a")).empty());
    open_queue to(path("b"));
    const auto shown = to->show(id).value;
    BOOST_REQUIRE(shown.has_value());
    BOOST_TEST(shown->body.text() == "hello");
    BOOST_TEST(shown->entry.idempotency_key == "a key of its own");
    BOOST_TEST(shown->entry.listener == "scales");
    BOOST_TEST(shown->entry.upstream == "records");
    BOOST_TEST(to_string(shown->entry.peer) == "192.0.2.1:4000");
    BOOST_TEST(shown->entry.tls_name == "scale-7");
    BOOST_TEST(to_string(shown->entry.local) == "192.0.2.9:5000");
}

BOOST_AUTO_TEST_CASE(a_dead_letter_waits_there_unless_it_is_left_out) {
    const auto bodies = fill(2);
    const request_id dead = parse_request_id(bodies.begin()->first).value();
    {
        open_queue from(path("a"));
        from.make_dead(dead);
    }
    BOOST_TEST(move({"--state", "waiting"}).output == "1 payload moved\n");
    BOOST_TEST(bodies_in(path("a")).size() == 1u);
    BOOST_TEST(move().output == "1 payload moved; of them were dead letters, and wait now: 1\n");
    open_queue to(path("b"));
    BOOST_TEST((to->show(dead).value->entry.state == queue_state::waiting));
}

// The kernel ends it, by SIGXFSZ, at the write with which a file gets too long: that of the other
// queue's log, in the middle of a batch.
BOOST_AUTO_TEST_CASE(an_end_in_the_middle_loses_nothing) {
    const auto bodies = fill(200, 100'000);
    std::size_t before = 0;
    for (const rlim_t longest : {5u << 20, 6u << 20, 5u << 20}) {
        BOOST_TEST(move_with_files_of(longest) == 128 + SIGXFSZ);
        const auto left = bodies_in(path("a"));
        auto all = bodies_in(path("b"));
        BOOST_TEST(all.size() > before);
        before = all.size();
        BOOST_TEST(left.size() + all.size() >= bodies.size());
        BOOST_TEST(!left.empty());
        all.insert(left.begin(), left.end());
        BOOST_TEST((all == bodies)); // each in one of them, or in both, and whole
    }
    BOOST_TEST(move().code == 0);
    BOOST_TEST(bodies_in(path("a")).empty());
    BOOST_TEST((bodies_in(path("b")) == bodies));
}

BOOST_AUTO_TEST_CASE(what_is_damaged_stays_and_is_named) {
    const auto bodies = fill(8); // the last one is a file
    for (const auto& each : fs::directory_iterator(path("a") + "/payloads"))
        std::fstream(each.path(), std::ios::in | std::ios::out).seekp(1000) << '?';
    std::string damaged;
    for (const auto& [id, body] : bodies)
        if (body.size() > 1000) damaged = id;
    const finished moved = move();
    BOOST_TEST(moved.code == 1);
    BOOST_TEST(moved.output == "7 payloads moved; damaged, and not moved: 1\n");
    BOOST_TEST(moved.error ==
               "finpost: " + damaged + ": stays: its bytes are not those that were stored\n");
    BOOST_TEST(bodies_in(path("b")).size() == 7u);
    // The other commands give what there is, and say the same of it.
    const auto ran = [&](strings more) {
        more.insert(more.begin(), "queue");
        more.insert(more.end(), {"--queue-dir", path("a")});
        return run_finpost(std::move(more));
    };
    for (const finished& each :
         {ran({"show", damaged, "--bytes"}), ran({"show", damaged, "-o", path("out")}),
          ran({"export", path("exported")})}) {
        BOOST_TEST(each.code == 1);
        BOOST_TEST(has(each.error, "the bytes are not those that were stored"), each.error);
    }
    BOOST_TEST(fs::file_size(path("out")) == 300'001u);
    BOOST_TEST(fs::file_size(path("exported") + '/' + damaged) == 300'001u);
}

BOOST_AUTO_TEST_CASE(a_queue_that_somebody_has_is_not_moved) {
    fill(1);
    {
        const open_queue held(path("a"));
        const finished moved = move();
        BOOST_TEST(moved.code == 1);
        BOOST_TEST(has(moved.error, "finpost: --from: " + path("a") + ": is in use by process "));
        BOOST_TEST(has(moved.error, ": move needs the gateway stopped\n"));
        BOOST_TEST(!fs::exists(path("b")));
    }
    {
        const open_queue held(path("b"));
        BOOST_TEST(has(move().error, "finpost: --to: " + path("b") + ": is in use by process "));
    }
    BOOST_TEST(bodies_in(path("a")).size() == 1u);
    const finished same = run_finpost({"queue", "move", "--from", path("a"), "--to", path("a/")});
    BOOST_TEST(same.code == 2);
    BOOST_TEST(same.error == "finpost: --to: is the same place as --from\n");
    const finished none = run_finpost({"queue", "move", "--from", path("c"), "--to", path("b")});
    BOOST_TEST(none.code == 1);
    BOOST_TEST(has(none.error, "--from: " + path("c") + ": there is no queue"));
}

BOOST_AUTO_TEST_SUITE_END()
