"""Answers to questions, as a kind of prediction."""

from typing import Any, Callable, Dict, List, Optional, Sequence

from allennlp.common.util import JsonDict

from hmtl.document import Document
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.errors.section import Analyser
from hmtl.tasks.kind import Kind, Metrics
from hmtl.tasks.spans.span_kind import Spans


@Kind.register("answers")
class Answers(Spans):
    """Items are `Span`s whose label is the question that they answer; in the output they are as spans are. They name
    nothing: other heads do not read them."""

    singular, plural = "answer", "answers"
    gives_spans = False
    order = 3
    column = None
    left_out_by = ()

    def columns(self, scores: Sequence[Metrics], baseline: Optional[Metrics]) -> Dict[str, str]:
        """The mean, and the foremost figure of each source: those are the tasks that were asked as questions."""
        found = dict.fromkeys(name for metrics in scores for name in metrics)
        of_sources = {name: name[: -len("_f1")] for name in found if name.endswith("_f1")}
        mean = {"f1": "mean f1"} if len(of_sources) != 1 else {}
        return {**mean, **of_sources} or {"f1": "f1"}

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        return Kind.lines(self, rows, output, emphasised)

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Optional[Baseline]:
        return None

    def errors(self, num_examples: int) -> Analyser:
        return Kind.errors(self, num_examples)
