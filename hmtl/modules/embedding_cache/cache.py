"""The vectors of sentences, from a store where it has them, else from the encoder; and its configuration."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Protocol, Tuple, Union

import numpy
import torch
from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError
from allennlp.modules.scalar_mix import ScalarMix

from hmtl.common.devices import moved, on_host, pinned
from hmtl.common.weights import add_to_digest
from hmtl.modules.embedding_cache.folder import DiskStore, MemoryStore, Rows, VectorStore, default_directory

Tensors = Dict[str, torch.Tensor]


class Sentence(NamedTuple):
    """A row of a batch without its padding.

    # Attributes

    arrays : `Dict[str, numpy.ndarray]`
        What the token indexer made of it, by the names of the embedder's inputs.
    num_tokens : `int`
    """

    arrays: Dict[str, numpy.ndarray]
    num_tokens: int

    @property
    def key(self) -> bytes:
        """16 bytes that stand for the text as the indexer gives it, whatever the integers' type."""
        digest = hashlib.blake2b(digest_size=16)
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(array.astype("<i4").tobytes())
        return digest.digest()


def split(inputs: Tensors, lengths: Dict[str, torch.Tensor], num_tokens: torch.Tensor) -> List[Sentence]:
    """The sentences of a batch.

    # Parameters

    inputs : `Dict[str, torch.Tensor]`
        Shapes (batch_size, length, ...).
    lengths : `Dict[str, torch.Tensor]`
        How many entries of each input are no padding, row by row. Shapes (batch_size,).
    num_tokens : `torch.Tensor`
        Shape (batch_size,).
    """
    arrays = {name: tensor.cpu().numpy() for name, tensor in inputs.items()}
    counts = {name: count.tolist() for name, count in lengths.items()}
    return [
        Sentence({name: array[row, : counts[name][row]] for name, array in arrays.items()}, tokens)
        for row, tokens in enumerate(num_tokens.tolist())
    ]


def collate(sentences: List[Sentence], device: torch.device) -> Tensors:
    """The padded batch of some sentences."""
    return {
        name: moved(
            torch.nn.utils.rnn.pad_sequence(
                [torch.from_numpy(sentence.arrays[name]) for sentence in sentences], batch_first=True
            ),
            device,
        )
        for name in sentences[0].arrays
    }


DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# Changes when what is stored, or the keys, change.
_FORMAT = 1
# Integers in which numpy copies the bits of vectors; it knows no bfloat16.
_CARRIERS = {2: (torch.int16, "<i2"), 4: (torch.int32, "<i4")}


class FrozenEncoder(Protocol):
    """What an embedder has to offer to be cached."""

    # How many layers `frozen_layers` gives.
    num_layers: int

    def token_mask(self, inputs: Tensors) -> torch.Tensor:
        """Which tokens are real, shape (batch_size, num_tokens)."""

    def lengths(self, inputs: Tensors) -> Dict[str, torch.Tensor]:
        """How many entries of each input are no padding, row by row. Shapes (batch_size,)."""

    def frozen_layers(self, inputs: Tensors) -> torch.Tensor:
        """What never changes for a sentence, shape (num_layers, batch_size, num_tokens, dim)."""

    def identity(self) -> Dict[str, Any]:
        """Which options and library versions the vectors depend on, as JSON."""

    def frozen_module(self) -> torch.nn.Module:
        """That whose weights they depend on."""

    def title(self) -> Dict[str, str]:
        """What people call it: `embedder` and `model`."""


class EmbeddingCache:
    """The layers of a frozen encoder, each sentence computed once.

    # Parameters

    directory : `Optional[Path]`
        The folder of the caches, or `None` for one in the memory of this process.
    num_bytes : `int`
        The size of the folder, or of the memory, above which nothing is added.
    dtype : `str`, optional (default = `"fp32"`)
        How vectors are kept; they are read as float32.
    """

    def __init__(self, directory: Optional[Path], num_bytes: int, dtype: str = "fp32") -> None:
        self.directory = directory
        self._num_bytes = num_bytes
        self._dtype = dtype
        self._store: Optional[VectorStore] = None
        self._versions: Tuple[int, ...] = ()
        self._in_use = False

    def __deepcopy__(self, memo: Any) -> "EmbeddingCache":
        return EmbeddingCache(self.directory, self._num_bytes, self._dtype)

    def __getstate__(self) -> Dict[str, Any]:
        # What is open stays in this process.
        return {**self.__dict__, "_store": None, "_versions": ()}

    def is_in_use(self, training: bool) -> bool:
        """Whether the model has been in training mode: until then nothing is read or written."""
        self._in_use = self._in_use or training
        return self._in_use

    def layers(self, encoder: FrozenEncoder, inputs: Tensors) -> torch.Tensor:
        """`encoder.frozen_layers(inputs)` in float32, with zeros at padding, and without gradients."""
        sentences = _sentences(encoder, inputs)
        keys = [sentence.key for sentence in sentences]
        mask = encoder.token_mask(inputs)
        store = self.store(encoder)
        computed: Rows = {}
        new = self._missing(store, keys, sentences)
        if new:
            computed = self._computed(encoder, new, mask.device)
            store.add(computed)
        with store.reading(keys) as stored:
            # What is stored comes first: another process may have been quicker.
            rows = [stored[key] if key in stored else computed[key] for key in keys]
            padded = self._padded(rows, encoder.num_layers, sentences, mask.size(1))
        return pinned(padded, mask.device).to(mask.device, non_blocking=True).float()

    def add(self, encoder: FrozenEncoder, sentences: Dict[bytes, Sentence]) -> None:
        """Computes and stores these sentences, by their keys, together."""
        device = next(encoder.frozen_module().parameters()).device
        self.store(encoder).add(self._computed(encoder, sentences, device))

    def missing(self, encoder: FrozenEncoder, inputs: Tensors) -> Dict[bytes, Sentence]:
        """The sentences of a batch that are not stored, by their keys."""
        sentences = _sentences(encoder, inputs)
        return self._missing(self.store(encoder), [sentence.key for sentence in sentences], sentences)

    def still_missing(self, encoder: FrozenEncoder, keys: Iterable[bytes]) -> List[bytes]:
        """Those of the keys that nobody has stored in the meantime."""
        return list(self.store(encoder).missing(keys))

    def store(self, encoder: FrozenEncoder) -> VectorStore:
        """The store of the encoder as it is now: other weights have another one."""
        versions = _versions(encoder.frozen_module())
        if self._store is None or versions != self._versions:
            self._versions = versions
            if self.directory is None:
                self._store = MemoryStore(self._num_bytes)
            else:
                description = {**encoder.title(), "dtype": self._dtype}
                self._store = DiskStore(self.directory, self.fingerprint(encoder), description, self._num_bytes)
        return self._store

    def fingerprint(self, encoder: FrozenEncoder) -> str:
        """20 digits that stand for the encoder's weights and options, and the format of what is kept."""
        digest = hashlib.blake2b(digest_size=10)
        about = {"format": _FORMAT, "dtype": self._dtype, **encoder.identity()}
        digest.update(json.dumps(about, sort_keys=True, default=str).encode())
        add_to_digest(digest, encoder.frozen_module().state_dict())
        return digest.hexdigest()

    def _missing(self, store: VectorStore, keys: List[bytes], sentences: List[Sentence]) -> Dict[bytes, Sentence]:
        missing = set(store.missing(keys))
        return {key: sentence for key, sentence in zip(keys, sentences) if key in missing}

    def _computed(self, encoder: FrozenEncoder, sentences: Dict[bytes, Sentence], device: torch.device) -> Rows:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            # Shape: (num_layers, num_sentences, num_tokens, dim)
            layers = encoder.frozen_layers(collate(list(sentences.values()), device))
            layers = layers.to(DTYPES[self._dtype]).cpu()
        carrier, _ = _CARRIERS[layers.element_size()]
        return {
            # A copy of its own: a view would keep the whole batch in memory.
            key: layers[:, row, : sentence.num_tokens].contiguous().view(carrier).numpy().copy()
            for row, (key, sentence) in enumerate(sentences.items())
        }

    def _padded(
        self, rows: List[numpy.ndarray], num_layers: int, sentences: List[Sentence], num_tokens: int
    ) -> torch.Tensor:
        """Copies what may be the bytes of a file straight to where it belongs in the batch."""
        dtype = DTYPES[self._dtype]
        carrier, numbers = _CARRIERS[torch.empty(0, dtype=dtype).element_size()]
        rows = [
            row.reshape(-1).view(numbers).reshape(num_layers, sentence.num_tokens, -1)
            for row, sentence in zip(rows, sentences)
            if sentence.num_tokens
        ]
        # Shape: (num_layers, batch_size, num_tokens, dim)
        padded = torch.empty(num_layers, len(sentences), num_tokens, rows[0].shape[-1], dtype=dtype)
        target = padded.view(carrier).numpy()
        filled = iter(rows)
        for number, sentence in enumerate(sentences):
            if sentence.num_tokens:
                target[:, number, : sentence.num_tokens] = next(filled)
            target[:, number, sentence.num_tokens :] = 0
        return padded


def _sentences(encoder: FrozenEncoder, inputs: Tensors) -> List[Sentence]:
    inputs = dict(zip(inputs, on_host(*inputs.values())))
    return split(inputs, encoder.lengths(inputs), encoder.token_mask(inputs).sum(-1))


def _versions(module: torch.nn.Module) -> Tuple[int, ...]:
    """Changes whenever a weight is written to, or replaced by another."""
    # Torch counts what is written to a tensor in place, and tells of it by this name alone.
    return tuple(number for weight in module.parameters() for number in (id(weight), weight._version))  # noqa: SLF001


_GIB = 2**30


class CacheSettings(FromParams):
    """A cache on disk: `cache: true` in a configuration, or an object with any of these.

    # Parameters

    dtype : `str`, optional (default = `"fp32"`)
        How vectors are kept: `fp32`, `fp16` or `bf16`.
    gib : `float`, optional (default = `50.0`)
        The size, in GiB, up to which the folder grows.
    directory : `str`, optional
        The folder; by default `$HMTL_CACHE/embeddings`, or `hmtl/embeddings` in the user's folder for caches.
    """

    def __init__(self, dtype: str = "fp32", gib: float = 50.0, directory: str = None) -> None:
        if dtype not in DTYPES:
            raise ConfigurationError(f"cache.dtype: expected one of {', '.join(DTYPES)}, got {dtype}")
        self.dtype = dtype
        self.num_bytes = int(gib * _GIB)
        self.directory = directory


def cache_of(settings: Union[bool, CacheSettings], memory_gib: float = 0.0) -> Optional[EmbeddingCache]:
    """The cache that an embedder's options ask for: on disk, in so much memory, or none.

    # Raises

    ConfigurationError
        Where they ask for both.
    """
    if settings and memory_gib:
        raise ConfigurationError(
            "cache_gib keeps vectors in memory and cache keeps them on disk (which memory buffers); remove one"
        )
    if memory_gib:
        return EmbeddingCache(None, int(memory_gib * _GIB))
    if not settings:
        return None
    chosen = settings if isinstance(settings, CacheSettings) else CacheSettings()
    directory = default_directory() if chosen.directory is None else Path(chosen.directory)
    return EmbeddingCache(directory, chosen.num_bytes, chosen.dtype)


def mixed_layers(mix: ScalarMix, layers: torch.Tensor) -> torch.Tensor:
    """gamma * sum_k softmax(w)_k h_k (Peters et al. 2018, equation 1), as one product of a vector and a matrix.

    # Parameters

    mix : `ScalarMix`
        One without layer normalization.
    layers : `torch.Tensor`
        Shape (num_layers, batch_size, num_tokens, dim), float32.

    # Returns

    `torch.Tensor`
        Shape (batch_size, num_tokens, dim), float32 under autocast, too.
    """
    with torch.autocast(layers.device.type, enabled=False):
        # Shape: (num_layers,)
        weights = mix.gamma * torch.softmax(torch.cat(list(mix.scalar_parameters)), dim=0)
        # Shape: (batch_size * num_tokens * dim,)
        mixed = weights @ layers.flatten(1)
    # Shape: (batch_size, num_tokens, dim)
    return mixed.view(layers.shape[1:])
