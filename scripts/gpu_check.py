"""The measuring half of gpu_check.sh: the same training in Go and in PyTorch, and the specification's speed table.

python gpu_check.py [--device cuda|cpu] [--sizes text_only,full]

Both sides start from the same weights and read the same batches. Their losses must agree: closely in float32,
within half precision's rounding otherwise, in all steps or, of a model with linear attention, in the first few.
Exits with 1 where they do not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIDES = {
    "agiformer": [str(HERE / "bin" / "benchgo")],
    "PyTorch": [sys.executable, str(HERE / "bench" / "worker.py")],
}
# Largest difference between the two sides' losses, in nats a token, by precision: seen were 5e-7 and 4e-3. Linear
# attention multiplies rounding (docs/performance.md), and each further step adds to it: 0.05 and 0.2 after twenty.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 2e-2}
ROUGH = {"full", "full_d256"}
FEW, LATER = 3, 0.25


def measure(side: str, task: str, folder: Path, *options: str) -> dict:
    """Runs one measured process and returns its JSON object."""
    command = [*SIDES[side], task, str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError("%s failed:\n%s" % (" ".join(command), done.stderr.strip()))
    return json.loads(done.stdout.strip().splitlines()[-1])


def median(values: list) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def compare_training(size: str, folder: Path, device: str, dtypes: list, steps: int) -> tuple:
    """Trains on both sides in each precision; returns the results by (side, dtype) and the sentences that fail."""
    results, wrong = {}, []
    for dtype in dtypes:
        for side in SIDES:
            options = ("--device", device, "--dtype", dtype, "--warmup", "3", "--steps", str(steps))
            results[side, dtype] = measure(side, "train", folder, *options)
        ours, theirs = (results[side, dtype]["losses"] for side in SIDES)
        differences = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
        few = differences[:FEW] if size in ROUGH else differences
        allowed = TOLERANCE[dtype] * (10 if size in ROUGH else 1)
        print("%-8s losses: agiformer %.4f -> %.4f, PyTorch %.4f -> %.4f, differences %s"
              % (dtype, ours[0], ours[-1], theirs[0], theirs[-1], " ".join("%.0e" % value for value in differences)))
        if not (max(few) <= allowed and max(differences) <= LATER):
            wrong.append("in %s the losses differ by %g nats in the first %d steps and by up to %g in all, and %g and %g are allowed"
                         % (dtype, max(few), len(few), max(differences), allowed, LATER))
    return results, wrong


def print_training(results: dict, lanes: int) -> None:
    """Sequences a second and peak memory, by precision."""
    print("\ntraining            sequences/s   ms a step   peak MB")
    for (side, dtype), result in results.items():
        step = median(result["step_ms"])
        name = "AMP off" if dtype == "float32" else "AMP " + dtype
        print("%-10s %-13s %8.1f   %9.2f   %7.0f" % (side, name, 1000 * lanes / step, step, result["peak_mb"]))
    for side in SIDES:
        plain = results[side, "float32"]
        for dtype in (dtype for name, dtype in results if name == side and dtype != "float32"):
            half = results[side, dtype]
            print("%-10s AMP %s: %.2fx the speed, %.2fx the memory" % (
                side, dtype, median(plain["step_ms"]) / median(half["step_ms"]), half["peak_mb"] / plain["peak_mb"]))


def print_inference(folder: Path, device: str, dtypes: list, sizes: list, steps: int) -> None:
    """Milliseconds a sequence of a forward pass, by batch size."""
    print("\nforward pass, ms a sequence" + "".join("   batch %-3d" % size for size in sizes))
    for dtype in dtypes:
        for side in SIDES:
            options = ("--device", device, "--dtype", dtype, "--warmup", "3", "--steps", str(steps))
            got = measure(side, "infer", folder, *options, "--sizes", ",".join(map(str, sizes)))["ms_per_sequence"]
            print("%-10s %-16s" % (side, dtype) + "".join("   %9.3f" % got[str(size)] for size in sizes))


def print_generation(folder: Path, device: str, dtypes: list) -> None:
    """Greedy tokens a second at batch 1, with caches."""
    print("\ngeneration, tokens/s")
    for dtype in dtypes:
        for side in SIDES:
            got = measure(side, "generate", folder, "--device", device, "--dtype", dtype, "--steps", "3")
            print("%-10s %-13s %8.1f   peak %.0f MB" % (side, dtype, median(got["tokens_per_second"]), got["peak_mb"]))


def check(size: str, device: str, lanes: int, steps: int) -> list:
    """All measurements of one size; returns the sentences that fail."""
    cuda = device != "cpu"
    dtypes = ["float32", "float16", "bfloat16"] if cuda else ["float32", "bfloat16"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare = [sys.executable, str(HERE / "bench" / "prepare.py"), size, str(folder), "--lanes", str(lanes)]
        subprocess.run(prepare, check=True)
        keys = json.loads((folder / "config.json").read_text())["model"]
        print("\nmodel %s: d_model %s, %s layers, segments of %s, %d lanes"
              % (size, keys["d_model"], keys["n_layers"], keys["max_seq_len"], lanes), flush=True)
        results, wrong = compare_training(size, folder, device, dtypes, steps)
        print_training(results, lanes)
        print_inference(folder, device, dtypes[-1:], [1, 8, 32] if cuda else [1, 2], steps)
        print_generation(folder, device, [dtypes[0], dtypes[-1]])
    return ["%s: %s" % (size, sentence) for sentence in wrong]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", default="", help="sizes of bench/prepare.py, text_only,full on CUDA")
    options = parser.parse_args()
    cuda = options.device != "cpu"
    sizes = (options.sizes or ("text_only,full" if cuda else "tiny")).split(",")
    lanes, steps = (32, 20) if cuda else (2, 5)
    wrong = []
    for size in sizes:
        try:
            wrong += check(size, options.device, lanes, steps)
        except (RuntimeError, subprocess.SubprocessError) as error:
            wrong.append("%s: %s" % (size, error))
    for sentence in wrong:
        print("gpu_check.py: " + sentence, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
