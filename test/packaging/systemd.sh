#!/usr/bin/env bash
# The units of packaging/ as systemd reads them: systemd.sh SOURCE FINPOSTD WORK. Exit code 77: skipped.
set -euo pipefail
units=$1/packaging finpostd=$2 work=$3

fail() {
    echo "packaging.systemd: $1" >&2
    exit 1
}
if ! command -v systemd-analyze >/dev/null; then
    [ -z "${CI-}" ] || fail "systemd-analyze is not installed"
    echo "SKIPPED: systemd-analyze is not installed"
    exit 77
fi
rm -rf "$work"
mkdir -p "$work/bad"

# In tenths. It says so with each line that counts when it is more.
most_exposed=20
is_sandboxed() {
    systemd-analyze security --offline=true --no-pager --threshold="$most_exposed" "$1" >"$work/security.log" 2>&1
}
# Nothing may be said, for systemd goes on without what it does not know.
is_good() {
    local said
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$@" 2>&1) && [ -z "$said" ] && return
    echo "$said" >"$work/verify.log"
    return 1
}
# as_built FILE...: with the programs of this build, which are not in /usr/bin.
as_built() {
    local file
    for file in "$@"; do
        sed "s|/usr/bin/finpostd|$finpostd|" "$units/$file" >"$work/$file"
    done
}

as_built finpost.service finpost.socket
is_sandboxed "$work/finpost.service" || { cat "$work/security.log" && fail "it is exposed too much"; }
is_good "$work/finpost.service" "$work/finpost.socket" || { cat "$work/verify.log" && fail "a unit is wrong"; }

# And what is wrong is seen.
sed '/^CapabilityBoundingSet=/d; /^SystemCallFilter=/d; /^Restrict/d' "$work/finpost.service" >"$work/bad/finpost.service"
! is_sandboxed "$work/bad/finpost.service" || fail "half a sandbox is good enough"
sed 's/^WatchdogSec=/WatchdogSecs=/' "$work/finpost.service" >"$work/bad/finpost.service"
! is_good "$work/bad/finpost.service" || fail "a key that does not exist is not seen"

# The stop is not cut by systemd: its limit is above the default of --drain.
limit=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$units/finpost.service")
drain=$("$finpostd" --demo --check 2>/dev/null | sed -n 's/^drain = "\([0-9]*\)s"$/\1/p')
[ "$limit" -gt "$drain" ] || fail "TimeoutStopSec= is not above --drain ($drain s)"

# The socket is for a listener that finpostd has by default.
listen=$(sed -n 's/^ListenStream=//p' "$units/finpost.socket")
grep -qF "$listen" <<<"$("$finpostd" --help)" || fail "$listen of finpost.socket is not the default of --listen"
echo "packaging.systemd: ok"
