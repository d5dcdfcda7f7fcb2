"""Words from their characters, each distinct word of a batch once and without its padding."""

from typing import Tuple

import torch
import torch.nn.functional as F
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.modules.token_embedders import TokenCharactersEncoder, TokenEmbedder

from hmtl.common.allennlp_internals import activation_of, ngram_filter_sizes, wrapped_module


@TokenEmbedder.register("hmtl_character_encoding")
class DistinctCharactersEncoder(TokenCharactersEncoder):
    """AllenNLP's `character_encoding`, which encodes every token, computed once for each distinct word and copied to
    its tokens: the same vectors, gradients and names of weights. Dropout differs from token to token. A CNN with ReLU,
    the usual encoder, reads the windows that lie within words and nothing else.

    Forward and backward pass over 800 tokens of some 350 words: AllenNLP's takes a CPU thread 2.5 times as long
    (benchmarks/modules.py). On a GPU it is AllenNLP's: to learn the number of distinct words, the host would have to
    wait for the device.

    # Parameters

    embedding, encoder, dropout
        As of `character_encoding`.
    """

    def forward(self, token_characters: torch.Tensor) -> torch.Tensor:
        """(batch_size, num_tokens, num_characters) -> (batch_size, num_tokens, encoding_dim)."""
        if token_characters.device.type != "cpu" or token_characters.numel() == 0:
            return super().forward(token_characters)
        # Shape: (num_words, num_characters) and (batch_size * num_tokens,)
        words, places = distinct_rows(token_characters.flatten(0, 1))
        embedding, encoder = wrapped_module(self._embedding), wrapped_module(self._encoder)
        # Shape: (num_words, encoding_dim)
        if isinstance(encoder, CnnEncoder) and isinstance(activation_of(encoder), torch.nn.ReLU):
            vectors = _convolved(words, embedding, encoder)
        else:
            vectors = encoder(embedding(words), (words != 0).long())
        # Shape: (batch_size, num_tokens, encoding_dim)
        return self._dropout(F.embedding(places.view(token_characters.shape[:2]), vectors))


def _convolved(words: torch.Tensor, embedding: torch.nn.Module, encoder: CnnEncoder) -> torch.Tensor:
    """What a `CnnEncoder` makes of words, (num_words, num_characters) -> (num_words, encoding_dim)."""
    lengths = (words != 0).sum(1)
    pooled = []
    for number, ngram_size in enumerate(ngram_filter_sizes(encoder)):
        convolution = getattr(encoder, f"conv_layer_{number}")
        num_windows = (lengths - ngram_size + 1).clamp(min=0)
        # Shape: (num_words, num_characters - ngram_size + 1, ngram_size)
        windows = words.unfold(1, ngram_size, 1)
        is_inside = torch.arange(windows.size(1)) < num_windows.unsqueeze(1)
        # Shape: (num_windows, ngram_size * embedding_dim)
        characters = embedding(windows[is_inside]).flatten(1)
        # Shape: (num_windows, num_filters)
        filtered = F.linear(characters, convolution.weight.transpose(1, 2).flatten(1))
        word_of = torch.arange(len(words)).repeat_interleave(num_windows).unsqueeze(1).expand_as(filtered)
        # A word that is too short has -inf, which ReLU makes 0. Shape: (num_words, num_filters)
        largest = filtered.new_full((len(words), filtered.size(1)), -torch.inf)
        largest = largest.scatter_reduce(0, word_of, filtered, "amax")
        # ReLU and a bias do not change which window is the largest.
        pooled.append(torch.relu(largest + convolution.bias))
    # Shape: (num_words, num_filters * number of sizes)
    vectors = torch.cat(pooled, dim=1)
    return vectors if encoder.projection_layer is None else encoder.projection_layer(vectors)


def distinct_rows(rows: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """The distinct rows of a matrix of numbers from 0 on, and the place of each row among them: what
    `torch.unique(dim=0)` returns, but for the order, and several times as fast.

    # Parameters

    rows : `torch.Tensor`
        Whole numbers. Shape: (num_rows, num_columns), both at least 1

    # Returns

    `Tuple[torch.Tensor, torch.Tensor]`
        Shapes: (num_distinct_rows, num_columns) and (num_rows,).
    """
    base = int(rows.max()) + 1
    # Rows as numbers in base `base`: equal up to some column where the rows are. Shape: (num_rows,)
    numbers, limit = rows[:, 0], base
    for column in rows.t()[1:]:
        if limit * base > 2**63:
            # No more columns fit: counted anew, from 0.
            numbers, limit = torch.unique(numbers, return_inverse=True)[1], len(rows)
        numbers, limit = numbers * base + column, limit * base
    found, places = torch.unique(numbers, return_inverse=True)
    # Shape: (num_distinct_rows, num_columns)
    distinct = rows.new_empty(len(found), rows.size(1))
    distinct[places] = rows
    return distinct, places
