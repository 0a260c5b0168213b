"""The experts: attention over the tokens routed to them, then a feed-forward."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .causal import CausalAttention
from .layers import PLACES, TYPES, VOWELS, KVCache, attend, head_rope, linear, rotary_angles, rotate, split_heads
from .spatial import SpatialAttention

FEATURE_WIDTH = 8  # dimensions of each head that hold the token features


class LanguageAttention(nn.Module):
    """Agglutinative attention: two-level rotary positions and token features as extra dimensions."""

    EARLIER = 0  # entries of a cache before the first token

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        inner = d_model // 2
        self.heads, self.width = heads, inner // heads
        self.core = self.width - FEATURE_WIDTH
        self.qkv = linear(d_model, heads * (2 * self.core + self.width))
        self.out = linear(inner, d_model)
        half = heads * FEATURE_WIDTH // 2
        self.type_query, self.type_key = nn.Embedding(TYPES, half), nn.Embedding(TYPES, half)
        self.place_query, self.place_key = nn.Embedding(PLACES, half), nn.Embedding(PLACES, half)
        self.vowel_query, self.vowel_key = nn.Embedding(VOWELS, half), nn.Embedding(VOWELS, half)

    def _rope(self, places: dict, dtype) -> tuple[Tensor, Tensor]:
        pairs = self.core // 2
        word_pairs = self.core // 4
        angles = torch.cat(
            (
                rotary_angles(places["positions"], pairs - word_pairs, dtype),
                rotary_angles(places["words"], word_pairs, dtype),
            ),
            dim=-1,
        ).unsqueeze(1)
        return angles.cos(), angles.sin()

    def _extend(self, x: Tensor, places: dict, types, word_places, vowels) -> Tensor:
        """x [B, H', T, c] -> [B, H', T, h'] with the eight feature dimensions appended."""
        morphology = types(places["types"]) + word_places(places["places"])
        harmony = vowels(places["vowels"])
        morphology, harmony = (split_heads(part, self.heads).to(x.dtype) for part in (morphology, harmony))
        return torch.cat((x, morphology, harmony), dim=-1)

    def forward(self, u: Tensor, places: dict, cache: KVCache | None = None) -> Tensor:
        """u [B, C, d]; places holds positions, words, types, places, vowels, each [B, C]."""
        core = self.heads * self.core
        q, k, v = self.qkv(u).split((core, core, self.heads * self.width), dim=-1)
        cos, sin = self._rope(places, u.dtype)
        q = rotate(split_heads(q, self.heads), cos, sin)
        k = rotate(split_heads(k, self.heads), cos, sin)
        q = self._extend(q, places, self.type_query, self.place_query, self.vowel_query)
        k = self._extend(k, places, self.type_key, self.place_key, self.vowel_key)
        return self.out(attend(q, k, split_heads(v, self.heads), cache))


class PlainAttention(nn.Module):
    """Rotary attention and nothing else."""

    EARLIER = 0

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        inner = d_model // 2
        self.heads, self.width = heads, inner // heads
        self.qkv = linear(d_model, 3 * inner)
        self.out = linear(inner, d_model)

    def forward(self, u: Tensor, places: dict, cache: KVCache | None = None) -> Tensor:
        """u [B, C, d]; places holds positions [B, C]."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(u).chunk(3, dim=-1))
        rope = head_rope(places, self.width, u.dtype)
        return self.out(attend(rotate(q, *rope), rotate(k, *rope), v, cache))


class LogicAttention(nn.Module):
    """Directed relations: score = forward * q_i.k_j + backward * k_i.q_j; gated values."""

    EARLIER = 0

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        inner = d_model // 2
        self.heads, self.width = heads, inner // heads
        self.qk = linear(d_model, inner)
        self.value = linear(d_model, inner)
        self.gate = linear(d_model, inner)
        self.out = linear(inner, d_model)
        # `forward` and `backward` in the files: an nn.Module cannot hold a parameter called forward.
        self.ahead = nn.Parameter(torch.ones(heads))
        self.back = nn.Parameter(torch.full((heads,), 0.5))

    def forward(self, u: Tensor, places: dict, cache: KVCache | None = None) -> Tensor:
        """u [B, C, d]; places holds positions [B, C]."""
        q, k = (split_heads(part, self.heads) for part in self.qk(u).chunk(2, dim=-1))
        rope = head_rope(places, self.width // 2, u.dtype)
        q, k = rotate(q, *rope), rotate(k, *rope)
        ahead, back = (scale.to(q.dtype).view(-1, 1, 1) for scale in (self.ahead, self.back))
        queries = torch.cat((ahead * q, back * k), dim=-1)
        keys = torch.cat((k, q), dim=-1)
        attended = attend(queries, keys, split_heads(self.value(u), self.heads), cache)
        return self.out(attended * F.silu(self.gate(u)))


ATTENTION = {
    "language": LanguageAttention,
    "logic": LogicAttention,
    "spatial": SpatialAttention,
    "causal": CausalAttention,
    "plain": PlainAttention,
}


class Expert(nn.Module):
    """a = attention(u), y = a + down(GELU(up(LN(u + a))))."""

    def __init__(self, kind: str, d_model: int, heads: int, d_ff: int):
        super().__init__()
        self.attention = ATTENTION[kind](d_model, heads)
        self.norm = nn.LayerNorm(d_model)
        self.up = linear(d_model, d_ff)
        self.down = linear(d_ff, d_model)

    def new_cache(self, capacity: int) -> KVCache:
        """What decoding a segment of at most `capacity` tokens carries."""
        return KVCache(capacity + self.attention.EARLIER)

    def forward(self, u: Tensor, places: dict, cache: KVCache | None = None) -> Tensor:
        """u [B, C, d] -> [B, C, d], causal in the order of the subsequence."""
        a = self.attention(u, places, cache)
        return a + self.down(F.gelu(self.up(self.norm(u + a))))


class DenseExpert(nn.Module):
    """y = down(GELU(up(u))): no attention, the feed-forward of a plain GPT."""

    def __init__(self, d_model: int, d_ff: int):
        super().__init__()
        self.up = linear(d_model, d_ff)
        self.down = linear(d_ff, d_model)

    def new_cache(self, capacity: int) -> None:
        """Tokens do not see each other: nothing to carry."""

    def forward(self, u: Tensor, places: dict, cache: None = None) -> Tensor:
        """u [B, C, d] -> [B, C, d], each token alone."""
        return self.down(F.gelu(self.up(u)))


def expert(kind: str, d_model: int, heads: int, d_ff: int) -> nn.Module:
    """The expert of that name in expert_types."""
    return DenseExpert(d_model, d_ff) if kind == "dense" else Expert(kind, d_model, heads, d_ff)
