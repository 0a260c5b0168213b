"""Rotary positions, causal self-attention and the key/value cache."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rotary_angles(positions: Tensor, pairs: int, dtype: torch.dtype) -> Tensor:
    """positions [...] -> angles [..., pairs]: p * 10000^(-j/pairs) (Su et al. 2021)."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    steps = torch.arange(pairs, device=positions.device, dtype=wide)
    frequencies = torch.pow(10000.0, -steps / pairs)
    return positions.to(wide).unsqueeze(-1) * frequencies


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
        return self.keys[:, :, :end], self.values[:, :, :end]


def attend(q: Tensor, k: Tensor, v: Tensor, cache: KVCache | None = None) -> Tensor:
    """Causal attention of a sequence to itself, or of one position to a cache that holds its past.

    q, k, v [B, H, T, h] -> [B, T, H*h]. The scale is 1/sqrt(h).
    """
    causal = True
    if cache is not None:
        causal = cache.length == 0
        k, v = cache.append(k, v)
    return merge_heads(F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=q.shape[-1] ** -0.5))


class Attention(nn.Module):
    """The block's own attention: H heads, rotary positions, causal."""

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = linear(d_model, 3 * d_model)
        self.out = linear(d_model, d_model)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor], cache: KVCache | None = None) -> Tensor:
        """x [B, T, d]; rope = cos and sin [T, h/2]."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        return self.out(attend(rotate(q, *rope), rotate(k, *rope), v, cache))
