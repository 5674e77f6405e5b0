// The simulator's tests, and by itself:
//
//   test_sim --count N [--seed S] [--jobs J] [--seconds T]   schedules from seed S on; a table at
//   the end test_sim --seed S --trace                                one of them, with its plan and
//   its trace test_sim --plan FILE [--trace]                           a plan as it was printed
//
// Anything else is an option of Boost.Test's. The exit code is 1 when something does not hold.
#define BOOST_TEST_MODULE finpost_sim
#define BOOST_TEST_NO_MAIN
#include "sim/many.hpp"
#include "sim/shrink.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>

using namespace finpost::sim;

namespace {

int show(const plan& what, bool trace) {
    print(std::cout, what);
    const run_result got = run(what, trace ? 1'000'000 : 0);
    for (const std::string& line : got.trace) std::cout << line << '\n';
    for (const std::string& wrong : got.wrong) std::cout << "wrong: " << wrong << '\n';
    std::cout << (got.wrong.empty() ? "all holds" : "") << '\n';
    return got.wrong.empty() ? 0 : 1;
}

int run_by_options(int argc, char** argv) {
    many_options how;
    bool trace = false, tells_hash = false;
    std::string file;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--trace") {
            trace = true;
            continue;
        }
        if (word == "--first" || word == "--hash") {
            (word == "--first" ? how.first : tells_hash) = true;
            continue;
        }
        if (i + 1 == argc) {
            std::cerr << word << " needs a value\n";
            return 2;
        }
        const char* const value = argv[++i];
        if (word == "--count")
            how.count = std::strtoull(value, nullptr, 10);
        else if (word == "--seed")
            how.first_seed = std::strtoull(value, nullptr, 10);
        else if (word == "--jobs")
            how.jobs = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
        else if (word == "--seconds")
            how.seconds = std::strtod(value, nullptr);
        else if (word == "--plan")
            file = value;
        else {
            std::cerr << "unknown option " << word << '\n';
            return 2;
        }
    }
    if (!file.empty()) {
        std::ifstream from(file);
        if (!from) {
            std::cerr << file << " cannot be read\n";
            return 2;
        }
        return show(read_plan(from), trace);
    }
    if (trace) return show(draw(how.first_seed), true);
    if (how.jobs == 0 || how.jobs > 256) {
        std::cerr << "--jobs is from 1 to 256\n";
        return 2;
    }
    const totals all = run_many(how);
    std::cout << text_of(all);
    if (tells_hash)
        std::cout << "hash " << std::hex << std::setw(16) << std::setfill('0') << all.hash << '\n';
    return all.failed > 0 ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        for (const std::string_view ours : {"--count", "--seed", "--plan"})
            if (ours == argv[i]) return run_by_options(argc, argv);
    return boost::unit_test::unit_test_main(&init_unit_test, argc, argv);
}
