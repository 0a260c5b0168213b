"""Rotary positions, causal self-attention and the key/value cache."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TYPES, PLACES, VOWELS = 32, 16, 8  # sizes of the tables of token features


def rotary_angles(positions: Tensor, pairs: int, dtype: torch.dtype) -> Tensor:
    """positions [...] -> angles [..., pairs]: p * 10000^(-j/pairs) (Su et al. 2021)."""
    steps = torch.arange(pairs, device=positions.device, dtype=wide(dtype))
    frequencies = torch.pow(10000.0, -steps / pairs)
    return positions.to(wide(dtype)).unsqueeze(-1) * frequencies


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns the pairs (j, j + w/2) of x [..., w]; cos and sin are [..., w/2], broadcast."""
    x1, x2 = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((x1 * cos - x2 * sin, x2 * cos + x1 * sin), dim=-1)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, T, H*h] -> [B, H, T, h]"""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """[B, H, T, h] -> [B, T, H*h]"""
    return x.transpose(1, 2).flatten(-2)


def wide(dtype: torch.dtype) -> torch.dtype:
    """What is computed precisely whatever the AMP dtype: float32, float64 of a float64 model."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear map without bias."""
    return nn.Linear(inputs, outputs, bias=False)


class KVCache:
    """Keys and values of one attention, in buffers [1, H, capacity, h] made at the first use."""

    def __init__(self, capacity: int):
        self.capacity, self.length = capacity, 0
        self.keys = self.values = None

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Appends [1, H, n, h] and returns all that is held."""
        if self.keys is None:
            self.keys = keys.new_empty(*keys.shape[:2], self.capacity, keys.shape[3])
            self.values = torch.empty_like(self.keys)
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.contents()

    def contents(self) -> tuple[Tensor, Tensor]:
        """The keys and values held, [1, H, length, h] each."""
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


def head_rope(places: dict, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """cos and sin [B, 1, T, w/2] of heads of width w at the positions [B, T] of places."""
    angles = rotary_angles(places["positions"], width // 2, dtype).unsqueeze(1)
    return angles.cos(), angles.sin()


def attend(q: Tensor, k: Tensor, v: Tensor, cache: KVCache | None = None) -> Tensor:
    """Causal attention of a sequence to itself, or of one position to a cache that holds its past.

    q, k, v [B, H, T, h] -> [B, T, H*h]. The scale is 1/sqrt(h).
    """
    causal = True
    if cache is not None:
        causal = cache.length == 0
        k, v = cache.append(k, v)
    return merge_heads(dot_product_attention(q, k, v, causal))


def dot_product_attention(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """softmax(q k^T / sqrt(h)) v, [B, H, T, h]; causal wants as many keys as queries."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=q.shape[-1] ** -0.5)


class TokenEmbedding(nn.Module):
    """A table, and a causal depthwise convolution over the `context` last tokens whose own factor is 1.

    features: with the vectors of a token's type, place and vowel class on top.
    """

    def __init__(self, vocabulary: int, width: int, context: int, features: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, width))
        self.context = nn.Parameter(torch.empty(context - 1, width)) if context > 1 else None
        counts = {"types": TYPES, "places": PLACES, "vowels": VOWELS} if features else {}
        for name, count in counts.items():
            self.register_parameter(name, nn.Parameter(torch.empty(count, width)))
        self.features = tuple(counts)

    @property
    def reach(self) -> int:
        """How many tokens before a token its vector is made of."""
        return 0 if self.context is None else len(self.context)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [B, T] -> [B, T, d]; before the first of them stands nothing."""
        x = F.embedding(ids, self.weight)
        if self.context is None:
            return x
        kernel = torch.cat((self.context.flip(0), torch.ones_like(self.context[:1])))
        with torch.autocast(x.device.type, enabled=False):
            padded = F.pad(x.transpose(1, 2), (self.reach, 0))
            return F.conv1d(padded, kernel.T.unsqueeze(1), groups=x.shape[2]).transpose(1, 2)

    def describe(self, x: Tensor, batch) -> Tensor:
        """x [B, T, d] with the vectors of the batch's features."""
        return x + sum(F.embedding(getattr(batch, name), getattr(self, name)) for name in self.features)


class Attention(nn.Module):
    """The block's own attention: H heads, rotary positions, causal."""

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = linear(d_model, 3 * d_model)
        self.out = linear(d_model, d_model)

    def new_cache(self, capacity: int) -> KVCache:
        """What decoding a segment of at most `capacity` tokens carries."""
        return KVCache(capacity)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor], cache: KVCache | None = None) -> Tensor:
        """x [B, T, d]; rope = cos and sin [T, h/2]."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        return self.out(attend(rotate(q, *rope), rotate(k, *rope), v, cache))
