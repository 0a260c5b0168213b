"""Seconds a step of training runs, so measured that a host whose speed comes and goes does not matter.

python bench/steps.py [--seconds 60] [--threads 1] [--data FILE --valid FILE] RUN RUN ...

A RUN is the overrides of one run of experiment=ablation in one argument, and PROGRAM: before them another program than
bin/agiformer: "model=dense model.d_ff=1360", "", "/old/bin/agiformer: model.d_model=256". All are started on as many
cores as they have threads, and take turns there: one runs for some steps while the others are stopped. Told are the
seconds a step of each, over all turns, and the median over the turns of its ratio to the first run's: with one thread the
processor's seconds, which other processes do not lengthen, with several the clock's.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TURN = 1.5  # seconds, and to the end of the step


class Run:
    """A training that goes on until it is stopped for good."""

    def __init__(self, text: str, folder: Path, data: list, cores: set):
        self.text, self.threads = text, len(cores)
        program, found, overrides = text.partition(":")
        if not found:
            program, overrides = str(ROOT / "bin" / "agiformer"), text
        self.metrics, self.turns = folder / "metrics.jsonl", []
        command = [program.strip(), "train", "experiment=ablation", f"hardware.threads={self.threads}", "training.max_steps=1000000",
                   "training.eval_interval=0", "training.save_interval=0", "logging.log_interval=1",
                   "data.eval_tokens=2048", f"run.dir={folder}", *data, *overrides.split()]
        self.log = folder.with_suffix(".log")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log.open("w"), stderr=subprocess.STDOUT,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def steps(self) -> int:
        if self.process.poll() is not None:
            raise SystemExit(f"a run ended: {self.log.read_text()[-500:]}")
        text = self.metrics.read_text() if self.metrics.exists() else ""
        whole = text.rpartition("\n")[0].splitlines()
        return max((json.loads(line)["step"] for line in whole if '"train"' in line), default=0)

    def seconds(self) -> float:
        if self.threads > 1:
            return time.monotonic()
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def next_step(self) -> None:
        now = self.steps()
        while self.steps() == now:
            time.sleep(0.005)

    def turn(self) -> None:
        """Runs from one end of a step to another."""
        self.process.send_signal(signal.SIGCONT)
        self.next_step()
        seconds, steps = self.seconds(), self.steps()
        time.sleep(TURN)
        self.next_step()
        self.turns.append((self.seconds() - seconds, self.steps() - steps))
        self.process.send_signal(signal.SIGSTOP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", help="data.train; the quickstart corpus without it")
    parser.add_argument("--valid", help="data.valid")
    o = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= o.threads <= len(cores):
        parser.error(f"--threads={o.threads}: there are {len(cores)} cores, and each thread wants one")
    data = [f"data.{key}={value}" for key, value in (("train", o.data), ("valid", o.valid)) if value]
    with tempfile.TemporaryDirectory() as folder:
        runs = [Run(text, Path(folder) / str(i), data, set(cores[-o.threads:])) for i, text in enumerate(o.runs)]
        try:
            measure(runs, o.seconds)
        finally:
            for run in runs:
                run.process.kill()
                run.process.wait()


def measure(runs: list, seconds: float) -> None:
    for run in runs:  # past the first steps, in which kernels are prepared
        while run.steps() < 6:
            time.sleep(0.2)
        run.process.send_signal(signal.SIGSTOP)
    until = time.time() + seconds
    while time.time() < until:
        for run in runs:
            run.turn()
    of_turns = [[seconds / steps for seconds, steps in run.turns] for run in runs]
    for run, own in zip(runs, of_turns):
        total = sum(seconds for seconds, _ in run.turns) / sum(steps for _, steps in run.turns)
        ratio = statistics.median(a / b for a, b in zip(own, of_turns[0]))
        print(f"{total:.3f} s a step, {ratio:.3f} of the first ({len(own)} turns, {min(own):.3f} to {max(own):.3f}): {run.text}")


if __name__ == "__main__":
    main()
