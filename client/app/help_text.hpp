#pragma once

#include <string_view>

namespace finpost {

/// What `finpost --help` says.
inline constexpr std::string_view help_text = R"(finpost: the client of finpostd

  finpost send HOST:PORT [FILE]     sends FILE or standard input, half-closes, and writes the reply
                                    to standard output
  finpost probe HOST:PORT           tells whether a half-close survives the path to a gateway
  finpost load HOST:PORT            measures a gateway with many clients at once: see
                                    finpost load --help
  finpost queue COMMAND             looks after the payloads that a gateway has stored: see
                                    finpost queue --help

  --encode none|base64              what is made of the payload before it is sent [none]
  --decode none|base64              what the reply is decoded from [none]
  --frame SPEC                      send: where the payload and the reply end, for a peer that takes
                                    frames [eof]: eof (the half-close), line, delimiter:HEX,
                                    stx-etx, stx-etx,lrc, stx-etx,sum, mllp, netstring,
                                    length:u8|u16be|u16le|u32be|u32le[,inclusive], length:ascii:N;
                                    fixed:SIZE or idle:TIME, of which the reply ends as with eof
  --reply-format FORM               send: in which form the reply tells of refusals, as the gateway's
                                    --reply-format [body]: body, status, json, ack-nak or hl7
  --expect-reply                    send: an empty reply is a failure, exit code 6
  --payload TEXT                    probe: what is sent before the half-close [nothing]. With it the
                                    gateway makes a request of it, and the answer is the proof
  --connect-timeout TIME            the longest time for looking up the host, connecting, and the TLS
                                    handshake [5s]
  --timeout TIME                    the longest time for everything [35s; probe: 5s]
  --tls                             TLS 1.2 or 1.3; the half-close is then a close_notify
  --ca FILE                         the certificates that may have signed the gateway's [the system's]
  --cert FILE, --key FILE           our certificate, if the gateway asks for one, and its key
                                    [in the same file]
  --server-name NAME                whom the gateway must prove to be [HOST]
  --proxy-protocol v1|v2            sends a PROXY header before everything else
  --proxy-source IP:PORT, --proxy-destination IP:PORT
                                    the addresses in it [the connection's own]
  --                                ends the options: what follows is HOST:PORT or a file
  -v, --verbose                     says the connection as the socket sees it, and how long each
                                    stage took, on standard error
  --generate man|bash|zsh|fish      prints a manual page, or what a shell completes
  --version, --help

Times need a unit: ms, s, m or h. Standard input may be given as "-". A progress bar is shown on a
terminal when something takes long; what it counts is sent, which is not yet received. The connection
is made when the first byte of the payload is there: nothing is sent of an empty one.

Exit codes:
  0  the whole payload was sent and the whole reply has come, or a receipt, which standard error
     has; with --reply-format it tells of success
  2  a bad option, a file that cannot be read, an empty payload, or one that does not fit its
     frame; nothing was sent
  3  no connection, or no TLS handshake; nothing was sent
  4  a time limit
  5  the gateway refused; the reason is on standard error and nothing on standard output. With
     --reply-format also: the service did, whose answer is on standard output (status, json)
  6  the connection was reset or cut, the reply is not framed as --frame says or not in the form of
     --reply-format, or it is empty and --expect-reply was given
finpost probe: 0 the half-close survives, 4 nothing came back, 6 it does not
)";

} // namespace finpost
