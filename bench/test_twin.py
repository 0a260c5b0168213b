"""Checks of the twin itself, in float64 at tiny sizes. Run: python -m pytest bench/test_twin.py, or python bench/test_twin.py"""

import copy
import dataclasses

import torch

from twin import Agiformer, Batch, Config, Decoder, label
from twin.layers import head_rope, rotate
from twin.model import losses
from twin.retention import retain, retain_step

TINY = Config(
    vocab_size=256, d_model=64, n_layers=2, n_heads=4, d_ff=48, memory_size=6, max_seq_len=12, dropout=0.0, max_segment_len=10
)
KINDS = ("language", "logic", "spatial", "causal")
VARIANTS = {
    "two": TINY,
    "one": dataclasses.replace(TINY, n_experts=1, expert_types=("language",)),
    "four": dataclasses.replace(TINY, n_experts=4, expert_types=("language", "logic") * 2, top_k=2),
    "forgetful": dataclasses.replace(TINY, use_memory=False),
    "capacity": dataclasses.replace(TINY, capacity_factor=0.6),
    "described": dataclasses.replace(TINY, embedding_features=True),
    **{kind: dataclasses.replace(TINY, n_experts=1, expert_types=(kind,), use_memory=False) for kind in ("spatial", "causal", "plain", "dense")},
    "kinds": dataclasses.replace(TINY, n_experts=4, expert_types=KINDS, top_k=2, use_memory=False),
    **{part: dataclasses.replace(TINY, memory_parts=part) for part in ("working", "bank")},
    "pruned": dataclasses.replace(TINY, n_experts=3, expert_types=KINDS[1:], top_k=1, block_experts=[[0, 2], [1]]),
    "linear": dataclasses.replace(TINY, use_linear_attention=True),
    "introspection": dataclasses.replace(TINY, use_introspection=True, max_iterations=4, use_memory=False),
    "full": dataclasses.replace(
        TINY, n_experts=4, expert_types=KINDS, top_k=2, use_linear_attention=True, use_introspection=True, router_z_loss_weight=0.1
    ),
}
TEXT = "Evlerimizden 25 çocuk geldi;\ngüneş batıyordu, kuşlar uçtu.".encode()


def make(config: Config, seed: int = 0) -> Agiformer:
    """A model away from its initial values, so that every parameter matters."""
    torch.manual_seed(seed)
    model = Agiformer(config).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.dim() < 2 else 0.1))
    return model


def batch_of(*rows: bytes) -> Batch:
    """Lanes of equal length, features from a fresh labeler."""
    columns = [label(row) for row in rows]
    keys = ("types", "places", "vowels", "words")
    return Batch(torch.tensor([list(r) for r in rows]), *(torch.stack([torch.tensor(c[k]) for c in columns]) for k in keys))


def run(model, segments):
    """Outputs of segments in order, one state."""
    state = model.new_state(segments[0].ids.shape[0])
    return [model(segment, state) for segment in segments]


def test_causality():
    for config in VARIANTS.values():
        model = make(config)
        first, second = batch_of(TEXT[:12]), batch_of(TEXT[12:24])
        before = run(model, [first, second])[1].logits
        for t in range(12):
            changed = copy.deepcopy(second)
            changed.ids[0, t] = (changed.ids[0, t] + 7) % 250 + 4
            changed.types[0, t] = (changed.types[0, t] + 1) % 8
            changed.words[0, t:] += 1
            after = run(model, [first, changed])[1].logits
            assert torch.equal(after[0, :t, 1:].round(decimals=9), before[0, :t, 1:].round(decimals=9))
            assert not torch.equal(after[0, t, 1:], before[0, t, 1:])


def test_incremental_equals_parallel():
    for config in VARIANTS.values():
        model = make(config).eval()
        with torch.no_grad():
            whole = model(batch_of(TEXT[:12]))
        parallel = whole.logits[0]
        for first in (1, 5, 12):
            decoder = Decoder(model)
            parts, found = [], []
            for ids in (TEXT[:first], *(TEXT[t : t + 1] for t in range(first, 12))):
                parts.append(decoder.feed(list(ids)))
                found += decoder.findings
            fed = torch.cat(parts)
            assert torch.allclose(fed[:, 1:], parallel[:, 1:], atol=1e-9, rtol=0)
            if whole.findings is not None:
                compare_findings(model, found, fed, whole.findings)
        whole, single = Decoder(model), Decoder(model)
        a = whole.feed(list(TEXT[:40]))
        b = torch.cat([single.feed([byte]) for byte in TEXT[:40]])
        assert torch.allclose(a[:, 1:], b[:, 1:], atol=1e-9, rtol=0)


def compare_findings(model, found, logits, wanted):
    """Findings of decoding, token by token and without the evidence, against those of the parallel pass."""
    joined = (torch.cat([getattr(f, f_.name) for f in found], dim=1) for f_ in dataclasses.fields(wanted))
    judged = model.introspection.judge(type(wanted)(*joined), logits.unsqueeze(0))
    for field in dataclasses.fields(wanted):
        a, b = getattr(judged, field.name), getattr(wanted, field.name)
        assert torch.allclose(a.double(), b.double(), atol=1e-9, rtol=0), field.name


def test_tokens_halt_apart():
    model = make(VARIANTS["introspection"]).eval()
    with torch.no_grad():
        model.introspection.heads.weight[2] *= 8  # some stop at once, some never
        output = model(batch_of(TEXT[12:24]))
        found = model(batch_of(TEXT[:12], TEXT[12:24])).findings
    assert set(found.iterations.flatten().tolist()) == {1, 2, 3, 4}
    rest = found.ponder - found.iterations
    assert (rest > 0).all() and (rest <= 1).all()
    decoder, single = Decoder(model), []
    logits = []
    for byte in TEXT[12:24]:
        logits.append(decoder.feed([byte]))
        single += decoder.findings
    assert torch.allclose(torch.cat(logits)[:, 1:], output.logits[0, :, 1:], atol=1e-9, rtol=0)
    compare_findings(model, single, output.logits[0], output.findings)


def test_at_first_the_confidence_is_the_probability():
    torch.manual_seed(0)
    output = Agiformer(VARIANTS["introspection"]).double()(batch_of(TEXT[:12]))
    first = output.logits.softmax(-1).max(-1).values
    assert torch.allclose(output.findings.confidence.sigmoid(), first, atol=1e-12, rtol=0)
    assert (output.findings.error == 0).all()


def test_early_stop_changes_nothing():
    model, batch = make(VARIANTS["introspection"], seed=3), batch_of(TEXT[:12])
    with torch.no_grad():
        model.introspection.heads.bias[2] = 9.0  # all halt in the first iteration
    looped, stopped = model.train()(batch), model.eval()(batch)
    assert (stopped.findings.iterations == 1).all()
    assert torch.equal(looped.logits, stopped.logits) and torch.equal(looped.findings.ponder, stopped.findings.ponder)


def test_retention_is_its_definition():
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 150, 8, dtype=torch.float64) for _ in range(3))
    log_decay = -torch.tensor([0.3, 0.02, 2.0], dtype=torch.float64)
    apart = torch.arange(150).unsqueeze(1) - torch.arange(150)
    powers = torch.where(apart >= 0, (log_decay.view(-1, 1, 1) * apart).exp(), 0)
    wanted = (q @ k.transpose(-1, -2) * powers) @ v
    for chunk in (1, 7, 64, 150, 500):
        o, state = retain(q, k, v, log_decay, chunk)
        assert torch.allclose(o, wanted, atol=1e-9, rtol=0)
    o, state = retain(q[:, :, :149], k[:, :, :149], v[:, :, :149], log_decay)
    o, state = retain_step(q[:, :, 149:], k[:, :, 149:], v[:, :, 149:], log_decay, state)
    assert torch.allclose(o, wanted[:, :, 149:], atol=1e-9, rtol=0)


def test_spatial_scores_are_distances():
    torch.manual_seed(0)
    attention = make(VARIANTS["spatial"]).blocks[0].moe.experts["0"].attention
    u = torch.randn(2, 12, 64, dtype=torch.float64)
    places = batch_of(TEXT[:12], TEXT[12:24]).features()
    heads, width, core = attention.heads, attention.width, attention.core
    shape = (2, 12, heads, core)
    q, k, v = (x.reshape(shape).transpose(1, 2) for x in attention.qkv(u).split(heads * core, dim=-1))
    rope = head_rope(places, core, u.dtype)
    p = 2 * torch.tanh(attention.points(u)).reshape(2, 12, heads, 3).transpose(1, 2)
    e = p / (p.square().sum(-1, keepdim=True) + 1e-6).sqrt()
    apart = p.unsqueeze(3) - p.unsqueeze(2)  # [B, H', i, j, 3]
    squared, cosine = apart.square().sum(-1), (e.unsqueeze(3) * e.unsqueeze(2)).sum(-1)
    beta, gamma = attention.distance.exp().view(-1, 1, 1), attention.direction.view(-1, 1, 1)
    score = rotate(q, *rope) @ rotate(k, *rope).transpose(-1, -2) / width**0.5 - beta * squared + gamma * cosine
    later = torch.ones(12, 12, dtype=torch.bool).triu(1)
    a = score.masked_fill(later, -torch.inf).softmax(-1)
    facts = ((a.unsqueeze(-1) * -apart).sum(3), (a * squared).sum(3).unsqueeze(-1), (a * cosine).sum(3).unsqueeze(-1), p)
    attended = torch.cat((a @ v, *facts), dim=-1).transpose(1, 2).flatten(2)
    assert torch.allclose(attention(u, places), attention.out(attended), atol=1e-9, rtol=0)


def test_causal_sees_strictly_earlier_causes():
    torch.manual_seed(0)
    attention = make(VARIANTS["causal"]).blocks[0].moe.experts["0"].attention
    u = torch.randn(1, 12, 64, dtype=torch.float64)
    # Places of a subsequence of a long segment: gaps, and the time has high parts.
    places = {"positions": torch.tensor([[0, 3, 4, 9, 250, 255, 256, 257, 500, 511, 512, 1000]])}
    heads, width, core = attention.heads, attention.width, attention.core
    q = attention.effect(u).reshape(1, 12, heads, core + 4).transpose(1, 2)
    k, v = attention.cause(u).split((heads * (core + 4), heads * width), dim=-1)
    k, v = (x.reshape(1, 12, heads, -1).transpose(1, 2) for x in (k, v))
    rope = head_rope(places, core, u.dtype)
    q, k = (torch.cat((rotate(x[..., :core], *rope), x[..., core:]), dim=-1) for x in (q, k))
    t = places["positions"][0]
    score = q @ k.transpose(-1, -2) / width**0.5 - attention.decay.exp().view(-1, 1, 1) * (t.unsqueeze(1) - t)
    score = score.masked_fill(torch.ones(12, 12, dtype=torch.bool).triu(), -torch.inf)
    null = (q[..., core:] * attention.null_key.unsqueeze(1)).sum(-1, keepdim=True) / width**0.5
    a = torch.cat((null, score), dim=-1).softmax(-1)
    attended = a[..., :1] * attention.null_value.unsqueeze(1) + a[..., 1:] @ v
    wanted = attention.out(attended.transpose(1, 2).flatten(2))
    assert torch.allclose(attention(u, places), wanted, atol=1e-9, rtol=0)


def test_one_expert_is_that_expert():
    model = make(VARIANTS["one"])
    moe, u = model.blocks[0].moe, torch.randn(2, 12, 64, dtype=torch.float64)
    places = batch_of(TEXT[:12], TEXT[12:24]).features()
    assert torch.equal(moe(u, places, None)[0], moe.experts["0"](u, places))


def test_lanes_are_apart():
    for name in VARIANTS.keys() - {"capacity"}:
        model = make(VARIANTS[name])
        both = run(model, [batch_of(TEXT[s : s + 12], TEXT[s + 5 : s + 17]) for s in (0, 12, 24)])
        alone = run(model, [batch_of(TEXT[s + 5 : s + 17]) for s in (0, 12, 24)])
        for together, own in zip(both, alone):
            assert torch.allclose(together.logits[1:, :, 1:], own.logits[:, :, 1:], atol=1e-9, rtol=0)


def test_padding_changes_nothing():
    targets = torch.tensor([list(TEXT[1:8])])
    for name in ("four", "full"):
        model = make(VARIANTS[name])
        short, state = batch_of(TEXT[:7]), model.new_state(1)
        wanted = model(short, state)
        padded = batch_of(TEXT[:7] + bytes(5))
        padded.mask, padded.lengths = torch.arange(12)[None] < 7, torch.tensor([7])
        other = model.new_state(1)
        got = model(padded, other)
        assert torch.allclose(got.logits[:, :7, 1:], wanted.logits[:, :, 1:], atol=1e-9, rtol=0)
        assert torch.allclose(other.working, state.working, atol=1e-9, rtol=0) and torch.equal(other.count, state.count)
        a = losses(model.config, wanted, targets)
        b = losses(model.config, got, torch.nn.functional.pad(targets, (0, 5)))
        assert torch.allclose(torch.stack(list(terms(a))), torch.stack(list(terms(b))), atol=1e-12, rtol=0)


def terms(found):
    """The losses that are there."""
    return (x for x in (found.cross_entropy, found.load_balancing, found.introspection) if torch.is_tensor(x))


def test_write_path_has_true_gradients():
    model = make(VARIANTS["two"])
    first, second = batch_of(TEXT[:12]), batch_of(TEXT[12:24])
    targets = torch.tensor([list(TEXT[13:25])])

    def value():
        return losses(model.config, run(model, [first, second])[1], targets).total

    value().backward()
    bank = model.memory.bank
    for parameter in (bank.write_query.weight, bank.write_key.weight, bank.write_value.weight, bank.gate.weight):
        spot = parameter.grad.abs().argmax()
        assert parameter.grad.abs().max() > 0
        with torch.no_grad():
            ends = []
            for step in (1e-5, -2e-5):
                parameter.view(-1)[spot] += step
                ends.append(value())
            parameter.view(-1)[spot] += 1e-5
        slope = (ends[0] - ends[1]) / 2e-5
        assert torch.allclose(slope, parameter.grad.view(-1)[spot], rtol=1e-4, atol=1e-9)
    assert bank.slots.grad.abs().max() == 0, "after a write the parameter is out of the graph"


def test_capacity_drops_the_later_tokens():
    model = make(VARIANTS["capacity"])
    moe, places = model.blocks[0].moe, batch_of(TEXT[:12]).features()
    u = torch.randn(1, 12, 64, dtype=torch.float64)
    kept = moe(u, places, None)[0].abs().sum(-1) > 0
    choices = moe.route(u)[3][0, :, 0]
    for e in range(2):
        own = kept[0, choices == e]
        assert own[:4].all() and not own[4:].any()  # ceil(0.6 * 12 / 2) = 4 places
    moe.eval()
    assert (moe(u, places, None)[0].abs().sum(-1) > 0).all()


if __name__ == "__main__":
    for name, check in list(globals().items()):
        if name.startswith("test_"):
            check()
            print("ok", name)
