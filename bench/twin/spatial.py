"""The spatial expert's attention: tokens at learned points, compared by distance and direction."""

import math

import torch
from torch import Tensor, nn

from .layers import KVCache, dot_product_attention, head_rope, linear, merge_heads, rotate, split_heads, wide

EXTRA = 8  # dimensions of each head that hold the geometry


class SpatialAttention(nn.Module):
    """Score q_i.k_j / sqrt(h') - beta |p_i - p_j|^2 + gamma e_i.e_j, p points in R^3 and e their directions.

    The square and the cosine are inner products of eight extra dimensions, up to beta |p_i|^2, which no softmax sees.
    """

    EARLIER = 0

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        inner = d_model // 2
        self.heads, self.width = heads, inner // heads
        self.core = self.width - EXTRA
        self.qkv = linear(d_model, 3 * heads * self.core)
        self.points = linear(d_model, 3 * heads)
        self.out = linear(inner, d_model)
        self.distance = nn.Parameter(torch.full((heads,), -0.7))
        self.direction = nn.Parameter(torch.full((heads,), 0.5))

    def _place(self, u: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Points [B, H', T, 3], their squares [B, H', T, 1] and directions [B, H', T, 3].

        All wide, but the points hold what the products' dtype can.
        """
        p = 2 * split_heads(self.points(u), self.heads).to(wide(dtype)).tanh()
        p = p.to(dtype).to(p.dtype)
        square = p.square().sum(dim=-1, keepdim=True)
        return p, square, p * (square + 1e-6).rsqrt()

    def forward(self, u: Tensor, places: dict, cache: KVCache | None = None) -> Tensor:
        """u [B, C, d]; places holds positions [B, C]."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(u).chunk(3, dim=-1))
        rope = head_rope(places, self.core, u.dtype)
        p, square, e = self._place(u, q.dtype)
        high = square.to(q.dtype)
        low = (square - high).to(q.dtype)
        facts = torch.cat((p.to(q.dtype), high, low, e.to(q.dtype)), dim=-1)
        root = math.sqrt(self.width)  # undone by the softmax's scale
        beta, gamma = (x.to(p.dtype).view(-1, 1, 1) * root for x in (self.distance.exp(), self.direction))
        asked = torch.cat((2 * beta * p, (-beta).expand_as(p[..., :2]), gamma * e), dim=-1)
        queries = torch.cat((rotate(q, *rope), asked.to(q.dtype)), dim=-1)
        keys = torch.cat((rotate(k, *rope), facts), dim=-1)
        values = torch.cat((v, facts), dim=-1)
        causal = cache is None or cache.length == 0
        if cache is not None:
            keys, values = cache.append(keys, values)
        attended = dot_product_attention(queries, keys, values, causal)
        content, seen = attended.split((self.core, EXTRA), dim=-1)
        return self.out(merge_heads(torch.cat((content, self._relate(seen, p, square, e).to(q.dtype)), dim=-1)))

    def _relate(self, seen: Tensor, p: Tensor, square: Tensor, e: Tensor) -> Tensor:
        """Mean displacement (3), mean squared distance, mean cosine, own point (3): [B, H', T, 8]."""
        mean, mean_square, mean_direction = seen.to(p.dtype).split((3, 2, 3), dim=-1)
        mean_square = mean_square.sum(dim=-1, keepdim=True)
        distance = square - 2 * (p * mean).sum(dim=-1, keepdim=True) + mean_square
        cosine = (e * mean_direction).sum(dim=-1, keepdim=True)
        return torch.cat((mean - p, distance, cosine, p), dim=-1)
