#include "support/child_process.hpp"

#include "support/skipping.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace finpost::test {

namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

struct pipe_ends {
    pipe_ends() {
        std::array<int, 2> fds{};
        if (::pipe2(fds.data(), O_CLOEXEC) != 0) fail("pipe2");
        read = fds[0];
        write = fds[1];
    }
    int read, write;
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    for (std::string& one : strings) out.push_back(one.data());
    out.push_back(nullptr);
    return out;
}

void feed(int fd, std::string text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const ssize_t n = ::write(fd, text.data() + sent, text.size() - sent);
        if (n > 0)
            sent += static_cast<std::size_t>(n);
        else if (errno != EINTR)
            break; // it reads no more: EPIPE
    }
    ::close(fd);
}

} // namespace

child_process::child_process(std::vector<std::string> argv, std::vector<std::string> environment,
                             std::string input) {
    std::signal(SIGPIPE, SIG_IGN);
    const pipe_ends in, out, err;
    // The later name wins nowhere: a name that is given replaces the inherited one.
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string_view text(*one);
        const std::string_view name = text.substr(0, text.find('=') + 1);
        bool given = false;
        for (const std::string& mine : environment) given = given || mine.starts_with(name);
        if (!given) environment.emplace_back(text);
    }
    std::string program =
        argv.front().find('/') == std::string::npos ? find_program(argv.front()) : argv.front();
    // Everything that allocates stands before the fork: other threads may hold the allocator's
    // locks.
    const auto arguments = pointers(argv);
    const auto variables = pointers(environment);
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(in.read, 0);
        ::dup2(out.write, 1);
        ::dup2(err.write, 2);
        std::signal(SIGPIPE, SIG_DFL);
        ::execve(program.c_str(), arguments.data(), variables.data());
        ::_exit(127);
    }
    ::close(in.read);
    ::close(out.write);
    ::close(err.write);
    threads_.emplace_back(feed, in.write, std::move(input));
    threads_.emplace_back([this, fd = out.read] { collect(fd, out_); });
    threads_.emplace_back([this, fd = err.read] { collect(fd, err_); });
}

child_process::~child_process() {
    if (!exit_) {
        signal(SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
    }
    for (std::thread& one : threads_) one.join();
}

void child_process::signal(int number) const noexcept {
    if (pid_ > 0 && !exit_) ::kill(pid_, number);
}

std::optional<int> child_process::wait(milliseconds limit) {
    if (exit_) return exit_;
    // A descriptor of the process can be waited for with a limit, without a race and without
    // sleeping.
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (fd < 0) fail("pidfd_open");
    pollfd one{fd, POLLIN, 0};
    const int n = ::poll(&one, 1, static_cast<int>(limit.count()));
    ::close(fd);
    if (n <= 0) return std::nullopt;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    exit_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return out_.ended && err_.ended; });
    return exit_;
}

bool child_process::wait_for_output(std::string_view text, milliseconds limit) {
    return wait_for(out_, text, limit);
}

bool child_process::wait_for_error(std::string_view text, milliseconds limit) {
    return wait_for(err_, text, limit);
}

bool child_process::wait_for(const stream& in, std::string_view text, milliseconds limit) {
    std::unique_lock lock(mutex_);
    const auto there = [&] { return in.text.find(text) != in.text.npos; };
    changed_.wait_for(lock, limit, [&] { return there() || in.ended; });
    return there();
}

std::string child_process::output() const {
    const std::lock_guard lock(mutex_);
    return out_.text;
}

std::string child_process::error() const {
    const std::lock_guard lock(mutex_);
    return err_.text;
}

void child_process::collect(int fd, stream& into) {
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        const std::lock_guard lock(mutex_);
        if (n > 0)
            into.text.append(buffer.data(), static_cast<std::size_t>(n));
        else
            into.ended = true;
        changed_.notify_all();
        if (n <= 0) break;
    }
    ::close(fd);
}

std::string find_program(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string whole = folder + '/' + name;
        if (::access(whole.c_str(), X_OK) == 0) return whole;
    }
    // Daemons such as nginx are not on everybody's PATH.
    const std::string system = "/usr/sbin/" + name;
    return ::access(system.c_str(), X_OK) == 0 ? system : std::string();
}

bool have(const std::string& program) {
    return can_run(!find_program(program).empty(), program + " is not installed");
}

} // namespace finpost::test
