"""The figures of an experiment."""

import pytest

from research.paper.paper import setup_in_words
from research.paper.plots import mean_and_band


def test_setups_in_words():
    tasks = ["ner", "emd", "relation", "coref"]
    assert setup_in_words("A", tasks) == "A: all four tasks"
    assert (
        setup_in_words("A-GM-without-encoder", tasks)
        == "A-GM-without-encoder: all four tasks, gold mentions, without encoder"
    )
    assert setup_in_words("K", ["ner", "emd"]) == "K: NER, EMD, EMD below NER"
    assert setup_in_words("G", ["emd", "relation", "entities"]) == "G: EMD, RE"
    assert setup_in_words("ner-10-alone", ["ner"]) == "ner-10-alone: NER"
    assert setup_in_words("hard", tasks) == "hard: one encoder for all tasks"


def test_the_mean_and_the_band_end_with_the_shortest_seed():
    first = [(0, 10, 0.2), (1, 20, 0.4), (2, 30, 0.9)]
    second = [(0, 14, 0.4), (1, 28, 0.5)]
    assert mean_and_band([first, second]) == [
        pytest.approx((12, 0.3, 0.2, 0.4)),
        pytest.approx((24, 0.45, 0.4, 0.5)),
    ]
    assert mean_and_band([first]) == [(updates, score, score, score) for _, updates, score in first]
    assert mean_and_band([]) == []
