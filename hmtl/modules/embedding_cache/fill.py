"""Computes what caches lack, before training does."""

import os
import random
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Tuple, cast

import torch
from allennlp.common import Tqdm
from allennlp.data import DataLoader
from allennlp.models import Model
from allennlp.modules import TokenEmbedder

from hmtl.common.distributed import all_reduce_max, get_rank
from hmtl.modules.embedding_cache.cache import EmbeddingCache, FrozenEncoder, Sentence, Tensors

# Sentences that wait to be sorted by length.
_WINDOW = 4096
# What is computed at once: so many sentences, and so many tokens with padding.
_SENTENCES = 64
_TOKENS = 4096

Group = Dict[bytes, Sentence]
# By the names of token indexers.
Text = Dict[str, Tensors]


def caching_encoders(model: torch.nn.Module) -> Dict[str, Tuple[FrozenEncoder, EmbeddingCache]]:
    """The embedders of a model that keep vectors on disk, by the names of their indexers, and their caches."""
    found = {}
    for name, module in model.named_modules():
        cache = getattr(module, "cache", None)
        if isinstance(module, TokenEmbedder) and isinstance(cache, EmbeddingCache) and cache.directory is not None:
            found[name.rpartition("token_embedder_")[2]] = cast(FrozenEncoder, module), cache
    return found


class Filled(NamedTuple):
    """How many sentences of an embedder were stored, and how many its cache, or the disk, had no room for."""

    added: int = 0
    left_out: int = 0


def fill(model: Model, loaders: Iterable[DataLoader]) -> Dict[str, Filled]:
    """Computes and stores all sentences of some data that the model's caches lack, in batches of equal length.

    Processes that fill one folder at once share the work; so do distributed workers, each of which sees its share of
    the data. A kill costs the batches that were being computed.

    # Returns

    `Dict[str, Filled]`
        For each embedder.
    """
    encoders = caching_encoders(model)
    counts = dict.fromkeys(encoders, Filled())
    if not encoders:
        return counts
    shuffler = random.Random(os.getpid() + 1_000_003 * get_rank())
    progress = Tqdm.tqdm(desc="filling the cache of embeddings", unit=" sentences")
    batches = (cast(Text, batch["text"]) for loader in loaders for batch in loader if "text" in batch)
    for window in _windows(batches, encoders):
        for name, sentences in window.items():
            encoder, cache = encoders[name]
            groups = list(_groups(sentences))
            # Each process in an order of its own, so that two seldom compute the same.
            shuffler.shuffle(groups)
            for group in groups:
                wanted = {key: group[key] for key in cache.still_missing(encoder, group)}
                if wanted:
                    cache.add(encoder, wanted)
                left_out = len(cache.still_missing(encoder, wanted))
                counts[name] = Filled(counts[name].added + len(wanted) - left_out, counts[name].left_out + left_out)
                progress.update(len(group))
                # Other workers count one that is silent for long as lost.
                all_reduce_max(1)
    progress.close()
    while all_reduce_max(0):
        pass
    return counts


def _windows(batches: Iterable[Text], encoders: Dict[str, Any]) -> Iterator[Dict[str, Group]]:
    """What each cache lacks, some thousands of sentences at a time."""
    window: Dict[str, Group] = {name: {} for name in encoders}
    for text in batches:
        for name, (encoder, cache) in encoders.items():
            window[name].update(cache.missing(encoder, _without_documents(encoder, text[name])))
        if any(len(group) >= _WINDOW for group in window.values()):
            yield window
            window = {name: {} for name in encoders}
    yield window


def _without_documents(encoder: FrozenEncoder, inputs: Tensors) -> Tensors:
    """(batch_size, num_sentences, ...) -> (all sentences, ...) without the padded ones; sentences stay as they are."""
    if encoder.token_mask(inputs).dim() > 2:
        inputs = {name: tensor.flatten(0, 1) for name, tensor in inputs.items()}
    rows = encoder.token_mask(inputs).any(-1)
    return {name: tensor[rows] for name, tensor in inputs.items()}


def _groups(sentences: Group) -> Iterator[Group]:
    """Sentences of similar length together, the longest first."""
    group: Group = {}
    longest = 0
    by_length: List[Tuple[bytes, Sentence]] = sorted(sentences.items(), key=lambda item: (-item[1].num_tokens, item[0]))
    for key, sentence in by_length:
        longest = longest if group else sentence.num_tokens
        if group and (len(group) == _SENTENCES or (len(group) + 1) * longest > _TOKENS):
            yield group
            group, longest = {}, sentence.num_tokens
        group[key] = sentence
    if group:
        yield group
