"""What there is to train on: documents in training, development and test parts, from files of any format or in memory.

`hmtl.tasks.ner(documents)` and its like say what of them a task is to learn.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from hmtl.alignment import Changes
from hmtl.common.checks import path_advice
from hmtl.corpora.formats import sniff, split_documents, splits_of
from hmtl.corpora.formats.reading import format_option, read_found
from hmtl.document import Document
from hmtl.errors import DataError, UserError

TRAIN, DEV, TEST = SPLITS = ("train", "dev", "test")
# The shares of documents that training, development and test data get where nobody has split them.
SHARES = (0.8, 0.1, 0.1)

# A file or a folder of documents, or the documents themselves; by split, or all together.
Source = Union[str, os.PathLike, Sequence[Document], Mapping[str, Sequence[Document]]]


@dataclass
class TrainingData:
    """Documents by split, `train`, `dev` and perhaps `test`.

    # Attributes

    name : `str`
        What they are called.
    documents : `Dict[str, List[Document]]`
    folder : `Optional[Path]`
        Where they lie as `train.jsonl`, `dev.jsonl` and perhaps `test.jsonl` in the project's own layout, if they do.
    notes : `List[str]`
        What a user should know of them: how they were split, what of them could not be used.
    """

    name: str
    documents: Dict[str, List[Document]]
    folder: Optional[Path] = None
    notes: List[str] = field(default_factory=list)

    def sizes(self) -> str:
        """How many documents each split has."""
        return ", ".join(f"{len(documents):,} {split}" for split, documents in self.documents.items())


class TaskData(NamedTuple):
    """What a task learns from: a layer of documents.

    # Attributes

    kind : `str`
        `spans`, `relations`, `clusters` or `labels`.
    layer : `str`
        The layer of the documents: a name of a layer of spans or of labels, `relations` or `clusters`.
    source : `Source`
        The documents.
    """

    kind: str
    layer: str
    source: Source


def ner(documents: Source, layer: str = "ner") -> TaskData:
    """Named entities, or any other labelled spans: those of the layer `layer`.

    # Parameters

    documents : `Source`
        A list of `Document`s, which is split by document, 80 % for training and 10 % each for development and test; or
        `{"train": [...], "dev": [...], "test": [...]}`; or the path of a file or folder that `hmtl train` reads.
    layer : `str`, optional (default = `"ner"`)
    """
    return TaskData("spans", layer, documents)


def emd(documents: Source, layer: str = "emd") -> TaskData:
    """Entity mentions with their types, proper names or not: the spans of the layer `layer`. Parameters as of `ner`."""
    return TaskData("spans", layer, documents)


def relation(documents: Source) -> TaskData:
    """The relations of documents as those of `ner`."""
    return TaskData("relations", "relations", documents)


def coref(documents: Source) -> TaskData:
    """The coreference clusters of documents as those of `ner`."""
    return TaskData("clusters", "clusters", documents)


def labels(documents: Source, layer: str) -> TaskData:
    """Labels or numbers of sentences, of documents or of pairs of texts: those of the layer `layer` of the metadata
    `labels` of documents as those of `ner`."""
    return TaskData("labels", layer, documents)


def read_training_data(source: Source, seed: int = 13370, format: Optional[str] = None) -> TrainingData:
    """The documents of a source, split where they are not.

    A folder that has a `train` and a `dev` file of any format keeps its splits; what else holds documents is split by
    document, as `SHARES` has it, in an order that depends on the seed.

    # Parameters

    source : `Source`
    seed : `int`, optional (default = `13370`)
    format : `str`, optional (default = `None`)
        The format of files, by a name that `hmtl convert --from` knows, or as JSON with its options; by default it is
        found.

    # Raises

    DataError, UserError
        Where no documents are found, they cannot be used, or there are too few to split.
    """
    if isinstance(source, Mapping):
        given = {split: list(documents) for split, documents in source.items()}
        for split in given.keys() - set(SPLITS):
            raise UserError(f"documents of '{split}': expected some of {', '.join(SPLITS)}")
        return _complete(TrainingData("documents", given), seed)
    if not isinstance(source, (str, os.PathLike)):
        return _complete(TrainingData("documents", {TRAIN: list(source)}), seed)
    path = Path(source)
    if not path.exists():
        raise DataError(f"no such file or folder of documents{path_advice(path)}", path)
    data = TrainingData(name_of(path), {})
    files = splits_of(path)
    changes, taken = Changes(), set[str]()
    name, options = (None, {}) if format is None else format_option(format, "--from")
    formats = {split: sniff(file, name, options) for split, file in (files or {TRAIN: path}).items()}
    for split, found in formats.items():
        data.documents[split] = list(read_found(files.get(split, path), found, changes, taken))
    own = {split: path / f"{split}.jsonl" for split in files}
    if DEV in files and files == own and {found.name for found in formats.values()} == {"jsonl"}:
        data.folder = path
    data.notes += [f"read as {title}" for title in dict.fromkeys(found.title for found in formats.values())]
    data.notes += changes.lines()
    return _complete(data, seed)


def name_of(source: Union[str, os.PathLike]) -> str:
    """What documents at a path are called: the name of the file or folder, without its endings."""
    return Path(source).resolve().name.split(".")[0] or "data"


def _complete(data: TrainingData, seed: int) -> TrainingData:
    """With development data, and test data where nothing was split before, taken from the training data."""
    if not data.documents.get(TRAIN):
        raise UserError(f"{data.name}: no training documents")
    if data.documents.get(DEV):
        data.documents = {split: data.documents[split] for split in SPLITS if data.documents.get(split)}
        return data
    documents = data.documents[TRAIN]
    has_test = bool(data.documents.get(TEST))
    needed = 2 if has_test else 3
    if len(documents) < needed:
        raise UserError(
            f"{data.name}: {len(documents)} document{'s' * (len(documents) != 1)}; expected {needed} at least, to "
            "learn from some and be scored on others (a file that holds all sentences of a corpus as one document has "
            "to be cut into documents)"
        )
    if has_test:
        parts = split_documents(documents, [SHARES[0], SHARES[1]], seed)
        data.documents = {TRAIN: parts[TRAIN], DEV: parts[TEST], TEST: data.documents[TEST]}
    else:
        data.documents = split_documents(documents, SHARES, seed)
    drawn = DEV if has_test else f"{DEV} and {TEST}"
    data.notes.append(f"{drawn} documents were drawn from all (seed {seed})")
    return data
