#!/usr/bin/env bash
# Counts the instructions of exchanges with valgrind, where noise cannot decide, and fails when they are
# more than they may be:
#
#   count.sh EXCHANGE_PROGRAM
#
# The counts are user instructions of client, gateway and HTTP service together (see exchange.cpp).
set -euo pipefail
program=$1

# What one exchange of 1 KiB costs is some 29,000. Twice that trips on a real regression only, such as
# a buffer copied byte by byte or a timer an operation.
budget=58000
# 64 MiB cost 3.7 times what 16 MiB cost. Quadratic accumulation would make it 16.
most_growth=4.4

if ! command -v valgrind >/dev/null; then
    [ -z "${CI-}" ] || { echo "valgrind is not installed" && exit 1; }
    echo "SKIPPED: valgrind is not installed"
    exit 77
fi

# instructions EXCHANGES PAYLOAD_BYTES
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : //p'
}
# The difference of two runs leaves start and end out: per_exchange FEW MANY PAYLOAD_BYTES
per_exchange() {
    local few many
    few=$(instructions "$1" "$3")
    many=$(instructions "$2" "$3")
    echo $(((many - few) / ($2 - $1)))
}

small=$(per_exchange 200 1200 1024)
medium=$(per_exchange 1 2 $((16 << 20)))
large=$(per_exchange 1 2 $((64 << 20)))
growth=$(awk -v a="$large" -v b="$medium" 'BEGIN { printf "%.2f", a / b }')

echo "1 KiB:  $small instructions an exchange (budget $budget)"
echo "16 MiB: $medium, 64 MiB: $large: $growth times as many (at most $most_growth)"
[ "$small" -gt 0 ] && [ "$small" -le "$budget" ]
awk -v growth="$growth" -v most="$most_growth" 'BEGIN { exit !(growth > 0 && growth <= most) }'
