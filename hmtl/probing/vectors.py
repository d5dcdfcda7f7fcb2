"""The vectors that the levels of a model have for sentences, for which no head runs."""

import hashlib
import json
import os
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy
import torch
from allennlp.common import Tqdm
from allennlp.common.checks import check_for_gpu
from allennlp.data import DatasetReader, TextFieldTensors, Vocabulary
from allennlp.modules.token_embedders import Embedding
from allennlp.nn.util import move_to_device

from hmtl.common.checks import it_has
from hmtl.common.weights import add_to_digest
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.modules.token_rows import TokenRows
from hmtl.predictors.hmtl_predictor import MAX_TOKENS, WINDOW, document_reader, length_batches
from hmtl.predictors.sentence_indexer import SentenceIndexer

# The shared embedding; and the word vectors in it, which know nothing of characters or context.
EMBEDDING, WORDS = "embedding", "words"
BATCH_SIZE = 256
# What leads the names of AllenNLP's token embedders.
_EMBEDDER = "token_embedder_"

Sentences = Sequence[Sequence[str]]
# Of a level in one batch, in groups of rows. Shape (each): (num_rows, length, dim)
Groups = List[torch.Tensor]


def max_pooling(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The maximum of each dimension. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    return vectors.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)


def average_pooling(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of each dimension. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    return vectors.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / mask.sum(1, keepdim=True)


POOLINGS: Dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "max": max_pooling,
    "average": average_pooling,
}


def known_poolings(names: Sequence[str]) -> List[str]:
    """The names, each once.

    # Raises

    UserError
        Naming one that does not exist.
    """
    for name in names:
        if name not in POOLINGS:
            raise UserError(f"there is no pooling '{name}'; expected one of: {', '.join(POOLINGS)}")
    return list(dict.fromkeys(names))


class LevelVectors:
    """The vectors of any level of a model for sentences, each of which is a document of its own.

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
        self._index = SentenceIndexer(self.indexers, model.vocab)
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
        return [EMBEDDING, *self.model.tasks]

    @property
    def has_words(self) -> bool:
        """Whether the shared embedding has word vectors, which can be had as the level `words`."""
        return _word_embedder(self.model) is not None

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
        known = [*self.levels, *([WORDS] if self.has_words else [])]
        for name in names:
            if name not in known:
                raise UserError(f"the model has no level '{name}'; {it_has(name, known)}")
        return list(dict.fromkeys(names))

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
        """The pooled vectors of the sentences by level and pooling: (num_sentences, dim), float32.

        Those of tokens are dropped after each batch.

        # Raises

        UserError
            Where the model has no such level, there is no such pooling, or a sentence has no tokens.
        """
        batches = self.pooled_batches(sentences, levels, poolings)
        pooled: Dict[Tuple[str, str], numpy.ndarray] = {
            (level, pooling): numpy.empty((len(sentences), self.dim(level)), numpy.float32)
            for level in levels
            for pooling in poolings
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
        levels, poolings = self.known_levels(levels), known_poolings(poolings)
        _check(sentences)
        return self._pooled_batches(sentences, levels, poolings)

    def dim(self, level: str) -> int:
        """The size of a level's vectors."""
        if level == WORDS:
            embedder = _word_embedder(self.model)
            assert embedder is not None
            return embedder[1].get_output_dim()
        if level == EMBEDDING:
            return self.model.text_field_embedder.get_output_dim()
        return self.model.encoding_dim(level)

    def _pooled_batches(
        self, sentences: Sentences, levels: List[str], poolings: List[str]
    ) -> Iterator[Tuple[List[int], Dict[Tuple[str, str], numpy.ndarray]]]:
        for batch in length_batches(list(map(len, sentences)), self._batch_size, MAX_TOKENS):
            with self._evaluating():
                rows, vectors = self._encode([sentences[number] for number in batch], levels)
            pooled = {
                (level, pooling): numpy.concatenate(
                    [POOLINGS[pooling](group, mask).cpu().numpy() for group, mask in zip(vectors[level], rows.masks)]
                )
                for level in levels
                for pooling in poolings
            }
            yield [batch[row] for group in rows.groups for row in group], pooled

    def _token_vectors(self, sentences: Sentences, levels: List[str]) -> Iterator[Dict[str, numpy.ndarray]]:
        size = WINDOW * self._batch_size
        for first in range(0, len(sentences), size):
            window = sentences[first : first + size]
            found: List[Dict[str, numpy.ndarray]] = [{} for _ in window]
            with self._evaluating():
                for batch in length_batches(list(map(len, window)), self._batch_size, MAX_TOKENS):
                    rows, vectors = self._encode([window[number] for number in batch], levels)
                    for level in levels:
                        for group, padded in zip(rows.groups, vectors[level]):
                            for row, matrix in zip(group, padded.cpu().numpy()):
                                # A copy of its own: a view would keep the whole batch in memory.
                                found[batch[row]][level] = matrix[: len(window[batch[row]])].copy()
            yield from found

    @torch.inference_mode()
    def _encode(self, sentences: Sentences, levels: List[str]) -> Tuple[TokenRows, Dict[str, Groups]]:
        """One pass of the encoders: the rows, and their vectors at each level."""
        lengths = list(map(len, sentences))
        device = next(self.model.parameters()).device
        rows = TokenRows(lengths, device)
        text = self._index([[list(sentences[row]) for row in group] for group in rows.groups])
        text = text if device.type == "cpu" else move_to_device(text, device)
        vectors: Dict[str, Groups] = {}
        if WORDS in levels:
            vectors[WORDS] = [_word_vectors(self.model, group) for group in text]
        if levels != [WORDS]:
            # Shape: (num_tokens,)
            sentence_of = torch.arange(len(sentences)).repeat_interleave(torch.tensor(lengths)).to(device)
            tasks = [level for level in levels if level not in (EMBEDDING, WORDS)]
            encodings = self.model.encode_texts(text, rows, rows, sentence_of, tasks)
            if EMBEDDING in levels:
                vectors[EMBEDDING] = encodings.embedding("sentence")
            # Rows of documents are those of sentences here, so that nothing is to be rearranged.
            vectors.update({task: encodings.levels[task].output for task in tasks})
        return rows, {level: [group.float() for group in groups] for level, groups in vectors.items()}

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def _check(sentences: Sentences) -> None:
    for number, sentence in enumerate(sentences):
        if not len(sentence):
            raise UserError(f"sentence {number}, counted from 0, has no tokens; leave it out")


def _word_embedder(model: HMTL) -> Optional[Tuple[str, Embedding]]:
    """The name and the table of the word vectors, of several the first by name."""
    for name, module in sorted(model.text_field_embedder.named_children()):
        if name.startswith(_EMBEDDER) and isinstance(module, Embedding):
            return name[len(_EMBEDDER) :], module
    return None


def _word_vectors(model: HMTL, text: TextFieldTensors) -> torch.Tensor:
    """Shape: (num_sentences, length, dim)"""
    embedder = _word_embedder(model)
    assert embedder is not None
    name, table = embedder
    return table(**text[name])


def _fingerprint(model: HMTL) -> str:
    structure = [model.reads, model.reads_embedding, model.reads_label_embeddings]
    digest = hashlib.blake2b(digest_size=10)
    digest.update(json.dumps([structure, _words_of(model.vocab)], sort_keys=True).encode())
    add_to_digest(digest, model.state_dict())
    return digest.hexdigest()


def _words_of(vocab: Vocabulary) -> Dict[str, Dict[str, int]]:
    return {namespace: vocab.get_token_to_index_vocabulary(namespace) for namespace in vocab.get_namespaces()}
