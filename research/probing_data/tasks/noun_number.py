"""SubjNum and ObjNum: is the subject, or the object, of the main clause singular or plural?"""

import random
from typing import Optional, Tuple

from research.probing_data.sampling import balance, keep_targets_apart
from research.probing_data.splits import Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder
from research.probing_data.treebank import Sentence

# The Penn Treebank's tags of singular and plural nouns name the classes in SentEval.
NUMBERS = {"Sing": "NN", "Plur": "NNS"}
_RULE = (
    "The class is the feature Number of the {} of the root, if there is one and it is a common noun: NN for Sing, NNS "
    "for Plur. The noun's lower-cased form occurs in one split alone."
)


class NounNumber(TaskBuilder):
    """The number of the noun that depends on the root by a relation."""

    relation: str

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples(notes=["No limits to the frequency of the noun; SentEval's are 100 and 5000 occurrences."])
        for split, sentences in splits.items():
            for sentence in sentences:
                found = number(sentence, self.relation)
                if found is not None:
                    examples.by_split[split].append(Example(found[0], sentence.forms, found[1]))
        return balance(keep_targets_apart(examples), settings.sizes, generator)


class SubjectNumber(NounNumber):
    file_name = "subj_number.txt"
    title = "SubjNum"
    relation = "nsubj"
    rule = _RULE.format("subject (nsubj)")


class ObjectNumber(NounNumber):
    file_name = "obj_number.txt"
    title = "ObjNum"
    relation = "obj"
    rule = _RULE.format("direct object (obj)")


def number(sentence: Sentence, relation: str) -> Optional[Tuple[str, str]]:
    """The number of the only dependent of the root by a relation, and that noun."""
    dependents = sentence.dependents(sentence.root, relation)
    if len(dependents) != 1:
        return None
    token = sentence.tokens[dependents[0]]
    label = NUMBERS.get(token.features.get("Number", ""))
    return None if token.upos != "NOUN" or label is None else (label, token.form.lower())
