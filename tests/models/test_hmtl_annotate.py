"""`HMTL.annotate`: from an archive to what is in a text in one line."""

import pytest

from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.models.hmtl import load_hmtl_archive
from hmtl.predictors import HMTLPredictor

TEXTS = ["Mara Lind, a baker from Oslo, met her brother Tom.", "He  works for Fjord Bakeries 🙂."]


@pytest.fixture(scope="module")
def model(tiny_run):
    return HMTL.from_archive(tiny_run)


def test_it_is_the_predictors_output_with_heads(model, tiny_run):
    predictor = HMTLPredictor.load(tiny_run, with_scores=True)
    for output, text in zip(model.annotate(TEXTS), TEXTS, strict=True):
        for cluster in output["coref"]:
            assert [mention.pop("head", False) for mention in cluster].count(True) == 1
        assert output == predictor.predict(text)


def test_a_string_is_one_text(model):
    assert [output["text"] for output in model.annotate(TEXTS[0])] == TEXTS[:1]


def test_texts_are_read_as_they_are_needed(model):
    def endless():
        while True:
            yield TEXTS[0]

    assert next(model.annotate(endless(), batch_size=1))["text"] == TEXTS[0]


def test_a_model_that_was_made_otherwise_cannot(tiny_run):
    with pytest.raises(UserError, match="load it by HMTL.from_archive"):
        load_hmtl_archive(tiny_run).model.annotate(TEXTS)


def test_an_empty_text(model):
    empty, other = model.annotate(["", TEXTS[0]])
    assert (empty["text"], empty["sentences"], empty["coref"]) == ("", [], [])
    assert other["text"] == TEXTS[0]
