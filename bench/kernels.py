"""What a step's time went into, from traces that --profile of benchgo and worker.py wrote.

python bench/kernels.py NAME=TRACE.json ... [--top 25]

Of each trace: the time from the first to the last event, how much of it the device (or the thread) was busy, and the
kernels (on the CPU: operations, less those they call) that took most, the same names side by side.
"""

import argparse
import collections
import json
import re
from pathlib import Path


def read(path: Path) -> list:
    """The trace's (name, start, duration) in microseconds: kernels where there are any, else operations' own time."""
    events = [e for e in json.loads(path.read_text())["traceEvents"] if e.get("ph") == "X"]
    device = [e for e in events if e.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    if device:
        return [(short(e["name"]), e["ts"], e["dur"]) for e in device]
    return own_time([e for e in events if e.get("cat") == "cpu_op"])


def own_time(events: list) -> list:
    """Each operation without the operations inside it; those of a thread are properly nested."""
    found = []
    for thread in {e["tid"] for e in events}:
        open_ends, rows = [], []
        for e in sorted((e for e in events if e["tid"] == thread), key=lambda e: (e["ts"], -e["dur"])):
            while open_ends and open_ends[-1][0] <= e["ts"]:
                open_ends.pop()
            if open_ends:
                rows[open_ends[-1][1]][2] -= e["dur"]
            open_ends.append((e["ts"] + e["dur"], len(rows)))
            rows.append([short(e["name"]), e["ts"], e["dur"]])
        found += [tuple(row) for row in rows]
    return found


def short(name: str) -> str:
    """A kernel's name without most of its template arguments."""
    name = re.sub(r"\(.*", "", name.replace("(anonymous namespace)", "")).replace("void ", "")
    functor = re.search(r"(\w+(?:Functor|_kernel_cuda|_kernel_impl|Ops?))\b", name.split("<", 1)[-1])
    return name.split("<")[0][-60:] + (" " + functor.group(1) if functor else "")


def busy(rows: list) -> float:
    """The time in which at least one event ran."""
    total, until = 0.0, 0.0
    for _, start, duration in sorted(rows, key=lambda row: row[1]):
        total += max(0.0, start + duration - max(start, until))
        until = max(until, start + duration)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="+", metavar="NAME=TRACE")
    parser.add_argument("--top", type=int, default=25)
    options = parser.parse_args()
    names, tables = [], []
    for argument in options.traces:
        name, path = argument.split("=", 1)
        rows = read(Path(path))
        span = max(start + duration for _, start, duration in rows) - min(start for _, start, _ in rows)
        print("%-12s %9.2f ms from first to last, busy %9.2f ms, %d events" % (name, span / 1e3, busy(rows) / 1e3, len(rows)))
        table = collections.defaultdict(lambda: [0.0, 0])
        for kernel, _, duration in rows:
            table[kernel][0] += duration / 1e3
            table[kernel][1] += 1
        names.append(name)
        tables.append(table)
    kernels = sorted({k for t in tables for k in t}, key=lambda k: -max(t[k][0] for t in tables))
    print("%-80s" % "ms (count)" + "".join("%20s" % name for name in names))
    for kernel in kernels[: options.top]:
        cells = ["%11.2f (%5d)" % tuple(t[kernel]) for t in tables]
        print("%-80s" % kernel + "".join("%20s" % cell for cell in cells))


if __name__ == "__main__":
    main()
