"""A model that has learned nothing: its encoders are of the same shape, their weights as drawn."""

import os
from typing import Union, cast

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
