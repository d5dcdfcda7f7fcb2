"""The arguments of relations: the predicted spans that end at the tokens which a head has found."""

from typing import Dict, Iterable, List, Sequence

from hmtl.document import Span
from hmtl.tasks.task_head import TaskHead


def span_tasks_for(task: str, reads: Dict[str, List[str]], heads: Dict[str, TaskHead]) -> List[str]:
    """The tasks whose spans a task's arguments are: first those that it reads, directly or through others, the nearest
    first; then all others of the same scope, the highest first.

    `heads` is in bottom-up order, so that a task's readers stand behind it.
    """
    below = {task}
    top_down = list(reversed(heads))
    for reader in top_down:
        if reader in below:
            below.update(reads[reader])
    spans = [
        name
        for name in top_down
        if heads[name].predicts == "spans" and not heads[name].reads_spans and heads[name].scope == heads[task].scope
    ]
    return [name for name in spans if name in below] + [name for name in spans if name not in below]


def spans_by_end(layers: Iterable[Sequence[Span]]) -> Dict[int, Span]:
    """The span that ends at a token: of the first layer that has one there, the longest."""
    found: Dict[int, Span] = {}
    for spans in layers:
        longest_first = sorted(spans)
        for start, end, label in longest_first:
            found.setdefault(end, Span(start, end, label))
    return found
