// One exchange from a file to a file, in constant memory: any source and any sink will do. The
// caller has no event loop, waits by a future, and gives up after a second and a half.
//
//   send_a_file HOST:PORT FILE REPLY
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <finpost/client.hpp>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <span>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

//! [a source and a sink]
const finpost::error_code unreadable = make_error_code(boost::system::errc::io_error);

class file_source final : public finpost::byte_source {
public:
    explicit file_source(const char* name) : file_(name, std::ios::binary) {}

    void read(std::span<std::byte> room,
              std::function<void(finpost::error_code, std::size_t)> done) override {
        file_.read(reinterpret_cast<char*>(room.data()), static_cast<std::streamsize>(room.size()));
        const auto n = static_cast<std::size_t>(file_.gcount());
        const bool failed = n == 0 && !file_.eof(); // it could not be opened, or not be read
        done(failed ? unreadable : finpost::error_code(), n);
    }

private:
    std::ifstream file_;
};

class file_sink final : public finpost::byte_sink {
public:
    explicit file_sink(const char* name) : file_(name, std::ios::binary) {}

    finpost::error_code write(std::span<const std::byte> data) override {
        file_.write(reinterpret_cast<const char*>(data.data()),
                    static_cast<std::streamsize>(data.size()));
        return file_.flush() ? finpost::error_code() : unreadable;
    }

private:
    std::ofstream file_;
};
//! [a source and a sink]

} // namespace

int main(int argc, char** argv) {
    const auto gateway = finpost::parse_host_port(argc == 4 ? argv[1] : "");
    if (!gateway) {
        std::cerr << "send_a_file HOST:PORT FILE REPLY\n";
        return 2;
    }
    asio::io_context io(1);
    file_source payload(argv[2]); // both live until the exchange completes
    file_sink reply(argv[3]);

    //! [cancel an exchange]
    asio::cancellation_signal give_up;
    auto exchange =
        finpost::async_exchange(io.get_executor(), *gateway, payload, reply, {},
                                asio::bind_cancellation_slot(give_up.slot(), asio::use_future));
    std::thread loop([&io] { io.run(); });
    if (exchange.wait_for(1500ms) ==
        std::future_status::timeout) // where the exchange runs: a signal is not thread safe
        asio::post(io, [&give_up] { give_up.emit(asio::cancellation_type::terminal); });
    loop.join(); // the exchange has completed
    //! [cancel an exchange]
    int exit_code = 0;
    try {
        std::cerr << exchange.get().received << " bytes came back\n";
    } catch (const boost::system::system_error&
                 failed) { // `use_future` has no room for the result as well
        std::cerr << failed.code().message() << '\n';
        exit_code = 6;
    }
    return exit_code;
}
