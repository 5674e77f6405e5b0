#include "config/file_stamp.hpp"

#include "config/config_file.hpp"
#include "config/configure.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

using namespace finpost;
namespace fs = std::filesystem;

namespace {

struct fixture {
    std::string path(const std::string& name) const { return folder.path() / name; }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name)) << text;
    }
    finpost::test::temporary_folder folder;
};

std::vector<std::string> paths_of(const daemon_config& config) {
    std::vector<std::string> paths;
    for (const file_stamp& each : config.written.files) paths.push_back(each.path);
    return paths;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(file_stamp, fixture)

BOOST_AUTO_TEST_CASE(what_nobody_touches_is_as_it_was) {
    write("a", "1");
    const std::vector<finpost::file_stamp> before{stamp_of(path("a")), stamp_of(path("missing"))};
    BOOST_TEST(before[0].error == 0);
    BOOST_TEST(before[1].error == ENOENT);
    BOOST_TEST(changed_files(before) == "");
}

BOOST_AUTO_TEST_CASE(what_was_written_replaced_made_or_removed_is_named) {
    for (const char* name : {"written", "replaced", "removed", "kept", "changed"}) write(name, "1");
    std::vector<finpost::file_stamp> before;
    for (const char* name : {"written", "replaced", "made", "removed", "kept", "changed"})
        before.push_back(stamp_of(path(name)));
    write("written", "12");
    write("new", "1");
    fs::last_write_time(path("new"), fs::last_write_time(path("replaced")));
    fs::rename(path("new"), path("replaced"));
    write("made", "1");
    fs::remove(path("removed"));
    // The same size, and a time that somebody has set.
    const timespec times[] = {{1, 0}, {1, 5}};
    BOOST_TEST(::utimensat(AT_FDCWD, path("changed").c_str(), times, 0) == 0);
    BOOST_TEST(changed_files(before) == path("written") + ", " + path("replaced") + ", " +
                                            path("made") + ", " + path("removed") + ", " +
                                            path("changed"));
}

// As Kubernetes renews a volume: FILE -> ..data/FILE, and ..data leads to another directory.
BOOST_AUTO_TEST_CASE(a_link_on_the_way_that_leads_elsewhere_is_a_change) {
    for (const char* version : {"..1", "..2"}) {
        fs::create_directory(path(version));
        write(std::string(version) + "/token", "1");
    }
    fs::create_symlink("..1", path("..data"));
    fs::create_symlink("..data/token", path("token"));
    const std::vector<finpost::file_stamp> before{stamp_of(path("token"))};
    fs::create_symlink("..2", path("..new"));
    fs::rename(path("..new"), path("..data"));
    BOOST_TEST(changed_files(before) == path("token"));
}

BOOST_AUTO_TEST_CASE(a_configuration_knows_every_file_it_was_made_of) {
    write("token", "t");
    const std::string file = path("finpost.toml");
    write("finpost.toml",
          "[[listeners]]\ntls_cert = '/nowhere/cert.pem'\ntls_key = '/nowhere/key.pem'\n"
          "tls_client_ca = '/nowhere/ca.pem'\n[upstreams.a]\nendpoints = 'https://h'\n"
          "upstream_ca = '/nowhere/ca.pem'\n[upstreams.a.headers]\nX-A = '{file:" +
              path("token") + "}{env:HOME}'\n");
    std::vector<std::string> problems;
    daemon_config config = load_config({}, file, problems);
    BOOST_TEST(!problems.empty());
    const std::vector<std::string> all{file, "/nowhere/cert.pem", "/nowhere/key.pem",
                                       "/nowhere/ca.pem", path("token")};
    std::vector<std::string> found = paths_of(config);
    std::sort(found.begin() + 1, found.end());
    std::vector<std::string> sorted = all;
    std::sort(sorted.begin() + 1, sorted.end());
    BOOST_TEST(found == sorted, boost::test_tools::per_element());
    // Also when nothing is known but the file, and without one.
    fs::remove(file);
    config = load_config({}, file, problems);
    BOOST_TEST(paths_of(config) == std::vector<std::string>{file},
               boost::test_tools::per_element());
    config = load_config({{"--upstream", {{"http://h"}, "--upstream"}},
                          {"--header", {{"X-A: {file:" + path("token") + "}"}, "--header"}}},
                         "", problems);
    BOOST_TEST(paths_of(config) == std::vector<std::string>{path("token")},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
