#include "cluster/postgres_place.hpp"

#include "queue/postgres/store.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <ostream>
#include <stdexcept>
#include <utility>

namespace finpost::test {

namespace {

std::unique_ptr<queue_store> open_store(const postgres_queue_config& config,
                                        boost::asio::any_io_executor executor,
                                        const boost::asio::any_io_executor& loop, logger log,
                                        metrics::queue_counters* counters = nullptr) {
    auto opened = finpost::detail::postgres_store::open(config, std::move(executor), loop, counters,
                                                        std::move(log));
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
}

class postgres_place final : public store_place {
public:
    postgres_place() {
        const auto made = make_postgres_queue(tables_.config());
        if (!made) throw std::runtime_error(made.error().message);
    }
    std::unique_ptr<queue_store> open(boost::asio::any_io_executor executor,
                                      store_settings settings) override {
        loop_ = std::make_unique<served_loop>();
        postgres_queue_config config = tables_.config();
        config.max_bytes = settings.max_bytes;
        config.ordered = settings.ordered;
        return open_store(config, std::move(executor), loop_->get_executor(), {});
    }
    void close(std::unique_ptr<queue_store> store) override {
        store.reset();
        loop_->finish();
    }

private:
    const queue_tables tables_;
    std::unique_ptr<served_loop> loop_;
};

// A server that was killed syncs all of its files when it starts.
struct servers_in_memory {
    servers_in_memory() { prefer_memory(); }
};

std::string next_schema() {
    static int made = 0;
    return "queue_" + std::to_string(++made);
}

} // namespace

BOOST_TEST_GLOBAL_FIXTURE(servers_in_memory);

queue_tables::queue_tables(postgres_server& server) : server_(server), schema_(next_schema()) {
    server_.sql("create schema " + schema_);
}

std::string queue_tables::parameters(const std::string& more_options) const {
    return "options=" + url_encoded("-c search_path=" + schema_ + ' ' + more_options);
}

postgres_queue_config queue_tables::config() const {
    postgres_queue_config config;
    config.url = server_.url(parameters());
    return config;
}

std::string queue_tables::sql(const std::string& statements) const {
    return server_.sql("set search_path = " + schema_ + "; " + statements);
}

opened_postgres::opened_postgres(const postgres_queue_config& config, logger log,
                                 metrics::queue_counters* counters)
    : store_(
          open_store(config, io.get_executor(), loop_.get_executor(), std::move(log), counters)) {
    client_.emplace(*store_, io);
}

opened_postgres::~opened_postgres() {
    store_.reset();
    loop_.finish();
}

bool opened_postgres::until_connected(bool connected) {
    return until([&] { return !store_->unavailable() == connected; });
}

std::ostream& operator<<(std::ostream& out, const store_kind& kind) { return out << kind.name; }

std::vector<store_kind> store_kinds() {
    return {
        {"postgres", [] { return std::make_unique<postgres_place>(); }, &postgres_server::there}};
}

} // namespace finpost::test
