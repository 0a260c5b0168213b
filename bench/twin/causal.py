"""The causal expert's attention: effects look for earlier causes, nearer ones first."""

import math

import torch
from torch import Tensor, nn

from .layers import KVCache, dot_product_attention, head_rope, linear, merge_heads, rotate, split_heads, wide

FREE, CLOCK = 4, 4  # dimensions of each head without rotation, and those that hold the time
LOW = 256  # integers up to here are exact in bfloat16


class CausalAttention(nn.Module):
    """Score q_i.k_j / sqrt(h') - delta (t_i - t_j) over the strictly earlier tokens and a null cause before them."""

    EARLIER = 1  # the null cause

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        inner = d_model // 2
        self.heads, self.width = heads, inner // heads
        self.core = self.width - FREE - CLOCK
        self.effect = linear(d_model, heads * (self.core + FREE))
        self.cause = linear(d_model, heads * (self.core + FREE) + inner)
        self.out = linear(inner, d_model)
        steps = torch.arange(heads) / max(heads - 1, 1)
        self.decay = nn.Parameter(-math.log(2) * (2 + 6 * steps))
        self.null_key = nn.Parameter(torch.zeros(heads, FREE))
        self.null_value = nn.Parameter(torch.zeros(heads, self.width))

    def _turn(self, x: Tensor, rope) -> Tensor:
        """Rotates the first c dimensions of x [B, H', T, c+4]."""
        core, free = x.split((self.core, FREE), dim=-1)
        return torch.cat((rotate(core, *rope), free), dim=-1)

    def _clocks(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The last dimensions of queries and keys, whose product is -delta sqrt(h') (t_i - t_j): [B, H', T, 4] each."""
        rate = (self.decay.to(wide(dtype)).exp() * math.sqrt(self.width)).to(dtype).view(-1, 1, 1)
        low = positions % LOW
        time = torch.stack((positions - low, low), dim=-1).unsqueeze(1).to(dtype)  # [B, 1, T, 2]
        time, rate = torch.broadcast_tensors(time, rate)
        return torch.cat((rate, -time), dim=-1), torch.cat((time, rate), dim=-1)

    def _null(self, lanes: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Key and value of the null cause, [B, H', 1, h'] each: at distance 0 from everything."""
        key = nn.functional.pad(self.null_key, (self.core, CLOCK))
        return tuple(x.to(dtype).unsqueeze(1).expand(lanes, -1, -1, -1) for x in (key, self.null_value))

    def forward(self, u: Tensor, places: dict, cache: KVCache | None = None) -> Tensor:
        """u [B, C, d]; places holds positions [B, C]."""
        inner = self.heads * self.width
        rope = head_rope(places, self.core, u.dtype)
        q = self._turn(split_heads(self.effect(u), self.heads), rope)
        k, v = self.cause(u).split((self.heads * (self.core + FREE), inner), dim=-1)
        k, v = self._turn(split_heads(k, self.heads), rope), split_heads(v, self.heads)
        asked, told = self._clocks(places["positions"], q.dtype)
        return self.out(merge_heads(self._attend(torch.cat((q, asked), dim=-1), torch.cat((k, told), dim=-1), v, cache)))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, cache: KVCache | None) -> Tensor:
        """Attention to what came before: a step reads the cache first and appends afterwards."""
        if cache is not None and cache.length > 0:
            attended = dot_product_attention(q, *cache.contents(), causal=False)
            cache.append(k, v)
            return attended
        null_key, null_value = self._null(len(q), q.dtype)
        k, v = torch.cat((null_key, k), dim=2), torch.cat((null_value, v), dim=2)
        if cache is not None:
            cache.append(k, v)
        # Shifted by one, so that the causal mask of a square lets place i see the null cause and 0..i-1.
        return dot_product_attention(q, k[:, :, :-1], v[:, :, :-1], causal=True)
