import itertools
import random
from pathlib import Path
from typing import List

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from hmtl.document import Document, Span, write_jsonl
from hmtl.tasks import TaggingReader
from hmtl.tasks.spans.tagging_reader import flatten_spans

NESTED = [Span(0, 4, "GPE"), Span(0, 1, "PER"), Span(3, 3, "ORG"), Span(6, 6, "PER")]


def overlap(first: Span, second: Span) -> bool:
    return first.start <= second.end and second.start <= first.end


def test_outermost_and_innermost() -> None:
    assert flatten_spans(NESTED, "outermost") == [Span(0, 4, "GPE"), Span(6, 6, "PER")]
    assert flatten_spans(NESTED, "innermost") == [Span(0, 1, "PER"), Span(3, 3, "ORG"), Span(6, 6, "PER")]


def test_of_the_same_tokens_the_first_label_is_kept() -> None:
    spans = [Span(1, 2, "ORG"), Span(1, 2, "GPE"), Span(1, 2, "ORG")]
    assert flatten_spans(spans, "outermost") == flatten_spans(spans, "innermost") == [Span(1, 2, "ORG")]


def test_of_equally_long_crossing_spans_the_first_is_kept() -> None:
    assert flatten_spans([Span(2, 4, "B"), Span(1, 3, "A")]) == [Span(1, 3, "A")]


@pytest.mark.parametrize("policy,sign", [("outermost", 1), ("innermost", -1)])
def test_what_is_left_out_overlaps_something_longer_or_shorter(policy: str, sign: int) -> None:
    generator = random.Random(3)
    for _ in range(50):
        spans = []
        for _ in range(generator.randint(0, 7)):
            start = generator.randrange(8)
            spans.append(Span(start, start + generator.randrange(4), generator.choice("AB")))
        kept: List[Span] = flatten_spans(spans, policy)  # type: ignore[arg-type]
        assert set(kept) <= set(spans) and kept == sorted(kept)
        assert not any(overlap(one, other) for one, other in itertools.combinations(kept, 2))
        for span in set(spans) - set(kept):
            width = span.end - span.start
            assert any(overlap(span, k) and sign * (k.end - k.start) >= sign * width for k in kept)


@pytest.mark.parametrize("policy,num_left_out", [("outermost", 2), ("innermost", 1)])
def test_what_is_left_out_is_counted_and_no_target_and_stays_gold(
    policy: str, num_left_out: int, tmp_path: Path
) -> None:
    path = tmp_path / "nested.jsonl"
    # In the second sentence, so that offsets must be shifted.
    # The repeated one is neither a target nor gold a second time.
    spans = [Span(start + 2, end + 2, label) for start, end, label in [*reversed(NESTED), NESTED[0]]]
    write_jsonl([Document("nested", [["x", "y"], list("abcdefg")], {"emd": spans})], path)
    reader = TaggingReader("emd", nested_spans=policy)  # type: ignore[arg-type]
    first, second = list(reader.read(str(path)))
    kept = flatten_spans(NESTED, policy)  # type: ignore[arg-type]
    assert first.fields["spans"].rows == []
    assert second.fields["spans"].rows == [span.bounds for span in kept]
    assert second.fields["metadata"].metadata == {
        "doc_key": "nested",
        "sentence": 1,
        "tokens": list("abcdefg"),
        "spans": [Span(0, 1, "PER"), Span(0, 4, "GPE"), Span(3, 3, "ORG"), Span(6, 6, "PER")],
        "flat_spans": kept,
    }
    assert reader.counts["overlapping 'emd' spans that are no targets"] == num_left_out


def test_the_innermost_are_kept_by_default() -> None:
    assert TaggingReader("ner").nested_spans == "innermost"
    assert flatten_spans(NESTED) == flatten_spans(NESTED, "innermost") != flatten_spans(NESTED, "outermost")


def test_namespaces(fixtures: Path) -> None:
    path = str(fixtures / "jsonl" / "dev.jsonl")
    for reader, namespace in ((TaggingReader("emd"), "emd_labels"), (TaggingReader("emd", "my_labels"), "my_labels")):
        assert {i.fields["spans"].label_namespace for i in reader.read(path)} == {namespace}


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nested_spans"):
        DatasetReader.from_params(Params({"type": "hmtl_tagging", "layer": "ner", "nested_spans": "longest"}))
    with pytest.raises(ConfigurationError, match="nested_spans must be 'outermost' or 'innermost', not 'longest'"):
        TaggingReader("ner", nested_spans="longest")  # type: ignore[arg-type]
