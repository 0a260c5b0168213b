"""Writes golden.json: figures of PyTorch 2.11 that the tests of internal/torch compare with.

    python internal/torch/testdata/make_golden.py > internal/torch/testdata/golden.json
"""
import json
import torch
import torch.nn.functional as F


def ramp(*shape, scale=1.0, shift=0.0):
    """Deterministic values that Go makes as well: ((7 i) mod 11 - 5) / 5 * scale + shift."""
    n = 1
    for s in shape:
        n *= s
    i = torch.arange(n, dtype=torch.float64)
    return (((7 * i) % 11 - 5) / 5 * scale + shift).reshape(shape)


def flat(t):
    return t.detach().double().flatten().tolist()


def adamw(dtype):
    p = ramp(3, 4).to(dtype).requires_grad_()
    q = ramp(5, scale=0.5).to(dtype).requires_grad_()
    o = torch.optim.AdamW([{"params": [p], "weight_decay": 0.1}, {"params": [q], "weight_decay": 0.0}],
                          lr=0.01, betas=(0.9, 0.95), eps=1e-8, fused=True)
    for step in range(5):
        p.grad = ramp(3, 4, scale=0.3, shift=0.1 * step).to(dtype)
        q.grad = ramp(5, scale=2.0, shift=-0.2 * step).to(dtype)
        o.step()
    return {"p": flat(p), "q": flat(q), "exp_avg": flat(o.state[p]["exp_avg"]), "exp_avg_sq": flat(o.state[p]["exp_avg_sq"])}


def clip():
    p, q = ramp(3, 4).requires_grad_(), ramp(5).requires_grad_()
    p.grad, q.grad = ramp(3, 4, scale=3.0), ramp(5, shift=2.0)
    norm = torch.nn.utils.clip_grad_norm_([p, q], 1.5)
    return {"norm": norm.item(), "p": flat(p.grad), "q": flat(q.grad)}


def layers():
    x = ramp(2, 3, 8).requires_grad_()
    w, b = ramp(8, scale=0.5, shift=1).requires_grad_(), ramp(8, scale=0.1).requires_grad_()
    y = F.gelu(F.layer_norm(x, [8], w, b, 1e-5))
    q = y.reshape(2, 3, 2, 4).transpose(1, 2)
    a = F.scaled_dot_product_attention(q, q, q, is_causal=True, scale=0.5).transpose(1, 2).reshape(2, 3, 8)
    target = torch.tensor([[1, 0, 5], [7, 2, 0]])
    loss = F.cross_entropy((y + a).reshape(6, 8), target.reshape(6), ignore_index=0, reduction="sum", label_smoothing=0.1)
    loss.backward()
    return {"loss": loss.item(), "x": flat(x.grad), "w": flat(w.grad), "b": flat(b.grad)}


def generator():
    g = torch.Generator().manual_seed(42)
    return {"normal": flat(torch.empty(6).normal_(0, 1, generator=g)), "uniform": flat(torch.empty(3).uniform_(generator=g))}


torch.manual_seed(0)
print(json.dumps({"adamw_float32": adamw(torch.float32), "adamw_float64": adamw(torch.float64), "clip": clip(),
                  "layers": layers(), "generator": generator()}, indent=1))
