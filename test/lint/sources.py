"""What the lints that are programs share: the project's C++ sources, git, and clang's tools."""

import os
import re
import subprocess

ENDS = (".cpp", ".hpp", ".ipp")
VERSION = "14"  # Debian 12's. Another one breaks lines elsewhere and finds other mistakes.


def run(root, *words, text=None):
    return subprocess.run(words, cwd=root, input=text, capture_output=True, text=True, check=False)


def skip(why):
    """What a test ends with that cannot run here. In continuous integration that is a failure."""
    print(f"SKIPPED: {why}")
    return 1 if os.environ.get("CI") else 77


def missing(tool):
    """Says why a tool of clang's cannot be used here; empty when it can."""
    try:
        found = re.search(r"version (\d+)", run(".", tool, "--version").stdout)[1]
    except FileNotFoundError:
        found = "none"
    return "" if found == VERSION else f"{tool} {VERSION} is needed, {found} is here: docker/install-deps.sh --test"


def ask_git(root, *words):
    """The lines that git prints; none where there is no git, or no repository."""
    try:
        done = run(root, "git", *words)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def in_tree(root):
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each not in (".git", "build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names if name.endswith(ENDS)]
    return sorted(found)


def sources(root):
    """Their paths from `root`: those that git has or would add; those of the tree where it comes without git."""
    listed = ask_git(root, "ls-files", "--cached", "--others", "--exclude-standard", "--",
                     *("*" + end for end in ENDS))
    return sorted({each for each in listed if os.path.isfile(os.path.join(root, each))}) or in_tree(root)
