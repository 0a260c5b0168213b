"""What both makers of the quickstart corpus share: the split and the files."""

import hashlib
import json
import os

# One document in this many validates.
VALID_ONE_IN = 20


def held_out(name):
    """Says whether a document validates: by a hash of its name, so that the choice never changes."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % VALID_ONE_IN == 0


def write(folder, documents, source):
    """Writes train.jsonl, valid.jsonl and SOURCE into folder.

    documents lists (name, text); source describes where they are from, the counts are added here.
    """
    counts = {}
    for split in ("train", "valid"):
        chosen = [(name, text) for name, text in documents if held_out(name) == (split == "valid")]
        counts[split] = (len(chosen), sum(len(text.encode()) for _, text in chosen))
        with open(os.path.join(folder, split + ".jsonl"), "w", encoding="utf-8") as file:
            for name, text in chosen:
                file.write(json.dumps({"text": text, "source": name}, ensure_ascii=False) + "\n")
    with open(os.path.join(folder, "SOURCE"), "w", encoding="utf-8") as file:
        file.write(source.rstrip("\n") + "\n\n")
        for split, (number, size) in counts.items():
            file.write(f"{split}.jsonl: {number} documents, {size} bytes of text\n")
