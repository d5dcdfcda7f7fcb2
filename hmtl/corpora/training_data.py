"""What there is to train on: documents in training, development and test parts, from files of any format or in memory.

`hmtl.tasks.ner(documents)` and its like say what of them a task is to learn.
"""

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Union

from hmtl.document import Document, read_jsonl
from hmtl.errors import DataError, UserError

TRAIN, DEV, TEST = SPLITS = ("train", "dev", "test")
# The shares of documents that training, development and test data get where nobody has split them.
SHARES = {TRAIN: 0.8, DEV: 0.1, TEST: 0.1}

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
        `spans`, `relations` or `clusters`.
    layer : `str`
        The layer of the documents: a name of a span layer, `relations` or `clusters`.
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


def read_training_data(source: Source, seed: int = 13370) -> TrainingData:
    """The documents of a source, split where they are not.

    A folder that has a `train` and a `dev` file of any format keeps its splits; what else holds documents is split by
    document, as `SHARES` has it, in an order that depends on the seed.

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
        raise DataError("no such file or folder of documents", path)
    name = path.resolve().name.split(".")[0] or "data"
    own = {split: path / f"{split}.jsonl" for split in SPLITS if (path / f"{split}.jsonl").is_file()}
    if {TRAIN, DEV} <= own.keys():
        documents = {split: _validated(read_jsonl(file), file) for split, file in own.items()}
        return _complete(TrainingData(name, documents, folder=path), seed)
    files = {**own} or {TRAIN: path}
    data = TrainingData(name, {})
    for split, file in files.items():
        data.documents[split] = _validated(read_jsonl(file), file)
    return _complete(data, seed)


def split_documents(
    documents: Sequence[Document], shares: Mapping[str, float], seed: int = 13370
) -> Dict[str, List[Document]]:
    """The documents in parts of about these shares, at least one in each; which ones depends on the seed.

    A part has its documents in their order. There have to be as many documents as parts.
    """
    order = list(range(len(documents)))
    random.Random(seed).shuffle(order)
    total = sum(shares.values())
    # Of the parts behind the first: that one gets what the others leave.
    sizes = {name: max(1, round(len(order) * share / total)) for name, share in list(shares.items())[1:]}
    parts: Dict[str, List[Document]] = {}
    for name, size in sizes.items():
        chosen, order = order[:size], order[size:]
        parts[name] = [documents[number] for number in sorted(chosen)]
    first = next(iter(shares))
    return {first: [documents[number] for number in sorted(order)], **parts}


def _validated(documents: Iterable[Document], path: Path) -> List[Document]:
    found = [document.validate(path) for document in documents]
    if not found:
        raise DataError("no documents found; is the file empty or of another format?", path)
    return found


def _complete(data: TrainingData, seed: int) -> TrainingData:
    """With development data, and test data where nothing was split before, taken from the training data."""
    if not data.documents.get(TRAIN):
        raise UserError(f"{data.name}: no training documents")
    if data.documents.get(DEV):
        data.documents = {split: data.documents[split] for split in SPLITS if data.documents.get(split)}
        return data
    wanted = [split for split in SPLITS if split == DEV or not data.documents.get(split)]
    documents = data.documents[TRAIN]
    if len(documents) < len(wanted) + 1:
        raise UserError(
            f"{data.name}: {len(documents)} document{'s' * (len(documents) != 1)}; training needs some to learn from and "
            f"others to be scored on, {len(wanted) + 1} at least (a file that holds all sentences of a corpus as one "
            "document has to be cut into its documents)"
        )
    parts = split_documents(documents, {split: SHARES[split] for split in [TRAIN, *wanted]}, seed)
    data.documents = {split: parts.get(split) or data.documents[split] for split in SPLITS}
    data.notes.append(f"{' and '.join(wanted)} documents were drawn from all (seed {seed})")
    return data
