import pytest

from hmtl.corpora import Corpus
from hmtl.corpora.dependencies import Dependency, dependencies_of
from hmtl.document import Document
from hmtl.errors import DataError
from hmtl.tasks import DependencyReader


@pytest.fixture
def path(fixtures):
    return str(fixtures / "treebank" / "train.conllu")


def test_an_instance_a_sentence_with_a_row_a_token(path, caplog):
    caplog.set_level("INFO")
    reader = DependencyReader(corpus=Corpus.by_name("conllu")())
    instances = list(reader.read(path))
    assert len(instances) == 8
    field, metadata = instances[1]["dependencies"], instances[1]["metadata"].metadata
    assert metadata["tokens"] == ["Her", "brother", "does", "n't", "like", "roses", "."]
    assert (metadata["doc_key"], metadata["sentence"]) == ("garden", 1)
    assert metadata["dependencies"][0] == Dependency(0, 1, "nmod")
    # As in CoNLL-U: 0 is the root, 1 the first token.
    assert field.rows == [(0, 2), (1, 5), (2, 5), (3, 5), (4, 0), (5, 5), (6, 5)]
    assert field.labels == ["nmod", "nsubj", "aux", "advmod", "root", "obj", "punct"]
    assert field.label_namespace == "dependencies_labels"
    assert "1 multiword tokens, read as their words" in caplog.text and "1 empty nodes left out" in caplog.text


def test_gold_documents_are_sentences_with_their_trees(path):
    corpus = Corpus.by_name("conllu")()
    reader = DependencyReader(corpus=corpus)
    documents = list(corpus.documents(path))
    sentences = [sentence for document in documents for sentence in reader.gold_documents(document)]
    expected = [arcs for document in documents for arcs in dependencies_of(document)]
    assert [dependencies_of(sentence.validate()) for sentence in sentences] == [[arcs] for arcs in expected]
    assert [span.label for span in sentences[5].spans["pos"]] == [
        "PRON",
        "VERB",
        "DET",
        "NOUN",
        "PRON",
        "VERB",
        "PUNCT",
    ]


def test_a_document_without_trees_is_an_error_that_names_the_file():
    reader = DependencyReader()
    with pytest.raises(DataError, match="some.jsonl: document 'a' has no 'heads' in its metadata"):
        reader.require_layers(Document("a", [["x"]]), "some.jsonl")
