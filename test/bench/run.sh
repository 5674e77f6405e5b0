#!/usr/bin/env bash
# The benchmark: finpostd beside a thread per client, the original and the floor. README.md says how to
# read what it prints.
#
#   test/bench/run.sh [--quick] [--rounds N] [--only connections|sizes|memory|large|frames] [--gateways A,B]
#                     [--delay MS] [--build-dir DIR] [--output DIR]
#   test/bench/run.sh --micro [options of Google Benchmark]
#
# It installs what it needs, builds the preset `release` and writes RESULTS.md and pictures/*.svg here.
#
#   --quick          one short round over few points, under a minute: whether it works, not how fast
#   --rounds N       interleaved rounds [3]
#   --only WHAT      one comparison instead of all five, into RESULTS.WHAT.md
#   --gateways A,B   of finpostd, thread_per_client, thread_per_client_pool, original, epoll_floor and, with
#                    large payloads, finpostd_memory, finpostd_spill, finpostd_stream, finpostd_base64 [all]
#   --delay MS       how long the HTTP service behind them takes to answer [0]
#   --build-dir DIR  measure what is built there; nothing is installed or built
#   --output DIR     where the results go
#   --micro          the micro-benchmarks instead
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

build_dir='' micro='' options=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
    --micro) micro=1 ;;
    --build-dir | --output | --rounds | --only | --gateways | --delay)
        [ $# -ge 2 ] || { echo "$0: $1 needs a value (see --help)" >&2; exit 2; }
        if [ "$1" = --build-dir ]; then build_dir=$2; else options+=("$1" "$2"); fi
        shift
        ;;
    --quick) options+=("$1") ;;
    *)
        [ -n "$micro" ] || { echo "$0: unknown option $1 (see --help)" >&2; exit 2; }
        options+=("$1")
        ;;
    esac
    shift
done

# As quiet as everything else when all is well.
step() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    [ $status -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return $status
}

if [ -z "$build_dir" ]; then
    sections=(--build --test --bench)
    "$root/docker/install-deps.sh" "${sections[@]}"
    cd "$root"
    echo "building build/release ..."
    step cmake --preset release
    targets=(finpost finpostd bench_echo_service bench_epoll_floor bench_thread_per_client)
    if [ -n "$micro" ]; then targets=(bench_micro); fi
    step cmake --build --preset release --target "${targets[@]}"
    build_dir=$root/build/release
fi

if [ -n "$micro" ]; then
    exec "$build_dir/test/bench/micro/bench_micro" ${options[@]+"${options[@]}"}
fi

# Ports, TIME_WAIT, firewall rules and connection tracking of our own: a full tracking table of the
# machine would drop SYNs and be measured as a stall. Without root, or where a container forbids it, the
# machine's own loopback has to do.
run=(python3 -B "$here/bench.py" --build-dir "$build_dir" ${options[@]+"${options[@]}"})
if [ "$(id -u)" -eq 0 ] && unshare -n ip link set lo up 2>/dev/null; then
    exec unshare -n sh -c 'ip link set lo up && exec "$@"' sh "${run[@]}"
fi
exec "${run[@]}"
