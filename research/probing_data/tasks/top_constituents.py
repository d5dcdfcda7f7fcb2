"""TopConst: which constituents make up the sentence?"""

import random
from collections import Counter
from typing import Dict, List, Optional

from hmtl.corpora.constituents import Constituent
from research.probing_data.sampling import balance
from research.probing_data.splits import SPLITS, Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder

OTHER, END = "OTHER", "."
ROOT_LABELS = ("", "ROOT", "TOP")
# A class needs as many sentences in each split.
MIN_SENTENCES = {"tr": 20, "va": 2, "te": 2}


class TopConstituents(TaskBuilder):
    file_name = "top_constituents.txt"
    title = "TopConst"
    rule = (
        "The class is the sequence of constituents below the topmost clause or phrase, such as NP_VP_. for one of the "
        "most frequent sequences, else OTHER. Sequences with punctuation or quotes before their end, or without a full "
        "stop, question or exclamation mark at it, are left out."
    )
    needs_brackets = True

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        counts: Dict[str, Counter] = {split: Counter() for split in SPLITS}
        examples = Examples()
        for split, sentences in splits.items():
            for sentence in sentences:
                assert sentence.tree is not None
                label = top_constituents(sentence.tree)
                if label is not None:
                    examples.by_split[split].append(Example(label, sentence.forms))
                    counts[split][label] += 1
        total = sum(counts.values(), Counter())
        classes = [
            label
            for label, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))
            if all(counts[split][label] >= MIN_SENTENCES[split] for split in SPLITS)
        ][: settings.num_top_constituents]
        if len(classes) < settings.num_top_constituents:
            needs = ", ".join(f"{number} {split}" for split, number in MIN_SENTENCES.items())
            examples.notes.append(
                f"{len(classes)} sequences and OTHER instead of {settings.num_top_constituents} and OTHER: those with "
                f"enough sentences ({needs})."
            )
        for split in SPLITS:
            examples.by_split[split] = [
                example if example.label in classes else example._replace(label=OTHER)
                for example in examples.by_split[split]
            ]
        return balance(examples, settings.sizes, generator)


def top_constituents(tree: Constituent) -> Optional[str]:
    """The categories below the root's only child, joined by `_`; `None` where punctuation is amid them."""
    top = tree
    while top.label in ROOT_LABELS and len(top.constituents) == 1:
        top = top.constituents[0]
    categories: List[str] = [child.category for child in top.constituents]
    if len(categories) < 2 or categories[-1] != END:
        return None
    return None if any(_is_punctuation(child) for child in top.constituents[:-1]) else "_".join(categories)


def _is_punctuation(node: Constituent) -> bool:
    """Whether a node has words without a letter or digit alone."""
    return not any(character.isalnum() for word in node.words() for character in word)
