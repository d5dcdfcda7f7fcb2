import pytest

from hmtl.document import Span
from hmtl.tasks.kind import kind_of


def test_numbers_are_close_within_half_a_standard_deviation():
    errors = kind_of("numbers").errors(2)
    # Their standard deviation is 2, so that 1 is close.
    for number, found in ((1.0, 2.0), (1.0, 2.1), (5.0, 3.9), (5.0, 5.0)):
        metadata = {"doc_key": "a", "sentence": 3, "tokens": ["Why", "?"], "numbers": [(number,)]}
        errors.add(metadata, [(found,)])
    [section] = errors.sections
    assert section.totals == {"close": 2, "too low": 1, "too high": 1}
    assert section.counts["1"] == {"close": 1, "too high": 1} and section.gold == 4
    [pattern] = section.patterns("too high")
    [example] = pattern.examples
    assert (example.sentence, example.gold, example.predicted) == (3, [Span(0, 1, "1.00")], [Span(0, 1, "2.10")])


@pytest.mark.parametrize("kind", ["pairs", "pair_numbers"])
def test_errors_of_pairs_mark_both_texts(kind):
    errors = kind_of(kind).errors(1)
    bounds = (0, 1), (2, 3)
    gold, found = (4.0, 9.0) if kind == "pair_numbers" else ("yes", "no")
    metadata = {"doc_key": "a", "sentences": [["a", "b"], ["c", "d"]], kind: [(*bounds, gold)]}
    errors.add(metadata, [(*bounds, found)])
    [section] = errors.sections
    [pattern] = section.patterns("too high" if kind == "pair_numbers" else "type")
    [example] = pattern.examples
    assert example.tokens == ["a", "b", "c", "d"]
    assert [(span.start, span.end) for span in example.gold] == [(0, 1), (2, 3)]
    assert [span.label for span in example.predicted] == (["9.00"] * 2 if kind == "pair_numbers" else ["no:1", "no:2"])
