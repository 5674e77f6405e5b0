#!/usr/bin/env bash
# Runs docker/compose.cluster.yaml as it is: two gateways with one queue in three PostgreSQL nodes. It takes payloads at
# either gateway, each process in it dies once, and what had a receipt has arrived in the end.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
. "$here/engine.sh"
find_engine
find_compose
begin_project finpost-cluster compose.cluster.yaml
GATEWAY_PORT=$(free_port) CLUSTER_IMAGE=localhost/finpost-test:cluster
export GATEWAY_PORT CLUSTER_IMAGE
expect "the node's image is built" "$engine" build -t "$CLUSTER_IMAGE" "$root/docker/cluster"
expect "the example service is built" "${compose[@]}" build service
expect "compose starts" "${compose[@]}" up -d --no-build

container_of() { "$engine" ps -a --format '{{.Names}}' | grep -E "^${project}[-_]$1([-_]|\$)" | head -n 1; }
at_gateway() { "$engine" exec -i "$(container_of "$1")" finpost "${@:2}"; }
stores() { # through the balancer, or at a gateway: a receipt, whose key is noted
    local receipt
    if [ "$1" = balancer ]; then
        receipt=$(printf hello | python3 "$here/client.py" "127.0.0.1:$GATEWAY_PORT")
    else
        receipt=$(printf hello | at_gateway "$1" send 127.0.0.1:5000 2>&1)
    fi
    [[ $receipt =~ ^finpost:\ queued\ .*([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}) ]] || return 1
    echo "${BASH_REMATCH[1]}" >>"$work/keys"
}
waiting() { at_gateway "$1" queue stats --json | python3 -c '
import json, sys
states = json.load(sys.stdin)["states"]
print(" ".join(str(states[name]["payloads"]) for name in ("waiting", "dead", "set_aside")))'; }
is_empty() { [ "$(waiting "$1")" = "0 0 0" ]; }

until_true "a receipt from the balancer" stores balancer
until_true "a receipt from gateway1" stores gateway1
until_true "a receipt from gateway2" stores gateway2

# As a crash is: the engine did not ask for it, and starts it again.
for each in s2 s3 s1 gateway1 gateway2 service balancer; do
    name=$(container_of "$each")
    expect "$each is killed" kill -9 "$("$engine" inspect --format '{{.State.Pid}}' "$name")"
    until_true "a receipt after $each was killed" stores balancer
    is_back() { [ "$("$engine" inspect --format '{{.State.Status}}' "$name")" = running ]; }
    until_true "$each runs again" is_back
done
until_true "gateway1 shows an empty queue" is_empty gateway1
until_true "gateway2 shows an empty queue" is_empty gateway2
until_true "a receipt from gateway1 in the end" stores gateway1
until_true "a receipt from gateway2 in the end" stores gateway2
until_true "an empty queue in the end" is_empty gateway2
"$engine" logs "$(container_of service)" >"$work/service" 2>&1
while read -r key; do
    grep -qF "Idempotency-Key: $key" "$work/service" || fail "lost: $key" "$work/service"
done <"$work/keys"
echo "$(wc -l <"$work/keys") receipts, each process killed once, none lost"
echo passed
