#!/usr/bin/python3
"""No two sources of a library declare the same name in their unnamed namespaces: builds with sanitizers compile them
in batches, which a new source shifts.

    batches.py SOURCE

A declaration is known by its line, which begins in the first column and has the name: clang-format leaves most of
them so, and what else is broken over lines goes unnoticed.
"""

import collections
import os
import re
import sys

FOLDERS = ("common", "client", "server", "server/app")
LITERAL = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)
UNNAMED = re.compile(r"^namespace \{$(.*?)^\} // namespace$", re.S | re.M)
DECLARATIONS = (re.compile(r"(?:struct|class|enum class|enum) (\w+)"),
                re.compile(r"(?!operator)\w[^({=;]*?(\w+)(?:\[.*?\])? ?[({=;]"))
ANOTHER = re.compile(r"\}, (\w+)\{")  # int a{1}, b{2};


def names(text):
    """Each name, and the line that declares it."""
    for part in UNNAMED.findall(LITERAL.sub('""', text)):
        for line in part.splitlines():
            found = next(filter(None, (each.match(line) for each in DECLARATIONS)), None)
            if not found or "operator" in line:
                continue
            of_class = line[:found.start(1)].endswith("::") and not line.startswith("using ")
            if not of_class:
                yield from ((name, line) for name in [found[1]] + ANOTHER.findall(line))


def clashes(texts):
    """Names that several of the texts declare, and where. An alias may be everywhere, with one meaning."""
    found = collections.defaultdict(dict)
    for source, text in texts.items():
        for name, line in names(text):
            found[name][source] = line
    return {name: sorted(lines) for name, lines in found.items() if len(lines) > 1 and not (
        len(set(lines.values())) == 1 and next(iter(lines.values())).startswith(("using ", "namespace ")))}


def libraries(root):
    """Each library that is compiled in batches, and the paths of its sources."""
    for folder in FOLDERS:
        with open(os.path.join(root, folder, "CMakeLists.txt"), encoding="utf-8") as file:
            text = re.sub(r"#.*", "", file.read())
        for name in re.findall(r"finpost_unity\((\w+)\)", text):
            listed = re.search(rf"add_library\({name}\s([^)]*)\)", text)[1]
            yield name, [os.path.join(folder, each) for each in re.findall(r"\S+\.cpp", listed)]


def check_itself():
    """A lint that finds nothing any more is worse than none."""
    def declared(inside):
        return f"namespace {{\n\n{inside}\n\n}} // namespace\n"

    def is_found(one, other):
        return clashes({"a.cpp": declared(one), "b.cpp": declared(other)}) != {}

    for one, other in (("int f(int a) {", "constexpr int f = 1;"), ("struct f {", "bool f(const char* a);"),
                       ("int a{1}, f{2};", "char f[4];"), ("using f = int;", "using f = char;")):
        assert is_found(one, other), one + other
    for one, other in (("int f();", "int g(f);"), ("using f = int;", "using f = int;"), ("// f();", "int f();"),
                       ("int g() {\n    int f = 1;\n}", "int f();"), ('const char* g = R"(\nf();\n)";', "int f();"),
                       ("bool operator==(a, b);", "bool operator==(b, c);"), ("void g::f() {", "void f() {")):
        assert not is_found(one, other), one + other


def main():
    root = os.path.abspath(sys.argv[1])
    check_itself()
    seen = bad = 0
    for library, sources in libraries(root):
        texts = {}
        for source in sources:
            with open(os.path.join(root, source), encoding="utf-8") as file:
                texts[source] = file.read()
        for name, where in sorted(clashes(texts).items()):
            print(f"{library}: {name}: " + ", ".join(where))
            bad += 1
        seen += sum(1 for text in texts.values() for _ in names(text))
    print(f"{seen} names, {bad} of them twice")
    return 1 if bad or seen < 600 else 0


if __name__ == "__main__":
    sys.exit(main())
