"""The splits of a corpus, and documents chosen from them."""

import sys
from itertools import islice
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence

from allennlp.common import Params

from hmtl.common.characters import visible
from hmtl.common.checks import did_you_mean, path_advice
from hmtl.common.explain import explain
from hmtl.corpora import Corpus, JsonlCorpus
from hmtl.corpora.corpus import files_below, without_selection
from hmtl.corpora.formats.reading import format_option, sniff, splits_of
from hmtl.corpora.validation import without_common_folder
from hmtl.document import Document
from hmtl.errors import ConfigurationError, DataError, UserError

# By these names the files or folders of a corpus are taken for its splits, in this order.
_SPLIT_ORDER = {"train": 0, "training": 0, "dev": 1, "development": 1, "val": 1, "valid": 1, "validation": 1, "test": 2}


class Split(NamedTuple):
    """A part of a corpus: a short name, and the path that its format reads."""

    name: str
    path: str


class ShownDocument(NamedTuple):
    """A document and the name of the split that it is from."""

    split: str
    document: Document


def found_format(paths: Sequence[str]) -> Corpus:
    """The format of the first of some paths by its looks, of a directory that of its training data.

    What is called `*.jsonl` and looks like no other format is in the project's own, so that what is wrong with it is
    told.

    # Raises

    DataError
        Where it is of no format that is known.
    """
    path = without_selection(paths[0])
    if not path.exists():
        return JsonlCorpus()
    try:
        found = sniff(next(iter(splits_of(path).values()), path))
    except DataError:
        if path.suffix == ".jsonl" or (path.is_dir() and any(path.rglob("*.jsonl"))):
            return JsonlCorpus()
        raise
    if found.name != "jsonl":
        print(visible(f"{path}: read as {found.title}"), file=sys.stderr)
    return found.corpus


def corpus_format(option: str) -> Corpus:
    """The format that `--corpus` names: a registered name, or a JSON object with `type` and its parameters.

    # Raises

    UserError
        Where it is neither, or nothing has this name.
    """
    name, parameters = format_option(option, "--corpus")
    try:
        return Corpus.from_params(Params({"type": name, **parameters}))
    except ConfigurationError as error:
        raise UserError(f"--corpus {option}: {(explain(error) or str(error)).removeprefix('type: ')}") from error


def find_splits(paths: Sequence[str], corpus: Corpus) -> List[Split]:
    """A split for each path, and for a directory those that it holds.

    In the project's own format these are all its `.jsonl` files; in another format what it holds by the names `train`,
    `dev`, `test` and their like, or else the directory itself is a split. Training data comes first.

    # Raises

    UserError
        Where a path does not exist, or a directory holds no document in the project's own format.
    """
    found: List[str] = []
    for path in paths:
        # `corpus.documents` checks what stands before `#start:stop`.
        if "#" not in path and not Path(path).exists():
            raise UserError(f"{path}: no such file or directory{path_advice(path)}")
        found.extend(_splits_of(Path(path), corpus) if Path(path).is_dir() else [path])
    found = list(dict.fromkeys(found))
    return [Split(name, path) for name, path in zip(without_common_folder(found), found)]


def training_split(splits: Sequence[Split]) -> Split:
    """The first one that is named for training, or the first of all."""
    return next((split for split in splits if _rank(Path(split.path)) == 0), splits[0])


def first_documents(splits: Sequence[Split], corpus: Corpus, limit: int) -> Iterator[ShownDocument]:
    """The first documents of each split."""
    for split in splits:
        for document in islice(corpus.documents(split.path), limit):
            yield ShownDocument(split.name, document)


def documents_by_key(splits: Sequence[Split], corpus: Corpus, keys: Sequence[str]) -> List[ShownDocument]:
    """The documents of these keys, in this order; of two with one key the first in the corpus.

    # Raises

    UserError
        Where there is none of a key; the nearest key is named.
    """
    found: Dict[str, ShownDocument] = {}
    seen: Dict[str, None] = {}
    for split in splits:
        for document in corpus.documents(split.path):
            seen[document.doc_key] = None
            if document.doc_key in keys:
                found.setdefault(document.doc_key, ShownDocument(split.name, document))
                if len(found) == len(set(keys)):
                    return [found[key] for key in dict.fromkeys(keys)]
    missing = next(key for key in keys if key not in found)
    # A part of a key is found as well as a misspelt one.
    longer = next((key for key in seen if missing.lower() in key.lower()), None)
    advice = did_you_mean(
        missing, seen, f"did you mean '{longer}'?" if longer else f"the first is '{next(iter(seen))}'"
    )
    raise UserError(f"--document {missing}: none of the {len(seen):,} documents has this key; {advice}")


def _splits_of(directory: Path, corpus: Corpus) -> List[str]:
    if isinstance(corpus, JsonlCorpus):
        entries = files_below(directory, "*.jsonl")
    else:
        named = sorted(entry for entry in directory.iterdir() if _rank(entry) < len(_SPLIT_ORDER))
        entries = list(splits_of(directory).values()) or named
    return [str(entry) for entry in sorted(entries, key=_rank)] or [str(directory)]


def _rank(path: Path) -> int:
    # Of `train.txt`, `train.jsonl#0:100` and `LDC2006T06#train` alike.
    names = path.name.partition(".")[0].lower().split("#")
    return min(_SPLIT_ORDER.get(name, len(_SPLIT_ORDER)) for name in names)
