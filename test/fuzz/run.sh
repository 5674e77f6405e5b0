#!/usr/bin/env bash
# Builds the fuzzers with clang and libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, and runs them:
#
#   test/fuzz/run.sh [-j N] [--plain] SECONDS [NAME]    all of them one after the other (N at a time), or one;
#                                                       --plain: without sanitizers, which makes many more runs
#   test/fuzz/run.sh --coverage [NAME]        which lines of the parsers the committed corpora reach, as a table
#   test/fuzz/run.sh --keep [NAME]            takes into the committed corpora what runs have found that reaches more
#   test/fuzz/run.sh --list                   their names
#
# A line each: runs, runs a second, edges that were reached, findings. An input that fails is a file in
# build/fuzz/findings/NAME, which is named; build/fuzz/test/fuzz/fuzz_NAME FILE runs it again. Inputs that reach
# something new gather in build/fuzz/found/NAME from one run to the next. The exit code is 1 when there was a finding.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' test/fuzz/run.sh; }
wrong_usage() { usage >&2 && exit 2; }

corpora=test/fuzz/corpus
mapfile -t all < <(ls "$corpora")
mode=run jobs=1 names=()
case ${1-} in
-h | --help) usage && exit 0 ;;
--list) printf '%s\n' "${all[@]}" && exit 0 ;;
--coverage | --keep) mode=${1#--} && shift ;;
-j) [[ ${2-} =~ ^[1-9][0-9]*$ ]] || wrong_usage && jobs=$2 && shift 2 ;;
esac
preset=fuzz
if [ "${1-}" = --plain ]; then preset=fuzz-plain && shift; fi
if [ "$mode" = run ]; then
    [[ ${1-} =~ ^[1-9][0-9]*$ ]] || wrong_usage
    seconds=$1 && shift
fi
[ $# -le 1 ] || wrong_usage
if [ $# -eq 1 ]; then
    [ -d "$corpora/$1" ] || { echo "$1: there are ${all[*]}" >&2 && exit 2; }
    names=("$1")
else
    names=("${all[@]}")
fi

docker/install-deps.sh --build --fuzz
if [ -z "${CI-}" ] && command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi

build() { # PRESET TARGET...
    local log
    log=$(mktemp)
    if ! { cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)" --target "${@:2}"; } >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    rm "$log"
}

# The whole gateway is fuzzed by the simulator.
program() {
    case $1 in
    gateway) echo build/$preset/test/sim/fuzz_gateway ;;
    *) echo build/$preset/test/fuzz/fuzz_"$1" ;;
    esac
}

# Whatever is longer is as good as a shorter input, and takes longer.
longest() {
    case $1 in
    config_file) echo 3000 ;;
    admin | response) echo 1024 ;;
    gateway) echo 1500 ;;
    endpoint | first_bytes | frame | refusal | units) echo 160 ;;
    *) echo 400 ;;
    esac
}

# Memory is checked as ever; it is given out again sooner, which is quicker.
export ASAN_OPTIONS=${ASAN_OPTIONS-quarantine_size_mb=16:malloc_context_size=8}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

fuzz() { # NAME
    local name=$1 findings=build/fuzz/findings/$1 found=build/fuzz/found/$1 log=build/fuzz/$1.log status=0
    local before after limits=(-timeout=10)
    # libFuzzer would read its time from the simulated clock.
    [ "$name" != gateway ] || limits=(-handle_alrm=0)
    mkdir -p "$findings" "$found"
    before=$(find "$findings" -type f | wc -l)
    "$(program "$name")" -max_total_time="$seconds" -max_len="$(longest "$name")" "${limits[@]}" \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$findings/" "$found" "$corpora/$name" \
        >"$log" 2>&1 </dev/null || status=$?
    after=$(find "$findings" -type f | wc -l)
    awk -v name="$name" -v findings=$((after - before)) '
        / cov: / { for (i = 1; i < NF; ++i) if ($i == "cov:") edges = $(i + 1) }
        /number_of_executed_units/ { runs = $2 }
        /average_exec_per_sec/ { rate = $2 }
        END { printf "%-18s %10d runs %7d/s %6d edges %3d findings\n", name, runs, rate, edges, findings }' "$log"
    [ "$status" -ne 0 ] || return 0
    grep -aE 'DOES NOT HOLD|ERROR: |runtime error: ' "$log" || tail -n 20 "$log"
    find "$findings" -type f | sort
    return 1
}

case $mode in
run)
    targets=()
    for name in "${names[@]}"; do targets+=("fuzz_$name"); done
    build "$preset" "${targets[@]}"
    failed=0 running=0
    for name in "${names[@]}"; do
        if [ "$running" -eq "$jobs" ]; then
            wait -n || failed=1
            running=$((running - 1))
        fi
        fuzz "$name" &
        running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do
        wait -n || failed=1
        running=$((running - 1))
    done
    exit "$failed"
    ;;
keep)
    for name in "${names[@]}"; do
        [ -d "build/fuzz/found/$name" ] || continue
        build fuzz "fuzz_$name"
        before=$(find "$corpora/$name" -type f | wc -l)
        # By edges alone: how often each is passed would make it many times as many files.
        "$(program "$name")" -merge=1 -use_counters=0 "$corpora/$name" "build/fuzz/found/$name" \
            >"build/fuzz/$name.log" 2>&1 || { tail -n 20 "build/fuzz/$name.log" && exit 1; }
        echo "$name: $(($(find "$corpora/$name" -type f | wc -l) - before)) more inputs"
    done
    ;;
coverage)
    build fuzz-coverage test_fuzz
    folder=build/fuzz-coverage program=build/fuzz-coverage/test/fuzz/test_fuzz
    rm -f "$folder"/*.profraw
    for name in "${names[@]}"; do
        [ "$name" != gateway ] || continue # no parser
        LLVM_PROFILE_FILE=$folder/$name.profraw "$program" "$name" "$corpora/$name" >"$folder/log" 2>&1 ||
            { tail -n 5 "$folder/log" && exit 1; }
    done
    llvm-profdata-14 merge -o "$folder/all.profdata" "$folder"/*.profraw
    coverage=("$program" -instr-profile="$folder/all.profdata" -ignore-filename-regex='/usr/|test/fuzz/')
    # Lines, and those of them that no input reaches, of what test/fuzz/CMakeLists.txt names as parsers.
    llvm-cov-14 report "${coverage[@]}" >"$folder/report.txt"
    llvm-cov-14 show "${coverage[@]}" >"$folder/lines.txt"
    awk '
        function line(name, all, missed) {
            printf "%-46s %5d lines %4d missed %6.1f %%\n", name, all, missed, 100 * (all - missed) / all
        }
        FNR == NR {
            if (/^set\(parsers/) on = 1
            if (!on) next
            if (/\)$/) on = 0
            sub(/\)$/, "")
            parser[$1] = 1
            next
        }
        $1 in parser { line($1, $8, $9); all += $8; missed += $9 }
        END { line("all", all, missed) }' test/fuzz/CMakeLists.txt "$folder/report.txt"
    echo "line by line: $folder/lines.txt"
    ;;
esac
