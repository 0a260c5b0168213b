"""Linear attention with a decay a head (retention, Sun et al. 2023): chunks in training, a state in decoding."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import linear, merge_heads, rotate, split_heads, wide

CHUNK = 64


class RetentionState:
    """S = sum_j lambda^(t-j) k_j v_j^T of the segment so far, [1, H, h, h]; None before its first token."""

    def __init__(self):
        self.value: Tensor | None = None


def retain(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, chunk: int = CHUNK) -> tuple[Tensor, Tensor]:
    """o_t = sum_{j <= t} lambda^(t-j) (q_t.k_j) v_j of q, k, v [B, H, T, h], and the last state [B, H, h, h].

    log_decay [H] is log lambda < 0. Within a chunk the scores times lambda^(i-j), between chunks the state.
    """
    steps = torch.arange(min(chunk, q.shape[2]), device=q.device, dtype=log_decay.dtype)
    log_decay = log_decay.view(-1, 1, 1)
    apart = (steps.unsqueeze(1) - steps).clamp(min=0)
    within = (log_decay * apart).exp().tril()  # D [H, n, n]; no power above 1
    outputs, state = [], None
    for q_, k_, v_ in zip(q.split(chunk, dim=2), k.split(chunk, dim=2), v.split(chunk, dim=2)):
        size = q_.shape[2]
        scores = (q_ @ k_.transpose(-1, -2)) * within[:, :size, :size]
        o = scores.to(v.dtype) @ v_
        left = (log_decay * (size - 1 - steps[:size]).unsqueeze(1)).exp()  # lambda^(n-1-j)
        update = ((k_ * left).to(v.dtype).transpose(-1, -2) @ v_).to(within.dtype)
        if state is not None:
            reach = (log_decay * (steps[:size] + 1).unsqueeze(1)).exp()  # lambda^(i+1)
            o = o + (q_ * reach).to(v.dtype) @ state.to(v.dtype)
            update = update + (log_decay * size).exp() * state
        state = update
        outputs.append(o)
    return torch.cat(outputs, dim=2), state


def retain_step(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One token, q, k, v [1, H, 1, h]: S = lambda S + k v^T, o = q S."""
    k, v = k.to(state.dtype), v.to(state.dtype)
    state = torch.addcmul(state * log_decay.exp().view(-1, 1, 1), k.transpose(-1, -2), v)
    return (q.to(state.dtype) @ state).to(q.dtype), state


class HeadNorm(nn.Module):
    """Each head over its root mean square, times its part of the weight [d]."""

    def __init__(self, d_model: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, o: Tensor) -> Tensor:
        """o [B, H, T, h] -> [B, T, d]"""
        return merge_heads(F.rms_norm(o, o.shape[-1:], eps=1e-5)) * self.weight.to(o.dtype)


class LinearAttention(nn.Module):
    """In place of a block's attention: H heads, rotary positions, decay instead of softmax."""

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = linear(d_model, 3 * d_model)
        self.out = linear(d_model, d_model)
        self.decay = nn.Parameter(-math.log(2) * (1 + 7 * torch.arange(heads) / max(heads - 1, 1)))
        self.norm = HeadNorm(d_model)

    def new_cache(self, capacity: int) -> RetentionState:
        """What decoding a segment carries, however long it is."""
        return RetentionState()

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor], cache: RetentionState | None = None) -> Tensor:
        """x [B, T, d]; rope = cos and sin [T, h/2]."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        q, k = rotate(q, *rope), rotate(k, *rope) * q.shape[-1] ** -0.5
        log_decay = -self.decay.to(wide(q.dtype)).exp()
        if cache is not None and cache.value is not None:
            o, state = retain_step(q, k, v, log_decay, cache.value)
        else:
            o, state = retain(q, k, v, log_decay)
        if cache is not None:
            cache.value = state
        return self.out(self.norm(o))
