"""The curves, drawn by gnuplot as SVG. Without gnuplot there are no pictures, and everything else."""

import os
import shutil
import subprocess
import sys

import gateways
import report

COLOURS = {
    "finpostd": "#0b6e4f",
    "thread_per_client": "#c8553d",
    "thread_per_client_pool": "#e8a87c",
    "original": "#7a7a7a",
    "epoll_floor": "#3a6ea5",
    "finpostd_memory": "#66b395",
    "finpostd_spill": "#b08900",
    "finpostd_stream": "#0b6e4f",
    "finpostd_base64": "#7b4fa3",
}

# Of each comparison: file, title, figure, and the labels of the axes.
PICTURES = {
    "connections": [
        ("throughput.svg", "Exchanges a second", "exchanges_per_s", "clients at once", "exchanges/s"),
        ("p99.svg", "Slowest in a hundred", "p99_us", "clients at once", "p99, ms"),
    ],
    "sizes": [("cpu_by_size.svg", "Gateway CPU an exchange", "gateway_us", "payload", "us")],
    "memory": [
        ("memory.svg", "Memory over slow clients", "rss_slow_kib", "slow clients", "resident MiB"),
    ],
    "large": [
        ("speed_by_payload.svg", "Speed by payload size", "mb_per_s", "payload", "MB/s"),
        ("memory_by_payload.svg", "Memory by payload size", "peak_rss_kib", "payload",
         "peak resident MiB"),
    ],
}

# How the axes are scaled: x is logarithmic unless the clients' memory adds up along it, y where a curve
# spans powers of ten.
LINEAR_X = {"rss_slow_kib"}
LINEAR_Y = {"rss_slow_kib", "exchanges_per_s", "mb_per_s"}
BOLD = {"finpostd", "finpostd_stream"}


def _curve(by_point, figure):
    """x, median, smallest, largest of each load that has the figure."""
    for point, rounds in by_point.items():
        found = report.values(rounds, figure)
        if found:
            yield point.x, report.median(rounds, figure), min(found), max(found)


def _script(file, title, figure, x_label, y_label, curves, ticks):
    lines = [
        "set terminal svg size 760,460 font 'sans-serif,13' background '#ffffff'",
        f"set output '{file}'",
        f"set title '{title}'",
        f"set xlabel '{x_label}'",
        f"set ylabel '{y_label}'",
        "set grid",
        "set key outside bottom center horizontal maxcols 2 samplen 2 width -4",
        "set bars small",
    ]
    lines += ["set yrange [0:*]"] if figure in LINEAR_Y else ["set logscale y"]
    lines += ["set xrange [0:*]"] if figure in LINEAR_X else ["set logscale x"]
    # The loads themselves: nobody measured a payload of 100,000 bytes.
    lines += ["set xtics (" + ", ".join(f"'{text}' {x}" for x, text in ticks) + ")"]
    plots = []
    for number, (name, rows) in enumerate(curves.items()):
        values = [" ".join(f"{value:.6g}" for value in row) for row in rows]
        lines += [f"$data{number} << EOD", *values, "EOD"]
        width = 3 if name in BOLD else 1.8
        plots += [f"$data{number} using 1:2:3:4 with yerrorlines lc rgb '{COLOURS[name]}' lw {width} "
                  f"pt 7 ps 0.5 title '{gateways.TITLES[name]}'"]
    return "\n".join(lines + ["plot " + ", \\\n     ".join(plots)]) + "\n"


def draw(comparison, results, directory):
    """Draws the pictures of a comparison; [(title, file name)]."""
    if shutil.which("gnuplot") is None:
        print("no gnuplot: no pictures", file=sys.stderr)
        return []
    drawn = []
    for file, title, figure, x_label, y_label in PICTURES.get(comparison, []):
        curves = {name: list(_curve(by_point, figure)) for name, by_point in results.items()}
        curves = {name: rows for name, rows in curves.items() if rows}
        if not curves:
            continue
        loads = {row[0] for rows in curves.values() for row in rows}
        ticks = [(x, report.x_text(comparison, x)) for x in sorted(loads)]
        path = os.path.join(directory, file)
        script = _script(path, title, figure, x_label, y_label, curves, ticks)
        # Its warnings are about curves of a single point; its errors end this too.
        done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
        drawn.append((title, file))
    return drawn
