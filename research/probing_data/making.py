"""Makes the ten probing tasks from a treebank."""

import random
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple, Type

from allennlp.common import Tqdm

from hmtl.corpora.treebank import (
    DEFAULT_SHARES,
    LISTS,
    SPLITS,
    Splits,
    find_lists,
    read_treebank,
    split_at_random,
    split_by_lists,
)
from hmtl.errors import UserError
from research.probing_data.altered import BigramShift, CoordinationInversion, OddManOut
from research.probing_data.output import write_tasks
from research.probing_data.semantic import ObjectNumber, PastPresent, SubjectNumber
from research.probing_data.surface import SentenceLength, WordContent
from research.probing_data.syntactic import TopConstituents, TreeDepth
from research.probing_data.task_builder import MAX_LENGTH, MIN_LENGTH, Examples, Made, Settings, TaskBuilder

# The sizes of SentEval's tasks.
DEFAULT_SIZES = (100000, 10000, 10000)

# In the order of the paper's tables.
TASKS = (
    SentenceLength,
    WordContent,
    TreeDepth,
    TopConstituents,
    BigramShift,
    PastPresent,
    SubjectNumber,
    ObjectNumber,
    OddManOut,
    CoordinationInversion,
)


def make_tasks(splits: Splits, settings: Settings, seed: int) -> List[Made]:
    """Each of the ten tasks; the examples of one do not depend on which others are made."""
    has_trees = all(sentence.tree is not None for sentences in splits.values() for sentence in sentences)
    return [_make(task, splits, has_trees, settings, seed) for task in Tqdm.tqdm(TASKS, desc="making the tasks")]


def _make(task: Type[TaskBuilder], splits: Splits, has_trees: bool, settings: Settings, seed: int) -> Made:
    if task.needs_brackets and not has_trees:
        return Made(task, left_out="it needs the constituency trees of --ptb")
    generator = random.Random(f"{seed} {task.file_name}")
    examples = task().make(splits, settings, generator)
    if len(examples.labels) < 2 or not all(examples.by_split.values()):
        return Made(
            task, Examples(notes=examples.notes), "the treebank has too few sentences for two classes in each split"
        )
    return Made(task, examples)


def usable_sentences(splits: Splits) -> Tuple[Splits, Dict[str, int]]:
    """The sentences that tasks are made of, and how many others there are, by the reason they are left out for.

    Equal sentences, whatever their capitals, are kept once, in the first split that has them.
    """
    seen: Set[Tuple[str, ...]] = set()
    usable: Splits = {split: [] for split in SPLITS}
    dropped: Counter = Counter()
    for split in SPLITS:
        for sentence in splits[split]:
            words = tuple(map(str.lower, sentence.forms))
            if not MIN_LENGTH <= len(words) <= MAX_LENGTH:
                dropped[f"not of {MIN_LENGTH} to {MAX_LENGTH} tokens"] += 1
            elif any(not form or any(map(str.isspace, form)) for form in words):
                dropped["a token with a blank in it"] += 1
            elif words in seen:
                dropped["equal to an earlier one"] += 1
            else:
                seen.add(words)
                usable[split].append(sentence)
    return usable, dict(dropped)


def make_data(
    conllu: Path,
    ptb: Optional[Path],
    output: Path,
    seed: int = 13370,
    sizes: Sequence[int] = DEFAULT_SIZES,
    shares: Optional[Sequence[float]] = None,
    num_words: int = 1000,
    num_top_constituents: int = 19,
) -> Dict[str, Any]:
    """Makes the ten probing tasks from a treebank; returns what `counts.json` holds of their origin.

    # Raises

    UserError
        At an argument or a file that cannot be used; nothing is written then.
    """
    _check(sizes, shares, num_words, num_top_constituents)
    treebank = read_treebank(conllu, ptb)
    lists = find_lists(conllu) if shares is None else None
    unlisted: Sequence[str] = ()
    if lists is not None:
        splits, unlisted = split_by_lists(treebank, lists)
        origin = "documents as listed in " + ", ".join(LISTS.values())
    else:
        shares = shares or DEFAULT_SHARES
        splits = split_at_random(treebank, shares, seed)
        origin = "whole documents at random, shares " + " ".join(f"{share:g}" for share in shares)
    usable, dropped = usable_sentences(splits)
    made = make_tasks(usable, Settings(dict(zip(SPLITS, sizes)), num_words, num_top_constituents), seed)
    if all(one.left_out for one in made):
        raise UserError(f"{conllu}: too few sentences for any task; expected more documents, or other --shares")
    facts: Dict[str, Any] = {
        "documents": {split: len({sentence.document for sentence in splits[split]}) for split in SPLITS},
        "sentences": {split: len(usable[split]) for split in SPLITS},
        "dropped": dropped,
        "splits": origin + (f"; {len(unlisted)} documents that none lists are left out" if unlisted else ""),
        "seed": seed,
    }
    write_tasks(output, made, facts)
    for one in made:
        sizes_made = "  ".join(f"{split} {len(one.examples.by_split[split]):6}" for split in SPLITS)
        classes = f"{len(one.examples.labels):4} classes"
        print(f"{one.task.title:9} " + (f"left out: {one.left_out}" if one.left_out else f"{sizes_made}  {classes}"))
    print(f"written to {output}, with the rules and counts in README.md")
    return facts


def _check(sizes: Sequence[int], shares: Optional[Sequence[float]], num_words: int, num_top: int) -> None:
    if any(size < 2 for size in sizes):
        raise UserError(f"--sizes {' '.join(map(str, sizes))}: expected three numbers of 2 or more")
    if shares is not None and any(share <= 0 for share in shares):
        raise UserError(f"--shares {' '.join(map(str, shares))}: expected three numbers above 0")
    for option, number in (("--words", num_words), ("--top-constituents", num_top)):
        if number < 1:
            raise UserError(f"{option} {number}: expected 1 or more")
