"""The private attributes of other objects of AllenNLP's that hmtl reads, in one place, with the reason for each.

AllenNLP 2.10.1 is carried with hmtl and does not change, so that these names are as firm as its public ones. The linter
refuses private attributes of other objects everywhere else. What a class of hmtl inherits from one of AllenNLP's it may
use as its own; that is no concern of this module.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple, cast

from allennlp.common import Registrable
from allennlp.common import params as allennlp_params

if TYPE_CHECKING:  # whoever has such an object has imported its class; `import hmtl` need not
    import argparse

    import torch
    from allennlp.data import DatasetReader, TokenIndexer, Vocabulary
    from allennlp.data.token_indexers import (
        PretrainedTransformerMismatchedIndexer,
        SingleIdTokenIndexer,
        TokenCharactersIndexer,
    )
    from allennlp.data.tokenizers import Token, Tokenizer
    from allennlp.modules import Elmo, Embedding, FeedForward, TimeDistributed
    from allennlp.modules.elmo import _ElmoCharacterEncoder
    from allennlp.modules.seq2vec_encoders import CnnEncoder
    from allennlp.predictors import Predictor

# Token indexers: their options are kept under private names alone. `hmtl.data` pads and counts as they do, a table of
# distinct words at a time, and has to know them for that.


def min_num_tokens(indexer: TokenIndexer) -> int:
    """The option `token_min_padding_length`: sequences are padded to so many tokens at least."""
    return indexer._token_min_padding_length


def min_num_characters(indexer: TokenCharactersIndexer) -> int:
    """The option `min_padding_length`: words are padded to so many characters at least."""
    return indexer._min_padding_length


def adds_tokens(indexer: TokenIndexer) -> bool:
    """Whether the options `start_tokens` and `end_tokens`, which not all indexers have, add tokens to each sequence."""
    return bool(getattr(indexer, "_start_tokens", None) or getattr(indexer, "_end_tokens", None))


def feature_name(indexer: SingleIdTokenIndexer) -> str:
    """The option `feature_name`: what of a token is looked up."""
    return indexer._feature_name


def character_namespace(indexer: TokenCharactersIndexer) -> str:
    """The option `namespace`; `SingleIdTokenIndexer` has its own in public."""
    return indexer._namespace


def character_tokenizer(indexer: TokenCharactersIndexer) -> Tokenizer:
    """The option `character_tokenizer`."""
    return indexer._character_tokenizer


def makes_same_word_pieces(
    first: PretrainedTransformerMismatchedIndexer, second: PretrainedTransformerMismatchedIndexer
) -> bool:
    """Whether two indexers index alike. They never compare equal: each wraps the tokenizer anew, though AllenNLP loads
    it once."""
    one, other = first._matched_indexer, second._matched_indexer
    return (
        one._tokenizer is other._tokenizer
        and (one._namespace, one._max_length) == (other._namespace, other._max_length)
        and min_num_tokens(first) == min_num_tokens(second)
    )


@contextmanager
def word_pieces_cached(indexer: PretrainedTransformerMismatchedIndexer) -> Iterator[None]:
    """Within it, the indexer's tokenizer cuts each distinct word into word pieces once. Cutting is what takes it long,
    and the one method that does it, for a list of words, is private."""
    tokenizer = indexer._allennlp_tokenizer
    cut = tokenizer._intra_word_tokenize
    known: Dict[str, List[Token]] = {}

    def join(words: List[str]) -> Tuple[List[Token], List[Optional[Tuple[int, int]]]]:
        tokens: List[Token] = []
        offsets: List[Optional[Tuple[int, int]]] = []
        for word in words:
            if word not in known:
                known[word], _ = cut([word])
            pieces = known[word]
            offsets.append((len(tokens), len(tokens) + len(pieces) - 1) if pieces else None)
            tokens.extend(pieces)
        return tokens, offsets

    tokenizer._intra_word_tokenize = join  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        # With the attribute of the object gone, the method of the class is found again.
        del tokenizer._intra_word_tokenize


def shard_no_instances(reader: DatasetReader) -> None:
    """Makes a reader give all instances to every distributed worker: `PerTaskDataLoader` shards batches, for which all
    workers must see the same ones. Otherwise AllenNLP's own loaders set this."""
    reader._set_distributed_info(None)


# Vocabularies and embeddings: fine-tuning matches the rows of two embeddings by the entries of their vocabularies, and
# has to know which entries are the special ones and which vocabulary belongs to an embedding.


def padding_token(vocab: Vocabulary) -> str:
    """The entry for padding, in namespaces that have one."""
    return vocab._padding_token


def oov_token(vocab: Vocabulary) -> str:
    """The entry for unknown words, in namespaces that have one."""
    return vocab._oov_token


def vocab_namespace(embedding: Embedding) -> Optional[str]:
    """The namespace of the vocabulary whose entries the rows stand for, `None` where they stand for none."""
    return embedding._vocab_namespace


def pretrained_file(embedding: Embedding) -> Optional[str]:
    """Where the vectors were read from, `None` where they were drawn at random."""
    return embedding._pretrained_file


# Modules: hmtl computes what they do on rows that are laid out otherwise, with their weights, and so needs their parts.


def linear_layers(feedforward: FeedForward) -> List[torch.nn.Linear]:
    """The linear layers of a feed-forward network, in order."""
    return cast("List[torch.nn.Linear]", list(feedforward._linear_layers))


def dropout_layers(feedforward: FeedForward) -> List[torch.nn.Dropout]:
    """The dropout after each of `linear_layers`."""
    return cast("List[torch.nn.Dropout]", list(feedforward._dropout))


def wrapped_module(module: TimeDistributed) -> torch.nn.Module:
    """The module that a `TimeDistributed` applies to each row."""
    return module._module


def ngram_filter_sizes(encoder: CnnEncoder) -> Tuple[int, ...]:
    """The widths of a character CNN's filters."""
    return tuple(encoder._ngram_filter_sizes)


def activation_of(encoder: CnnEncoder) -> Any:
    """What a character CNN applies to its convolutions."""
    return encoder._activation


def dropout_of(elmo: Elmo) -> torch.nn.Dropout:
    """What ELMo applies to its mixed layers; to layers from a cache `ElmoEmbedder` has to apply it itself."""
    return elmo._dropout


def elmo_options(encoder: _ElmoCharacterEncoder) -> Dict[str, Any]:
    """The sizes of an ELMo, part of the key of its cached vectors."""
    return encoder._options


def elmo_weight_file(encoder: _ElmoCharacterEncoder) -> str:
    """Where an ELMo's weights were read from, to name its cache to people."""
    return str(encoder._weight_file)


# Configurations and commands: functions that AllenNLP has under private names and hmtl goes on with.


def is_registrable(base: Any) -> bool:
    """Whether classes were registered under a base class. `list_available` makes an entry where there is none."""
    return base in Registrable._registry


def environment_variables() -> Dict[str, str]:
    """The variables that every configuration sees, in jsonnet as `std.extVar`."""
    return allennlp_params._environment_variables()


def predictor_of_command(arguments: argparse.Namespace) -> Predictor:
    """What `allennlp predict` loads for its arguments."""
    from allennlp.commands import predict as allennlp_predict

    return allennlp_predict._get_predictor(arguments)


def run_predict_command(arguments: argparse.Namespace) -> None:
    """What `allennlp predict` does with its arguments."""
    from allennlp.commands import predict as allennlp_predict

    allennlp_predict._predict(arguments)
