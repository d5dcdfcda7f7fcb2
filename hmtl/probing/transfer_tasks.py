"""SentEval's transfer tasks (Conneau & Kiela 2018) in the folders and files that it ships them in."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from hmtl.common.lines import decoded, raw_lines
from hmtl.errors import DataError, UserError

# How a task is measured; `hmtl.probing.transfer` has what each means.
NESTED, TRAIN_AND_TEST, SPLITS = "nested cross-validation", "cross-validation and test", "validation and test"
RELATEDNESS, SIMILARITY = "relatedness", "similarity"
# What stands for a sentence that is empty in a file, as in SentEval's own encoders: leaving it out would change folds.
EMPTY = "."


class Example(NamedTuple):
    """A sentence, or a pair of them, and the number of its label, or its score."""

    target: float
    first: List[str]
    second: Optional[List[str]] = None

    @property
    def sentences(self) -> Iterator[List[str]]:
        for sentence in (self.first, self.second):
            if sentence is not None:
                yield sentence or [EMPTY]


@dataclass
class TransferTask:
    """One task.

    # Attributes

    name : `str`
        As in the papers, such as `SST-2`.
    protocol : `str`
    labels : `Tuple[str, ...]`
        In the order of their numbers; none where targets are scores.
    splits : `Dict[str, List[Example]]`
        Of tasks with nested cross-validation the one split `all`, of those of similarity the sets of sentences by name;
        else `train`, `test` and, where there is one, `validation`. Examples are in SentEval's order, by length and
        target, on which the folds depend.
    sha256 : `str`
        Of all files.
    """

    name: str
    protocol: str
    labels: Tuple[str, ...] = ()
    splits: Dict[str, List[Example]] = field(default_factory=dict)
    sha256: str = ""

    @property
    def is_of_pairs(self) -> bool:
        return next(iter(self.splits.values()))[0].second is not None

    @property
    def sentences(self) -> List[List[str]]:
        """All sentences, split by split and example by example."""
        return [sentence for examples in self.splits.values() for example in examples for sentence in example.sentences]

    def majority_accuracy(self) -> Optional[float]:
        """The test accuracy of always answering the label that is most frequent in training; `None` for scores."""
        if not self.labels:
            return None
        train = self.splits.get("train", self.splits.get("all", []))
        counts = Counter(example.target for example in train)
        label = max(sorted(counts), key=counts.__getitem__)
        test = self.splits.get("test", train)
        return sum(example.target == label for example in test) / len(test)


# Takes the columns of a line.
Parse = Callable[[List[str], Tuple[str, ...]], Example]


class Source(NamedTuple):
    """Where a task is and how it is read.

    # Attributes

    protocol, folder : `str`
    files : `Dict[str, str]`
        The file of each split; with nested cross-validation of each label; of similarity of each set, `{}` being where
        inputs and scores differ.
    labels : `Tuple[str, ...]`
        In the order of SentEval's numbers.
    parse : `Callable[[List[str], Tuple[str, ...]], Example]`
        Makes an example of the columns of a line.
    encoding : `str`
    has_header : `bool`
    """

    protocol: str
    folder: str
    files: Dict[str, str]
    labels: Tuple[str, ...] = ()
    parse: Optional[Parse] = None
    encoding: str = "utf-8"
    has_header: bool = False


def _label(text: str, labels: Tuple[str, ...]) -> int:
    if text.strip() not in labels:
        raise UserError(f"the label is '{text}'; expected one of: {', '.join(labels)}")
    return labels.index(text.strip())


def _score(text: str, lowest: float, highest: float) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not lowest <= score <= highest:
        raise UserError(f"the score is '{text}'; expected a number from {lowest:g} to {highest:g}")
    return score


def _needs(columns: List[str], names: Sequence[str]) -> None:
    if len(columns) < len(names):
        raise UserError(f"expected {', '.join(names)}, separated by tabs; found {len(columns)} column(s)")


def _trec(columns: List[str], labels: Tuple[str, ...]) -> Example:
    # `DESC:manner How did ...`: the coarse class counts.
    label, colon, rest = "\t".join(columns).partition(":")
    if not colon:
        raise UserError("expected CLASS:subclass and a question, found no colon")
    return Example(_label(label, labels), rest.split()[1:])


def _sst_binary(columns: List[str], labels: Tuple[str, ...]) -> Example:
    _needs(columns, ("sentence", "label"))
    return Example(_label(columns[1], labels), columns[0].split())


def _sst_fine(columns: List[str], labels: Tuple[str, ...]) -> Example:
    label, _, sentence = "\t".join(columns).partition(" ")
    return Example(_label(label, labels), sentence.split())


def _mrpc(columns: List[str], labels: Tuple[str, ...]) -> Example:
    _needs(columns, ("quality", "id", "id", "sentence", "sentence"))
    return Example(_label(columns[0], labels), columns[3].split(), columns[4].split())


_SICK = ("pair", "sentence", "sentence", "relatedness", "judgment")


def _sick_entailment(columns: List[str], labels: Tuple[str, ...]) -> Example:
    _needs(columns, _SICK)
    return Example(_label(columns[4], labels), columns[1].split(), columns[2].split())


def _sick_relatedness(columns: List[str], labels: Tuple[str, ...]) -> Example:
    _needs(columns, _SICK)
    return Example(_score(columns[3], 1, 5), columns[1].split(), columns[2].split())


def _sts_benchmark(columns: List[str], labels: Tuple[str, ...]) -> Example:
    _needs(columns, ("genre", "file", "year", "id", "score", "sentence", "sentence"))
    return Example(_score(columns[4], 0, 5), columns[5].split(), columns[6].split())


def _of_label(name: str, files: Tuple[str, str], labels: Tuple[str, str]) -> Source:
    """A task with a file a label. SentEval numbers them 1 and 0."""
    return Source(NESTED, name, dict(zip(labels, files)), labels[::-1], encoding="latin-1")


def _of_splits(name: str, *parts: str) -> Dict[str, str]:
    splits = ("train", "validation", "test") if len(parts) == 3 else ("train", "test")
    return {split: name.format(part) for split, part in zip(splits, parts)}


def _of_sets(year: str, *sets: str) -> Source:
    return Source(SIMILARITY, f"STS/{year}-en-test", {name: f"STS.{{}}.{name}.txt" for name in sets})


_SENTIMENT = ("positive", "negative")
_SST_FILES = _of_splits("sentiment-{}", "train", "dev", "test")
_TREC_FILES = _of_splits("{}.label", "train_5500", "TREC_10")
_TREC_LABELS = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
_MRPC_FILES = _of_splits("msr_paraphrase_{}.txt", "train", "test")
_SICK_FILES = _of_splits("SICK_{}.txt", "train", "trial", "test_annotated")
_STS_B_FILES = _of_splits("sts-{}.csv", "train", "dev", "test")
_SICK_LABELS = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")

# Every task by its name in the papers, in the order of their tables: a new one is one more line.
SOURCES: Dict[str, Source] = {
    "MR": _of_label("MR", ("rt-polarity.pos", "rt-polarity.neg"), _SENTIMENT),
    "CR": _of_label("CR", ("custrev.pos", "custrev.neg"), _SENTIMENT),
    "SUBJ": _of_label("SUBJ", ("subj.objective", "subj.subjective"), ("objective", "subjective")),
    "MPQA": _of_label("MPQA", ("mpqa.pos", "mpqa.neg"), _SENTIMENT),
    "SST-2": Source(SPLITS, "SST/binary", _SST_FILES, ("0", "1"), _sst_binary),
    "SST-5": Source(SPLITS, "SST/fine", _SST_FILES, tuple("01234"), _sst_fine),
    "TREC": Source(TRAIN_AND_TEST, "TREC", _TREC_FILES, _TREC_LABELS, _trec, "latin-1"),
    "MRPC": Source(TRAIN_AND_TEST, "MRPC", _MRPC_FILES, ("0", "1"), _mrpc, has_header=True),
    "SICK-E": Source(SPLITS, "SICK", _SICK_FILES, _SICK_LABELS, _sick_entailment, has_header=True),
    "SICK-R": Source(RELATEDNESS, "SICK", _SICK_FILES, (), _sick_relatedness, has_header=True),
    "STS-B": Source(RELATEDNESS, "STS/STSBenchmark", _STS_B_FILES, (), _sts_benchmark),
    "STS12": _of_sets("STS12", "MSRpar", "MSRvid", "SMTeuroparl", "surprise.OnWN", "surprise.SMTnews"),
    # Without the set SMT, which SentEval may not ship.
    "STS13": _of_sets("STS13", "FNWN", "headlines", "OnWN"),
    "STS14": _of_sets("STS14", "deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"),
    "STS15": _of_sets("STS15", "answers-forums", "answers-students", "belief", "headlines", "images"),
    "STS16": _of_sets("STS16", "answer-answer", "headlines", "plagiarism", "postediting", "question-question"),
}


def read_transfer_tasks(directory: Path, names: Sequence[str]) -> List[TransferTask]:
    """The named tasks of a folder such as SentEval's `data/downstream`; without names all whose folders are there.

    # Raises

    UserError
        For an unknown name, or where there is no such folder, or none of the tasks' in it.
    DataError
        As `read_transfer_task` does, and where the folder of a named task is missing.
    """
    for name in names:
        if name not in SOURCES:
            raise UserError(f"there is no transfer task '{name}'; expected some of: {', '.join(SOURCES)}")
    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory; expected one with SentEval's folders, such as MR and SICK")
    folders = {name: directory / source.folder for name, source in SOURCES.items()}
    chosen = [name for name, folder in folders.items() if (name in names if names else folder.is_dir())]
    if not chosen:
        expected = ", ".join(dict.fromkeys(source.folder for source in SOURCES.values()))
        raise UserError(f"{directory}: has none of SentEval's folders: {expected}")
    return [read_transfer_task(directory, name) for name in chosen]


def read_transfer_task(directory: Path, name: str) -> TransferTask:
    """Reads the files of one task as SentEval does: sentences are split at spaces, and sorted.

    # Raises

    DataError
        Naming the file, and the line where there is one: for a missing or empty file, too few columns, an unknown
        label, a score out of range, lines of sentences and of scores that differ in number, or a label that training
        lacks.
    """
    source = SOURCES[name]
    task, digest = TransferTask(name, source.protocol, source.labels), hashlib.sha256()
    for key, file in source.files.items():
        paths = [directory / source.folder / file.format(part) for part in ("input", "gs")[: 1 + ("{}" in file)]]
        for path in paths:
            if not path.is_file():
                raise DataError(f"no such file; expected the task {name} in SentEval's format", path)
            digest.update(path.read_bytes())
        if source.protocol == NESTED:
            split, examples = "all", list(_of_one_label(paths[0], source, key))
        elif source.protocol == SIMILARITY:
            split, examples = key, list(_with_scores(*paths))
        else:
            split, examples = key, list(_of_lines(paths[0], source))
        if not examples:
            raise DataError("the file is empty; expected an example in each line", paths[0])
        task.splits.setdefault(split, []).extend(examples)
    for examples in task.splits.values():
        # As SentEval sorts them, which keeps the order of the file for what is alike.
        examples.sort(key=lambda example: (len(example.first), len(example.second or ()), example.target))
    task.sha256 = digest.hexdigest()
    _check(task, directory / source.folder)
    return task


def _of_one_label(path: Path, source: Source, label: str) -> Iterator[Example]:
    for _, line in _lines(path, source.encoding):
        yield Example(source.labels.index(label), line.split())


def _of_lines(path: Path, source: Source) -> Iterator[Example]:
    assert source.parse is not None
    for number, line in _lines(path, source.encoding):
        if number == 1 and source.has_header:
            continue
        try:
            yield source.parse(line.split("\t"), source.labels)
        except UserError as error:
            raise DataError(str(error), path, number) from error


def _with_scores(path: Path, path_of_scores: Path) -> Iterator[Example]:
    for sentences, score in zip_longest(_lines(path, "utf-8"), _lines(path_of_scores, "utf-8")):
        if sentences is None or score is None:
            shorter, line = (path, score) if sentences is None else (path_of_scores, sentences)
            raise DataError(f"ends before line {line[0]}; expected as many lines of sentences as of scores", shorter)
        # SentEval leaves out pairs that nobody has scored.
        if not score[1].strip():
            continue
        columns = sentences[1].split("\t")
        if len(columns) < 2:
            raise DataError("expected two sentences, separated by a tab; found 1 column(s)", path, sentences[0])
        try:
            target = _score(score[1], 0, 5)
        except UserError as error:
            raise DataError(str(error), path_of_scores, score[0]) from error
        yield Example(target, columns[0].split(), columns[1].split())


def _lines(path: Path, encoding: str) -> Iterator[Tuple[int, str]]:
    for number, raw in raw_lines(path):
        yield number, decoded(raw, path, number) if encoding == "utf-8" else raw.decode(encoding).rstrip("\r\n")


def _check(task: TransferTask, folder: Path) -> None:
    if not task.labels:
        return
    train = {example.target for example in task.splits.get("train", task.splits.get("all", []))}
    used = {example.target for examples in task.splits.values() for example in examples}
    for number in sorted(used - train):
        raise DataError(f"no training example has the label '{task.labels[int(number)]}'", folder)
    if len(train) < 2:
        raise DataError("all training examples have one label; expected two or more", folder)
