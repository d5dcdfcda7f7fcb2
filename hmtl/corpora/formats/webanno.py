"""The TSV of INCEpTION and WebAnno, version 3."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from hmtl.alignment import Annotations, Bounds, Changes, LabelledBounds
from hmtl.common.lines import read_lines
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.errors import DataError

_FORMAT = re.compile(r"#FORMAT=WebAnno TSV 3(?:\.\d+)?")
_INDEX = re.compile(r"(\d+)-(\d+)(?:\.(\d+))?")
# A value and the number of its annotation, `PER[2]`.
_NUMBERED = re.compile(r"(?P<value>.*?)(?:\[(?P<number>\d+)\])?", re.DOTALL)
# The governor of a relation, `1-3[2_1]`: a token, and where there are several the annotations on both sides.
_GOVERNOR = re.compile(r"(?P<token>\d+-\d+(?:\.\d+)?)(?:\[(?P<source>\d+)_(?P<target>\d+)\])?")
_LINK = re.compile(r".*->(?P<chain>\d+)-(?P<link>\d+)")
_LAYER_NAMES = {"NamedEntity": "ner", "POS": "pos"}
_ESCAPED = re.compile(r"\\(.)")
_SEPARATOR = re.compile(r"(?<!\\)\|")


class _Layer(NamedTuple):
    """A layer of annotations: `SP` spans, `RL` relations, `CH` chains; and the columns of its features."""

    kind: str
    name: str
    features: List[str]
    first: int


class _Token(NamedTuple):
    """A token, or with a point in its number, `2-1.1`, a part of one."""

    number: str
    start: int
    end: int
    text: str
    cells: List[str]
    line: int


@Corpus.register("inception")
@Corpus.register("webanno")
class WebannoCorpus(ToolCorpus):
    """WebAnno TSV 3 (`#FORMAT=WebAnno TSV 3.3`), which INCEpTION exports, too: each file is a document.

    Span layers become layers: named entities `ner`, parts of speech `pos`, others by their names, in lower case. The
    label is the first feature that has a value, and further ones are counted and left out. All relation layers
    together are the relations, from the governor to the token of the row; chains are clusters. Spans in part of a
    token, links of slots and annotations without a label are dropped and counted.

    Tokens and sentences are those of the file. The text is kept; what stands between the sentences is not in the file,
    and line breaks are put in its place.
    """

    title = "INCEpTION's and WebAnno's TSV 3"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.is_folder:
            return False
        return bool(sample.lines) and _FORMAT.match(sample.lines[0]) is not None

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        files = [path] if path.is_file() else sorted(path.rglob("*.tsv"))
        for file in files:
            try:
                yield from self._file(file, changes)
            except DataError as error:
                yield error

    def _file(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        key = path.stem
        layers, sentences, texts = _read(path)
        tokens = [token for sentence in sentences for token in sentence]
        numbers = {token.number: number for number, token in enumerate(tokens)}
        annotations = Annotations({})
        # By layer and number of annotation, or by token where it has no number: the bounds.
        for layer in layers:
            if layer.kind == "SP":
                annotations.spans[layer.name] = _spans(layer, tokens, key, changes, path)
            elif layer.kind == "RL":
                found = _relations(layer, layers, tokens, numbers, key, changes, path)
                annotations.relations = (annotations.relations or []) + found
            else:
                annotations.clusters = (annotations.clusters or []) + _chains(layer, tokens)
        metadata = _raw_text(sentences, texts)
        words = [[token.text for token in sentence] for sentence in sentences]
        yield from self._from_tokens(key, words, annotations, changes, path, None, metadata)


def _read(path: Path) -> Tuple[List[_Layer], List[List[_Token]], List[str]]:
    """The layers, the tokens of each sentence, and the text of each sentence."""
    layers: List[_Layer] = []
    sentences: List[List[_Token]] = []
    texts: List[str] = []
    column = 3
    is_new = True
    seen_format = False
    for number, line in read_lines(path):
        if line.startswith("#FORMAT="):
            seen_format = _FORMAT.fullmatch(line.strip()) is not None
            if not seen_format:
                raise DataError(f"expected '#FORMAT=WebAnno TSV 3.3', found {line[:60]!r}", path, number)
        elif re.match(r"#T_(SP|CH|RL)=", line) and not sentences:
            kind, (name, *features) = line[3:5], line[6:].split("|")
            short = name.rpartition(".")[2]
            layers.append(_Layer(kind, _LAYER_NAMES.get(short, short.lower()), features, column))
            column += max(len(features), 1)
        elif line.startswith("#Text="):
            text = _unescaped(line[6:])
            # A text with line breaks has one such row for each of its lines.
            if is_new or not texts:
                texts.append(text)
                sentences.append([])
                is_new = False
            else:
                texts[-1] += "\n" + text
        elif not line.strip():
            is_new = True
        elif line.startswith("#") and "\t" not in line:
            continue
        else:
            cells = line.split("\t")
            bounds = re.fullmatch(r"(\d+)-(\d+)", cells[1]) if len(cells) > 2 else None
            if not seen_format or bounds is None or _INDEX.fullmatch(cells[0]) is None:
                message = "expected '1-1<tab>0-5<tab>WORD<tab>...' below '#FORMAT=WebAnno TSV 3.3' and '#Text='"
                raise DataError(f"{message}, found {line[:60]!r}", path, number)
            if len(cells) < column:
                raise DataError(
                    f"expected {column} columns for the layers in the head, found {len(cells)}", path, number
                )
            if is_new or not sentences:
                sentences.append([])
                texts.append("")
                is_new = False
            sentences[-1].append(_Token(cells[0], int(bounds[1]), int(bounds[2]), cells[2], cells, number))
    if not seen_format:
        raise DataError("expected '#FORMAT=WebAnno TSV 3.3' in the first line", path, 1)
    # Parts of tokens have rows of their own below their token's.
    whole = [[token for token in sentence if "." not in token.number] for sentence in sentences]
    parts = {token.number: token for sentence in sentences for token in sentence if "." in token.number}
    for sentence in whole:
        for token in sentence:
            inside = [each for index, each in parts.items() if index.startswith(f"{token.number}.")]
            token.cells.append("\0".join("\t".join(each.cells) for each in inside))
    return layers, whole, texts


def _values(token: _Token, layer: _Layer, offset: int) -> List[Tuple[str, Optional[str]]]:
    """The values of one column, with the numbers of their annotations."""
    cell = token.cells[layer.first + offset]
    if cell == "_":
        return []
    found = []
    for value in _SEPARATOR.split(cell):
        match = _NUMBERED.fullmatch(value)
        found.append((_unescaped(match["value"]), match["number"]) if match else (_unescaped(value), None))
    return found


def _by_number(layer: _Layer, tokens: Sequence[_Token]) -> Dict[Tuple[str, int], Tuple[Bounds, List[str], int]]:
    """For each annotation its bounds, the values of its features and its line, by its number, or by its token and its
    place in the cell."""
    found: Dict[Tuple[str, int], Tuple[Bounds, List[str], int]] = {}
    width = max(len(layer.features), 1)
    for position, token in enumerate(tokens):
        columns = [_values(token, layer, offset) for offset in range(width)]
        for place in range(max(map(len, columns))):
            numbers = [column[place][1] for column in columns if place < len(column)]
            number = next((each for each in numbers if each is not None), None)
            identity = ("", int(number)) if number is not None else (token.number, place)
            values = [column[place][0] if place < len(column) else "*" for column in columns]
            if identity in found:
                (start, _), values, line = found[identity]
                found[identity] = ((start, position), values, line)
            else:
                found[identity] = ((position, position), values, token.line)
    return found


def _spans(layer: _Layer, tokens: Sequence[_Token], key: str, changes: Changes, path: Path) -> List[LabelledBounds]:
    spans = []
    slots = [n for n, feature in enumerate(layer.features) if feature.startswith("ROLE_") or "->" in feature]
    for (start, end), values, line in _by_number(layer, tokens).values():
        words = " ".join(token.text for token in tokens[start : end + 1])[:60]
        given = [v for n, v in enumerate(values) if n not in slots and v not in ("*", "", "_")]
        linked = [values[n] for n in slots if n < len(values) and values[n] not in ("*", "", "_")]
        changes.drop("link", "hmtl's documents have no place for slots", f"{key}: '{words}'", len(linked))
        if not given:
            changes.drop("span", "it has no label", f"{key}: {layer.name} '{words}'")
            continue
        changes.drop("feature", "a label has one value", f"{key}: '{words}' {given[-1]}", len(given) - 1)
        spans.append((start, end, label_of(given[0], f"'{words}'", path, line)))
    for token in tokens:
        for row in filter(None, token.cells[-1].split("\0")):
            cells = row.split("\t")[layer.first : layer.first + max(len(layer.features), 1)]
            if any(cell != "_" for cell in cells):
                changes.drop("span", "it lies within a token", f"{key}: {layer.name} '{row.split(chr(9))[2]}'")
    return sorted(spans, key=lambda span: (span[0], -span[1]))


def _relations(
    layer: _Layer,
    layers: Sequence[_Layer],
    tokens: Sequence[_Token],
    numbers: Dict[str, int],
    key: str,
    changes: Changes,
    path: Path,
) -> List[Tuple[Bounds, Bounds, str]]:
    """The last of the columns has the governors, `BT_...`."""
    # Some exporters count the annotations of each layer, and others all of them together.
    numbered: Dict[Tuple[str, int], Bounds] = {}
    single: DefaultDict[int, List[Bounds]] = defaultdict(list)
    attached = layer.features[-1].removeprefix("BT_").rpartition(".")[2] if layer.features else ""
    attached = _LAYER_NAMES.get(attached, attached.lower())
    for each in layers:
        if each.kind == "SP":
            for (at_token, number), (bounds, _, _) in _by_number(each, tokens).items():
                if not at_token:
                    numbered[each.name, number] = numbered["", number] = bounds
                if each.name == attached:
                    for position in range(bounds[0], bounds[1] + 1):
                        single[position].append(bounds)
    found = []
    for position, token in enumerate(tokens):
        labels = [_values(token, layer, offset) for offset in range(len(layer.features) - 1)]
        cell = token.cells[layer.first + len(layer.features) - 1]
        for place, governor in enumerate([] if cell == "_" else _SEPARATOR.split(cell)):
            match = _GOVERNOR.fullmatch(governor)
            if match is None:
                raise DataError(
                    f"expected a governor such as '1-3' or '1-3[2_1]', found '{governor}'", path, token.line
                )
            values = [column[place][0] for column in labels if place < len(column)]
            label = next((value for value in values if value not in ("*", "", "_")), None)
            example = f"{key}: {layer.name} {token.number} {governor}"
            if "." in match["token"] or match["token"] not in numbers:
                changes.drop("relation", "an argument lies within a token", example)
                continue
            if label is None:
                changes.drop("relation", "it has no label", example)
                continue

            def argument(number: Optional[str], at: int) -> Bounds:
                """The annotation of that number, or else the one at a token, or the token."""
                for name in (attached, ""):
                    if number is not None and (name, int(number)) in numbered:
                        return numbered[name, int(number)]
                return single[at][0] if single.get(at) else (at, at)

            source = argument(match["source"], numbers[match["token"]])
            found.append((source, argument(match["target"], position), label_of(label, example, path, token.line)))
    return found


def _chains(layer: _Layer, tokens: Sequence[_Token]) -> List[List[Bounds]]:
    links: Dict[Tuple[int, int], Bounds] = {}
    for position, token in enumerate(tokens):
        cell = token.cells[layer.first + max(len(layer.features), 1) - 1]
        for value in [] if cell == "_" else _SEPARATOR.split(cell):
            match = _LINK.fullmatch(value.partition("[")[0])
            if match:
                link = int(match["chain"]), int(match["link"])
                links[link] = (links[link][0] if link in links else position, position)
    clusters: DefaultDict[int, List[Bounds]] = defaultdict(list)
    for (chain, _), bounds in links.items():
        clusters[chain].append(bounds)
    return sorted(map(sorted, clusters.values()))


def _raw_text(sentences: Sequence[Sequence[_Token]], texts: Sequence[str]) -> Dict[str, Any]:
    """The text, by its sentences at their offsets in units of UTF-16, and the places of the tokens in it."""
    text, units = "", 0
    offsets: List[List[int]] = []
    for sentence, words in zip(sentences, texts):
        if not sentence:
            continue
        gap = sentence[0].start - units
        if gap < 0:
            return {}
        text, units = text + "\n" * gap, units + gap
        position = 0
        first = len(text)
        for token in sentence:
            start = words.find(token.text, position)
            if start < 0 or words[position:start].strip():
                return {}
            position = start + len(token.text)
            offsets.append([first + start, first + position])
        text += words
        units += len(words.encode("utf-16-le", "surrogatepass")) // 2
    return {"text": text, "token_offsets": offsets}


def _unescaped(text: str) -> str:
    escapes = {"t": "\t", "n": "\n", "r": "\r"}
    return _ESCAPED.sub(lambda match: escapes.get(match[1], match[1]), text)
