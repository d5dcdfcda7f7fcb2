"""The standoff format of the annotation tool brat."""

import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.common.files import INCOMPLETE_SUFFIX, cannot_be_written, say_what_is_kept
from hmtl.corpora.preparation.output import whole_directory
from hmtl.document import Bounds
from hmtl.errors import UserError

_MENTION, _COREFERENCE = "Mention", "Coref"
# A line of an annotation file ends at any of these, and its columns at tabs.
_WITHOUT_BREAK = re.compile(r"[^\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_NOT_IN_A_TYPE = re.compile(r"[^A-Za-z0-9_-]")
_NOT_IN_A_FILE_NAME = re.compile(r"[^\w.-]+")
_LONGEST_FILE_NAME = 60


@OutputFormat.register("brat")
class BratFormat(OutputFormat):
    """A folder with a `.txt` and an `.ann` file for each text, and an `annotation.conf` that names all types.

    - `T` lines: the spans of every task, of the type `{task}-{label}`. A mention of a cluster and an argument of a
      relation that no task names is a `Mention`. What goes across a line break is given line by line, as brat asks.
    - `R` lines: relations, of the type `{task}-{label}`, and `Coref`, from each mention of a cluster to the one before.

    Of other kinds of prediction, what concerns one stretch of text is a `T` line, a label of a sentence that of its
    tokens; what concerns two is an `R` line; for the rest there is no place, and a note says how much is left out.
    Characters that brat allows in no type become `_`. Offsets count characters of the text. Scores have no place.
    """

    def __init__(self, layers: Dict[str, str], names: Optional[str] = None) -> None:
        super().__init__(layers, names)
        self._left_out: Counter[str] = Counter()

    @property
    def notes(self) -> List[str]:
        return super().notes + [
            f"the format has no place for some {self.kinds[task].plural} of '{task}'; left out: {number:,}"
            for task, number in self._left_out.items()
        ]

    def write(self, outputs: Iterable[JsonDict], path: Optional[Path] = None) -> None:
        """Writes a folder, which appears only once it is complete.

        Where the outputs end in an error, those before it stay in a folder of the same name with `INCOMPLETE_SUFFIX`.

        # Raises

        UserError
            Where no folder is named, it exists already, or a file cannot be written.
        """
        if path is None:
            raise UserError("brat has two files for each text; name a new folder for them by --output")
        incomplete = path.with_name(path.name + INCOMPLETE_SUFFIX)
        for taken in (path, incomplete):
            if taken.exists():
                raise UserError(f"{taken}: exists already; name a new folder for brat's files, or remove it")
        types: Tuple[Set[str], Set[str]] = set(), set()
        with whole_directory(path) as folder:
            try:
                self._write_texts(outputs, folder, path, types)
            except BaseException as error:
                if any(folder.iterdir()):
                    with suppress(UserError):
                        _write(_configuration(*types), folder, path)
                    os.rename(folder, incomplete)
                    say_what_is_kept(error, incomplete)
                raise
            _write(_configuration(*types), folder, path)

    def standoff(self, output: JsonDict) -> str:
        """The `.ann` file of one text."""
        return "".join(f"{line}\n" for line in self._annotations(output).lines)

    def _annotations(self, output: JsonDict) -> "_Annotations":
        annotations = _Annotations(output["text"])
        # Relations read the spans of the nearest level: the last one stands for a mention that several tasks name.
        for task in self.tasks:
            annotations.task = task
            for row in output[task]:
                self.kinds[task].add_to_standoff(row, annotations)
        self._left_out.update(annotations.left_out)
        return annotations

    def _write_texts(
        self, outputs: Iterable[JsonDict], folder: Path, path: Path, types: Tuple[Set[str], Set[str]]
    ) -> None:
        """The files of each text; `types` of entities and of relations are added to the sets."""
        taken: Set[str] = set()
        for output in outputs:
            name = _file_name(output["doc_key"], taken)
            annotations = self._annotations(output)
            lines = "".join(f"{line}\n" for line in annotations.lines)
            _write({f"{name}.txt": output["text"], f"{name}.ann": lines}, folder, path)
            types[0].update(annotations.entity_types)
            types[1].update(annotations.relation_types)


class _Annotations:
    """The lines of one text, to which the kinds add: a `Standoff`. `task` is the one whose rows are being added."""

    def __init__(self, text: str) -> None:
        self.task = ""
        self.lines: List[str] = []
        self.entity_types: Set[str] = set()
        self.relation_types: Set[str] = set()
        self.left_out: Counter[str] = Counter()
        self._text = text
        self._by_bounds: Dict[Bounds, str] = {}
        self._num_entities, self._num_relations = 0, 0

    def entity(self, mention: JsonDict, label: str) -> None:
        self._add_entity(mention, _type(self.task, label))

    def relation(self, label: str, arg1: JsonDict, arg2: JsonDict) -> None:
        self._add_relation(_type(self.task, label), arg1, arg2)

    def chain(self, mentions: Sequence[JsonDict]) -> None:
        if len(mentions) == 1:
            self._entity(mentions[0])
        for antecedent, mention in zip(mentions, mentions[1:]):
            self._add_relation(_COREFERENCE, mention, antecedent)

    def leave_out(self) -> None:
        self.left_out[self.task] += 1

    def _add_entity(self, mention: JsonDict, kind: str) -> str:
        self._num_entities += 1
        name = f"T{self._num_entities}"
        pieces = list(_fragments(self._text, mention["char_start"], mention["char_end"]))
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        covered = " ".join(self._text[start:end] for start, end in pieces)
        self.lines.append(f"{name}\t{kind} {offsets}\t{covered}")
        self.entity_types.add(kind)
        self._by_bounds[mention["start"], mention["end"]] = name
        return name

    def _add_relation(self, kind: str, arg1: JsonDict, arg2: JsonDict) -> None:
        first, second = (self._entity(mention) for mention in (arg1, arg2))
        self._num_relations += 1
        self.lines.append(f"R{self._num_relations}\t{kind} Arg1:{first} Arg2:{second}")
        self.relation_types.add(kind)

    def _entity(self, mention: JsonDict) -> str:
        known = self._by_bounds.get((mention["start"], mention["end"]))
        return known or self._add_entity(mention, _MENTION)


def _fragments(text: str, char_start: int, char_end: int) -> Iterator[Bounds]:
    """The characters of each line of a mention, without blanks around them, the end excluded."""
    for match in _WITHOUT_BREAK.finditer(text, char_start, char_end):
        piece = match[0]
        if piece.strip():
            start = match.start() + len(piece) - len(piece.lstrip())
            yield start, start + len(piece.strip())


def _type(task: str, label: str) -> str:
    return _NOT_IN_A_TYPE.sub("_", f"{task}-{label}")


def _file_name(doc_key: str, taken: Set[str]) -> str:
    """A name that no other text has, on no file system."""
    stem = _NOT_IN_A_FILE_NAME.sub("_", doc_key).lstrip(".")[:_LONGEST_FILE_NAME] or "text"
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name


def _configuration(entity_types: Set[str], relation_types: Set[str]) -> Dict[str, str]:
    relations = [f"{kind}\tArg1:<ENTITY>, Arg2:<ENTITY>" for kind in sorted(relation_types)]
    lines = ["[entities]", *sorted(entity_types), "", "[relations]", *relations, "", "[events]", "", "[attributes]"]
    return {"annotation.conf": "\n".join(lines) + "\n"}


def _write(contents: Dict[str, str], folder: Path, path: Path) -> None:
    """Writes all of these files, or none, into a folder that is to be `path`."""
    try:
        for name, content in contents.items():
            # Bytes: the line breaks of the text stay as they are.
            (folder / name).write_bytes(content.encode())
    except OSError as error:
        for written in contents:
            (folder / written).unlink(missing_ok=True)
        raise cannot_be_written(path / name, error) from error
