#include "control/control_answers.hpp"

#include "async/use_tuple_awaitable.hpp"
#include "control/queue_json.hpp"

#include "finpost/queue_error.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace json = boost::json;

namespace finpost {

namespace {

using answer_ptr = control_answers::answer_ptr;

answer_ptr json_answer(const json::object& page) {
    auto out = std::make_shared<http_answer>();
    out->content_type = "application/json";
    out->body = json::serialize(page) + '\n';
    return out;
}

answer_ptr refusal(unsigned status, const char* what) {
    return std::make_shared<http_answer>(control_refusal(status, what));
}

// The other errors of a store are not of what is asked here.
answer_ptr failure(const error_code& ec) {
    if (ec == queue_error::not_found) return refusal(404, "there is no payload of that id");
    return refusal(500, "the queue failed: it is not known whether it was done");
}

// Functions of their own: a filter is an aggregate, and must not be made in a statement that waits
// (g++ 12).
auto begin_list(queue_store& store, const control_request& asked) {
    return store.async_list(asked.filter, asked.page, detail::use_plain_tuple_awaitable);
}

auto begin_replay(queue_store& store, const control_request& asked) {
    return store.async_replay(asked.filter, asked.page, detail::use_plain_tuple_awaitable);
}

auto begin_drop(queue_store& store, const control_request& asked) {
    return store.async_drop(asked.filter, asked.page, detail::use_plain_tuple_awaitable);
}

// A piece of a file, read where a slow disk holds up nobody else.
class piece_read {
public:
    using executor_type = asio::any_io_executor;

    piece_read(asio::any_io_executor files, std::shared_ptr<const stored_payload> from,
               std::uint64_t offset, std::span<std::byte> into)
        : files_(std::move(files)), from_(std::move(from)), offset_(offset), into_(into) {}
    executor_type get_executor() const noexcept { return files_; }
    template <class Handler>
    void operator()(Handler&& done) {
        const auto back = asio::get_associated_executor(done, files_);
        asio::post(files_, [from = from_, offset = offset_, into = into_, back,
                            done = std::forward<Handler>(done)]() mutable {
            const auto n = from->body.read(offset, into);
            asio::post(back, [done = std::move(done), size = n ? *n : 0]() mutable {
                std::move(done)(size);
            });
        });
    }

private:
    asio::any_io_executor files_;
    std::shared_ptr<const stored_payload> from_;
    std::uint64_t offset_;
    std::span<std::byte> into_;
};

/// The bytes of a payload. A file stays readable also when the payload has been delivered.
class stored_body final : public answer_source {
public:
    stored_body(stored_payload from, asio::any_io_executor files)
        : from_(std::make_shared<const stored_payload>(std::move(from))), files_(std::move(files)) {
    }

    std::uint64_t size() const noexcept override { return from_->body.size(); }
    asio::awaitable<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
        return asio::async_initiate<const asio::use_awaitable_t<>, void(std::size_t)>(
            piece_read(files_, from_, offset, into), asio::use_awaitable);
    }

private:
    std::shared_ptr<const stored_payload> from_;
    asio::any_io_executor files_;
};

} // namespace

control_answers::control_answers(std::shared_ptr<queue_store> store, asio::any_io_executor files,
                                 counter& dropped, logger log)
    : store_(std::move(store)), files_(std::move(files)), dropped_(dropped), log_(std::move(log)) {}

asio::awaitable<answer_ptr> control_answers::answer(std::shared_ptr<const http_query> query) {
    const auto asked = std::make_shared<const control_request>(read_control_request(*query));
    answer_ptr out;
    switch (asked->what) {
    case control_request::action::refuse:
        out = std::make_shared<http_answer>(asked->refusal);
        break;
    case control_request::action::stats:
        out = co_await stats();
        break;
    case control_request::action::list:
        out = co_await list(asked);
        break;
    case control_request::action::show:
    case control_request::action::body:
        out = co_await show(asked);
        break;
    case control_request::action::replay:
        out = co_await replay(asked);
        break;
    case control_request::action::drop:
        out = co_await drop(asked);
        break;
    }
    co_return out;
}

asio::awaitable<answer_ptr> control_answers::stats() {
    auto [ec, now] = co_await store_->async_stats(detail::use_plain_tuple_awaitable);
    if (ec) co_return failure(ec);
    co_return json_answer(to_json(now));
}

asio::awaitable<answer_ptr> control_answers::list(request_ptr asked) {
    auto [ec, rows] = co_await begin_list(*store_, *asked);
    if (ec) co_return failure(ec);
    json::array payloads;
    for (const queue_entry& each : rows) payloads.push_back(to_json(each));
    json::object out;
    out["payloads"] = std::move(payloads);
    out["next"] = nullptr;
    // Fewer than asked for are not the end: a row that cannot be read is left out.
    if (!rows.empty()) out["next"] = rows.back().sequence;
    co_return json_answer(out);
}

asio::awaitable<answer_ptr> control_answers::show(request_ptr asked) {
    const request_id id = *asked->id;
    auto [ec, found] = co_await store_->async_show(id, detail::use_plain_tuple_awaitable);
    if (ec) co_return failure(ec);
    if (!found) co_return refusal(404, "there is no payload of that id");
    if (asked->what == control_request::action::show) co_return json_answer(to_json(found->entry));
    const auto out = std::make_shared<http_answer>();
    out->content_type = "application/octet-stream";
    out->source = std::make_shared<stored_body>(std::move(*found), files_);
    co_return out;
}

asio::awaitable<answer_ptr> control_answers::replay(request_ptr asked) {
    auto [ec, n] = co_await begin_replay(*store_, *asked);
    if (ec) co_return failure(ec);
    log_(log_level::info, "queue replayed", {{"payloads", static_cast<std::int64_t>(n)}});
    json::object out;
    out["replayed"] = n;
    co_return json_answer(out);
}

asio::awaitable<answer_ptr> control_answers::drop(request_ptr asked) {
    auto [ec, n] = co_await begin_drop(*store_, *asked);
    if (ec) co_return failure(ec);
    dropped_.add(n);
    log_(log_level::info, "queue dropped", {{"payloads", static_cast<std::int64_t>(n)}});
    json::object out;
    out["dropped"] = n;
    co_return json_answer(out);
}

} // namespace finpost
