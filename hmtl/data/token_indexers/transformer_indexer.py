"""Words as the word pieces of an encoder of the transformers library."""

from functools import partial
from itertools import repeat
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import pad_sequence_to_length
from allennlp.data import Token, TokenIndexer, Vocabulary
from allennlp.data.token_indexers.token_indexer import IndexedTokenList

from hmtl.data.token_indexers.word_cutter import Pieces, word_cutter

# Texts that are cut at once.
_BATCH = 1024


@TokenIndexer.register("hmtl_transformer")
class TransformerIndexer(TokenIndexer):
    """The word pieces of a text of words, for the embedder `hmtl_transformer`.

    They are those that the encoder's tokenizer itself makes of the text, in which words are separated by spaces. Its
    tensors are, for each text:

    - `token_ids`: the pieces and special tokens, (num_pieces,). A text that is longer than `max_length` is in parts,
      one after the other, each with special tokens of its own; all but the last have `max_length` pieces.
    - `wordpiece_mask`: which of these are no padding, (num_pieces,).
    - `word_numbers`: the word, from 1, whose vector each of these belongs to, (num_pieces,); 0 for none, as for special
      tokens.
    - `type_ids`: (num_pieces,); only where the tokenizer has others than 0.
    - `mask`: which words are no padding, (num_words,).

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    max_length : `Optional[int]`, optional (default = `None`)
        How many pieces the encoder reads at once, special tokens included. Give the embedder the same.
    stride : `int`, optional (default = `0`)
        How many pieces of a part the next one repeats, so that no piece stands at the edge of what the encoder sees. Of
        a piece in two parts the vector counts that has more of the text on its shorter side (Devlin et al., 2019,
        `run_squad.py`).
    tokenizer_kwargs : `Optional[Dict[str, Any]]`, optional (default = `None`)
        For `AutoTokenizer.from_pretrained`.
    token_min_padding_length : `int`, optional (default = `0`)

    # Raises

    ConfigurationError
        Where `max_length` has no room for a piece, or `stride` leaves none that is new.
    """

    def __init__(
        self,
        model_name: str,
        max_length: Optional[int] = None,
        stride: int = 0,
        tokenizer_kwargs: Optional[Dict[str, Any]] = None,
        token_min_padding_length: int = 0,
    ) -> None:
        super().__init__(token_min_padding_length)
        self._model_name = model_name
        self._cutter = word_cutter(model_name, tokenizer_kwargs)
        self._stride = stride
        # How many pieces of the text are in a part.
        self._room: Optional[int] = None
        num_special = len(self._cutter.start) + len(self._cutter.end)
        if max_length is not None:
            self._room = max_length - num_special
            if self._room <= 0:
                raise ConfigurationError(
                    f"hmtl_transformer: max_length is {max_length}; expected more than {num_special}, the number of "
                    f"special tokens of {model_name}"
                )
        if stride and not (self._room is not None and 0 < stride < self._room):
            expected = "a max_length beside it" if self._room is None else f"0 to {self._room - 1}"
            raise ConfigurationError(f"hmtl_transformer: stride is {stride}; expected {expected}")

    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        """Word pieces have a vocabulary of their own."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        (indexed,) = self.index_texts([[token.ensure_text() for token in tokens]])
        return indexed

    def index_texts(self, texts: Sequence[Sequence[str]]) -> Iterator[IndexedTokenList]:
        """`tokens_to_indices` of many texts, of their words."""
        for begin in range(0, len(texts), _BATCH):
            batch = texts[begin : begin + _BATCH]
            for text, pieces in zip(batch, self._cutter.cut(batch)):
                yield self._indexed(len(text), pieces)

    def get_empty_token_list(self) -> IndexedTokenList:
        return self._with_types({"token_ids": [], "wordpiece_mask": [], "word_numbers": [], "mask": []}, [])

    def as_padded_tensor_dict(
        self, tokens: IndexedTokenList, padding_lengths: Dict[str, int]
    ) -> Dict[str, torch.Tensor]:
        tensors: Dict[str, torch.Tensor] = {}
        for name, values in tokens.items():
            is_mask = name in ("mask", "wordpiece_mask")
            padding = repeat(self._cutter.pad_id if name == "token_ids" else 0)
            padded = pad_sequence_to_length(values, padding_lengths[name], default_value=partial(next, padding))
            # Shape: (padding_lengths[name],)
            tensors[name] = torch.tensor(padded, dtype=torch.bool if is_mask else torch.long)
        return tensors

    def _indexed(self, num_words: int, pieces: Pieces) -> IndexedTokenList:
        start, end = self._cutter.start, self._cutter.end
        token_ids: List[int] = []
        word_numbers: List[int] = []
        types: List[int] = []
        for first, last, first_own, last_own in self._parts(len(pieces.ids)):
            token_ids += [*start, *pieces.ids[first:last], *end]
            own = (word + 1 for word in pieces.words[first_own:last_own])
            word_numbers += [0] * (len(start) + first_own - first)
            word_numbers += own
            word_numbers += [0] * (last - last_own + len(end))
            start_types, type_id, end_types = self._cutter.type_ids
            types += [*start_types, *[type_id] * (last - first), *end_types]
        indexed: IndexedTokenList = {
            "token_ids": token_ids,
            "wordpiece_mask": [True] * len(token_ids),
            "word_numbers": word_numbers,
            "mask": [True] * num_words,
        }
        return self._with_types(indexed, types)

    def _parts(self, num_pieces: int) -> Iterator[Tuple[int, int, int, int]]:
        """Of each part of a text the pieces that the encoder reads, and those whose vectors count: first, last + 1."""
        room = self._room or max(num_pieces, 1)
        first, own = 0, 0
        while True:
            last = min(first + room, num_pieces)
            is_last = last == num_pieces
            last_own = last if is_last else last - self._stride // 2
            yield first, last, own, last_own
            if is_last:
                return
            first, own = last - self._stride, last_own

    def _with_types(self, indexed: IndexedTokenList, types: List[int]) -> IndexedTokenList:
        start_types, type_id, end_types = self._cutter.type_ids
        if any([*start_types, type_id, *end_types]):
            indexed["type_ids"] = types
        return indexed
