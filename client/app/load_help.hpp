#pragma once

#include <string_view>

namespace finpost {

/// What `finpost load --help` says.
inline constexpr std::string_view load_help = R"(finpost load: measures a gateway

  finpost load HOST:PORT            opens connections, sends a payload on each, half-closes and reads
                                    the reply to its end; by default the reply must be the payload,
                                    as from a gateway before an echo service

  -c, --connections N               exchanges at once [64]; 0 with --slow
  -n, --requests N                  exchanges in all
  --duration TIME                   how long exchanges are started [10s; 120s with -n]
  --size SIZE                       of a payload [1KiB]; no two payloads are alike
  --no-verify                       take any reply that is not a refusal
  --rate N                          open loop: N arrivals a second by a fixed schedule, whatever the
                                    gateway does; latency counts from when an exchange was due.
                                    Otherwise the next one starts when one has ended
  --frame SPEC                      payloads and replies are frames, many on a connection, one at a
                                    time: line, delimiter:HEX, stx-etx, stx-etx,lrc, stx-etx,sum,
                                    mllp, netstring, length:u8|u16be|u16le|u32be|u32le[,inclusive]
                                    or length:ascii:N. Without it each has a connection [eof]
  -k, --per-connection N            with --frame: exchanges on a connection, then a new one is made
                                    [no limit]
  --slow N                          further clients that send one byte a second, held to the end
  --timeout TIME                    the longest time for one exchange [20s]
  --json                            one JSON object on standard output
  -h, --help

Times need a unit: ms, s, m or h. Sizes take KiB, MiB or GiB.
Ctrl+C ends the run and prints what it has.
The run is given up when nothing has succeeded for 20s, or for one --timeout when that is longer.

Exit codes:
  0  every exchange succeeded
  1  some did not
  2  a bad option
  3  nothing could be connected
)";

} // namespace finpost
