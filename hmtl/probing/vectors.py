"""The vectors that the levels of a model have for sentences, each of which is a document of its own."""

import hashlib
import json
import os
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy
from allennlp.common import Tqdm
from allennlp.common.checks import check_for_gpu
from allennlp.data import DatasetReader, Vocabulary

from hmtl.common.weights import add_to_digest
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.predictors.hmtl_predictor import MAX_TOKENS, WINDOW, document_reader, length_batches
from hmtl.predictors.level_encoder import EMBEDDING, TRANSFORMER, WORDS, LevelEncoder, Sentences, known_poolings
from hmtl.predictors.sentence_indexer import SentenceIndexer

__all__ = ["BATCH_SIZE", "EMBEDDING", "TRANSFORMER", "WORDS", "LevelVectors", "Sentences", "known_poolings"]

BATCH_SIZE = 256
# Joins the names of levels whose vectors are taken side by side, such as `transformer+ner`.
JOIN = "+"


class LevelVectors:
    """The vectors of any level of a model for sentences, each of which is a document of its own.

    A level may be several, such as `transformer+ner`: the vectors of the one and then those of the other, by which a
    probe tells what the other adds (Hewitt et al. 2021, "Conditional probing").

    The model stays as it is: it runs in evaluation mode without gradients, and is in its own mode again afterwards.

    # Parameters

    model : `HMTL`
    dataset_reader : `DatasetReader`
        A reader of hmtl's, or the multitask reader of several; only its token indexers are used.
    batch_size : `int`, optional (default = `256`)
        The most sentences that are computed together.

    # Attributes

    model : `HMTL`
    indexers : `Dict[str, TokenIndexer]`
    """

    def __init__(self, model: HMTL, dataset_reader: DatasetReader, batch_size: int = BATCH_SIZE) -> None:
        if batch_size < 1:
            raise UserError(f"a batch of {batch_size} sentences; expected at least 1")
        self.model = model
        self.indexers = document_reader(dataset_reader).token_indexers
        self._encoder = LevelEncoder(model, SentenceIndexer(self.indexers, model.vocab))
        self._batch_size = batch_size
        self._fingerprint: Optional[str] = None

    @classmethod
    def load(
        cls,
        archive: Union[str, os.PathLike],
        cuda_device: int = -1,
        weights_file: str = None,
        batch_size: int = BATCH_SIZE,
    ) -> "LevelVectors":
        """Of an archive (`model.tar.gz`) or of the directory of a run.

        `weights_file` names other weights than the best ones, such as a run's `best_ner.safetensors`.

        # Raises

        UserError
            Where there is no archive, or it holds another kind of model.
        """
        check_for_gpu(cuda_device)
        loaded = load_hmtl_archive(archive, weights_file, cuda_device)
        assert isinstance(loaded.model, HMTL)
        return cls(loaded.model, loaded.validation_dataset_reader, batch_size)

    @property
    def levels(self) -> List[str]:
        """`embedding`, then the model's tasks, each above all that it reads."""
        return self._encoder.levels

    @property
    def has_words(self) -> bool:
        """Whether the shared embedding has word vectors, which can be had as the level `words`."""
        return self._encoder.has_words

    @property
    def has_transformer(self) -> bool:
        """Whether a transformer is part of the shared embedding; its vectors can be had as the level `transformer`."""
        return self._encoder.has_transformer

    @property
    def fingerprint(self) -> str:
        """20 digits that stand for all weights, what reads what, and the vocabulary."""
        if self._fingerprint is None:
            self._fingerprint = _fingerprint(self.model)
        return self._fingerprint

    def known_levels(self, names: Sequence[str]) -> List[str]:
        """The names, each once.

        # Raises

        UserError
            Naming a level that the model does not have.
        """
        self._encoder.known_levels(_parts(names))
        return list(dict.fromkeys(names))

    def known_pairs(self, levels: Sequence[str], poolings: Sequence[str]) -> List[Tuple[str, str]]:
        """The levels with their poolings, without those that cannot be; see `LevelEncoder.known_pairs`."""
        known = self._encoder.known_pairs(_parts(levels), poolings)
        pairs = [(level, pooling) for level in self.known_levels(levels) for pooling in known_poolings(poolings)]
        return [
            (level, pooling) for level, pooling in pairs if all((part, pooling) in known for part in _parts([level]))
        ]

    def token_vectors(self, sentences: Sentences, levels: Sequence[str]) -> Iterator[Dict[str, numpy.ndarray]]:
        """For each sentence, in order, the vectors of its tokens at each level: (num_tokens, dim), float32.

        Sentences are read some batches at a time and sorted by length, so that few are held at once.

        # Raises

        UserError
            Where the model has no such level, or a sentence has no tokens.
        """
        # Not in the generator, so that mistakes come to light at once.
        levels = self.known_levels(levels)
        _check(sentences)
        return self._token_vectors(sentences, levels)

    def sentence_vectors(
        self, sentences: Sentences, levels: Sequence[str], poolings: Sequence[str] = ("max", "average")
    ) -> Dict[Tuple[str, str], numpy.ndarray]:
        """The pooled vectors of the sentences by level and pooling, as `known_pairs` has these: (num_sentences, dim),
        float32.

        Those of tokens are dropped after each batch.

        # Raises

        UserError
            Where the model has no such level, there is no such pooling, or a sentence has no tokens.
        """
        batches = self.pooled_batches(sentences, levels, poolings)
        pooled = {
            pair: numpy.empty((len(sentences), self.dim(pair[0])), numpy.float32)
            for pair in self.known_pairs(levels, poolings)
        }
        with Tqdm.tqdm(total=len(sentences), desc="vectors", unit=" sentences") as bar:
            for numbers, vectors in batches:
                for pair, matrix in vectors.items():
                    pooled[pair][numbers] = matrix
                bar.update(len(numbers))
        return pooled

    def pooled_batches(
        self, sentences: Sentences, levels: Sequence[str], poolings: Sequence[str]
    ) -> Iterator[Tuple[List[int], Dict[Tuple[str, str], numpy.ndarray]]]:
        """What `sentence_vectors` gathers, batch by batch, those of the longest sentences first: the sentences' numbers
        and their vectors by level and pooling.

        # Raises

        UserError
            As `sentence_vectors` does.
        """
        # Not in the generator, so that mistakes come to light at once.
        pairs = self.known_pairs(levels, poolings)
        _check(sentences)
        return self._pooled_batches(sentences, pairs)

    def dim(self, level: str) -> int:
        """The size of a level's vectors."""
        return sum(self._encoder.dim(part) for part in level.split(JOIN))

    def _pooled_batches(
        self, sentences: Sentences, pairs: List[Tuple[str, str]]
    ) -> Iterator[Tuple[List[int], Dict[Tuple[str, str], numpy.ndarray]]]:
        parts = [(part, pooling) for level, pooling in pairs for part in level.split(JOIN)]
        for batch in length_batches(list(map(len, sentences)), self._batch_size, MAX_TOKENS):
            found = self._encoder.pooled([[sentences[number]] for number in batch], list(dict.fromkeys(parts)))
            # Shape (each): (batch_size, dim)
            yield (
                batch,
                {
                    (level, pooling): numpy.concatenate([found[part, pooling] for part in level.split(JOIN)], axis=1)
                    for level, pooling in pairs
                },
            )

    def _token_vectors(self, sentences: Sentences, levels: List[str]) -> Iterator[Dict[str, numpy.ndarray]]:
        size, parts = WINDOW * self._batch_size, _parts(levels)
        for first in range(0, len(sentences), size):
            window = sentences[first : first + size]
            found: List[Dict[str, numpy.ndarray]] = [{} for _ in window]
            for batch in length_batches(list(map(len, window)), self._batch_size, MAX_TOKENS):
                rows, vectors = self._encoder.encode([[window[number]] for number in batch], parts)
                for part in parts:
                    for group, padded in zip(rows.groups, vectors[part]):
                        for row, matrix in zip(group, padded.cpu().numpy()):
                            # A copy of its own: a view would keep the whole batch in memory.
                            found[batch[row]][part] = matrix[: len(window[batch[row]])].copy()
            for of_sentence in found:
                # Shape (each): (num_tokens, dim)
                yield {
                    level: numpy.concatenate([of_sentence[part] for part in level.split(JOIN)], axis=1)
                    for level in levels
                }


def _parts(levels: Sequence[str]) -> List[str]:
    """The levels that these are made of, each once."""
    return list(dict.fromkeys(part for level in levels for part in level.split(JOIN)))


def _check(sentences: Sentences) -> None:
    for number, sentence in enumerate(sentences):
        if not len(sentence):
            raise UserError(f"sentence {number}, counted from 0, has no tokens; leave it out")


def _fingerprint(model: HMTL) -> str:
    structure = [model.reads, model.reads_embedding, model.reads_label_embeddings]
    digest = hashlib.blake2b(digest_size=10)
    digest.update(json.dumps([structure, _words_of(model.vocab)], sort_keys=True).encode())
    add_to_digest(digest, model.state_dict())
    return digest.hexdigest()


def _words_of(vocab: Vocabulary) -> Dict[str, Dict[str, int]]:
    return {namespace: vocab.get_token_to_index_vocabulary(namespace) for namespace in vocab.get_namespaces()}
