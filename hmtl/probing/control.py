"""Control tasks: what a probe can learn by heart (Hewitt & Liang 2019)."""

import random
from typing import Dict, Hashable, List, Sequence, TypeVar

Label = TypeVar("Label")


def control_labels(types: Sequence[Hashable], labels: Sequence[Label], seed: int) -> List[Label]:
    """A label for each item that depends on its type alone, and is drawn at random for each type.

    Labels are drawn from the distribution of the task's labels (section 2 there). A probe can only learn them type by
    type; the selectivity of a probe is its accuracy in the task less that in the control task, both in the test split.

    # Parameters

    types : `Sequence[Hashable]`
        Of each item: for a token its word.
    labels : `Sequence[Label]`
        Of each item in the task. Pass those of all splits at once, so that a type has one label in all of them.
    seed : `int`

    # Raises

    ValueError
        Where there are not as many labels as types.
    """
    if len(types) != len(labels):
        raise ValueError(f"{len(types)} types and {len(labels)} labels")
    generator = random.Random(f"{seed} control")
    # Drawing one of the items draws a label by its frequency.
    label_of: Dict[Hashable, Label] = {kind: generator.choice(labels) for kind in dict.fromkeys(types)}
    return [label_of[kind] for kind in types]


def sentence_control_labels(sentences: Sequence[Sequence[str]], labels: Sequence[Label], seed: int) -> List[Label]:
    """The control task of a task on sentences: the type of a sentence is its lower-cased first word.

    Were a label drawn for each sentence, no probe could do better than chance in sentences that it was not trained on,
    and selectivity would be accuracy less chance. First words occur again, so that a probe can learn them by heart.
    """
    return control_labels([sentence[0].lower() for sentence in sentences], labels, seed)
