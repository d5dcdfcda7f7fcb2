"""Real sentences with what breaks offsets: odd white space, emoji, combining characters and right-to-left runs."""

import random
from itertools import islice
from pathlib import Path
from typing import Iterator, List

from hmtl.corpora import GumCorpus, RedocredCorpus
from hmtl.document import Document

_BLANKS = (
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "\n\n",
    " \n \n ",
    "\u00a0",
    "\u2003",
    "\u2028",
    "\u3000",
    "\x0b",
    "",
)
_ODD = (
    "🙂",
    "👩\u200d👩\u200d👧\u200d👦",
    "🇳🇴",
    "e\u0301te\u0301",
    "Z\u0351\u0308algo\u0300\u0301\u0302",
    "שלום עולם",
    "\u200fمرحبا بالعالم\u200e",
    "\u202eabc\u202c",
    "zero\u200bwidth",
    "\ufeff",
    "ﬁ",
    "𝒜𝓁𝑔𝑒𝒷𝓇𝒶",
    "\x00\x07",
)


def odd_texts(shared_data: Path, count: int) -> List[str]:
    """So many texts, half from GUM and half from Re-DocRED, of three to six sentences each."""
    gum = GumCorpus().documents(str(shared_data / "gum" / "train.txt"))
    redocred = RedocredCorpus().documents(str(shared_data / "redocred" / "dev_revised.json"))
    return [*islice(_texts(gum), (count + 1) // 2), *islice(_texts(redocred), count // 2)]


def _texts(documents: Iterator[Document]) -> Iterator[str]:
    rng = random.Random(13370)
    for document in documents:
        sentences = document.sentences
        while sentences:
            size = rng.randint(3, 6)
            words = [word for sentence in sentences[:size] for word in sentence]
            sentences = sentences[size:]
            yield "".join(_decorated(word, rng) for word in words)


def _decorated(word: str, rng: random.Random) -> str:
    blank = rng.choice(_BLANKS) if rng.random() < 0.3 else " "
    odd = rng.choice(_ODD) if rng.random() < 0.1 else ""
    return word + odd + blank if rng.random() < 0.5 else odd + blank + word
