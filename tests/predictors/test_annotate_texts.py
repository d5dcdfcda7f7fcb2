import unicodedata

import pytest
from odd_texts import odd_texts

from hmtl.errors import UserError
from hmtl.predictors import hmtl_predictor

TEXT = "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord Bakeries in Bergen."


def mentions_of(output):
    yield from output["ner"]
    yield from output["emd"]
    for relation in output["relation"]:
        yield from (relation["arg1"], relation["arg2"])
    for cluster in output["coref"]:
        yield from cluster


def _seen(text):
    return [character for character in text if unicodedata.category(character) != "Cf"]


@pytest.mark.slow
def test_spans_are_slices_of_odd_texts(talkative, shared_data):
    texts = odd_texts(shared_data, 500)
    assert len(set(texts)) == 500
    counts = dict.fromkeys(talkative.layers, 0)
    for text, output in zip(texts, talkative.annotate(texts), strict=True):
        assert output["text"] == text
        offsets = output["token_offsets"]
        tokens = [token for sentence in output["sentences"] for token in sentence]
        assert [text[start:end] for start, end in offsets] == tokens
        assert all(end <= start for (_, end), (start, _) in zip(offsets, offsets[1:]))
        # Nothing but white space and characters that nobody sees is left out.
        assert _seen("".join(tokens)) == _seen("".join(text.split()))
        for mention in mentions_of(output):
            start, end = mention["char_start"], mention["char_end"]
            assert text[start:end] == mention["text"] != ""
            assert (start, end) == (offsets[mention["start"]][0], offsets[mention["end"]][1])
        for task in counts:
            counts[task] += len(output[task])
    assert all(count > 500 for count in counts.values()), counts


@pytest.mark.parametrize("predictor", ["talkative", "talkative_spans"])
def test_what_a_text_gets_does_not_depend_on_the_others(predictor, shared_data, monkeypatch, request):
    # Scores in full: of rounded ones the last digit may tip.
    monkeypatch.setattr(hmtl_predictor, "round", lambda number, _: number, raising=False)
    texts = [*odd_texts(shared_data, 30), TEXT, "Hm", TEXT * 20]
    annotate = request.getfixturevalue(predictor).annotate
    alone = [next(annotate([text])) for text in texts]
    together = list(annotate(texts))
    num_scores = 0
    for one, other in zip(alone, together, strict=True):
        assert without_scores(one) == without_scores(other)
        scores = [scores_in(output) for output in (one, other)]
        assert scores[1] == pytest.approx(scores[0], abs=1e-5)
        assert all(0 <= score <= 1 for score in scores[0])
        num_scores += len(scores[0])
    assert num_scores > 500


def without_scores(value):
    if isinstance(value, dict):
        return {key: without_scores(item) for key, item in value.items() if key != "score"}
    return [without_scores(item) for item in value] if isinstance(value, list) else value


def scores_in(value):
    if isinstance(value, dict):
        return [value[key] for key in ("score",) if key in value] + [
            s for item in value.values() for s in scores_in(item)
        ]
    return [score for item in value for score in scores_in(item)] if isinstance(value, list) else []


def test_it_is_the_predictors_output_with_heads(talkative):
    (output,) = talkative.annotate([TEXT])
    assert output["coref"]
    for cluster in output["coref"]:
        assert [mention.pop("head", False) for mention in cluster].count(True) == 1
    assert output == talkative.predict(TEXT)


def test_texts_are_taken_as_they_are_needed(talkative):
    def endless():
        while True:
            yield TEXT

    outputs = talkative.annotate(endless(), batch_size=2)
    assert next(outputs) == next(outputs)


def test_some_tasks(talkative):
    (output,) = talkative.annotate([TEXT], tasks=["coref", "emd"])
    assert list(output) == ["doc_key", "text", "sentences", "token_offsets", "emd", "coref"]
    (full,) = talkative.annotate([TEXT])
    assert output == {key: full[key] for key in output}, "names choose the heads though they are left out"
    assert talkative.annotated_layers(["coref", "emd"]) == {"emd": "spans", "coref": "clusters"}
    with pytest.raises(UserError, match="no task 'likes'; it has: ner, emd, "):
        list(talkative.annotate([TEXT], tasks=["emd", "likes"]))
