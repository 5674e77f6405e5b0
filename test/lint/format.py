#!/usr/bin/python3
"""Every C++ source is formatted as .clang-format says, by clang-format 14: another version breaks lines elsewhere.

    format.py SOURCE           names the lines that clang-format would change; exit code 77 without clang-format
    format.py SOURCE --fix     formats them
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import sources  # noqa: E402

VERSION = "14"


def run(root, *words, text=None):
    return subprocess.run(["clang-format", *words], cwd=root, input=text, capture_output=True, text=True, check=False)


def check_itself(root):
    """A lint that finds nothing any more is worse than none."""
    for text, good in (("int main() { return 0; }\n", True), ("int main( ) { return 0; }\n", False)):
        done = run(root, "--dry-run", "-Werror", "--assume-filename=" + os.path.join(root, "a.cpp"), text=text)
        assert (done.returncode == 0) == good, f"{text}{done.stderr}"


def main():
    root = os.path.abspath(sys.argv[1])
    try:
        version = re.search(r"version (\d+)", run(root, "--version").stdout)[1]
    except FileNotFoundError:
        version = "none"
    if version != VERSION:
        print(f"SKIPPED: clang-format {VERSION} is needed, {version} is here: docker/install-deps.sh --test")
        return 1 if os.environ.get("CI") else 77
    check_itself(root)
    files = sources.sources(root)
    if "--fix" in sys.argv:
        return run(root, "-i", *files).returncode
    done = run(root, "--dry-run", "-Werror", *files)
    places = sorted(set(re.findall(r"^(\S+:\d+):\d+: error: ", done.stderr, re.M)))
    for place in places:
        print(f"{place}: not as .clang-format says")
    print(f"{len(files)} files, {len(places)} places" + (": test/lint/format.py . --fix" if places else ""))
    if done.returncode != 0 and not places:
        print(done.stderr)
    return 1 if done.returncode != 0 or len(files) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
