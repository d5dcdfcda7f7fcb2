"""Any encoder of the transformers library as a token embedder, really frozen when it is frozen."""

import logging
from contextlib import nullcontext
from typing import Any, Dict, List

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import PretrainedTransformerMismatchedEmbedder, TokenEmbedder

logger = logging.getLogger(__name__)

_GIB = 2**30


@TokenEmbedder.register("hmtl_transformer")
class TransformerEmbedder(PretrainedTransformerMismatchedEmbedder):
    """AllenNLP's `pretrained_transformer_mismatched`: one vector a token, the mean of its word pieces.

    Where `train_parameters` is false, the transformer also stays in evaluation mode while the rest trains: AllenNLP's
    own keeps its dropout, so that a frozen encoder would give other vectors at each update. A frozen encoder can
    remember what it computed: from the second epoch on its vectors then cost a copy.

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    train_parameters : `bool`, optional (default = `False`)
        Whether the transformer is fine-tuned.
    last_layer_only : `bool`, optional (default = `train_parameters`)
        Whether to use the last layer, or a scalar mix of all layers whose weights are trained.
    cache_gib : `float`, optional (default = `0.0`)
        The memory, in GiB, for the vectors of sentences seen before; of a frozen encoder only. Vectors that were
        computed under autocast are used again under the same autocast alone.
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
        For `gradient_checkpointing` of a frozen encoder, which keeps nothing, or of one that transformers cannot do
        this with.
    """

    def __init__(
        self,
        model_name: str,
        train_parameters: bool = False,
        last_layer_only: bool = None,
        cache_gib: float = 0.0,
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
        self._cache: Dict[bytes, torch.Tensor] = {}
        self._free_bytes = int(cache_gib * _GIB) if self._is_frozen else 0

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor, **tensors: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """The tensors of the `pretrained_transformer_mismatched` indexer -> (batch_size, num_tokens, dim)."""
        inputs: Dict[str, Any] = {"token_ids": token_ids, "mask": mask, **tensors}
        with torch.no_grad() if self._is_frozen else nullcontext():
            # Shape: (batch_size, num_tokens, num_layers * dim)
            layers = self._remembered(inputs) if self._cache or self._free_bytes else super().forward(**inputs)
        if self._scalar_mix is None:
            return layers
        return self._scalar_mix(list(layers.chunk(self._scalar_mix.mixture_size, dim=-1)))

    def _remembered(self, inputs: Dict[str, Any]) -> torch.Tensor:
        """The concatenated layers, computed for the sentences alone that are not in the cache."""
        keys = _sentence_keys(inputs)
        new = {key: row for row, key in enumerate(keys) if key not in self._cache}
        found = self._cache
        if new:
            rows = torch.tensor(list(new.values()), device=inputs["mask"].device)
            computed = super().forward(**{name: tensor[rows] for name, tensor in inputs.items()})
            lengths = inputs["mask"][rows].sum(-1).tolist()
            vectors = {key: computed[i, :n] for i, (key, n) in enumerate(zip(new, lengths))}
            found = {**{key: self._cache[key] for key in keys if key in self._cache}, **vectors}
            self._remember(vectors)
        return _padded([found[key] for key in keys], inputs["mask"])

    def _remember(self, vectors: Dict[bytes, torch.Tensor]) -> None:
        for key, vector in vectors.items():
            size = vector.numel() * vector.element_size()
            if size <= self._free_bytes:
                self._free_bytes -= size
                # A copy of its own: a view would keep its whole batch in memory.
                self._cache[key] = vector.cpu().clone()


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


def _sentence_keys(inputs: Dict[str, torch.Tensor]) -> List[bytes]:
    """For each sentence its word pieces, which of them make up which token, and the numbers they are computed in."""
    device = inputs["mask"].device.type
    numbers = str(torch.get_autocast_dtype(device)).encode() if torch.is_autocast_enabled(device) else b""
    pieces = inputs.get("segment_concat_mask")
    num_pieces = (inputs["wordpiece_mask"] if pieces is None else pieces).sum(-1).tolist()
    num_tokens = inputs["mask"].sum(-1).tolist()
    ids, offsets = inputs["token_ids"].cpu().numpy(), inputs["offsets"].cpu().numpy()
    return [
        ids[row, :pieces].tobytes() + b"|" + offsets[row, :tokens].tobytes() + numbers
        for row, (pieces, tokens) in enumerate(zip(num_pieces, num_tokens))
    ]


def _padded(rows: List[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
    padded = rows[0].new_zeros(*mask.shape, rows[0].size(-1), device=mask.device)
    for number, vectors in enumerate(rows):
        padded[number, : len(vectors)] = vectors
    return padded
