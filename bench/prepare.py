"""Makes what both sides of the benchmark read: python bench/prepare.py SIZE FOLDER

config.json (the model's keys), model.safetensors (the same first weights), batches.safetensors (ids, types, places,
vowels, words, targets [n, B, T], resets [n, B]).
"""

import argparse
import json
import random
from pathlib import Path

import torch
from safetensors.torch import save_file

from twin import Agiformer, Config
from twin.files import save
from twin.text import Lanes

ALL_KINDS = {"n_experts": 4, "expert_types": ("language", "logic", "spatial", "causal")}
# model=full without images, audio and video.
FULL = ALL_KINDS | {"top_k": 2, "use_linear_attention": True, "use_memory": True, "use_introspection": True, "dropout": 0.0}
# Blocks alone, at full width, to compare two of four experts a token with all four.
EXPERTS = ALL_KINDS | {"n_layers": 2, "use_memory": False, "dropout": 0.0}
SMALL = {"d_model": 256, "n_layers": 4, "n_heads": 4, "d_ff": 1024, "memory_size": 500, "max_seq_len": 128}

# name: (lanes, configuration). The dropout is 0 so that both sides' losses can be compared.
SIZES = {
    "d256": (8, Config(**SMALL, dropout=0.0)),
    "quickstart": (8, Config(d_model=192, n_layers=4, n_heads=6, d_ff=768, memory_size=128, max_seq_len=256, dropout=0.0)),
    "text_only": (4, Config(dropout=0.0)),
    "full": (4, Config(**FULL)),
    "full_d256": (8, Config(**SMALL, **FULL)),
    "experts_top2": (8, Config(**EXPERTS, top_k=2)),
    "experts_top4": (8, Config(**EXPERTS, top_k=4)),
    "tiny": (2, Config(d_model=64, n_layers=2, n_heads=2, d_ff=128, memory_size=16, max_seq_len=32, dropout=0.0)),
}

STEMS = "ev göl yol kitap çiçek deniz gün söz kapı ağaç çocuk şehir bulut ışık kuş taş dağ okul yüz düş".split()
SUFFIXES = "ler lar de da den dan in ın i ı e a im ım imiz ımız ki se sa dir dır".split()


def text(seed: int, words: int) -> bytes:
    """Made-up words with Turkish letters, so that the benchmark needs no corpus."""
    draw = random.Random(seed)
    parts = []
    for _ in range(words):
        word = draw.choice(STEMS) + "".join(draw.choices(SUFFIXES, k=draw.randrange(4)))
        parts.append(word if draw.random() < 0.97 else str(draw.randrange(2000)))
        parts.append(draw.choices((" ", ", ", ".\n"), (12, 2, 1))[0])
    return "".join(parts).encode()


def prepare(size: str, folder: Path, count: int = 8, lanes: int = 0) -> None:
    """Writes the three files; lanes 0 is the size's own."""
    batch_size, config = SIZES[size]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model": config.to_yaml_keys()}, indent=1) + "\n")
    torch.manual_seed(1)
    save(Agiformer(config), folder / "model.safetensors")
    source = Lanes([text(seed, 300) for seed in range(64)], lanes or batch_size, config.max_seq_len, seed=1)
    columns = {key: [] for key in ("ids", "types", "places", "vowels", "words", "targets", "resets")}
    for _ in range(count):
        batch, targets, resets = source.next()
        for key in ("ids", "types", "places", "vowels", "words"):
            columns[key].append(getattr(batch, key))
        columns["targets"].append(targets)
        columns["resets"].append(resets.to(torch.uint8))
    save_file({key: torch.stack(rows).contiguous() for key, rows in columns.items()}, folder / "batches.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lanes", type=int, default=0)
    options = parser.parse_args()
    prepare(options.size, options.folder, lanes=options.lanes)
