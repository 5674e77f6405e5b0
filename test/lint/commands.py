#!/usr/bin/python3
"""Lists the programs that the scripts, the tests and CPack call, and asks dpkg which package has each. Every one
must be of a section of docker/install-deps.sh, of what such a package depends on, or of Debian's base system: what
only this machine happens to have is missing on the next one.

    commands.py SOURCE [--list]      --list prints each program with its package and the first place that calls it

It reads shell, Python and C++ well enough for how they are written here, not for everything that can be written.
"""

import ast
import os
import re
import subprocess
import sys

# Called by programs of others, so no source here names them. CPack strips what it packages and asks `file` what it
# is; dpkg-deb compresses by itself.
BY_OTHERS = {"cpack": ["dpkg-shlibdeps", "file", "strip"], "ninja": ["c++", "ar", "ranlib"]}
# Used where they are, and nothing is lost without: an engine or a cache that a machine may have, version control.
WHERE_THERE = {"ccache", "docker", "git", "kubectl", "sudo"}
# Of the sections that the tests do not install by themselves.
OF_SECTION = {"conntrack": "conntrack", "gnuplot": "gnuplot-nox", "ip": "iproute2", "iptables": "iptables",
              "llvm-cov-14": "llvm-14", "llvm-profdata-14": "llvm-14", "npm": "npm", "podman": "podman", "podman-compose": "podman-compose", "tc": "iproute2"}

BUILTIN = set("""
    . : [ [[ alias bg break builtin case cd command compgen continue coproc declare dirs do done echo elif else enable
    esac eval exec exit export false fg fi for function getopts hash help if in jobs kill let local mapfile popd printf
    pushd pwd read readarray readonly return select set shift shopt source test then time times trap true type typeset
    ulimit umask unalias unset until wait while { } !""".split())
# What follows is a command again, behind options, settings, and for `timeout` its limit.
WRAPPERS = {"!", "do", "elif", "else", "env", "exec", "if", "nice", "nohup", "sudo", "then", "time", "timeout", "until",
            "while", "{"}
NAME = re.compile(r"[a-z][a-z0-9_.+-]*$")


class Shell:
    """Finds the words of a script that stand where a command stands."""

    def __init__(self, text):
        self.text, self.at = text, 0
        self.commands = []
        self.scan("")

    def peek(self, size=1):
        return self.text[self.at:self.at + size]

    def quoted(self):
        """Behind a double quote: only what is substituted counts."""
        while self.at < len(self.text) and self.peek() != '"':
            if self.peek() == "\\":
                self.at += 2
            elif self.peek(2) == "$(":
                self.substituted()
            else:
                self.at += 1
        self.at += 1

    def substituted(self):
        if self.peek(3) == "$((":
            self.at = self.text.index("))", self.at) + 2
        else:
            self.at += 2
            self.scan(")")

    def braces(self):
        depth = 0
        while self.at < len(self.text):
            one = self.peek()
            depth += (one == "{") - (one == "}")
            self.at += 1
            if depth == 0:
                return

    def word(self):
        """One word; "" where it is not plain text."""
        begin, plain = self.at, True
        while self.at < len(self.text) and self.peek() not in " \t\n;&|()<>":
            one = self.peek()
            plain = plain and one not in "\"'$\\`"
            if one == '"':
                self.at += 1
                self.quoted()
            elif one == "'":
                self.at = self.text.index("'", self.at + 1) + 1
            elif self.peek(2) == "$(":
                self.substituted()
            elif self.peek(2) == "${":
                self.at += 1
                self.braces()
            elif one == "\\":
                self.at += 2
            else:
                self.at += 1
        return self.text[begin:self.at] if plain else ""

    def skip(self, ends):
        """Words that are no commands, up to one of these characters."""
        while self.at < len(self.text) and self.peek() not in ends:
            place = self.at
            self.word()
            self.at += self.at == place

    def here_document(self):
        end = re.compile(r"-?\s*(['\"]?)(\w+)\1").match(self.text, self.at)
        line = self.text.index("\n", self.at)
        last = re.compile(r"^\t*" + end[2] + "$", re.M).search(self.text, line)
        self.text = self.text[:line] + self.text[last.end():]
        self.at = end.end()

    def scan(self, closing):
        command, wrapped = True, False  # whether a command may stand here, and whether behind a wrapper
        while self.at < len(self.text):
            one = self.peek()
            if closing and one == closing:
                self.at += 1
                return
            if one in " \t":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif one == "#":
                self.at = (self.text + "\n").index("\n", self.at)
            elif self.peek(2) == "<<" and self.peek(3) != "<<<":
                self.at += 2
                self.here_document()
            elif one in "<>":  # a redirection has one word, or is a substitution
                self.at += len(re.compile(r"[<>&]+").match(self.text, self.at)[0])
                if self.peek() == "(":
                    self.at += 1
                    self.scan(")")
                    continue
                self.skip_blanks()
                self.word()
            elif self.peek(2) == ";;":
                self.at += 2
                self.pattern()
                command, wrapped = True, False
            elif one in "\n;&|(":
                self.at += 1
                if one == "(":
                    self.scan(")")
                command, wrapped = True, False
            elif one == ")":
                self.at += 1
                command, wrapped = True, False
            else:
                place = self.at
                word = self.word()
                if self.at == place:
                    self.at += 1
                elif command:
                    command, wrapped = self.first(word, wrapped)

    def skip_blanks(self):
        while self.peek() in (" ", "\t"):
            self.at += 1

    def pattern(self):
        """Of a case."""
        while self.peek().isspace():
            self.at += 1
        if not re.compile(r"esac\b").match(self.text, self.at):
            self.skip(")")
            self.at += 1

    def first(self, word, wrapped):
        if self.peek() == "(" and word.endswith("="):  # an array
            self.at += 1
            self.skip(")")
            self.at += 1
            return True, False
        if re.match(r"\w+\+?=", self.text[self.at - len(word):]) or re.match(r"\w*=", word):
            return True, wrapped
        if self.peek(2) == "()":
            self.at += 2
            return True, False
        if word == "[[":
            self.at = self.text.index("]]", self.at) + 2
            return False, False
        if word in ("for", "select", "case"):
            self.skip("\n;" if word != "case" else "\n")
            if word == "case":
                self.pattern()
            return True, False
        if wrapped and (word.startswith("-") or re.fullmatch(r"[0-9.]+s?", word)):
            return True, True
        if NAME.match(word) and word not in BUILTIN:
            self.commands.append(word)
        return word in WRAPPERS, word in WRAPPERS


def of_shell(text):
    text = re.sub(r"(^|\s)#.*", r"\1", text)
    found = Shell(text).commands
    for words in re.findall(r"(?:^|[;&|({!]|then|if)\s*(?:need|have|command -v) ((?:[a-z][\w.+-]*[ ;)]?)+)", text, re.M):
        found += [word.strip(";)") for word in words.split()]
    for words in re.findall(r"^\s*(?:expect|step|until_true) \"[^\"]*\" ([a-z][\w.+-]*)", text, re.M):
        found.append(words)
    # What it asks another shell to do, on this machine.
    for words in re.findall(r"timeout \d+ sh -c '([^']*)'", text):
        found += Shell(words).commands
    return [word for word in found if word not in BUILTIN]


STARTS = {"Popen", "check_call", "check_output", "execvp", "run", "__init__", "_text"}


def of_python(text):
    found = []

    def first_of(node):
        if isinstance(node, ast.BinOp):
            return first_of(node.left)
        if isinstance(node, ast.List) and node.elts:
            node = node.elts[0]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.match(node.value):
            found.append(node.value)

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("need", "which"):
                found += [each.value for each in node.args if isinstance(each, ast.Constant)]
            elif name in STARTS and node.args:
                first_of(node.args[0])
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            if getattr(node.targets[0], "id", "") in ("command", "at_home"):
                first_of(node.value)
    return found


def of_cpp(text):
    found = re.findall(r"child_process \w+\(\s*\{\s*\"([a-z][\w.+-]*)\"", text)
    return found + re.findall(r"\b(?:have|find_program)\(\"([a-z][\w.+-]*)\"", text)


def of_cmake(text):
    return re.findall(r"find_program\(\w+ (?:NAMES )?([a-z][\w.+-]*)", text)


READERS = {".sh": of_shell, ".py": of_python, ".cpp": of_cpp, ".hpp": of_cpp, ".txt": of_cmake, ".cmake": of_cmake}


def called(source):
    """Each program with the first file that calls it."""
    # By a preset's generator and by variables.
    places = {"ninja": "CMakePresets.json", "ctest": "test/run.sh", "cpack": "test/embed/check.sh"}
    functions = set()
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(each for each in folders if each not in (".git", "build", "node_modules"))
        for file in sorted(files):
            path = os.path.join(folder, file)
            reader = of_shell if os.path.relpath(path, source) == os.path.join(".ci", "run") else \
                READERS.get(os.path.splitext(file)[1])
            if reader is None or file == os.path.basename(__file__):
                continue
            with open(path, encoding="utf-8") as text:
                text = text.read()
            if reader is of_shell:
                functions |= set(re.findall(r"^\s*(\w+)\(\) [{(]", text, re.M))
            for program in reader(text):
                places.setdefault(program, os.path.relpath(path, source))
    places = {program: place for program, place in places.items() if program not in functions}
    for program, others in BY_OTHERS.items():
        if program in places:
            for other in others:
                places.setdefault(other, f"{places[program]}, by {program}")
    return places


def ask(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout


def packages_of(programs):
    """By program: None when it is not installed, "" when no package has it."""
    paths = {}
    for program in programs:
        for folder in ("/usr/bin/", "/usr/sbin/", "/usr/lib/postgresql/15/bin/"):
            if os.path.exists(folder + program):
                real = os.path.realpath(folder + program)  # of an alternative
                each = {folder + program, real}
                paths.setdefault(program, set()).update(each, {path[len("/usr"):] for path in each})
    owners = {}
    for line in ask("dpkg-query", "-S", *sorted(set().union(*paths.values()))).splitlines():
        owner, _, path = line.partition(": ")
        if not owner.startswith("diversion"):
            owners[path] = owner.split(":")[0].split(",")[0]
    return {program: next((owners[path] for path in sorted(paths[program]) if path in owners), "")
            if program in paths else None for program in programs}


def promised(source):
    """The packages that are there where docker/install-deps.sh has run: what it installs, what that depends on, and
    the base system."""
    listed = ask(os.path.join(source, "docker", "install-deps.sh"), "--list", "--build", "--runtime", "--test",
                 "--bench", "--fuzz", "--with-containers").split()
    needs, provided, packages = {}, {}, set(listed)
    fields = "${Package}\t${Essential}\t${Priority}\t${Provides}\t${Pre-Depends},${Depends}\n"
    for line in ask("dpkg-query", "-W", "-f", fields).splitlines():
        name, essential, priority, provides, depends = line.split("\t")
        words = [re.split(r"[ :(]", each.strip())[0] for each in re.split(r"[,|]", depends)]
        needs[name] = set(filter(None, words))
        for each in provides.split(","):
            provided.setdefault(each.strip().split(" ")[0], set()).add(name)
        if essential == "yes" or priority == "required" or name == "apt":
            packages.add(name)
    todo = list(packages)
    while todo:
        name = todo.pop()
        for need in needs.get(name, ()):
            for each in {need} | (provided.get(need, set()) if need not in needs else set()):
                if each not in packages:
                    packages.add(each)
                    todo.append(each)
    return packages


def main():
    source = os.path.abspath(sys.argv[1])
    places, packages = called(source), promised(source)
    owners = packages_of(places)
    problems = []
    for program, place in sorted(places.items()):
        package = owners[program]
        if "--list" in sys.argv:
            print(f"{program:16} {package or '-':24} {place}")
        if program in WHERE_THERE:
            continue
        if package is None:
            package = OF_SECTION.get(program)
            if package is None:
                problems.append(f"{place} calls {program}, which is not installed")
                continue
        if package not in packages and OF_SECTION.get(program) not in packages:
            problems.append(f"{place} calls {program} of {package or 'no package'}: not in docker/install-deps.sh")
    for each in problems:
        print(each)
    if len(places) < 40:
        problems.append(f"only {len(places)} programs were found: nothing is read any more")
    print(f"{len(places)} programs, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
