"""What all readers share, over the fixture files of every corpus."""

import logging
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DatasetReader, Instance, Vocabulary
from allennlp.data.token_indexers import TokenCharactersIndexer

from hmtl.corpora import Corpus
from hmtl.document import Document, write_jsonl
from hmtl.errors import DataError
from hmtl.tasks import CorefReader, RelationReader, TaggingReader

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

# The span layers of each corpus, and whether it has relations and clusters, by the corpora's documentation.
CORPORA = {
    "ace_conll": ("ace/{}.like_conll", {"emd"}, True, True),
    "conll2003": ("conll2003/{}.txt", {"ner"}, False, False),
    "gum": ("gum/{}.txt", {"ner", "emd"}, False, True),
    "jsonl": ("jsonl/{}.jsonl", {"ner", "emd"}, True, True),
    "ontonotes": ("ontonotes/{}.v4_gold_conll", {"ner"}, False, True),
    "redocred": ("redocred/{}.json", {"ner"}, True, True),
}


def path_of(corpus: str, split: str = "train") -> str:
    return str(FIXTURES / CORPORA[corpus][0].format(split))


def documents_of(corpus: str, split: str = "train") -> List[Document]:
    return list(Corpus.by_name(corpus)().documents(path_of(corpus, split)))


def read(reader: DatasetReader, path: Any) -> List[Instance]:
    return list(reader.read(str(path)))


def metadata_of(instances: List[Instance]) -> List[Dict[str, Any]]:
    return [instance.fields["metadata"].metadata for instance in instances]


def words_of(instance: Instance) -> List[str]:
    return [token.text for token in instance.fields["text"].tokens]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("layer", ["ner", "emd"])
def test_spans_of_every_corpus(corpus: str, layer: str, split: str) -> None:
    reader = TaggingReader(layer, corpus=Corpus.by_name(corpus)())
    if layer not in CORPORA[corpus][1]:
        with pytest.raises(DataError, match=f"no layer '{layer}'"):
            read(reader, path_of(corpus, split))
        return
    instances = read(reader, path_of(corpus, split))
    sentences = [sentence for document in documents_of(corpus, split) for sentence in document.sentences]
    assert [words_of(instance) for instance in instances] == sentences
    found = [
        (words_of(i)[start : end + 1], label)
        for i in instances
        for (start, end), label in zip(i.fields["spans"].rows, i.fields["spans"].labels)
    ]
    expected = [
        (document.tokens[span.start : span.end + 1], span.label)
        for document in documents_of(corpus, split)
        for span in sorted(document.spans[layer])
        # The only overlaps in these files are spans within spans.
        if not any(span.start <= o.start <= o.end <= span.end and o != span for o in document.spans[layer])
    ]
    assert found == expected
    assert sum(len(row["flat_spans"]) for row in metadata_of(instances)) == len(expected)
    gold = sum(len(set(document.spans[layer])) for document in documents_of(corpus, split))
    assert sum(len(row["spans"]) for row in metadata_of(instances)) == gold


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("corpus", CORPORA)
def test_relations_of_every_corpus(corpus: str, split: str) -> None:
    reader = RelationReader(corpus=Corpus.by_name(corpus)())
    if not CORPORA[corpus][2]:
        with pytest.raises(DataError, match="no layer 'relations'"):
            read(reader, path_of(corpus, split))
        return
    instances = read(reader, path_of(corpus, split))
    documents = documents_of(corpus, split)
    assert [words_of(i) for i in instances] == [sentence for document in documents for sentence in document.sentences]
    found = {
        (row["doc_key"], *(tuple(row["tokens"][start : end + 1]) for start, end in arguments), label)
        for row in metadata_of(instances)
        for *arguments, label in row["relations"]
    }
    expected = {
        (document.doc_key, *(tuple(document.tokens[start : end + 1]) for start, end in arguments), label)
        for document in documents
        for *arguments, label in document.relations
    }
    assert found == expected


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("one_sequence", [False, True])
def test_clusters_of_every_corpus(corpus: str, one_sequence: bool, split: str) -> None:
    reader = CorefReader(one_sequence=one_sequence, corpus=Corpus.by_name(corpus)())
    if not CORPORA[corpus][3]:
        with pytest.raises(DataError, match="no layer 'clusters'"):
            read(reader, path_of(corpus, split))
        return
    instances = read(reader, path_of(corpus, split))
    documents = documents_of(corpus, split)
    assert len(instances) == len(documents)
    for instance, document in zip(instances, documents):
        texts = [[token.text for token in field.tokens] for field in instance.fields["text"].field_list]
        assert texts == ([document.tokens] if one_sequence else document.sentences)
        rows = instance.fields["mentions"].tensor.tolist()
        clusters: Dict[int, set] = {}
        for start, end, cluster in rows:
            clusters.setdefault(cluster, set()).add((start, end))
        assert sorted(map(sorted, clusters.values())) == sorted(map(sorted, document.clusters))
        if one_sequence:
            ids = instance.fields["sentence_ids"].tensor.tolist()
            assert [ids.count(n) for n in range(len(document.sentences))] == list(map(len, document.sentences))
            assert ids == sorted(ids)


@pytest.mark.parametrize(
    "reader,layer", [(TaggingReader("ner"), "ner"), (RelationReader(), "relations"), (CorefReader(), "clusters")]
)
def test_a_missing_layer_names_the_file_the_document_and_the_layers_it_has(
    reader: DatasetReader, layer: str, tmp_path: Path
) -> None:
    whole = Document("first", [["a"]], {"ner": [], "emd": []}, [], [])
    lacking = Document("second", [["a"]], {"emd": []})
    if layer != "relations":
        lacking.relations = []
    path = tmp_path / "some.jsonl"
    write_jsonl([whole, lacking], path)
    has = "emd" if layer == "relations" else "emd, relations"
    with pytest.raises(DataError) as raised:
        read(reader, path)
    assert str(raised.value).startswith(f"{path}: document 'second' has no layer '{layer}' (it has: {has});")


@pytest.mark.parametrize("reader", [TaggingReader("ner"), RelationReader(), CorefReader()])
def test_empty_layers_and_sentences_of_one_token(reader: DatasetReader, tmp_path: Path) -> None:
    path = tmp_path / "bare.jsonl"
    write_jsonl([Document("bare", [["Yes"], ["No"]], {"ner": []}, [], [])], path)
    instances = read(reader, path)
    assert len(instances) == (1 if isinstance(reader, CorefReader) else 2)
    vocab = Vocabulary.from_instances(instances)
    batch = Batch(instances)
    batch.index_instances(vocab)
    tensors = batch.as_tensor_dict()
    (target,) = [tensors[name] for name in ("spans", "relations", "mentions") if name in tensors]
    assert target.shape == (len(instances), 0, 3)


@pytest.mark.parametrize("kind", ["hmtl_tagging", "hmtl_relation", "hmtl_coref"])
def test_readers_from_a_configuration(kind: str) -> None:
    layer = {"layer": "emd"} if kind == "hmtl_tagging" else {}
    params = {
        "type": kind,
        **layer,
        "corpus": "ace_conll",
        "allow_unknown_labels": True,
        "max_instances": 2,
        "token_indexers": {"letters": {"type": "characters", "min_padding_length": 3}},
    }
    reader = DatasetReader.from_params(Params(params))
    instances = read(reader, path_of("ace_conll"))
    assert len(instances) == 2
    text = instances[0].fields["text"]
    (indexer,) = (text if kind != "hmtl_coref" else text.field_list[0]).token_indexers.values()
    assert isinstance(indexer, TokenCharactersIndexer)
    assert reader.allow_unknown_labels


def test_unknown_options_are_refused() -> None:
    with pytest.raises((ConfigurationError, TypeError), match="lair"):
        DatasetReader.from_params(Params({"type": "hmtl_tagging", "layer": "ner", "lair": 1}))


def test_text_to_instance_holds_the_text_alone() -> None:
    sentences = [["It", "rains", "."], ["Yes"]]
    for reader in (TaggingReader("ner"), RelationReader(), CorefReader()):
        instance = reader.text_to_instance(sentences)
        assert instance.fields.keys() == {"text"}
        assert [[token.text for token in field.tokens] for field in instance.fields["text"].field_list] == sentences


def test_counts_are_those_of_the_last_file(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    crossing = Document("crossing", [["a", "b", "c"]], {"ner": [(0, 1, "X"), (1, 2, "X"), (1, 1, "Y")]})
    crossing = Document.from_json(crossing.to_json())
    write_jsonl([crossing], tmp_path / "one.jsonl")
    write_jsonl([crossing] * 3, tmp_path / "three.jsonl")
    reader = TaggingReader("ner")
    # Of three spans the one of a single token is kept: both others overlap it.
    for name, number in (("three", 6), ("one", 2)):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            read(reader, tmp_path / f"{name}.jsonl")
        path = tmp_path / f"{name}.jsonl"
        assert f"{path}: {number} overlapping 'ner' spans that are no targets" in [
            r.getMessage() for r in caplog.records
        ]
