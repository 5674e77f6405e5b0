#!/usr/bin/env bash
# Runs docker/compose.yaml as it is: an exchange through the gateway to the example service, Prometheus that
# scrapes it and knows the alerts. Without a registry Prometheus is Debian's, and Grafana is left out always:
# what it shows is checked by dashboard.py.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
. "$here/engine.sh"
find_engine
find_compose
begin_project finpost-test compose.yaml
GATEWAY_PORT=$(free_port) PROMETHEUS_PORT=$(free_port) GRAFANA_PORT=$(free_port)
export GATEWAY_PORT PROMETHEUS_PORT GRAFANA_PORT

official=$(sed -n 's/.*PROMETHEUS_IMAGE:-\(.*\)}.*/\1/p' "$root/docker/compose.yaml")
if ! timeout 300 "$engine" pull "$official" >"$work/pull" 2>&1 </dev/null; then
    echo "no registry: Prometheus is Debian's ($(tail -n 1 "$work/pull"))"
    export PROMETHEUS_IMAGE=localhost/finpost-test:prometheus
    expect "a Prometheus of Debian's packages" "$engine" build -t "$PROMETHEUS_IMAGE" \
        -f "$here/prometheus.Dockerfile" "$here"
fi

[ "$engine" = podman ] || expect "compose accepts the file" "${compose[@]}" config # podman-compose has no such command
expect "the example service is built" "${compose[@]}" build service
expect "compose starts" "${compose[@]}" up -d --no-build service gateway prometheus

answers() { [ "$(printf hello | python3 "$here/client.py" "127.0.0.1:$GATEWAY_PORT")" = "got 5 bytes" ]; }
until_true "an answer from the example service" answers
asks() { python3 "$here/client.py" --get "/api/v1/$1" "127.0.0.1:$PROMETHEUS_PORT"; }
shows() { asks "query?query=$1" | grep -F ",\"$2\"]"; }
until_true "Prometheus scrapes the gateway" shows up 1
until_true "it has counted the exchange" shows 'finpost_exchanges_total%7Boutcome%3D%22replied%22%7D%20%3E%20bool%200' 1
asks rules | grep -q FinpostDrainingLong || fail "Prometheus does not know the alerts"
! asks alerts | grep -q '"state":"firing"' || fail "an alert fires although all is well"

gateway=$("$engine" ps --format '{{.Names}}' | grep "^$project.gateway" | head -n 1)
[ "$("$engine" inspect --format '{{.HostConfig.ReadonlyRootfs}}' "$gateway")" = true ] ||
    fail "the gateway's root can be written"
expect "the gateway stops" "${compose[@]}" stop gateway
code=$("$engine" inspect --format '{{.State.ExitCode}}' "$gateway")
[ "$code" = 0 ] || fail "stopping it led to exit code $code"
until_true "Prometheus sees that it is gone" shows up 0
echo passed
