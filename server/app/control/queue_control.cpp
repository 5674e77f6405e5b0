#include "control/queue_control.hpp"

#include "admin/small_http_server.hpp"
#include "control/control_answers.hpp"
#include "io_thread.hpp"
#include "net/unique_fd.hpp"

#include <boost/asio/thread_pool.hpp>
#include <boost/system/error_code.hpp>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    std::string all = "queue: ";
    all += path;
    all += ": ";
    throw std::runtime_error(all += what);
}

[[noreturn]] void fail_by_system(const std::string& path, const std::string& what) {
    const boost::system::error_code why(errno, boost::system::system_category());
    fail(path, what + ": " + why.message());
}

void remove_old(const std::string& path) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0) {
        if (errno == ENOENT) return;
        fail_by_system(path, "cannot be looked at");
    }
    if (!S_ISSOCK(about.st_mode)) fail(path, "is in the way, and is no socket");
    if (::unlink(path.c_str()) != 0) fail_by_system(path, "cannot be removed");
}

unique_fd listen_on(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        fail(path, "is longer than the 107 bytes that a socket's path can have");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    remove_old(path);
    unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // The file gets the mode of the socket: nobody can open it before it is what it should be.
    if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd.get(), SOMAXCONN) != 0)
        fail_by_system(path, "cannot be listened on");
    return fd;
}

small_http_server::limits few() {
    small_http_server::limits most;
    most.connections = 8;                  // and as many files
    most.write = std::chrono::seconds(60); // for a piece of a payload that somebody looks at
    most.body = 64 << 10;                  // a thousand ids
    most.same_user_only = true;
    return most;
}

} // namespace

struct queue_control::state {
    state(std::string path_, std::shared_ptr<queue_store> store, counter& dropped,
          const logger& log)
        : path(std::move(path_)), thread(log),
          answers(std::move(store), files.get_executor(), dropped, log),
          server(
              thread.get_executor(), listen_on(path), few(),
              [this](std::shared_ptr<const http_query> query) {
                  return answers.answer(std::move(query));
              },
              log) {}
    ~state() { files.join(); } // it reads into memory of what `thread` still holds

    const std::string path;
    bool stopped = false;
    boost::asio::thread_pool files{1};
    io_thread thread;
    control_answers answers;
    small_http_server server;
};

queue_control::queue_control(const std::string& directory, std::shared_ptr<queue_store> store,
                             counter& dropped, logger log)
    : state_(std::make_unique<state>(directory + '/' + control_socket_name, std::move(store),
                                     dropped, log)) {
    state_->server.start();
    state_->thread.start();
}

queue_control::~queue_control() { stop(); }

void queue_control::stop() noexcept {
    if (std::exchange(state_->stopped, true)) return;
    ::unlink(state_->path.c_str());
    state_->thread.stop();
}

} // namespace finpost
