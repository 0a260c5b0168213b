"""The whole model: embedding, memory, blocks, head."""

import dataclasses
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import Config
from .introspection import Findings, Introspection, introspection_loss
from .layers import Attention, TokenEmbedding, linear, rotary_angles
from .memory import Memory, State
from .moe import MoE
from .retention import LinearAttention


@dataclasses.dataclass
class Batch:
    """One segment of B lanes; all [B, T] int64 but lengths [B] and mask [B, T] bool (None: all valid)."""

    ids: Tensor
    types: Tensor
    places: Tensor
    vowels: Tensor
    words: Tensor
    lengths: Tensor | None = None
    mask: Tensor | None = None
    positions: Tensor | None = None

    def features(self) -> dict:
        """What the experts need to know of each token, by name."""
        positions = self.positions
        if positions is None:
            positions = torch.arange(self.ids.shape[1], device=self.ids.device).expand_as(self.ids)
        return {
            "positions": positions,
            "types": self.types,
            "places": self.places,
            "vowels": self.vowels,
            "words": self.words,
        }


@dataclasses.dataclass
class Output:
    """logits [B, T, V], embeddings [B, T, d] after the final norm, router losses, tokens by expert [L, E], introspection."""

    logits: Tensor
    embeddings: Tensor
    load_balancing: Tensor | None
    counts: list
    findings: Findings | None = None


class Block(nn.Module):
    """x += attention(LN(x)); x += moe(LN(x))."""

    def __init__(self, config: Config, number: int):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        attention = LinearAttention if config.use_linear_attention else Attention
        self.attention = attention(config.d_model, config.n_heads)
        self.moe_norm = nn.LayerNorm(config.d_model)
        self.moe = MoE(config, number)
        self.dropout = nn.Dropout(config.dropout)

    def new_caches(self, capacity: int) -> tuple:
        """What decoding a segment of at most `capacity` tokens carries: the attention's, the experts'."""
        return self.attention.new_cache(capacity), self.moe.new_caches(capacity)

    def forward(self, x: Tensor, rope, places: dict, valid, caches=None):
        """x [B, T, d] -> the same, the router's loss, tokens by expert."""
        own, experts = caches or (None, None)
        x = x + self.dropout(self.attention(self.attention_norm(x), rope, own))
        y, balance, counts = self.moe(self.moe_norm(x), places, valid, experts)
        return x + self.dropout(y), balance, counts

    def step(self, x: Tensor, rope, places: dict, caches) -> Tensor:
        """One token, x [1, 1, d], through the caches."""
        own, experts = caches
        x = x + self.attention(self.attention_norm(x), rope, own)
        return x + self.moe.step(self.moe_norm(x), places, experts)


class Agiformer(nn.Module):
    """The model of docs/model.md."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.embedding = TokenEmbedding(
            config.vocab_size, config.d_model, config.embedding_context, config.embedding_features
        )
        if config.use_memory:
            self.memory = Memory(config)
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.n_layers))
        if config.use_introspection:
            self.introspection = Introspection(config)
        self.final_norm = nn.LayerNorm(config.d_model)
        self.head = linear(config.d_model, config.vocab_size)
        self.dropout = nn.Dropout(config.dropout)
        padding = torch.zeros(config.vocab_size)
        padding[0] = -math.inf
        self.register_buffer("padding", padding, persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The initial values of docs/model.md."""
        depth = 1 / math.sqrt(2 * self.config.n_layers)
        for name, module in self.named_modules():
            if isinstance(module, TokenEmbedding):
                module.weight.normal_(std=0.02)
                if module.context is not None:
                    module.context.normal_(std=0.5)
                for table in module.features:
                    getattr(module, table).normal_(std=0.02)
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(std=0.5)
            elif isinstance(module, nn.Linear):
                in_block = name.startswith(("blocks.", "introspection."))
                residual = in_block and name.endswith((".out", "_out", ".down"))
                module.weight.normal_(std=math.sqrt(1 / (3 * module.in_features)) * (depth if residual else 1))
        if self.config.use_memory:
            if self.memory.bank is not None:
                self.memory.bank.gate.bias.fill_(-2)
        if self.config.use_introspection:
            self.introspection.heads.weight.zero_()
            self.introspection.heads.bias.copy_(torch.tensor([0.0, 0.0, -1.0]))
            self.introspection.evidence.weight.copy_(torch.tensor([[1.0, 0.0, 0.0]]))

    def new_state(self, lanes: int) -> State | None:
        """Empty streams, None where the model has no memory."""
        if not self.config.use_memory:
            return None
        weight = self.embedding.weight
        return State(self.config, lanes, weight.device, weight.dtype)

    def rope(self, length: int, start: int = 0) -> tuple[Tensor, Tensor]:
        """cos and sin [T, h/2] of the positions from start."""
        pairs = self.config.d_model // self.config.n_heads // 2
        positions = torch.arange(start, start + length, device=self.embedding.weight.device)
        angles = rotary_angles(positions, pairs, self.embedding.weight.dtype)
        return angles.cos(), angles.sin()

    def logits(self, x: Tensor) -> Tensor:
        """x [..., d] after the final norm -> [..., V]; the padding id never has a chance."""
        return self.head(x).to(self.padding.dtype) + self.padding

    def forward(self, batch: Batch, state: State | None = None) -> Output:
        """One segment; moves the state on."""
        rope, places = self.rope(batch.ids.shape[1]), batch.features()
        x = inputs = self.dropout(self.embedding.describe(self.embedding(batch.ids), batch))
        if self.config.use_memory:
            state = state or self.new_state(len(x))
            x = x + self.dropout(self.memory(x, self.memory.begin(state, x.dtype)))
        balance, counts, findings = None, [], None
        for block in self.blocks:
            x, term, used = block(x, rope, places, batch.mask)
            if term is not None:
                balance = term if balance is None else balance + term
            counts.append(used)
        if self.config.use_introspection:
            x, findings = self.introspection(x, places)
        if state is not None:
            state.push(inputs, x, batch.lengths)
        x = self.final_norm(x)
        logits = self.logits(x)
        if findings is not None:
            findings = self.introspection.judge(findings, logits)
        return Output(logits, x, balance, counts, findings)


@dataclasses.dataclass
class Losses:
    """Scalars: mean cross-entropy over the targets that are not 0, the routers' losses, introspection's."""

    cross_entropy: Tensor
    load_balancing: Tensor | float
    introspection: Tensor | float

    @property
    def total(self) -> Tensor:
        """What training descends."""
        return self.cross_entropy + self.load_balancing + self.introspection


def losses(config: Config, output: Output, targets: Tensor) -> Losses:
    """The losses of one segment, targets [B, T]."""
    cross_entropy = F.cross_entropy(output.logits.flatten(0, 1), targets.flatten(), ignore_index=0)
    balance = 0.0 if output.load_balancing is None else output.load_balancing
    found = 0.0
    if output.findings is not None:
        found = introspection_loss(config, output.findings, output.logits, targets)
    return Losses(cross_entropy, balance, found)


def parameter_groups(model: nn.Module, decay: float) -> list[dict]:
    """Decay on the weights of linear maps only."""
    decayed = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if id(p) in decayed], "weight_decay": decay},
        {"params": [p for p in parameters if id(p) not in decayed], "weight_decay": 0.0},
    ]
