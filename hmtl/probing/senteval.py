"""SentEval's ten probing tasks (Conneau et al. 2018) in the files that it ships them in."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from hmtl.common.lines import read_lines
from hmtl.errors import DataError, UserError

# The names of the tasks in the papers, in the order of their tables, and their files.
FILES = {
    "SentLen": "sentence_length.txt",
    "WC": "word_content.txt",
    "TreeDepth": "tree_depth.txt",
    "TopConst": "top_constituents.txt",
    "BShift": "bigram_shift.txt",
    "Tense": "past_present.txt",
    "SubjNum": "subj_number.txt",
    "ObjNum": "obj_number.txt",
    "SOMO": "odd_man_out.txt",
    "CoordInv": "coordination_inversion.txt",
}
# What the first column says, and what it means.
SPLITS = {"tr": "train", "va": "validation", "te": "test"}


class Example(NamedTuple):
    label: str
    sentence: List[str]


@dataclass
class ProbingTask:
    """One task: labelled sentences in three splits.

    # Attributes

    name : `str`
        As in the papers, such as `SentLen`.
    splits : `Dict[str, List[Example]]`
        `train`, `validation` and `test`, none of them empty.
    sha256 : `str`
        Of the file.
    """

    name: str
    splits: Dict[str, List[Example]] = field(default_factory=dict)
    sha256: str = ""

    @property
    def labels(self) -> List[str]:
        """The classes, sorted: those of the training sentences."""
        return sorted({example.label for example in self.splits["train"]})

    @property
    def sentences(self) -> List[List[str]]:
        """All sentences, split by split."""
        return [example.sentence for examples in self.splits.values() for example in examples]

    def majority_accuracy(self) -> float:
        """The test accuracy of always answering the label that is most frequent in training; of several the first."""
        counts = Counter(example.label for example in self.splits["train"])
        label = max(sorted(counts), key=counts.__getitem__)
        test = self.splits["test"]
        return sum(example.label == label for example in test) / len(test)


def read_tasks(directory: Path, names: Sequence[str]) -> List[ProbingTask]:
    """The named tasks of a folder of SentEval's files; without names all whose files are there.

    # Raises

    UserError
        For an unknown name, or where there is no such folder, or none of the files in it.
    DataError
        As `read_task` does, and where the file of a named task is missing.
    """
    for name in names:
        if name not in FILES:
            raise UserError(f"there is no probing task '{name}'; expected some of: {', '.join(FILES)}")
    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory; expected one with SentEval's files, such as {FILES['WC']}")
    chosen = [name for name in FILES if (name in names if names else (directory / FILES[name]).exists())]
    if not chosen:
        raise UserError(f"{directory}: has none of SentEval's files: {', '.join(FILES.values())}")
    return [read_task(directory / FILES[name], name) for name in chosen]


def read_task(path: Path, name: str) -> ProbingTask:
    """Reads `split<TAB>label<TAB>...<TAB>sentence` line by line; the sentence, in the last column, is split at spaces.

    # Raises

    DataError
        Naming the file, and the line where there is one: for a missing or empty file, an unknown split, too few
        columns, no label or sentence, a split without sentences, a single class, or a class that is not in training.
    """
    if not path.is_file():
        raise DataError(f"no such file; expected the task {name} in SentEval's format", path)
    task = ProbingTask(name, {split: [] for split in SPLITS.values()}, _sha256(path))
    line_of: Dict[str, int] = {}
    for number, line in read_lines(path):
        columns = line.split("\t")
        if len(columns) < 3:
            raise DataError(
                f"expected split, label and sentence, separated by tabs; found {len(columns)} column(s)", path, number
            )
        split, label, sentence = columns[0], columns[1], columns[-1].split()
        if split not in SPLITS:
            raise DataError(f"the split is '{split}'; expected one of: {', '.join(SPLITS)}", path, number)
        if not label or not sentence:
            raise DataError(
                f"the {'sentence' if label else 'label'} is empty; fill it in or drop the line", path, number
            )
        task.splits[SPLITS[split]].append(Example(label, sentence))
        line_of.setdefault(label, number)
    _check(task, path, line_of)
    return task


def _check(task: ProbingTask, path: Path, line_of: Dict[str, int]) -> None:
    if not line_of:
        raise DataError("the file is empty; expected lines of split, label and sentence", path)
    for short, split in SPLITS.items():
        if not task.splits[split]:
            raise DataError(f"no sentence of the split '{short}'; expected some of each of: {', '.join(SPLITS)}", path)
    labels = task.labels
    if len(labels) < 2:
        raise DataError(
            f"all training sentences are of the one class '{labels[0]}'; expected two or more", path, line_of[labels[0]]
        )
    for label, number in line_of.items():
        if label not in labels:
            raise DataError(f"no training sentence is of the class '{label}'", path, number)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
