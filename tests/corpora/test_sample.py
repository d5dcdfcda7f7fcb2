from pathlib import Path

import pytest

from hmtl.corpora.validation import ValidationReport, validate_corpus
from hmtl.document import read_jsonl

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
SPLITS = ["train", "dev", "test"]
ENTITY_TYPES = {"PER", "ORG", "GPE", "LOC", "FAC", "VEH", "WEA"}
RELATION_TYPES = {"ART", "GEN-AFF", "ORG-AFF", "PART-WHOLE", "PER-SOC", "PHYS"}
# fmt: off
NER_TYPES = {
    "PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE",
    "DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL",
}
# fmt: on


@pytest.fixture(scope="module")
def report() -> ValidationReport:
    paths = [SAMPLE / f"{split}.jsonl" for split in SPLITS]
    return validate_corpus(paths, tasks=["ner", "emd", "relation", "coref"], relation_labels=RELATION_TYPES)


def test_the_validator_has_nothing_to_say(report):
    assert report.problem_lines() == []


def test_size_and_proportions_of_the_splits(report):
    documents = [counts.totals["documents"] for counts in report.counts.values()]
    assert sum(documents) >= 60
    assert [count / sum(documents) for count in documents] == pytest.approx([0.7, 0.15, 0.15], abs=0.03)


def test_the_counts_of_the_readme(report):
    readme = (SAMPLE.parent / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line[:1] == "|"]
    written = {row[0]: row[1:] for row in rows}
    for name in ("documents", "sentences", "tokens"):
        assert written[name] == [f"{counts.totals[name]:,}" for counts in report.counts.values()]
    layers = {"named entities": "ner", "mention heads": "emd", "relations": "relations"}
    for name, layer in layers.items():
        assert written[name] == [f"{sum(counts.labels[layer].values()):,}" for counts in report.counts.values()]
    assert written["clusters"] == [f"{counts.labels['clusters']['clusters']:,}" for counts in report.counts.values()]


@pytest.mark.parametrize("layer, labels", [("ner", NER_TYPES), ("emd", ENTITY_TYPES), ("relations", RELATION_TYPES)])
def test_every_split_has_every_label(report, layer, labels):
    for counts in report.counts.values():
        assert set(counts.labels[layer]) == labels


@pytest.mark.parametrize("split", SPLITS)
def test_the_layers_agree(split):
    for document in read_jsonl(SAMPLE / f"{split}.jsonl"):
        types = {span.bounds: span.label for span in document.spans["emd"]}
        assert len(types) == len(document.spans["emd"])
        for cluster in document.clusters:
            # A cluster is an entity: its mentions are heads of one type.
            assert len({types[mention] for mention in cluster}) == 1
        for relation in document.relations:
            if relation.label == "PER-SOC":
                assert {types[relation.arg1], types[relation.arg2]} == {"PER"}
                assert relation.arg1 < relation.arg2


@pytest.mark.parametrize("split", SPLITS)
def test_spans_of_a_layer_do_not_overlap(split):
    for document in read_jsonl(SAMPLE / f"{split}.jsonl"):
        for spans in document.spans.values():
            ordered = sorted(spans)
            assert all(first.end < second.start for first, second in zip(ordered, ordered[1:]))
