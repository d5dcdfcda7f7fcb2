"""Which documents of a treebank are for training, for validation and for testing."""

import random
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from hmtl.common.lines import read_lines
from hmtl.errors import DataError, UserError
from research.probing_data.treebank import Sentence

# SentEval's names of the splits, and of the lists of documents that make them.
SPLITS = ("tr", "va", "te")
LISTS = {"tr": "train.txt", "va": "dev.txt", "te": "test.txt"}
DEFAULT_SHARES = (0.8, 0.1, 0.1)

Splits = Dict[str, List[Sentence]]


def find_lists(conllu: Path) -> Optional[Path]:
    """The directory of `train.txt`, `dev.txt` and `test.txt`: that of the treebank, or the one above it."""
    folder = conllu if conllu.is_dir() else conllu.parent
    return next(
        (place for place in (folder, folder.parent) if all((place / n).is_file() for n in LISTS.values())), None
    )


def split_by_lists(treebank: Dict[str, List[Sentence]], lists: Path) -> Tuple[Splits, List[str]]:
    """The sentences of each split, and the documents that no list names.

    # Raises

    DataError
        Where a list names a document that is not in the treebank, or one that another list names as well.
    """
    splits: Splits = {split: [] for split in SPLITS}
    split_of: Dict[str, str] = {}
    for split, file_name in LISTS.items():
        path = lists / file_name
        for number, line in read_lines(path):
            name = line.strip()
            if not name:
                continue
            if name not in treebank:
                raise DataError(f"there is no document '{name}' in the treebank; expected its name", path, number)
            if name in split_of:
                raise DataError(f"'{name}' is in {LISTS[split_of[name]]} as well; expected it once", path, number)
            split_of[name] = split
            splits[split].extend(treebank[name])
    return splits, [name for name in treebank if name not in split_of]


def split_at_random(treebank: Dict[str, List[Sentence]], shares: Sequence[float], seed: int) -> Splits:
    """Whole documents, such that the splits have about these shares of the sentences.

    A document goes to the split that is furthest below its share; the order of documents depends on the seed.

    # Raises

    UserError
        Where there are fewer documents than splits.
    """
    if len(treebank) < len(SPLITS):
        raise UserError(f"the treebank has {len(treebank)} documents; a split by documents needs {len(SPLITS)} or more")
    names = sorted(treebank)
    random.Random(f"{seed} splits").shuffle(names)
    splits: Splits = {split: [] for split in SPLITS}
    for place, name in enumerate(names):
        # No split stays empty, however small its share.
        empty = [split for split in SPLITS if not splits[split]]
        among = empty if empty and len(names) - place <= len(empty) else SPLITS
        emptiest = min(among, key=lambda split: len(splits[split]) / shares[SPLITS.index(split)])
        splits[emptiest].extend(treebank[name])
    return splits
