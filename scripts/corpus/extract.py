"""Makes the quickstart corpus from LibreOffice's Turkish help pages.

usage: extract.py HELP_FOLDER OUT_FOLDER VERSION

Takes the prose out of the pages (headings, paragraphs, list items, table cells; no code), drops what is not
translated and what was met before, and writes one document a page.
"""

import html.parser
import os
import re
import sys

import documents

# Elements that begin a new line of text.
BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "td", "th", "dt", "dd", "div", "br", "tr", "table"}
# Elements whose text is no prose.
SKIPPED = {"pre", "code", "script", "style", "button", "svg"}
# Elements that have no end tag.
VOID = {"br", "img", "meta", "link", "input", "hr"}

TURKISH = set(
    "ve bir bu için ile veya olarak olan de da daha gibi ne kadar ise değil her tüm eğer ya en çok sonra önce "
    "içinde üzerinde var yok olur edin girin seçin tıklayın belirler belirtir kullanın kullanılır şu".split()
)
ENGLISH = set(
    "the of to and is a in for be are you this that or with by on as an it can from not will if your when "
    "have has all use used which at click select choose".split()
)
# A line with so many words counts as a sentence, whose language can be told.
SENTENCE_WORDS = 4
# The share of a page's sentences that must be Turkish for the page to count as translated.
MOSTLY = 0.25
# A page with less is a stub or almost untranslated (characters).
SHORTEST_PAGE = 200
# Shorter lines may stand again: headings and names of controls (characters).
SHORTEST_UNIQUE = 25


class Page(html.parser.HTMLParser):
    """Collects the lines of the part of a page that is its text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.depth = 0  # of elements below the text's own; 0 is outside of it
        self.skipping = 0  # depth of the skipped element, 0 outside
        self.parts = []
        self.lines = []

    def handle_starttag(self, tag, attributes):
        if self.depth == 0:
            if dict(attributes).get("id") == "DisplayArea":
                self.depth = 1
            return
        if tag in BLOCKS:
            self.end_line()
        if tag not in VOID:
            self.depth += 1
            if tag in SKIPPED and not self.skipping:
                self.skipping = self.depth

    def handle_endtag(self, tag):
        if self.depth == 0 or tag in VOID:
            return
        if tag in BLOCKS:
            self.end_line()
        if self.skipping == self.depth:
            self.skipping = 0
        self.depth -= 1

    def handle_data(self, text):
        if self.depth and not self.skipping:
            self.parts.append(text)

    def end_line(self):
        line = " ".join("".join(self.parts).split())
        self.parts = []
        if line:
            self.lines.append(line)


def words_of(line):
    """Returns the words of a line in small letters."""
    return re.findall(r"\w+", line.replace("İ", "i").lower())


def is_turkish(line):
    """Says whether a line reads as Turkish rather than as untranslated English or code."""
    words = words_of(line)
    if not words:
        return False
    letters = sum(character in "çğıöşüâî" for character in line.lower())
    turkish = sum(word in TURKISH for word in words) + letters / 2
    english = sum(word in ENGLISH for word in words)
    if len(words) < SENTENCE_WORDS:
        return english == 0
    return turkish > english and turkish >= len(words) / 15


def page_text(path, seen):
    """Returns the new Turkish lines of a page as one text; seen collects lines over all pages."""
    page = Page()
    with open(path, encoding="utf-8", errors="strict") as file:
        page.feed(file.read())
    page.close()
    page.end_line()
    sentences = [line for line in page.lines if len(words_of(line)) >= SENTENCE_WORDS]
    if sum(map(is_turkish, sentences)) < MOSTLY * len(sentences):
        return ""
    lines = []
    for line in page.lines:
        if not any(character.isalpha() for character in line) or not is_turkish(line):
            continue
        if lines and lines[-1] == line:
            continue
        if len(line) >= SHORTEST_UNIQUE:
            if line in seen:
                continue
            seen.add(line)
        lines.append(line)
    return "\n".join(lines) + "\n"


def main():
    root, out, version = sys.argv[1:]
    paths = []
    for folder, _, names in os.walk(root):
        paths += [os.path.join(folder, name) for name in names if name.endswith(".html")]
    seen = set()
    pages = []
    for path in sorted(paths):
        text = page_text(path, seen)
        if len(text) >= SHORTEST_PAGE:
            pages.append((os.path.relpath(path, root), text))
    if not pages:
        sys.exit(f"extract.py: {root} holds no help pages")
    documents.write(
        out,
        pages,
        f"""Turkish help pages of LibreOffice, from Debian's package libreoffice-help-tr {version}.
Copyright 2000-2023 LibreOffice contributors, Oracle and/or its affiliates.
Licence: Mozilla Public License 2.0 (https://www.mozilla.org/MPL/2.0/).
One document a page: headings, paragraphs, list items and table cells, without code; untranslated and repeated
lines are left out. A page validates by the hash of its name, about one in {documents.VALID_ONE_IN}.""",
    )


if __name__ == "__main__":
    main()
