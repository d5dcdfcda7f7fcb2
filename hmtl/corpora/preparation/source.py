"""What `hmtl prepare` has to know of a corpus: its splits, and how one of its files becomes documents."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple, Union

from allennlp.common import Registrable

from hmtl.document import Document
from hmtl.errors import DataError

# What every option that keeps clusters of one mention says of them.
SINGLETONS_HELP = "A model can only miss them unless its coreference head has predict_singletons."


class Unit(NamedTuple):
    """What is converted at once, such as the files of one document.

    # Attributes

    key : `str`
        Names it in messages and in the report.
    paths : `Tuple[Path, ...]`
        The files to read; they need not exist.
    """

    key: str
    paths: Tuple[Path, ...]


class Dropped(NamedTuple):
    """Annotation that a document loses.

    # Attributes

    document : `str`
        The key of the document.
    what : `str`
        `mention`, `relation` or `cluster`.
    reason : `str`
        Why, in words that are the same for all of their kind: the report counts by them.
    detail : `str`
        Which one, such as its identifier and text.
    """

    document: str
    what: str
    reason: str
    detail: str


class Skipped(NamedTuple):
    """A unit, or a document of one, that could not be used, and why, in one line."""

    unit: str
    reason: str


@dataclass
class Converted:
    """The documents of a unit, what they lost, and those of its documents that could not be used."""

    documents: List[Document]
    dropped: List[Dropped] = field(default_factory=list)
    skipped: List[Skipped] = field(default_factory=list)

    @classmethod
    def of(cls, unit: Unit, attempts: Iterable[Union[Document, DataError]]) -> "Converted":
        """What a corpus's `attempts` at the documents of a unit gave."""
        converted = cls([])
        for found in attempts:
            if isinstance(found, DataError):
                converted.skipped.append(Skipped(unit.key, " ".join(str(found).split())))
            else:
                converted.documents.append(found)
        return converted


class Source(Registrable):
    """A corpus as its publisher ships it. A new one is one subclass in one file, registered under the name that
    `hmtl prepare NAME` takes.

    An instance is sent to other processes: it holds options and paths, not texts.

    # Attributes

    expected : `Dict[str, Dict[str, int]]`
        By split, what a full copy of the corpus holds: any of `documents`, `sentences`, `tokens`, `relations`,
        `clusters`, `mentions in clusters`, and span layers by their names. The report shows it beside what was found.
    expected_in_all : `Dict[str, int]`
        The same of all splits together, where figures are known of the whole corpus alone.
    """

    expected: Dict[str, Dict[str, int]] = {}
    expected_in_all: Dict[str, int] = {}
    registered_by = "hmtl.corpora.preparation.sources"

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Adds the options of this corpus to its command line."""
        raise NotImplementedError

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "Source":
        """The source that a command line asks for.

        # Raises

        UserError
            Where an option cannot be used, or the publisher's directory is not what it should be.
        """
        raise NotImplementedError

    def splits(self) -> Dict[str, List[Unit]]:
        """The units of each split (`train`, `dev`, `test`), in the order in which they are written."""
        raise NotImplementedError

    def convert(self, unit: Unit) -> Converted:
        """The documents of a unit; a function of its files and the options alone.

        # Raises

        DataError
            Where the unit cannot be used. It is then left out, and the report says why.
        """
        raise NotImplementedError

    def settings(self) -> Dict[str, Any]:
        """The options, and the tokeniser with its version: JSON values for the report."""
        raise NotImplementedError
