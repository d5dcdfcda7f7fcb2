import gc
import json
import math
import re
import weakref
from collections import Counter
from pathlib import Path

import pytest
from worked_corpus import BO_SLEPT, write_corpus, write_records

from hmtl.corpora import Corpus
from hmtl.document import Document, Relation, Span, write_jsonl
from hmtl.errors import DataError
from hmtl.inspection import Split, corpus_format, corpus_statistics, find_splits

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SPLITS = ("train", "dev", "test")


def report(path, name="jsonl", **parameters):
    corpus = corpus_format(json.dumps({"type": name, **parameters}))
    return corpus_statistics(find_splits([str(path)], corpus), corpus)


def lengths(figures):
    return pytest.approx(figures["mean"]), figures["median"], figures["p90"], figures["max"]


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """The statistics of the two splits that are worked out by hand below."""
    return report(write_corpus(tmp_path_factory.mktemp("worked")))


def test_texts(worked):
    assert worked["training"] == "train.jsonl" and list(worked["splits"]) == ["train.jsonl", "dev.jsonl"]
    train = worked["splits"]["train.jsonl"]
    assert [train[key] for key in ("documents", "sentences", "tokens", "distinct_tokens")] == [2, 3, 13, 11]
    assert lengths(train["sentence_tokens"]) == (13 / 3, 3, 7, 7)
    assert lengths(train["document_tokens"]) == (6.5, 3, 10, 10)
    assert lengths(train["document_sentences"]) == (1.5, 1, 2, 2)
    assert list(train["layers"]) == ["ner", "relations", "clusters"]


def test_spans(worked):
    ner = worked["splits"]["train.jsonl"]["layers"]["ner"]
    assert (ner["documents"], ner["spans"], ner["distinct_strings"]) == (2, 5, 4)
    assert ner["labels"] == {"PER": {"count": 3, "share": 0.6}, "LOC": {"count": 2, "share": 0.4}}
    # -(0.6 ln 0.6 + 0.4 ln 0.4), of at most ln 2.
    assert ner["label_entropy"] == pytest.approx(0.6730116670)
    assert ner["label_entropy_normalized"] == pytest.approx(0.9709505945)
    assert lengths(ner["span_tokens"]) == (1.4, 1, 2, 2)
    assert ner["span_tokens"]["histogram"] == {"1": 3, "2": 2}
    # `Rome` in `Old Rome`.
    assert (ner["nested"], ner["nested_share"], ner["nesting_depth"], ner["crossing_pairs"]) == (1, 0.2, 2, 0)
    assert (ner["taggable"], ner["taggable_share"]) == (4, 0.8)
    assert (ner["covered_tokens"], ner["covered_tokens_share"]) == (6, pytest.approx(6 / 13))
    assert (ner["annotated_sentences"], ner["annotated_sentences_share"]) == (2, pytest.approx(2 / 3))


def test_relations(worked):
    relations = worked["splits"]["train.jsonl"]["layers"]["relations"]
    # Document `b` has no such layer, and its sentence does not count.
    assert (relations["documents"], relations["relations"]) == (1, 3)
    assert {label: each["count"] for label, each in relations["labels"].items()} == {"LIVE": 2, "NEAR": 1}
    assert relations["label_entropy"] == pytest.approx(math.log(3) - 2 / 3 * math.log(2))
    assert {types: each["count"] for types, each in relations["argument_types"].items()} == {
        "LOC -> LOC": 1,
        "LOC -> PER": 1,
        "PER -> LOC": 1,
    }
    # `Ann Lee [met Bo in] Old Rome`, `Bo [in Old] Rome`, and `Rome` lies in `Old Rome`.
    assert lengths(relations["tokens_between"]) == (5 / 3, 2, 3, 3)
    assert relations["overlapping_arguments"] == 1
    assert (relations["first_argument_first"], relations["first_argument_first_share"]) == (2, pytest.approx(2 / 3))
    assert (relations["annotated_sentences"], relations["annotated_sentences_share"]) == (1, 0.5)


def test_relations_across_sentences_and_between_entities(tmp_path):
    # `x` and `z` are one entity, related to `y` by two pairs of mentions, one in a sentence; `v` is related to `y`.
    relations = [Relation((0, 0), (1, 1), "R"), Relation((2, 2), (1, 1), "R"), Relation((3, 3), (1, 1), "R")]
    write_jsonl([Document("a", [["x", "y"], ["z"], ["v"]], {}, relations, [[(0, 0), (2, 2)]])], tmp_path / "a.jsonl")
    # Without clusters nothing is known of entities.
    write_jsonl([Document("b", [["x", "y"]], {}, relations[:1])], tmp_path / "b.jsonl")
    splits = report(tmp_path)["splits"]
    found, without = (splits[name]["layers"]["relations"] for name in ("a.jsonl", "b.jsonl"))
    assert (found["across_sentences"], found["across_sentences_share"]) == (2, pytest.approx(2 / 3))
    assert (found["between_entities"], found["between_entities_in_one_sentence"]) == (2, 1)
    assert found["between_entities_in_one_sentence_share"] == 0.5 and found["annotated_sentences"] == 3
    assert (without["between_entities"], without["between_entities_in_one_sentence_share"]) == (0, None)


def test_clusters(worked):
    clusters = worked["splits"]["train.jsonl"]["layers"]["clusters"]
    assert (clusters["clusters"], clusters["mentions"], clusters["singletons"]) == (3, 5, 1)
    assert lengths(clusters["cluster_mentions"]) == (5 / 3, 2, 2, 2)
    assert lengths(clusters["mention_tokens"]) == (1.4, 1, 2, 2)
    assert (clusters["nested"], clusters["covered_tokens"], clusters["covered_tokens_share"]) == (1, 6, 0.6)
    # From token 0 to 7, in the next sentence, and from 5 to 6, within the mention at 5.
    assert clusters["links"] == 2 and lengths(clusters["link_tokens"]) == (4, 1, 7, 7)
    assert (clusters["links_across_sentences"], clusters["links_nested"]) == (1, 1)


def test_overlap(worked):
    train, dev = worked["splits"]["train.jsonl"], worked["splits"]["dev.jsonl"]
    assert "seen_in_training" not in train
    assert dev["seen_in_training"] == {
        # `sang`, of 13 tokens and 10 distinct ones.
        "unknown_tokens": pytest.approx(1 / 13),
        "unknown_distinct_tokens": pytest.approx(1 / 10),
        # `Ann Lee` with its label, `Rome` with another, `sang` not at all.
        "spans": {"ner": {"string": pytest.approx(2 / 3), "string_and_label": pytest.approx(1 / 3)}},
        # `Ann Lee LIVE Old Rome`, not `Bo LIVE Old Rome`.
        "relations": 0.5,
    }
    shared = {"documents": 1, "documents_share": 0.5, "sentences": 1, "sentences_share": 1.0}
    assert dev["also_elsewhere"] == {"any": shared, "splits": {"train.jsonl": shared}}
    assert train["also_elsewhere"] == {"any": shared, "splits": {"dev.jsonl": shared}}


def test_what_three_splits_share_counts_once_in_any(tmp_path):
    for name in SPLITS:
        write_jsonl([Document(name, BO_SLEPT), Document(f"{name} 2", [[name]])], tmp_path / f"{name}.jsonl")
    elsewhere = report(tmp_path)["splits"]["dev.jsonl"]["also_elsewhere"]
    assert elsewhere["any"]["documents"] == 1
    assert {name: each["documents"] for name, each in elsewhere["splits"].items()} == {
        "train.jsonl": 1,
        "test.jsonl": 1,
    }
    # Of fewer than 6 tokens, sentences recur by chance.
    assert elsewhere["any"]["sentences"] == 0 and elsewhere["any"]["sentences_share"] is None


def test_one_split_has_nothing_to_share(tmp_path):
    write_jsonl([Document("a", BO_SLEPT)], tmp_path / "a.jsonl")
    [split] = report(tmp_path)["splits"].values()
    assert "also_elsewhere" not in split and "seen_in_training" not in split


def test_empty_layers_and_one_label(tmp_path):
    write_jsonl([Document("a", BO_SLEPT, {"ner": []}, [], [])], tmp_path / "a.jsonl")
    layers = report(tmp_path)["splits"][str(tmp_path / "a.jsonl")]["layers"]
    assert layers["ner"]["spans"] == 0 and layers["ner"]["label_entropy"] is None
    assert layers["ner"]["nested_share"] is None and layers["ner"]["nesting_depth"] == 0
    assert layers["relations"]["tokens_between"]["mean"] is None and layers["clusters"]["clusters"] == 0
    write_jsonl([Document("a", BO_SLEPT, {"ner": [Span(0, 0, "PER")]})], tmp_path / "a.jsonl")
    ner = report(tmp_path)["splits"][str(tmp_path / "a.jsonl")]["layers"]["ner"]
    assert (ner["label_entropy"], ner["label_entropy_normalized"]) == (0, None)


def test_half_of_a_surrogate_pair_is_refused(tmp_path):
    path = write_records(tmp_path / "a.jsonl", {"doc_key": "a", "sentences": [["\ud83d"] * 6], "ner": [[[0, 0, "X"]]]})
    with pytest.raises(DataError, match=r"a\.jsonl:1: .* half of a surrogate pair"):
        report(path)


def test_documents_are_let_go():
    alive = []

    class Endless(Corpus):
        def parse(self, path):
            for number in range(50):
                document = Document(str(number), [[f"token{number}"]], {"ner": [Span(0, 0, "X")]}, [], [[(0, 0)]])
                alive.append(weakref.ref(document))
                yield document
                del document
                gc.collect()
                # The loops hold the last one until they get the next.
                assert sum(each() is not None for each in alive) <= 1

    figures = corpus_statistics([Split("a", str(FIXTURES))], Endless())
    assert figures["splits"]["a"]["documents"] == len(alive) == 50


def test_a_malformed_file_raises(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"doc_key": "a", "sentences": [["caf\xe9"]]}\n')
    with pytest.raises(DataError, match="a.jsonl:1"):
        report(tmp_path)


# Below, counts from the raw files of each format beside those of the report.


def counts(figures, *keys):
    return {split: tuple(each[key] for key in keys) for split, each in figures["splits"].items()}


def spans_and_clusters(figures, layer):
    layers = {split: each["layers"] for split, each in figures["splits"].items()}
    return {
        split: (each[layer]["spans"], each["clusters"]["clusters"], each["clusters"]["mentions"])
        for split, each in layers.items()
    }


def test_conll2003_fixtures():
    figures = report(FIXTURES / "conll2003", "conll2003")
    for name, found in counts(figures, "sentences", "tokens").items():
        text = (FIXTURES / "conll2003" / name).read_text()
        blocks = [block for block in re.split(r"\n\s*\n", text) if block.strip() and "-DOCSTART-" not in block]
        assert found == (len(blocks), sum(len(block.split("\n")) for block in map(str.strip, blocks)))
        # No two entities of one label touch in these files.
        tags = ["O"] + [
            tag for block in blocks for tag in [line.split()[-1] for line in block.strip().split("\n")] + ["O"]
        ]
        begun = Counter(tag[2:] for before, tag in zip(tags, tags[1:]) if tag != "O" and tag[2:] != before[2:])
        labels = figures["splits"][name]["layers"]["ner"]["labels"]
        assert {label: each["count"] for label, each in labels.items()} == begun


@pytest.mark.parametrize("name, suffix", [("ontonotes", "v4_gold_conll"), ("ace_conll", "like_conll")])
def test_column_fixtures(name, suffix):
    folder = FIXTURES / {"ace_conll": "ace"}.get(name, name)
    figures = report(folder, name)
    found = counts(figures, "documents", "tokens")
    layer, column = ("ner", 10) if name == "ontonotes" else ("emd", 2)
    annotated = spans_and_clusters(figures, layer)
    assert list(found) == [f"{split}.{suffix}" for split in SPLITS]
    for split in found:
        lines = (folder / split).read_text().splitlines()
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        assert found[split] == (sum(line.startswith("#begin") for line in lines), len(rows))
        last = [row[-1] for row in rows]
        mentions = [re.findall(r"\((\d+)", cell) for cell in last]
        # The numbers of clusters are a document's own.
        documents = "\n".join(lines).split("#begin")[1:]
        clusters = [set(re.findall(r"\((\d+)", " ".join(re.findall(r"\S+$", text, re.M)))) for text in documents]
        assert annotated[split][0] == sum(row[column].count("(") for row in rows)
        assert annotated[split][1:] == (sum(map(len, clusters)), sum(map(len, mentions)))


def test_gum_fixtures():
    figures = report(FIXTURES / "gum", "gum")
    found, annotated = counts(figures, "documents", "tokens"), spans_and_clusters(figures, "mentions")
    assert list(found) == ["train.txt", "dev.txt", "test.txt"]
    for split in found:
        names = (FIXTURES / "gum" / split).read_text().split()
        treebanks = [(FIXTURES / "gum" / "dep" / f"{name}.conllu").read_text() for name in names]
        assert found[split] == (len(names), sum(len(re.findall(r"^\d+\t", text, re.M)) for text in treebanks))
        coref = [(FIXTURES / "gum" / "coref" / f"{name}.conll").read_text() for name in names]
        groups = [re.findall(r"\((\d+)", text) for text in coref]
        assert annotated[split][1:] == (sum(len(set(each)) for each in groups), sum(map(len, groups)))


def test_redocred_fixtures():
    figures = report(FIXTURES / "redocred", "redocred")
    found, annotated = counts(figures, "documents", "sentences", "tokens"), spans_and_clusters(figures, "ner")
    for split in found:
        records = json.loads((FIXTURES / "redocred" / split).read_text())
        sentences = [sentence for record in records for sentence in record["sents"]]
        assert found[split] == (len(records), len(sentences), sum(map(len, sentences)))
        entities = [entity for record in records for entity in record["vertexSet"]]
        several = [entity for entity in entities if len(entity) > 1]
        assert annotated[split] == (sum(map(len, entities)), len(several), sum(map(len, several)))


def test_jsonl_fixtures():
    figures = report(FIXTURES / "jsonl")
    for split, found in counts(figures, "documents", "tokens").items():
        records = [json.loads(line) for line in (FIXTURES / "jsonl" / split).read_text().splitlines()]
        assert found == (len(records), sum(len(sentence) for each in records for sentence in each["sentences"]))
        relations = figures["splits"][split]["layers"]["relations"]
        rows = [row for each in records for rows in each["relations"] for row in rows]
        assert {label: each["count"] for label, each in relations["labels"].items()} == Counter(row[4] for row in rows)
        # Argument types, by the rows of `emd`.
        types = Counter()
        for record in records:
            labels = {(start, end): label for rows in record["emd"] for start, end, label in rows}
            types.update(f"{labels[a, b]} -> {labels[c, d]}" for rows in record["relations"] for a, b, c, d, _ in rows)
        assert {name: each["count"] for name, each in relations["argument_types"].items()} == types


def test_gum(shared_data):
    gum = shared_data / "gum"
    figures = report(gum, "gum")
    found = counts(figures, "documents", "tokens", "sentences")
    assert [each[0] for each in found.values()] == [84, 12, 12]
    vocabulary = {}
    for split in found:
        tokens, sentences = [], 0
        for name in (gum / split).read_text().split():
            for line in (gum / "dep" / f"{name}.conllu").read_text(encoding="utf-8").splitlines():
                cells = line.split("\t")
                sentences += cells[0] == "1"
                if cells[0].isdigit():
                    tokens.append(cells[1])
        assert found[split][1:] == (len(tokens), sentences)
        vocabulary[split] = Counter(tokens)
    for split in ("dev.txt", "test.txt"):
        unknown = sum(count for token, count in vocabulary[split].items() if token not in vocabulary["train.txt"])
        seen = figures["splits"][split]["seen_in_training"]
        assert seen["unknown_tokens"] == pytest.approx(unknown / vocabulary[split].total())
