"""Lanes of text for training runs: JSONL or plain text into segments with features, targets and resets."""

import json
import random
from pathlib import Path

import torch

from .features import Labeler
from .model import Batch

END_OF_DOCUMENT = 3


def documents(path) -> list[bytes]:
    """The texts of a JSONL file's `text` fields, or a text file as one document."""
    path = Path(path)
    if path.suffix != ".jsonl":
        return [clean(path.read_bytes())]
    with path.open(encoding="utf-8") as lines:
        return [clean(json.loads(line)["text"].encode()) for line in lines]


def clean(text: bytes) -> bytes:
    """Without NUL and 0x03, which mean padding and end of document."""
    return text.replace(b"\0", b"").replace(b"\3", b"")


class Lanes:
    """B lanes, each a concatenation of documents in shuffled order; next gives one segment of T tokens of each."""

    def __init__(self, texts: list[bytes], lanes: int, length: int, seed: int, device="cpu"):
        self.texts, self.length, self.device = texts, length, device
        self.order = list(range(len(texts)))
        random.Random(seed).shuffle(self.order)
        self.cursor = 0
        self.rows = [[] for _ in range(lanes)]  # labelled tokens that wait
        self.labelers = [Labeler() for _ in range(lanes)]
        self.fresh = [True] * lanes

    def _fill(self, lane: int) -> None:
        row, labeler = self.rows[lane], self.labelers[lane]
        while len(row) <= self.length:
            text = self.texts[self.order[self.cursor % len(self.order)]]
            self.cursor += 1
            row.extend((byte, *labeler.next(byte)) for byte in (*text, END_OF_DOCUMENT))

    def next(self) -> tuple[Batch, torch.Tensor, torch.Tensor]:
        """A batch, its targets [B, T] and the lanes whose stream starts anew [B]."""
        inputs, targets, resets = [], [], []
        for lane, row in enumerate(self.rows):
            self._fill(lane)
            part, word, columns = row[: self.length], 0, []
            for token, kind, place, vowel, starts in part:
                word += starts
                columns.append((token, kind, place, vowel, word))
            inputs.append(columns)
            # Nothing is predicted after the end of a document.
            pairs = zip(part, row[1 : self.length + 1])
            targets.append([0 if this[0] == END_OF_DOCUMENT else after[0] for this, after in pairs])
            resets.append(self.fresh[lane])
            self.fresh[lane] = any(entry[0] == END_OF_DOCUMENT for entry in part)
            del row[: self.length]
        columns = torch.tensor(inputs, device=self.device).permute(2, 0, 1).contiguous()
        return Batch(*columns.unbind(0)), torch.tensor(targets, device=self.device), torch.tensor(resets, device=self.device)
