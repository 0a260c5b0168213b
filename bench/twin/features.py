"""Token features of the byte tokenizer, and random ids for shapes that need no text."""

import numpy as np

PADDING, END, FIRST, FURTHER, DIGIT, SPACE, LINE, OTHER = range(8)
CLASSES = {}
for letters, number in (("aıâAIÂ", 1), ("ouûOUÛ", 2), ("eiîEİÎ", 3), ("öüÖÜ", 4)):
    CLASSES.update({letter.encode(): number for letter in letters})


class Labeler:
    """Type, place in the word and vowel class of each byte, from the bytes so far."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """Starts anew, as after the end of a document."""
        self.previous, self.place, self.vowel, self.last = OTHER, 0, 0, 0

    def next(self, byte: int) -> tuple[int, int, int, bool]:
        """Type, place, vowel class, and whether a word starts here."""
        kind = self._kind(byte)
        if kind in (PADDING, END):
            self.reset()
            return kind, 0, 0, False
        starts = kind == FIRST or (kind == DIGIT and self.previous != DIGIT)
        inside = kind in (FIRST, FURTHER)
        if not inside:
            self.place = self.vowel = 0
        elif kind == FIRST:
            self.place, self.vowel = 0, 0
        else:
            self.place = min(self.place + 1, 15)
        if inside:
            self.vowel = self._vowel(byte, kind)
        self.previous, self.last = kind, byte
        return kind, self.place, self.vowel, starts

    def _kind(self, byte: int) -> int:
        if byte == 0:
            return PADDING
        if byte == 3:
            return END
        letter = 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 128
        if letter:
            return FURTHER if self.previous in (FIRST, FURTHER) else FIRST
        if 48 <= byte <= 57:
            return DIGIT
        if byte in (10, 13):
            return LINE
        return SPACE if byte in (9, 11, 12, 32) else OTHER

    def _vowel(self, byte: int, kind: int) -> int:
        pair = bytes((self.last, byte)) if kind == FURTHER else b""
        return CLASSES.get(pair) or CLASSES.get(bytes((byte,))) or self.vowel


def label(ids) -> dict[str, np.ndarray]:
    """Features of one segment from a fresh labeler: types, places, vowels, words, each [T]."""
    labeler, word = Labeler(), 0
    rows = []
    for byte in ids:
        kind, place, vowel, starts = labeler.next(int(byte))
        word += starts
        rows.append((kind, place, vowel, word))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return dict(zip(("types", "places", "vowels", "words"), columns))
