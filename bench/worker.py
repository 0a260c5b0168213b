"""One measured process of the PyTorch side: python bench/worker.py TASK FOLDER [options]; prints one JSON object.

TASK: train (steps, memory, start), generate (tokens/s at batch 1), infer (ms a sequence of a forward pass).
FOLDER is what prepare.py made. bench/cmd/benchgo answers the same arguments with the same keys.
"""

import argparse
import contextlib
import json
import statistics
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from twin import Agiformer, Batch, Config, Decoder
from twin.files import load
from twin.model import losses, parameter_groups

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def memory_mb(key: str) -> float:
    """VmHWM (peak) or VmRSS of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


class Worker:
    """The model, the batches and the precision of one measurement."""

    def __init__(self, options):
        self.options, self.device = options, torch.device(options.device)
        self.config = Config.from_json(options.folder / "config.json")
        self.amp = DTYPES.get(options.dtype)
        self.loaded_mb = memory_mb("VmRSS")
        if options.threads:
            torch.set_num_threads(options.threads)
        torch.manual_seed(0)
        # cuDNN's attention, PyTorch's first choice for half precision, plans anew for each of the experts' many
        # shapes: 1.08 s a step of text_only on an H200 where the other kernels take 0.14 s (docs/performance.md).
        torch.backends.cuda.enable_cudnn_sdp(False)
        # Made on the device, so that the host holds no second copy.
        with self.device:
            self.model = Agiformer(self.config)
        load(self.model, options.folder / "model.safetensors")

    def autocast(self):
        """The autocast of a forward pass, or nothing in float32."""
        if self.amp is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.amp)

    def batches(self) -> list:
        """[(Batch, targets, resets)], as often round as there are steps."""
        stored = load_file(self.options.folder / "batches.safetensors", device=str(self.device))
        keys = ("ids", "types", "places", "vowels", "words")
        return [
            (Batch(*(stored[key][i] for key in keys)), stored["targets"][i], stored["resets"][i].bool())
            for i in range(len(stored["ids"]))
        ]

    def wait(self) -> None:
        """Until the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def peak_mb(self) -> float:
        """Peak memory: of the process, on CUDA of its tensors on the device."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return memory_mb("VmHWM")

    def train(self) -> dict:
        """Times optimizer steps on the batches in turn, streams carried on."""
        options, model = self.options, self.model.train()
        groups = parameter_groups(model, 0.01)
        optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.999), eps=1e-8, fused=True)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.amp == torch.float16)
        batches, times, cpu, history = self.batches(), [], [], []
        state, first = model.new_state(batches[0][0].ids.shape[0]), None
        for step in range(options.warmup + options.steps):
            start, start_cpu = time.perf_counter(), time.process_time()
            history.append(self.step(batches[step % len(batches)], state, optimizer, scaler))
            self.wait()
            times.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
            first = first or time.time()
        if options.profile is not None:  # one more step, which does not count
            with torch.profiler.profile() as profile:
                self.step(batches[(options.warmup + options.steps) % len(batches)], state, optimizer, scaler)
                self.wait()
            profile.export_chrome_trace(str(options.profile))
        return {
            "first_step_at": first,
            "step_ms": [1000 * t for t in times[options.warmup :]],
            "step_cpu_ms": [1000 * t for t in cpu[options.warmup :]],
            "losses": [float(value) for value in history],
            "peak_mb": self.peak_mb(),
            "loaded_mb": self.loaded_mb,
        }

    def step(self, batch: tuple, state, optimizer, scaler) -> torch.Tensor:
        """One optimizer step; returns the mean cross-entropy."""
        model, (columns, targets, resets) = self.model, batch
        if state is not None:
            state.reset(resets)
        with self.autocast():
            found = losses(self.config, model(columns, state), targets)
        scaler.scale(found.total).backward()
        for parameter in model.parameters():
            if parameter.grad is None:  # nothing to write to the memory: counts as zeros, as on the other side
                parameter.grad = torch.zeros_like(parameter)
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        return found.cross_entropy.detach()

    def generate(self) -> dict:
        """Greedy tokens after a prompt, at batch 1 with caches."""
        model = self.model.eval()
        if self.amp is not None:
            model = model.to(self.amp)  # weights once in half precision: faster than autocast, which casts at each token
        stored = load_file(self.options.folder / "batches.safetensors")
        prompt = stored["ids"][0, 0, : self.options.prompt].tolist()
        runs, cpu, ids = [], [], []
        for _ in range(self.options.steps):
            decoder, ids = Decoder(model), []
            token = int(decoder.feed(prompt)[-1].argmax())
            start, start_cpu = time.perf_counter(), time.process_time()
            for _ in range(self.options.tokens):
                ids.append(token)
                token = int(decoder.feed([token])[-1].argmax())
            runs.append(self.options.tokens / (time.perf_counter() - start))
            cpu.append(1000 * (time.process_time() - start_cpu) / self.options.tokens)
        return {"tokens_per_second": runs, "token_cpu_ms": cpu, "ids": ids, "peak_mb": self.peak_mb()}

    @torch.no_grad()
    def infer(self) -> dict:
        """Milliseconds a sequence of a forward pass at each batch size."""
        model, result = self.model.eval(), {}
        batch = self.batches()[0][0]
        columns = (batch.ids, batch.types, batch.places, batch.vowels, batch.words)
        for size in self.options.sizes:
            rows = torch.arange(size, device=self.device) % len(batch.ids)
            lanes = Batch(*(column[rows] for column in columns))
            times = []
            for _ in range(self.options.warmup + self.options.steps):
                self.wait()
                start = time.perf_counter()
                with self.autocast():
                    model(lanes)
                self.wait()
                times.append(1000 * (time.perf_counter() - start) / size)
            result[str(size)] = statistics.median(times[self.options.warmup :])
        return {"ms_per_sequence": result, "peak_mb": self.peak_mb()}

    def gemm(self) -> float:
        """GFLOP/s of products of the model's size: [tokens, d] by [d, F], best of a few."""
        batch = self.batches()[0][0]
        dtype = self.amp or torch.float32
        a = torch.randn(batch.ids.numel(), self.config.d_model, device=self.device, dtype=dtype)
        b = torch.randn(self.config.d_ff, self.config.d_model, device=self.device, dtype=dtype)
        best, until = 0.0, time.perf_counter() + 0.7
        while time.perf_counter() < until:
            self.wait()
            start = time.perf_counter()
            for _ in range(4):
                torch.nn.functional.linear(a, b)
            self.wait()
            best = max(best, 4 * 2 * a.numel() * b.shape[0] / (time.perf_counter() - start) / 1e9)
        return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("train", "generate", "infer"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", *DTYPES))
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's choice")
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="timed steps, or runs of generate")
    parser.add_argument("--prompt", type=int, default=32, help="prompt length of generate")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to generate")
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--profile", type=Path, help="file for a trace of one more training step, in Chrome's format")
    options = parser.parse_args()
    worker = Worker(options)
    result = getattr(worker, options.task)()
    if options.task == "train":
        result["gemm_gflops"] = worker.gemm()
    print(json.dumps({"threads": torch.get_num_threads(), "version": torch.__version__, **result}))


if __name__ == "__main__":
    main()
