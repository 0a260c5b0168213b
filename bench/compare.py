"""Runs both sides in turn, each measurement in a process of its own, and prints their ratios.

    python bench/compare.py --go build/benchgo [--sizes d256,quickstart,text_only,full] [--rounds 3] [--write]

bench/run.sh does the set-up and calls this. The order is Go, PyTorch, Go, PyTorch, ...; figures are medians over all
rounds' steps. The results go to build/bench/results.json, with --write also into docs/performance.md.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import prepare
import report
import torch
from twin.retention import CHUNK

ROOT = Path(__file__).resolve().parent.parent
GO, PYTORCH = "agiformer", "PyTorch"
LARGE = ("text_only", "full")  # sizes whose steps take seconds


class Runner:
    """Starts measured processes."""

    def __init__(self, options):
        self.commands = {GO: [str(options.go)], PYTORCH: [sys.executable, str(ROOT / "bench/worker.py")]}
        self.options = options

    def run(self, side: str, task: str, folder: Path, dtype: str, *extra: str) -> dict:
        """One process: its JSON object, and with train start_s, from its start to the end of its first step."""
        command = [*self.commands[side], task, str(folder), "--dtype", dtype, "--threads", str(self.options.threads), *extra]
        start = time.time()
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": str(self.options.threads)})
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(command)} failed:\n{done.stderr.strip()}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if "first_step_at" in result:
            result["start_s"] = result["first_step_at"] - start
        return result

    def rounds(self, task: str, folder: Path, dtype: str, *extra: str) -> dict:
        """{side: [result of each round]}, the sides in turn."""
        results = {GO: [], PYTORCH: []}
        for _ in range(self.options.rounds):
            for side in results:
                results[side].append(self.run(side, task, folder, dtype, *extra))
        return results


def pooled(results: list, key: str) -> list:
    """All rounds' values of a key that holds a list."""
    return [value for result in results for value in result[key]]


def summary(size: str, dtype: str, trained: dict, generated: dict, flops: float) -> dict:
    """The figures of one size and precision, by side."""
    lanes, config = prepare.SIZES[size]
    figures = {}
    # One machine, one rate: the best that any process of either side saw.
    rate = max(run["gemm_gflops"] for runs in trained.values() for run in runs)
    for side in (GO, PYTORCH):
        runs = trained[side]
        step = statistics.median(pooled(runs, "step_ms"))
        figures[side] = {
            "step_ms": step,
            "step_ms_best": min(pooled(runs, "step_ms")),
            "step_cpu_ms": statistics.median(pooled(runs, "step_cpu_ms")),
            "peak_mb": statistics.median(run["peak_mb"] for run in runs),
            "loaded_mb": statistics.median(run["loaded_mb"] for run in runs),
            "start_s": statistics.median(run["start_s"] for run in runs),
            "sequences_per_second": 1000 * lanes / step,
            "tokens_per_second": 1000 * lanes * config.max_seq_len / step,
            "gemm_gflops": rate,
            "gemm_fraction": flops * lanes * config.max_seq_len / (step / 1000) / 1e9 / rate,
            "token_cpu_ms": statistics.median(pooled(generated[side], "token_cpu_ms")),
            "generated_per_second": statistics.median(pooled(generated[side], "tokens_per_second")),
        }
    losses = [trained[side][0]["losses"] for side in (GO, PYTORCH)]
    worst = max(abs(a - b) for a, b in zip(*losses))
    same = sum(a == b for a, b in zip(generated[GO][0]["ids"], generated[PYTORCH][0]["ids"]))
    return {
        "size": size,
        "dtype": dtype,
        "sides": figures,
        "loss_difference": worst,
        "same_ids": same,
        "ids": len(generated[GO][0]["ids"]),
    }


def training_flops(config) -> float:
    """FLOPs a token of forward and backward: six for each weight of a product that it passes, and attention's."""
    d = config.d_model
    weights = config.n_layers * (attention_weights(config) + expert_weights(config)) + d * config.vocab_size
    if config.use_memory:
        weights += memory_weights(config)
    if config.use_introspection:
        weights += introspection_weights(config)
    return 6 * weights


def attention_weights(config) -> float:
    """A block's attention, as weights a token passes: scores and values are two products over the past."""
    d, length, width = config.d_model, config.max_seq_len, config.d_model // config.n_heads
    if config.use_linear_attention:
        # Half a chunk of the past on average, and the state read and written.
        return 4 * d * d + 2 * d * min(CHUNK, length) / 2 + 2 * d * width
    return 4 * d * d + 2 * d * length / 2  # half of the past on average


def expert_weights(config) -> float:
    """A block's experts and router; an expert's attention sees its share of the past."""
    d, inner, heads = config.d_model, config.d_model // 2, config.expert_heads
    kinds = {
        "language": d * (2 * (inner - 8 * heads) + inner) + inner * d,
        "logic": 4 * d * inner,
        "spatial": d * (3 * (inner - 8 * heads) + 3 * heads) + inner * d,
        "causal": d * (2 * (inner - 4 * heads) + inner) + inner * d,
        "plain": 4 * d * inner,
        "dense": 0,
    }
    share = config.top_k / config.n_experts
    weights = sum(kinds[kind] + 2 * d * config.d_ff for kind in config.expert_types)
    attending = sum(kind != "dense" for kind in config.expert_types)
    past = 2 * inner * config.max_seq_len * share / 2
    return share * (weights + attending * past) + (config.n_experts * d if config.n_experts > 1 else 0)


def memory_weights(config) -> float:
    """Query and out of working memory, query of the bank, fusion; what is computed once a segment counts by its share."""
    d, kept, length = config.d_model, config.max_segment_len, config.max_seq_len
    working = 2 * d * d + 2 * d * kept + 3 * d * d * kept / length
    slots = 2 * d * config.memory_size + d * d
    states = min(kept, config.memory_update_freq * length)
    written = (config.memory_size * (d * d + 2 * d * states) + 2 * d * d * states) / length
    return working + slots + written + 4 * d * d


def introspection_weights(config) -> float:
    """Keys and values once; query, out, meta-reasoning, heads and correction in every iteration."""
    d, inner = config.d_model, config.d_model // 2
    return 2 * d * inner + config.max_iterations * (7 * d * inner + 3 * d + 2 * inner * config.max_seq_len / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--go", type=Path, default=ROOT / "build/benchgo")
    parser.add_argument("--sizes", type=lambda text: text.split(","), default=["d256", "quickstart", "text_only", "full"])
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side, in turn")
    parser.add_argument("--warmup", type=int, default=2, help="training steps before those that are timed")
    parser.add_argument("--steps", type=int, default=0, help="timed training steps a process; 0: 12, of large sizes 4")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of an operation")
    parser.add_argument("--quick", action="store_true", help="the first size, one round")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    unknown = [size for size in options.sizes if size not in prepare.SIZES]
    if unknown:
        parser.error(f"--sizes: there is no size {unknown[0]}, there are {', '.join(prepare.SIZES)}")
    if options.quick:
        options.sizes, options.rounds = options.sizes[:1], 1
    dtypes = ["float32"] + (["bfloat16"] if torch.cpu._is_avx512_bf16_supported() else [])
    runner, results = Runner(options), []
    print(report.machine(options.threads), flush=True)
    for size in options.sizes:
        folder = ROOT / "build/bench" / size
        prepare.prepare(size, folder)
        flops = training_flops(prepare.SIZES[size][1])
        steps = options.steps or (4 if size in LARGE else 12)
        for dtype in dtypes:
            trained = runner.rounds("train", folder, dtype, "--warmup", str(options.warmup), "--steps", str(steps))
            generated = runner.rounds("generate", folder, dtype, "--steps", "3")
            results.append(summary(size, dtype, trained, generated, flops))
            report.show(results[-1])
    for line in report.pairs(results):
        print(line)
    command = "bench/run.sh " + " ".join(argument for argument in sys.argv[1:] if argument != str(options.go))
    document = {
        "date": datetime.date.today().isoformat(),
        "machine": report.machine(options.threads),
        "load": os.getloadavg()[2],
        "command": command.replace("--go ", "").strip(),
        "rounds": options.rounds,
        "results": results,
    }
    (ROOT / "build/bench/results.json").write_text(json.dumps(document, indent=1) + "\n")
    if options.write:
        report.write(ROOT / "docs/performance.md", document)
        print("docs/performance.md holds the table now")


if __name__ == "__main__":
    main()
