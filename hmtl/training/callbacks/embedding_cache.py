"""Caches that are full before the first update."""

import logging
from typing import Any

from allennlp.training.callbacks import TrainerCallback
from allennlp.training.trainer import Trainer

from hmtl.modules.embedding_cache.fill import fill

logger = logging.getLogger(__name__)


@TrainerCallback.register("fill_embedding_caches")
class FillEmbeddingCaches(TrainerCallback):
    """Computes all sentences of the training and validation data that the model's caches on disk lack.

    The trainer has it by default; nothing happens where no embedder has such a cache.
    """

    def on_start(self, trainer: Trainer, is_primary: bool = True, **kwargs: Any) -> None:
        model, validation = trainer.model, getattr(trainer, "_validation_data_loader", None)  # type: ignore[attr-defined]
        loaders = [trainer.data_loader, validation]  # type: ignore[attr-defined]
        for name, filled in fill(model, [loader for loader in loaders if loader is not None]).items():
            logger.info("%s: %d sentences added to the cache of embeddings", name, filled.added)
