import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, DefaultDict, List

import pytest

from hmtl.corpora import JsonlCorpus
from hmtl.document import Document, Span, write_jsonl
from hmtl.errors import ConfigurationError
from hmtl.tasks import TextLabelSpanReader
from hmtl.tasks.spans.span_baseline import span_baseline_scores
from hmtl.tasks.spans.text_label_reader import LabelledCorpus, in_words

WORDS = ["Mara", "met", "a", "dog", "in", "Oslo"]
NAMES = [Span(0, 0, "PER"), Span(5, 5, "GPE")]
MENTIONS = [Span(0, 0, "person"), Span(2, 3, "animal"), Span(3, 3, "animal"), Span(5, 5, "creative-work")]


@pytest.fixture
def path(tmp_path: Path) -> str:
    for name, spans in (("a", NAMES), ("b", MENTIONS)):
        write_jsonl([Document(name, [WORDS], {"ner": spans})], tmp_path / f"{name}.jsonl")
    return json.dumps({"b": f"{tmp_path}/b.jsonl", "a": f"{tmp_path}/a.jsonl"})


def reader_of(**options: Any) -> TextLabelSpanReader:
    corpora = {
        "a": LabelledCorpus(JsonlCorpus(), "ner", {"PER": "person", "GPE": "geopolitical entity"}),
        "b": LabelledCorpus(JsonlCorpus(), "ner", exclude_labels=["animal"]),
    }
    return TextLabelSpanReader(corpora, **options)


def test_labels_are_texts_and_each_sentence_has_the_label_set_of_its_corpus(path: str) -> None:
    reader = reader_of()
    instances = list(reader.read(path))
    gold = {instance["metadata"]["label_set"]: instance["metadata"]["spans"] for instance in instances}
    assert gold == {
        "a": [Span(0, 0, "person"), Span(5, 5, "geopolitical entity")],
        "b": [Span(0, 0, "person"), Span(5, 5, "creative work")],
    }
    found: DefaultDict[str, Any] = defaultdict(Counter)
    for instance in instances:
        for name in ("all_spans", "label_set"):
            instance[name].count_vocab_items(found)
    assert set(found["text_labels"]) == {"a: person", "a: geopolitical entity", "b: person", "b: creative work"}
    assert set(found["sets_of_text_labels"]) == {"a", "b"}
    assert reader.counts["spans of 'b' that are left out by their labels"] == 2


def test_gold_documents_have_texts_and_know_their_corpus(path: str) -> None:
    reader = reader_of()
    found = [gold for document in reader.corpus.documents(path) for gold in reader.gold_documents(document)]
    assert [(document.metadata["corpus"], [span.label for span in document.spans["spans"]]) for document in found] == [
        ("b", ["person", "creative work"]),
        ("a", ["person", "geopolitical entity"]),
    ]


def test_the_baseline_of_a_corpus_knows_nothing_of_the_others() -> None:
    def document(corpus: str, label: str) -> Document:
        return Document(corpus, [["Oslo"]], {"spans": [Span(0, 0, label)]}, metadata={"corpus": corpus})

    train, test = [document("a", "place"), document("b", "city")], [document("a", "place"), document("b", "city")]
    assert span_baseline_scores(train, test, "spans")["f1"] == 1.0
    # Counted together the alphabet would decide between them.
    for each in [*train, *test]:
        each.metadata = {}
    assert span_baseline_scores(train, test, "spans")["f1"] == 0.5


@pytest.mark.parametrize(
    "label,text",
    [("creative-work", "creative work"), ("GPE", "gpe"), ("PER-SOC", "per soc"), ("a_b/c", "a b c"), ("%", "%")],
)
def test_by_default_the_text_of_a_label_is_its_name_in_plain_words(label: str, text: str) -> None:
    assert in_words(label) == text


@pytest.mark.parametrize("names,reason", [([], "is empty"), (["a: b"], "must not hold ': '")])
def test_corpora_that_cannot_be(names: List[str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        TextLabelSpanReader({name: LabelledCorpus(JsonlCorpus(), "ner") for name in names})
