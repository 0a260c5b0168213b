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


def read(path: Path) -> tuple:
    """The trace's events and, as (name, milliseconds), their own time: of kernels where there are any, else operations."""
    events = [e for e in json.loads(path.read_text())["traceEvents"] if e.get("ph") == "X"]
    device = [e for e in events if e.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    if device:
        return device, [(short(e["name"]), e["dur"] / 1e3) for e in device]
    events = [e for e in events if e.get("cat") == "cpu_op"]
    return events, own_time(events)


def own_time(events: list) -> list:
    """Each operation's time without the operations inside it; those of a thread are properly nested."""
    found = []
    for thread in {e["tid"] for e in events}:
        open_ends, rows = [], []
        for e in sorted((e for e in events if e["tid"] == thread), key=lambda e: (e["ts"], -e["dur"])):
            while open_ends and open_ends[-1][0] <= e["ts"]:
                open_ends.pop()
            if open_ends:
                rows[open_ends[-1][1]][1] -= e["dur"] / 1e3
            open_ends.append((e["ts"] + e["dur"], len(rows)))
            rows.append([short(e["name"]), e["dur"] / 1e3])
        found += rows
    return found


def short(name: str) -> str:
    """A kernel's name without its arguments, and of its template's arguments the one that tells what it computes."""
    name = re.sub(r"\(anonymous namespace\)::|^void ", "", name)
    name = re.sub(r"\(.*", "", name)
    inner = re.search(r"(\w*(?:Functor\w*|_kernel_cuda|_kernel_impl|Ops?|gemm\w*))\b", name.split("<", 1)[-1])
    return name.split("<")[0][-60:] + (" " + inner.group(1)[:40] if inner else "")


def busy(events: list) -> float:
    """The milliseconds in which at least one event ran."""
    total, until = 0.0, 0.0
    for e in sorted(events, key=lambda e: e["ts"]):
        total += max(0.0, e["ts"] + e["dur"] - max(e["ts"], until))
        until = max(until, e["ts"] + e["dur"])
    return total / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="+", metavar="NAME=TRACE")
    parser.add_argument("--top", type=int, default=25)
    options = parser.parse_args()
    names, tables = [], []
    for argument in options.traces:
        name, path = argument.split("=", 1)
        events, rows = read(Path(path))
        span = (max(e["ts"] + e["dur"] for e in events) - min(e["ts"] for e in events)) / 1e3
        print("%-12s %9.2f ms from first to last, busy %9.2f ms, %d events" % (name, span, busy(events), len(events)))
        table = collections.defaultdict(lambda: [0.0, 0])
        for kernel, milliseconds in rows:
            table[kernel][0] += milliseconds
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
