"""The introspection loop of the last block: self-model, meta-reasoning, error and confidence, adaptive halting."""

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import Config
from .layers import KVCache, dot_product_attention, head_rope, linear, merge_heads, rotate, split_heads, wide

ENOUGH = 0.99  # summed halting probability at which a token stops


@dataclasses.dataclass
class Findings:
    """Of each token, [B, T] each: logits of being wrong and of being right, ponder cost and iterations."""

    error: Tensor
    confidence: Tensor
    ponder: Tensor
    iterations: Tensor


class Halting:
    """Adaptive computation time (Graves 2016): weights that sum to 1 over a token's iterations."""

    def __init__(self, last: int, zeros: Tensor):
        """For `last` iterations at most; zeros [B, T] gives shape, dtype and device."""
        self.last, self.number = last, 0
        self.spent, self.ponder = zeros, zeros
        self.active = torch.ones_like(zeros, dtype=torch.bool)
        self.iterations = torch.zeros_like(zeros, dtype=torch.long)

    def weigh(self, halt: Tensor) -> Tensor:
        """The weights [B, T] of the next iteration from its halt logits."""
        self.number += 1
        p, rest = halt.sigmoid(), 1 - self.spent
        stops = self.active if self.number == self.last else self.active & (self.spent + p >= ENOUGH)
        weight = torch.where(stops, rest, torch.where(self.active, p, 0))
        self.ponder = self.ponder + torch.where(stops, self.number + rest, 0)
        self.iterations = self.iterations + self.active.long()
        self.spent, self.active = self.spent + weight, self.active & ~stops
        return weight

    def finished(self) -> bool:
        """Whether all tokens have halted; on CUDA this waits for the device."""
        return self.number == self.last or not bool(self.active.any())


class Introspection(nn.Module):
    """Up to max_iterations rounds over the states of a segment, each token with its own number of them."""

    def __init__(self, config: Config):
        super().__init__()
        d, inner = config.d_model, config.d_model // 2
        self.heads_count, self.iterations = config.expert_heads, config.max_iterations
        self.norm, self.query_norm, self.state_norm = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.query, self.key, self.value = linear(d, inner), linear(d, inner), linear(d, inner)
        self.out = linear(inner, d)
        self.meta_in, self.meta_out = linear(2 * d, inner), linear(inner, d)
        self.heads = nn.Linear(d, 3)
        self.evidence = linear(3, 1)
        self.correction_in, self.correction_out = linear(d, inner), linear(inner, d)

    def new_cache(self, capacity: int) -> KVCache:
        """What decoding a segment of at most `capacity` tokens carries."""
        return KVCache(capacity)

    def _read_heads(self, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of error, confidence and halt, [B, T] each, never in half precision."""
        precise = wide(m.dtype)
        with torch.autocast(m.device.type, enabled=False):
            z = F.linear(m.to(precise), self.heads.weight.to(precise), self.heads.bias.to(precise))
        return z.unbind(dim=-1)

    def _reason(self, state: Tensor, asked: Tensor, earlier: Tensor, rope, keys, values, causal: bool) -> Tensor:
        """m_n from s_{n-1}, its normalised form and that of s_{n-2}, [B, T, d] each."""
        q = rotate(split_heads(self.query(asked), self.heads_count), *rope)
        o = self.state_norm(state + self.out(merge_heads(dot_product_attention(q, keys, values, causal))))
        return o + self.meta_out(F.gelu(self.meta_in(torch.cat((o, earlier.to(o.dtype)), dim=-1))))

    def forward(self, x: Tensor, places: dict, cache: KVCache | None = None) -> tuple[Tensor, Findings]:
        """x [B, T, d] -> the same, and what was found, without the evidence."""
        n = self.norm(x)
        k = split_heads(self.key(n), self.heads_count)
        rope = head_rope({"positions": places["positions"][:1]}, k.shape[-1], x.dtype)
        keys, values = rotate(k, *rope), split_heads(self.value(n), self.heads_count)
        causal = cache is None or cache.length == 0
        if cache is not None:
            keys, values = cache.append(keys, values)
        zeros = torch.zeros(x.shape[:2], dtype=wide(x.dtype), device=x.device)
        halting, state, earlier = Halting(self.iterations, zeros), x, torch.zeros_like(x)
        result = error = confidence = 0
        while True:
            asked = self.query_norm(state)
            m = self._reason(state, asked, earlier, rope, keys, values, causal)
            wrong, right, halt = self._read_heads(m)
            correction = self.correction_out(F.gelu(self.correction_in(m)))
            state = state + wrong.detach().sigmoid().unsqueeze(-1).to(state.dtype) * correction
            weight = halting.weigh(halt)
            result = result + weight.unsqueeze(-1) * state
            error, confidence = error + weight * wrong, confidence + weight * right
            earlier = asked
            if halting.number == self.iterations or not self.training and halting.finished():
                break
        return result.to(x.dtype), Findings(error, confidence, halting.ponder, halting.iterations)

    def judge(self, findings: Findings, logits: Tensor) -> Findings:
        """The findings, their confidence with what the prediction, logits [B, T, V], says of itself."""
        precise = logits.detach().to(wide(logits.dtype))
        logs = precise.log_softmax(dim=-1)
        first, second = logs.topk(2, dim=-1).values.split(1, dim=-1)
        odds = first - (1 - first.exp()).clamp(min=1e-6).log()
        facts = torch.cat((odds, second, torch.special.entr(logs.exp()).sum(dim=-1, keepdim=True)), dim=-1)
        with torch.autocast(facts.device.type, enabled=False):
            more = F.linear(facts, self.evidence.weight.to(facts.dtype)).squeeze(-1)
        return dataclasses.replace(findings, confidence=findings.confidence + more)


def introspection_loss(config: Config, findings: Findings, logits: Tensor, targets: Tensor) -> Tensor:
    """Both heads against whether the top guess is the target, and the ponder cost; means over the targets != 0."""
    counted = (targets != 0).to(findings.error.dtype)
    right = (logits.argmax(dim=-1) == targets).to(findings.error.dtype)

    def entropy(z: Tensor, wanted: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(z, wanted, reduction="none")

    judged = entropy(findings.error, 1 - right) + entropy(findings.confidence, right)
    cost = config.introspection_loss_weight * judged + config.introspection_ponder_weight * findings.ponder
    return (cost * counted).sum() / counted.sum()
