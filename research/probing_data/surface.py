"""Tasks of the surface: SentLen, WC."""

import random
from collections import Counter, defaultdict
from typing import Collection, DefaultDict, Dict, List, Set

from hmtl.corpora.treebank import SPLITS, Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder, balance

# The last length, in tokens, of each class; the first begins at 5.
LAST_LENGTHS = (8, 12, 16, 20, 25, 28)


class SentenceLength(TaskBuilder):
    file_name = "sentence_length.txt"
    title = "SentLen"
    rule = "The class is the range of the number of tokens: 0: 5-8, 1: 9-12, 2: 13-16, 3: 17-20, 4: 21-25, 5: 26-28."

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples()
        for split, sentences in splits.items():
            for sentence in sentences:
                label = next(i for i, last in enumerate(LAST_LENGTHS) if len(sentence.tokens) <= last)
                examples.by_split[split].append(Example(str(label), sentence.forms))
        return balance(examples, settings.sizes, generator)


# SentEval's targets have ranks from 2001 on in a large corpus, and four letters or more.
FIRST_RANK, MIN_LETTERS = 2001, 4
# What a word needs in each split, and how frequent it may be, where those ranks are too rare for that.
MIN_SENTENCES = {"tr": 8, "va": 1, "te": 1}
MAX_FREQUENCY = 1 / 1000


class WordContent(TaskBuilder):
    file_name = "word_content.txt"
    title = "WC"
    rule = (
        "The class is the one of the target words that the lower-cased sentence contains; it contains no other, and "
        "this one once. Targets have four letters or more and are of middle frequency."
    )

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        frequencies = Counter(
            word for sentences in splits.values() for sentence in sentences for word in map(str.lower, sentence.forms)
        )
        ranked = [word for word, _ in frequencies.most_common() if len(word) >= MIN_LETTERS and word.isalpha()]
        beyond = {word for word, _ in frequencies.most_common(FIRST_RANK - 1)}
        targets = _sufficient([word for word in ranked if word not in beyond][: settings.num_words], splits)
        notes = []
        if len(targets) < settings.num_words:
            limit = MAX_FREQUENCY * sum(frequencies.values())
            targets = _sufficient([word for word in ranked if frequencies[word] <= limit], splits)
            targets = set(sorted(targets, key=lambda word: (-frequencies[word], word))[: settings.num_words])
            needs = ", ".join(f"{number} {split}" for split, number in MIN_SENTENCES.items())
            notes.append(
                f"{len(targets)} target words instead of {settings.num_words} of the ranks from {FIRST_RANK} on: words "
                f"that are at most one in {round(1 / MAX_FREQUENCY)} tokens and have enough sentences ({needs})."
            )
        examples = Examples(notes=notes)
        for word, sentences_of in sorted(_sentences_with_one(targets, splits).items()):
            for split, sentences in sentences_of.items():
                examples.by_split[split].extend(Example(word, words, word) for words in sentences)
        return balance(examples, settings.sizes, generator)


def _sufficient(words: Collection[str], splits: Splits) -> Set[str]:
    """The words that have enough sentences; each word that goes may free sentences of others, so the worst go first."""
    kept = set(words)
    while kept:
        sentences_with = _sentences_with_one(kept, splits)
        shares = {word: _share(sentences_with[word]) for word in kept}
        lacking = sorted((word for word in kept if shares[word] < 1), key=lambda word: (shares[word], word))
        if not lacking:
            break
        kept -= set(lacking[: 1 + len(lacking) // 10])
    return kept


def _share(sentences: Dict[str, List]) -> float:
    """How much of what a word needs it has, 1 where it has enough in every split."""
    return sum(min(1.0, len(sentences.get(split, ())) / MIN_SENTENCES[split]) for split in SPLITS) / len(SPLITS)


def _sentences_with_one(words: Collection[str], splits: Splits) -> DefaultDict[str, Dict[str, List]]:
    """For each word and split the sentences that contain it once and none of the others."""
    found: DefaultDict[str, Dict[str, List]] = defaultdict(lambda: {split: [] for split in SPLITS})
    for split, sentences in splits.items():
        for sentence in sentences:
            contained = [form.lower() for form in sentence.forms if form.lower() in words]
            if len(contained) == 1:
                found[contained[0]][split].append(sentence.forms)
    return found
