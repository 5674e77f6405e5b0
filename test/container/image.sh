#!/usr/bin/env bash
# Builds the image from a clean copy of the repository and runs it as it should be run: read-only, an
# ordinary user, no capability.
#
#   test/container/image.sh [--unit-tests]    also builds the stage that runs the unit tests, which takes
#                                             as long again
#
# FINPOST_IMAGE names an image to use instead of building one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
. "$here/engine.sh"
find_engine
echo "engine: $engine"

if [ -z "${FINPOST_IMAGE-}" ]; then
    FINPOST_IMAGE=$test_image
    build_image
    if [ "${1-}" = --unit-tests ]; then
        expect "the unit tests pass in the stage for them" build_stage --target test
        echo "the unit tests passed in their stage"
    fi
fi

inspect() { "$engine" inspect --type "$1" --format "$2" "$3"; }
of_image() { inspect image "$1" "$FINPOST_IMAGE"; }
inside() { "$engine" run --rm --network none --entrypoint sh "$FINPOST_IMAGE" -c "$1"; }

# --- what it says about itself
[ "$(of_image '{{.Config.User}}')" = 10001:10001 ] || fail "the image's user is not 10001"
[ "$(of_image '{{.Config.StopSignal}}')" = SIGTERM ] || fail "the stop signal is not SIGTERM"
for label in title description licenses version revision; do
    text=$(of_image "{{index .Config.Labels \"org.opencontainers.image.$label\"}}")
    [ -n "$text" ] || fail "the label $label is missing"
done
version=$("$engine" run --rm "$FINPOST_IMAGE" --version)
label=$(of_image '{{index .Config.Labels "org.opencontainers.image.version"}}')
[[ $version == *"$label"* ]] || fail "the label says $label, the program $version"

# --- what is in it
size=$((($(of_image '{{.Size}}') - $(inspect image '{{.Size}}' "$base")) / 1000000))
echo "size: $size MB above $base"
[ $size -lt 60 ] || fail "the image is $size MB larger than its base"
found=$(inside 'for one in c++ g++ gcc cc cpp ld as cmake ninja make ctest git; do command -v $one; done; true')
[ -z "$found" ] || fail "the image contains $found"
[ "$(inside 'ls /usr/local/bin | sort | xargs')" = "finpost finpostd" ] || fail "odd programs in the image"
left=$(inside 'find / -xdev \( -path /proc -o -path /sys \) -prune -o \( -name "*.deb" -o -path "/var/lib/apt/lists/*Packages*" \
    -o -path "/var/cache/apt/*.bin" -o -path "/src" -o -path "/src/*" -o -name "*boost*test*" -o -name "*.hpp" \
    -o -name "install-deps.sh" -o -name "test_unit" \) -print 2>/dev/null; true')
[ -z "$left" ] || fail "left in the image: $left"
unfound=$(inside 'ldd /usr/local/bin/finpostd /usr/local/bin/finpost | grep "not found"' || true)
[ -z "$unfound" ] || fail "a library is missing: $unfound"

# --- running
container=$("$engine" run -d --read-only --cap-drop all --security-opt no-new-privileges \
    -p 127.0.0.1::5000 -p 127.0.0.1::9180 -e FINPOST_DEMO=1 "$FINPOST_IMAGE")
containers+=("$container")
logs() { "$engine" logs "$container" 2>&1; }
logged() { logs | grep -F "\"event\":\"$1\""; }
until_true "ready" logged ready
gateway=$("$engine" port "$container" 5000/tcp | head -n 1)
admin=$("$engine" port "$container" 9180/tcp | head -n 1)

status=$("$engine" exec "$container" cat /proc/1/status)
for line in $'Uid:\t10001\t' $'CapEff:\t0000000000000000' $'CapBnd:\t0000000000000000' $'NoNewPrivs:\t1'; do
    grep -qF "$line" <<<"$status" || fail "the process is not what it should be: no line $line"
done
! "$engine" exec --user 0 "$container" touch /usr/local/written 2>/dev/null ||
    fail "the root of the file system can be written"

# From outside, through the published port, and from inside, with the client of the image.
[ "$(printf hello | python3 "$here/client.py" "$gateway")" = hello ] || fail "no exchange from outside"
[ "$(printf hello | "$engine" exec -i "$container" finpost send 127.0.0.1:5000)" = hello ] ||
    fail "no exchange from inside"
head -c 5000000 /dev/urandom >"$work/sent"
python3 "$here/client.py" "$gateway" <"$work/sent" >"$work/back"
cmp "$work/sent" "$work/back" || fail "5 MB came back different"

# Podman's own schedule of checks needs systemd; asking for one does not.
healthy() {
    if [ "$engine" = podman ]; then
        podman healthcheck run "$container"
    else
        [ "$(inspect container '{{.State.Health.Status}}' "$container")" = healthy ]
    fi
}
until_true "healthy" healthy
"$engine" kill --signal STOP "$container" >/dev/null
! "$engine" exec "$container" finpostd --health >"$work/health" 2>&1 ||
    fail "a gateway that stands still is healthy"
"$engine" kill --signal CONT "$container" >/dev/null
until_true "healthy again" "$engine" exec "$container" finpostd --health

# --- stopping, with an exchange in flight: unready at once, healthy to the end, nothing cut, 0
readiness() { python3 "$here/client.py" --get "/readyz" "$admin"; }
[ "$(readiness)" = "200 ready" ] || fail "readiness before the stop: $(readiness)"
mkfifo "$work/payload"
python3 "$here/client.py" "$gateway" <"$work/payload" >"$work/reply" &
client=$!
exec 3>"$work/payload"
printf 'the first half ' >&3
in_flight() { python3 "$here/client.py" --get /sessions "$admin" | grep '"bytes_in":15'; }
until_true "the first half arrives" in_flight
"$engine" kill --signal TERM "$container" >/dev/null # podman runs nothing in a container that it stops itself
draining() { readiness | grep "503 draining"; }
until_true "not ready while draining" draining
expect "healthy while draining" "$engine" exec "$container" finpostd --health
printf 'and the second' >&3
exec 3>&-
wait $client || fail "the exchange in flight was cut"
stopped() { [ "$(inspect container '{{.State.Status}}' "$container")" = exited ]; }
until_true "the container's end" stopped
[ "$(cat "$work/reply")" = "the first half and the second" ] || fail "a wrong reply: $(cat "$work/reply")"
code=$(inspect container '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || fail "SIGTERM led to exit code $code"
logged stopped | grep -qF '"cut":0' || fail "the last line does not say that nothing was cut"

# Every line is one JSON object, on standard error.
[ -z "$("$engine" logs "$container" 2>/dev/null)" ] || fail "something is on standard output"
logs | python3 -c 'import json, sys; [json.loads(line)["event"] for line in sys.stdin]' ||
    fail "a log line is not JSON"

# --- a queue on a volume outlives a kill, and the container
volume=finpost-test-queue-$$
expect "a volume" "$engine" volume create "$volume"
remove_volume() { "$engine" volume rm -f "$volume" >/dev/null 2>&1 || true; }
trap 'remove_volume; clean_up' EXIT
queueing() { # ARGUMENT...: sets `container`
    container=$("$engine" run -d --read-only --cap-drop all --security-opt no-new-privileges -v "$volume:/var/lib/finpost" \
        -e FINPOST_DELIVERY=queue -e FINPOST_QUEUE_DIR=/var/lib/finpost "$@" "$FINPOST_IMAGE")
    containers+=("$container")
    until_true "ready with a queue" logged ready
}
queueing -e FINPOST_UPSTREAM=http://127.0.0.1:9/ # nobody is there
receipt=$(printf hello | "$engine" exec -i "$container" finpost send 127.0.0.1:5000 2>&1) || fail "no receipt: $receipt"
[[ $receipt == "finpost: queued "* ]] || fail "not a receipt: $receipt"
expect "the container is killed" "$engine" kill --signal KILL "$container"
expect "the container is removed" "$engine" rm -f -v "$container"
queueing -e FINPOST_DEMO=1
is_delivered() { "$engine" exec "$container" finpost queue stats --queue-dir /var/lib/finpost --json | grep '"waiting":{"payloads":0,'; }
until_true "what was stored is delivered" is_delivered
logged "demo request" | grep -qF '"bytes":5' || fail "the demo service does not show it"
expect "the container is removed" "$engine" rm -f -v "$container"

echo passed
