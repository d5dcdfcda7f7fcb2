"""The mention of a cluster that says best whom or what it is about."""

from itertools import accumulate
from typing import Dict, List, Optional, Set, Tuple

from allennlp.common.util import JsonDict

from hmtl.errors import UserError
from hmtl.tasks.task_head import Layer


def name_task(layers: Dict[str, Layer], wanted: Optional[str] = None) -> Optional[str]:
    """The span task that finds names: the wanted one, or else `ner`, or else that of the lowest level, if any.

    # Raises

    UserError
        Where the wanted task is none of the span tasks.
    """
    spans = [task for task, layer in layers.items() if layer == "spans"]
    if wanted is not None and wanted not in spans:
        raise UserError(f"the model has no span task '{wanted}'; it has: {', '.join(spans) or 'none'}")
    return wanted or ("ner" if "ner" in spans else next(iter(spans), None))


def mark_heads(output: JsonDict, layers: Dict[str, Layer], names: Optional[str]) -> None:
    """Gives one mention of each cluster `"head": true`.

    First come mentions that the task `names` finds, too, with the same bounds; then those that look like a proper noun:
    the last token has a capital letter and more than that letter, and does not begin a sentence. Of these, or of all
    where none is such, the head is the one with most characters, and of equals the first.

    # Parameters

    output : `JsonDict`
        An output of an `HMTLPredictor`, which is changed.
    layers : `Dict[str, Layer]`
        The predictor's `layers`.
    names : `Optional[str]`
        A span task, or `None`.
    """
    named = set() if names is None else {(span["start"], span["end"]) for span in output[names]}
    firsts = {0, *accumulate(len(sentence) for sentence in output["sentences"])}
    tokens = [token for sentence in output["sentences"] for token in sentence]
    for task, layer in layers.items():
        if layer == "clusters":
            for cluster in output[task]:
                max(cluster, key=lambda mention: _rank(mention, named, tokens, firsts))["head"] = True


def _rank(
    mention: JsonDict, named: Set[Tuple[int, int]], tokens: List[str], firsts: Set[int]
) -> Tuple[bool, bool, int]:
    last = tokens[mention["end"]]
    is_proper_noun = last[0].isupper() and len(last) > 1 and mention["end"] not in firsts
    return (mention["start"], mention["end"]) in named, is_proper_noun, len(mention["text"])
