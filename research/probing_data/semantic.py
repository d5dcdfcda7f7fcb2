"""Tasks of meaning: Tense, SubjNum, ObjNum."""

import random
from typing import Optional, Tuple

from hmtl.corpora.conllu import Token
from hmtl.corpora.treebank import Sentence, Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder, balance, keep_targets_apart

TENSES = {"Past": "PAST", "Pres": "PRES"}


class PastPresent(TaskBuilder):
    file_name = "past_present.txt"
    title = "Tense"
    rule = (
        "The class is the feature Tense, Past or Pres, of the finite verb of the main clause: of the root, if it has "
        "VerbForm=Fin, else of the first of its auxiliaries and copulas that has. Other sentences are left out, such "
        "as those with a modal verb, which has no tense. The verb's lower-cased form occurs in one split alone."
    )

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples(notes=["No limits to the frequency of the verb; SentEval's are 100 and 5000 occurrences."])
        for split, sentences in splits.items():
            for sentence in sentences:
                found = tense(sentence)
                if found is not None:
                    examples.by_split[split].append(Example(found[0], sentence.forms, found[1]))
        return balance(keep_targets_apart(examples), settings.sizes, generator)


def tense(sentence: Sentence) -> Optional[Tuple[str, str]]:
    """The tense of the main clause, and the verb that shows it."""
    root = sentence.root
    auxiliaries = sorted(sentence.dependents(root, "aux") + sentence.dependents(root, "cop"))
    for token in (sentence.tokens[position] for position in (root, *auxiliaries)):
        if _is_finite(token):
            label = TENSES.get(token.features.get("Tense", ""))
            return None if label is None else (label, token.form.lower())
    return None


def _is_finite(token: Token) -> bool:
    return token.upos in ("VERB", "AUX") and token.features.get("VerbForm") == "Fin"


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
