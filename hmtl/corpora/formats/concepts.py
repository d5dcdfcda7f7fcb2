"""Biomedical formats, in which relations hold between concepts: PubTator, and BioC as XML and JSON."""

import re
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from hmtl.alignment import Annotations, Bounds, Changes, LabelledPair
from hmtl.common.checks import shown
from hmtl.common.json_text import parse_json
from hmtl.common.lines import read_lines
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.records import of_type
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.text_corpus import Quote, ToolCorpus, fit_offsets, label_of
from hmtl.errors import DataError

_TITLE = re.compile(r"(?P<id>[^|\t]+)\|(?P<part>[a-z])\|(?P<text>.*)", re.DOTALL)


class _Found(NamedTuple):
    """A mention: its pieces in characters, its words, its type, its concepts, its identifier, its line."""

    pieces: List[Bounds]
    text: str
    label: str
    concepts: List[str]
    identifier: str
    line: Optional[int]


class _Pair(NamedTuple):
    label: str
    arg1: str
    arg2: str


class _ConceptCorpus(ToolCorpus):
    def _concepts(
        self,
        key: str,
        text: str,
        found: Sequence[_Found],
        pairs: Optional[Sequence[_Pair]],
        changes: Changes,
        path: Path,
        line: Optional[int],
    ) -> Iterator[Attempt]:
        """The document of a text, where a relation holds between all mentions of its concepts in one sentence."""
        quotes = [Quote(*each.pieces[0], each.text, each.line) for each in found if len(each.pieces) == 1 and each.text]
        text, place = fit_offsets(text, quotes, path, key)
        spans = []
        mentions: DefaultDict[str, List[Bounds]] = defaultdict(list)
        for each in found:
            pieces = [(place(start), place(end)) for start, end in each.pieces]
            if any(not 0 <= start <= end <= len(text) for start, end in pieces):
                start, end = each.pieces[0]
                message = f"{key}: characters {start} to {end} lie outside the text of {len(text):,} characters"
                raise DataError(message, path, each.line)
            example = f"{key}: {each.label} '{each.text[:60]}'"
            whole = self._one_piece(pieces, lambda start, end: text[start:end], changes, example)
            if whole is None:
                continue
            spans.append((*whole, label_of(each.label, f"'{each.text}'", path, each.line)))
            for name in dict.fromkeys([*each.concepts, each.identifier]):
                if name and whole not in mentions[name]:
                    mentions[name].append(whole)
        tokenized = self._split(text)
        relations: Optional[List[LabelledPair]] = None
        if pairs is not None:
            relations = []
            ends = [tokenized.token_offsets[start][0] for start in tokenized.sentence_starts[1:]]
            for label, arg1, arg2 in pairs:
                example = f"{key}: {label} {arg1} {arg2}"
                if not mentions.get(arg1) or not mentions.get(arg2):
                    changes.drop("relation", "one of its concepts has no mention", example)
                    continue
                near = [
                    (first, second, label)
                    for first, second in product(mentions[arg1], mentions[arg2])
                    if first != second and not any(min(first, second)[0] < end <= max(first, second)[0] for end in ends)
                ]
                if not near:
                    changes.drop("relation", "no mentions of its concepts share a sentence", example)
                elif len(near) > 1:
                    changes.change("relation", "between concepts, written for each pair of mentions", example)
                relations += near
        yield from self._from_text(key, tokenized, Annotations({"ner": spans}, relations), changes, path, line)


@Corpus.register("pubtator")
class PubtatorCorpus(_ConceptCorpus):
    """PubTator files: `ID|t|title`, `ID|a|abstract`, and lines with tabs of mentions (start, end, words, type, concept)
    and of relations (type, concept, concept). An empty line ends a document, whose text is the title, a line break and
    the abstract.

    Mentions are spans of the layer `ner`. A relation between concepts becomes one between each pair of their mentions
    that share a sentence, and is dropped where none do. There are relations if any document of the file has one.
    """

    title = "PubTator"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        match = _TITLE.fullmatch(sample.lines[0]) if sample.lines else None
        return match is not None and match["part"] == "t"

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        suffixes = ("", ".txt", ".pubtator")
        files = (
            [path]
            if path.is_file()
            else sorted(f for f in path.rglob("*") if f.is_file() and f.suffix.lower() in suffixes)
        )
        for file in files:
            blocks: List[List[Tuple[int, str]]] = [[]]
            for number, line in read_lines(file):
                if line.strip():
                    blocks[-1].append((number, line))
                elif blocks[-1]:
                    blocks.append([])
            has_relations = any(_is_relation(line) for block in blocks for _, line in block)
            for block in filter(None, blocks):
                try:
                    yield from self._block(block, has_relations, changes, file)
                except DataError as error:
                    yield DataError(error.message, file, error.line or block[0][0])

    def _block(
        self, block: List[Tuple[int, str]], has_relations: bool, changes: Changes, path: Path
    ) -> Iterator[Attempt]:
        parts: List[str] = []
        key = ""
        found, pairs = [], []
        for number, line in block:
            match = _TITLE.fullmatch(line) if "\t" not in line or re.match(r"[^|\t]+\|[a-z]\|", line) else None
            cells = line.split("\t")
            if match:
                key = key or match["id"].strip()
                parts.append(match["text"])
            elif not parts:
                raise DataError(f"expected 'ID|t|TITLE', found {line[:60]!r}", path, number)
            elif _is_relation(line):
                pairs.append(_Pair(label_of(cells[1], "a relation", path, number), cells[2].strip(), cells[3].strip()))
            elif len(cells) >= 5 and cells[1].strip().isdigit() and cells[2].strip().isdigit():
                concepts = [each.strip() for each in re.split(r"[|;,]", cells[5])] if len(cells) > 5 else []
                whole = [cells[5].strip()] if len(cells) > 5 else []
                bounds = int(cells[1]), int(cells[2])
                found.append(_Found([bounds], cells[3], cells[4], [*whole, *concepts], "", number))
            else:
                message = "expected a mention (ID, start, end, words, type, concept) or a relation (ID, type, concept, "
                raise DataError(f"{message}concept) with tabs between, found {line[:60]!r}", path, number)
        text = "\n".join(parts)
        yield from self._concepts(key, text, found, pairs if has_relations else None, changes, path, block[0][0])


def _is_relation(line: str) -> bool:
    cells = line.split("\t")
    return len(cells) >= 4 and not cells[1].strip().isdigit() and not _TITLE.fullmatch(line)


@Corpus.register("bioc")
class BiocCorpus(_ConceptCorpus):
    """BioC collections, XML or JSON. The text of a document is that of its passages (or their sentences), each at its
    offset, with line breaks in between.

    Annotations are spans of the layer `ner`, with the `type` among their infons for label. Relations join annotations,
    or, where nodes name concepts, all mentions of the two that share a sentence; those of other than two nodes are
    dropped. There are relations if any document of the file has one.
    """

    title = "BioC"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.text is not None and sample.text.lstrip().startswith("<"):
            return "<collection" in sample.text and "<document" in sample.text
        document = _documents_of(sample.keys)
        return bool(document) and isinstance(document[0], dict) and "passages" in document[0]

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        suffixes = (".xml", ".json", ".bioc")
        files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix.lower() in suffixes)
        for file in files:
            documents = _read_bioc(file)
            has_relations = any(
                part.get("relations")
                for document in documents
                if isinstance(document, dict)
                for part in [document, *_parts(document)]
            )
            for number, document in enumerate(documents, start=1):
                try:
                    yield from self._document(number, document, has_relations, changes, file)
                except DataError as error:
                    yield DataError(f"document {number}: {error.message}", file, error.line)

    def _document(
        self, number: int, document: Any, has_relations: bool, changes: Changes, path: Path
    ) -> Iterator[Attempt]:
        document = of_type(document, dict, "the document", path)
        key = str(document.get("id") or f"{path.stem}_{number}")
        parts = _parts(document)
        text = ""
        for part in parts:
            words, offset = part.get("text"), part.get("offset", 0)
            if isinstance(words, str) and words:
                offset = of_type(offset, int, "'offset'", path)
                # Offsets may count bytes: a text that is shorter by that is found by what its annotations quote.
                text = text.ljust(offset, "\n") if len(text) <= offset else text + "\n"
                text += words
        found = [
            _found(row, changes, key)
            for part in [document, *parts]
            for row in of_type(part.get("annotations") or [], list, "'annotations'", path)
        ]
        pairs = [
            pair
            for part in [document, *parts]
            for row in of_type(part.get("relations") or [], list, "'relations'", path)
            for pair in _bioc_pairs(row, key, changes)
        ]
        kept = [each for each in found if each is not None]
        yield from self._concepts(key, text, kept, pairs if has_relations else None, changes, path, None)


def _documents_of(value: Any) -> List[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    for key in ("documents", "PubTator3"):
        if isinstance(value.get(key), list):
            return value[key]
    return [value] if "passages" in value else []


def _parts(document: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The passages, and in the place of a passage without text its sentences."""
    parts: List[Dict[str, Any]] = []
    for passage in document.get("passages") or []:
        if isinstance(passage, dict):
            parts.append(passage)
            parts += [each for each in passage.get("sentences") or [] if isinstance(each, dict)]
    return parts


def _found(row: Any, changes: Changes, key: str) -> Optional[_Found]:
    locations = row.get("locations") if isinstance(row, dict) else None
    infons = row.get("infons") if isinstance(row, dict) else None
    if not isinstance(locations, list) or not all(
        isinstance(place, dict) and all(type(place.get(name)) is int for name in ("offset", "length"))
        for place in locations
    ):
        raise DataError(f"the annotation {shown(row)} has no 'locations' with 'offset' and 'length'")
    infons = infons if isinstance(infons, dict) else {}
    if not locations:
        changes.drop("span", "it has no place in the text", f"{key}: {row.get('id')}")
        return None
    pieces = [(place["offset"], place["offset"] + place["length"]) for place in locations]
    concepts = [str(infons[name]) for name in ("identifier", "MESH", "NCBI Gene", "concept") if infons.get(name)]
    return _Found(pieces, row.get("text") or "", infons.get("type"), concepts, str(row.get("id")), None)  # type: ignore[arg-type]


def _bioc_pairs(row: Any, key: str, changes: Changes) -> Iterator[_Pair]:
    infons = row.get("infons") if isinstance(row, dict) else None
    if not isinstance(infons, dict):
        raise DataError(f"the relation {shown(row)} has no 'infons'")
    label = label_of(infons.get("type") or infons.get("relation"), f"the relation {shown(row.get('id'))}", Path())
    nodes = [str(node.get("refid")) for node in row.get("nodes") or [] if isinstance(node, dict)]
    if not nodes:
        # As BioRED has it: two concepts among the infons.
        nodes = [str(infons[name]) for name in ("entity1", "entity2", "arg1", "arg2") if infons.get(name)]
    if len(nodes) != 2:
        changes.drop("relation", f"it has {len(nodes)} arguments", f"{key}: {label}")
        return
    yield _Pair(label, nodes[0], nodes[1])


def _read_bioc(path: Path) -> List[Any]:
    with open(path, "rb") as file:
        content = file.read()
    if not content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return _documents_of(parse_json(content, "a collection of BioC", path)) or _no_documents(path)
    import xml.etree.ElementTree

    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        # Documents of BioC name a DTD, which is not fetched.
        root = ElementTree.fromstring(content)
    except (xml.etree.ElementTree.ParseError, DefusedXmlException) as error:
        line = getattr(error, "position", (None,))[0]
        raise DataError(f"not valid XML ({error})", path, line) from error
    found = [_of_xml(document) for document in root.iter("document")]
    return found or _no_documents(path)


def _no_documents(path: Path) -> List[Any]:
    raise DataError("no documents found; expected a collection of BioC with <document>, or 'documents' in JSON", path)


def _of_xml(element: Any) -> Dict[str, Any]:
    """A document, passage, sentence, annotation or relation, as BioC's JSON has it."""
    value: Dict[str, Any] = {"infons": {infon.get("key"): infon.text or "" for infon in element.findall("infon")}}
    value["id"] = element.get("id") or element.findtext("id")
    if element.find("offset") is not None:
        value["offset"] = _int(element.findtext("offset"))
    if element.find("text") is not None:
        value["text"] = element.findtext("text") or ""
    for name in ("passage", "sentence", "annotation", "relation"):
        value[f"{name}s"] = [_of_xml(child) for child in element.findall(name)]
    value["locations"] = [
        {name: _int(place.get(name)) for name in ("offset", "length")} for place in element.findall("location")
    ]
    value["nodes"] = [dict(node.attrib) for node in element.findall("node")]
    return value


def _int(text: Optional[str]) -> Any:
    return int(text) if text is not None and text.strip().isdigit() else text
