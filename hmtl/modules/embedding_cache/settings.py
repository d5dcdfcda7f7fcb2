"""What a configuration says about a cache."""

from pathlib import Path
from typing import Optional, Union

from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError

from hmtl.modules.embedding_cache.cache import DTYPES, EmbeddingCache
from hmtl.modules.embedding_cache.directory import default_directory

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
