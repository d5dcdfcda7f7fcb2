"""Words as the word pieces of an encoder of the transformers library.

Of transformers only what its releases from 4.43 on have in common is used: `AutoTokenizer`, the call of a tokenizer,
and `word_ids`.
"""

from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.optional import OptionalPackage
from allennlp.common.util import pad_sequence_to_length
from allennlp.data import Token, TokenIndexer, Vocabulary
from allennlp.data.token_indexers.token_indexer import IndexedTokenList

from hmtl.errors import UserError

# Imported where a tokenizer is made.
transformers = OptionalPackage("transformers")

# A word that tokenizers know, or cut in the same way wherever it stands.
_PROBES = ("a", "1", "the")


class Pieces(NamedTuple):
    """The word pieces of a sequence of words.

    # Attributes

    ids : `List[int]`
        Without special tokens.
    words : `List[int]`
        The number of the word, from 0, that each piece belongs to. A word without pieces is not in it.
    """

    ids: List[int]
    words: List[int]


class WordCutter:
    """The tokenizer of an encoder, for texts that are words already.

    Each word is cut as the tokenizer cuts it within a text, after a space. Byte-level BPE (of RoBERTa, BART,
    ModernBERT, GPT-2) has other pieces for a word that begins the text: its tokenizers are loaded with
    `add_prefix_space`, and those that do not know this get the space with each word.

    # Parameters

    model_name : `str`
        A name of the hub or a local folder.
    tokenizer_kwargs : `Optional[Dict[str, Any]]`, optional (default = `None`)
        For `AutoTokenizer.from_pretrained`.

    # Attributes

    start, end : `List[int]`
        The special tokens before and after a text.
    type_ids : `Tuple[List[int], int, List[int]]`
        The token type ids of `start`, of each piece, and of `end`.
    needs_space : `bool`
        Whether the tokenizer, loaded with no more than `tokenizer_kwargs`, cuts a word alone in another way.
    num_pieces : `int`
        How many different pieces there are, with those added to the vocabulary.
    pad_id : `int`
        Of the padding; 0 where the tokenizer has none.

    # Raises

    ConfigurationError
        Where the tokenizer's special tokens cannot be told from its pieces.
    """

    def __init__(self, model_name: str, tokenizer_kwargs: Optional[Dict[str, Any]] = None) -> None:
        options = dict(tokenizer_kwargs or {})
        tokenizer = transformers.AutoTokenizer.from_pretrained(model_name, **options)
        self.needs_space = not _knows_spaces(tokenizer)
        if self.needs_space and hasattr(tokenizer, "add_prefix_space"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(model_name, **{**options, "add_prefix_space": True})
        self._tokenizer: Any = tokenizer
        self._space = "" if _knows_spaces(tokenizer) else " "
        self.num_pieces = len(tokenizer)
        self.pad_id: int = tokenizer.pad_token_id or 0
        self.start, self.end, self.type_ids = _special_tokens(tokenizer, model_name)

    def cut(self, texts: Sequence[Sequence[str]]) -> List[Pieces]:
        """The pieces of each text."""
        spaced = [[self._space + word if word else word for word in text] for text in texts]
        return self._cut_quickly(spaced) if self._tokenizer.is_fast else self._cut_word_by_word(spaced)

    def write(self, path: Path) -> Dict[str, Any]:
        """Writes the tokenizer as the library tokenizers reads it, and returns what has to be known beside it.

        # Raises

        UserError
            Where it is no such tokenizer, or its pieces have types.
        """
        start_types, type_id, end_types = self.type_ids
        if not self._tokenizer.is_fast or any([*start_types, type_id, *end_types]):
            raise UserError(
                f"the tokenizer {type(self._tokenizer).__name__} cannot be exported: it is none of the library "
                "tokenizers, or its pieces have types"
            )
        self._tokenizer.backend_tokenizer.save(str(path))
        return {"start": self.start, "end": self.end, "pad": self.pad_id, "space": self._space}

    def _cut_quickly(self, texts: List[List[str]]) -> List[Pieces]:
        filled = [text for text in texts if text]
        if not filled:
            return [Pieces([], []) for _ in texts]
        encoded = self._tokenizer(
            filled,
            is_split_into_words=True,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        pieces = (Pieces(ids, encoded.word_ids(number)) for number, ids in enumerate(encoded["input_ids"]))
        return [next(pieces) if text else Pieces([], []) for text in texts]

    def _cut_word_by_word(self, texts: List[List[str]]) -> List[Pieces]:
        """For tokenizers in Python, which do not tell the words of their pieces."""
        known = {
            word: self._tokenizer(word, add_special_tokens=False, return_attention_mask=False, verbose=False)[
                "input_ids"
            ]
            for word in {word for text in texts for word in text}
        }
        return [
            Pieces(
                [piece for word in text for piece in known[word]],
                [number for number, word in enumerate(text) for _ in known[word]],
            )
            for text in texts
        ]


_cutters: Dict[str, WordCutter] = {}


def word_cutter(model_name: str, tokenizer_kwargs: Optional[Dict[str, Any]] = None) -> WordCutter:
    """The same cutter for the same arguments: loading one takes long."""
    key = repr((model_name, sorted((tokenizer_kwargs or {}).items())))
    if key not in _cutters:
        _cutters[key] = WordCutter(model_name, tokenizer_kwargs)
    return _cutters[key]


def _knows_spaces(tokenizer: Any) -> bool:
    """Whether a word alone has the pieces that it has after a space."""
    alone, twice = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", "a a"))
    return list(twice) == [*alone, *alone]


def _special_tokens(tokenizer: Any, model_name: str) -> Tuple[List[int], List[int], Tuple[List[int], int, List[int]]]:
    """Found around a word, as AllenNLP's tokenizer finds them."""
    for probe in _PROBES:
        inner = tokenizer(probe, add_special_tokens=False)["input_ids"]
        encoded = tokenizer(probe, return_token_type_ids=True)
        ids = list(encoded["input_ids"])
        types = list(encoded.get("token_type_ids") or [])
        if len(types) != len(ids):
            types = [0] * len(ids)
        places = [place for place in range(len(ids)) if inner and ids[place : place + len(inner)] == list(inner)]
        if len(places) == 1:
            begin, end = places[0], places[0] + len(inner)
            return ids[:begin], ids[end:], (types[:begin], types[begin], types[end:])
    raise ConfigurationError(
        f"{model_name}: its tokenizer's special tokens cannot be told from the pieces of {' or '.join(_PROBES)}; "
        "expected a tokenizer whose vocabulary has one of these words, or their letters"
    )


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

    def export_pieces(self, path: Path) -> Dict[str, Any]:
        """Writes the tokenizer, and returns what has to be known to make `token_ids` without this class; a text is not
        cut into parts then, but at most `max_length` pieces long."""
        described = self._cutter.write(path)
        num_special = len(self._cutter.start) + len(self._cutter.end)
        return {**described, "max_length": None if self._room is None else self._room + num_special}

    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        """Word pieces have a vocabulary of their own."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        (indexed,) = self.index_texts([[token.ensure_text() for token in tokens]])
        return indexed

    def index_texts(self, texts: Iterable[Sequence[str]]) -> Iterator[IndexedTokenList]:
        """`tokens_to_indices` of many texts, of their words."""
        coming = iter(texts)
        while batch := list(islice(coming, _BATCH)):
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
