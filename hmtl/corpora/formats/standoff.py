"""The files of brat's standoff format: lines of annotations, names of types, names of files, `annotation.conf`.

`annotation.conf` has a comment for hmtl, by which a folder is read back as what was written: the layer and the label of
each type, the layers, the keys of documents whose files could not have their names.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from hmtl.common.files import cannot_be_written
from hmtl.document import Bounds

# Of what no layer names: mentions of clusters and arguments; clusters of one mention; links within a cluster.
MENTION, SINGLETON, COREFERENCE = "Mention", "Singleton", "Coref"
CONFIGURATION = "annotation.conf"
_HEADER = "# hmtl: "
# A line of an annotation file ends at any of these, and its columns at tabs.
_WITHOUT_BREAK = re.compile(r"[^\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_NOT_IN_A_TYPE = re.compile(r"[^A-Za-z0-9_-]")
_NOT_IN_A_FILE_NAME = re.compile(r"[^\w.-]+")
_LONGEST_FILE_NAME = 60


class TypeNames:
    """brat's types for the labels of a folder. Characters that brat allows in no type become `_`.

    # Parameters

    name : `Callable[[str, str], str]`
        The type that a label of a layer should have.
    """

    def __init__(self, name: Callable[[str, str], str]) -> None:
        # By type the layer and the label.
        self.entities: Dict[str, Tuple[str, str]] = {}
        self.relations: Dict[str, Tuple[str, str]] = {}
        self.has_mentions, self.has_singletons, self.has_chains = False, False, False
        self._name = name
        self._known: Dict[Tuple[bool, str, str], str] = {}

    def entity(self, layer: str, label: str) -> str:
        return self._type(False, layer, label, self.entities, (MENTION, SINGLETON))

    def relation(self, layer: str, label: str) -> str:
        return self._type(True, layer, label, self.relations, (COREFERENCE,))

    def configuration(self, **header: Any) -> Dict[str, str]:
        """The file that names all types, with what hmtl is to know of the folder."""
        unnamed = [*([MENTION] if self.has_mentions else []), *([SINGLETON] if self.has_singletons else [])]
        entities = sorted([*self.entities, *unnamed])
        relations = sorted([*self.relations, *([COREFERENCE] if self.has_chains else [])])
        known = {"entities": self.entities, "relations": self.relations, **header}
        lines = ["[entities]", _HEADER + json.dumps(known), *entities, "", "[relations]"]
        lines += [f"{kind}\tArg1:<ENTITY>, Arg2:<ENTITY>" for kind in relations]
        return {CONFIGURATION: "\n".join([*lines, "", "[events]", "", "[attributes]"]) + "\n"}

    def _type(
        self, is_relation: bool, layer: str, label: str, types: Dict[str, Tuple[str, str]], taken: Sequence[str]
    ) -> str:
        known = self._known.get((is_relation, layer, label))
        if known is None:
            stem = known = _NOT_IN_A_TYPE.sub("_", self._name(layer, label))
            number = 1
            while known in types or known in taken:
                number += 1
                known = f"{stem}_{number}"
            types[known] = layer, label
            self._known[is_relation, layer, label] = known
        return known


def header_of(folder: Path) -> Dict[str, Any]:
    """What hmtl noted in the `annotation.conf` of a folder, or nothing where another program wrote it."""
    path = folder / CONFIGURATION
    if not path.is_file():
        return {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(_HEADER):
            try:
                found = json.loads(line[len(_HEADER) :])
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}


class StandoffLines:
    """The lines of one text. `layer` is the one whose rows are being added; mentions are as `TokenizedText.mention`
    makes them. What goes across a line break is given line by line, as brat asks."""

    def __init__(self, text: str, types: TypeNames) -> None:
        self.layer = ""
        self.lines: List[str] = []
        self.left_out: Counter = Counter()
        self._text = text
        self._types = types
        self._by_bounds: Dict[Bounds, str] = {}
        self._num_entities, self._num_relations = 0, 0

    def entity(self, mention: Dict[str, Any], label: str) -> None:
        self._add_entity(mention, self._types.entity(self.layer, label))

    def relation(self, label: str, arg1: Dict[str, Any], arg2: Dict[str, Any]) -> None:
        self._add_relation(self._types.relation(self.layer, label), arg1, arg2)

    def chain(self, mentions: Sequence[Dict[str, Any]]) -> None:
        if len(mentions) == 1:
            self._entity(mentions[0])
        for antecedent, mention in zip(mentions, mentions[1:]):
            self._types.has_chains = True
            self._add_relation(COREFERENCE, mention, antecedent)

    def singleton(self, mention: Dict[str, Any]) -> None:
        """A cluster of one mention, which may be an entity besides."""
        self._types.has_singletons = True
        self._add_entity(mention, SINGLETON)

    def leave_out(self) -> None:
        self.left_out[self.layer] += 1

    @property
    def content(self) -> str:
        """The `.ann` file."""
        return "".join(f"{line}\n" for line in self.lines)

    def _add_entity(self, mention: Dict[str, Any], kind: str) -> str:
        self._num_entities += 1
        name = f"T{self._num_entities}"
        pieces = list(_fragments(self._text, mention["char_start"], mention["char_end"]))
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        covered = " ".join(self._text[start:end] for start, end in pieces)
        self.lines.append(f"{name}\t{kind} {offsets}\t{covered}")
        self._by_bounds[mention["start"], mention["end"]] = name
        return name

    def _add_relation(self, kind: str, arg1: Dict[str, Any], arg2: Dict[str, Any]) -> None:
        first, second = (self._entity(mention) for mention in (arg1, arg2))
        self._num_relations += 1
        self.lines.append(f"R{self._num_relations}\t{kind} Arg1:{first} Arg2:{second}")

    def _entity(self, mention: Dict[str, Any]) -> str:
        known = self._by_bounds.get((mention["start"], mention["end"]))
        if known is None:
            self._types.has_mentions = True
            known = self._add_entity(mention, MENTION)
        return known


def _fragments(text: str, char_start: int, char_end: int) -> Iterator[Bounds]:
    """The characters of each line of a mention, without blanks around them, the end excluded."""
    for match in _WITHOUT_BREAK.finditer(text, char_start, char_end):
        piece = match[0]
        if piece.strip():
            start = match.start() + len(piece) - len(piece.lstrip())
            yield start, start + len(piece.strip())


def file_name(doc_key: str, taken: Set[str]) -> str:
    """A name that no other text has, on no file system."""
    stem = _NOT_IN_A_FILE_NAME.sub("_", doc_key).lstrip(".")[:_LONGEST_FILE_NAME] or "text"
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name


def write_files(contents: Dict[str, str], folder: Path, path: Optional[Path] = None) -> None:
    """Writes all of these files, or none, into a folder that is to be `path`."""
    try:
        for name, content in contents.items():
            # Bytes: the line breaks of the text stay as they are.
            (folder / name).write_bytes(content.encode())
    except OSError as error:
        for written in contents:
            (folder / written).unlink(missing_ok=True)
        raise cannot_be_written((path or folder) / name, error) from error


def chains(pairs: Iterable[Tuple[Bounds, Bounds]]) -> List[List[Bounds]]:
    """The clusters that pairs of coreferent mentions make, the mentions of each in order."""
    cluster_of: Dict[Bounds, List[Bounds]] = {}
    for pair in pairs:
        merged: List[Bounds] = []
        for mention in pair:
            for member in cluster_of.get(mention, [mention]):
                if member not in merged:
                    merged.append(member)
        for member in merged:
            cluster_of[member] = merged
    distinct = {id(cluster): cluster for cluster in cluster_of.values()}
    return sorted(sorted(cluster) for cluster in distinct.values())
