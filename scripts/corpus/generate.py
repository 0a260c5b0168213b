"""Makes a stand-in for the quickstart corpus where Debian's package cannot be had.

usage: generate.py OUT_FOLDER

Writes Turkish sentences from a small grammar: nouns and verbs that we list here, with suffixes that follow vowel
harmony, consonant softening and buffer letters. The same on every machine.
"""

import random
import sys

import documents

DOCUMENTS = 2600
PARAGRAPHS = (3, 8)
SENTENCES = (3, 7)

VOWELS = "aıoueiöü"
# The vowel that follows in a suffix with two forms (a, e) and with four (ı, i, u, ü).
TWO = dict(zip("aıoueiöü", "aaaaeeee"))
FOUR = dict(zip("aıoueiöü", "ııuuiiüü"))
SOFT = {"p": "b", "ç": "c", "t": "d", "k": "ğ"}
HARD = "fstkçşhp"

# Nouns; * marks those whose last consonant softens before a vowel.
PEOPLE = "öğretmen çocuk* öğrenci komşu doktor yolcu balıkçı çiftçi ressam anne baba kardeş arkadaş bekçi şoför yazar usta terzi".split()
PLACES = "ev okul köy şehir orman bahçe deniz çarşı istasyon kütüphane mutfak* sokak* dağ göl liman fırın hastane park köprü ova".split()
THINGS = "kitap* kalem mektup* ekmek* elma masa sandalye pencere kapı lamba çanta defter fotoğraf araba bisiklet gemi tekne sepet çiçek* ağaç* bardak* tabak* anahtar şemsiye harita".split()
NATURE = "yağmur rüzgâr güneş kar bulut fırtına sis ay dalga yaprak* kuş kedi köpek* at balık*".split()
ADJECTIVES = "eski yeni küçük büyük sessiz kalabalık güzel uzun kısa mavi yeşil kırmızı sarı beyaz yorgun mutlu meraklı çalışkan yaşlı genç soğuk sıcak ince kalın parlak".split()
TIMES = "dün sabah,bu akşam,her gün,geçen hafta,o gece,yaz boyunca,öğleden sonra,bazen,bir gün,erkenden,akşamüstü,kış gelince,iki yıl önce,pazar günü".split(",")
ADVERBS = "yavaşça hemen sessizce dikkatle sonunda yine birlikte gülerek neşeyle sabırla çabucak".split()
JOINS = ["ve", "ama", "çünkü", "bu yüzden", "sonra", "fakat", "üstelik"]
# Verbs by what they take: an object (accusative), a place to go to (dative), a place to be in (locative), nothing.
VERBS = {
    "object": "gör sev bul getir sakla onar boya taşı yıka unut bırak hatırla iste incele göster temizle".split(),
    "to": "git koş yürü dön bak yaklaş var ulaş gir".split(),
    "in": "otur çalış dinlen bekle uyu oyna konuş yaşa dolaş kal".split(),
    "none": "gül düşün yorul sevin sus şaşır uyan gülümse".split(),
}
NATURE_VERBS = "yaklaş uzaklaş parla durul başla dol dön sus uyan".split()


def last_vowel(word):
    """Returns the vowel that decides a suffix, circumflex taken off."""
    plain = word.replace("â", "a").replace("î", "i").replace("û", "u")
    return next(letter for letter in reversed(plain) if letter in VOWELS)


class Noun:
    """A noun that takes suffixes."""

    def __init__(self, entry):
        self.softens = entry.endswith("*")
        self.word = entry.rstrip("*")

    def stem(self):
        """The stem before a suffix that begins with a vowel."""
        if self.softens:
            return self.word[:-1] + SOFT[self.word[-1]]
        return self.word

    def ends_in_vowel(self):
        return self.word[-1] in VOWELS

    def plural(self):
        return Noun(self.word + "l" + TWO[last_vowel(self.word)] + "r")

    def accusative(self):
        vowel = FOUR[last_vowel(self.word)]
        return self.word + "y" + vowel if self.ends_in_vowel() else self.stem() + vowel

    def dative(self):
        vowel = TWO[last_vowel(self.word)]
        return self.word + "y" + vowel if self.ends_in_vowel() else self.stem() + vowel

    def locative(self):
        return self.word + ("t" if self.word[-1] in HARD else "d") + TWO[last_vowel(self.word)]

    def ablative(self):
        return self.locative() + "n"

    def genitive(self):
        vowel = FOUR[last_vowel(self.word)]
        return self.word + "n" + vowel + "n" if self.ends_in_vowel() else self.stem() + vowel + "n"

    def possessed(self):
        vowel = FOUR[last_vowel(self.word)]
        return self.word + "s" + vowel if self.ends_in_vowel() else self.stem() + vowel


def past(verb):
    return verb + ("t" if verb[-1] in HARD else "d") + FOUR[last_vowel(verb)]


def reported(verb):
    vowel = FOUR[last_vowel(verb)]
    return verb + "m" + vowel + "ş"


def future(verb):
    stem = {"git": "gid"}.get(verb, verb)
    vowel = TWO[last_vowel(verb)]
    return stem + ("y" if verb[-1] in VOWELS else "") + vowel + "c" + vowel + "k"


def progressive(verb):
    stem = {"git": "gid"}.get(verb, verb)
    if stem[-1] in VOWELS:
        stem = stem[:-1]
    if not any(letter in VOWELS for letter in stem):
        return past(verb)
    return stem + FOUR[last_vowel(stem)] + "yor"


def negative_past(verb):
    return past(verb + "m" + TWO[last_vowel(verb)])


TENSES = [past, reported, future, progressive, negative_past]


class Story:
    """One document: a few people, places and things that come again and again."""

    def __init__(self, chance):
        self.chance = chance
        self.people = [Noun(word) for word in chance.sample(PEOPLE, 3)]
        self.places = [Noun(word) for word in chance.sample(PLACES, 3)]
        self.things = [Noun(word) for word in chance.sample(THINGS, 4)]
        self.tense = chance.choice(TENSES)

    def described(self, noun):
        if self.chance.random() < 0.4:
            return self.chance.choice(ADJECTIVES) + " "
        return "bir " if noun and self.chance.random() < 0.2 else ""

    def subject(self):
        person = self.chance.choice(self.people)
        if self.chance.random() < 0.25:
            owner = self.chance.choice(self.people)
            if owner is not person:
                return owner.genitive() + " " + person.possessed()
        if self.chance.random() < 0.2:
            person = person.plural()
        return self.described(False) + person.word

    def verb(self, kind):
        tense = self.tense if self.chance.random() < 0.8 else self.chance.choice(TENSES)
        return tense(self.chance.choice(VERBS[kind]))

    def clause(self):
        kind = self.chance.choice(["object", "object", "to", "in", "none", "from", "nature"])
        place, thing = self.chance.choice(self.places), self.chance.choice(self.things)
        adverb = self.chance.choice(ADVERBS) + " " if self.chance.random() < 0.35 else ""
        if kind == "nature":
            return f"{self.chance.choice(NATURE).rstrip('*')} {adverb}{self.tense(self.chance.choice(NATURE_VERBS))}"
        if kind == "object":
            where = place.locative() + " " if self.chance.random() < 0.3 else ""
            return f"{self.subject()} {where}{self.described(True)}{thing.accusative()} {adverb}{self.verb('object')}"
        if kind == "to":
            return f"{self.subject()} {adverb}{self.described(False)}{place.dative()} {self.verb('to')}"
        if kind == "in":
            return f"{self.subject()} {self.described(False)}{place.locative()} {adverb}{self.verb('in')}"
        if kind == "from":
            return f"{self.subject()} {place.ablative()} {adverb}{self.tense('gel')}"
        return f"{self.subject()} {adverb}{self.verb('none')}"

    def sentence(self):
        text = self.clause()
        if self.chance.random() < 0.35:
            text = self.chance.choice(TIMES) + " " + text
        if self.chance.random() < 0.35:
            text += ", " + self.chance.choice(JOINS) + " " + self.clause()
        return {"i": "İ", "ı": "I"}.get(text[0], text[0].upper()) + text[1:] + "."

    def text(self):
        paragraphs = []
        for _ in range(self.chance.randint(*PARAGRAPHS)):
            sentences = dict.fromkeys(self.sentence() for _ in range(self.chance.randint(*SENTENCES)))
            paragraphs.append(" ".join(sentences))
        return "\n".join(paragraphs) + "\n"


def main():
    (out,) = sys.argv[1:]
    stories = [(f"story-{n}", Story(random.Random(n)).text()) for n in range(DOCUMENTS)]
    documents.write(
        out,
        stories,
        f"""Turkish sentences generated by this project's scripts/corpus/generate.py: a stand-in for the help pages of
Debian's package libreoffice-help-tr, which could not be had on this machine. It is far easier than real text.
Licence: the project's own. A document validates by the hash of its name, about one in {documents.VALID_ONE_IN}.""",
    )


if __name__ == "__main__":
    main()
