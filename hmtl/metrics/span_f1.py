"""F1 over all gold spans, and over those alone that a sequence of tags can hold."""

from typing import Dict, Iterable, Sequence

from allennlp.training.metrics import Metric

from hmtl.document import Span
from hmtl.metrics.labelled_f1 import LabelledF1


@Metric.register("hmtl_span_f1")
class SpanF1(Metric):
    """`LabelledF1` over all gold spans, and beside it the figures that leave out what overlaps.

    - `precision`, `recall`, `f1`: gold spans that are no targets, since they overlap others, count as missed;
    - `precision_flat_gold`, `recall_flat_gold`, `f1_flat_gold`: gold are the targets alone, so that corpora without
      their nested spans can be compared. Where nothing overlaps these are the same figures.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self._all, self._flat = LabelledF1(), LabelledF1()

    def __call__(  # type: ignore[override]
        self, predicted: Sequence[Iterable[Span]], gold: Sequence[Iterable[Span]], flat_gold: Sequence[Iterable[Span]]
    ) -> None:
        """Counts the spans of one sentence after the other; a repeated span counts once.

        # Raises

        ValueError
            Where the arguments differ in length.
        """
        self._all(predicted, gold)
        self._flat(predicted, flat_gold)

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """The six figures, from 0 to 1."""
        flat = self._flat.get_metric(reset)
        return {**self._all.get_metric(reset), **{f"{name}_flat_gold": value for name, value in flat.items()}}

    def reset(self) -> None:
        """Forgets all counts."""
        self._all.reset()
        self._flat.reset()
