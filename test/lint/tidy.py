#!/usr/bin/python3
"""clang-tidy, with the checks of .clang-tidy, finds nothing in what has changed.

    tidy.py SOURCE BUILD             what has changed: of the product's sources that are not committed yet or that one
                                     of the last 10 commits touched (a header stands for the source of its name), the
                                     newest 4
    tidy.py SOURCE BUILD FILE...     these

BUILD has a compile_commands.json. It takes about 8 seconds of a processor a file.
"""

import concurrent.futures
import json
import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
from sources import ask_git, missing, run, skip  # noqa: E402

COMMITS, FILES = 10, 4
PRODUCT = ("client/", "common/", "server/")


def changed(root):
    """Paths from `root`, the newest change first; None where git knows of no commit."""
    if not ask_git(root, "log", "-1", "--format=%h", "--", "."):
        return None
    return (ask_git(root, "diff", "--relative", "--name-only", "HEAD") +
            ask_git(root, "log", f"-{COMMITS}", "--relative", "--name-only", "--format=", "--", "."))


def chosen(paths, compiled):
    """Of these paths those that are product sources and compiled, each once."""
    found = {}
    for path in paths:
        source = re.sub(r"\.hpp$", ".cpp", path).replace("/include/finpost/", "/src/")
        if source.startswith(PRODUCT) and source in compiled:
            found.setdefault(source)
    return list(found)[:FILES]


def compiled_sources(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        return {os.path.relpath(os.path.join(each["directory"], each["file"]), root) for each in json.load(file)}


def problems_in(root, build, path):
    # g++'s own warnings are judged by g++.
    done = run(root, "clang-tidy", "--quiet", "--warnings-as-errors=*", "--extra-arg=-Wno-error", "-p", build, path)
    return path, done.returncode, re.sub(r"^\d+ warnings.*\n", "", done.stdout, flags=re.M)


def check_itself(root):
    """A lint that finds nothing any more is worse than none."""
    compiled = {f"common/src/{n}.cpp" for n in range(20)} | {"test/a.cpp", "server/app/b.cpp"}
    paths = ["README.md", "test/a.cpp", "common/src/gone.cpp", "common/include/finpost/3.hpp", "common/src/3.hpp",
             "server/app/b.hpp"]
    assert chosen(paths, compiled) == ["common/src/3.cpp", "server/app/b.cpp"], chosen(paths, compiled)
    assert len(chosen(sorted(compiled), compiled)) == FILES
    with tempfile.TemporaryDirectory() as folder:
        for text, good in (("int* p = nullptr;\n", True), ("int* p = 0;\n", False)):
            name = os.path.join(folder, "a.cpp")
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
            done = run(root, "clang-tidy", "--quiet", "--warnings-as-errors=*",
                       "--config-file=" + os.path.join(root, ".clang-tidy"), name, "--", "-std=c++20")
            assert (done.returncode == 0) == good, f"{text}{done.stdout}{done.stderr}"


def main():
    root, build = (os.path.abspath(each) for each in sys.argv[1:3])
    why = missing("clang-tidy")
    if why:
        return skip(why)
    check_itself(root)
    files = sys.argv[3:]
    if not files:
        paths = changed(root)
        if paths is None:
            return skip("the sources come without git's history")
        files = chosen(paths, compiled_sources(root, build))
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for path, status, text in pool.map(lambda path: problems_in(root, build, path), files):
            bad += status != 0
            print(f"{path}: {'ok' if status == 0 else 'problems'}\n{text}", end="", flush=True)
    print(f"{len(files)} files, {bad} with problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
