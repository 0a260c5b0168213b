"""Checks of the twin itself, in float64 at tiny sizes. Run: python -m pytest bench/test_twin.py, or python bench/test_twin.py"""

import copy
import dataclasses

import torch

from twin import Agiformer, Batch, Config, Decoder, label
from twin.model import loss

TINY = Config(
    vocab_size=256, d_model=64, n_layers=2, n_heads=4, d_ff=48, memory_size=6, max_seq_len=12, dropout=0.0, max_segment_len=10
)
VARIANTS = {
    "two": TINY,
    "one": dataclasses.replace(TINY, n_experts=1, expert_types=("language",)),
    "four": dataclasses.replace(TINY, n_experts=4, expert_types=("language", "logic") * 2, top_k=2),
    "plain": dataclasses.replace(TINY, use_memory=False),
    "capacity": dataclasses.replace(TINY, capacity_factor=0.6),
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
            parallel = torch.cat([o.logits[0] for o in run(model, [batch_of(TEXT[s : s + 12]) for s in (0,)])])
        for first in (1, 5, 12):
            decoder = Decoder(model)
            fed = torch.cat([decoder.feed(list(TEXT[:first])), *(decoder.feed([b]) for b in TEXT[first:12])])
            assert torch.allclose(fed[:, 1:], parallel[:, 1:], atol=1e-9, rtol=0)
        whole, single = Decoder(model), Decoder(model)
        a = whole.feed(list(TEXT[:40]))
        b = torch.cat([single.feed([byte]) for byte in TEXT[:40]])
        assert torch.allclose(a[:, 1:], b[:, 1:], atol=1e-9, rtol=0)


def test_one_expert_is_that_expert():
    model = make(VARIANTS["one"])
    moe, u = model.blocks[0].moe, torch.randn(2, 12, 64, dtype=torch.float64)
    places = batch_of(TEXT[:12], TEXT[12:24]).features()
    assert torch.equal(moe(u, places, None)[0], moe.experts[0](u, places))


def test_lanes_are_apart():
    for name in ("two", "one", "four", "plain"):
        model = make(VARIANTS[name])
        both = run(model, [batch_of(TEXT[s : s + 12], TEXT[s + 5 : s + 17]) for s in (0, 12, 24)])
        alone = run(model, [batch_of(TEXT[s + 5 : s + 17]) for s in (0, 12, 24)])
        for together, own in zip(both, alone):
            assert torch.allclose(together.logits[1:, :, 1:], own.logits[:, :, 1:], atol=1e-9, rtol=0)


def test_padding_changes_nothing():
    model = make(VARIANTS["four"])
    short, state = batch_of(TEXT[:7]), model.new_state(1)
    wanted = model(short, state)
    padded = batch_of(TEXT[:7] + bytes(5))
    padded.mask, padded.lengths = torch.arange(12)[None] < 7, torch.tensor([7])
    other = model.new_state(1)
    got = model(padded, other)
    assert torch.allclose(got.logits[:, :7, 1:], wanted.logits[:, :, 1:], atol=1e-9, rtol=0)
    assert torch.allclose(other.working, state.working, atol=1e-9, rtol=0) and torch.equal(other.count, state.count)
    assert torch.allclose(got.load_balancing, wanted.load_balancing)


def test_write_path_has_true_gradients():
    model = make(VARIANTS["two"])
    first, second = batch_of(TEXT[:12]), batch_of(TEXT[12:24])
    targets = torch.tensor([list(TEXT[13:25])])

    def value():
        return loss(run(model, [first, second])[1], targets)[1]

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
    choices = moe.route(u)[2][0, :, 0]
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
