"""What compare.py prints, and the table in docs/performance.md between its two markers."""

import platform
from pathlib import Path

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
GO, PYTORCH = "agiformer", "PyTorch"
# key, name, digits, what the ratio Go / PyTorch should reach (most or least)
ROWS = (
    ("step_ms", "training step, ms", 0, ("<=", 1.0)),
    ("peak_mb", "peak RSS, MB", 0, ("<=", 0.7)),
    ("generated_per_second", "generation, tokens/s", 0, (">=", 2.0)),
    ("start_s", "start to first step, s", 2, ("<=", 0.5)),
)
# Two sizes whose training steps are compared on each side, and the most that the first may take of the second.
PAIRS = (("experts_top2", "experts_top4", 0.6),)
EXTRA = (
    ("step_cpu_ms", "CPU time of a step, ms", 0),
    ("token_cpu_ms", "CPU time of a generated token, ms", 1),
    ("tokens_per_second", "training, tokens/s", 0),
    ("sequences_per_second", "training, sequences/s", 1),
    ("gemm_fraction", "fraction of the GEMM rate", 2),
    ("gemm_gflops", "GEMM rate, GFLOP/s", 0),
    ("loaded_mb", "RSS of the libraries, MB", 0),
)


def machine(threads: int) -> str:
    """The processor's name and the number of threads."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def ratio(result: dict, key: str) -> float:
    """Go's figure over PyTorch's."""
    return result["sides"][GO][key] / result["sides"][PYTORCH][key]


def reached(value: float, goal: tuple) -> bool:
    """Whether a ratio is where it should be."""
    return value <= goal[1] if goal[0] == "<=" else value >= goal[1]


def show(result: dict) -> None:
    """One size and precision on the terminal."""
    print(f"\n{result['size']}, {result['dtype']:30} agiformer     PyTorch   ratio   wanted")
    for key, name, digits, goal in ROWS:
        ours, theirs = (result["sides"][side][key] for side in (GO, PYTORCH))
        value = ratio(result, key)
        verdict = "reached" if reached(value, goal) else "NOT REACHED"
        print(f"  {name:38} {ours:11.{digits}f} {theirs:11.{digits}f} {value:7.2f}   {goal[0]} {goal[1]} {verdict}")
    for key, name, digits in EXTRA:
        ours, theirs = (result["sides"][side][key] for side in (GO, PYTORCH))
        print(f"  {name:38} {ours:11.{digits}f} {theirs:11.{digits}f} {ratio(result, key):7.2f}")
    print(f"  largest difference of the losses {result['loss_difference']:.1e}; {result['same_ids']} of {result['ids']} generated ids the same", flush=True)


def pairs(results: list) -> list[str]:
    """A sentence for each of PAIRS that was measured, by precision."""
    found = {(result["size"], result["dtype"]): result["sides"] for result in results}
    lines = []
    for less, more, most in PAIRS:
        for dtype in dict.fromkeys(dtype for _, dtype in found):
            if (less, dtype) not in found or (more, dtype) not in found:
                continue
            ratios = {
                side: [found[less, dtype][side][key] / found[more, dtype][side][key] for key in ("step_ms", "step_cpu_ms")]
                for side in (GO, PYTORCH)
            }
            figures = ", ".join(f"{side} {wall:.2f} (CPU time {cpu:.2f})" for side, (wall, cpu) in ratios.items())
            verdict = "reached" if ratios[GO][0] <= most else "NOT REACHED"
            lines.append(f"A training step of {less} over one of {more}, {dtype}: {figures}; wanted <= {most}: {verdict}.")
    return lines


def table(document: dict) -> str:
    """The Markdown between the markers."""
    lines = [
        f"{document['date']}, {document['machine']}, load average {document['load']:.1f}; medians of {document['rounds']} "
        f"processes a side, in turn. Command: `{document['command']}`",
        "",
        "| | | " + " | ".join(name for _, name, _, _ in ROWS) + " | CPU time of a step, ratio | CPU time of a token, ratio | training, tokens/s | fraction of the GEMM rate |",
        "| --- " * (len(ROWS) + 6) + "|",
    ]
    for result in document["results"]:
        ours, theirs = result["sides"][GO], result["sides"][PYTORCH]
        cells = [f"{ours[key]:.{n}f} / {theirs[key]:.{n}f} = **{ratio(result, key):.2f}**" for key, _, n, _ in ROWS]
        cells += [f"{ratio(result, key):.2f}" for key in ("step_cpu_ms", "token_cpu_ms")]
        cells.append(f"{ours['tokens_per_second']:.0f} / {theirs['tokens_per_second']:.0f}")
        cells.append(f"{ours['gemm_fraction']:.2f} / {theirs['gemm_fraction']:.2f}")
        lines.append(f"| {result['size']} | {result['dtype']} | " + " | ".join(cells) + " |")
    goals = ", ".join(f"{name} {goal[0]} {goal[1]}" for _, name, _, goal in ROWS)
    lines += ["", f"Each cell: agiformer / PyTorch = ratio. Wanted: {goals}."]
    for line in pairs(document["results"]):
        lines += ["", line]
    return "\n".join(lines)


def write(path: Path, document: dict) -> None:
    """Replaces what stands between the markers."""
    text = path.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n{table(document)}\n{END}{after}")
