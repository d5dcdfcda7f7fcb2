"""Any encoder of the transformers library as a token embedder, really frozen when it is frozen."""

import logging
from contextlib import nullcontext
from typing import Any, Dict, List, Union

import torch
import transformers
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import PretrainedTransformerMismatchedEmbedder, TokenEmbedder

from hmtl.modules.embedding_cache import CacheSettings, cache_of, mixed_layers

logger = logging.getLogger(__name__)


@TokenEmbedder.register("hmtl_transformer")
class TransformerEmbedder(PretrainedTransformerMismatchedEmbedder):
    """AllenNLP's `pretrained_transformer_mismatched`: one vector a token, the mean of its word pieces.

    Where `train_parameters` is false, the transformer also stays in evaluation mode while the rest trains: AllenNLP's
    own keeps its dropout, so that a frozen encoder would give other vectors at each update. Of a frozen encoder the
    vectors can be kept, in memory or on disk: a sentence that was computed once then costs a copy.

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    train_parameters : `bool`, optional (default = `False`)
        Whether the transformer is fine-tuned.
    last_layer_only : `bool`, optional (default = `train_parameters`)
        Whether to use the last layer, or a scalar mix of all layers whose weights are trained.
    cache_gib : `float`, optional (default = `0.0`)
        The memory, in GiB, for the vectors of sentences seen before in training; of a frozen encoder only.
    cache : `Union[bool, CacheSettings]`, optional (default = `False`)
        Keep them on disk instead, for all runs (see `hmtl.modules.embedding_cache`); of a frozen encoder only.
    gradient_checkpointing : `bool`, optional (default = `False`)
        Keep the inputs of the layers alone for the backward pass, which computes the rest again: less memory, more
        time.
    compile : `bool`, optional (default = `False`)
        Run the transformer through `torch.compile`, with shapes left open. The first batches then wait for the
        compiler; where there is none, a warning says so and the transformer runs as it is. Weights keep their names.
    kwargs
        Those of AllenNLP's embedder, such as `max_length` in word pieces, above which a text is read in parts.

    # Raises

    ConfigurationError
        For `cache` and `cache_gib` together; for `gradient_checkpointing` of a frozen encoder, which keeps nothing, or
        of one that transformers cannot do this with.
    """

    def __init__(
        self,
        model_name: str,
        train_parameters: bool = False,
        last_layer_only: bool = None,
        cache_gib: float = 0.0,
        cache: Union[bool, CacheSettings] = False,
        gradient_checkpointing: bool = False,
        compile: bool = False,
        **kwargs: Any,
    ) -> None:
        if last_layer_only is None:
            last_layer_only = train_parameters
        super().__init__(model_name, train_parameters=train_parameters, last_layer_only=last_layer_only, **kwargs)
        self._is_frozen = not train_parameters
        if self._is_frozen:
            self._matched_embedder.eval_mode = True
            self._matched_embedder.transformer_model.eval()
        # The mean over word pieces and the mix of layers are both linear: the mix, which learns, comes last.
        self._scalar_mix = self._matched_embedder._scalar_mix
        if self._scalar_mix is not None:
            self._matched_embedder._scalar_mix = _ConcatenatedLayers()  # type: ignore[assignment]
        if gradient_checkpointing:
            _checkpoint(self._matched_embedder.transformer_model, model_name, self._is_frozen)
        if compile:
            _compile(self._matched_embedder.transformer_model)
        if not self._is_frozen and (cache or cache_gib):
            logger.warning("hmtl_transformer: the encoder is trained, so that its vectors change; no cache is used")
            cache, cache_gib = False, 0.0
        self.cache = cache_of(cache, cache_gib)
        self.num_layers = 1 if self._scalar_mix is None else self._scalar_mix.mixture_size
        self._model_name = model_name
        self._max_length = kwargs.get("max_length")

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor, **tensors: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """The tensors of the `pretrained_transformer_mismatched` indexer -> (batch_size, num_tokens, dim)."""
        inputs: Dict[str, Any] = {"token_ids": token_ids, "mask": mask, **tensors}
        if self.cache is not None and self.cache.is_in_use(self.training):
            # Shape: (num_layers, batch_size, num_tokens, dim)
            layers = self.cache.layers(self, inputs)
            return layers[0] if self._scalar_mix is None else mixed_layers(self._scalar_mix, layers)
        with torch.no_grad() if self._is_frozen else nullcontext():
            # Shape: (batch_size, num_tokens, num_layers * dim)
            concatenated = super().forward(**inputs)
        if self._scalar_mix is None:
            return concatenated
        return self._scalar_mix(list(concatenated.chunk(self.num_layers, dim=-1)))

    def token_mask(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        return inputs["mask"].bool()

    def lengths(self, inputs: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
        tokens = inputs["mask"].sum(-1)
        pieces = inputs.get("segment_concat_mask", inputs["wordpiece_mask"]).sum(-1)
        known = {"mask": tokens, "offsets": tokens, "wordpiece_mask": inputs["wordpiece_mask"].sum(-1)}
        return {name: known.get(name, pieces) for name in inputs}

    def frozen_layers(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        """The means over word pieces, layer by layer, (num_layers, batch_size, num_tokens, dim)."""
        # Shape: (batch_size, num_tokens, num_layers * dim)
        concatenated = super().forward(**inputs)  # type: ignore[arg-type]
        # Shape: (num_layers, batch_size, num_tokens, dim)
        return concatenated.unflatten(-1, (self.num_layers, -1)).permute(2, 0, 1, 3)

    def identity(self) -> Dict[str, Any]:
        config = self._matched_embedder.config.to_dict()
        # Where it came from, and what these options say themselves.
        for name in ("_name_or_path", "transformers_version", "output_hidden_states"):
            config.pop(name, None)
        return {
            "embedder": "hmtl_transformer",
            "transformers": transformers.__version__,
            "config": config,
            "max_length": self._max_length,
            "sub_token_mode": self.sub_token_mode,
            "num_layers": self.num_layers,
        }

    def frozen_module(self) -> torch.nn.Module:
        return self._matched_embedder.transformer_model

    def title(self) -> Dict[str, str]:
        return {"embedder": "hmtl_transformer", "model": self._model_name}


def _checkpoint(transformer: Any, model_name: str, is_frozen: bool) -> None:
    if is_frozen:
        raise ConfigurationError(
            "hmtl_transformer: gradient_checkpointing saves memory of training, and a frozen encoder is not trained; "
            "set train_parameters to true, or remove gradient_checkpointing"
        )
    if not getattr(transformer, "supports_gradient_checkpointing", False):
        raise ConfigurationError(
            f"hmtl_transformer: transformers has no gradient checkpointing for {model_name} "
            f"({type(transformer).__name__}); remove gradient_checkpointing"
        )
    transformer.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def _compile(transformer: Any) -> None:
    """Has the transformer compiled by its first calls; where that fails, this call and later ones run without."""
    from torch._dynamo.exc import TorchDynamoException

    # Unlike `torch.compile`, which wraps the module, this leaves the names of its weights alone.
    transformer.compile(dynamic=True)
    compiled = transformer._compiled_call_impl

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return compiled(*arguments, **options)
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            logger.warning("hmtl_transformer: torch.compile failed, and the encoder runs without it: %s", reason)
            transformer._compiled_call_impl = None
            return transformer(*arguments, **options)

    transformer._compiled_call_impl = call


class _ConcatenatedLayers(torch.nn.Module):
    def forward(self, layers: List[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(layers), dim=-1)
