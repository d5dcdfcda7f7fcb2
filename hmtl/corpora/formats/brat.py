"""Reads the standoff format of the annotation tool brat."""

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from hmtl.alignment import Annotations, Bounds, Changes
from hmtl.common.lines import read_lines
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.standoff import COREFERENCE, MENTION, SINGLETON, chains, header_of
from hmtl.corpora.formats.text_corpus import Quote, ToolCorpus, fit_offsets
from hmtl.errors import DataError

# Of `.a1` and `.a2`, the tasks of BioNLP have given entities and what is to be found.
_SUFFIXES = (".ann", ".a1", ".a2")
_ENTITY = re.compile(r"(?P<kind>\S+) (?P<pieces>\d+ \d+(?:;\d+ \d+)*)")
_RELATION = re.compile(r"(?P<kind>\S+) (?P<role1>[^\s:]+):(?P<arg1>\S+) (?P<role2>[^\s:]+):(?P<arg2>\S+)\s*")
# The first letters of lines that no document has a place for.
_OTHERS = {"E": "event", "A": "attribute", "M": "attribute", "N": "normalisation", "#": "note"}


class _Entity(NamedTuple):
    kind: str
    pieces: List[Bounds]
    text: str
    line: int
    path: Path


@dataclass
class _Lines:
    """What the annotation files of one text hold, by identifiers."""

    entities: Dict[str, _Entity] = field(default_factory=dict)
    # With the file and the line of each.
    relations: List[Tuple[str, str, str, Path, int]] = field(default_factory=list)
    equivalents: List[List[str]] = field(default_factory=list)


@Corpus.register("brat")
class BratCorpus(ToolCorpus):
    """A folder with a `.txt` and an `.ann` file (or `.a1` and `.a2`) for each text, or one of these files.

    `T` lines are spans of the layer `ner`, `R` lines relations, whatever their roles are called; `*` lines, and
    relations of the types in `coreference`, are clusters. There are relations, or clusters, if any text of the folder
    has one. Events, attributes, normalisations and notes have no place and are counted. A folder that hmtl wrote is
    read back as what it was, with its layers (see `annotation.conf`).

    A text without annotation file was not annotated, and is left out; an empty file says that nothing was found.

    # Parameters

    coreference : `List[str]`, optional (default = `["Coref", "Coreference", "coref"]`)
        The types of relations that say that two mentions are of one thing.
    """

    title = "brat standoff"

    def __init__(self, coreference: List[str] = None, **options: Any) -> None:
        super().__init__(**options)
        self._coreference = [COREFERENCE, "Coreference", "coref"] if coreference is None else list(coreference)

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if not sample.is_folder:
            return sample.suffix in _SUFFIXES and sample.path.with_suffix(".txt").is_file()
        return bool(sample.suffixes[".txt"]) and any(sample.suffixes[suffix] for suffix in _SUFFIXES)

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        folder = path if path.is_dir() else path.parent
        texts = sorted(path.rglob("*.txt")) if path.is_dir() else [path.with_suffix(".txt")]
        files = sorted(f for f in path.rglob("*") if f.suffix in _SUFFIXES) if path.is_dir() else [path]
        for file in files:
            if file.suffix in _SUFFIXES and not file.with_suffix(".txt").is_file():
                yield DataError(f"there is no text '{file.with_suffix('.txt').name}' beside these annotations", file)
        header = header_of(folder)
        layers = header.get("layers")
        if layers is None:
            found = {kind for text in texts for kind in _kinds_of_lines(text)}
            layers = ["ner", *(["relations"] if "R" in found else []), *(["clusters"] if "*" in found else [])]
            if "clusters" not in layers and any(map(self._has_coreference, texts)):
                layers.append("clusters")
        for text in texts:
            key = text.relative_to(folder).with_suffix("").as_posix()
            beside = [text.with_suffix(suffix) for suffix in _SUFFIXES if text.with_suffix(suffix).is_file()]
            if not beside:
                changes.drop("document", "there is no .ann file beside its text", key)
                continue
            try:
                yield from self._document(key, text, beside, header, layers, changes)
            except DataError as error:
                yield error

    def _has_coreference(self, text: Path) -> bool:
        needle = re.compile(rf"^R\S*\t(?:{'|'.join(map(re.escape, self._coreference)) or '(?!)'}) ", re.MULTILINE)
        return any(
            needle.search(text.with_suffix(suffix).read_text(encoding="utf-8", errors="replace"))
            for suffix in _SUFFIXES
            if text.with_suffix(suffix).is_file()
        )

    def _document(
        self, key: str, path: Path, beside: List[Path], header: Dict[str, Any], layers: List[str], changes: Changes
    ) -> Iterator[Attempt]:
        lines = _Lines()
        for file in beside:
            _read_into(lines, file, key, changes)
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"not valid UTF-8 ({error}); convert the file to UTF-8", path) from error
        quotes = [
            Quote(*piece, words, entity.line) for entity in lines.entities.values() for piece, words in _quoted(entity)
        ]
        text, place = fit_offsets(text, quotes, beside[0], key)
        key = header.get("keys", {}).get(key, key)
        types = header.get("entities", {})
        annotations = Annotations(
            {layer: [] for layer in layers if layer not in ("relations", "clusters")},
            [] if "relations" in layers else None,
            [] if "clusters" in layers else None,
        )
        bounds: Dict[str, Optional[Bounds]] = {}
        for name, entity in lines.entities.items():
            pieces = [(place(start), place(end)) for start, end in entity.pieces]
            for start, end in pieces:
                if not 0 <= start <= end <= len(text):
                    message = f"'{name}': characters {start} to {end} lie outside the text of {len(text):,} characters"
                    raise DataError(message, entity.path, entity.line)
            piece_of = partial(_slice, text)
            whole = self._one_piece(pieces, piece_of, changes, f"{key}: {entity.kind} '{entity.text[:60]}'")
            bounds[name] = whole
            if whole is None or (header and entity.kind in (MENTION, SINGLETON)):
                continue
            layer, label = types.get(entity.kind, ("ner", entity.kind))
            annotations.spans.setdefault(layer, []).append((*whole, label))
        pairs = []
        for kind, name1, name2, file, line in lines.relations:
            for name in (name1, name2):
                if name not in bounds and not name.startswith("E"):
                    raise DataError(f"'{name}' is an argument of '{kind}', and there is no line '{name}'", file, line)
            arg1, arg2 = bounds.get(name1), bounds.get(name2)
            example = f"{key}: {kind} {name1} {name2}"
            if name1.startswith("E") or name2.startswith("E"):
                changes.drop("relation", "an argument is an event", example)
            elif arg1 is None or arg2 is None:
                changes.drop("relation", "an argument is in several pieces", example)
            elif kind in self._coreference and kind not in header.get("relations", {}):
                pairs.append((arg1, arg2))
            else:
                label = header.get("relations", {}).get(kind, (None, kind))[1]
                annotations.relations = annotations.relations or []
                annotations.relations.append((arg1, arg2, label))
        for names in lines.equivalents:
            members = [bounds.get(name) for name in names]
            pairs += [(a, b) for a, b in zip(members, members[1:]) if a is not None and b is not None]
        if annotations.clusters is not None:
            annotations.clusters = chains(pairs)
            if header:
                named = {mention for cluster in annotations.clusters for mention in cluster}
                named |= {argument for arg1, arg2, _ in annotations.relations or [] for argument in (arg1, arg2)}
                # Of the mentions that `hmtl annotate` writes, those that nothing refers to.
                singles = [
                    [bounds[name]]
                    for name, entity in lines.entities.items()
                    if entity.kind == SINGLETON or (entity.kind == MENTION and bounds[name] not in named)
                ]
                annotations.clusters = sorted([*annotations.clusters, *singles])  # type: ignore[list-item]
        yield from self._from_text(key, self._split(text, header.get("splitter")), annotations, changes, beside[0])


def _slice(text: str, start: int, end: int) -> str:
    return text[start:end]


def _quoted(entity: _Entity) -> Iterator[Tuple[Bounds, str]]:
    """Each piece with the words that the line gives for it: all of them together where they cannot be told apart."""
    if not entity.text:
        return
    if len(entity.pieces) == 1:
        yield entity.pieces[0], entity.text
        return
    rest = entity.text
    for start, end in entity.pieces:
        yield (start, end), rest[: end - start]
        rest = rest[end - start + 1 :]


def _kinds_of_lines(text: Path) -> Iterator[str]:
    for suffix in _SUFFIXES:
        file = text.with_suffix(suffix)
        if file.is_file():
            yield from (line[:1] for line in file.read_text(encoding="utf-8", errors="replace").split("\n"))


def _read_into(found: _Lines, path: Path, key: str, changes: Changes) -> None:
    """Adds the lines of an annotation file."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        name, _, rest = line.partition("\t")
        # Of a line of text nothing is known, whatever its first letter.
        kind = name[:1] if rest else ""
        if kind == "T":
            middle, _, text = rest.partition("\t")
            match = _ENTITY.fullmatch(middle.strip())
            if match is None:
                message = f"expected 'T1<tab>TYPE START END<tab>TEXT', found {line[:80]!r}"
                raise DataError(message, path, number)
            if name in found.entities:
                raise DataError(f"'{name}' stands twice, also in line {found.entities[name].line}", path, number)
            pieces = [tuple(map(int, piece.split(" "))) for piece in match["pieces"].split(";")]
            found.entities[name] = _Entity(match["kind"], pieces, text, number, path)  # type: ignore[arg-type]
        elif kind == "R":
            match = _RELATION.fullmatch(rest)
            if match is None:
                message = f"expected 'R1<tab>TYPE Arg1:T1 Arg2:T2', found {line[:80]!r}"
                raise DataError(message, path, number)
            found.relations.append((match["kind"], match["arg1"], match["arg2"], path, number))
        elif kind == "*":
            _, *names = rest.split()
            for member in names:
                if member not in found.entities and not member.startswith("E"):
                    raise DataError(f"'{member}' is in this cluster, and no line above has that name", path, number)
            found.equivalents.append(names)
        elif kind in _OTHERS:
            changes.drop(_OTHERS[kind], "hmtl's documents have no place for it", f"{key}: {line[:60]}")
        else:
            message = f"expected a line that begins with T, R, *, E, A, M, N or #, found {line[:80]!r}"
            raise DataError(message, path, number)
