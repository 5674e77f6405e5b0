#include "cluster/postgres_server.hpp"

#include "support/skipping.hpp"
#include "support/until.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <pwd.h>
#include <unistd.h>

namespace finpost::test {

namespace {

// Debian has them outside of PATH, a folder for each version.
std::string program_folder() {
    std::vector<std::string> found;
    std::error_code none;
    for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
        if (::access((each.path() / "bin/initdb").c_str(), X_OK) == 0)
            found.push_back((each.path() / "bin").string());
    return found.empty() ? "" : *std::max_element(found.begin(), found.end());
}

using connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;

connection connect_to(const std::string& url) { return {PQconnectdb(url.c_str()), PQfinish}; }

} // namespace

std::string url_encoded(const std::string& text) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string out;
    for (const unsigned char c : text) {
        if (std::isalnum(c) != 0) {
            out += static_cast<char>(c);
        } else {
            out += '%';
            out += digits[c >> 4];
            out += digits[c & 15];
        }
    }
    return out;
}

bool postgres_server::there() {
    static const std::string folder = program_folder();
    return can_run(!folder.empty(), "no PostgreSQL is installed");
}

postgres_server::postgres_server() {
    const std::string data = (folder_.path() / "data").string();
    if (::geteuid() == 0) {
        const passwd* const nobody = ::getpwnam("nobody"); // NOLINT(concurrency-mt-unsafe)
        if (nobody == nullptr ||
            ::chown(folder_.path().c_str(), nobody->pw_uid, nobody->pw_gid) != 0)
            throw std::runtime_error("nobody cannot have the folder");
    }
    child_process made(as_its_user({program_folder() + "/initdb", "--no-sync", "--auth=trust",
                                    "--username=finpost", "--encoding=UTF8", "--locale=C.UTF-8",
                                    "--wal-segsize=1", "-D", data}));
    if (made.wait() != 0) throw std::runtime_error("initdb: " + made.error() + made.output());
    std::ofstream settings(data + "/postgresql.auto.conf", std::ios::app);
    settings << "listen_addresses = ''\n"
             << "unix_socket_directories = '" << folder_.path().string() << "'\n"
             << "shared_buffers = 16MB\nmax_connections = 40\n"
             << "dynamic_shared_memory_type = mmap\n"
             << "wal_level = replica\n";
    settings.close();
    start();
}

// Its processes share memory, which it gives back when it ends by itself.
postgres_server::~postgres_server() {
    if (!process_) return;
    process_->signal(SIGQUIT);
    process_->wait();
}

std::vector<std::string> postgres_server::as_its_user(std::vector<std::string> command) const {
    if (::geteuid() != 0) return command;
    std::vector<std::string> all{"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                 "--pdeathsig=KILL"};
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

void postgres_server::start() {
    process_ = std::make_unique<child_process>(
        as_its_user({program_folder() + "/postgres", "-D", (folder_.path() / "data").string()}));
    const bool ready = until([this] {
        return process_->wait(std::chrono::milliseconds(0)) ||
               PQstatus(connect_to(url()).get()) == CONNECTION_OK;
    });
    if (!ready || process_->wait(std::chrono::milliseconds(0)))
        throw std::runtime_error("postgres: " + process_->error());
}

void postgres_server::kill() {
    process_->signal(SIGKILL);
    process_->wait();
    process_.reset();
}

std::string postgres_server::socket() const { return (folder_.path() / ".s.PGSQL.5432").string(); }

std::string postgres_server::url(const std::string& more, const std::string& user) const {
    return "postgresql://" + user + "@/postgres?host=" + url_encoded(folder_.path().string()) +
           (more.empty() ? "" : "&" + more);
}

std::string postgres_server::sql(const std::string& statements) const {
    const connection to = connect_to(url());
    const std::unique_ptr<PGresult, void (*)(PGresult*)> answer(
        PQexec(to.get(), statements.c_str()), PQclear);
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(PQerrorMessage(to.get()));
    return PQntuples(answer.get()) > 0 ? PQgetvalue(answer.get(), 0, 0) : "";
}

// The server takes it over when it likes to: a session that begins later has it for certain only
// when it was seen.
void postgres_server::set(const std::string& name, const std::string& value) const {
    sql("alter system set " + name + " = '" + value + "'");
    sql("select pg_reload_conf()");
    until([&] { return sql("show " + name) == value; });
}

void postgres_server::reset(const std::string& name) const {
    const std::string now = sql("show " + name);
    sql("alter system reset " + name);
    sql("select pg_reload_conf()");
    until([&] { return sql("show " + name) != now; });
}

postgres_server& shared_postgres() {
    static postgres_server server;
    return server;
}

} // namespace finpost::test
