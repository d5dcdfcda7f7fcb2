"""All probing tasks from the splits of a treebank."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List, Set, Tuple, Type

from allennlp.common import Tqdm

from research.probing_data.splits import SPLITS, Splits
from research.probing_data.task_builder import MAX_LENGTH, MIN_LENGTH, Examples, Settings, TaskBuilder
from research.probing_data.tasks import TASKS


@dataclass
class Made:
    """A task that was made of a treebank, or `left_out` for this reason."""

    task: Type[TaskBuilder]
    examples: Examples = field(default_factory=Examples)
    left_out: str = ""

    def counts(self) -> Dict[str, Dict[str, int]]:
        """The examples by split and class."""
        return {
            split: dict(sorted(Counter(example.label for example in self.examples.by_split[split]).items()))
            for split in SPLITS
        }


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
