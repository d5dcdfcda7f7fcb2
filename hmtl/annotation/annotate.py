"""The predictions of some tasks for any number of texts."""

from typing import Dict, Iterable, Iterator, Optional, Union

from allennlp.common.util import JsonDict

from hmtl.annotation.head_mentions import mark_heads, name_task
from hmtl.errors import UserError
from hmtl.models.heads.task_head import Layer
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.hmtl_predictor import OnError


def annotate(
    predictor: HMTLPredictor,
    texts: Iterable[Union[str, JsonDict]],
    tasks: Optional[Iterable[str]] = None,
    names: Optional[str] = None,
    batch_size: int = 64,
    on_error: Optional[OnError] = None,
) -> Iterator[JsonDict]:
    """The annotated texts, one by one, in their order: outputs of the predictor in which clusters have a head mention.

    # Parameters

    predictor : `HMTLPredictor`
    texts : `Iterable[Union[str, JsonDict]]`
        Raw texts or the predictor's inputs, any number, also an endless stream; see `HMTLPredictor.predict_many`.
    tasks : `Iterable[str]`, optional (default = `None`)
        Those to keep. By default all.
    names : `str`, optional (default = `None`)
        The span task that finds names, which the head mentions are chosen by; see `name_task` and `mark_heads`.
    batch_size : `int`, optional (default = `64`)
        The most texts in a batch.
    on_error : `Callable[[int, UserError], None]`, optional (default = `None`)
        Called for each text that is no input of the predictor's, which is then left out; see `predict_many`.

    # Raises

    UserError
        Where the model has no such task, and as `predict_many` does.
    """
    layers = annotated_layers(predictor, tasks)
    left_out = predictor.layers.keys() - layers.keys()
    # Names help to choose the heads though they may not be wanted themselves.
    names = name_task(predictor.layers, names)
    for output in predictor.predict_many(texts, batch_size, on_error=on_error):
        mark_heads(output, predictor.layers, names)
        yield {key: value for key, value in output.items() if key not in left_out}


def annotated_layers(predictor: HMTLPredictor, tasks: Optional[Iterable[str]] = None) -> Dict[str, Layer]:
    """What each of the tasks, or of all, predicts; in the order of the model's levels.

    # Raises

    UserError
        Where the model has no such task.
    """
    wanted = set(predictor.layers if tasks is None else tasks)
    for task in sorted(wanted - predictor.layers.keys()):
        raise UserError(f"the model has no task '{task}'; it has: {', '.join(predictor.layers)}")
    return {task: layer for task, layer in predictor.layers.items() if task in wanted}
