"""What the kernel says of a process that a script watches."""

import os


def processor_seconds(pid):
    """User and system time so far, of all threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, what="VmRSS"):
    """Bytes resident now, or with VmHWM the most there ever were."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(what + ":"):
                return int(line.split()[1]) << 10
    raise KeyError(what)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


MIB = 1 << 20
