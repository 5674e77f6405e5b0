#include "unit/queue/store_factory.hpp"

#include "queue/sqlite_store.hpp"
#include "support/temporary_folder.hpp"

#include <boost/asio/thread_pool.hpp>

#include <ostream>
#include <stdexcept>
#include <utility>

namespace finpost::test {

namespace {

class sqlite_place final : public store_place {
public:
    std::unique_ptr<queue_store> open(boost::asio::any_io_executor executor,
                                      store_settings settings) override {
        thread_ = std::make_unique<boost::asio::thread_pool>(1);
        finpost::detail::sqlite_store_options options;
        options.directory = (folder_.path() / "queue").string();
        options.executor = std::move(executor);
        options.thread = thread_->get_executor();
        options.max_bytes = settings.max_bytes;
        options.ordered = settings.ordered;
        auto opened = finpost::detail::sqlite_store::open(std::move(options));
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }
    void close(std::unique_ptr<queue_store> store) override {
        store.reset();
        thread_->join();
    }

private:
    temporary_folder folder_;
    std::unique_ptr<boost::asio::thread_pool> thread_;
};

} // namespace

std::ostream& operator<<(std::ostream& out, const store_kind& kind) { return out << kind.name; }

std::vector<store_kind> store_kinds() {
    return {{"sqlite", [] { return std::make_unique<sqlite_place>(); }}};
}

} // namespace finpost::test
