"""The baseline of labelled spans: known strings."""

from collections import Counter, defaultdict
from typing import DefaultDict, Dict, Iterator, List, Optional, Sequence

from hmtl.corpora.several import CORPUS_KEY
from hmtl.document import Document, Span
from hmtl.metrics import LabelledF1
from hmtl.tasks.baselines import Phrase, Phrases, most_frequent, prefixed, with_layer


class MostFrequentType:
    """Tags the strings that were labelled in training, each with its most frequent label.

    A sentence is read from left to right; the longest known string at a token is tagged, and reading goes on behind it.
    Strings are compared case by case, since case tells "US" from "us". Of equally frequent labels, the first in
    alphabetical order is taken.

    # Parameters

    layer : `str`
        The span layer to learn and to predict.
    count_unlabelled : `bool`, optional (default = `False`)
        Whether a string is tagged only if its label is at least as frequent in training as no label at all.
    """

    def __init__(self, layer: str, count_unlabelled: bool = False) -> None:
        self.layer = layer
        self.count_unlabelled = count_unlabelled
        self._labels: Dict[Phrase, str] = {}
        self._phrases = Phrases([])

    def fit(self, documents: Sequence[Document]) -> "MostFrequentType":
        """Counts the strings of the documents that have the layer, and returns itself.

        # Raises

        UserError
            Where no document has the layer.
        """
        documents = with_layer(documents, self.layer)
        labels: DefaultDict[Phrase, Counter[str]] = defaultdict(Counter)
        labelled: Counter[Phrase] = Counter()
        for document in documents:
            for sentence, spans in zip(document.sentences, document.spans_by_sentence(self.layer)):
                for start, end, label in spans:
                    labels[tuple(sentence[start : end + 1])][label] += 1
                # A span with two labels is one occurrence.
                labelled.update(tuple(sentence[start : end + 1]) for start, end in {span.bounds for span in spans})
        self._labels = {phrase: most_frequent(counts) for phrase, counts in labels.items()}
        if self.count_unlabelled:
            occurrences = Phrases(labels).count(sentence for document in documents for sentence in document.sentences)
            self._labels = {
                phrase: label
                for phrase, label in self._labels.items()
                if labels[phrase][label] >= occurrences[phrase] - labelled[phrase]
            }
        self._phrases = Phrases(self._labels)
        return self

    def predict(self, document: Document) -> List[List[Span]]:
        """The spans of each sentence, with offsets counted from its start."""
        return [list(self._predict_sentence(sentence)) for sentence in document.sentences]

    def _predict_sentence(self, sentence: List[str]) -> Iterator[Span]:
        free = 0
        for start, end, phrase in self._phrases.matches(sentence):
            if start >= free:
                yield Span(start, end, self._labels[phrase])
                free = end + 1


def by_corpus(documents: Sequence[Document]) -> Dict[Optional[str], List[Document]]:
    """The documents of each corpus, where their metadata name it (see `SeveralCorpora`)."""
    found: Dict[Optional[str], List[Document]] = {}
    for document in documents:
        found.setdefault(document.metadata.get(CORPUS_KEY), []).append(document)
    return found


def span_baseline_scores(train: Sequence[Document], test: Sequence[Document], layer: str = "ner") -> Dict[str, float]:
    """The scores on `test` of `MostFrequentType`, fitted to `train`, and with the prefix `counting_unlabelled_` those
    of its variant with `count_unlabelled=True`: `precision`, `recall` and `f1`. Documents without the layer are left
    out; those of several corpora, whose labels differ, are counted and scored corpus by corpus.

    # Raises

    UserError
        Where no document of a side has the annotation.
    """
    scores: Dict[str, float] = {}
    for prefix, count_unlabelled in (("", False), ("counting_unlabelled_", True)):
        metric = LabelledF1()
        for corpus, documents in by_corpus(with_layer(test, layer)).items():
            baseline = MostFrequentType(layer, count_unlabelled).fit(by_corpus(train).get(corpus, []))
            for document in documents:
                metric(baseline.predict(document), document.spans_by_sentence(layer))
        scores.update(prefixed(prefix, metric.get_metric()))
    return scores
