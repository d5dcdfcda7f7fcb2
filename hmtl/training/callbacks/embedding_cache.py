"""Fills the caches of frozen embedders before the first update."""

import logging
from typing import TYPE_CHECKING, Any

from allennlp.training.callbacks import TrainerCallback

from hmtl.modules.embedding_cache.fill import fill
from hmtl.training.callbacks.callback import MultiTaskCallback

if TYPE_CHECKING:
    from hmtl.training.trainer import MultiTaskTrainer

logger = logging.getLogger(__name__)


@TrainerCallback.register("fill_embedding_caches")
class FillEmbeddingCaches(MultiTaskCallback):
    """Computes all sentences of the training and validation data that the model's caches on disk lack.

    The trainer has it by default; nothing happens where no embedder has such a cache.
    """

    def on_start(  # type: ignore[override]
        self, trainer: "MultiTaskTrainer", is_primary: bool = True, **kwargs: Any
    ) -> None:
        loaders = [trainer.data_loader, trainer.validation_data_loader]
        for name, filled in fill(trainer.model, [loader for loader in loaders if loader is not None]).items():
            logger.info("%s: %d sentences added to the cache of embeddings", name, filled.added)
