"""CoordInv: were two coordinated clauses inverted?"""

import random
from collections import defaultdict
from typing import DefaultDict, List, NamedTuple, Optional, Set, Tuple

from hmtl.corpora.conllu import Token
from research.probing_data.sampling import halves
from research.probing_data.splits import Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder
from research.probing_data.tasks.top_constituents import ROOT_LABELS
from research.probing_data.treebank import Sentence

INVERTED, ORIGINAL = "I", "O"


class Coordination(NamedTuple):
    """Where two clauses are: the first ends before `first_end`, the second is from `start` to before `end`."""

    first_end: int
    start: int
    end: int


class CoordinationInversion(TaskBuilder):
    file_name = "coordination_inversion.txt"
    title = "CoordInv"
    rule = (
        "I: the two coordinated clauses that make up the sentence are inverted; O: the sentence as it was. The clauses "
        "are S, CC, S at the top of the tree, where there are brackets, else the root with its subject and its only "
        "conjunct with a subject of its own; the sentence has no other coordinating conjunction. Capitals move to the "
        "new first word. Both classes have equally many sentences whose first clause is longer, shorter, and as long, "
        "and no sentence is in both."
    )

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples()
        for split, sentences in splits.items():
            groups: DefaultDict[int, List[Tuple[Sentence, Coordination]]] = defaultdict(list)
            for sentence in sentences:
                found = coordination(sentence)
                if found is not None:
                    first, second = found.first_end, found.end - found.start
                    groups[(first > second) - (first < second)].append((sentence, found))
            made: List[Example] = []
            for _, group in sorted(groups.items()):
                inverted, original = halves(group, settings.sizes[split] // 3, generator)
                made += [Example(INVERTED, invert(sentence, found)) for sentence, found in inverted]
                made += [Example(ORIGINAL, sentence.forms) for sentence, _ in original]
            generator.shuffle(made)
            examples.by_split[split] = made
        return examples


def coordination(sentence: Sentence) -> Optional[Coordination]:
    """The two clauses that make up a sentence, if it has just one coordinating conjunction, which joins them."""
    conjunctions = [position for position, token in enumerate(sentence.tokens) if token.upos == "CCONJ"]
    if len(conjunctions) != 1:
        return None
    return _in_dependencies(sentence, conjunctions[0]) if sentence.tree is None else _in_brackets(sentence)


def _in_brackets(sentence: Sentence) -> Optional[Coordination]:
    """S CC S, maybe with a comma before CC and punctuation at the end."""
    top = sentence.tree
    while top is not None and top.label in ROOT_LABELS and len(top.constituents) == 1:
        top = top.constituents[0]
    assert top is not None
    categories = [child.category for child in top.constituents]
    lengths = [len(child.words()) for child in top.constituents]
    ending = categories[-1:] == ["."]
    if categories[: len(categories) - ending] not in (["S", "CC", "S"], ["S", ",", "CC", "S"]):
        return None
    end = len(sentence.tokens) - (lengths[-1] if ending else 0)
    return Coordination(lengths[0], end - lengths[len(categories) - ending - 1], end)


def _in_dependencies(sentence: Sentence, conjunction: int) -> Optional[Coordination]:
    """The root and its only conjunct, both with a subject; the conjunct's words are all those after the conjunction."""
    root, tokens = sentence.root, sentence.tokens
    conjuncts = sentence.dependents(root, "conj")
    if len(conjuncts) != 1 or tokens[conjunction].head != conjuncts[0]:
        return None
    if not all(sentence.dependents(head, "nsubj") for head in (root, conjuncts[0])):
        return None
    first_end = conjunction - (tokens[conjunction - 1].upos == "PUNCT")
    end = len(tokens) - (tokens[-1].upos == "PUNCT")
    second = _subtree(sentence, conjuncts[0])
    if first_end < 1 or any(
        (position in second) != (position > conjunction)
        for position in range(end)
        if position != conjunction and tokens[position].upos != "PUNCT"
    ):
        return None
    return Coordination(first_end, conjunction + 1, end)


def _subtree(sentence: Sentence, head: int) -> Set[int]:
    found, size = {head}, 0
    while len(found) > size:
        size = len(found)
        found |= {position for position, token in enumerate(sentence.tokens) if token.head in found}
    return found


def invert(sentence: Sentence, found: Coordination) -> Tuple[str, ...]:
    """The second clause, what joined them, the first clause, what ended the sentence."""
    words = sentence.forms
    second = words[found.start : found.end]
    first = (_inside(sentence.tokens[0]), *words[1 : found.first_end])
    first_letter = words[0][0]
    opening = second[0][0].upper() + second[0][1:] if first_letter.isupper() else second[0]
    return (opening, *second[1:], *words[found.first_end : found.start], *first, *words[found.end :])


def _inside(token: Token) -> str:
    """A first word as it is written elsewhere: names, "I" and abbreviations keep their capitals."""
    keeps = token.upos == "PROPN" or token.lemma == "I" or (token.form.isupper() and len(token.form) > 1)
    return token.form if keeps else token.form[0].lower() + token.form[1:]
