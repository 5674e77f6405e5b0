#!/usr/bin/python3
"""Every C++ source is formatted as .clang-format says.

    format.py SOURCE           names the lines that clang-format would change
    format.py SOURCE --fix     formats the sources
"""

import os
import re
import sys

sys.dont_write_bytecode = True
from sources import missing, run, skip, sources  # noqa: E402


def check_itself(root):
    """A lint that finds nothing any more is worse than none."""
    for text, good in (("int main() { return 0; }\n", True), ("int main( ) { return 0; }\n", False)):
        name = "--assume-filename=" + os.path.join(root, "a.cpp")
        done = run(root, "clang-format", "--dry-run", "-Werror", name, text=text)
        assert (done.returncode == 0) == good, f"{text}{done.stderr}"


def main():
    root = os.path.abspath(sys.argv[1])
    why = missing("clang-format")
    if why:
        return skip(why)
    check_itself(root)
    files = sources(root)
    if "--fix" in sys.argv:
        return run(root, "clang-format", "-i", *files).returncode
    done = run(root, "clang-format", "--dry-run", "-Werror", *files)
    places = sorted(set(re.findall(r"^(\S+:\d+):\d+: error: ", done.stderr, re.M)))
    for place in places:
        print(f"{place}: not as .clang-format says")
    print(f"{len(files)} files, {len(places)} places" + (": test/lint/format.py . --fix" if places else ""))
    if done.returncode != 0 and not places:
        print(done.stderr)
    return 1 if done.returncode != 0 or len(files) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
