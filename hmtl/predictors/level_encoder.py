"""The vectors that the levels of a model have for texts, for which no head runs."""

from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, cast

import numpy
import torch
from allennlp.data import TextFieldTensors
from allennlp.modules.token_embedders import Embedding, TokenEmbedder

from hmtl.common.checks import it_has
from hmtl.common.devices import moved
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL
from hmtl.modules.token_rows import TokenRows
from hmtl.modules.transformer_embedder import TransformerEmbedder
from hmtl.predictors.sentence_indexer import SentenceIndexer
from hmtl.text import TokenizedText

# The shared embedding; the word vectors in it, which know nothing of characters or context; and its transformer.
EMBEDDING, WORDS, TRANSFORMER = "embedding", "words", "transformer"
# What a vector may be of.
UNITS = TEXT, SENTENCE = "text", "sentence"
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


def first_token(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The vector of the first token. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    return vectors[:, 0]


def last_token(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The vector of the last token. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    rows = torch.arange(len(vectors), device=vectors.device)
    return vectors[rows, mask.sum(1) - 1]


def both_ends(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Where each direction of a bidirectional encoder ends: the forward half of the last token's vector and the
    backward half of the first one's. Shapes: (num_rows, length, dim), (num_rows, length) -> (num_rows, dim)"""
    half = vectors.size(-1) // 2
    return torch.cat([last_token(vectors, mask)[:, :half], first_token(vectors, mask)[:, half:]], dim=-1)


ENDS = "ends"
POOLINGS: Dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "max": max_pooling,
    "average": average_pooling,
    "first": first_token,
    "last": last_token,
    ENDS: both_ends,
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


def known_unit(name: str) -> str:
    """The name.

    # Raises

    UserError
        Where there is no such unit.
    """
    if name not in UNITS:
        raise UserError(f"there is no unit '{name}'; expected one of: {', '.join(UNITS)}")
    return name


class TextVectors(NamedTuple):
    """The vectors of a text.

    # Attributes

    doc_key : `str`
    text : `TokenizedText`
    vectors : `numpy.ndarray`
        One of the whole text, shape (1, dim), or one of each sentence, shape (num_sentences, dim); float32.
    """

    doc_key: str
    text: TokenizedText
    vectors: numpy.ndarray


class LevelEncoder:
    """Runs the embedding and the encoders of a model on batches of texts, and pools what they give.

    The model stays as it is: it runs in evaluation mode without gradients, and is in its own mode again afterwards.

    # Parameters

    model : `HMTL`
    index : `SentenceIndexer`
        Of the model's vocabulary.
    """

    def __init__(self, model: HMTL, index: SentenceIndexer) -> None:
        self._model = model
        self._index = index

    @property
    def levels(self) -> List[str]:
        """`embedding`, then the model's tasks, each above all that it reads."""
        return [EMBEDDING, *self._model.tasks]

    @property
    def has_words(self) -> bool:
        """Whether the shared embedding has word vectors, which can be had as the level `words`."""
        return _word_embedder(self._model) is not None

    @property
    def has_transformer(self) -> bool:
        """Whether a transformer is part of the shared embedding; its vectors can be had as the level `transformer`."""
        return _transformer_columns(self._model) is not None

    def known_levels(self, names: Sequence[str]) -> List[str]:
        """The names, each once.

        # Raises

        UserError
            Naming a level that the model does not have.
        """
        parts = {WORDS: self.has_words, TRANSFORMER: self.has_transformer}
        known = [*self.levels, *(level for level, is_there in parts.items() if is_there)]
        for name in names:
            if name not in known:
                raise UserError(f"the model has no level '{name}'; {it_has(name, known)}")
        return list(dict.fromkeys(names))

    def known_pairs(self, levels: Sequence[str], poolings: Sequence[str]) -> List[Tuple[str, str]]:
        """The levels with their poolings, each pair once, without those that cannot be: only an encoder that reads in
        both directions, one of the level's own, has two ends.

        # Raises

        UserError
            Naming a level that the model does not have, a pooling that does not exist, or one that no level has.
        """
        levels, poolings = self.known_levels(levels), known_poolings(poolings)
        if ENDS in poolings and not any(map(self._has_ends, levels)):
            others = [task for task in self._model.tasks if self._has_ends(task)]
            raise UserError(
                f"the pooling '{ENDS}' is for levels with a bidirectional encoder of their own, and "
                f"{', '.join(levels)} has none; expected one of: {', '.join(others) or 'the model has no such level'}"
            )
        pairs = [(level, pooling) for level in levels for pooling in poolings]
        return [(level, pooling) for level, pooling in pairs if pooling != ENDS or self._has_ends(level)]

    def dim(self, level: str) -> int:
        """The size of a level's vectors, however they are pooled."""
        if level == WORDS:
            embedder = _word_embedder(self._model)
            assert embedder is not None
            return embedder[1].get_output_dim()
        if level == TRANSFORMER:
            columns = _transformer_columns(self._model)
            assert columns is not None
            return columns.stop - columns.start
        if level == EMBEDDING:
            return self._model.text_field_embedder.get_output_dim()
        return self._model.encoding_dim(level)

    def pooled(
        self, texts: Sequence[Sentences], pairs: Sequence[Tuple[str, str]], unit: str = SENTENCE
    ) -> Dict[Tuple[str, str], numpy.ndarray]:
        """The pooled vectors by level and pooling, as `known_pairs` has these: of each sentence or of each text, in
        their order.

        Shape (each): (num_sentences, dim) or (num_texts, dim), float32
        """
        rows, vectors = self.encode(texts, list(dict.fromkeys(level for level, _ in pairs)), unit)
        # Where the rows of all groups, one after another, belong.
        order = [row for group in rows.groups for row in group]
        found: Dict[Tuple[str, str], numpy.ndarray] = {}
        for level, pooling in pairs:
            # Shape: (num_rows, dim)
            pooled = torch.cat([POOLINGS[pooling](*group) for group in zip(vectors[level], rows.masks)])
            matrix = numpy.empty(tuple(pooled.shape), numpy.float32)
            matrix[order] = pooled.cpu().numpy()
            found[level, pooling] = matrix
        return found

    @torch.inference_mode()
    def encode(
        self, texts: Sequence[Sentences], levels: Sequence[str], unit: str = SENTENCE
    ) -> Tuple[TokenRows, Dict[str, Groups]]:
        """One pass of the encoders over texts, sentence by sentence; none of them is empty.

        Returns the rows, which are sentences or texts as `unit` has it, and their vectors at each level, float32. A
        level that reads documents reads whole texts in either case.
        """
        sentences = [list(sentence) for text in texts for sentence in text]
        lengths = list(map(len, sentences))
        device = next(self._model.parameters()).device
        rows = documents = TokenRows(lengths, device)
        of_one_sentence = len(sentences) == len(texts)
        if not of_one_sentence:
            documents = TokenRows([sum(map(len, text)) for text in texts], device)
        text = self._index([[sentences[row] for row in group] for group in rows.groups])
        text = moved(text, device)
        vectors: Dict[str, Groups] = {}
        is_whole = unit == TEXT and not of_one_sentence
        with self._evaluating():
            if WORDS in levels:
                words = [_word_vectors(self._model, group) for group in text]
                vectors[WORDS] = documents.pad(rows.join(words)) if is_whole else words
            tasks = [level for level in levels if level not in (EMBEDDING, WORDS, TRANSFORMER)]
            if tasks or EMBEDDING in levels or TRANSFORMER in levels:
                # Shape: (num_tokens,)
                sentence_of = moved(torch.arange(len(sentences)).repeat_interleave(torch.tensor(lengths)), device)
                encodings = self._model.encode_texts(text, rows, documents, sentence_of, tasks)
                if EMBEDDING in levels or TRANSFORMER in levels:
                    vectors[EMBEDDING] = encodings.embedding("document" if is_whole else "sentence")
                if TRANSFORMER in levels:
                    columns = _transformer_columns(self._model)
                    vectors[TRANSFORMER] = [group[..., columns] for group in vectors[EMBEDDING]]
                for task in tasks:
                    # Where rows of documents are those of sentences, nothing is to be rearranged.
                    vectors[task] = (
                        encodings.levels[task].output
                        if of_one_sentence
                        else encodings.output(task, "document" if is_whole else "sentence")
                    )
        found = {level: [group.float() for group in vectors[level]] for level in levels}
        return documents if is_whole else rows, found

    def _has_ends(self, level: str) -> bool:
        return level in self._model.encoders and self._model.encoder(level).is_bidirectional()

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        modes = [(module, module.training) for module in self._model.modules()]
        self._model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def _word_embedder(model: HMTL) -> Optional[Tuple[str, Embedding]]:
    """The name and the table of the word vectors, of several the first by name."""
    for name, module in sorted(model.text_field_embedder.named_children()):
        if name.startswith(_EMBEDDER) and isinstance(module, Embedding):
            return name[len(_EMBEDDER) :], module
    return None


def _transformer_columns(model: HMTL) -> Optional[slice]:
    """Where the vectors of the transformer, of several the first by name, stand in the shared embedding, in which
    AllenNLP puts the parts in the order of their names."""
    start = 0
    for name, module in sorted(model.text_field_embedder.named_children()):
        if name.startswith(_EMBEDDER):
            end = start + cast(TokenEmbedder, module).get_output_dim()
            if isinstance(module, TransformerEmbedder):
                return slice(start, end)
            start = end
    return None


def _word_vectors(model: HMTL, text: TextFieldTensors) -> torch.Tensor:
    """Shape: (num_sentences, length, dim)"""
    embedder = _word_embedder(model)
    assert embedder is not None
    name, table = embedder
    return table(**text[name])
