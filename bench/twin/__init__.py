"""The model of docs/model.md in PyTorch: the yardstick for numbers and speed.

Letters in the shapes: B lanes, T positions, d = d_model, H heads, h head width,
F = d_ff, E experts, k experts a token, N bank slots, W tokens of the working memory,
V vocabulary.
"""

from .config import Config
from .decode import Decoder
from .features import Labeler, label
from .model import Agiformer, Batch, State

__all__ = ["Agiformer", "Batch", "Config", "Decoder", "Labeler", "State", "label"]
