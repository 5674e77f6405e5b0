#!/usr/bin/env python3
"""Runs the comparisons and writes their tables and pictures. Started by run.sh; README.md explains."""

import argparse
import os
import sys

import gateways
import pictures
import report
from measure import measure
from processes import BenchError, raise_descriptor_limit

COMPARISONS = ["connections", "sizes", "memory", "large", "frames"]
QUIET = 15  # seconds to wait for others to leave the machine alone, before each run
DESCRIPTORS = 17_000  # for the largest point: 8,000 clients with as many upstream connections


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", required=True)
    parser.add_argument("--output", default=gateways.HERE)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=COMPARISONS)
    parser.add_argument("--gateways", default="")
    parser.add_argument("--delay", type=int, default=0)
    options = parser.parse_args()
    options.gateways = options.gateways.split(",") if options.gateways else []
    for name in options.gateways:
        if name not in gateways.TITLES:
            parser.error(f"there is no gateway {name}: {', '.join(gateways.TITLES)}")
    if options.rounds is None:
        options.rounds = 1 if options.quick else 3
    if options.rounds < 1:
        parser.error("at least one round is needed")
    return options


def run(comparison, options):
    """All figures of a comparison: {gateway: {point: [figures of each round]}}. A run that failed
    altogether is there too, as {'broken': why}: nothing is tried again."""
    points = gateways.points(comparison, options.quick)
    names = gateways.compared(comparison, options.gateways)
    results = {name: {point: [] for point in points} for name in names}
    for number in range(options.rounds):
        for point in points:
            # In turn, and another one first each round: a disturbance hits all alike.
            shift = number % max(1, len(names))
            for name in names[shift:] + names[:shift]:
                why = gateways.left_out(name, point, options.build_dir)
                try:
                    figures = {"left_out": why} if why else measure(
                        name, point, options.build_dir, options.delay, 0 if options.quick else QUIET)
                except BenchError as broken:
                    figures = {"broken": str(broken)}
                results[name][point].append(figures)
                print(report.progress(comparison, number, name, point, figures), file=sys.stderr,
                      flush=True)
    return results


def problems(results):
    """Everything that was not as it should be, as lines."""
    for name, by_point in results.items():
        for point, rounds in by_point.items():
            for figures in rounds:
                if "broken" in figures:
                    yield f"{name} at {point.x}: {figures['broken']}"
                elif "left_out" not in figures and (
                        figures["errors"] or figures["slow_lost"] or not figures["exchanges"]):
                    yield (f"{name} at {point.x}: {figures['exchanges']} exchanges, "
                           f"{figures['errors']} errors {figures['error_kinds']}, "
                           f"{figures['slow_lost']} slow clients lost")


def main():
    options = read_options()
    descriptors = raise_descriptor_limit()
    if descriptors < DESCRIPTORS and not options.quick:
        print(f"only {descriptors} descriptors: the largest points will show errors", file=sys.stderr)
    os.makedirs(os.path.join(options.output, "pictures"), exist_ok=True)
    found, text = [], []
    for comparison in [options.only] if options.only else COMPARISONS:
        results = run(comparison, options)
        if not results:
            continue  # none of the gateways named is part of it
        drawn = pictures.draw(comparison, results, os.path.join(options.output, "pictures"))
        section = report.section(comparison, results, drawn, options)
        print(section, flush=True)
        text.append(section)
        found += [f"{comparison}: {problem}" for problem in problems(results)]
    # A part does not replace the whole.
    name = f"RESULTS.{options.only}.md" if options.only else "RESULTS.md"
    with open(os.path.join(options.output, name), "w", encoding="utf-8") as file:
        file.write(report.head(options) + "\n" + "\n".join(text))
    for problem in found:
        print("problem: " + problem, file=sys.stderr)
    # The others may break down under what finpostd must take; a smoke test breaks nobody.
    ours = [each for each in found if f": {gateways.OURS}" in each]
    counted = found if options.quick else ours
    return 1 if counted else 0


if __name__ == "__main__":
    sys.exit(main())
