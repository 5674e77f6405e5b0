"""The C++ sources of the project, for the lints that are programs."""

import os
import subprocess

ENDS = (".cpp", ".hpp", ".ipp")


def ask_git(root, *words):
    """What git prints; None where there is no git, or no repository of this project."""
    try:
        done = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def in_tree(root):
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each not in (".git", "build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names if name.endswith(ENDS)]
    return sorted(found)


def sources(root):
    """Their paths from `root`: those that git has or would add; those of the tree where it comes without git."""
    listed = ask_git(root, "ls-files", "--cached", "--others", "--exclude-standard", "--", *("*" + end for end in ENDS))
    return sorted({each for each in (listed or "").splitlines() if os.path.isfile(os.path.join(root, each))}) or in_tree(root)
