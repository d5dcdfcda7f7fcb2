"""SOMO: was a noun or verb replaced by another?"""

import random
from collections import Counter, defaultdict
from typing import DefaultDict, Dict, List, NamedTuple, Optional, Tuple

from hmtl.corpora.conllu import Token
from research.probing_data.sampling import halves
from research.probing_data.splits import SPLITS, Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder
from research.probing_data.treebank import Sentence

CHANGED, ORIGINAL = "C", "O"
REPLACED = ("NOUN", "VERB")
# SentEval's words occur 40 to 400 times; a treebank's at most once in so many tokens, but 30 times anyhow.
MAX_OCCURRENCES, MIN_MAX_OCCURRENCES, TOKENS_A_WORD = 400, 30, 2000
# Frequencies are comparable within this factor, one added to each.
FACTOR = 2.0
_START, _END = "<s>", "</s>"


class Replacement(NamedTuple):
    position: int
    word: str


class OddManOut(TaskBuilder):
    file_name = "odd_man_out.txt"
    title = "SOMO"
    rule = (
        "C: a common noun or verb, drawn at random, is replaced by another of the same part of speech (XPOS, hence "
        "also inflection) and another lemma; O: the sentence as it was. The bigrams with the token before and the "
        "token after, and the words themselves, have comparable frequencies. A replacement occurs in one split alone, "
        "and no sentence is in both classes."
    )

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        frequencies = Frequencies(splits)
        vocabularies = _vocabularies(splits, frequencies, generator)
        examples = Examples(notes=[_note(frequencies)])
        for split, sentences in splits.items():
            drawn = [(s, draw_replacement(s, vocabularies[split], frequencies, generator)) for s in sentences]
            usable = [(sentence, replacement) for sentence, replacement in drawn if replacement is not None]
            changed, original = halves(usable, settings.sizes[split], generator)
            made = [_replaced(sentence, replacement) for sentence, replacement in changed]
            made += [Example(ORIGINAL, sentence.forms) for sentence, _ in original]
            generator.shuffle(made)
            examples.by_split[split] = made
        return examples


class Frequencies:
    """How often words and bigrams of lower-cased tokens occur in the treebank, and the range that words must be in."""

    def __init__(self, splits: Splits) -> None:
        self.words: Counter = Counter()
        self.bigrams: Counter = Counter()
        for sentences in splits.values():
            for sentence in sentences:
                words = [_START, *map(str.lower, sentence.forms), _END]
                self.words.update(words[1:-1])
                self.bigrams.update(zip(words, words[1:]))
        scaled = sum(self.words.values()) // TOKENS_A_WORD
        self.highest = max(MIN_MAX_OCCURRENCES, min(MAX_OCCURRENCES, scaled))
        self.lowest = self.highest // 10

    def eligible(self, token: Token) -> bool:
        frequency = self.words[token.form.lower()]
        return token.upos in REPLACED and token.form.isalpha() and self.lowest <= frequency <= self.highest


def draw_replacement(
    sentence: Sentence, vocabulary: Dict[str, List[Token]], frequencies: Frequencies, generator: random.Random
) -> Optional[Replacement]:
    """One of the places where a word can be replaced, each as probable, and one of the words that can stand there."""
    words = [_START, *map(str.lower, sentence.forms), _END]
    places = [position for position, token in enumerate(sentence.tokens) if frequencies.eligible(token)]
    generator.shuffle(places)
    for position in places:
        token = sentence.tokens[position]
        before, word, after = words[position : position + 3]
        others = vocabulary.get(token.xpos, [])
        for other in generator.sample(others, len(others)):
            form = other.form.lower()
            if (
                form not in words
                and other.lemma != token.lemma
                and _comparable(frequencies.words[word], frequencies.words[form])
                # The sentence itself is no evidence for the bigrams that it has.
                and _comparable(frequencies.bigrams[before, word] - 1, frequencies.bigrams[before, form])
                and _comparable(frequencies.bigrams[word, after] - 1, frequencies.bigrams[form, after])
            ):
                return Replacement(position, form)
    return None


def _comparable(one: int, other: int) -> bool:
    return 1 / FACTOR <= (1 + one) / (1 + other) <= FACTOR


def _vocabularies(
    splits: Splits, frequencies: Frequencies, generator: random.Random
) -> Dict[str, Dict[str, List[Token]]]:
    """For each split and part of speech the words that may replace others; a form is in one split alone."""
    types: Dict[Tuple[str, str], Token] = {}
    for sentences in splits.values():
        for sentence in sentences:
            for token in filter(frequencies.eligible, sentence.tokens):
                types.setdefault((token.form.lower(), token.xpos), token)
    forms = sorted({form for form, _ in types})
    sizes = [1 + len(splits[split]) for split in SPLITS]
    split_of = dict(zip(forms, generator.choices(SPLITS, weights=sizes, k=len(forms))))
    vocabularies: Dict[str, DefaultDict[str, List[Token]]] = {split: defaultdict(list) for split in SPLITS}
    for (form, xpos), token in sorted(types.items()):
        vocabularies[split_of[form]][xpos].append(token)
    return {split: dict(vocabulary) for split, vocabulary in vocabularies.items()}


def _replaced(sentence: Sentence, replacement: Replacement) -> Example:
    position, word = replacement
    shown = word.capitalize() if sentence.forms[position][0].isupper() else word
    return Example(CHANGED, sentence.forms[:position] + (shown,) + sentence.forms[position + 1 :], word)


def _note(frequencies: Frequencies) -> str:
    return (
        "Frequencies are counted in the usable sentences of this treebank, those of bigrams without the sentence "
        f"itself; comparable means within a factor of {FACTOR:g}, one added to each. Words occur {frequencies.lowest} "
        f"to {frequencies.highest} times; SentEval's 40 to 400 times in a large corpus."
    )
