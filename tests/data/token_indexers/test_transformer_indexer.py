"""Word pieces of words are those that the encoder's tokenizer makes of the whole text."""

import copy
import json
import pickle
import random
import string
from pathlib import Path
from typing import Any, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, TokenIndexer, Vocabulary
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer
from pretrained import BYTE_LEVEL_TEXT, write_byte_level_tokenizer
from transformers import AutoTokenizer, BertTokenizer

from hmtl.data.token_indexers import TransformerIndexer, WordCutter

ODD_WORDS = ["Rain", "\xa0", "zzyzx-9", "naïve", "北京", "\u200b", "[SEP]", "don't", "a.b", "x" * 30, "\u3000", "🙂"]


def index(indexer: TokenIndexer, words: List[str]) -> Any:
    return indexer.tokens_to_indices([Token(word) for word in words], Vocabulary())


@pytest.mark.parametrize("max_length", [None, 512, 16, 3])
def test_of_a_bert_the_pieces_are_those_of_allennlp(transformer: str, max_length: Any) -> None:
    found = index(TransformerIndexer(transformer, max_length), ODD_WORDS)
    expected = index(PretrainedTransformerMismatchedIndexer(transformer, max_length=max_length), ODD_WORDS)
    assert found["token_ids"] == expected["token_ids"] and found["mask"] == expected["mask"]
    # One after the other, without special tokens, as AllenNLP's offsets count them.
    special = {2, 3} if max_length else set()
    places = [number for piece, number in zip(found["token_ids"], found["word_numbers"]) if number]
    spans = [(first, last) for first, last in expected["offsets"]]
    assert places == [
        number for number, (first, last) in enumerate(spans, start=1) if first >= 0 for _ in range(first, last + 1)
    ]
    assert {1 + number for number, span in enumerate(spans) if span == (-1, -1)} == {2, 6, 11}
    assert special <= set(found["token_ids"])


def whole_text(folder: Path, words: List[str]) -> Any:
    """The pieces of the text, and the word of each by its characters."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    # A space before the first word, too: it is a word as the others are.
    encoded = tokenizer(" " + " ".join(words), return_offsets_mapping=True)
    ends, end = [], 0
    for word in words:
        end += 1 + len(word)
        ends.append(end)
    offsets = encoded["offset_mapping"]
    return encoded["input_ids"], [
        0 if last == 0 else 1 + next(number for number, end in enumerate(ends) if last <= end) for _, last in offsets
    ]


@pytest.mark.parametrize("tokenizer_class", ["RobertaTokenizer", None])
def test_byte_level_pieces_are_those_of_the_whole_text(tmp_path: Path, tokenizer_class: Any) -> None:
    write_byte_level_tokenizer(tmp_path, tokenizer_class)
    for words in (BYTE_LEVEL_TEXT.split(), ["Dublin's", "naïve", "director", "🙂", "x"]):
        found = index(TransformerIndexer(str(tmp_path)), words)
        ids, numbers = whole_text(tmp_path, words)
        assert found["token_ids"] == ids and found["word_numbers"] == numbers
    # AllenNLP's cut each word as if the text began with it.
    known = index(TransformerIndexer(str(tmp_path)), ["the", "director"])["token_ids"]
    former = index(PretrainedTransformerMismatchedIndexer(str(tmp_path)), ["the", "director"])["token_ids"]
    assert len(known) == 4 < len(former)


def test_tokenizers_in_python_give_the_same_pieces(transformer: str, tmp_path: Path) -> None:
    kwargs = {"use_fast": False}
    tokenizer = AutoTokenizer.from_pretrained(transformer, **kwargs)
    if tokenizer.is_fast:
        pytest.skip("this release of transformers has no tokenizers in Python")
    assert isinstance(tokenizer, BertTokenizer)
    fast, slow = TransformerIndexer(transformer, 16), TransformerIndexer(transformer, 16, tokenizer_kwargs=kwargs)
    assert index(slow, ODD_WORDS) == index(fast, ODD_WORDS)
    assert index(slow, []) == index(fast, [])


def test_each_piece_counts_where_it_has_most_context(transformer: str) -> None:
    generator = random.Random(1)
    for max_length, stride in [(8, 0), (8, 1), (8, 3), (8, 5), (5, 2), (16, 9)]:
        for num_pieces in (0, 1, 5, 6, 7, 13, 40, 41):
            words = generator.choices(string.ascii_lowercase, k=num_pieces)
            found = index(TransformerIndexer(transformer, max_length, stride), words)
            # By hand: windows of `room` letters, each beginning `room - stride` after the one before.
            room = max_length - 2
            starts = [0]
            while starts[-1] + room < num_pieces:
                starts.append(starts[-1] + room - stride)
            context = {}
            ids, numbers = found["token_ids"], found["word_numbers"]
            assert len(ids) == len(numbers) == len(found["wordpiece_mask"])
            for part, start in enumerate(starts):
                row = slice(part * max_length, (part + 1) * max_length)
                length = min(room, num_pieces - start)
                assert len(ids[row]) == length + 2 and (ids[row][0], ids[row][-1]) == (2, 3)
                assert numbers[row][0] == numbers[row][-1] == 0
                for place, number in enumerate(numbers[row][1:-1]):
                    context.setdefault(start + place, []).append((min(place, length - 1 - place), number))
            assert len(ids) == sum(min(room, num_pieces - start) + 2 for start in starts)
            for place, seen in context.items():
                chosen = [(shorter_side, number) for shorter_side, number in seen if number]
                assert len(chosen) == 1 and chosen[0][1] == place + 1
                is_near_the_end = place >= starts[-1]
                best = max(shorter_side for shorter_side, _ in seen)
                # The last part may be short, and its end is the end of the text.
                assert chosen[0][0] >= best - 1 or is_near_the_end


def test_without_a_padding_token_padding_is_0(tmp_path: Path) -> None:
    write_byte_level_tokenizer(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    padded = TransformerIndexer(str(tmp_path))
    shutil_copy = tmp_path / "without"
    shutil_copy.mkdir()
    for name in ("tokenizer.json", "config.json"):
        (shutil_copy / name).write_text((tmp_path / name).read_text())
    del config["pad_token"]
    (shutil_copy / "tokenizer_config.json").write_text(json.dumps(config))
    unpadded = TransformerIndexer(str(shutil_copy))
    for indexer, padding in ((padded, 1), (unpadded, 0)):
        indexed = index(indexer, ["the", "director"])
        tensors = indexer.as_padded_tensor_dict(indexed, {**indexer.get_padding_lengths(indexed), "token_ids": 6})
        assert tensors["token_ids"].tolist()[4:] == [padding, padding]
        assert tensors["mask"].dtype == tensors["wordpiece_mask"].dtype == torch.bool


def test_indexers_are_alike_with_the_same_options(transformer: str) -> None:
    first = TransformerIndexer(transformer, 16, 4)
    assert first == TransformerIndexer(transformer, 16, 4)
    assert first != TransformerIndexer(transformer, 16) and first != TransformerIndexer(transformer, 15, 4)
    for other in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert index(other, ODD_WORDS) == index(first, ODD_WORDS)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"max_length": 2}, "max_length is 2; expected more than 2, the number of special tokens"),
        ({"max_length": 8, "stride": 6}, "stride is 6; expected 0 to 5"),
        ({"max_length": 8, "stride": -1}, "stride is -1; expected 0 to 5"),
        ({"stride": 2}, "stride is 2; expected a max_length beside it"),
    ],
)
def test_impossible_lengths_are_refused(transformer: str, options: Any, message: str) -> None:
    params = Params({"type": "hmtl_transformer", "model_name": transformer, **options})
    with pytest.raises(ConfigurationError, match=message):
        TokenIndexer.from_params(params)


def test_special_tokens_are_found_with_their_types(transformer: str, tmp_path: Path) -> None:
    cutter = WordCutter(transformer)
    assert (cutter.start, cutter.end, cutter.type_ids) == ([2], [3], ([0], 0, [0]))
    write_byte_level_tokenizer(tmp_path)
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    # As of XLNet: the special tokens stand behind the text, with types of their own.
    piece = {"Sequence": {"id": "A", "type_id": 1}}
    ends = [{"SpecialToken": {"id": name, "type_id": type_id}} for name, type_id in (("</s>", 1), ("<s>", 2))]
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [piece, *ends],
        "pair": [piece, *ends],
        "special_tokens": {
            name: {"id": name, "ids": [number], "tokens": [name]} for number, name in ((0, "<s>"), (2, "</s>"))
        },
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    indexer = TransformerIndexer(str(tmp_path))
    indexed = index(indexer, ["the", "director"])
    assert indexed["token_ids"][-2:] == [2, 0] and indexed["type_ids"] == [1, 1, 1, 2]
    assert "type_ids" in indexer.get_empty_token_list()
