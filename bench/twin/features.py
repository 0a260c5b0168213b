"""Token features of the byte tokenizer (docs/model.md, Token features)."""

import numpy as np

PADDING, END, FIRST, FURTHER, DIGIT, SPACE, LINE, OTHER = range(8)
VOWELS = {}
for letters, number in (("aıâAIÂ", 1), ("ouôûOUÔÛ", 2), ("eiêîEİÊÎ", 3), ("öüÖÜ", 4)):
    VOWELS.update({letter.encode(): number for letter in letters})


def continuations(lead: int) -> int:
    """How many bytes follow the first byte of a UTF-8 character; 0 where it is none."""
    if lead < 0xC2 or lead > 0xF4:
        return 0
    return 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3


class Labeler:
    """Type, place in the word and vowel class of each byte, from the bytes so far."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """Starts anew, as after the end of a document."""
        self.word = self.number = False
        self.place = self.vowel = 0
        self.lead, self.pending = 0, 0  # the character whose bytes are coming in, and how many it lacks

    def next(self, byte: int) -> tuple[int, int, int, bool]:
        """Type, place, vowel class, and whether a word starts here."""
        if byte == 0:
            return PADDING, 0, 0, False
        if byte == 3:
            self.reset()
            return END, 0, 0, False
        if self.pending and byte & 0xC0 == 0x80:
            self.pending -= 1
            if not self.word:
                return OTHER, 0, 0, False
            return self._letter(0 if self.pending else VOWELS.get(bytes((self.lead, byte)), 0))
        self.pending = 0
        if byte >= 0x80:
            self.lead, self.pending = byte, continuations(byte)
            # C2, E2, EF and F0.. begin signs, punctuation and symbols.
            return self._letter(0) if 0xC3 <= byte <= 0xEE and byte != 0xE2 else self._outside(OTHER)
        character = bytes((byte,))
        if character.isalpha():
            return self._letter(VOWELS.get(character, 0))
        if character.isdigit():
            starts = not self.number
            self._outside(DIGIT)
            self.number = True
            return DIGIT, 0, 0, starts
        return self._outside(LINE if character in b"\r\n" else SPACE if character in b" \t\v\f" else OTHER)

    def _letter(self, vowel: int) -> tuple[int, int, int, bool]:
        starts = not self.word
        if starts:
            self.word, self.number, self.place, self.vowel = True, False, 0, 0
        self.vowel = vowel or self.vowel
        place, self.place = self.place, min(self.place + 1, 15)
        return FIRST if starts else FURTHER, place, self.vowel, starts

    def _outside(self, kind: int) -> tuple[int, int, int, bool]:
        self.word = self.number = False
        self.place = self.vowel = 0
        return kind, 0, 0, False


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
