"""The reference is AllenNLP's encoder, which encodes every token, with the same weights."""

import pytest
import torch
from allennlp.common import Params
from allennlp.modules.token_embedders import TokenCharactersEncoder, TokenEmbedder

from hmtl.modules.character_encoder import DistinctCharactersEncoder, distinct_rows

CNN = {"type": "cnn", "embedding_dim": 5, "num_filters": 4, "ngram_filter_sizes": [3]}
ENCODERS = {
    "cnn": CNN,
    "several sizes, projected": {**CNN, "ngram_filter_sizes": [2, 4], "output_dim": 3},
    "another activation": {**CNN, "conv_layer_activation": "tanh"},
    "lstm": {"type": "lstm", "input_size": 5, "hidden_size": 4},
}


def embedder(kind, encoder, dropout=0.0):
    embedding = {"num_embeddings": 9, "embedding_dim": 5}
    params = Params({"type": kind, "embedding": embedding, "encoder": dict(encoder), "dropout": dropout})
    return TokenEmbedder.from_params(params)


def characters_of(words, num_tokens=4, num_characters=6):
    """Words of digits as two sentences, padded with 0."""
    rows = [[int(letter) for letter in word.ljust(num_characters, "0")] for word in words]
    return torch.tensor(rows).view(-1, num_tokens, num_characters)


# Repeated words, words that are shorter than a window, a word of one letter (its windows are all alike), padding.
SENTENCES = characters_of(["1234", "12", "1234", "555555", "8", "1235", "", ""])


@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_vectors_and_gradients_equal_those_of_every_token_encoded(encoder):
    torch.manual_seed(0)
    plain, ours = (embedder(kind, ENCODERS[encoder]) for kind in ("character_encoding", "hmtl_character_encoding"))
    assert type(plain) is TokenCharactersEncoder and type(ours) is DistinctCharactersEncoder
    ours.load_state_dict(plain.state_dict())
    outputs = [module(SENTENCES) for module in (plain, ours)]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-6, atol=1e-6)
    weights = torch.randn_like(outputs[0])
    for output in outputs:
        (output * weights).sum().backward()
    for (name, expected), found in zip(plain.named_parameters(), ours.parameters()):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-5, atol=1e-6, msg=name)


def test_sentences_of_padding_alone_are_encoded():
    ours = embedder("hmtl_character_encoding", CNN)
    assert torch.equal(ours(torch.zeros(2, 3, 4, dtype=torch.long)), torch.zeros(2, 3, 4))
    assert ours(torch.zeros(2, 0, 4, dtype=torch.long)).shape == (2, 0, 4)


def test_dropout_differs_between_tokens_of_one_word():
    torch.manual_seed(0)
    ours = embedder("hmtl_character_encoding", {**CNN, "num_filters": 50}, dropout=0.5)
    first, second = ours(characters_of(["1234", "1234"], num_tokens=2))[0]
    assert not torch.equal(first, second)
    first, second = ours.eval()(characters_of(["1234", "1234"], num_tokens=2))[0]
    assert torch.equal(first, second)


# The second has so many values that its rows are counted anew at every column.
@pytest.mark.parametrize("num_values, num_columns", [(3, 4), (2**40, 3), (1, 2), (262, 50)])
def test_distinct_rows_are_each_there_once(num_values, num_columns):
    torch.manual_seed(0)
    several = torch.randint(num_values, (20, num_columns))
    rows = several[torch.randint(20, (60,))]
    rows[0], rows[1] = num_values - 1, num_values - 1
    # A neighbour in the last column alone.
    rows[2, -1] = 0
    distinct, places = distinct_rows(rows)
    assert torch.equal(distinct[places], rows)
    assert len({tuple(row) for row in rows.tolist()}) == len(distinct)
