"""Labels and numbers of sentences, documents and pairs of texts, as kinds of prediction."""

from typing import Any, Callable, Collection, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from allennlp.common.util import JsonDict

from hmtl.alignment import Bounds
from hmtl.common.characters import on_one_line, visible
from hmtl.document import LABELS, SECOND_TEXT, Document
from hmtl.metrics import NumberScores
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.errors.section import Analyser
from hmtl.tasks.kind import DocItem, Kind, Metrics, TextRow, scored
from hmtl.tasks.labels.label_baseline import label_baseline, number_baseline
from hmtl.tasks.labels.label_errors import NumberErrors, PairErrors

_F1, _ACCURACY, _MATTHEWS = "f1", "accuracy", "matthews"


class _Values(Kind):
    """What kinds of labels and of numbers share. In the output a row is `{start, end, text, char_start, char_end}`, of a
    sentence with its number `sentence`, and with `label`, or `value`, a number. A document has a layer for each task in
    its metadata `labels`."""

    def to_json(self, item: Tuple[Any, ...], row: TextRow, score: Optional[float]) -> JsonDict:
        (value,) = item
        sentence = {} if row.sentence is None else {"sentence": row.sentence}
        return {**row.mention(0, row.last - row.first), **sentence, **self._valued(value, score)}

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        """The rows as a layer of labels: of one label each where each sentence has one, else of lists. Where nothing was
        found there is no layer: neither sentences nor the whole have it then."""
        if not rows:
            return
        labels = document.metadata.setdefault(LABELS, {})
        if "sentence" not in rows[0]:
            labels.setdefault("document", {})[task] = _entry([_value(row) for row in rows])
            return
        by_sentence: List[List[Any]] = [[] for _ in document.sentences]
        for row in rows:
            by_sentence[row["sentence"]].append(_value(row))
        is_one_each = all(len(values) == 1 for values in by_sentence)
        labels.setdefault("sentences", {})[task] = [values[0] for values in by_sentence] if is_one_each else by_sentence

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """A line for each row: what it has, and the sentence or both texts; of a whole text what it has alone."""
        return [
            "  ".join([emphasised(visible(_shown(row))), *(on_one_line(each["text"]) for each in self._shown_texts(row))])
            for row in rows
        ]

    def cats(self, task: str, rows: List[JsonDict]) -> Dict[str, float]:
        """The probabilities of the labels of the whole text, and a number by the name of its task."""
        return {
            row.get("label", task): row["value"] if "value" in row else row.get("score", 1.0)
            for row in rows
            if "sentence" not in row
        }

    def _valued(self, value: Any, score: Optional[float]) -> JsonDict:
        return scored({"label": value}, score)

    def _shown_texts(self, row: JsonDict) -> List[JsonDict]:
        return self.mentions(row) if "sentence" in row else []


class _Numbers(_Values):
    """What kinds of numbers share."""

    counted = "numbers"
    is_labelled = False
    figures = {"pearson": "Pearson", "spearman": "Spearman"}

    def notes(
        self, task: str, columns: Mapping[str, str], scores: Mapping[str, Metrics], best: Collection[str]
    ) -> Iterator[str]:
        for weights, metrics in scores.items():
            if weights in best and "mse" in metrics:
                yield f"{task}: mean squared error of {weights}: {metrics['mse']:.4f}"

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Baseline:
        return number_baseline(reader.layer, train, test)

    def errors(self, num_examples: int) -> Analyser:
        return NumberErrors(self.plural, self.gold, num_examples)

    def doc_value(self, row: JsonDict, span: Callable[[JsonDict], Any]) -> DocItem:
        """A `DocItem` without a label, whose `score` is the number."""
        return DocItem(None, [span(mention) for mention in self.mentions(row)], row["value"])

    def doc_scores(self, pairs: Iterable[Tuple[List[Any], List[Any]]], name: str) -> Dict[str, float]:
        """`{name}_pearson`, `_spearman` and `_mse` of the numbers of what has one on both sides."""
        metric = NumberScores()
        for predicted, gold in pairs:
            right = {tuple(value.mentions): value.score for value in gold}
            found = [value for value in predicted if tuple(value.mentions) in right]
            metric([value.score for value in found], [right[tuple(value.mentions)] for value in found])
        return {f"{name}_{metric_name}": value for metric_name, value in metric.get_metric().items()}

    def _valued(self, value: Any, score: Optional[float]) -> JsonDict:
        return {"value": round(value, 4)}


class _OfPairs(_Values):
    """What kinds of pairs share. Items are `(bounds of the first text, bounds of the second, label)`, or with a number
    last; in the output `{text1: {start, end, text, char_start, char_end}, text2: {...}, label, score}`, or `value`."""

    def to_json(self, item: Tuple[Bounds, Bounds, Any], row: TextRow, score: Optional[float]) -> JsonDict:
        first, second, value = item
        return {"text1": row.mention(*first), "text2": row.mention(*second), **self._valued(value, score)}

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        super().add_to_document(document, task, rows)
        if rows:
            document.metadata[SECOND_TEXT] = document.sentence_starts.index(rows[0]["text2"]["start"])

    def _shown_texts(self, row: JsonDict) -> List[JsonDict]:
        return self.mentions(row)


@Kind.register("labels")
class Labels(_Values):
    """Labels of sentences or documents: items are `(label,)`, in the output with a `score` the probability of the
    label."""

    singular, plural = "label", "labels"
    figures = {_ACCURACY: "accuracy", _F1: "micro F1", "f1_macro": "macro F1", _MATTHEWS: "Matthews"}
    drawing = "labels"

    def columns(self, scores: Sequence[Metrics], baseline: Optional[Metrics]) -> Dict[str, str]:
        """Of one label each, micro F1 is the accuracy, and left out."""
        columns = super().columns(scores, baseline)
        if _MATTHEWS in columns:
            columns.pop(_F1, None)
        return columns

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Baseline:
        return label_baseline(reader.layer, reader.values == "label", train, test)


@Kind.register("numbers")
class Numbers(_Numbers):
    """Numbers of sentences or documents: items are `(number,)`."""

    singular, plural = "number", "numbers"
    drawing = "labels"


@Kind.register("pairs")
class Pairs(_OfPairs, Labels):
    """Labels of pairs of texts."""

    singular, plural = "labelled pair", "labelled pairs"

    def errors(self, num_examples: int) -> Analyser:
        return PairErrors(num_examples)


@Kind.register("pair_numbers")
class PairNumbers(_OfPairs, _Numbers):
    """Numbers of pairs of texts."""

    singular, plural = "pair with a number", "pairs with a number"


def _value(row: JsonDict) -> Any:
    return row["value"] if "value" in row else row["label"]


def _shown(row: JsonDict) -> str:
    return f"{row['value']:.2f}" if "value" in row else row["label"]


def _entry(values: List[Any]) -> Any:
    return values[0] if len(values) == 1 else values
