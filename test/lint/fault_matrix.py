#!/usr/bin/python3
"""Holds the fault matrix of test/README.md to the sources: rows in order and once each, five cells, each suite, case and
script that is named exists, a row without any says `none: ` and why, and each case of test/faults/ that is named after a
row is found from that row.

    fault_matrix.py SOURCE
"""

import collections
import os
import re
import sys

LAST = {"D": 25, "U": 23, "S": 18}
IDS = [f"{letter}{n}" for letter, last in LAST.items() for n in range(1, last + 1)]
CASE = re.compile(r"BOOST_(?:AUTO|FIXTURE)_TEST_CASE\((\w+)")
HOW_OFTEN = re.compile(r"(each run\b|by hand$|never$|in containers$)")


def cases_in(folder):
    """By suite, as CTest names it (`flow.stopping`): its cases."""
    found = {}
    for part in sorted(os.listdir(folder)):
        if not os.path.isdir(os.path.join(folder, part)):
            continue
        for name in os.listdir(os.path.join(folder, part)):
            if name.endswith(".cpp"):
                with open(os.path.join(folder, part, name), encoding="utf-8") as source:
                    found[f"{part}.{name[:-4]}"] = CASE.findall(source.read())
    return found


def rows_of(page):
    """The table under the heading: lists of cells."""
    section = page.partition("\n## The fault matrix\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def problem_of(name, cases, is_file):
    """What is wrong with a name in a cell; empty when nothing is."""
    if name.endswith(".py"):
        return "" if is_file(name) else "no such script"
    suite, slash, case = name.partition("/")
    if suite not in cases:
        return "no such suite"
    if not slash:
        return "" if cases[suite] else "a suite without cases"
    if case.endswith("*"):
        return "" if any(one.startswith(case[:-1]) for one in cases[suite]) else "no case begins like this"
    return "" if case in cases[suite] else "no such case"


def problems_of(rows, cases, is_file):
    found = []
    ids = [row[0] for row in rows]
    for one, times in collections.Counter(ids).items():
        if times > 1:
            found.append(f"{one}: {times} times")
    if list(dict.fromkeys(ids)) != IDS:
        wrong = [one for one in IDS if one not in ids] + [one for one in ids if one not in IDS]
        found.append("rows are missing, unknown or not in order" + (": " + ", ".join(wrong) if wrong else ""))
    named = {}
    for row in rows:
        if len(row) != 5:
            found.append(f"{row[0]}: {len(row)} cells")
            continue
        names = [name for name in re.findall(r"`([^`]+)`", row[3]) if re.match(r"[\w]+[./]\w", name)]
        named[row[0]] = names
        if not names and not re.match(r"none: \w", row[3]):
            found.append(f"{row[0]}: neither a test nor a reason")
        if not HOW_OFTEN.match(row[4]) or (row[4] == "never") != (not names):
            found.append(f"{row[0]}: how often? {row[4]}")
        for cell in (2, 3):
            for name in re.findall(r"`([a-z]\w*[./][^` ]+)`", row[cell]):
                wrong = problem_of(name, cases, is_file)
                if wrong:
                    found.append(f"{row[0]}: {name}: {wrong}")
    for suite, all_cases in cases.items():
        for case in all_cases if suite.startswith("faults.") else []:
            row = re.match(r"([DUS]\d+)_", case)
            if row and not any(name == f"{suite}/{case}" or name == suite or
                               (name.endswith("*") and f"{suite}/{case}".startswith(name[:-1]))
                               for name in named.get(row[1], [])):
                found.append(f"{row[1]}: {suite}/{case} is not in its row")
    return found


def check_itself():
    """A lint that finds nothing any more is worse than none."""
    cases = {"faults.one": ["D1_a", "D1_b"], "flow.two": ["x"]}
    good = [[one, "fault", "-", "none: why", "never"] for one in IDS]
    good[0] = ["D1", "fault", "-", "`faults.one/D1_*`, `flow.two/x`, `faults/a.py`. Of `max_size`", "each run"]

    def found(change):
        rows = [list(row) for row in good]
        change(rows)
        return problems_of(rows, cases, lambda name: name == "faults/a.py")

    def cell(at, text, row=0):
        return lambda rows: rows[row].__setitem__(at, text)

    assert found(lambda rows: None) == [], found(lambda rows: None)
    bad = [lambda rows: rows.pop(3), lambda rows: rows.insert(1, rows[0]), lambda rows: rows.reverse(),
           lambda rows: rows[2].pop(), cell(3, "`faults.one/D1_a`"), cell(3, "`faults.one/D1_*`, `faults/b.py`"),
           cell(3, "`faults.one/D1_*`, `faults.none/x`"), cell(3, "`faults.one/D1_*`, `flow.two/y`"),
           cell(3, "`faults.one/D1_*`, `flow.two/y*`"), cell(3, "", 1), cell(4, "at times"), cell(4, "never"),
           cell(2, "`sim.nothing/x`")]
    for number, change in enumerate(bad):
        assert found(change), f"example {number} is not found"
    assert rows_of("## A\n\n## The fault matrix\nx\n| a | b |\n|---|---|\n| D1 | `x` |\n\n## C\n| D2 | |\n") == \
        [["D1", "`x`"]]


def main():
    check_itself()
    test = os.path.join(sys.argv[1], "test")
    with open(os.path.join(test, "README.md"), encoding="utf-8") as page:
        rows = rows_of(page.read())
    problems = problems_of(rows, cases_in(test), lambda name: os.path.isfile(os.path.join(test, name)))
    for one in problems:
        print(one)
    print(f"{len(rows)} rows, {len(problems)} problems")
    return 1 if problems or len(rows) < len(IDS) else 0


if __name__ == "__main__":
    sys.exit(main())
