#!/usr/bin/env bash
# Shows what finpost does, on this machine: installs what building needs, builds, and sends a file
# through the gateway in two ways. Nothing keeps running, and it is safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
gateway= # its process id, while it runs
clean_up() {
    if [ -n "$gateway" ]; then kill -KILL "$gateway" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "demo: $1" >&2
    [ ! -s "${2-}" ] || cat "$2" >&2
    exit 1
}

# step WHAT COMMAND...: its output is shown only when it fails.
step() {
    local what=$1
    shift
    printf '%s ... ' "$what"
    if "$@" >"$work/step" 2>&1 </dev/null; then
        echo "done"
    else
        echo "failed"
        fail "could not do this: $*" "$work/step"
    fi
}

program() {
    find build/release -name "$1" -type f -perm -u+x -print -quit
}

echo "== finpost: a TCP FIN comes in, an HTTP POST goes out =="
echo
step "Installing what building needs" docker/install-deps.sh --build
step "Configuring" cmake --preset release -DFINPOST_BUILD_TESTS=OFF
step "Building (minutes the first time, seconds afterwards)" \
    cmake --build --preset release --target finpostd finpost
finpostd=$(program finpostd)
finpost=$(program finpost)

# ----------------------------------------------------------------------------------------------
echo
echo "Starting the gateway. --demo gives it an HTTP service to talk to: one that answers each POST with"
echo "the body it got. Port 0 means any free port; the log says which."
echo "  \$ $finpostd --demo --listen 127.0.0.1:0"
"$finpostd" --demo --listen 127.0.0.1:0 --admin off --log-level debug --log-format json \
    >"$work/out" 2>"$work/log" </dev/null &
gateway=$!
address=
for _ in $(seq 200); do
    address=$(grep -m 1 '"ready"' "$work/log" | grep -oE -m 1 '127\.0\.0\.1:[0-9]+' | head -n 1) || true
    [ -z "$address" ] || break
    kill -0 "$gateway" 2>/dev/null || fail "the gateway did not start:" "$work/log"
    sleep 0.05
done
[ -n "$address" ] || fail "the gateway is not ready after 10 seconds:" "$work/log"
host=${address%:*} port=${address##*:}
echo "  It listens on $address."

# ----------------------------------------------------------------------------------------------
file=README.md
[ -f "$file" ] || file=LICENSE
size=$(wc -c <"$file")

# Any program that can half-close will do; perl is on every Debian. (bash's own /dev/tcp cannot: it
# has no shutdown.) Whatever happens, none of them waits for ever.
if command -v nc >/dev/null && [[ $(nc -h 2>&1) == *'Shutdown the network socket'* ]]; then
    client="nc -N $host $port <$file"
    plain() { timeout 30 nc -N "$host" "$port"; }
elif command -v python3 >/dev/null; then
    client="python3 (socket: connect, sendall, shutdown(SHUT_WR), recv) <$file"
    plain() {
        timeout 30 python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while data := s.recv(65536):
    sys.stdout.buffer.write(data)' "$host" "$port"
    }
else
    client="perl (IO::Socket: connect, print, shutdown(1), read) <$file"
    plain() {
        # shellcheck disable=SC2016 # the dollars are perl's
        timeout 30 perl -MIO::Socket::INET -e '
            my $s = IO::Socket::INET->new("$ARGV[0]:$ARGV[1]") or die "$!\n";
            local $/;
            print $s scalar <STDIN>;
            $s->flush;
            $s->shutdown(1);
            print scalar <$s>;' "$host" "$port"
    }
fi
echo
echo "1. A plain socket sends $file ($size bytes) and half-closes; the FIN says that it is complete."
echo "   The gateway makes one POST of it and writes the answer back on the same connection."
echo "   \$ $client"
plain <"$file" >"$work/plain" 2>"$work/plain.err" ||
    fail "the plain client failed:" "$work/plain.err"
cmp -s "$file" "$work/plain" || fail "the answer to the plain client is not what was sent" "$work/log"
echo "   The answer is equal to the file: $(wc -c <"$work/plain") bytes."

echo
echo "2. finpost's own client does the same, and says with -v what it saw."
echo "   \$ $finpost send -v $address $file"
"$finpost" send -v --timeout 30s "$address" "$file" >"$work/own" 2>"$work/own.err" ||
    fail "finpost send failed:" "$work/own.err"
cmp -s "$file" "$work/own" || fail "the answer to finpost send is not what was sent" "$work/log"
cmp -s "$work/plain" "$work/own" || fail "the two answers differ"
echo "   The answer is equal to the file, and so both answers are equal to each other."

# ----------------------------------------------------------------------------------------------
echo
echo "One TCP connection, seen from both ends. What is local to one end is remote to the other:"
echo "   the client's socket (finpost send -v):"
sed 's/^/     /' "$work/own.err"
echo "   the gateway's accepted socket (its log at debug, event \"accepted\"):"
grep '"accepted"' "$work/log" | tail -n 1 | tr ',' '\n' |
    sed -nE 's/.*"(family|type|local|remote)": *"([^"]*)".*/     \1: \2/p'

# ----------------------------------------------------------------------------------------------
echo
printf 'Stopping the gateway with SIGTERM: it takes no new clients and finishes what it has ... '
kill -TERM "$gateway"
timeout 40 tail --pid="$gateway" -s 0.02 -f /dev/null || kill -KILL "$gateway"
status=0
wait "$gateway" || status=$?
gateway=
[ "$status" -eq 0 ] || fail "the gateway ended with exit code $status:" "$work/log"
echo "exit code 0"
echo
echo "That was all of it. To play with it: $finpostd --demo"
echo "and, in another terminal:            printf hello | nc -N 127.0.0.1 5000"
