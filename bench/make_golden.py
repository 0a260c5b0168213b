"""Writes the golden files that Go's tests compare with: small models, computed here in float64.

    python bench/make_golden.py [FOLDER]      default: internal/model/testdata/golden

NAME.json holds the configuration, NAME.safetensors the numbers:
param/<name> float32; per segment seg{s}/ids, types, places, vowels, words, targets [B, T], lengths [B], mask [B, T],
reset [B], logits [B, T, V] and embeddings [B, T, d] (0 at padding), cross_entropy [1], load_balancing [1], usage [L, E],
with introspection error, confidence (logits), ponder, iterations [B, T] (0 at padding) and introspection_loss [1],
and the state after it: working [B, W, 2d] ([B, W, d] of the bank alone), count [B], bank [B, N, d] (0 where not written), written [B], segments [B];
of the last segment grad/<name> float32 and, of short ones, trace/<part> [B, T, d]. adamw.* holds three optimizer steps.
"""

import dataclasses
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from twin import Agiformer, Batch, Config
from twin.files import named_parameters
from twin.model import losses

SMALL = Config(
    vocab_size=16,
    d_model=32,
    n_layers=1,
    n_heads=2,
    d_ff=8,
    memory_size=5,
    max_seq_len=8,
    embedding_context=1,
    dropout=0.0,
    max_segment_len=8,
)
ALTERNATING = ("language", "logic", "language", "logic")
KINDS = ("language", "logic", "spatial", "causal")
PRUNED = {
    "n_layers": 2,
    "n_experts": 3,
    "expert_types": ("dense", "logic", "dense"),
    "block_experts": [[0, 2], [1]],
    "use_memory": False,
}
TRACED = 16  # tokens of a segment up to which the outputs of the parts are kept


@dataclasses.dataclass
class Case:
    """One model and the segments it sees: lengths and resets, [segments][lanes].

    seed: of parameters and tokens, None for the case's number; one that gives every expert some tokens.
    """

    config: Config
    lengths: list
    resets: list
    train_capacity: bool = False
    seed: int | None = None


def variant(**changes) -> Config:
    """SMALL with changes; top_k is derived anew."""
    return dataclasses.replace(SMALL, **{"top_k": None, **changes})


def alone(kind: str, **changes) -> Config:
    """SMALL with one expert of a kind and no memory."""
    return variant(**{"n_experts": 1, "expert_types": (kind,), "use_memory": False, **changes})


CASES = {
    # Lane 1 starts anew with the last segment: it reads the parameter, lane 0 a bank written twice.
    "memory": Case(variant(n_layers=2, embedding_context=3), [[8, 8, 8]] * 3, [[1, 1, 1], [0, 0, 1], [0, 1, 0]]),
    # Writes every second segment; the working memory is shorter than a segment, segments are padded.
    "freq2": Case(
        variant(n_experts=1, expert_types=("logic",), memory_update_freq=2, max_segment_len=5, embedding_context=12),
        [[8, 3], [7, 8], [8, 2], [4, 8], [6, 8]],
        [[1, 1], [0, 0], [0, 0], [0, 1], [0, 0]],
    ),
    "minimal": Case(
        variant(n_experts=1, expert_types=("language",), n_heads=1, max_segment_len=11), [[8, 6], [8, 8]], [[1, 1], [0, 0]]
    ),
    "four": Case(
        variant(n_experts=4, expert_types=ALTERNATING, top_k=2, use_memory=False),
        [[8, 8]],
        [[1, 1]],
    ),
    "capacity": Case(
        variant(capacity_factor=0.75, use_memory=False, d_model=64, n_heads=4), [[8, 8, 8]], [[1, 1, 1]], train_capacity=True
    ),
    "sequence": Case(
        variant(n_experts=3, expert_types=ALTERNATING[:3], top_k=2, use_memory=False, load_balancing_scope="sequence"),
        [[8, 3, 6]],
        [[1, 1, 1]],
    ),
    # Each kind of expert alone, with two heads of attention.
    "spatial": Case(alone("spatial", d_model=64, n_heads=4), [[8, 5]], [[1, 1]]),
    "causal": Case(alone("causal", d_model=64, n_heads=4), [[8, 5]], [[1, 1]]),
    "dense": Case(alone("dense"), [[8, 5]], [[1, 1]]),
    "kinds": Case(variant(n_experts=4, expert_types=KINDS, use_memory=False, max_seq_len=16), [[16, 11]], [[1, 1]], seed=175),
    "kinds_twice": Case(
        variant(n_experts=8, expert_types=KINDS * 2, use_memory=False, max_seq_len=32), [[32, 21]], [[1, 1]], seed=125
    ),
    # More than a chunk of 64, and the second one short: the state goes on.
    "linear": Case(alone("dense", use_linear_attention=True, max_seq_len=72), [[72, 67]], [[1, 1]]),
    # Five chunks, and positions above 256, which the causal expert splits.
    "long": Case(alone("causal", use_linear_attention=True, max_seq_len=264), [[264]], [[1]]),
    "introspection": Case(
        alone("dense", d_model=64, n_heads=4, use_introspection=True, max_iterations=4, introspection_loss_weight=0.05),
        [[8, 5]],
        [[1, 1]],
    ),
    "full": Case(
        variant(
            n_experts=4,
            expert_types=KINDS,
            embedding_context=4,
            use_linear_attention=True,
            use_introspection=True,
            router_z_loss_weight=0.02,
            introspection_loss_weight=0.3,
            introspection_ponder_weight=0.2,
        ),
        [[8, 8], [8, 6], [8, 8]],
        [[1, 1], [0, 0], [0, 1]],
    ),
    "zloss": Case(
        variant(
            n_experts=3,
            expert_types=("dense",) * 3,
            use_memory=False,
            load_balancing_scope="sequence",
            router_z_loss_weight=0.1,
        ),
        [[8, 3, 6]],
        [[1, 1, 1]],
    ),
    # One part of the memory alone.
    "working": Case(alone("logic", use_memory=True, memory_parts="working"), [[8, 6], [8, 8]], [[1, 1], [0, 1]]),
    "bank": Case(alone("logic", use_memory=True, memory_parts="bank"), [[8, 6], [8, 8], [8, 8]], [[1, 1], [0, 0], [0, 1]]),
    # What pruning leaves: two experts and one, whose raw weights know of those that are gone, or which k > 1 weighs anew.
    "pruned": Case(variant(**PRUNED, top_k=1, router_z_loss_weight=0.05), [[8, 5]], [[1, 1]], seed=21),
    "pruned_top2": Case(variant(**PRUNED, top_k=2), [[8, 5]], [[1, 1]]),
    "plain": Case(alone("plain", d_model=64, n_heads=4), [[8, 5]], [[1, 1]]),
    "described": Case(
        alone("dense", use_memory=True, embedding_context=3, embedding_features=True), [[8, 6], [8, 8]], [[1, 1], [0, 1]]
    ),
}


def parameters(config: Config, seed: int) -> dict:
    """Float32 values away from the initial ones, so that every parameter shows in the numbers."""
    generator = torch.Generator().manual_seed(seed)
    values = {}
    for name, parameter in named_parameters(Agiformer(config)).items():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith(("forward", "backward")) or parameter.dim() == 1:
            values[name] = parameter.detach() * 0.5 + 0.3 * noise
        elif "embedding" in name or "slots" in name:
            values[name] = 0.7 * noise
        else:
            values[name] = 1.4 * noise / parameter.shape[-1] ** 0.5
    return values


def segment(config: Config, lengths: list, generator) -> tuple[Batch, torch.Tensor]:
    """Random tokens and features, padded at the lanes' ends, and targets."""
    lanes, size = len(lengths), max(lengths)

    def draw(low, high):
        return torch.randint(low, high, (lanes, size), generator=generator)

    valid = torch.arange(size) < torch.tensor(lengths).unsqueeze(1)
    words = (draw(0, 3) == 0).cumsum(dim=1)
    # The high rows of the tables must be read too: the model knows 32 types, 16 places, 8 vowels.
    columns = [draw(1, config.vocab_size), draw(1, 32), draw(0, 16), draw(0, 8), words]
    targets = torch.where(draw(0, 6) == 0, 0, draw(1, config.vocab_size)) * valid
    return Batch(*(column * valid for column in columns), torch.tensor(lengths), valid), targets


def hooks(model: Agiformer, trace: dict) -> list:
    """Keeps the outputs of the parts."""
    parts = {"embedding": model.embedding}
    if model.config.use_memory:
        named = {"memory": model.memory, "memory.working": model.memory.working, "memory.bank": model.memory.bank}
        parts.update({name: part for name, part in named.items() if part is not None})
    if model.config.use_introspection:
        parts["introspection"] = model.introspection
    for i, block in enumerate(model.blocks):
        parts.update({f"blocks.{i}.attention": block.attention, f"blocks.{i}.moe": block.moe})

    def keep(name):
        def hook(_module, _inputs, output):
            trace[name] = (output[0] if isinstance(output, tuple) else output).detach()

        return hook

    return [part.register_forward_hook(keep(name)) for name, part in parts.items()]


def record(tensors: dict, s: int, batch: Batch, targets, reset, output, config: Config) -> torch.Tensor:
    """Puts a segment's inputs and results into tensors; returns its total loss."""
    found = losses(config, output, targets)
    at = f"seg{s}/"
    for key in ("ids", "types", "places", "vowels", "words", "lengths"):
        tensors[at + key] = getattr(batch, key)
    place = batch.mask.unsqueeze(-1)
    tensors |= {at + "targets": targets, at + "mask": batch.mask.to(torch.uint8), at + "reset": reset.to(torch.uint8)}
    tensors[at + "logits"] = output.logits.detach().masked_fill(~place, 0)
    tensors[at + "embeddings"] = output.embeddings.detach().masked_fill(~place, 0)
    tensors[at + "cross_entropy"] = found.cross_entropy.detach().view(1)
    tensors[at + "load_balancing"] = torch.as_tensor(found.load_balancing, dtype=torch.float64).detach().view(1)
    if config.n_experts > 1:
        counts = torch.stack(output.counts).double()
        tensors[at + "usage"] = counts / counts.sum(dim=1, keepdim=True)
    if output.findings is not None:
        tensors[at + "introspection_loss"] = found.introspection.detach().view(1)
        for field in dataclasses.fields(output.findings):
            tensors[at + field.name] = getattr(output.findings, field.name).detach() * batch.mask
    return found.total


def build(case: Case, seed: int) -> dict:
    """All tensors of a case."""
    config = case.config
    model = Agiformer(config).double()
    model.train(case.train_capacity)
    values = parameters(config, seed)
    with torch.no_grad():
        for name, parameter in named_parameters(model).items():
            parameter.copy_(values[name])
    tensors = {f"param/{name}": value for name, value in values.items()}
    generator = torch.Generator().manual_seed(seed + 100)
    state, trace = model.new_state(len(case.lengths[0])), {}
    for s, lengths in enumerate(case.lengths):
        batch, targets = segment(config, lengths, generator)
        reset = torch.tensor(case.resets[s], dtype=torch.bool)
        last = s == len(case.lengths) - 1
        handles = hooks(model, trace) if last and config.max_seq_len <= TRACED else []
        if state is not None:
            state.reset(reset)
        output = model(batch, state)
        total = record(tensors, s, batch, targets, reset, output, config)
        if state is not None:
            keys = ("working", "count", "bank", "written", "segments")
            tensors |= {f"seg{s}/{key}": getattr(state, key).clone() for key in keys}
            tensors[f"seg{s}/written"] = tensors[f"seg{s}/written"].to(torch.uint8)
            tensors[f"seg{s}/working"] *= state.valid().unsqueeze(-1)
        if last:
            total.backward()
        for handle in handles:
            handle.remove()
    for name, parameter in named_parameters(model).items():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        tensors[f"grad/{name}"] = gradient.float()
    mask = batch.mask.unsqueeze(-1)
    return tensors | {f"trace/{name}": value.masked_fill(~mask, 0) for name, value in trace.items()}


def adamw() -> tuple[dict, dict]:
    """Three steps of clipping and fused AdamW from given gradients; the norm is above the bound but for step 2."""
    generator = torch.Generator().manual_seed(7)
    shapes, decay = [(6, 5), (7,), (3, 4, 2)], [0.1, 0.0, 0.01]
    meta = {"lr": [1e-2, 3e-3, 2e-2], "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "clip": 1.0, "decay": decay, "steps": 3}
    params = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
    tensors = {f"param/{i}": p.detach().clone() for i, p in enumerate(params)}
    groups = [{"params": [p], "weight_decay": d} for p, d in zip(params, decay)]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.95), eps=1e-8, fused=True)
    for step, rate in enumerate(meta["lr"], start=1):
        for i, p in enumerate(params):
            p.grad = torch.randn(p.shape, generator=generator) * (0.05 if step == 2 else 1.0)
            tensors[f"step{step}/grad/{i}"] = p.grad.clone()
        tensors[f"step{step}/norm"] = torch.nn.utils.clip_grad_norm_(params, meta["clip"]).view(1)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        for i, p in enumerate(params):
            tensors[f"step{step}/param/{i}"] = p.detach().clone()
            for key in ("exp_avg", "exp_avg_sq"):
                tensors[f"step{step}/{key}/{i}"] = optimizer.state[p][key].clone()
    return meta, tensors


def write(folder: Path, name: str, meta: dict, tensors: dict) -> None:
    """NAME.json and NAME.safetensors."""
    (folder / f"{name}.json").write_text(json.dumps(meta, indent=1) + "\n")
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")
    print(f"{name}: {len(tensors)} tensors, {(folder / f'{name}.safetensors').stat().st_size >> 10} KB")


def main() -> None:
    default = Path(__file__).resolve().parent.parent / "internal/model/testdata/golden"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, (name, case) in enumerate(CASES.items()):
        meta = {
            "case": name,
            "vocab_size": case.config.vocab_size,
            "segments": len(case.lengths),
            "train_capacity": case.train_capacity,
            "config": case.config.to_yaml_keys(),
        }
        write(folder, name, meta, build(case, seed if case.seed is None else case.seed))
    write(folder, "adamw", *adamw())


if __name__ == "__main__":
    main()
