#pragma once

#include "crash/broken_store.hpp"
#include "crash/power_ledger.hpp"
#include "queue/sqlite_store.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace finpost::test {

/// A store whose work is done by whoever waits for it, on one thread: what happens depends on
/// nothing but what it is asked for. It is small where the real one is large, so that few changes
/// of a disk have everything in them.
class power_store {
public:
    /// Bodies above it are files.
    static constexpr std::size_t file_above = 2'000;

    power_store(const std::filesystem::path& directory, bool ordered);
    ~power_store() { close(); }
    power_store(const power_store&) = delete;
    power_store& operator=(const power_store&) = delete;

    /// Throws std::runtime_error with what is wrong.
    void open();
    void close();
    bool is_open() const noexcept { return store_ != nullptr; }
    queue_store& get() { return *store_; }
    /// From the next `open` on.
    void become(broken_put how) { broken_ = how; }

    /// Does all that was asked for. Handlers are called as soon as they can be.
    void work();
    /// Calls the handlers of what is done.
    void tell();
    void pass(std::chrono::milliseconds time) { now_ += time; }
    queue_entry::time_point now() const noexcept { return now_; }

    /// Puts a payload and delivers it: a change that meets each index.
    void touch();
    /// The last record of the store's that speaks of damage; empty without one.
    const std::string& complaint() const noexcept { return complaint_; }
    /// All payloads with their bytes. Throws where the store's numbers, its files or its order are
    /// not what they should be.
    found_payloads look();

private:
    void check_numbers(const std::vector<queue_entry>& entries);
    void check_files(const std::vector<queue_entry>& entries) const;
    void check_order(const std::vector<queue_entry>& entries) const;

    boost::asio::io_context thread_;
    boost::asio::io_context handlers_;
    finpost::detail::sqlite_store_options options_;
    queue_entry::time_point now_{std::chrono::hours(500'000)};
    std::string complaint_;
    broken_put broken_ = broken_put::none;
    std::unique_ptr<queue_store> store_;
};

} // namespace finpost::test
