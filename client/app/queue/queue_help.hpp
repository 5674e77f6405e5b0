#pragma once

#include <string_view>

namespace finpost {

/// What `finpost queue --help` says.
inline constexpr std::string_view queue_help =
    R"(finpost queue: looks after the payloads that gateways have stored

  finpost queue init                makes the queue where there is none, opens it, says it is good
  finpost queue stats               what is in it
  finpost queue list                a line for each payload, in the order of storing
  finpost queue show ID             what is known of a payload; with --bytes or -o FILE its bytes
  finpost queue replay ID...        dead letters, and damaged ones that were set aside, wait again:
                                    due at once and as if they were new. --all: every one of them
  finpost queue drop ID...          removes payloads for good, whatever their state
  finpost queue export DIR          writes each payload to the file DIR/ID and what is known of it to
                                    DIR/ID.json (0600; DIR is made with 0700). The queue keeps them
  finpost queue move --from A --to B
                                    moves payloads to the queue in B, which is made where it is
                                    missing. Each is a directory, which no gateway may have
                                    meanwhile, or a database's URL

  --queue-dir DIR                   where the queue is: the gateway's --queue-dir; for all but move
  --queue-database URL              or its --queue-database
  --queue-password-file FILE        the password for a database
                                    Without them: FINPOST_QUEUE_DIR, FINPOST_QUEUE_DATABASE,
                                    FINPOST_QUEUE_PASSWORD_FILE
  --state waiting|dead|set_aside, --listener NAME, --upstream NAME
                                    only payloads for which all of these hold: list, replay --all,
                                    export, move
  --json                            list: an array of objects; the others: one object
  --bytes                           show: the bytes to standard output, which is no terminal
  -o, --output FILE                 show: the bytes to FILE (0600), which appears when it is whole
  --                                ends the options
  -h, --help

A gateway that runs is asked by DIR/control.sock. Where none runs the queue is opened here, and locked
meanwhile: no gateway starts with it, and nothing is delivered. In a database gateways go on beside it,
and init makes the tables. Times are UTC. In lists and words of
show, what is not printable is written as \x and its number.

replay --all takes each payload once: what becomes a dead letter again meanwhile stays one.
export writes over no file. One that has the same bytes counts as done, so an export can be repeated;
a payload that is delivered meanwhile is no failure.
move keeps id, idempotency key, listener, upstream, addresses and the name in the certificate. In B
everything waits and is due at once, dead letters as well: with --state waiting they stay in A.
Payloads that are damaged stay. After an end in the middle, move again: nothing is lost or doubled.

Exit codes:
  0  done
  1  it failed, or not for all: what, is on standard error. Of a replay or drop that failed on the way
     it may not be known whether it was done: look with list
  2  a bad option; nothing was done
)";

} // namespace finpost
