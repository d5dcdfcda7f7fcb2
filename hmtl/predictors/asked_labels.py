"""Labels that are asked for, as texts."""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from hmtl.common.checks import label_fault
from hmtl.errors import UserError

# The texts of labels, or the text of each label.
Texts = Union[Sequence[str], Mapping[str, str]]
# These, or those of each task.
Labels = Union[Texts, Mapping[str, Texts]]

_EXPECTED = 'expected texts such as ["animal"], texts by label such as {"ANIMAL": "animal"}, or one of these by task'


def asked_labels(labels: Optional[Labels], tasks: Sequence[str]) -> Optional[Dict[str, Dict[str, str]]]:
    """What is asked for: for each task the labels to find, and the text of each.

    # Parameters

    labels : `Union[Sequence[str], Mapping[str, str], Mapping[str, ...]]`, optional
        A list of texts, which are their own labels, or a mapping from labels to their texts; where the model has
        several tasks that take such, a mapping from tasks to these.
    tasks : `Sequence[str]`
        The tasks of the model whose labels are texts.

    # Raises

    UserError
        Where it is none of these, names no label, or the model has no task for it.
    """
    if labels is None:
        return None
    if not tasks:
        raise UserError(
            "labels: the labels of this model are fixed, so that none can be asked for; that takes a model with the "
            "head hmtl_text_label_spans (docs/using/labels.md), or hmtl_questions (docs/using/questions.md)"
        )
    if isinstance(labels, Mapping) and labels and not any(isinstance(each, str) for each in labels.values()):
        for task in labels:
            if task not in tasks:
                raise UserError(f"labels: no task {task!r} takes any; those that do: {', '.join(tasks)}")
        return {task: _texts(of_task) for task, of_task in labels.items()}
    if len(tasks) > 1:
        raise UserError(f"labels: name the task that they are for: {', '.join(tasks)}; {_EXPECTED}")
    return {tasks[0]: _texts(labels)}


def _texts(labels: Any) -> Dict[str, str]:
    if isinstance(labels, Mapping):
        texts = dict(labels)
    elif isinstance(labels, Sequence) and not isinstance(labels, str):
        texts = {}
        for label in labels:
            _check(label)
            texts[label] = label
    else:
        raise UserError(f"labels: found {type(labels).__name__}; {_EXPECTED}")
    if not texts:
        raise UserError(f"labels: none is named; {_EXPECTED}, or leave them out for those of training")
    for text in [*texts, *texts.values()]:
        _check(text)
    if len(set(texts.values())) < len(texts):
        raise UserError("labels: two labels have the same text; give each one of its own")
    return texts


def _check(text: Any) -> None:
    fault = label_fault(text)
    if fault is not None:
        raise UserError(f"labels: {fault}; {_EXPECTED}")


def asked_by_options(
    labels: Optional[str], questions: Optional[Sequence[str]], tasks: Sequence[str], tasks_with_questions: Sequence[str]
) -> Optional[Labels]:
    """What the options `--labels` and `--ask` of a command ask for, as `asked_labels` takes it.

    # Parameters

    labels : `str`, optional
        Such as `animal,substance`: for the tasks whose labels are texts, and no questions if there are others.
    questions : `Sequence[str]`, optional
        For all tasks that answer questions.
    tasks : `Sequence[str]`
        Those whose labels are texts, questions or not.
    tasks_with_questions : `Sequence[str]`
        Of these the ones whose texts are questions.

    # Raises

    UserError
        Where questions are asked, and no task answers any.
    """
    if not questions:
        return None if labels is None else in_one_line(labels)
    if not tasks_with_questions:
        raise UserError(
            "--ask: this model answers no questions; that takes a model with the head hmtl_questions "
            "(docs/using/questions.md)"
        )
    asked: Dict[str, Texts] = {task: list(dict.fromkeys(questions)) for task in tasks_with_questions}
    if labels is not None:
        others = [task for task in tasks if task not in tasks_with_questions]
        if len(others) != 1:
            raise UserError(f"--labels beside --ask: {len(others)} tasks of this model have labels that are texts")
        asked[others[0]] = in_one_line(labels)
    return asked


def in_one_line(option: str) -> List[str]:
    """The texts of an option such as `animal,substance`."""
    return [text.strip() for text in option.split(",") if text.strip()]
