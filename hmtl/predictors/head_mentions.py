"""What is made of the layers of an output together: heads of clusters, and layers that agree."""

from typing import Dict, Optional

from allennlp.common.util import JsonDict

from hmtl.common.checks import it_has
from hmtl.document import Bounds
from hmtl.errors import UserError
from hmtl.tasks.kind import kinds_of


def name_task(layers: Dict[str, str], wanted: Optional[str] = None) -> Optional[str]:
    """The span task that finds names: the wanted one, or else `ner`, or else that of the lowest level, if any.

    # Raises

    UserError
        Where the wanted task is none of the span tasks.
    """
    spans = [task for task, kind in kinds_of(layers).items() if kind.gives_spans]
    if wanted is not None and wanted not in spans:
        raise UserError(f"the model has no span task '{wanted}'; {it_has(wanted, spans)}")
    return wanted or ("ner" if "ner" in spans else next(iter(spans), None))


def mark_heads(output: JsonDict, layers: Dict[str, str], names: Optional[str]) -> None:
    """Gives one mention of each cluster `"head": true`; see `Clusters.mark_heads`.

    # Parameters

    output : `JsonDict`
        An output of an `HMTLPredictor`, which is changed.
    layers : `Dict[str, str]`
        The predictor's `layers`.
    names : `Optional[str]`
        A span task, or `None`: mentions with the bounds of its spans come first.
    """
    named = set() if names is None else {(span["start"], span["end"]) for span in output[names]}
    for task, kind in kinds_of(layers).items():
        kind.mark_heads(output[task], named, output["sentences"])


def make_consistent(output: JsonDict, layers: Dict[str, str], names: Optional[str]) -> None:
    """Leaves out of each layer what contradicts the spans of the output; see `Kind.consistent`.

    # Parameters

    output : `JsonDict`
        An output of an `HMTLPredictor` with scores, which is changed.
    layers : `Dict[str, str]`
        The predictor's `layers`.
    names : `Optional[str]`
        The span task that gives mentions their types, or `None`.
    """
    kinds = kinds_of(layers)
    spans = {task: output[task] for task, kind in kinds.items() if kind.gives_spans}
    found = {(span["start"], span["end"]) for rows in spans.values() for span in rows}
    types: Dict[Bounds, Dict[str, float]] = {}
    for span in spans.get(names or "", []):
        types.setdefault((span["start"], span["end"]), {})[span["label"]] = span.get("score", 1.0)
    for task, kind in kinds.items():
        output[task] = kind.consistent(output[task], found, types)
