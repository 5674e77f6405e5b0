#!/usr/bin/python3
"""Runs the tests of the alert rules, and sees each of them fail once: when the rule never fires, and when
it always does.

    alerts.py
"""

import os
import subprocess
import sys
import tempfile

import places
from places import peers

peers.need("promtool")
yaml = places.yaml()

RULES = os.path.join(places.DOCKER, "prometheus", "alerts.yml")
TESTS = os.path.join(places.HERE, "alerts_test.yml")


def promtool(*arguments):
    ran = subprocess.run(["promtool", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=peers.PATIENCE)
    return ran.returncode == 0, ran.stdout


class Folder:
    """The tests beside rules that may have been changed."""

    def __init__(self, folder):
        self.rules = os.path.join(folder, "alerts.yml")
        self.tests = os.path.join(folder, "tests.yml")
        with open(TESTS, encoding="utf-8") as tests, open(self.tests, "w", encoding="utf-8") as out:
            out.write(tests.read())

    def passes(self, rules):
        with open(self.rules, "w", encoding="utf-8") as out:
            yaml.safe_dump(rules, out)
        return promtool("test", "rules", self.tests)


def main():
    sound, said = promtool("check", "rules", RULES)
    peers.expect(sound, said)
    with open(RULES, encoding="utf-8") as file:
        rules = yaml.safe_load(file)
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(place)
        passed, said = folder.passes(rules)
        peers.expect(passed, said)
        for alert in alerts:
            right = alert["expr"]
            for wrong, how in (("vector(0) > 1", "never fires"), (f"({right}) or up", "always fires")):
                alert["expr"] = wrong
                passed, said = folder.passes(rules)
                peers.expect(not passed, f"nothing fails when {alert['alert']} {how}")
            alert["expr"] = right
        alerts[0]["expr"] += " and ("
        peers.expect(not folder.passes(rules)[0], "a rule that is no PromQL passes")
    print(f"{len(alerts)} rules fire and stay quiet as they should; each test fails with a broken rule")


if __name__ == "__main__":
    sys.exit(peers.run(main))
