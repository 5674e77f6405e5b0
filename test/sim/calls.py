#!/usr/bin/python3
"""Does every system call of the product reach the simulated kernel? Of the C library's functions that the product's
static libraries call, each must be answered by syscalls.cpp, be named below with the reason why it may stay real, or be
of those that know neither descriptors nor time. A new call fails this until somebody has said which it is.

    calls.py SYSCALLS_OBJECT LIBRARY... [--compiler CXX] [--nm NM] [--list]

The names are the linker's, so what FORTIFY makes of a call (__recv_chk) and the names of large files (open64) count as
calls of their own: they have to be answered as well.
"""

import argparse
import re
import subprocess
import sys

# May stay real, although they take or make a descriptor, or know the time.
REAL = {
    "Asio's, for kernels without epoll_create1 and eventfd, which the simulated one has":
        "epoll_create pipe",
    "Asio's, of sockets and files that the product does not use: serial ports, Unix sockets, signal sets, select()":
        "cfgetospeed cfmakeraw cfsetspeed pause select socketpair tcgetattr tcsetattr",
    "Beast's, of files, which the product gives it none of":
        "fclose ferror fopen fread fseek fstat ftell fwrite lseek posix_fadvise",
    "a lookup of a name, in Asio's thread for that: the plans of the simulator have addresses only":
        "freeaddrinfo getaddrinfo gethostname getnameinfo if_indextoname if_nametoindex",
    "for file systems without O_TMPFILE, which the simulated one has":
        "mkostemp unlink",
    "Asio's clock of the calendar, which no timer of the product uses":
        "gettimeofday",
    "waits of threads for each other, of which there is one, and it waits in epoll":
        "pthread_cond_timedwait pthread_cond_wait",
    "takes away a SIGPIPE that is there already, and does not wait":
        "sigtimedwait",
}

# Neither descriptors nor time that passes.
HARMLESS = re.compile("|".join([
    r"_*(mem|str|wcs|wmem|is|to)[a-z0-9_]*",  # bytes and words, strftime of a time that is given
    r"_*v?sn?printf", r"(__isoc(23|99)_)?v?sscanf", r"q?sort", r"bsearch",
    r"malloc|calloc|realloc|free|aligned_alloc|posix_memalign",
    r"munmap|mremap|madvise|mprotect",  # memory; what maps a file is mmap
    r"gmtime_r|timegm|localtime_r|mktime|difftime",  # of a time that is given
    r"inet_(aton|ntop|pton)|[hn]to[hn][sl]",
    r"pthread_(attr|cond|condattr|mutex|mutexattr|rwlock|key|once|self|create|detach|join|getspecific|setspecific)"
    r"(?!.*(timed|clock)(wait|lock))[a-z_]*|pthread_condattr_setclock",
    r"pthread_sigmask|sig(action|addset|delset|emptyset|fillset|ismember)",
    r"abort|_?exit|atexit|getenv|secure_getenv|sysconf|getpid|sched_yield",
    r"__(assert_fail|errno_location|cxa_[a-z_]+|libc_single_threaded|stack_chk_fail|ctype_[a-z_]+|tls_get_addr)",
]))


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


# The store of durable delivery, which no gateway in the simulator has: it blocks, on a thread of its own.
STORE = re.compile(r"(sqlite|rewrite|group_commit|payload_files|queue_|reserve_file)")
# And the one in a database, which no simulation has either.
DATABASE = re.compile(r".*libfinpost_server\.a:(store|target|operation)\.cpp")


def undefined(nm, libraries):
    """Each name, and an object that calls it."""
    out = {}
    for library in libraries:
        for line in lines_of(nm, "--undefined-only", "--print-file-name", library):
            place, _, name = line.rpartition(" ")
            if DATABASE.match(place) or STORE.match(place.split(":")[1] if ":" in place else place):
                continue
            out.setdefault(name.split("@")[0], ":".join(place.split("/")[-1].split(":")[:2]))
    return out


def defined(nm, file, *options):
    return {line.split()[-1].split("@")[0] for line in lines_of(nm, "--defined-only", *options, file) if line.strip()}


def main():
    words = argparse.ArgumentParser()
    words.add_argument("syscalls")
    words.add_argument("libraries", nargs="+")
    words.add_argument("--compiler", default="c++")
    words.add_argument("--nm", default="nm")
    words.add_argument("--list", action="store_true", help="each call, and what becomes of it")
    how = words.parse_args()

    libc = lines_of(how.compiler, "-print-file-name=libc.so.6")[0]
    of_libc = defined(how.nm, libc, "--dynamic")
    answered = defined(how.nm, how.syscalls, "--extern-only")
    reasons = {name: reason for reason, names in REAL.items() for name in names.split()}
    called = {name: place for name, place in undefined(how.nm, how.libraries).items() if name in of_libc}

    problems = []
    for name, place in sorted(called.items()):
        plain = re.sub(r"^__(\w+)_chk$", r"\1", name)
        if name in answered:
            becomes = "answered"
        elif plain in reasons:
            becomes = "real: " + reasons[plain]
        elif HARMLESS.fullmatch(plain):
            becomes = "harmless"
        else:
            becomes = "unknown"
            problems.append(f"{place} calls {name}: answer it in test/sim/syscalls.cpp, or say in test/sim/calls.py why it may "
                            "stay real")
        if how.list:
            print(f"{name:28} {place:44} {becomes}")
    for name in sorted(answered & set(reasons)):
        problems.append(f"{name} is answered in test/sim/syscalls.cpp, and test/sim/calls.py still has a reason not to")
    for name in sorted(set(reasons) - {re.sub(r"^__(\w+)_chk$", r"\1", one) for one in called}):
        print(f"nothing calls {name} here")
    for each in problems:
        print(each)
    if len(called) < 60 or not {"recv", "epoll_wait", "clock_gettime"} <= called.keys() & answered:
        problems.append("no calls are found any more")
        print(problems[-1])
    print(f"{len(called)} functions of the C library are called, {len(called.keys() & answered)} of them answered, "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
