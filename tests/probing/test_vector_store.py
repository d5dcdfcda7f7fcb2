"""Pooled vectors come back from disk as they were computed, each sentence once."""

from pathlib import Path
from typing import List

import numpy
import pytest

from hmtl.common.environment import probing_folder
from hmtl.errors import UserError
from hmtl.probing import LevelVectors, vector_store
from hmtl.probing.vector_store import VectorStore, chosen_directory

SENTENCES = [["London"] * length + ["."] for length in range(30)] + [["Ada", "met", "Charles"], ["."]]
LEVELS, POOLINGS = ["embedding", "coref"], ["max", "average"]


@pytest.fixture(scope="module")
def vectors(tiny_run: Path) -> LevelVectors:
    return LevelVectors.load(tiny_run)


def test_vectors_come_back_in_any_order(vectors: LevelVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_store, "SEGMENT_SIZE", 7)
    store = VectorStore(vectors, tmp_path)
    # Two are the same.
    assert store.fill(SENTENCES, LEVELS, POOLINGS) == 31
    order = numpy.random.default_rng(0).permutation(len(SENTENCES))
    for pair, expected in vectors.sentence_vectors(SENTENCES, LEVELS, POOLINGS).items():
        found = store.matrix([SENTENCES[number] for number in order], *pair)
        numpy.testing.assert_allclose(found, expected[order], atol=1e-6)
        assert found.dtype == numpy.float32


def test_each_sentence_is_computed_once(vectors: LevelVectors, tmp_path: Path) -> None:
    assert VectorStore(vectors, tmp_path).fill(SENTENCES[:10], LEVELS, ["max"]) == 10
    assert VectorStore(vectors, tmp_path).fill(SENTENCES[:10], LEVELS, ["max"]) == 0
    assert VectorStore(vectors, tmp_path).fill(SENTENCES[5:15], ["coref"], ["max"]) == 5
    assert VectorStore(vectors, tmp_path).fill(SENTENCES[:15], ["coref"], ["max"]) == 0
    assert VectorStore(vectors, tmp_path).fill(SENTENCES[:15], LEVELS, ["max"]) == 5
    rows = [numpy.load(path) for path in sorted(tmp_path.glob("*/coref/max/*.keys.npy"))]
    assert sorted(map(len, rows)) == [5, 10] and len(numpy.unique(numpy.concatenate(rows))) == 15


def test_other_weights_have_other_vectors(vectors: LevelVectors, tiny_run: Path, tmp_path: Path) -> None:
    VectorStore(vectors, tmp_path).fill(SENTENCES, ["ner"], ["max"])
    other = LevelVectors.load(tiny_run)
    next(other.model.encoders["ner"].parameters()).data.mul_(2)
    assert VectorStore(other, tmp_path).fill(SENTENCES, ["ner"], ["max"]) == 31


def test_what_a_killed_process_left_does_not_count(vectors: LevelVectors, tmp_path: Path) -> None:
    store = VectorStore(vectors, tmp_path)
    store.fill(SENTENCES, ["ner"], ["max"])
    expected = store.matrix(SENTENCES, "ner", "max")
    for path in tmp_path.glob("*/ner/max/*.keys.npy"):
        path.unlink()
    assert store.fill(SENTENCES, ["ner"], ["max"]) == 31
    numpy.testing.assert_array_equal(store.matrix(SENTENCES, "ner", "max"), expected)


def test_the_folder_is_beside_that_of_embeddings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HMTL_CACHE", str(tmp_path / "cache"))
    assert probing_folder() == tmp_path / "cache" / "probing"
    with chosen_directory(None, keep=True) as folder:
        assert folder == probing_folder()
    with chosen_directory(tmp_path / "mine", keep=True) as folder:
        assert folder == tmp_path / "mine"
    folders: List[Path] = []
    with chosen_directory(None, keep=False) as folder:
        assert folder.is_dir()
        folders.append(folder)
    assert not folders[0].exists()


def test_a_folder_that_cannot_be_is_named(vectors: LevelVectors, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: cannot be used as a cache .*--no-cache"):
        VectorStore(vectors, tmp_path / "file")
