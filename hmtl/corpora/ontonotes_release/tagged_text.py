"""The `.name` and `.coref` files of the release: one sentence a line, with inline tags, and its tree."""

import re
from pathlib import Path
from typing import Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple

from hmtl.corpora.ontonotes_release.trees import Tree, file_lines, plain_word
from hmtl.errors import DataError

_STRUCTURE = re.compile(r"(</?(?:DOC|TEXT)\b[^<>]*>)")
# Tags have a name in capitals; attributes tell an unknown one from a word such as '<TURN>'. Only blanks and tabs
# separate tokens, as in trees.
_PIECES = re.compile(
    r'<(?P<name>[A-Z]+)(?:\s(?P<attributes>[^<>]*="[^<>]*))?>|</(?P<closed>[A-Z]+)>|(?P<blank>[ \t]+)|[^ \t<]+|<'
)
_ATTRIBUTE = re.compile(r'\s*([A-Z_]+)\s*=\s*"([^"]*)"')
_PART = re.compile(r'PART(?:NO|ID)="([^"]*)"')

# How the files write what would look like a tag.
_ESCAPES = (("-LAB-", "<"), ("-RAB-", ">"), ("-AMP-", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
# Brackets and turns are written in several ways over the releases.
_VARIANTS = (("[", "<"), ("]", ">"), ("-TURN-", "<TURN>"))
_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "<", "-RSB-": ">", "-LCB-": "{", "-RCB-": "}"}


class TaggedSpan(NamedTuple):
    """Tokens `start` to `end`, both included and counted in their sentence, and the attributes of their tag.

    A tag that begins or ends inside a token covers the whole of it.
    """

    start: int
    end: int
    attributes: Dict[str, str]


class TaggedSentence(NamedTuple):
    """A line: its number in the file, the part it belongs to, its tokens as written, its tagged spans in the order in
    which they end. A span without tokens has its `end` before its `start`."""

    line: int
    part: Optional[str]
    tokens: List[str]
    spans: List[TaggedSpan]


def read_tagged_sentences(path: Path, tags: Collection[str]) -> Iterator[TaggedSentence]:
    """Yields the sentences of a file; lines without tokens are skipped.

    # Parameters

    path : `Path`
        A `.name` or `.coref` file.
    tags : `Collection[str]`
        The names of the tags to expect within sentences.

    # Raises

    DataError
        Where a tag is unknown, malformed or not closed in its sentence, the file ends before `</DOC>`, or it cannot be
        read.
    """
    opened: List[str] = []
    part: Optional[str] = None
    line_number = 0
    is_complete = False
    for line_number, line in file_lines(path):
        for piece in _STRUCTURE.split(line):
            if not _STRUCTURE.fullmatch(piece):
                sentence = _parse(piece, tags, part, path, line_number)
                if sentence.tokens or sentence.spans:
                    if not opened:
                        raise DataError("text outside of '<DOC>'; expected it first", path, line_number)
                    yield sentence
                continue
            name = piece.strip("</>").split()[0]
            if not piece.startswith("</"):
                if name in opened:
                    raise DataError(f"'<{name}>' within '<{name}>'; is one not closed?", path, line_number)
                opened.append(name)
                if name == "TEXT":
                    match = _PART.search(piece)
                    part = match[1] if match else None
            elif not opened or opened.pop() != name:
                raise DataError(f"'{piece}' closes nothing", path, line_number)
            else:
                is_complete = name == "DOC"
                part = None
    if opened or not is_complete:
        raise DataError("the file ends before '</DOC>'; is it truncated?", path, line_number or None)


def same_tokens(tokens: List[str], words: List[str]) -> bool:
    """Whether a line of a `.name` or `.coref` file has the tokens `words` of a tree.

    Their number must be the same. As escapes differ between the files, some may be written differently, though no more
    than half of them.
    """
    if len(tokens) != len(words):
        return False
    # The tests are in the order of their cost; nearly all tokens are the same.
    different = sum(token != word and _plain(token) != _plain(word) for token, word in zip(tokens, words))
    return len(words) == 1 or 2 * different <= len(words)


def _plain(token: str) -> str:
    for escape, character in (*_ESCAPES, *_VARIANTS):
        token = token.replace(escape, character)
    return plain_word(_BRACKETS.get(token, token))


def _parse(text: str, tags: Collection[str], part: Optional[str], path: Path, line: int) -> TaggedSentence:
    tokens: List[str] = []
    spans: List[TaggedSpan] = []
    opened: List[tuple] = []
    in_token = False
    for match in _PIECES.finditer(text):
        if match["blank"]:
            in_token = False
        elif match["name"] in tags:
            attributes = _attributes(match["attributes"] or "", match[0], path, line)
            opened.append((match["name"], len(tokens) - in_token, attributes))
        elif match["attributes"]:
            raise DataError(f"unknown tag '{match[0]}'; expected {' or '.join(sorted(tags))}", path, line)
        elif match["closed"]:
            if not opened or opened[-1][0] != match["closed"]:
                raise DataError(f"'{match[0]}' closes nothing that is open in its sentence", path, line)
            _, start, attributes = opened.pop()
            spans.append(TaggedSpan(start, len(tokens) - 1, attributes))
        elif in_token:
            tokens[-1] += match[0]
        else:
            tokens.append(match[0])
            in_token = True
    if opened:
        name, _, attributes = opened[-1]
        written = " ".join([name, *(f'{key}="{value}"' for key, value in attributes.items())])
        raise DataError(f"'<{written}>' is not closed in its sentence", path, line)
    return TaggedSentence(line, part, tokens, spans)


def _attributes(text: str, tag: str, path: Path, line: int) -> Dict[str, str]:
    if _ATTRIBUTE.sub("", text).strip():
        raise DataError(f"malformed tag '{tag}'; expected attributes such as TYPE=\"...\"", path, line)
    return dict(_ATTRIBUTE.findall(text))


_SHOWN_TOKENS = 6


def align(
    sentences: List[TaggedSentence], trees: List[Tree], path: Path, with_traces: bool
) -> Iterator[Tuple[int, TaggedSentence, List[int]]]:
    """Yields, for each line, the number of its tree, the line, and for each of its tokens the number of its leaf.

    # Parameters

    sentences : `List[TaggedSentence]`
        The lines with tokens.
    trees : `List[Tree]`
        The trees of the `.parse` file.
    path : `Path`
        The file of the lines, for messages.
    with_traces : `bool`
        Whether the lines usually have the traces of the trees as tokens. A line that has the other number of tokens is
        taken to be of the other kind.

    # Raises

    DataError
        Where the lines are not as many as the trees, or the tokens of one are not those of its tree.
    """
    indices = list(range(len(trees)))
    if len(sentences) != len(trees):
        # A tree of traces alone is an empty line where traces are left out.
        indices = [index for index in indices if trees[index].words]
    for index, sentence in zip(indices, sentences):
        leaves = [leaf.word for leaf in trees[index].leaves]
        all_leaves = list(range(len(leaves)))
        words = [number for number in all_leaves if not trees[index].leaves[number].is_trace]
        for numbers in (all_leaves, words) if with_traces else (words, all_leaves):
            if same_tokens(sentence.tokens, [leaves[number] for number in numbers]):
                yield index, sentence, numbers
                break
        else:
            expected = leaves if with_traces else trees[index].words
            message = (
                f"{_show(sentence.tokens)}, but the tree on line {trees[index].line} of the '.parse' file has "
                f"{_show(expected)}"
            )
            raise DataError(message, path, sentence.line)
    if len(sentences) != len(indices):
        raise DataError(f"{len(sentences)} sentences, but the '.parse' file has {len(trees)} trees", path)


def _show(tokens: List[str]) -> str:
    text = " ".join(tokens[:_SHOWN_TOKENS]) + (" ..." if len(tokens) > _SHOWN_TOKENS else "")
    return f"{len(tokens)} tokens '{text}'"
