"""ELMo as a token embedder whose vectors depend on the text alone."""

import logging
from typing import Any, Dict, Union, cast

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.elmo import _ElmoBiLm, _ElmoCharacterEncoder
from allennlp.modules.elmo_lstm import ElmoLstm
from allennlp.modules.scalar_mix import ScalarMix
from allennlp.modules.token_embedders import ElmoTokenEmbedder, TokenEmbedder

from hmtl.common.allennlp_internals import dropout_of, elmo_options, elmo_weight_file
from hmtl.modules.embedding_cache import CacheSettings, cache_of, mixed_layers

logger = logging.getLogger(__name__)


@TokenEmbedder.register("hmtl_elmo")
class ElmoEmbedder(ElmoTokenEmbedder):
    """AllenNLP's `elmo_token_embedder`, which starts each batch in the state that the batch before left, of whichever
    task: the same text gets other vectors at each call. Here each sentence starts anew.

    # Parameters

    stateful : `bool`, optional (default = `False`)
        Carry the state from batch to batch, as AllenNLP and the 2018 implementation do. It is in no checkpoint: a
        recovered run begins without it.
    cache : `Union[bool, CacheSettings]`, optional (default = `False`)
        Compute each sentence once and keep its layers on disk, for all runs (see `hmtl.modules.embedding_cache`). The
        scalar mix, dropout and projection come afterwards and train as ever. Of no effect where ELMo itself trains.
    kwargs
        Those of AllenNLP's embedder, such as `options_file` and `weight_file`.

    # Raises

    ConfigurationError
        For a `cache` with `stateful` or `do_layer_norm`, which make vectors depend on other sentences, or with
        `vocab_to_cache`.
    """

    def __init__(self, stateful: bool = False, cache: Union[bool, CacheSettings] = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for module in self.modules():
            if isinstance(module, ElmoLstm):
                module.stateful = stateful
                if not stateful:
                    # It keeps its state all the same, and stumbles over that of a smaller batch.
                    module.register_forward_hook(_forget)
        if cache and kwargs.get("requires_grad"):
            logger.warning("hmtl_elmo: ELMo is trained, so that its vectors change; cache is ignored")
            cache = False
        if cache and (stateful or kwargs.get("do_layer_norm") or kwargs.get("vocab_to_cache")):
            raise ConfigurationError(
                "hmtl_elmo: with stateful, do_layer_norm or vocab_to_cache a sentence has no vectors of its own that a "
                "cache could keep; remove these, or cache"
            )
        self.cache = cache_of(cache)
        self.num_layers = self.frozen_module().num_layers

    def forward(self, elmo_tokens: torch.Tensor, word_inputs: torch.Tensor = None) -> torch.Tensor:
        """Character ids (batch_size, num_tokens, 50) -> (batch_size, num_tokens, dim)."""
        if self.cache is None or not self.cache.is_in_use(self.training):
            return super().forward(elmo_tokens, word_inputs)
        layers = self.cache.layers(self, {"elmo_tokens": elmo_tokens})
        mixed = dropout_of(self._elmo)(mixed_layers(cast(ScalarMix, self._elmo.scalar_mix_0), layers))
        return mixed if self._projection is None else self._projection(mixed)

    def token_mask(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        return (inputs["elmo_tokens"] > 0).any(-1)

    def lengths(self, inputs: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
        return {"elmo_tokens": self.token_mask(inputs).sum(-1)}

    def frozen_layers(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        """The biLM's layers without the marks of a sentence's bounds, (num_layers, batch_size, num_tokens, dim)."""
        # Shape: (num_layers, batch_size, num_tokens + 2, dim)
        layers = torch.stack(self.frozen_module()(inputs["elmo_tokens"])["activations"])
        # Shape: (num_layers, batch_size, num_tokens, dim)
        return layers[:, :, 1:-1] * self.token_mask(inputs).unsqueeze(-1)

    def identity(self) -> Dict[str, Any]:
        return {"embedder": "hmtl_elmo", "options": elmo_options(self._characters)}

    def frozen_module(self) -> _ElmoBiLm:
        return self._elmo.get_submodule("_elmo_lstm")  # type: ignore[return-value]

    def title(self) -> Dict[str, str]:
        return {"embedder": "hmtl_elmo", "model": elmo_weight_file(self._characters)}

    @property
    def _characters(self) -> _ElmoCharacterEncoder:
        return self.frozen_module().get_submodule("_token_embedder")  # type: ignore[return-value]


def _forget(module: ElmoLstm, inputs: Any, output: Any) -> None:
    module.reset_states()
