"""Labels and numbers of sentences, documents and pairs of texts, as kinds of prediction."""

from typing import Any, Callable, Collection, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from allennlp.common.util import JsonDict

from hmtl.alignment import Bounds
from hmtl.common.characters import on_one_line, visible
from hmtl.corpora.formats.annotated import add_label_entries
from hmtl.document import SECOND_TEXT, Document
from hmtl.metrics import NumberScores
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.errors.section import Analyser
from hmtl.tasks.kind import DocItem, Kind, Metrics, TextRow, scored
from hmtl.tasks.labels.label_baseline import label_baseline, number_baseline
from hmtl.tasks.labels.label_errors import NumberErrors, PairErrors

_F1, _ACCURACY, _MATTHEWS = "f1", "accuracy", "matthews"


class _Values(Kind):
    """What kinds of labels and of numbers share. In the output a row has a `label`, or `value`, a number; of a sentence
    also its number, `sentence`, and `{start, end, text, char_start, char_end}`. A document has a layer for each task in
    its metadata `labels`."""

    def to_json(self, item: Tuple[Any, ...], row: TextRow, score: Optional[float]) -> JsonDict:
        (value,) = item
        if row.sentence is None:
            return self._valued(value, score)
        return {"sentence": row.sentence, **row.mention(0, row.last - row.first), **self._valued(value, score)}

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        """The rows as a layer of labels; see `add_label_entries`."""
        add_label_entries(document.metadata, task, rows, len(document.sentences))

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """A line for each row: what it has, and the sentence, or both texts."""
        return [
            "  ".join([emphasised(visible(_shown(row))), *(on_one_line(each["text"]) for each in self.mentions(row))])
            for row in rows
        ]

    def add_to_doc(self, doc: Any, task: str, rows: List[JsonDict], span: Callable[[JsonDict], Any]) -> None:
        """Gives `doc.cats` the probabilities of the labels of the whole text, and a number by the name of its task."""
        doc.cats.update(
            {
                row.get("label", task): row["value"] if "value" in row else row.get("score", 1.0)
                for row in rows
                if "sentence" not in row
            }
        )

    def _valued(self, value: Any, score: Optional[float]) -> JsonDict:
        return scored({"label": value}, score)


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


def _shown(row: JsonDict) -> str:
    return f"{row['value']:.2f}" if "value" in row else row["label"]
