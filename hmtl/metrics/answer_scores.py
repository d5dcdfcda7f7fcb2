"""Exact match and F1 of answers as texts, as SQuAD's official scripts count them."""

import re
import string
from collections import Counter
from typing import Dict, List, Mapping, Sequence

from allennlp.training.metrics import Metric

from hmtl.metrics.counts import all_reduce_counts, f1, ratio

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
# Questions, those with an answer, and of each the sums of exact matches and of F1.
_NUM_SUMS = 6


@Metric.register("answer_scores")
class AnswerScores(Metric):
    """Exact match (EM) and F1 of one answer a question, the mean over all questions (Rajpurkar et al. 2016).

    Answers are compared in small letters, without punctuation (that of ASCII) and articles, by their words between
    white space. The F1 of two answers is that of their bags of words, and of several gold answers the best counts. A
    question that has no answer is right, both ways, where none is given, and wrong otherwise (`evaluate-v2.0.py`).

    Where some questions have no answer, there are the same figures of the two sorts: `em_answerable`, `f1_answerable`,
    and `em_unanswerable`, which is the share of the unanswerable questions that none is given to.

    Sums are taken over distributed workers: `get_metric` must be called by all of them or by none.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self.reset()

    def __call__(  # type: ignore[override]
        self, predicted: Mapping[str, str], gold: Mapping[str, Sequence[str]]
    ) -> None:
        """Counts the questions of a paragraph.

        # Parameters

        predicted : `Mapping[str, str]`
            The answer by the id of its question. A question that is left out, or has an empty text, gets none.
        gold : `Mapping[str, Sequence[str]]`
            The gold answers of each question; none where it has no answer.
        """
        for name, answers in gold.items():
            answer = predicted.get(name, "")
            # As the official script does: gold that is nothing but an article or a stop counts as none.
            texts = [text for text in answers if normalised(text)] or [""]
            em = max(float(normalised(answer) == normalised(text)) for text in texts)
            best = max(overlap_f1(answer, text) for text in texts)
            sort = 0 if answers else 3
            for place, value in enumerate((1.0, em, best)):
                self._sums[sort + place] += value

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """`em` and `f1`, from 0 to 1, and those of the two sorts of questions where there are both."""
        answerable, em, of_f1, unanswerable, em_none, f1_none = all_reduce_counts(self._sums)
        number = answerable + unanswerable
        scores = {"em": ratio(em + em_none, number), "f1": ratio(of_f1 + f1_none, number)}
        if answerable and unanswerable:
            scores["em_answerable"], scores["f1_answerable"] = em / answerable, of_f1 / answerable
            scores["em_unanswerable"] = em_none / unanswerable
        if reset:
            self.reset()
        return scores

    def reset(self) -> None:
        """Forgets all counts."""
        self._sums: List[float] = [0.0] * _NUM_SUMS


def normalised(answer: str) -> str:
    """An answer in small letters, without punctuation and articles, its words between single spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_WITHOUT_PUNCTUATION)).split())


def overlap_f1(answer: str, gold: str) -> float:
    """The F1 of the words of two answers; where one of them has none, whether the other has none, too."""
    words, gold_words = normalised(answer).split(), normalised(gold).split()
    if not words or not gold_words:
        return float(words == gold_words)
    common = (Counter(words) & Counter(gold_words)).total()
    return f1(common / len(words), common / len(gold_words))
