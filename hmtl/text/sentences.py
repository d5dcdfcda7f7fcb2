"""Where sentences begin among the tokens of a raw text, by rules.

The rules were made on the training documents of GUM; `benchmarks/sentences.py` measures them, and
`benchmarks/trained_sentences.py` compares them with weights that are learnt for the same places.
"""

import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, TypeVar

from hmtl.text.graphemes import Places

Item = TypeVar("Item")

# The longest sentence, in tokens. What is longer is no language, and the work of a model grows with the square of it.
MAX_SENTENCE = 5_000

_STOPS = ".!?…‥؟۔।॥。！？｡"
# Of scripts that leave no space behind a sentence; these end one wherever they stand.
_WIDE_STOPS = "。！？｡"
_CLOSING = "”’)\\]}」』）】〉》›"
# These open as well.
_QUOTES = "\"'»"
_PICTURES = "\u2600-\u27bf\ufe0f\u200d\u20e3\U0001f000-\U0001faff\U000e0020-\U000e007f"
# A stop with what closes behind it, further stops, and the numbers of footnotes.
_TAIL = re.compile(rf"[{_STOPS}](?:[{_STOPS}{_CLOSING}]|[{_QUOTES}](?!\w))*(?:\[\d{{1,3}}\])*")
# What a sentence takes along behind its stop, although a space parts them: footnotes, emoji, emoticons.
_TAKEN_ALONG = re.compile(
    rf"[ \t]?(?:(?:\[\d{{1,3}}\])+|[{_PICTURES}]+|[:;]'?-?[)(DPp]+(?!\w))(?=\s|$|[{_PICTURES}\[])"
)
# In text that was split into tokens before, a space stands before what closes; a straight quote closes an open one.
_LONE_CLOSING = re.compile(rf" (?:[{_CLOSING}]|'')(?=\s|$)")
_LONE_QUOTE = re.compile(r' "(?=\s|$)')
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What stands before a stop, of so many characters at most, and what behind it.
_WORD = re.compile(r"[^\s\[(<{\"“‘«„/—–…*_]*$")
_NEXT_WORD = re.compile(r"[\w'’-]*")
_OPENING = re.compile(r"[\"'`“‘«„‹»\[({¿¡*_「『（【〈《]*")
_BEFORE, _BEHIND = 24, 32
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]$")
_INITIAL = re.compile(r"[^\W\d_]\.")
_LIST_MARK = re.compile(r"(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxIVX]{1,5})$")
_BULLET = re.compile(r"(?:[-–—*•·‣◦▪●○■□➢✓✔]|\(?(?:\d{1,3}|[a-z])[.)]|\[\d{1,3}\])\s")
_ADDRESS = re.compile(r"\S+@\w|\w+://")
# The lines of a text that is filled are at most so long; longer ones are paragraphs, shorter ones verses or items.
_MIN_COLUMNS, _MAX_COLUMNS = 40, 120


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


# Behind these no sentence ends: before a name, anywhere, and before a number.
_TITLES = _words(
    "mr mrs ms mx messrs dr drs prof rev fr hon gen lt col sgt capt cpt cmdr maj adm gov sen rep pres supt insp "
    "mme mlle ing"
)
_WITHIN = _words("e.g i.e eg ie vs v cf viz approx esp incl resp")
_BEFORE_NUMBERS = _words(
    "no nos nr fig figs p pp par vol vols ch chap sec sect art eq eqs tab ed est ca jan feb mar apr jun jul aug "
    "sep sept oct nov dec"
)
# Behind these, initials and the like (U.S.) one ends only before a word that is written small within a sentence.
_ABBREVIATIONS = _words(
    "al etc inc ltd co corp jr sr bros st mt ft ave blvd rd dept univ assn eds trans est ph.d b.sc m.sc jan feb "
    "mar apr jun jul aug sep sept oct nov dec div"
)
_BEGINNERS = _words(
    "the a an this that these those it he she they we i you there here in on at by for from of to with as and but "
    "or so if when while after before because although though however since until his her its their our my your "
    "what who how why where which all some many most no not then thus one two another each both during under over "
    "let do does did is are was were has have had can could would"
)
# A line that ends with one of these goes on, whatever its length.
_GOES_ON = _words(
    "the a an of at for from to with and or but as that than into onto between is are was were be been has have "
    "had his her its their our my your this these those who which whose"
)


class Gap(NamedTuple):
    """What stands about a place where a sentence may begin.

    # Attributes

    number : `int`
        The number of the token that would begin it.
    tail : `str`
        The stop before it, with what closes behind the stop; empty where a line ends without one.
    word : `str`
        What is written before the tail.
    is_first : `bool`
        Whether that word is a number or a letter, and the first of its line.
    has_space : `bool`
        Whether white space parts the tokens.
    num_breaks : `int`
        The line breaks between them.
    is_full : `bool`
        Whether the line before them is full: the next word would have made it longer than any.
    following : `str`
        The text from the token on.
    has_capitals : `bool`
        Whether the text has capitals, but for lines of nothing else, such as headings; a transcript may have none.
    """

    number: int
    tail: str
    word: str
    is_first: bool
    has_space: bool
    num_breaks: int
    is_full: bool
    following: str
    has_capitals: bool = True

    @property
    def opening(self) -> str:
        """What opens at the token: quotes, brackets."""
        return _OPENING.match(self.following)[0]  # type: ignore[index]

    @property
    def next_word(self) -> str:
        """The word behind what opens; empty where there is none."""
        return _NEXT_WORD.match(self.following[len(self.opening) :].lstrip())[0]  # type: ignore[index]


def sentence_starts(text: str, tokens: Places) -> Set[int]:
    """The numbers of the tokens that begin a sentence; the first one begins the text, and is left out.

    # Parameters

    text : `str`
    tokens : `List[Tuple[int, int]]`
        The places of its tokens, in order, none of them white space.
    """
    return {gap.number for gap in gaps_of(text, tokens) if begins_sentence(gap)}


def starts_behind_blank_lines(text: str, tokens: Places) -> Set[int]:
    """The numbers of the tokens that stand behind a blank line."""
    return {number for number, lines in _Lines(text).ending_before(tokens).items() if len(lines) > 1}


def in_sentences(items: Sequence[Item], starts: Set[int]) -> List[List[Item]]:
    """Items in sentences, which begin at those numbers, or after `MAX_SENTENCE` of them."""
    sentences: List[List[Item]] = []
    for number, item in enumerate(items):
        if not number or number in starts or len(sentences[-1]) == MAX_SENTENCE:
            sentences.append([])
        sentences[-1].append(item)
    return sentences


def begins_sentence(gap: Gap) -> bool:
    """Whether a sentence begins at the gap."""
    certain = _certainly(gap)
    if certain is not None:
        return certain
    word = gap.next_word
    if gap.num_breaks and not gap.tail:
        if _BULLET.match(gap.following):
            return not gap.is_full
        is_small = word[:1].islower() and not _ADDRESS.match(gap.following)
        return not (gap.is_full or is_small or gap.word.endswith(",") or gap.word.lower() in _GOES_ON)
    if gap.num_breaks and not gap.is_full:
        return True
    if word[:1].islower() and gap.has_capitals:
        return False
    if gap.tail.startswith(("..", "…", "‥")):
        return word[:1].isupper()
    if gap.tail == "." and (
        gap.word.lower() in _ABBREVIATIONS
        or (len(gap.word) == 1 and gap.word.isalpha() and gap.word != "I")
        or _DOTTED.match(gap.word)
    ):
        return word.lower() in _BEGINNERS
    return True


def _certainly(gap: Gap) -> Optional[bool]:
    """Whether a sentence begins, where no other rule is to be asked."""
    if gap.num_breaks > 1 or gap.tail.startswith((*_WIDE_STOPS,)):
        return True
    first = gap.next_word[:1]
    if not gap.has_space and not gap.opening and not first.isupper():
        return False
    if gap.is_first and gap.tail in (".", ".)"):
        return False
    if not gap.num_breaks and gap.following[0] in ",;:)]}%/’”":
        return False
    if gap.tail == ".":
        low = gap.word.lower()
        if (
            low in _WITHIN
            or (low in _TITLES and (first.isupper() or not gap.has_capitals))
            or (low in _BEFORE_NUMBERS and first.isdigit())
            or (len(low) == 1 and low.isalpha() and (first.isdigit() or _INITIAL.match(gap.following)))
        ):
            return False
    return None


def gaps_of(text: str, tokens: Places) -> Iterator[Gap]:
    """The places where a sentence may begin, in order: behind stops, and where lines end. Work: linear in the text."""
    lines = _Lines(text)
    tails = _tails(text, tokens)
    ended = lines.ending_before(tokens)
    for number in sorted({*tails, *ended}):
        before, begin = tokens[number - 1][1], tokens[number][0]
        start, end = tails.get(number, (before, before))
        word = _WORD.search(text[max(0, start - _BEFORE) : start].rstrip())[0]  # type: ignore[index]
        yield Gap(
            number,
            text[start:end],
            word,
            bool(_LIST_MARK.match(word)) and lines.are_first(word, start),
            before < begin,
            len(ended.get(number, ())),
            number in ended and lines.is_full(ended[number][0], ended[number][-1] + 1),
            text[begin : begin + _BEHIND],
            lines.have_capitals,
        )


def _tails(text: str, tokens: Places) -> Dict[int, Tuple[int, int]]:
    """By the number of the token behind it, where a stop begins and what closes behind it ends."""
    starts = [start for start, _ in tokens]
    quotes = [match.start() for match in re.finditer('"', text)]
    tails: Dict[int, Tuple[int, int]] = {}
    for match in _TAIL.finditer(text):
        start, end = match.span()
        while (
            (taken := _TAKEN_ALONG.match(text, end) or _LONE_CLOSING.match(text, end))
            or (taken := _LONE_QUOTE.match(text, end))
            and bisect_left(quotes, end) % 2
        ):
            end = taken.end()
        number = bisect_left(starts, end)
        if 0 < number < len(tokens) and tokens[number - 1][1] <= end:
            tails[number] = start, end
    return tails


class _Lines:
    """The lines of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.breaks = [match.span() for match in _BREAK.finditer(text)]
        self.starts = [0, *(end for _, end in self.breaks)]
        self.ends = [*(start for start, _ in self.breaks), len(text)]

    def ending_before(self, tokens: Places) -> Dict[int, List[int]]:
        """By the number of the token behind them, the numbers of the lines that end between two tokens; one that ends a
        paragraph (U+2029) stands twice."""
        starts = [start for start, _ in tokens]
        found: Dict[int, List[int]] = {}
        for line, (start, end) in enumerate(self.breaks):
            number = bisect_left(starts, end)
            if 0 < number < len(tokens) and tokens[number - 1][1] <= start:
                found.setdefault(number, []).extend([line] * (1 + (self.text[start] == "\u2029")))
        return found

    def are_first(self, words: str, end: int) -> bool:
        """Whether a line begins with these words, and nothing else stands before `end`."""
        start = self.starts[bisect_right(self.starts, end) - 1]
        return end - start <= 2 * _BEFORE and self.text[start:end].strip() == words

    @cached_property
    def columns(self) -> int:
        """The length of the longest line of several words."""
        bounds = zip(self.starts, self.ends)
        return max((end - start for start, end in bounds if self.text.find(" ", start, end) >= 0), default=0)

    @cached_property
    def have_capitals(self) -> bool:
        """Whether a line has capitals, and small letters, too."""
        lines = (self.text[start:end] for start, end in zip(self.starts, self.ends))
        return any(line != line.lower() and not line.isupper() for line in lines)

    def is_full(self, number: int, next_number: int) -> bool:
        """Whether the first word of a later line would have made the line longer than the longest of a filled text."""
        if not _MIN_COLUMNS <= self.columns <= _MAX_COLUMNS:
            return False
        start = self.starts[next_number]
        following = self.text[start : min(self.ends[next_number], start + _MAX_COLUMNS)].split(maxsplit=1)
        length = len(self.text[self.starts[number] : self.ends[number]].rstrip())
        return length + 1 + len(following[0] if following else "") > self.columns
