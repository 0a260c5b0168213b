"""Scores a trained tokenizer with the functions of a scorer script (bench/tokenizer.sh).

The scorer is a Python file with load_gold, score_segmentation, consistency, text_stats, trigram_bpb, hard_roundtrip
and throughput; it is loaded from the path that the user gives. The program under test is called as users call it.
"""
import argparse
import importlib.util
import json
import os
import subprocess


def load(path):
    spec = importlib.util.spec_from_file_location("scorer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


class Program:
    def __init__(self, agiformer, bench, tokenizer):
        self.agiformer, self.bench, self.tokenizer = agiformer, bench, tokenizer

    def _call(self, *arguments, text=None):
        command = [self.agiformer, "tokenizer", *arguments, "--tokenizer", self.tokenizer]
        return subprocess.run(command, input=text, capture_output=True, check=True).stdout

    def ids(self, path):
        out = subprocess.run([self.bench, "--tokenizer", self.tokenizer, "--ids", path], capture_output=True, check=True).stdout
        return [[int(field) for field in line.split()] for line in out.decode().split("\n")[:-1]]

    def pieces(self, words):
        out = self._call("encode", "--pieces", text="".join(word + "\n" for word in words).encode()).decode()
        rows = [line.split("\t") for line in out.split("\n")[:-1]]
        return {row[0]: [piece for piece in row[1].split("|") if piece] for row in rows}

    def round_trips(self, lines):
        """Counts the lines that come back from encode and decode."""
        ids = self._call("encode", text="".join(line + "\n" for line in lines).encode())
        back = self._call("decode", text=ids).decode("utf-8", "surrogateescape").split("\n")[:-1]
        return sum(a == b for a, b in zip(lines, back))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("scorer", "train", "test", "gold", "tokenizer", "agiformer", "bench"):
        parser.add_argument("--" + name, required=True)
    arguments = parser.parse_args()
    scorer = load(arguments.scorer)
    program = Program(arguments.agiformer, arguments.bench, arguments.tokenizer)
    lines = lines_of(arguments.test)
    size = sum(len(line.encode()) for line in lines)
    ids = program.ids(arguments.test)
    vocabulary = 1 + max(max(row, default=0) for row in ids)
    result = scorer.text_stats(lines, ids, max(vocabulary, 32000))
    gold = scorer.load_gold(arguments.gold)
    pieces = program.pieces([row["w"] for row in gold])
    result["segmentation"], predicted = scorer.score_segmentation(gold, lambda word: pieces.get(word, [word]))
    result["morph_consistency"] = scorer.consistency(gold, predicted)
    result["lossless_lines"] = "%d of %d" % (program.round_trips(lines), len(lines))
    hard = [text for text in scorer.HARD if "\n" not in text]  # the command works line by line
    result["hard_strings"] = "%d of %d" % (program.round_trips(hard), len(hard))
    train = program.ids(arguments.train)
    vocabulary = max(vocabulary, 1 + max(max(row, default=0) for row in train))
    result["trigram_lm_bits_per_byte"] = scorer.trigram_bpb(train, ids, vocabulary, size)
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
