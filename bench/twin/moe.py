"""Routing, load balancing and sparse dispatch."""

import math

import torch
from torch import Tensor, nn

from .config import Config
from .experts import expert
from .layers import linear, wide


class MoE(nn.Module):
    """Each token goes to k of E experts; each expert sees its own tokens, in order."""

    def __init__(self, config: Config, block: int = 0):
        super().__init__()
        self.config, self.places = config, config.experts_of(block)
        self.top_k = min(config.top_k, len(self.places))
        # Experts that were pruned keep their part of the raw probability.
        self.removed = config.n_experts - len(self.places) if config.top_k == 1 else 0
        if len(self.places) > 1 or self.removed > 0:
            self.router = linear(config.d_model, len(self.places))
        self.experts = nn.ModuleDict(
            {str(e): expert(config.expert_types[e], config.d_model, config.expert_heads, config.d_ff) for e in self.places}
        )

    def new_caches(self, capacity: int) -> list:
        """What decoding a segment of at most `capacity` tokens carries, by expert."""
        return [expert.new_cache(capacity) for expert in self.experts.values()]

    def route(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """u [B, T, d] -> logits and probabilities [B, T, E], weights and choices [B, T, k]; float32 whatever the AMP dtype."""
        with torch.autocast(u.device.type, enabled=False):
            precise = wide(u.dtype)
            logits = nn.functional.linear(u.to(precise), self.router.weight.to(precise))
            probabilities = logits.softmax(dim=-1)
        weights, choices = probabilities.topk(self.top_k, dim=-1)
        if self.config.top_k > 1:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        elif self.removed > 0:  # exp(l_e) / (sum exp(l) + R)
            weights = weights * (logits.logsumexp(dim=-1, keepdim=True) - math.log(self.removed)).sigmoid()
        return logits, probabilities, weights, choices

    def load_balancing(self, probabilities: Tensor, valid: Tensor) -> Tensor:
        """w * E * sum_e (mean over valid tokens of p_e)^2; valid [B, T] bool."""
        config = self.config
        share = valid.unsqueeze(-1).to(probabilities.dtype)
        if config.load_balancing_scope == "sequence":
            counts = share.sum(dim=1)  # [B, 1]
            means = (probabilities * share).sum(dim=1) / counts.clamp(min=1)
            term = ((means**2).sum(dim=-1, keepdim=True) * counts).sum() / counts.sum()
        else:
            term = (((probabilities * share).sum(dim=(0, 1)) / share.sum()) ** 2).sum()
        return config.load_balancing_loss_weight * len(self.places) * term

    def z_loss(self, logits: Tensor, valid: Tensor) -> Tensor:
        """z * mean over valid tokens of (log sum_e exp logit_e)^2 (Zoph et al. 2022)."""
        squares = logits.logsumexp(dim=-1).square()
        return self.config.router_z_loss_weight * (squares * valid).sum() / valid.sum()

    def forward(self, u: Tensor, places: dict, valid: Tensor | None, caches: list | None = None):
        """u [B, T, d] -> [B, T, d], the router's loss (None with one expert) and the tokens of each of expert_types [E]."""
        if valid is None:
            valid = torch.ones(u.shape[:2], dtype=torch.bool, device=u.device)
        if len(self.places) == 1:
            return self._only(u, places, caches and caches[0]), None, self._by_place(valid.sum().view(1))
        logits, probabilities, weights, choices = self.route(u)
        result, counts = self._dispatch(u, places, weights, choices, valid, caches)
        term = self.load_balancing(probabilities, valid)
        if self.config.router_z_loss_weight > 0:
            term = term + self.z_loss(logits, valid)
        return result, term, self._by_place(counts)

    def _only(self, u: Tensor, places: dict, cache) -> Tensor:
        """The single expert, with the weight that a router left from before pruning gives."""
        y = next(iter(self.experts.values()))(u, places, cache)
        return y * self.route(u)[2].to(y.dtype) if self.removed > 0 else y

    def _by_place(self, counts: Tensor) -> Tensor:
        """Counts of the block's experts as those of all expert_types."""
        index = torch.tensor(self.places, device=counts.device)
        return counts.new_zeros(self.config.n_experts).index_copy(0, index, counts)

    def _dispatch(self, u, places, weights, choices, valid, caches):
        batch, length, width = u.shape
        experts = len(self.places)
        # chosen [B, E, T]; rank [B, E, T]: how many earlier tokens of the lane went to the expert.
        chosen = torch.zeros(batch, length, experts, dtype=torch.bool, device=u.device)
        chosen = (chosen.scatter_(2, choices, True) & valid.unsqueeze(-1)).transpose(1, 2)
        counts = chosen.sum(dim=-1)  # [B, E]
        order = chosen.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)
        rank = chosen.cumsum(dim=-1) - 1
        sizes = self._sizes(counts, length)
        lanes = torch.arange(batch, device=u.device).unsqueeze(1) * length
        flat = u.reshape(batch * length, width)
        outputs, starts, start = [], [], 0
        for e, expert in enumerate(self.experts.values()):
            size = sizes[e]
            index = (order[:, e, :size] + lanes).flatten()
            tokens = flat.index_select(0, index).view(batch, size, width)
            own = {key: value.flatten().index_select(0, index).view(batch, size) for key, value in places.items()}
            # An expert without tokens has one place of padding, which must not stay in its cache.
            cache = caches[e] if caches and counts[0, e] > 0 else None
            outputs.append(expert(tokens, own, cache).flatten(0, 1))
            starts.append(start)
            start += batch * size
        # Where the result of (token, choice) lies in the experts' outputs laid end to end.
        size_of = torch.tensor(sizes, device=u.device)
        offset = torch.tensor(starts, device=u.device)
        own_rank = rank.transpose(1, 2).gather(2, choices)  # [B, T, k]
        kept = (own_rank < size_of[choices]) & valid.unsqueeze(-1)
        lane = torch.arange(batch, device=u.device).view(-1, 1, 1)
        slot = offset[choices] + lane * size_of[choices] + own_rank
        slot = torch.where(kept, slot, 0).flatten()
        weights = torch.where(kept, weights, 0)
        gathered = torch.cat(outputs).index_select(0, slot).view(batch, length, -1, width)
        result = (gathered * weights.unsqueeze(-1).to(gathered.dtype)).sum(dim=2)
        return result, counts.sum(dim=0)

    def _sizes(self, counts: Tensor, length: int) -> list[int]:
        """Places C of each expert: the largest count, at least 1, or the capacity in training."""
        config = self.config
        if config.capacity_factor is not None and self.training:
            size = math.ceil(config.capacity_factor * self.top_k * length / len(self.places))
            return [max(1, min(size, length))] * len(self.places)
        return counts.amax(dim=0).clamp(min=1).tolist()

    def step(self, u: Tensor, places: dict, caches: list) -> Tensor:
        """One token, u [1, 1, d], through the caches of the experts that it chooses."""
        if len(self.places) == 1:
            return self._only(u, places, caches[0])
        _, _, weights, choices = self.route(u)
        experts, result = list(self.experts.values()), 0
        for weight, e in zip(weights.flatten().unbind(), choices.flatten().tolist()):
            y = experts[e](u, places, caches[e])
            result = result + weight.to(y.dtype) * y
        return result
