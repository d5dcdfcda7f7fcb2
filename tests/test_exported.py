"""What is chosen by scores is what the heads choose by them."""

from typing import Any, List

import numpy as np
import pytest
import torch
from allennlp.data import Vocabulary

from hmtl.document import Span
from hmtl.exported import _DECODERS, _batches
from hmtl.tasks import CrfHead, RelationHead, SpanHead, TokenClassificationHead

LABELS = ["PER", "ORG", "LOC"]
DIM, WIDTH = 5, 4
LENGTHS = [1, 2, 3, 9, 14]


def made(head: Any, **options: Any) -> Any:
    vocabulary = Vocabulary(counter={"ner_labels": {"PER": 3, "ORG": 2, "LOC": 1}})
    return head(vocabulary, encoding_dim=DIM, task_name="ner", **options).eval()


def vectors_of(length: int) -> torch.Tensor:
    return 3 * torch.randn(1, length, DIM)


def decoded(head: Any, scores: torch.Tensor) -> List[Any]:
    described = {**head.decoding(), "span_tasks": ["emd", "ner"]}
    # As they are read back: JSON has neither tuples nor infinities.
    found = {"emd": [(1, 2, "A"), (0, 2, "B")], "ner": [(2, 2, "C"), (0, 1, "D")]}
    return _DECODERS[described["decoder"]](described, scores[0].numpy(), found)


@pytest.mark.parametrize("length", LENGTHS)
def test_tags(length):
    head = made(CrfHead)
    for _ in range(20):
        torch.nn.init.normal_(head._crf.transitions, std=2)
        encoding = vectors_of(length)
        with torch.no_grad():
            expected = head(encoding=encoding, mask=torch.ones(1, length, dtype=torch.bool))["predictions"][0]
            scores = head.exported_scores(encoding, encoding)
        assert [Span(*span) for span in decoded(head, scores)] == expected


def test_what_the_constraints_forbid_is_no_number():
    head = made(CrfHead)
    start, transitions, end = head._crf.allowed()
    # O, then B, I, L, U of the first label, and so on.
    assert [score is None for score in start[:5]] == [False, False, True, True, False]
    assert [score is None for score in end[:5]] == [False, True, True, False, False]
    assert [score is None for score in transitions[1][:7]] == [True, True, False, False, True, True, True]
    assert transitions[0][4] == pytest.approx(head._crf.transitions[0, 4].item())
    assert start[4] == pytest.approx(head._crf.start_transitions[4].item())
    assert end[3] == pytest.approx(head._crf.end_transitions[3].item())


@pytest.mark.parametrize("negative", ["LOC", "O"])
def test_labels_of_tokens(negative):
    head = made(TokenClassificationHead, negative_label=negative)
    for length in LENGTHS:
        encoding = vectors_of(length)
        with torch.no_grad():
            expected = head(encoding=encoding, mask=torch.ones(1, length, dtype=torch.bool))["predictions"][0]
            scores = head.exported_scores(encoding, encoding)
        assert [Span(*span) for span in decoded(head, scores)] == expected


@pytest.mark.parametrize("content", ["attention", "maximum"])
@pytest.mark.parametrize("several_labels", [False, True])
@pytest.mark.parametrize("overlaps, selection", [("any", "best"), ("nested", "best"), ("none", "greedy")])
def test_spans(content, several_labels, overlaps, selection):
    options = {"content": content, "several_labels": several_labels, "overlaps": overlaps, "selection": selection}
    head = made(SpanHead, encoder_input_dim=3, max_span_width=WIDTH, num_layers=2, prior_probability=0.4, **options)
    with torch.no_grad():
        head._scorer.weight.mul_(20)
    numbers = set()
    for length in LENGTHS:
        encoding, read = vectors_of(length), 3 * torch.randn(1, length, 3)
        mask = torch.ones(1, length, dtype=torch.bool)
        with torch.no_grad():
            expected = head(encoding=encoding, encoder_input=read, mask=mask)["predictions"][0]
            scores = head.exported_scores(encoding, read)
            scored = head._scored(encoding, read, mask)
        # Those of spans within the sentence; there are others.
        torch.testing.assert_close(scores[0].flatten(0, 1)[scored.cells], scored.logits, atol=1e-5, rtol=1e-4)
        assert [Span(*span) for span in decoded(head, scores)] == expected
        numbers.add(len(expected))
    assert max(numbers) > 3


@pytest.mark.parametrize("allow_self_relations", [False, True])
def test_relations(allow_self_relations):
    head = made(RelationHead, allow_self_relations=allow_self_relations, threshold=0.6)
    length = 6
    layers = [[[Span(1, 2, "A"), Span(0, 2, "B")]], [[Span(2, 2, "C"), Span(0, 1, "D")]]]
    encoding = vectors_of(length)
    with torch.no_grad():
        mask = torch.ones(1, length, dtype=torch.bool)
        expected = head(encoding=encoding, mask=mask, predicted_spans=layers)["predictions"][0]
        scores = head.exported_scores(encoding, encoding)
    found = decoded(head, scores)
    assert [(each.arg1, each.arg2, each.label) for each in found] == [tuple(each) for each in expected]
    # The nearest layer's longest span.
    assert (0, 2) in {each.arg1 for each in found} and (0, 1) in {each.arg1 for each in found}
    assert any(each.arg1 == each.arg2 for each in found) == allow_self_relations


def test_batches_are_of_bounded_size_and_similar_length():
    lengths = [1, 5000, 3, *[200] * 50, 2, 1]
    batches = list(_batches(lengths))
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    assert [1] in batches
    for batch in batches:
        longest = max(lengths[number] for number in batch)
        assert len(batch) == 1 or len(batch) * longest <= 2**12
        assert len(batch) <= 32
    assert np.all(np.diff([max(lengths[number] for number in batch) for batch in batches]) >= 0)
