"""The keys of the model group of the YAML configuration."""

import dataclasses
import json
from pathlib import Path
from typing import ClassVar


@dataclasses.dataclass
class Config:
    """One model; the names are those of conf/model/base.yaml (moe.* without the prefix, introspection.* with it)."""

    vocab_size: int = 256
    d_model: int = 512
    n_layers: int = 8
    n_heads: int = 8
    d_ff: int = 2048
    n_experts: int = 2
    expert_types: tuple = ("language", "logic")
    block_experts: list | None = None
    memory_size: int = 1000
    max_seq_len: int = 512
    embedding_context: int = 5
    embedding_features: bool = False
    dropout: float = 0.1
    use_memory: bool = True
    memory_parts: str = "both"
    max_segment_len: int | None = None
    memory_update_freq: int = 1
    top_k: int | None = None
    capacity_factor: float | None = None
    load_balancing_loss_weight: float = 0.01
    load_balancing_scope: str = "batch"
    router_z_loss_weight: float = 0.0
    use_linear_attention: bool = False
    use_introspection: bool = False
    max_iterations: int = 3
    introspection_loss_weight: float = 0.5
    introspection_ponder_weight: float = 0.001

    def __post_init__(self):
        self.expert_types = tuple(self.expert_types)
        if self.max_segment_len is None:
            self.max_segment_len = 4 * self.max_seq_len
        if self.top_k is None:
            self.top_k = 1 if self.n_experts <= 2 else 2
        if len(self.expert_types) != self.n_experts:
            raise ValueError(f"n_experts is {self.n_experts} but expert_types names {len(self.expert_types)}")

    @property
    def expert_heads(self) -> int:
        """H' of the experts' attention."""
        return self.n_heads // 2 if self.n_heads % 2 == 0 else self.n_heads

    def experts_of(self, block: int) -> list[int]:
        """The places in expert_types of the experts that a block has."""
        return self.block_experts[block] if self.block_experts else list(range(self.n_experts))

    # The keys of the YAML's groups below the model's own, and the names that they have here.
    GROUPS: ClassVar = {
        "moe": {
            key: key
            for key in ("top_k", "capacity_factor", "load_balancing_loss_weight", "load_balancing_scope", "router_z_loss_weight")
        },
        "introspection": {key: f"introspection_{key}" for key in ("loss_weight", "ponder_weight")},
    }

    def to_yaml_keys(self) -> dict:
        """The tree as it stands in the YAML, with its groups."""
        tree = dataclasses.asdict(self)
        tree["expert_types"] = list(self.expert_types)
        for group, names in self.GROUPS.items():
            tree[group] = {key: tree.pop(name) for key, name in names.items()}
        return tree

    @classmethod
    def from_yaml_keys(cls, tree: dict) -> "Config":
        """Reads such a tree; keys that the twin does not know are passed over."""
        flat = dict(tree)
        for group, names in cls.GROUPS.items():
            flat |= {names[key]: value for key, value in tree.get(group, {}).items() if key in names}
        fields = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in flat.items() if key in fields})

    @classmethod
    def from_json(cls, path) -> "Config":
        """Reads a JSON file that holds the model tree, at its top or under `model` or `config`."""
        tree = json.loads(Path(path).read_text())
        return cls.from_yaml_keys(tree.get("model", tree.get("config", tree)))
