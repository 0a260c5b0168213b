"""Trains SentencePiece's unigram model as a yardstick and measures how fast it encodes (bench/tokenizer.sh)."""
import os
import resource
import statistics
import sys
import time

import sentencepiece

train, test, prefix, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if not os.path.exists(prefix + ".model"):
    sentencepiece.SentencePieceTrainer.train(
        input=train, model_prefix=prefix, vocab_size=size, model_type="unigram", byte_fallback=True, character_coverage=0.9995,
        normalization_rule_name="identity", remove_extra_whitespaces=False, max_sentence_length=16384, num_threads=2, minloglevel=2)
model = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
with open(test, encoding="utf-8") as file:
    lines = [line.rstrip("\n") for line in file]
megabytes = os.path.getsize(test) / 1e6
walls, works = [], []
for _ in range(5):
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    model.encode(lines, out_type=int, num_threads=1)
    after = resource.getrusage(resource.RUSAGE_SELF)
    walls.append(time.perf_counter() - begun)
    works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
print("SentencePiece unigram, 1 thread: %.1f MB/s of wall time, %.1f MB/s of processor time"
      % (megabytes / statistics.median(walls), megabytes / statistics.median(works)))
