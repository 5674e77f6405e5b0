"""Figures as tables that a person can read."""

import datetime
import os
import platform
import statistics
import subprocess

import gateways

# Of each comparison: what varies, and its columns as (title, figure, digits, higher is better). Columns
# with None there are not given as ratios.
CONNECTIONS = ("connections", [
    ("exchanges/s", "exchanges_per_s", 0, True),
    ("p50 ms", "p50_us", 1, None),
    ("p99 ms", "p99_us", 1, None),
    ("CPU us an exchange", "gateway_us", 1, False),
])
SIZES = ("payload", [
    ("CPU us an exchange", "gateway_us", 1, False),
    ("CPU us a MB", "gateway_us_per_mb", 0, None),
    ("MB/s", "mb_per_s", 0, True),
    ("peak MiB", "peak_rss_kib", 1, None),
])
MEMORY = ("slow clients", [
    ("MiB with them", "rss_slow_kib", 1, False),
    ("KiB each", "rss_per_slow_kib", 1, None),
    ("threads", "threads", 0, None),
    ("p99 ms beside", "p99_us", 1, None),
    ("CPU us an exchange", "gateway_us", 1, False),
])
LARGE = ("payload", [
    ("MB/s", "mb_per_s", 0, True),
    ("CPU us a MB", "gateway_us_per_mb", 0, False),
    ("peak MiB", "peak_rss_kib", 1, None),
    ("of it above idle", "peak_above_idle_kib", 1, None),
])
FRAMES = ("frame", [
    ("exchanges/s", "exchanges_per_s", 0, True),
    ("p50 ms", "p50_us", 2, None),
    ("p99 ms", "p99_us", 2, None),
    ("CPU us an exchange", "gateway_us", 1, False),
    ("of it user", "gateway_user_us", 1, None),
])
COMPARISONS = {"connections": CONNECTIONS, "sizes": SIZES, "memory": MEMORY, "large": LARGE,
               "frames": FRAMES}

HEADINGS = {
    "connections": "## Connections: 1 KiB payloads, more and more clients at once",
    "sizes": "## Payload sizes: 16 clients at once, 4 from 1 MiB on",
    "memory": "## Memory: slow clients that send a byte a second, 64 fast ones beside them",
    "large": "## Large payloads: memory and speed by payload size, one client at a time",
    "frames": "## Frames: 1 KiB payloads over 64 kept connections",
}

REMARKS = {
    "stalled": "given up after 20 s without a success",
    "waited_long": "a client waited for over 1 s",
    "disturbed": "machine busy with other work",
}

SCALE = {"p50_us": 1e-3, "p99_us": 1e-3, "peak_rss_kib": 1 / 1024, "peak_above_idle_kib": 1 / 1024,
         "rss_slow_kib": 1 / 1024}


def values(rounds, figure):
    scale = SCALE.get(figure, 1)
    return [each[figure] * scale for each in rounds if each.get(figure) is not None]


def median(rounds, figure):
    found = values(rounds, figure)
    return statistics.median(found) if found else None


def x_text(comparison, x):
    if comparison == "frames":
        return x
    if comparison not in ("sizes", "large"):
        return f"{x:,}"
    if x >= gateways.GIB:
        return f"{x // gateways.GIB} GiB"
    return f"{x // gateways.MIB} MiB" if x >= gateways.MIB else f"{x // gateways.KIB} KiB"


def _number(value, digits):
    return f"{value:,.{digits}f}"


def _cell(rounds, figure, digits):
    found = values(rounds, figure)
    if not found:
        return "-"
    text = _number(statistics.median(found), digits)
    if len(found) > 1 and max(found) > min(found):
        text += f" ({_number(min(found), digits)} to {_number(max(found), digits)})"
    return text


def _ratio(rounds, reference, figure):
    mine, theirs = median(rounds, figure), median(reference, figure)
    return f"{mine / theirs:.2f}" if mine and theirs else "-"


def _remarks(rounds):
    out = [each["broken"] for each in rounds if "broken" in each]
    out += sorted({each["left_out"] for each in rounds if "left_out" in each})
    kinds = {}
    for each in rounds:
        for kind, count in each.get("error_kinds", {}).items():
            kinds[kind] = kinds.get(kind, 0) + count
    out += [f"{count} {kind}" for kind, count in kinds.items()]
    lost = sum(each.get("slow_lost", 0) for each in rounds)
    out += [f"{lost} slow clients lost"] if lost else []
    for figure, words in REMARKS.items():
        times = sum(bool(each.get(figure)) for each in rounds)
        out += [f"{words} in {times} of {len(rounds)}"] if times else []
    return "; ".join(out)


def section(comparison, results, drawn, options):
    """A heading, the pictures and a table for each gateway and load."""
    varies, columns = COMPARISONS[comparison]
    lines = [HEADINGS[comparison], ""]
    lines += [f"![{title}](pictures/{file})" for title, file in drawn] + ([""] if drawn else [])
    compared = [(title, figure) for title, figure, _, better in columns if better is not None]
    heads = [varies, "gateway"] + [title for title, *_ in columns]
    against = gateways.reference(comparison)
    heads += [f"{title} / {gateways.TITLES[against].split(' (')[0]}" for title, _ in compared]
    heads += ["remarks"]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    reference = results.get(against, {})
    for point in gateways.points(comparison, options.quick):
        for name, by_point in results.items():
            rounds = by_point[point]
            cells = [x_text(comparison, point.x), gateways.TITLES[name]]
            cells += [_cell(rounds, figure, digits) for _, figure, digits, _ in columns]
            cells += [_ratio(rounds, reference.get(point, []), figure) for _, figure in compared]
            lines.append("| " + " | ".join(cells + [_remarks(rounds)]) + " |")
    if comparison == "large" and not options.quick:
        lines += _goals(results)
    if comparison == "frames" and not options.quick:
        lines += _frame_goals(results)
    return "\n".join(lines) + "\n"


# What each way to treat a payload of 64 MiB is to reach: its MB/s against the floor's, and at most so many
# MiB at its peak. And what a byte costs is to be the same within a tenth from 1 MiB to 1 GiB.
GOALS = {"finpostd_stream": (1.5, 8), "finpostd_base64": (0.8, 8), "finpostd_spill": (0.6, 16),
         "finpostd_memory": (1.0, None)}
SPREAD = 1.10


def _verdict(met):
    return "met" if met else "**missed**"


def _goals(results):
    def at(name, size, figure):
        found = [rounds for point, rounds in results.get(name, {}).items() if point.size == size]
        return median(found[0], figure) if found else None

    lines = ["", "| goal | reached | |", "|---|---|---|"]
    size = 64 * gateways.MIB
    floor = at("epoll_floor", size, "mb_per_s")
    for name, (least, most) in GOALS.items():
        title, speed = gateways.TITLES[name], at(name, size, "mb_per_s")
        if speed and floor:
            lines.append(f"| 64 MiB, {title}: at least {least} x the floor's MB/s | "
                         f"{speed / floor:.2f} | {_verdict(speed >= least * floor)} |")
        peak = at(name, size, "peak_rss_kib")
        if peak and most:
            lines.append(f"| 64 MiB, {title}: at most {most} MiB | {peak:.1f} MiB | "
                         f"{_verdict(peak <= most)} |")
    for name in GOALS:
        costs = [median(rounds, "gateway_us_per_mb") for point, rounds in results.get(name, {}).items()
                 if point.size <= gateways.GIB]
        costs = [cost for cost in costs if cost]
        if len(costs) > 1:
            ratio = max(costs) / min(costs)
            lines.append(f"| 1 MiB to 1 GiB, {gateways.TITLES[name]}: CPU a byte within "
                         f"{SPREAD - 1:.0%} | {ratio - 1:.0%} | {_verdict(ratio <= SPREAD)} |")
    return lines if len(lines) > 3 else []


# At full speed: of our exchanges in frames against our own with a connection each, and against the
# floor's in the same frames.
MOST_CPU_OF_EOF, LEAST_SPEED_OF_EOF, MOST_CPU_OF_FLOOR = 0.65, 1.5, 1.15


def _frame_goals(results):
    def at(name, frame):
        found = [rounds for point, rounds in results.get(name, {}).items()
                 if point.frame == frame and not point.rate]
        return found[0] if found else []

    lines = []
    for frame in gateways.FRAMES:
        mine = at("finpostd", frame)
        for title, other, figure, goal in [
                ("CPU of that without", at("finpostd", ""), "gateway_us", (-1, MOST_CPU_OF_EOF)),
                ("exchanges/s of those without", at("finpostd", ""), "exchanges_per_s",
                 (1, LEAST_SPEED_OF_EOF)),
                ("CPU of the floor's", at("epoll_floor", frame), "gateway_us",
                 (-1, MOST_CPU_OF_FLOOR))]:
            sign, limit = goal
            ratios = _ratios(mine, other, figure)
            if ratios:
                least = "at least" if sign > 0 else "at most"
                ratio = statistics.median(ratios)
                lines.append(f"| {frame}: {least} {limit} x the {title} | {ratio:.2f} "
                             f"({min(ratios):.2f} to {max(ratios):.2f}) | "
                             f"{_verdict(sign * ratio >= sign * limit)} |")
    return ["", "| goal | reached, round by round | |", "|---|---|---|", *lines] if lines else []


def _ratios(mine, other, figure):
    """Round by round: what disturbs a round disturbs both."""
    return [one[figure] / two[figure] for one, two in zip(mine, other)
            if one.get(figure) and two.get(figure)]


def progress(comparison, number, name, point, figures):
    where = f"round {number + 1}, {comparison} {x_text(comparison, point.x)}, {name}: "
    if "broken" in figures or "left_out" in figures:
        return where + (figures.get("broken") or "left out, " + figures["left_out"])
    cpu = figures["gateway_us"]
    if cpu is None:
        return where + f"nothing succeeded {figures['error_kinds']}"
    if comparison == "large":
        return where + f"{figures['mb_per_s']:,.0f} MB/s, {figures['peak_rss_kib'] / 1024:.1f} MiB"
    return where + f"{figures['exchanges_per_s']:,.0f}/s, {cpu:.1f} us"


def _output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False,
                              cwd=gateways.HERE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def head(options):
    """Where, when and from what the figures come."""
    commit = _output_of("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    if _output_of("git", "status", "--porcelain", "--untracked-files=no"):
        commit += " with local changes"
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        "# Results", "",
        "Made by `test/bench/run.sh`; [README.md](README.md) says what is measured and how to read "
        "it.", "",
        f"{now}, commit {commit}", "",
        f"{_cpu_model()}, {cores} cores, {memory:.0f} GiB; Linux {platform.release()}; "
        + ("the gateway on one core, load and service on another" if cores > 1
           else "everything on one core"),
        "",
        f"{options.rounds} interleaved round{'s' if options.rounds > 1 else ''}; medians, with the "
        f"smallest and the largest in brackets. The HTTP service answers after {options.delay} ms.",
    ]
    if options.quick:
        lines += ["", "**A quick run: it shows that the benchmark works. Its figures mean nothing.**"]
    return "\n".join(lines) + "\n"
