"""Any encoder of the transformers library as a token embedder, really frozen when it is frozen."""

import logging
from contextlib import contextmanager, nullcontext
from importlib import metadata
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.common.optional import OptionalPackage
from allennlp.modules.scalar_mix import ScalarMix
from allennlp.modules.token_embedders import TokenEmbedder

from hmtl.common.devices import computed_twice, moved, on_host
from hmtl.common.weights import load_weights as read_weights
from hmtl.data.token_indexers import WordCutter, word_cutter
from hmtl.modules.adapters import Adapters, AdapterSettings
from hmtl.modules.embedding_cache import CacheSettings, cache_of, mixed_layers

logger = logging.getLogger(__name__)

# Imported where an encoder is made: most of the start of a model without one would be theirs.
transformers = OptionalPackage("transformers")
transformers_logging = OptionalPackage("transformers.utils.logging")
hub = OptionalPackage("huggingface_hub.utils")

SUB_TOKEN_MODES = ("avg", "first")
# Where the encoder's weights stood in the weights of earlier releases.
_FORMER_PREFIX = "_matched_embedder.transformer_model."


@TokenEmbedder.register("hmtl_transformer")
class TransformerEmbedder(TokenEmbedder):
    """One vector a word: the mean of those of its word pieces, or zeros where it has none.

    It reads the tensors of the indexer `hmtl_transformer`, and those of AllenNLP's `pretrained_transformer_mismatched`,
    with which models were trained before there was one of hmtl's.

    Where `train_parameters` is false, the transformer stays in evaluation mode while the rest trains: with dropout a
    frozen encoder would give other vectors at each update. Of a frozen encoder the vectors can be kept, in memory or on
    disk: a sentence that was computed once then costs a copy.

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    train_parameters : `bool`, optional (default = `False`)
        Whether the transformer is fine-tuned.
    adapters : `Optional[AdapterSettings]`, optional (default = `None`)
        Trains adapters in the place of the transformer's own weights: one for all tasks, or one for each, with which
        the text is read once for every level that is computed.
    last_layer_only : `bool`, optional (default = whether the transformer or adapters are trained)
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
    max_length : `Optional[int]`, optional (default = `None`)
        That of the indexer: how many word pieces are read at once. A longer text is read in parts.
    attn_implementation : `Optional[str]`, optional (default = transformers chooses)
        How attention is computed: `eager`, `sdpa`, `flash_attention_2` or what else transformers knows.
    sub_module : `Optional[str]`, optional (default = `None`)
        The part of the model that is used, such as the `encoder` of BART.
    sub_token_mode : `str`, optional (default = `"avg"`)
        With `first` a word has the vector of its first piece.
    load_weights : `bool`, optional (default = `True`)
        Whether to load the pretrained weights; an archive brings its own.
    override_weights_file, override_weights_strip_prefix : `Optional[str]`, optional (default = `None`)
        A file of weights in the place of the pretrained ones, and what precedes the names of those that are meant.
    tokenizer_kwargs, transformer_kwargs : `Optional[Dict[str, Any]]`, optional (default = `None`)
        For `AutoTokenizer.from_pretrained`, as the indexer has them, and for `AutoModel.from_pretrained`.

    # Raises

    ConfigurationError
        For `adapters` beside `train_parameters`, or one for each task beside `gradient_checkpointing`, whose backward
        pass would read with the wrong one; for `cache` and `cache_gib` together; for `gradient_checkpointing` of a
        frozen encoder, which keeps nothing, or of one that transformers cannot do this with; for a `sub_module` that
        the model lacks, and an unknown `sub_token_mode`.
    """

    # Some releases of transformers keep this buffer among the weights, others do not.
    authorized_missing_keys = [r"position_ids$"]

    def __init__(
        self,
        model_name: str,
        train_parameters: bool = False,
        adapters: Optional[AdapterSettings] = None,
        last_layer_only: Optional[bool] = None,
        cache_gib: float = 0.0,
        cache: Union[bool, CacheSettings] = False,
        gradient_checkpointing: bool = False,
        compile: bool = False,
        max_length: Optional[int] = None,
        attn_implementation: Optional[str] = None,
        sub_module: Optional[str] = None,
        sub_token_mode: str = "avg",
        load_weights: bool = True,
        override_weights_file: Optional[str] = None,
        override_weights_strip_prefix: Optional[str] = None,
        tokenizer_kwargs: Optional[Dict[str, Any]] = None,
        transformer_kwargs: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__()
        if sub_token_mode not in SUB_TOKEN_MODES:
            raise ConfigurationError(
                f"hmtl_transformer: sub_token_mode is {sub_token_mode!r}; expected one of {', '.join(SUB_TOKEN_MODES)}"
            )
        if adapters is not None and train_parameters:
            raise ConfigurationError(
                "hmtl_transformer: adapters are trained in the place of the transformer's weights; remove them, or set "
                "train_parameters to false"
            )
        if adapters is not None and adapters.tasks and gradient_checkpointing:
            raise ConfigurationError(
                "hmtl_transformer: gradient_checkpointing reads the text again when other adapters are in use; remove "
                "it, or adapters.tasks"
            )
        options = dict(transformer_kwargs or {})
        if attn_implementation is not None:
            options["attn_implementation"] = attn_implementation
        cutter = word_cutter(model_name, tokenizer_kwargs)
        transformer = _transformer(
            model_name, options, load_weights, override_weights_file, override_weights_strip_prefix
        )
        self.config = transformer.config
        self.transformer_model = _part(transformer, sub_module, model_name)
        _fit_vocabulary(self.transformer_model, cutter.num_pieces)
        self.adapters = None if adapters is None else Adapters(self.transformer_model, adapters)
        self._is_frozen = not train_parameters and adapters is None
        if self._is_frozen:
            self.transformer_model.requires_grad_(False).eval()
        last_layer_only = not self._is_frozen if last_layer_only is None else last_layer_only
        # The mean over word pieces and the mix of layers are both linear: the mix, which learns, comes last.
        self._scalar_mix = None if last_layer_only else ScalarMix(self.config.num_hidden_layers)
        self.num_layers = 1 if last_layer_only else self.config.num_hidden_layers
        self.sub_token_mode = sub_token_mode
        if gradient_checkpointing:
            _checkpoint(self.transformer_model, model_name, self._is_frozen)
        if compile:
            _compile(self.transformer_model)
        if not self._is_frozen and (cache or cache_gib):
            logger.warning("hmtl_transformer: the encoder is trained, so that its vectors change; no cache is used")
            cache, cache_gib = False, 0.0
        self.cache = cache_of(cache, cache_gib)
        self._model_name = model_name
        self._max_length = max_length
        self._former = _FormerIndexer(cutter, model_name, max_length)

    def get_output_dim(self) -> int:
        return self.config.hidden_size

    def train(self, mode: bool = True) -> "TransformerEmbedder":
        super().train(mode)
        if self._is_frozen:
            self.transformer_model.eval()
        return self

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor, **tensors: torch.Tensor) -> torch.Tensor:
        """The tensors of the indexer, each (batch_size, ...) -> (batch_size, num_words, dim)."""
        inputs = {"token_ids": token_ids, "mask": mask, **tensors}
        if self.cache is not None and self.cache.is_in_use(self.training):
            # Shape: (num_layers, batch_size, num_words, dim)
            layers = self.cache.layers(self, inputs)
            return layers[0] if self._scalar_mix is None else mixed_layers(self._scalar_mix, layers)
        with torch.no_grad() if self._is_frozen else nullcontext():
            vectors = self._layers(inputs)
        return vectors[0] if self._scalar_mix is None else self._scalar_mix(vectors)

    def token_mask(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        return inputs["mask"].bool()

    def lengths(self, inputs: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
        words = inputs["mask"].sum(-1)
        # AllenNLP's mask of the pieces does not count the special tokens between the parts of a text.
        pieces = inputs.get("segment_concat_mask", inputs["wordpiece_mask"]).sum(-1)
        known = {"mask": words, "offsets": words, "wordpiece_mask": inputs["wordpiece_mask"].sum(-1)}
        return {name: known.get(name, pieces) for name in inputs}

    def frozen_layers(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        """The vectors of the words, layer by layer, (num_layers, batch_size, num_words, dim)."""
        return torch.stack(self._layers(inputs))

    def identity(self) -> Dict[str, Any]:
        config = self.config.to_dict()
        # Where it came from, and what these options say themselves.
        for name in ("_name_or_path", "transformers_version", "output_hidden_states"):
            config.pop(name, None)
        return {
            "embedder": "hmtl_transformer",
            "transformers": metadata.version("transformers"),
            "config": config,
            "max_length": self._max_length,
            "sub_token_mode": self.sub_token_mode,
            "num_layers": self.num_layers,
        }

    def frozen_module(self) -> torch.nn.Module:
        return self.transformer_model

    def title(self) -> Dict[str, str]:
        return {"embedder": "hmtl_transformer", "model": self._model_name}

    def _layers(self, inputs: Dict[str, torch.Tensor]) -> List[torch.Tensor]:
        """The vectors of the words in each layer that is used, (batch_size, num_words, dim) each."""
        pieces = self._former(**inputs) if "offsets" in inputs else _Pieces.of(**inputs)
        batch_size, num_words = inputs["mask"].shape
        numbers = pieces.word_numbers
        if self.sub_token_mode == "first":
            before = numbers.cummax(-1).values.roll(1, -1)
            before[:, :1] = 0
            numbers = torch.where(numbers > before, numbers, 0)
        # The place of each piece's word among all words; the first of each text is for pieces of none.
        # Shape: (batch_size, num_pieces)
        places = numbers + torch.arange(batch_size, device=numbers.device).unsqueeze(-1) * (num_words + 1)
        rows = [pieces.token_ids, pieces.mask, places]
        if pieces.type_ids is not None:
            rows.append(pieces.type_ids)
        if self._max_length is not None and numbers.size(1) > self._max_length:
            rows = _folded(rows, self._max_length)
        token_ids, mask, places = rows[:3]
        parameters: Dict[str, Any] = {"input_ids": token_ids, "attention_mask": mask.long()}
        if pieces.type_ids is not None:
            parameters["token_type_ids"] = rows[3]
        if self._scalar_mix is not None:
            parameters["output_hidden_states"] = True
        output = self.transformer_model(**parameters)
        # The first of the hidden states are the embeddings of the pieces.
        states = [output.last_hidden_state] if self._scalar_mix is None else output.hidden_states[1:]
        places = places.flatten()
        # Shape: (batch_size * (num_words + 1), 1)
        counts = torch.zeros(batch_size * (num_words + 1), 1, device=places.device)
        counts.index_add_(0, places, torch.ones(places.size(0), 1, device=places.device)).clamp_(min=1)
        vectors = []
        for state in states:
            # Shape: (batch_size * (num_words + 1), dim)
            sums = state.new_zeros(counts.size(0), state.size(-1)).index_add_(0, places, state.flatten(0, 1))
            # Shape: (batch_size, num_words, dim)
            vectors.append((sums / counts.to(sums.dtype)).unflatten(0, (batch_size, -1))[:, 1:])
        return vectors

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *arguments: Any) -> None:
        former = prefix + _FORMER_PREFIX
        for name in [name for name in state_dict if name.startswith(former)]:
            state_dict[f"{prefix}transformer_model.{name[len(former) :]}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class _Pieces(NamedTuple):
    """The word pieces of a batch, as the encoder reads them. Shapes (batch_size, num_pieces).

    # Attributes

    token_ids : `torch.Tensor`
        With special tokens; a long text in parts, one after the other.
    mask : `torch.Tensor`
        Which are no padding.
    word_numbers : `torch.Tensor`
        The word of each piece, from 1; 0 for none.
    type_ids : `Optional[torch.Tensor]`
    """

    token_ids: torch.Tensor
    mask: torch.Tensor
    word_numbers: torch.Tensor
    type_ids: Optional[torch.Tensor]

    @classmethod
    def of(
        cls,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        word_numbers: torch.Tensor,
        type_ids: Optional[torch.Tensor] = None,
    ) -> "_Pieces":
        """From the tensors of the indexer `hmtl_transformer`."""
        return cls(token_ids, wordpiece_mask, word_numbers, type_ids)


class _FormerIndexer:
    """Reads the tensors of AllenNLP's indexer `pretrained_transformer_mismatched`.

    It counts the pieces of each word without the special tokens between the parts of a text.
    """

    def __init__(self, cutter: WordCutter, model_name: str, max_length: Optional[int]) -> None:
        self._warning = (
            f"pretrained_transformer_mismatched: words of {model_name} are cut as if each began the text, into other "
            "pieces than it was pretrained with; train with the token indexer hmtl_transformer"
        )
        self._warns = cutter.needs_space
        start_types, type_id, end_types = cutter.type_ids
        self._has_types = any([*start_types, type_id, *end_types])
        self._num_start, self._num_end = len(cutter.start), len(cutter.end)
        self._max_length = max_length

    def __call__(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        offsets: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        type_ids: Optional[torch.Tensor] = None,
        segment_concat_mask: Optional[torch.Tensor] = None,
    ) -> _Pieces:
        if self._warns:
            logger.warning(self._warning)
            self._warns = False
        part_length = self._max_length or token_ids.size(1) + self._num_end
        # Shape: (num_pieces,)
        places = torch.arange(token_ids.size(1), device=token_ids.device)
        parts, in_part = places // part_length, places % part_length
        is_special = (in_part < self._num_start) | (in_part >= part_length - self._num_end)
        numbers = places - parts * (self._num_start + self._num_end)
        numbers = numbers.expand_as(token_ids).contiguous()
        # Words without pieces, and padding, have those of the word before, and so none for themselves.
        # Shape: (batch_size, num_words, 2)
        ends = torch.where(mask.bool().unsqueeze(-1), offsets, -1).cummax(1).values
        # Shape: (batch_size, num_pieces)
        words = torch.searchsorted(ends[..., 1].contiguous(), numbers)
        first = ends[..., 0].gather(1, words.clamp(max=mask.size(1) - 1))
        is_of_word = (words < mask.size(1)) & (first <= numbers) & ~is_special
        attended = wordpiece_mask if self._max_length is None else segment_concat_mask
        assert attended is not None
        types = type_ids if self._has_types else None
        return _Pieces(token_ids, attended, torch.where(is_of_word, words + 1, 0), types)


def _folded(tensors: List[torch.Tensor], length: int) -> List[torch.Tensor]:
    """The parts of texts as rows, (batch_size, num_pieces) -> (num_parts, length), without those that are all padding.

    The second tensor says what is no padding.
    """
    padding = -tensors[0].size(1) % length
    # Shape: (batch_size * most parts, length)
    rows = [
        computed_twice(lambda each: torch.nn.functional.pad(each, (0, padding)).reshape(-1, length), tensor)
        for tensor in tensors
    ]
    # Shape: (num_parts,)
    parts = moved(on_host(rows[1])[0].any(-1).nonzero().squeeze(1), rows[1].device)
    return [row.index_select(0, parts) for row in rows]


def _transformer(
    model_name: str,
    options: Dict[str, Any],
    load_weights: bool,
    override_weights_file: Optional[str],
    strip_prefix: Optional[str],
) -> Any:
    """The encoder in float32, whatever its weights are stored in, unless the options say more."""
    if load_weights and override_weights_file is None:
        with _loading_bar_hidden():
            transformer = transformers.AutoModel.from_pretrained(model_name, **options)
    else:
        attention = {name: options[name] for name in ("attn_implementation",) if name in options}
        config = transformers.AutoConfig.from_pretrained(model_name, **options)
        transformer = transformers.AutoModel.from_config(config, **attention)
    if load_weights and override_weights_file is not None:
        prefix = strip_prefix or ""
        found = read_weights(cached_path(override_weights_file))
        weights = {name[len(prefix) :]: weight for name, weight in found.items() if name.startswith(prefix)}
        if not weights:
            raise ConfigurationError(
                f"{override_weights_file}: no weights whose names begin with {prefix!r}; the first is "
                f"{next(iter(found), None)!r}"
            )
        transformer.load_state_dict(weights)
    return transformer if "dtype" in options or "torch_dtype" in options else transformer.float()


@contextmanager
def _loading_bar_hidden() -> Iterator[None]:
    """transformers 5 shows a bar over the weights that it reads, which takes a moment; bars of downloads stay."""
    if not transformers_logging.is_progress_bar_enabled() or hub.are_progress_bars_disabled():
        yield  # as the user has set them
        return
    transformers_logging.disable_progress_bar()  # the hub's, too
    hub.enable_progress_bars()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()


def _part(transformer: Any, sub_module: Optional[str], model_name: str) -> Any:
    if sub_module is not None:
        if not hasattr(transformer, sub_module):
            parts = ", ".join(name for name, _ in transformer.named_children())
            raise ConfigurationError(f"hmtl_transformer: {model_name} has no sub_module {sub_module!r}; it has {parts}")
        return getattr(transformer, sub_module)
    if getattr(transformer.config, "is_encoder_decoder", False):
        logger.warning(
            "hmtl_transformer: %s has a decoder, whose vectors are used; "
            "with sub_module: 'encoder' those of the encoder are",
            model_name,
        )
    return transformer


def _fit_vocabulary(transformer: Any, num_pieces: int) -> None:
    """As many embeddings as the tokenizer has pieces: some models have more, and added ones have none yet."""
    try:
        if transformer.get_input_embeddings().num_embeddings != num_pieces:
            transformer.resize_token_embeddings(num_pieces)
    except NotImplementedError:
        logger.warning("hmtl_transformer: %s cannot change the number of its word pieces", type(transformer).__name__)


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

    # Unlike `torch.compile`, which wraps the module, this leaves the names of its weights alone. `Module.__call__` runs
    # what was compiled by a private attribute, and the errors of those calls can be caught nowhere else.
    transformer.compile(dynamic=True)
    compiled = transformer._compiled_call_impl  # noqa: SLF001

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return compiled(*arguments, **options)
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            logger.warning("hmtl_transformer: torch.compile failed, and the encoder runs without it: %s", reason)
            transformer._compiled_call_impl = None  # noqa: SLF001
            return transformer(*arguments, **options)

    transformer._compiled_call_impl = call  # noqa: SLF001
