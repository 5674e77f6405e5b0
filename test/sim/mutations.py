#!/usr/bin/env python3
"""Bugs that are put into the gateway on purpose: does the simulator see them?

    test/sim/mutations.py BUILD_DIR                     the list below
    test/sim/mutations.py BUILD_DIR --only "a reset"    those with these words
    test/sim/mutations.py --check                       is each of them still to be found in the sources? (a lint)
    test/sim/mutations.py BUILD_DIR --drawn 10 --seed 7 lines drawn from session, receive, acceptor, ...

Run by hand when the simulator changes. BUILD_DIR is built, of this tree. Each bug is compiled beside it, linked in place of
the library's own object and run: named scenarios first, then drawn schedules. Nothing of the tree is changed. A drawn line
that nobody sees has to be judged: it may change nothing that anybody could notice.
"""

import argparse
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
# Of the server, and with "common:" in front of the name of the library below it.
SOURCES = {"server": os.path.join(ROOT, "server", "src"), "common": os.path.join(ROOT, "common", "src")}


def parts_of(file):
    """The library that a file is of, and its path in there."""
    return file.split(":") if ":" in file else ("server", file)


def path_of(file):
    library, path = parts_of(file)
    return os.path.join(SOURCES[library], path)


# Name, file, what stands there, what stands there instead.
BUGS = [
    ("a reset is taken for the end", "net/byte_stream.cpp",
     "        if (errno != EINTR) return note(errno);\n    }\n}\n\nerror_code",
     "        if (errno == ECONNRESET) return error_code(asio::error::eof);\n"
     "        if (errno != EINTR) return note(errno);\n    }\n}\n\nerror_code"),
    ("what was cut ends with a FIN", "session/outcome.cpp",
     "    if (kind_ == kind::aborted || kind_ == kind::undecided) return ending::reset;\n", ""),
    ("what was not said ends with a FIN", "session/outcome.cpp",
     "return fin_would_lie_ ? ending::reset : ending::fin;", "return ending::fin;"),
    ("a refusal of which a part is out ends with a FIN", "session/session.cpp",
     "    result().farewell_sent(!failed); // a part", "    result().farewell_sent(true); // a part"),
    ("a process that dies sends FINs", "net/listening_socket.cpp", "reset_on_close(fd, true)",
     "reset_on_close(fd, false)"),
    ("a request goes out again on a new connection", "upstream/buffered_exchange.cpp",
     "may_repeat_ = attempt_.lease->reused();", "may_repeat_ = true;"),
    ("... although an answer has begun", "upstream/exchange_rules.cpp",
     "(failed == reason::upstream_incomplete && !response_started)", "(failed == reason::upstream_incomplete)"),
    ("it is sent again and again", "upstream/http_forwarder.cpp", "        attempt.fresh_only = true;\n", ""),
    ("a kept connection is not looked at", "upstream/upstream_connector.cpp",
     "    const bool quiet = attempt.stream().is_quiet();", "    const bool quiet = true;"),
    ("a reason says that nothing was sent", "upstream/exchange_rules.cpp",
     "    return read && says_unsent ?", "    return false && read && says_unsent ?"),
    ("a response that is cut is complete", "upstream/response_guard.cpp",
     "        return raw_.size() < length_ ? state::more : finish(static_cast<std::size_t>(length_));",
     "        return finish(static_cast<std::size_t>(std::min<std::uint64_t>(raw_.size(), length_)));"),
    ("a short write is taken for a whole one", "upstream/buffered_exchange.cpp", "sent_ += *sent;",
     "sent_ = std::max(sent_ + *sent, head_.size());"),
    ("a part of the reply is dropped", "session/reply.cpp", "        written.add(*sent);",
     "        written.add(std::max(*sent, n / 2));"),
    ("a refusal is closed at once", "session/session.cpp",
     "    socket_.shutdown_send();\n    co_await drain_input(socket_, context_.config.lingering_close, deadline_);", "    co_return;"),
    ("a client that does not read is waited for for ever", "session/reply.cpp",
     "        deadline.arm(duration::zero(), look_at - now, reason::internal);\n        if (deadline.stopped())",
     "        if (deadline.stopped())"),
    ("a client that does not send is waited for for ever", "session/receive.cpp",
     "        deadline_.arm(idle, begun_ ? limits_.receive_total : duration(), reason::receive_timeout);\n",
     "        static_cast<void>(idle);\n"),
    ("progress does not count", "session/receive.cpp", "    deadline_.progress();\n", ""),
    ("no pause after EMFILE", "accept_shortage.cpp", "return now + accept_back_off;", "return now;"),
    ("who is woken is forgotten", "policy/wait_queue.cpp", "void wait_queue::wake_one() noexcept {",
     "void wait_queue::wake_one() noexcept {\n    if (waiting_.size() == 2) return;"),
    ("an exchange that is cut is not counted", "session/exchange_record.cpp",
     "        counters.aborted.add();", "        if (of.result.eof_seen()) counters.aborted.add();"),
    ("an accepted connection without a session is not counted", "session/accepted_client.cpp",
     "    if (counters_ == nullptr) return;\n    counters_->refused_for(reason::internal).add();", ""),
    ("a stream that is cut gets its last chunk", "upstream/streamed_exchange.cpp",
     "            client_failed_ = got.error();\n",
     "            client_failed_ = got.error();\n"
     "            static_cast<void>(upstream_->write_some(std::as_bytes(std::span(last_chunk)), {}));\n"),
    ("a close before the request is out ends a body", "upstream/exchange_rules.cpp",
     "if (read.error() == asio::error::eof && request_is_whole)", "if (read.error() == asio::error::eof)"),
    ("a drain whose grace is over stops nobody", "session/session_registry.cpp",
     "        tell(entry, notice::stop, [why](registered& session) { session.deadline().stop(why); });", "        static_cast<void>(why);"),
    ("the upstream is waited for for ever", "upstream/buffered_exchange.cpp",
     "    deadline.arm(exchange_deadline::duration::zero(), remaining, reason::upstream_timeout);\n    if (deadline.stopped())",
     "    if (deadline.stopped())"),
    ("Base64 text that is bad is forwarded", "session/exchange.cpp", "            return refuse(reason::bad_encoding);\n", ""),
    ("a byte of a payload is lost on its way to a file", "policy/spill_policy.cpp",
     "    const error_code unwritten = to.write(data);", "    const error_code unwritten = to.write(data.first(data.size() - data.size() / 2 % 2));"),
    ("a full disk is not noticed", "policy/spill_policy.cpp",
     "    const error_code unwritten = to.write(data);\n    return unwritten ? failed(unwritten) : unwritten;",
     "    static_cast<void>(to.write(data));\n    return {};"),
    ("more is buffered than may be", "policy/buffer_budget.cpp",
     "add_within(wanted_, all_.limit_of(*this))", "add_within(wanted_, std::int64_t{1} << 60)"),
    ("a buffer is not given back", "policy/buffer_budget.cpp", "void buffer_budget::give_back(std::size_t n) noexcept {",
     "void buffer_budget::give_back(std::size_t n) noexcept {\n    if (n == 4096) return;"),
    ("a lease is not given up", "upstream/connection_pool.hpp",
     "            if (pool_ != nullptr) pool_->give_up(std::move(connection_));",
     "            if (pool_ != nullptr && connection_) pool_->give_up(std::move(connection_));"),
    ("who waits for a connection is not woken", "upstream/connection_pool.hpp",
     "                --open_; // it is closed\n            }\n        }\n        waiting_.wake_one();",
     "                --open_; // it is closed\n            }\n        }"),
    ("a proxied client is the proxy", "session/session.cpp", "            client_.peer = header.source();\n", ""),
    ("a probe is refused", "session/outcome.cpp", "    if (end.bytes == 0 && by_client && !end.framed) {", "    if (end.bytes == 1 && by_client && !end.framed) {"),
    ("who sends slowly is never too slow", "session/receive_plan.cpp",
     "    if (too_slow(now.size, of.elapsed, min_rate_))", "    if (false)"),
    ("who reads slowly is never too slow", "session/reply.cpp",
     "        if (too_slow(taken, now - began, limits.min_rate)) co_return reason::too_slow;\n"
     "        const auto judged = began + slow_after(taken, limits.min_rate);",
     "        const auto judged = began + limits.total;"),
    ("who was slow for two seconds is too slow", "policy/min_rate.cpp", "unjudged = 5s;", "unjudged = 2s;"),
    ("who is idle has twice the time", "session/receive.cpp",
     "        deadline_.arm(idle, begun_", "        deadline_.arm(2 * idle, begun_"),
    ("who is idle has half the time", "session/receive.cpp",
     "        deadline_.arm(idle, begun_", "        deadline_.arm(idle / 2, begun_"),
    ("twice as many are accepted in a second", "policy/admission.cpp", "      rate_(accept_rate) {}", "      rate_(2 * accept_rate) {}"),
    ("any number may be in its preamble", "listener_rules.cpp", "handshakes(config.max_handshakes, 0, 0)", "handshakes(config.max_connections, 0, 0)"),
    ("a reload with a wrong rule is taken", "gateway.cpp", "if (!parts) check.add(parts.error());", "if (!parts) continue;"),
    ("a reload that fails has closed what listened", "listener_set.cpp", "    const auto next = std::make_shared",
     "    if (plan.slots.size() > 1 && plan.slots[0].kept) before->bindings[*plan.slots[0].kept].listener->close();\n"
     "    const auto next = std::make_shared"),
    ("an address in use is no error", "net/listening_socket.cpp",
     "        throw boost::system::system_error(failed.code(), \"cannot listen on \" + to_string(address));", "        static_cast<void>(failed);"),
    ("interim answers may go on without end", "upstream/response_guard.cpp", "        if (interim_ > max_interim)\n", "        if (interim_ == 0)\n"),
    ("another protocol that nobody asked for is interim", "upstream/response_guard.cpp", "if (status == 101)", "if (status == 1)"),
    ("a reset in a frame is its end", "session/payload_input.cpp",
     "    if (got.error() == asio::error::eof) return input_ended(buffer);",
     "    if (got.error() == asio::error::eof || got.error() == asio::error::connection_reset) return input_ended(buffer);"),
    ("a tail is taken although it is refused", "session/payload_input.cpp", "if (!now.accepts_tail || nothing)", "if (nothing)"),
    ("a tail is refused although it is taken", "session/payload_input.cpp", "if (!now.accepts_tail || nothing)", "if (true)"),
    ("an answer goes to the frame behind its own", "session/exchange.cpp", "        reply_ = std::move(reply);\n",
     "        static thread_local std::string other;\n"
     "        std::string mine(reply.bytes().spilled() ? std::string_view() : reply.bytes().text());\n"
     "        reply_ = std::move(reply);\n"
     "        if (before_ > 0 && !mine.empty())\n"
     "            std::swap(mine, other), reply_ = finpost::reply(std::move(mine));\n"
     "        else\n"
     "            other = mine;\n"),
    ("an empty frame is an exchange", "common:frame_reader.cpp",
     "    if (size_ == 0 && empty_is_heartbeat_)", "    if (size_ == SIZE_MAX && empty_is_heartbeat_)"),
    ("bytes between frames are passed over", "common:frame_reader.cpp",
     "            return fail(fault::bad_frame, \"no start byte (0B) where a frame must begin\", 0);",
     "            return static_cast<void>(++out.consumed);"),
    ("a wrong checksum is as good as a right one", "common:frame_reader.cpp",
     "    if ((digit ? upper : byte) != static_cast<unsigned char>(expected)) {",
     "    if (netstring && byte != static_cast<unsigned char>(expected)) {"),
    ("what is behind a frame is taken with it", "session/payload_input.cpp", "take(window, step.consumed)", "take(window, *seen)"),
    ("a line keeps its CR", "common:frame_reader.cpp", "        mark += cr ? 1 : 0;\n", ""),
    ("an answer goes out without its frame", "session/reply_writer.cpp", "    if (!spec) return {};\n    frame_.emplace(*spec);",
     "    return {};\n    frame_.emplace(*spec);"),
    ("an answer that holds the end of its frame goes out", "session/reply_writer.cpp",
     "    if (!size) return reason::reply_unframeable;\n", "    if (!size) return {};\n"),
    ("a connection goes on behind half a frame", "session/outcome.cpp",
     "    whole_frame_ = end.framed && !end.error;", "    whole_frame_ = end.framed;"),
    ("a connection goes on after a refusal that nobody was told", "session/outcome.cpp",
     "(kind_ == kind::refused && told_)", "kind_ == kind::refused"),
    ("one exchange more than there may be", "session/exchange.cpp", "if (before + 1 == context.config.max_exchanges)",
     "if (before == context.config.max_exchanges)"),
    ("a drain goes on with the next frame", "session/session.cpp", "    result().is_last();\n    if (!result().eof_seen()",
     "    if (!result().eof_seen()"),
    ("a drain does not end a pause", "session/session.cpp",
     "exchange_->is_idle() && result().undecided())", "exchange_->is_idle() && exchange_->before() == 0 && result().undecided())"),
    ("a pause has no end", "session/receive.cpp", "touched_ ? limits_.receive_idle : limits_.between;",
     "touched_ ? limits_.receive_idle : duration();"),
    ("a pause that was too long is told", "session/outcome.cpp", "           error == reason::receive_timeout ||", "           "),
    ("half a heartbeat is a pause", "session/receive.cpp", "begun_ || touched_ ?", "begun_ ?"),
    ("a FIN between frames waits for memory", "session/receive.cpp", "if (there) return plan_.peeked(there, state());",
     "if (there == asio::error::would_block) return {action::wait};"),
    ("a heartbeat is no sign of life", "session/receive.cpp", " && coming_.input.heartbeats() == heartbeats_) return;", ") return;"),
    ("who has a pause is not counted any more", "session/exchange.cpp", "        context_.counters.between_frames.add(-1);\n        if (outcome_.in_pause()) return;",
     "        if (outcome_.in_pause()) return;"),
    ("a further exchange is not counted", "session/exchange.cpp", "    context_.counters.further.add();\n    context_",
     "    context_"),
    ("a buffer is kept in a pause", "session/receive.cpp", "            coming.bytes.release_writable();\n            receiver.begin_wait();",
     "            receiver.begin_wait();"),
    ("a line around a body needs its memory again", "reply_format/reply_forms.cpp",
     "    if (surround_in_place(body, parts)) return {};\n", ""),
    ("a payload is taken for whole at half its length", "common:frame_reader.cpp",
     "    if (size_ == number_) payload_complete(out);", "    if (size_ * 2 >= number_) payload_complete(out);"),
    ("a change of rules is taken again and again", "accept_permits.cpp", "    changed_ = false;\n}", "}"),
    ("a receipt for what is not stored", "queue/receipts.cpp",
     "    if (failed) co_return reply(reason_of(failed, limit.error()));\n", ""),
    ("a payload that the service refuses is taken for delivered", "queue/deliverer_attempt.cpp",
     "    if (decision.verdict != delivery_verdict::delivered) {", "    if (false) {"),
    ("what fails to be delivered is tried once", "queue/deliverer_attempt.cpp",
     "    const bool dead = decision.verdict == delivery_verdict::dead;", "    const bool dead = true;"),
    ("a delivery has no key of its own", "queue/deliverer_attempt.cpp",
     "        notes.idempotency_key = entry.idempotency_key;", "        notes.idempotency_key = \"same\";"),
    ("what is stored is not counted", "queue/receipts.cpp", "    counters_.queue.stored.add();\n", ""),
    ("a fallback stores what the service took", "queue/receipts.cpp",
     "!is_for_later(relayed)) co_return relayed;", "!is_for_later(relayed)) {}"),
]

DRAWN_FROM = ["session/session.cpp", "session/exchange.cpp", "session/outcome.cpp", "session/receive.cpp",
              "session/receive_plan.cpp", "acceptor.cpp", "upstream/http_forwarder.cpp",
              "upstream/buffered_exchange.cpp", "upstream/upstream_connector.cpp", "upstream/connection_pool.hpp"]

def broken_lines(text):
    """Each one-line breakage of a source: (line number, the new line)."""
    for number, line in enumerate(text.split("\n")):
        code = line.split("//")[0].rstrip()
        stripped = code.strip()
        if not stripped or stripped.startswith(("#", "using", "namespace", "///", "case ", "return;", "static")):
            continue
        if re.fullmatch(r"\s+[\w.>\-\[\]:*]+(\([^;]*\))?( [+|]?= [^;]+)?;", code) and not re.match(
                r"\s+(return|co_return|const|auto|break|continue|bool|int|std::\S+ \w)", code):
            yield number, line.replace(stripped, ";")
        if re.match(r"\s+(else )?if \(([^;=]|==|!=|<=|>=)*\)", code) and "constexpr" not in code:
            yield number, re.sub(r"if \(", "if (!", line, count=1) if "&&" not in code and "||" not in code else (
                line.replace("&&", "||", 1) if "&&" in code else line.replace("||", "&&", 1))
        for old, new in ((" < ", " <= "), (" >= ", " > "), (" == ", " != "), ("true", "false"), ("false", "true"), (" + ", " - ")):
            if old in code and "template" not in code and "operator" not in code:
                yield number, line.replace(old, new, 1)
                break


def drawn(count, seed):
    dice = random.Random(seed)
    for i in range(count):
        file = DRAWN_FROM[i % len(DRAWN_FROM)]
        with open(path_of(file), encoding="utf-8") as source:
            text = source.read()
        number, line = dice.choice(list(broken_lines(text)))
        lines = text.split("\n")
        name = f"{file}:{number + 1}: {lines[number].strip()}  ->  {line.strip()}"
        lines[number] = line
        yield name, file, "\n".join(lines)


def stands_in(file, text):
    path = path_of(file)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as source:
        return text in source.read()


def listed(only):
    for name, file, old, new in BUGS:
        if only and only not in name:
            continue
        with open(path_of(file), encoding="utf-8") as source:
            text = source.read()
        yield name, file, text.replace(old, new, 1) if old in text else None


class Build:
    """The objects and commands of a built tree."""

    def __init__(self, folder):
        self.folder = folder
        self.link = self._commands("test_sim")[-1]
        self.objects = self._ninja("-t", "targets", "all").split("\n")
        libraries = [f"finpost_{library}.dir" for library in SOURCES]
        self.objects = [one.split(":")[0] for one in self.objects
                        if ".cpp.o:" in one and any(library in one for library in libraries)]

    def _ninja(self, *arguments):
        return subprocess.run(["ninja", "-C", self.folder, *arguments], capture_output=True, text=True, check=True).stdout

    def _commands(self, target):
        return [line for line in self._ninja("-t", "commands", target).split("\n") if line and not line.startswith("ninja:")]

    def users_of(self, file):
        library, path = parts_of(file)
        if path.endswith(".cpp"):
            return [one for one in self.objects if f"finpost_{library}.dir" in one and one.endswith("/src/" + path + ".o")]
        return [one for one in self.objects if f"{library}/src/{path}" in self._ninja("-t", "deps", one)]

    def compile(self, thing, overlay, file, to):
        command = self._commands(thing)[-1]
        mutated = os.path.join(overlay, parts_of(file)[1])
        command = re.sub(r" -MD -MT \S+ -MF \S+", "", command)
        command = re.sub(r" -o \S+", " -o " + shlex.quote(to), command)
        if file.endswith(".cpp"):
            command = re.sub(r" -c \S+", " -c " + shlex.quote(mutated), command)
        folders = f" -I{shlex.quote(overlay)} -I{shlex.quote(SOURCES[parts_of(file)[0]])} -I"
        command = command.replace(" -I", folders, 1).replace("-Werror", "")
        return subprocess.run(command, shell=True, cwd=self.folder, capture_output=True, text=True, check=False)

    def link_with(self, objects, to):
        command = self.link.split("&& ")[1].split(" && ")[0]
        command = re.sub(r" -o \S+", " -o " + shlex.quote(to) + " " + " ".join(map(shlex.quote, objects)), command)
        return subprocess.run(command, shell=True, cwd=self.folder, capture_output=True, text=True, check=False)


def judge(build, file, text, schedules, seconds, schedules_first=False):
    """How the bug was seen: (seen or missed or another word, by what)."""
    with tempfile.TemporaryDirectory(prefix="finpost-mutation-") as work:
        overlay = os.path.join(work, "src")
        copy = os.path.join(overlay, parts_of(file)[1])
        os.makedirs(os.path.dirname(copy))
        with open(copy, "w", encoding="utf-8") as out:
            out.write(text)
        objects = []
        for thing in build.users_of(file):
            to = os.path.join(work, f"{len(objects)}.o")
            done = build.compile(thing, overlay, file, to)
            if done.returncode:
                errors = [line for line in done.stderr.split("\n") if "error" in line]
                return "does not compile", (errors or [""])[0][:120]
            objects.append(to)
        program = os.path.join(work, "test_sim")
        done = build.link_with(objects, program)
        if done.returncode:
            return "does not link", done.stderr[-200:]
        scenarios = [program, "--run_test=scenarios,framed_scenarios,queue_scenarios", "--color_output=no"]
        drawn_ones = [program, "--count", str(schedules), "--seconds", str(seconds), "--first"]
        runs = [drawn_ones, scenarios] if schedules_first else [scenarios, drawn_ones]
        for run in runs:
            try:
                done = subprocess.run(run, capture_output=True, text=True, errors="replace", timeout=seconds + 60, check=False)
            except subprocess.TimeoutExpired:
                return "seen", "it does not end"
            if done.returncode == 0:
                continue
            said = done.stdout + done.stderr
            by = re.search(r"wrong: (.*)|^  (\w+: .*)|error: in \"(\S+?)\"", said, re.M)
            where = re.search(r"^seed (\d+)", said, re.M)
            what = next((one for one in by.groups() if one), "") if by else f"it ended with {done.returncode}"
            seen = (f"seed {where[1]}: " if where and run is drawn_ones else "") + what[:110]
            shrunk = re.search(r"^shrunk.*?(?=^the trace)", said, re.M | re.S)
            return "seen", seen + ("\n    " + shrunk[0].strip().replace("\n", "\n    ") if shrunk else "")
        return "MISSED", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_dir", nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--drawn", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    if options.check:
        gone = [f"{file}: \"{name}\" has no place any more" for name, file, old, _ in BUGS if not stands_in(file, old)]
        sys.exit("\n".join(gone) or 0)
    if options.build_dir is None:
        parser.error("BUILD_DIR is missing")
    build = Build(options.build_dir)
    with open(path_of("session/session.cpp"), encoding="utf-8") as source:
        word, by = judge(build, "session/session.cpp", source.read(), options.schedules, options.seconds)
    if word != "MISSED":
        sys.exit(f"without a bug something is {word} as well: {by}")
    counts = {}
    for name, file, text in drawn(options.drawn, options.seed) if options.drawn else listed(options.only):
        word, by = ("NOT APPLICABLE", "") if text is None else judge(
            build, file, text, options.schedules, options.seconds, options.drawn > 0)
        counts[word] = counts.get(word, 0) + 1
        print(f"{word:16} {name}" + (f" | {by}" if by else ""), flush=True)
    print(", ".join(f"{n} {word}" for word, n in counts.items()))
    judged = counts.get("MISSED", 0) + counts.get("seen", 0)
    return 1 if counts.get("MISSED", 0) * 10 > judged or counts.get("NOT APPLICABLE") else 0


if __name__ == "__main__":
    sys.exit(main())
