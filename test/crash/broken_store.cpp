#include "crash/broken_store.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace finpost::test {

namespace {

class broken_store final : public queue_store {
public:
    broken_store(std::unique_ptr<queue_store> store, broken_put how)
        : store_(std::move(store)), how_(how) {}

    executor_type get_executor() const noexcept override { return store_->get_executor(); }
    std::optional<std::string> fatal() const override { return store_->fatal(); }

private:
    // Of whoever asks: told once.
    struct asked {
        explicit asked(completion_handler<> of) : done(std::move(of)) {}
        void tell(const error_code& ec) {
            if (done) std::exchange(done, nullptr)(ec);
        }
        completion_handler<> done;
    };

    void put(std::vector<new_payload> batch, completion_handler<> done) override {
        auto slot = asio::get_associated_cancellation_slot(done);
        const auto one = std::make_shared<asked>(std::move(done));
        if (how_ == broken_put::withdrawn_when_begun && slot.is_connected())
            slot.assign(
                [one](asio::cancellation_type) { one->tell(asio::error::operation_aborted); });
        store_->async_put(std::move(batch), [one](error_code ec) { one->tell(ec); });
        if (how_ == broken_put::early_receipt) asio::post(get_executor(), [one] { one->tell({}); });
    }
    void claim(std::size_t most, milliseconds lease, std::string owner, std::string upstream,
               completion_handler<claimed_payloads> done) override {
        store_->async_claim(most, lease, std::move(owner), std::move(upstream), std::move(done));
    }
    void delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) override {
        store_->async_delivered(std::move(ids), std::move(done));
    }
    void failed(held_payload held, milliseconds retry_in, attempt_failure why,
                completion_handler<> done) override {
        store_->async_failed(std::move(held), retry_in, std::move(why), std::move(done));
    }
    void dead(held_payload held, attempt_failure why, completion_handler<> done) override {
        store_->async_dead(std::move(held), std::move(why), std::move(done));
    }
    void list(queue_filter filter, queue_page page,
              completion_handler<std::vector<queue_entry>> done) override {
        store_->async_list(std::move(filter), page, std::move(done));
    }
    void show(request_id id, completion_handler<std::optional<stored_payload>> done) override {
        store_->async_show(id, std::move(done));
    }
    void replay(queue_filter filter, queue_page page,
                completion_handler<std::size_t> done) override {
        store_->async_replay(std::move(filter), page, std::move(done));
    }
    void drop(queue_filter filter, queue_page page, completion_handler<std::size_t> done) override {
        store_->async_drop(std::move(filter), page, std::move(done));
    }
    void stats(completion_handler<queue_stats> done) override {
        store_->async_stats(std::move(done));
    }

    const std::unique_ptr<queue_store> store_;
    const broken_put how_;
};

} // namespace

std::unique_ptr<queue_store> make_broken(std::unique_ptr<queue_store> store, broken_put how) {
    return std::make_unique<broken_store>(std::move(store), how);
}

} // namespace finpost::test
