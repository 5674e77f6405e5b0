#!/usr/bin/python3
"""Every query of the Grafana dashboard and every alert rule, held to what finpostd really exports: the
names, the labels, the syntax, and an answer from a Prometheus server that scrapes it.

    dashboard.py FINPOSTD
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

import places
from places import peers

peers.need("promtool", "prometheus")
yaml = places.yaml()

# What Prometheus adds to each sample, and what a rule may therefore use.
ADDED = {"job", "instance"}
# These show what is wrong, so they show nothing while all is well.
QUIET = re.compile(r"(> 0|== 0)( or vector\(0\))?$")


def dashboard_queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])[1]


def filled_in(query):
    """As Grafana sends it."""
    return query.replace("$__rate_interval", "5m").replace("$instance", ".*")


def exported(page):
    """The labels of each sample's name on a metrics page."""
    names = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})?", line).groups()
            names.setdefault(name, set()).update(re.findall(r"(\w+)=\"", labels or ""))
    return names


def complaints(query, names):
    """What a query names that is not exported."""
    used = set()
    for name, matchers in re.findall(r"\b(finpost_\w+|up)\b(?:\{([^}]*)\})?", query):
        if name != "up" and name not in names:
            yield f"there is no metric {name}"
            continue
        has = names.get(name, set()) | ADDED
        used |= has
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            if label not in has:
                yield f"{name} has no label {label}"
    for label in re.findall(r"\w+", " ".join(re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query))):
        if label not in used:
            yield f"no metric of it has the label {label}"


def syntax_error(queries, folder):
    path = os.path.join(folder, "queries.yml")
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    with open(path, "w", encoding="utf-8") as out:
        yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}, out)
    ran = subprocess.run(["promtool", "check", "rules", path], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return ran.stdout if ran.returncode else ""


class Prometheus(peers.Child):
    """A server that scrapes the gateway every second and evaluates the rules."""

    def __init__(self, folder, admin):
        with open(os.path.join(places.DOCKER, "prometheus", "prometheus.yml"), encoding="utf-8") as file:
            config = yaml.safe_load(file)
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [os.path.join(places.DOCKER, "prometheus", "alerts.yml")]
        config["scrape_configs"][0]["static_configs"][0]["targets"] = ["%s:%d" % admin]
        path, log = os.path.join(folder, "prometheus.yml"), os.path.join(folder, "prometheus.log")
        with open(path, "w", encoding="utf-8") as out:
            yaml.safe_dump(config, out)
        with open(log, "w", encoding="utf-8") as out:
            super().__init__(["prometheus", "--config.file=" + path, "--storage.tsdb.path=" +
                              os.path.join(folder, "data"), "--web.listen-address=127.0.0.1:0"],
                             stdout=out, stderr=out)
        self.address = None

        def listens():
            with open(log, encoding="utf-8") as file:
                found = re.search(r"Listening on\" address=(\S+)", file.read())
            self.address = found and found[1]
            return found
        peers.until(listens, "Prometheus listens")
        peers.until(self.is_ready, "Prometheus is ready", 60)

    def is_ready(self):
        """It listens before it can answer anything."""
        try:
            return urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def ask(self, path):
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}", timeout=60) as answer:
            return json.load(answer)["data"]

    def shows(self, query):
        return self.ask("query?" + urllib.parse.urlencode({"query": query}))["result"]


def checks_can_fail(names):
    """A metric, a label and a query that are wrong are found."""
    for wrong in ("rate(finpost_exchange_total[5m])", "finpost_exchanges_total{result=\"replied\"}",
                  "sum by (reason) (finpost_exchanges_total)"):
        peers.expect(list(complaints(wrong, names)), f"nothing is wrong with {wrong}?")


def main():
    with open(os.path.join(places.DOCKER, "grafana", "dashboards", "finpost.json"),
              encoding="utf-8") as file:
        shown = [(where, filled_in(query)) for where, query in dashboard_queries(json.load(file))]
    with open(os.path.join(places.DOCKER, "prometheus", "alerts.yml"), encoding="utf-8") as file:
        alerts = [(rule["alert"], rule["expr"]) for group in yaml.safe_load(file)["groups"]
                  for rule in group["rules"]]
    with tempfile.TemporaryDirectory() as folder:
        queue = ("--delivery", "fallback", "--queue-dir", os.path.join(folder, "queue"))
        with peers.Gateway(sys.argv[1], folder, [], "--demo", *queue) as gateway:
            peers.expect(gateway.exchange()[0] == b"hello", "no exchange")
            names = exported(gateway.ask("/metrics")[1])
            checks_can_fail(names)
            for where, query in shown + alerts:
                for wrong in complaints(query, names):
                    raise peers.Failed(f"{where}: {wrong}: {query}")
            wrong = syntax_error([query for _, query in shown], folder)
            peers.expect(not wrong, wrong)
            peers.expect(syntax_error(["sum(up"], folder), "promtool finds nothing wrong with sum(up")
            with Prometheus(folder, gateway.admin) as server:
                peers.until(lambda: server.shows("count_over_time(finpost_build_info[1m]) >= 3"),
                            "three scrapes")
                for where, query in shown:
                    peers.expect(server.shows(query) or QUIET.search(query), f"{where} is empty: {query}")
                firing = server.ask("alerts")["alerts"]
                peers.expect(not firing, f"alerts although all is well: {firing}")
                groups = server.ask("rules")["groups"]
                bad = [rule["name"] for group in groups for rule in group["rules"]
                       if rule["health"] == "err"]
                peers.expect(not bad and groups, f"rules that cannot be evaluated: {bad}")
            peers.expect(gateway.stop() == 0, "the gateway did not stop cleanly")
    print(f"{len(shown)} queries and {len(alerts)} rules name what finpostd exports")


if __name__ == "__main__":
    sys.exit(peers.run(main))
