"""What the score of a probe is held against: encoders that have learned nothing, and control tasks."""

import os
import random
from typing import Dict, Hashable, List, Sequence, TypeVar, Union, cast

import torch
from allennlp.common.params import remove_keys_from_params
from allennlp.models import Model

from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.probing.vectors import BATCH_SIZE, LevelVectors


def random_vectors(
    archive: Union[str, os.PathLike], seed: int, cuda_device: int = -1, batch_size: int = BATCH_SIZE
) -> LevelVectors:
    """The levels of an archive's model with all weights that training changes drawn anew, as training draws them.

    What is frozen, such as a pretrained transformer, is the archive's; word vectors that were trained from a file are
    drawn, too.

    # Raises

    UserError
        As `LevelVectors.load` does.
    """
    with torch.random.fork_rng(devices=[]):
        loaded = load_hmtl_archive(archive, cuda_device=cuda_device)
        trained = cast(HMTL, loaded.model)
        params = loaded.config.duplicate()["model"]
        # The files may be gone, as they may when an archive is loaded.
        remove_keys_from_params(params, ["pretrained_file"])
        torch.manual_seed(seed)
        model = cast(HMTL, Model.from_params(params=params, vocab=trained.vocab))
    weights = dict(trained.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                parameter.copy_(weights[name])
    model.to(next(trained.parameters()).device)
    return LevelVectors(model.eval(), loaded.validation_dataset_reader, batch_size)


Label = TypeVar("Label")


def control_labels(types: Sequence[Hashable], labels: Sequence[Label], seed: int) -> List[Label]:
    """A label for each item that depends on its type alone, and is drawn at random for each type (Hewitt & Liang 2019).

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
