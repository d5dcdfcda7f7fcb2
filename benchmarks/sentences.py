#!/usr/bin/env python
"""How well raw text is split into sentences and tokens, and how fast, against the sentences and tokens of GUM.

    python benchmarks/sentences.py GUM [--split test] [--layout lines] [--quick] [--json FILE] [--markdown FILE]

GUM is the folder of `hmtl prepare gum`, or a clone of https://github.com/amir-zeldes/gum: `dep/*.conllu` and the lists
`train.txt`, `dev.txt` and `test.txt` of documents. The raw text of a document is made anew from its CoNLL-U: words as
they are written (of multiword tokens the whole), a space behind each that lacks `SpaceAfter=No`, and the layout where
the corpus begins a paragraph (`# newpar`: paragraphs, headings, items of lists, captions, turns of a speaker):

- `lines`: a line break, as text that is copied from pages and word processors;
- `blank`: a blank line, as plain text and Markdown have it;
- `wrapped`: a blank line, and lines that break at 72 columns, as in mail;
- `flat`: a space, so that punctuation alone is left to tell.

A boundary is the place of the last character of a sentence; that of the text's last sentence, which nobody can miss, is
left out. A token is right where both its ends are. The words of a multiword token that make up what is written (`do`,
`n't`) are tokens each, others (`au` as `a`, `le`) one. Precision, recall and F1 are those of all boundaries of a genre
taken together. The systems:

- `sentencizer`: spaCy's blank English with its sentencizer;
- `before`: the same, where a blank line ends a sentence, too, as hmtl had it before;
- `hmtl`: `SentenceSplitter`.

CPU milliseconds for 1,000 tokens of spaCy's are the median of the rounds, and count tokens and sentences.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import spacy  # noqa: E402

from hmtl.text import SentenceSplitter  # noqa: E402

LAYOUTS = {"lines": "\n", "blank": "\n\n", "wrapped": "\n\n", "flat": " "}
COLUMNS = 72
ROUNDS, QUICK_ROUNDS = 7, 2

Spans = List[Tuple[int, int]]
# The places of the tokens of a text, sentence by sentence.
Split = Callable[[str], List[Spans]]


class Word(NamedTuple):
    """What is written between two blanks or other words, the words that it stands for, and whether a blank follows."""

    written: str
    parts: List[str]
    has_space: bool


@dataclass
class GoldDocument:
    """The sentences of a document, and which of them begin a paragraph."""

    genre: str
    sentences: List[List[Word]]
    begins_paragraph: List[bool]

    def raw(self, layout: str) -> Tuple[str, List[Spans]]:
        """The text in a layout, and `(start, end)` of the tokens of each sentence in it, the end excluded."""
        text, spans = "", []
        for number, sentence in enumerate(self.sentences):
            if number:
                text = text.rstrip(" ") + (LAYOUTS[layout] if self.begins_paragraph[number] else " ")
            spans.append(self._written(sentence, len(text)))
            text += "".join(word.written + " " * word.has_space for word in sentence)
        text = text.rstrip(" ")
        return (_wrapped(text) if layout == "wrapped" else text), spans

    @staticmethod
    def _written(sentence: Sequence[Word], start: int) -> Spans:
        spans: Spans = []
        for word in sentence:
            # Words that do not make up what is written have no place of their own.
            parts = word.parts if "".join(word.parts) == word.written else [word.written]
            for part in parts:
                spans.append((start, start + len(part)))
                start += len(part)
            start += word.has_space
        return spans


def _wrapped(text: str) -> str:
    """The text with line breaks in place of spaces, so that lines have 72 columns at most; no character moves."""
    characters = [*text]
    start, last_space = 0, -1
    for place, character in enumerate(characters):
        if character == "\n":
            start = place + 1
        if character == " ":
            last_space = place
        elif place - start >= COLUMNS and last_space >= start:
            characters[last_space] = "\n"
            start = last_space + 1
    return "".join(characters)


def read_conllu(path: Path) -> GoldDocument:
    """A document of GUM. The genre is that which its file's name has: `GUM_bio_byron` is of `bio`."""
    sentences: List[List[Word]] = []
    begins: List[bool] = []
    words: List[Word] = []
    begins_paragraph, covered = True, 0
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("# newpar"):
            begins_paragraph = True
        elif line and not line.startswith("#"):
            identifier, form, *_, misc = line.split("\t")
            has_space = "SpaceAfter=No" not in misc.split("|")
            if "-" in identifier:
                covered = int(identifier.split("-")[1])
                words.append(Word(form, [], has_space))
            elif "." not in identifier and int(identifier) <= covered:
                words[-1].parts.append(form)
            elif "." not in identifier:
                words.append(Word(form, [form], has_space))
        elif not line and words:
            sentences.append(words)
            begins.append(begins_paragraph)
            words, begins_paragraph, covered = [], False, 0
    return GoldDocument(path.stem.split("_")[1], sentences, begins)


def read_split(folder: Path, split: str) -> List[GoldDocument]:
    """The documents of `train`, `dev` or `test`."""
    names = (folder / f"{split}.txt").read_text(encoding="utf-8").split()
    return [read_conllu(folder / "dep" / f"{name}.conllu") for name in names]


@dataclass
class Counts:
    """Of boundaries or tokens: how many are right, how many were found, and how many there are."""

    right: int = 0
    found: int = 0
    gold: int = 0

    def add(self, found: Set[Any], gold: Set[Any]) -> None:
        """Counts those of another text."""
        self.right += len(found & gold)
        self.found += len(found)
        self.gold += len(gold)

    def scores(self) -> Dict[str, float]:
        """Precision, recall and F1, in per cent; 0 where nothing is to be divided by."""
        return {
            "precision": 100 * self.right / max(1, self.found),
            "recall": 100 * self.right / max(1, self.gold),
            "f1": 200 * self.right / max(1, self.found + self.gold),
        }


def boundaries(sentences: Sequence[Spans]) -> Set[int]:
    """Where sentences end, but for the last one."""
    return {sentence[-1][1] for sentence in sentences[:-1]}


def count(documents: Sequence[GoldDocument], layout: str, split: Split) -> Dict[str, Tuple[Counts, Counts]]:
    """Of each genre, and of `all`, the counts of boundaries and of tokens."""
    counts: Dict[str, Tuple[Counts, Counts]] = defaultdict(lambda: (Counts(), Counts()))
    for document in documents:
        text, gold = document.raw(layout)
        found = split(text)
        for genre in (document.genre, "all"):
            counts[genre][0].add(boundaries(found), boundaries(gold))
            counts[genre][1].add({*_flat(found)}, {*_flat(gold)})
    return dict(counts)


def _flat(sentences: Sequence[Spans]) -> Iterator[Tuple[int, int]]:
    return (span for sentence in sentences for span in sentence)


def systems() -> Dict[str, Split]:
    """What is compared."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")

    def by_spacy(text: str, blank_lines: bool) -> List[Spans]:
        sentences: List[Spans] = [[]]
        for token in nlp(text):
            if token.is_sent_start or (blank_lines and token.is_space and token.text.count("\n") > 1):
                sentences.append([])
            if not token.is_space:
                sentences[-1].append((token.idx, token.idx + len(token)))
        return [sentence for sentence in sentences if sentence]

    splitter = SentenceSplitter()

    def hmtl(text: str) -> List[Spans]:
        split = splitter(text)
        offsets = iter(split.token_offsets)
        return [[next(offsets) for _ in sentence] for sentence in split.sentences]

    return {
        "sentencizer": partial(by_spacy, blank_lines=False),
        "before": partial(by_spacy, blank_lines=True),
        "hmtl": hmtl,
    }


def milliseconds(texts: Sequence[str], split: Split) -> float:
    """CPU milliseconds for all of the texts."""
    start = time.process_time()
    for text in texts:
        split(text)
    return 1000 * (time.process_time() - start)


def measure(folder: Path, split: str, layouts: Sequence[str], rounds: int) -> Dict[str, Any]:
    """JSON values: of each layout, system and genre the scores, and of each system the time."""
    documents = read_split(folder, split)
    compared = systems()
    scores: Dict[str, Any] = {}
    for layout in layouts:
        scores[layout] = {
            name: {
                genre: {"boundaries": breaks.scores(), "tokens": tokens.scores(), "gold": breaks.gold}
                for genre, (breaks, tokens) in count(documents, layout, system).items()
            }
            for name, system in compared.items()
        }
    texts = [document.raw(layouts[0])[0] for document in documents]
    thousands = sum(len(sentence) for text in texts for sentence in compared["sentencizer"](text)) / 1000
    taken = [{name: milliseconds(texts, system) for name, system in compared.items()} for _ in range(rounds)]
    times = {name: median(one[name] for one in taken) / thousands for name in compared}
    return {"split": split, "documents": len(documents), "scores": scores, "milliseconds_per_1000_tokens": times}


def markdown(measured: Dict[str, Any]) -> str:
    """The tables: F1 of boundaries by layout and genre, precision and recall of all, F1 of tokens, and the time."""
    lines = []
    for layout, by_system in measured["scores"].items():
        names = list(by_system)
        lines += [f"Layout `{layout}`:", "", f"| genre | boundaries | {' | '.join(names)} |"]
        lines.append("|---|--:|" + "--:|" * len(names))
        genres = sorted(by_system[names[0]], key=lambda genre: (genre == "all", genre))
        for genre in genres:
            cells = [f"{by_system[name][genre]['boundaries']['f1']:.1f}" for name in names]
            lines.append(f"| {genre} | {by_system[names[0]][genre]['gold']:,} | {' | '.join(cells)} |")
        for label, kind, score in (
            ("precision of all", "boundaries", "precision"),
            ("recall of all", "boundaries", "recall"),
            ("F1 of tokens", "tokens", "f1"),
        ):
            cells = [f"{by_system[name]['all'][kind][score]:.1f}" for name in names]
            lines.append(f"| {label} | | {' | '.join(cells)} |")
        lines.append("")
    times = ", ".join(f"{name} {value:.2f}" for name, value in measured["milliseconds_per_1000_tokens"].items())
    return "\n".join([*lines, f"CPU milliseconds for 1,000 tokens: {times}.", ""])


def main(arguments: Optional[List[str]] = None) -> None:
    """Measures, prints the tables, and writes them where files are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gum", type=Path, help="the folder of the corpus")
    parser.add_argument("--split", choices=("train", "dev", "test"), default="test")
    parser.add_argument("--layout", choices=LAYOUTS, action="append", help="may be given again (default: all of them)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds of timing")
    parser.add_argument("--json", type=Path, help="where all figures go")
    parser.add_argument("--markdown", type=Path, help="where the tables go")
    parsed = parser.parse_args(arguments)
    rounds = QUICK_ROUNDS if parsed.quick else ROUNDS
    measured = measure(parsed.gum, parsed.split, parsed.layout or list(LAYOUTS), rounds)
    print(markdown(measured))
    if parsed.json:
        parsed.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    if parsed.markdown:
        parsed.markdown.write_text(markdown(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
