"""Probes of single tokens: labels, results, and that a second run takes what the first has found."""

import numpy
import pytest
from token_treebank import write

from hmtl.corpora.treebank import read_treebank
from hmtl.errors import UserError
from hmtl.probing import linear_probe, tokens
from hmtl.probing.tokens import TokenProbeResult, run, token_labels
from hmtl.probing.vectors import LevelVectors


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    return write(tmp_path_factory.mktemp("treebank"))


@pytest.fixture(scope="module")
def vectors(tiny_run):
    return LevelVectors.load(tiny_run)


@pytest.fixture(scope="module", autouse=True)
def quick_probes():
    """Fewer and larger steps: words tell all here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear_probe, "LEARNING_RATE", 0.02)
        patch.setattr(linear_probe, "MAX_VALIDATIONS", 10)
        yield


@pytest.fixture(scope="module")
def results(vectors, treebank, tmp_path_factory):
    output = tmp_path_factory.mktemp("output")
    return run(vectors, *treebank, ["embedding", "coref"], seed=1, output=output), output


def test_labels(treebank):
    sentence = read_treebank(*treebank)["one"][0]
    assert sentence.forms == ("The", "old", "dog", "sees", "it", ".")
    assert token_labels(sentence) == {
        "POS": ["DET", "ADJ", "NOUN", "VERB", "PRON", "PUNCT"],
        "Relation": ["det", "amod", "nsubj", "root", "obj", "punct"],
        "Constituent": ["NP", "NP", "NP", "VP", "NP", "S"],
    }
    assert list(token_labels(read_treebank(treebank[0], None)["one"][0])) == ["POS", "Relation"]


def test_one_result_for_each_level_and_task(results, treebank):
    found, _ = results
    assert [(result.level, result.task) for result in found] == [
        (level, task) for level in ("embedding", "coref") for task in ("POS", "Relation", "Constituent")
    ]
    splits = {name: sum(len(s.tokens) for s in sentences) for name, sentences in read_treebank(*treebank).items()}
    for result in found:
        assert (result.num_train, result.num_test) == (splits["one"], splits["three"])
        assert 0 <= result.accuracy <= 1 and result.description_length > 0
        assert result.selectivity == pytest.approx(result.accuracy - result.control_accuracy)
        ((document, (correct, tokens)),) = result.by_document.items()
        assert (document, tokens) == ("three", result.num_test) and correct / tokens == result.accuracy
    assert {result.task: result.num_classes for result in found} == {"POS": 6, "Relation": 6, "Constituent": 3}


def test_majority_is_that_of_the_training_split(results, treebank):
    three = read_treebank(*treebank)["three"]
    categories = [label for sentence in three for label in token_labels(sentence)["Constituent"]]
    constituent = next(result for result in results[0] if result.task == "Constituent")
    assert constituent.majority == pytest.approx(categories.count("NP") / len(categories))


def test_the_embedding_of_a_word_tells_its_part_of_speech(results):
    """Words of the small treebank have one tag each, and all of them are in the training split."""
    pos = results[0][0]
    assert pos.accuracy > pos.majority + 0.3
    assert pos.compression > 1.2


def test_the_same_seed_gives_the_same_results(results, vectors, treebank):
    assert run(vectors, *treebank, ["embedding"], seed=1) == results[0][:3]


def test_results_that_are_there_are_taken(results, vectors, treebank, monkeypatch):
    found, output = results
    monkeypatch.setattr(LevelVectors, "token_vectors", None)
    assert run(vectors, *treebank, ["embedding", "coref"], seed=1, output=output) == found
    with pytest.raises(TypeError):
        run(vectors, *treebank, ["embedding"], seed=2, output=output)


def test_max_sentences_no_brackets_and_accuracies_alone(vectors, treebank):
    found = run(vectors, treebank[0], None, ["ner"], seed=1, max_sentences=10, measures=["accuracy"])
    assert tokens.table(found).splitlines()[0] == "| level | POS accuracy | Relation accuracy |"
    assert {(result.control_accuracy, result.selectivity, result.compression) for result in found} == {(None,) * 3}
    assert [result.task for result in found] == ["POS", "Relation"]
    assert {(result.num_train + result.num_test) for result in found} == {60}


def test_an_unknown_level(vectors, treebank):
    with pytest.raises(UserError, match="the model has no level 'pos'"):
        run(vectors, *treebank, ["pos"], seed=1)


def test_vectors_stand_with_their_tokens(vectors, treebank):
    """The rows of the matrices are those of single sentences, in order."""
    sentences = read_treebank(*treebank)["one"][:5]
    matrices = tokens._token_matrices(vectors, sentences, ["ner"])
    alone = [next(vectors.token_vectors([sentence.forms], ["ner"]))["ner"] for sentence in sentences]
    numpy.testing.assert_allclose(matrices["ner"], numpy.concatenate(alone), atol=1e-5)


def test_table_and_rows():
    def result(encoder, task):
        return TokenProbeResult(encoder, "ner", task, 17, 100, 10, 0.9, 0.25, 0.7, 0.123, 4.567, {"three": [9, 10]})

    results = [result("trained", "POS"), result("trained", "Relation"), result("random", "POS")]
    assert tokens.table(results).splitlines() == [
        "| level | POS accuracy | POS selectivity | POS compression | Relation accuracy | Relation selectivity "
        "| Relation compression |",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| ner | 90.0 | 20.0 | 4.57 | 90.0 | 20.0 | 4.57 |",
        "| random encoder: ner | 90.0 | 20.0 | 4.57 |  |  |  |",
        "| majority class | 25.0 |  |  | 25.0 |  |  |",
    ]
    row = tokens.rows(results)[0]
    assert row["selectivity"] == pytest.approx(0.2)
    assert (row["level"], row["task"], row["description_length"]) == ("ner", "POS", 0.123)
