#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace finpost::test {

/// A way from a port of loopback to a Unix socket, that is cut where a test says so.
class cutting_proxy {
public:
    explicit cutting_proxy(std::string socket);
    ~cutting_proxy();
    cutting_proxy(const cutting_proxy&) = delete;
    cutting_proxy& operator=(const cutting_proxy&) = delete;

    std::uint16_t port() const noexcept { return port_; }

    /// Once: what comes from the client (from the server) with `text` in it is not passed on, and
    /// that connection is gone.
    void cut_request(std::string text);
    void cut_answer(std::string text);
    /// From that cut on: new connections are closed at once.
    void stay_cut(bool value) { stay_cut_ = value; }
    bool was_cut() const noexcept { return cuts_ > 0; }
    /// Takes new connections again.
    void open() { closed_ = false; }
    /// From now on nothing is passed on, nor closed: as if the server stood still.
    void hang();

private:
    struct pair {
        int client, server;
    };
    void wake() noexcept;
    void run();
    void accept();
    bool pass(int from, int to, std::string& cut_at);

    const std::string socket_;
    int listener_ = -1, wake_ = -1;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::string request_, answer_;
    std::atomic<int> cuts_{0};
    std::atomic<bool> stay_cut_{false}, closed_{false}, hangs_{false}, stop_{false};
    std::list<pair> pairs_;
    std::thread thread_;
};

} // namespace finpost::test
