"""Tasks that tell altered sentences from those as written: BShift, SOMO, CoordInv."""

import random
from collections import Counter, defaultdict
from typing import DefaultDict, Dict, List, NamedTuple, Optional, Set, Tuple

from hmtl.corpora.conllu import Token
from hmtl.corpora.treebank import SPLITS, Sentence, Splits
from research.probing_data.syntactic import ROOT_LABELS
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder, halves

# The classes: two tokens or clauses inverted, a word changed, the sentence as it was.
INVERTED, CHANGED, ORIGINAL = "I", "C", "O"
DOUBLE_QUOTES = frozenset(('"', "``", "''", "“", "”", "„"))


class BigramShift(TaskBuilder):
    file_name = "bigram_shift.txt"
    title = "BShift"
    rule = (
        "I: two neighbouring tokens, drawn at random, are swapped; O: the sentence as it was. Neither token is the "
        "first of the sentence or punctuation, and they differ. Sentences with double quotes are left out, and no "
        "sentence is in both classes."
    )

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples()
        for split, sentences in splits.items():
            usable = [sentence for sentence in sentences if swaps(sentence)]
            inverted, original = halves(usable, settings.sizes[split], generator)
            made = [Example(INVERTED, swapped(s.forms, generator.choice(swaps(s)))) for s in inverted]
            made += [Example(ORIGINAL, sentence.forms) for sentence in original]
            generator.shuffle(made)
            examples.by_split[split] = made
        return examples


def swaps(sentence: Sentence) -> List[int]:
    """The positions of tokens that can be swapped with the next one."""
    if DOUBLE_QUOTES.intersection(sentence.forms):
        return []
    return [
        i
        for i in range(1, len(sentence.tokens) - 1)
        if all(any(map(str.isalnum, sentence.forms[j])) and sentence.tokens[j].upos != "PUNCT" for j in (i, i + 1))
        and sentence.forms[i].lower() != sentence.forms[i + 1].lower()
    ]


def swapped(words: Tuple[str, ...], position: int) -> Tuple[str, ...]:
    return words[:position] + (words[position + 1], words[position]) + words[position + 2 :]


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
