"""Tense: is the main clause in the past or in the present?"""

import random
from typing import Optional, Tuple

from hmtl.corpora.conllu import Token
from research.probing_data.sampling import balance, keep_targets_apart
from research.probing_data.splits import Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder
from research.probing_data.treebank import Sentence

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
