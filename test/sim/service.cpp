#include "sim/service.hpp"

#include "sim/framing.hpp"
#include "sim/tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>

namespace finpost::sim {

namespace {

std::string_view field(std::string_view head, std::string_view name) {
    const auto at = head.find("\r\n" + std::string(name) + ": ");
    if (at == head.npos) return {};
    const auto from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
}

template <class T>
T number(std::string_view text, int base = 10) {
    T out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out, base);
    return out;
}

// Of `Forwarded: for="127.0.0.1:20003"`.
std::uint16_t client_of(std::string_view head) {
    const std::string_view from = field(head, "Forwarded");
    const auto colon = from.find(':');
    return colon == from.npos ? std::uint16_t{0} : number<std::uint16_t>(from.substr(colon + 1));
}

// Takes what is there of a chunked body off `input`; whether the last chunk came.
class chunk_reader {
public:
    bool take(std::string& input, std::string& body) {
        for (;;) {
            if (left_ > 0) {
                if (input.empty()) return false;
                const std::size_t n = std::min(left_, input.size());
                body.append(input, 0, left_ > 2 ? std::min(n, left_ - 2) : 0); // CRLF behind it
                input.erase(0, n);
                left_ -= n;
                continue;
            }
            const auto line = input.find("\r\n");
            if (line == input.npos) return false;
            const auto size = number<std::size_t>(std::string_view(input).substr(0, line), 16);
            if (size == 0 && input.size() < line + 4) return false;
            input.erase(0, line + 2);
            if (size == 0) {
                input.erase(0, 2);
                return true;
            }
            left_ = size + 2;
        }
    }

private:
    std::size_t left_ = 0; // of a chunk
};

constexpr std::string_view interim_answer = "HTTP/1.1 100 Continue\r\n\r\n";

// Bytes behind a response that belong to nobody.
std::string stray(const answer& how) {
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").substr(0, how.extra);
}

std::string plain_response_to(const post& seen, const answer& how, bool& last) {
    const std::string body = reply_to(seen.body);
    std::string out;
    for (std::uint64_t i = 0; i < how.interim; ++i) out += interim_answer;
    const auto small = [&out](unsigned status, std::string_view text) {
        out += "HTTP/1.1 " + std::to_string(status) +
               " No\r\nContent-Length: " + std::to_string(text.size());
        if (status == 429) out += "\r\nRetry-After: 1";
        out += "\r\n\r\n" + std::string(text);
    };
    if (how.nonsense) {
        last = true;
        return out + "HTTP/9.1 what\r\n\r\n";
    }
    if (!seen.complete) {
        last = true;
        if (how.how == framing::until_close)
            return out + "HTTP/1.1 413 Too Large\r\n\r\n" + std::string(too_large_body);
        return out + "HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\nConnection: close\r\n\r\n" +
               std::string(too_large_body);
    }
    if (how.status == 408) {
        last = true;
        return out +
               "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    if (how.status == 204) { // and a body, which it must not have
        out += "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n" + std::string(failed_body);
    } else if (how.status != 200) {
        small(how.status, how.bodiless ? "" : failed_body);
    } else if (how.how == framing::sized) {
        out +=
            "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    } else if (how.how == framing::chunked) {
        out += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        std::size_t piece = 7; // of all sizes
        for (std::size_t at = 0; at < body.size(); piece = piece * 3 % 5003 + 1) {
            const std::size_t n = std::min(piece, body.size() - at);
            char size[20];
            std::snprintf(size, sizeof size, "%zx\r\n", n);
            out += size + body.substr(at, n) + "\r\n";
            at += n;
        }
        out += "0\r\n\r\n";
    } else {
        out += "HTTP/1.1 200 OK\r\n\r\n" + body;
        last = true;
        return out;
    }
    if (how.extra_after == 0) out += stray(how);
    return out;
}

// A response that begins while the request still comes: chunk by chunk what has been read.
class echo {
public:
    void add(const post& seen) {
        if (at_ == 0) chunk("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "<");
        if (seen.body.size() > at_ - 1) chunk("", std::string_view(seen.body).substr(at_ - 1));
        if (seen.complete && !ended_) {
            chunk("", ">");
            pending_ += "0\r\n\r\n";
            ended_ = true;
        }
    }
    /// What goes out now; -errno when the connection is gone.
    std::int64_t send(tcp_end& sock) {
        while (!pending_.empty()) {
            const std::int64_t took = sock.send(pending_.data(), pending_.size());
            if (took == -EAGAIN) return 0;
            if (took < 0) return took;
            pending_.erase(0, static_cast<std::size_t>(took));
        }
        return 0;
    }
    bool all_sent() const { return ended_ && pending_.empty(); }

private:
    void chunk(std::string_view before, std::string_view data) {
        char size[20];
        std::snprintf(size, sizeof size, "%zx\r\n", data.size());
        pending_ += std::string(before) + size + std::string(data) + "\r\n";
        at_ += data.size();
    }

    std::string pending_;
    std::size_t at_ = 0; // of the reply
    bool ended_ = false;
};

std::string response_to(const post& seen, const answer& how, bool& last) {
    std::string out = plain_response_to(seen, how, last);
    const std::size_t line = how.interim * interim_answer.size();
    if (how.coded && !how.nonsense)
        out.insert(out.find("\r\n", line) + 2, "Content-Encoding: gzip\r\n");
    return out;
}

// Of an answer that begins.
void note_conduct(history& all, const post& seen, const answer& how, std::size_t size) {
    const bool whole = seen.complete && !how.nonsense;
    const auto status = [&](conduct what, unsigned code) {
        all.did(what, whole && how.status == code);
    };
    status(conduct::status_101, 101), status(conduct::status_204, 204);
    status(conduct::status_404, 404), status(conduct::status_408, 408);
    status(conduct::status_429, 429), status(conduct::status_500, 500);
    all.did(conduct::early_413, !seen.complete), all.did(conduct::nonsense, how.nonsense);
    const bool good = whole && how.status == 200;
    all.did(conduct::sized, good && how.how == framing::sized);
    all.did(conduct::chunked, good && how.how == framing::chunked);
    all.did(conduct::until_close, good && how.how == framing::until_close);
    constexpr std::size_t most = 64 << 10;
    all.did(conduct::interim, how.interim > 0);
    all.did(conduct::interim_without_end, how.interim * interim_answer.size() > most);
    all.did(conduct::bodiless, seen.bodiless);
    all.did(conduct::coded, whole && seen.coded);
    all.did(conduct::closes, how.closes);
    const bool cut = how.cut_at < size;
    all.did(conduct::cut_by_fin, cut && !how.cut_by_reset);
    all.did(conduct::cut_by_reset, cut && how.cut_by_reset);
    all.did(conduct::extra, good && !cut && how.extra > 0 && how.extra_after == 0);
    all.did(conduct::extra_later, good && !cut && how.extra > 0 && how.extra_after > 0);
    all.did(conduct::answers_late, how.waits > 0), all.did(conduct::in_pieces, how.piece < size);
}

// Of several requests of a client every other one is answered as its first.
const answer& answer_to(const history& all, client_history& of, const std::string& key) {
    const client_plan& plan = *of.plan;
    static const answer good;
    if (!has_frames(all.plan->rules)) {
        const std::size_t times = all.posts_of(of).size();
        // What is stored is taken in the end.
        if (times > 2 && all.plan->rules.delivery != delivery_form::relay) return good;
        return times == 1 ? plan.first : plan.again;
    }
    const auto known = std::find(of.keys.begin(), of.keys.end(), key);
    const auto which = known - of.keys.begin();
    const bool again = known != of.keys.end();
    if (!again) of.keys.push_back(key);
    return (which + (again ? 1 : 0)) % 2 == 0 ? plan.first : plan.again;
}

struct patience {
    std::uint64_t waits = 0; // between requests
    bool lost = false;
};

} // namespace

script serve_connection(history& all, tcp_end& sock) {
    kernel& k = *kernel::current;
    const service_plan& mine = all.plan->service;
    const std::size_t number_of_it = ++all.connections;
    const auto patient = std::make_shared<patience>();
    rng dice(all.plan->dice * 1'000'003 + number_of_it);
    std::string input;
    char room[16 << 10];
    bool over = false;
    for (std::size_t round = 0; !over; ++round) {
        if (mine.patience > 0 && round > 0) {
            const std::uint64_t which = ++patient->waits;
            k.at(k.now + dice.between(0, mine.patience), [&all, patient, which, &sock] {
                if (patient->waits != which) return;
                patient->lost = true;
                all.did(conduct::leaves_idle);
                sock.wake();
            });
        }
        std::size_t end = input.npos;
        while ((end = input.find("\r\n\r\n")) == input.npos && !over) {
            const std::int64_t n =
                sock.orphan ? -EPIPE : sock.receive(room, sizeof room); // its process has ended
            if (n > 0)
                input.append(room, static_cast<std::size_t>(n));
            else if (n != -EAGAIN || (patient->lost && input.empty()))
                over = true;
            else
                co_await change(sock);
        }
        ++patient->waits;
        if (over || sock.orphan) break;
        const std::string head = input.substr(0, end + 2);
        input.erase(0, end + 4);
        if (head.starts_with("GET ")) { // a health check
            const bool unwell = dice.chance(mine.unwell);
            all.did(conduct::unwell, unwell);
            const std::string_view says = unwell ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                                                 : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            sock.send(says.data(), says.size());
            continue;
        }
        post& seen = all.posts.emplace_back();
        seen.client = client_of(head);
        seen.key = field(head, "Idempotency-Key");
        seen.connection = number_of_it;
        seen.at = k.now;
        seen.first_on_connection = round == 0;
        seen.chunked = field(head, "Transfer-Encoding") == "chunked";
        if (k.told > 0)
            k.say("request " + std::to_string(round) + " on connection " +
                  std::to_string(number_of_it) + " (" + std::to_string(sock.id) + ") of " +
                  std::to_string(seen.client));
        const std::string_view length_text = field(head, "Content-Length");
        const auto length = number<std::size_t>(length_text);
        client_history* const of = all.of_port(seen.client);
        const bool right_peer =
            field(head, "Forwarded").find("10.1.2.3:") != std::string_view::npos;
        if ((length_text.empty() && !seen.chunked) || of == nullptr || seen.key.empty() ||
            right_peer != all.plan->rules.proxy) {
            all.complain("a request without its fields: " + head);
            break;
        }
        const answer how = answer_to(all, *of, seen.key);

        chunk_reader chunks;
        const bool echoes = how.echoes && seen.chunked;
        echo answering;
        for (;;) {
            if (seen.chunked) {
                if (!seen.complete) seen.complete = chunks.take(input, seen.body);
                if (echoes) {
                    answering.add(seen);
                    over = answering.send(sock) < 0;
                    seen.answered = true;
                    if (over || (seen.complete && answering.all_sent())) break;
                }
                if (!echoes && (seen.complete || seen.body.size() >= how.reads)) break;
            } else if (input.size() >= std::min<std::uint64_t>(how.reads, length)) {
                break;
            }
            const std::int64_t n =
                sock.orphan ? -EPIPE : sock.receive(room, sizeof room); // its process has ended
            if (n > 0)
                input.append(room, static_cast<std::size_t>(n));
            else if (n != -EAGAIN)
                over = true;
            else
                co_await change(sock);
            if (over) break;
        }
        if (!seen.chunked) {
            seen.body = input.substr(0, length);
            seen.complete = input.size() >= length;
            if (!over) input.erase(0, length);
        }
        if (over) break;
        if (echoes) {
            all.did(conduct::echoes), all.did(conduct::closes, how.closes);
            if (how.closes) break;
            continue;
        }
        if (how.resets) {
            all.did(seen.complete ? conduct::resets : conduct::resets_early);
            sock.reset();
            break;
        }
        if (how.waits > 0) co_await sleep(how.waits);
        if (sock.orphan) break;
        bool last = how.closes;
        const bool whole = seen.complete;
        const std::string out = response_to(seen, how, last);
        seen.status = !whole ? 413 : how.status;
        seen.bodiless = how.bodiless && whole && how.status > 299;
        seen.coded = how.coded && seen.status != 204; // which has nothing that could be coded
        const std::size_t stop_at = std::min<std::uint64_t>(how.cut_at, out.size());
        if (how.how == framing::until_close) all.until_close.insert(&sock);
        note_conduct(all, seen, how, out.size());
        for (std::size_t sent = 0; sent < stop_at && !over;) {
            const std::size_t n = std::min<std::uint64_t>(how.piece, stop_at - sent);
            const std::int64_t took = sock.send(out.data() + sent, n);
            if (took > 0) {
                sent += static_cast<std::size_t>(took);
                seen.answered = true;
                seen.rejected = whole && how.status == 408 && sent > 20 && !how.nonsense;
            } else if (took != -EAGAIN) {
                over = true;
            } else {
                co_await change(sock);
            }
            if (how.pause > 0) co_await sleep(dice.between(0, how.pause));
        }
        if (stop_at < out.size()) {
            if (how.lingers > 0) co_await sleep(how.lingers);
            // Where the connection's end ends a body nobody can tell a cut, but of a request that
            // was not read.
            const std::size_t head_size =
                out.find("\r\n\r\n", how.interim * interim_answer.size()) + 4;
            const bool in_body = how.how == framing::until_close && stop_at >= head_size;
            if (how.cut_by_reset || (in_body && whole)) sock.reset();
            break;
        }
        all.until_close.erase(&sock);
        if (last) break;
        if (how.extra > 0 && how.extra_after > 0) {
            co_await sleep(how.extra_after);
            const std::string more = stray(how);
            sock.send(more.data(), more.size());
        }
    }
    sock.close();
}

} // namespace finpost::sim
