"""Finds the format of a file or a folder, and reads it."""

import csv
import inspect
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
    cast,
)

from hmtl.alignment import Changes
from hmtl.common.checks import did_you_mean, path_advice, shown
from hmtl.common.json_text import parse_json
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.annotated import AnnotatedCorpus
from hmtl.corpora.formats.brat import BratCorpus
from hmtl.corpora.formats.columns import ColumnsCorpus
from hmtl.corpora.formats.concepts import BiocCorpus, PubtatorCorpus
from hmtl.corpora.formats.conllu_corpus import ConlluCorpus
from hmtl.corpora.formats.docbin import DocbinCorpus
from hmtl.corpora.formats.huggingface import HuggingFaceCorpus
from hmtl.corpora.formats.label_studio import LabelStudioCorpus
from hmtl.corpora.formats.labelled_texts import LabelledTextsCorpus
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.sentence_json import SentenceJsonCorpus
from hmtl.corpora.formats.spans_jsonl import SpansJsonlCorpus
from hmtl.corpora.formats.text_corpus import ToolCorpus
from hmtl.corpora.formats.webanno import WebannoCorpus
from hmtl.document import Document
from hmtl.errors import ConfigurationError, DataError, UserError


class _Known(NamedTuple):
    """A format: what its files hold, for people, and what tells it from others."""

    title: str
    fits: Callable[[Sample], bool]


class Found(NamedTuple):
    """The format of a path.

    # Attributes

    name : `str`
        Of the corpus, as it is registered.
    corpus : `Corpus`
    title : `str`
        What the files hold, for people.
    """

    name: str
    corpus: Corpus
    title: str


# In this order they are tried: what looks like several of them is the first.
_TOOLS: Dict[str, type] = {
    "brat": BratCorpus,
    "spacy": DocbinCorpus,
    "webanno": WebannoCorpus,
    "pubtator": PubtatorCorpus,
    "bioc": BiocCorpus,
    "conllu": ConlluCorpus,
    "label_studio": LabelStudioCorpus,
    "annotated": AnnotatedCorpus,
    "doccano": SpansJsonlCorpus,
    "spert": SentenceJsonCorpus,
    "labelled": LabelledTextsCorpus,
    "huggingface": HuggingFaceCorpus,
    "columns": ColumnsCorpus,
}
_OLDER = {
    "jsonl": _Known("DyGIE's JSON lines", lambda s: "sentences" in s.keys and "doc_key" in s.keys),
    "redocred": _Known("DocRED's JSON", lambda s: "vertexSet" in s.keys),
    "ontonotes": _Known("CoNLL-2012's columns", lambda s: bool(s.lines) and s.lines[0].startswith("#begin document")),
}
# Other names for --from.
_ALIASES = {
    "dygie": "jsonl",
    "scierc": "jsonl",
    "conll": "columns",
    "iob": "columns",
    "conll2012": "ontonotes",
    "docred": "redocred",
    "docbin": "spacy",
    "hf": "huggingface",
    "conll04": "spert",
    "labelstudio": "label_studio",
    **dict.fromkeys(("glue", "snli", "mnli", "sick", "sts"), "labelled"),
}
# Options of all formats of tools.
_POLICIES = ("boundaries", "crossing_spans", "crossing_relations", "discontinuous", "splitter")
# By these names the files or folders of a folder are taken for its splits.
_SPLITS = {"train": "train", "training": "train", "dev": "dev", "development": "dev", "val": "dev", "valid": "dev"}
_SPLITS.update({"validation": "dev", "testa": "dev", "test": "test", "testb": "test", "eval": "test"})


def sniff(path: Any, name: Optional[str] = None, options: Optional[Mapping[str, Any]] = None) -> Found:
    """The format of a file or a folder, by its names and its beginning.

    A folder is of one format if it is brat's, or if its files are, those that look like data.

    # Parameters

    path : `Union[str, os.PathLike]`
    name : `str`, optional (default = `None`)
        The format, if it is known: the name of a corpus, or another by which it is called.
    options : `Mapping[str, Any]`, optional (default = `None`)
        Those of the corpus, such as `boundaries`.

    # Raises

    DataError
        Where there is no such path, or it is of no format that is known: what it looks like, and what was tried.
    UserError
        Where nobody knows the name, or the format has no such option.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"no such file or directory{path_advice(path)}", path)
    options = {key: value for key, value in (options or {}).items() if value is not None}
    if name is not None:
        return _named(name, options)
    found = _found(Sample(path))
    if found is None and path.is_dir():
        found = _of_files(path)
    if found is None:
        sample = Sample(path)
        tried = ", ".join(format_names())
        raise DataError(
            f"this looks like {sample.describe()}, which is no format that hmtl knows by its looks (tried: {tried}); "
            f"name it by --from{_advice(sample)}",
            path,
        )
    return _named(found, options)


def format_option(option: str, name: str) -> Tuple[str, Dict[str, Any]]:
    """The name of a format and its options, by an option of a command, which `name` is called: `NAME`, or a JSON object
    with `type`.

    # Raises

    UserError
        Where it is an object, but not such a one.
    """
    if not option.lstrip().startswith("{"):
        return option, {}
    try:
        parameters = parse_json(option, "a name or an object with 'type'")
    except DataError as error:
        raise UserError(f"{name}: {error}") from error
    if not isinstance(parameters.get("type"), str):
        found = f"'type' is {shown(parameters['type'])}" if "type" in parameters else f"{option} has no 'type'"
        raise UserError(f"{name}: {found}; expected the name of a format in quotes")
    return parameters.pop("type"), parameters


def format_names() -> List[str]:
    """The names of all formats that can be found, sorted."""
    return sorted([*_TOOLS, *_OLDER])


def read_any(
    path: Any,
    format: Optional[str] = None,
    changes: Optional[Changes] = None,
    options: Optional[Mapping[str, Any]] = None,
) -> Iterator[Document]:
    """Yields the documents of a file or a folder of any format. A `doc_key` that was there before gets a number.

    # Parameters

    path : `Union[str, os.PathLike]`
    format : `str`, optional (default = `None`)
        By default the format is found; see `sniff`.
    changes : `Changes`, optional (default = `None`)
        Counts what was dropped and changed.
    options : `Mapping[str, Any]`, optional (default = `None`)
        Those of the corpus.

    # Raises

    DataError
        Where the format is not known, a file is malformed, or there is no document.
    """
    yield from read_found(path, sniff(path, format, options), changes or Changes())


def read_found(path: Any, found: Found, changes: Changes, taken: Optional[Set[str]] = None) -> Iterator[Document]:
    """`read_any` of a format that was found; `taken` are the keys of documents that were read before."""
    taken = set() if taken is None else taken
    count = 0
    for attempt in _attempts(Path(path), found.corpus, changes):
        if isinstance(attempt, DataError):
            raise attempt
        if attempt.doc_key in taken:
            key, number = attempt.doc_key, 2
            while f"{key}_{number}" in taken:
                number += 1
            attempt.doc_key = f"{key}_{number}"
            changes.change("document", "its key was taken, and got a number", key)
        taken.add(attempt.doc_key)
        count += 1
        yield attempt
    if not count:
        lines = changes.lines()
        why = f": {lines[0]}" if lines else f"; it was read as {found.title}"
        raise DataError(f"no documents found{why}", path)


def splits_of(path: Any) -> Dict[str, Path]:
    """The files or folders in a folder that are named for splits, as `train`, `dev` and `test`; else nothing.

    They have one suffix, which no other file there has, and no two are of one split; there is one for training.
    """
    path = Path(path)
    by_suffix: Dict[str, Dict[Path, Optional[str]]] = {}
    for entry in sorted(path.iterdir()) if path.is_dir() else ():
        # The texts of brat are no files of their own.
        is_text = any(entry.with_suffix(suffix).exists() for suffix in (".ann", ".a1", ".a2"))
        if not entry.name.startswith(".") and not is_text:
            kind = "" if entry.is_dir() else entry.suffix.lower()
            # `eng.testa`: the suffix is the split.
            kind = "." if kind[1:] in _SPLITS else kind
            by_suffix.setdefault(kind, {})[entry] = _split_named(entry.name)
    for entries in by_suffix.values():
        found = {split: entry for entry, split in entries.items() if split is not None}
        if "train" in found and len(found) == len(entries):
            return {split: found[split] for split in ("train", "dev", "test") if split in found}
    return {}


def _split_named(name: str) -> Optional[str]:
    """The split of `train-00000-of-00001.parquet`, `en_ewt-ud-dev.conllu`, `conll04_test.json`, `eng.testa`."""
    words = re.split(r"[-_.]", name.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def split_documents(
    documents: Iterable[Document], shares: Sequence[float], seed: int = 13370
) -> Dict[str, List[Document]]:
    """Documents drawn at random into `train`, `dev` and `test`, in proportion; in each they keep their order.

    # Parameters

    documents : `Iterable[Document]`
    shares : `Sequence[float]`
        Two or three positive numbers: of `train`, of `dev`, and of `test`, or of the first and the last alone.
    seed : `int`, optional (default = `13370`)

    # Raises

    UserError
        Where there are other than two or three shares, one is not positive, or there are too few documents for a
        document in each split.
    """
    names = {2: ["train", "test"], 3: ["train", "dev", "test"]}.get(len(shares))
    if names is None or min(shares) <= 0:
        given = " ".join(f"{share:g}" for share in shares)
        raise UserError(f"--split {given}: expected two or three positive shares, such as 0.8 0.1 0.1")
    all_documents = list(documents)
    if len(all_documents) < len(names):
        raise UserError(f"--split: {len(all_documents)} documents are too few for {' and '.join(names)}")
    order = list(range(len(all_documents)))
    random.Random(seed).shuffle(order)
    # At least one document each; the training data take what is left by rounding.
    sizes = [max(1, round(len(order) * share / sum(shares))) for share in shares[1:]]
    while sum(sizes) >= len(order):
        sizes[sizes.index(max(sizes))] -= 1
    sizes = [len(order) - sum(sizes), *sizes]
    splits: Dict[str, List[Document]] = {}
    for name, size in zip(names, sizes):
        chosen, order = sorted(order[:size]), order[size:]
        splits[name] = [all_documents[number] for number in chosen]
    return splits


def _attempts(path: Path, corpus: Corpus, changes: Changes) -> Iterator[Attempt]:
    if not isinstance(corpus, ToolCorpus):
        yield from corpus.documents(str(path))
        return
    for attempt in corpus.read(path, changes):
        yield attempt


def _named(name: str, options: Mapping[str, Any]) -> Found:
    registered = _ALIASES.get(name, name)
    names = [*Corpus.list_available(), *_ALIASES]
    if registered not in names:
        advice = did_you_mean(name, names, f"expected one of {', '.join(sorted(names))}")
        raise UserError(f"--from {name}: no format of that name; {advice}")
    corpus_class = cast(Type[Corpus], Corpus.by_name(registered))
    if not issubclass(corpus_class, ToolCorpus):
        # They hold what a document holds, and ask for no policies.
        options = {key: value for key, value in options.items() if key not in _POLICIES}
    known = _options_of(corpus_class)
    for option in options:
        if option not in known:
            advice = did_you_mean(option, known, f"it has {', '.join(known) or 'none'}")
            raise UserError(f"the format '{registered}' has no option '{option}'; {advice}")
    try:
        # Not by `from_params`, which imports torch. Options are plain values.
        corpus = corpus_class(**options)
    except ConfigurationError as error:
        raise UserError(f"{registered}: {error.message}") from error
    title = getattr(corpus_class, "title", "") or (_OLDER[registered].title if registered in _OLDER else registered)
    return Found(registered, corpus, title)


def _options_of(corpus_class: type) -> List[str]:
    """The parameters of a corpus, those of its bases among them."""
    found: Dict[str, None] = {}
    for each in corpus_class.__mro__:
        if "__init__" in vars(each) and each is not object:
            parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
            named = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
            found.update(dict.fromkeys(named))
    return list(found)


def _found(sample: Sample) -> Optional[str]:
    """The name of the first format that fits."""
    if not sample.is_folder and not sample.head:
        return None
    for name, known in _OLDER.items():
        if not sample.is_folder and known.fits(sample) and not AnnotatedCorpus.fits(sample):
            return name
    return next((name for name, tool in _TOOLS.items() if tool.fits(sample)), None)  # type: ignore[attr-defined]


def _of_files(folder: Path) -> Optional[str]:
    """The one format of the data files of a folder, if there is one."""
    described = ("readme.md", "license", "dataset_info.json", "report.json", "annotation.conf", "meta.json")
    files = [file for file in Sample(folder).files if file.name.lower() not in described]
    counted = Counter(_found(Sample(file)) for file in files[:20])
    found = [name for name, _ in counted.most_common() if name is not None]
    # Most of them: notes and lists may lie beside the data.
    return found[0] if found and 2 * counted[found[0]] > len(files[:20]) else None


def _advice(sample: Sample) -> str:
    if sample.is_folder or sample.text is None or sample.record is not None:
        return " NAME"
    texts = _texts_and_labels(sample)
    if texts:
        return f" '{texts}' where these are the columns of texts and of labels"
    if sample.is_table:
        return " columns, with the columns of words and of tags: --word 0 --tag -1"
    return " NAME; text without annotation is for hmtl annotate"


def _texts_and_labels(sample: Sample) -> Optional[str]:
    """What `--from` takes for a table with a header, in whose first row one cell holds words, a text, and another does
    not, a label."""
    lines = sample.lines[:2]
    rows = list(csv.reader(lines)) if sample.suffix == ".csv" else [line.split("\t") for line in lines]
    if len(rows) < 2 or len(rows[0]) != len(rows[1]) or not all(name and " " not in name for name in rows[0]):
        return None
    texts = [name for name, cell in zip(*rows) if " " in cell.strip()]
    labels = [name for name, cell in zip(*rows) if " " not in cell.strip()]
    if not texts or not labels:
        return None
    return json.dumps({"type": "labelled", "text": texts[0], "layers": {labels[-1].lower(): labels[-1]}})
