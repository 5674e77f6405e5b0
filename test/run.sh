#!/usr/bin/env bash
# Installs what building and testing need, builds, and runs the tests:
#
#   test/run.sh                   everything: release, AddressSanitizer + UndefinedBehaviorSanitizer,
#                                 and the flow tests under ThreadSanitizer
#   test/run.sh --quick           release only
#   test/run.sh PRESET [LABEL]    one preset of CMakePresets.json, and of it the tests with a label:
#                                 test/run.sh dev unit
#   test/run.sh fuzz [SECONDS]    each fuzzer of test/fuzz for 20 seconds, or as many as are said
#
# A line a step when all is well; the whole story of a step that fails. The last line is the sum over
# all of them, "123 passed, 0 failed, 1 skipped", above it each skipped test. The exit code is 0 when
# nothing failed. With CI=true in the environment, software to test against that is missing is a
# failure; otherwise its tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "test/run.sh"; }
wrong_usage() { usage >&2 && exit 2; }
case ${1-} in
-h | --help) usage && exit 0 ;;
--quick) [ $# -eq 1 ] || wrong_usage && set -- release ;;
-*) wrong_usage ;;
esac
[ $# -le 2 ] || wrong_usage

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# A second build is quick where the machine has ccache; nothing depends on it, and there is no second one in CI.
if [ -z "${CI-}" ] && command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi

# step TITLE COMMAND...: its output is kept, and shown only when it fails.
step() {
    local title=$1 began=$SECONDS
    shift
    if "$@" >"$work/log" 2>&1 </dev/null; then
        echo "$title: done in $((SECONDS - began)) s"
        return
    fi
    cat "$work/log"
    echo "$title: FAILED"
    failed=$((failed + 1))
    return 1
}

# g++ 12's ThreadSanitizer cannot start where the kernel randomises addresses by more than 28 bits.
without_randomisation() {
    local bits
    bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
    if [ "$bits" -gt 28 ]; then
        setarch "$(uname -m)" -R "$@"
    else
        "$@"
    fi
}

# Adds ctest's result lines up. A test that could not run for any reason but a skip has failed.
count() {
    local line='^ *[0-9]+/[0-9]+ Test +#[0-9]+: ' ok skip all
    ok=$(grep -cE "$line.* Passed +[0-9.]+ sec" "$work/log" || true)
    skip=$(grep -cE "$line.*\*\*\*(Skipped|Not Run \(Disabled\))" "$work/log" || true)
    all=$(grep -cE "$line" "$work/log" || true)
    passed=$((passed + ok))
    skipped=$((skipped + skip))
    failed=$((failed + all - ok - skip))
    [ "$all" -gt 0 ] || { echo "$1: no test was run" && failed=$((failed + 1)); }
}

# The skipped tests, each with what it said about it; also of a suite that passed, those of its cases.
note_skips() {
    awk -v preset="$1" '
        /<testcase / { split($0, part, "\""); name = part[2] }
        /<testcase .*status="disabled"/ || /<skipped message="SKIP_/ || match($0, /SKIPPED: .*/) {
            if (!(name in seen)) print "skipped in " preset ": " name
            seen[name]
        }
        match($0, /SKIPPED: .*/) {
            why = substr($0, RSTART)
            gsub(/<[^>]*>/, "", why)
            if (!((name, why) in said)) print "    " why
            said[name, why]
        }
    ' "$work/junit.xml" >>"$work/skips"
}

run_preset() {
    local preset=$1 label=${2-} began status=0 before=$failed
    # The demo builds without tests in the same folder.
    step "configure $preset" cmake --preset "$preset" -DFINPOST_BUILD_TESTS=ON || return 0
    # Of the labels that are one executable, no more than that is built.
    local target=all
    case $label in unit | flow) target=test_$label ;; esac
    step "build $preset" cmake --build --preset "$preset" --target "$target" -j "$(nproc)" || return 0
    began=$SECONDS
    # Of a test that has passed as well, everything that it says.
    local select=(--preset "$preset" --output-junit "$work/junit.xml" --test-output-size-passed 1048576)
    [ -z "$label" ] || select+=(-L "^$label\$")
    local around=()
    [ "$preset" != tsan ] || around=(without_randomisation)
    "${around[@]}" ctest "${select[@]}" >"$work/log" 2>&1 </dev/null || status=$?
    count "$preset"
    [ ! -s "$work/junit.xml" ] || note_skips "$preset"
    # A failure that left no line of its own, such as a preset that ctest does not know.
    if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then failed=$((failed + 1)); fi
    if [ "$failed" -eq "$before" ]; then
        echo "test $preset${label:+ ($label)}: done in $((SECONDS - began)) s"
    else
        # The tests that passed tell nothing here.
        grep -vE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed |^ +Start +[0-9]+: ' "$work/log" || true
        echo "test $preset${label:+ ($label)}: FAILED"
    fi
}

# Each fuzzer is a test that has passed when it has found nothing.
run_fuzzers() {
    local seconds=${1-20} before=$failed count found status=0
    echo "fuzzers, $seconds s each:"
    test/fuzz/run.sh -j "$(nproc)" "$seconds" 2>&1 </dev/null | tee "$work/log" || status=$?
    count=$(grep -cE ' [0-9]+ findings$' "$work/log" || true)
    found=$(grep -cE ' [1-9][0-9]* findings$' "$work/log" || true)
    passed=$((passed + count - found))
    failed=$((failed + found))
    if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then failed=$((failed + 1)); fi
}

export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS-second_deadlock_stack=1}

if [ "${1-}" = fuzz ]; then
    [[ ${2-20} =~ ^[1-9][0-9]*$ ]] || wrong_usage
    run_fuzzers "${2-20}"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
fi

# Continuous integration runs what needs an engine as well; elsewhere it runs where there is one.
sections=(--build --test)
[ -z "${CI-}" ] || sections+=(--with-containers)
step install docker/install-deps.sh "${sections[@]}" || exit 1
if [ $# -gt 0 ]; then
    run_preset "$@"
else
    run_preset release
    run_preset asan
    run_preset tsan flow
fi

[ ! -s "$work/skips" ] || cat "$work/skips"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
