"""Incremental decoding of one stream: prefill in parallel, single tokens through caches."""

import torch
from torch import Tensor

from .features import Labeler
from .introspection import Findings
from .model import Agiformer, Batch


class Decoder:
    """Feeds tokens and gives the logits after each; rolls into the memory at a segment's end.

    findings: what introspection found of each token of the last feed, without the evidence.
    """

    def __init__(self, model: Agiformer):
        self.model, self.config = model, model.config
        self.state = model.new_state(1)
        self.labeler = Labeler()
        self.device = model.embedding.weight.device
        self.findings: list[Findings] = []
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        size = self.config.max_seq_len
        self.caches = [block.new_caches(size) for block in self.model.blocks]
        self.introspection_cache = self.model.introspection.new_cache(size) if self.config.use_introspection else None
        self.position, self.word, self.inputs, self.states = 0, 0, [], []
        self.recent = torch.zeros(1, 0, dtype=torch.long, device=self.device)
        self.read = None
        if self.state is not None:
            self.read = self.model.memory.begin(self.state, self.model.embedding.weight.dtype)
        self.cos, self.sin = self.model.rope(size)

    def _batch(self, ids: list[int]) -> Batch:
        rows = []
        for token in ids:
            kind, place, vowel, starts = self.labeler.next(token)
            self.word += starts
            rows.append((token, kind, place, vowel, self.word))
        columns = torch.tensor(rows, device=self.device).T.unsqueeze(1).unbind(0)
        positions = torch.arange(self.position, self.position + len(ids), device=self.device).unsqueeze(0)
        return Batch(*columns, positions=positions)

    @torch.inference_mode()
    def feed(self, ids: list[int]) -> Tensor:
        """Logits [n, V] after each of the n ids."""
        results, self.findings = [], []
        while ids:
            room = self.config.max_seq_len - self.position
            if self.position == 0 and len(ids) > 1:
                part, ids = ids[:room], ids[room:]
                results.append(self._prefill(part))
            else:
                results.append(self._step(ids[0]))
                ids = ids[1:]
            if self.position == self.config.max_seq_len:
                self._roll()
        return torch.cat(results)

    def _prefill(self, ids: list[int]) -> Tensor:
        batch = self._batch(ids)
        x, logits = self._parallel(batch)
        self.states.append(x)
        self.position += len(ids)
        return logits[0]

    def _parallel(self, batch: Batch) -> tuple[Tensor, Tensor]:
        model = self.model
        rope = (self.cos[: len(batch.ids[0])], self.sin[: len(batch.ids[0])])
        x = self._enter(batch)
        for block, caches in zip(model.blocks, self.caches):
            x, _, _ = block(x, rope, batch.features(), None, caches)
        x = self._introspect(x, batch.features())
        return x, model.logits(model.final_norm(x))

    def _enter(self, batch: Batch) -> Tensor:
        """Embeddings of the next tokens [1, n] of the segment, with what memory adds."""
        embedding = self.model.embedding
        both = torch.cat((self.recent, batch.ids), dim=1)
        self.recent = both[:, max(0, both.shape[1] - embedding.reach) :]
        x = embedding.describe(embedding(both)[:, -batch.ids.shape[1] :], batch)
        self.inputs.append(x)
        return x if self.read is None else x + self.model.memory(x, self.read)

    def _introspect(self, x: Tensor, places: dict) -> Tensor:
        if self.introspection_cache is None:
            return x
        x, findings = self.model.introspection(x, places, self.introspection_cache)
        self.findings.append(findings)
        return x

    def _step(self, token: int) -> Tensor:
        model, batch = self.model, self._batch([token])
        rope = (self.cos[self.position : self.position + 1], self.sin[self.position : self.position + 1])
        x = self._enter(batch)
        places = batch.features()
        for block, caches in zip(model.blocks, self.caches):
            x = block.step(x, rope, places, caches)
        x = self._introspect(x, places)
        self.states.append(x)
        self.position += 1
        return model.logits(model.final_norm(x))[0]

    def _roll(self) -> None:
        if self.state is not None:
            self.state.push(torch.cat(self.inputs, dim=1), torch.cat(self.states, dim=1), None)
        self._begin()


@torch.inference_mode()
def generate(model: Agiformer, prompt: list[int], count: int, temperature: float = 0.0, seed: int = 0) -> list[int]:
    """Greedy at temperature 0, else sampled from the softmax."""
    decoder, result = Decoder(model), []
    generator = torch.Generator(device=decoder.device).manual_seed(seed)
    logits = decoder.feed(prompt)[-1]
    for _ in range(count):
        if temperature == 0:
            token = int(logits.argmax())
        else:
            token = int((logits / temperature).softmax(-1).multinomial(1, generator=generator))
        result.append(token)
        logits = decoder.feed([token])[-1]
    return result
