"""Vectors come back from a file as they were, and a file is whole or not there."""

import json
import os
from pathlib import Path
from typing import Iterator, List

import numpy
import pytest

from hmtl.annotation.vector_files import format_of, write_vectors
from hmtl.errors import UserError
from hmtl.predictors.level_encoder import TextVectors
from hmtl.text import TokenizedText

TEXT = TokenizedText("Zoë wrote. She  left.", [["Zoë", "wrote", "."], ["She", "left", "."]], [])
TEXT = TokenizedText(TEXT.text, TEXT.sentences, [(0, 3), (4, 9), (9, 10), (11, 14), (16, 20), (20, 21)])


def vectors(count: int = 1, num_rows: int = 2) -> List[TextVectors]:
    generator = numpy.random.default_rng(count)
    return [
        TextVectors(f"é{number}", TEXT, generator.standard_normal((num_rows, 3)).astype(numpy.float32))
        for number in range(count)
    ]


def matrix(given: List[TextVectors]) -> numpy.ndarray:
    return numpy.concatenate([each.vectors for each in given])


@pytest.mark.parametrize("count", [1, 2, 12_345])
def test_an_array_of_any_number_of_rows(tmp_path: Path, count: int) -> None:
    given = vectors(count)
    write_vectors(iter(given), "sentence", "npy", tmp_path / "a.npy")
    found = numpy.load(tmp_path / "a.npy", mmap_mode="r")
    numpy.testing.assert_array_equal(found, matrix(given))
    assert found.dtype == numpy.float32 and os.listdir(tmp_path) == ["a.npy"]


def test_arrays_with_the_keys_of_their_rows(tmp_path: Path) -> None:
    given = vectors(5)
    write_vectors(iter(given), "sentence", "npz", tmp_path / "a.npz")
    with numpy.load(tmp_path / "a.npz") as found:
        numpy.testing.assert_array_equal(found["vectors"], matrix(given))
        assert found["doc_keys"].tolist() == [f"é{number}" for number in range(5) for _ in range(2)]
        assert found["sentences"].tolist() == [0, 1] * 5
    given = vectors(4, num_rows=1)
    write_vectors(iter(given), "text", "npz", tmp_path / "a.npz")
    with numpy.load(tmp_path / "a.npz") as found:
        assert sorted(found) == ["doc_keys", "vectors"] and found["vectors"].shape == (4, 3)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_json_lines_have_places_and_keep_every_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = vectors(3)
    given[0].vectors[0] = [1e-30, numpy.float32(0.1), -3]
    write_vectors(iter(given), "sentence", "jsonl", tmp_path / "a.jsonl")
    text = (tmp_path / "a.jsonl").read_text()
    lines = list(map(json.loads, text.splitlines()))
    numpy.testing.assert_array_equal(numpy.array([line["vector"] for line in lines], numpy.float32), matrix(given))
    assert "0.1, -3.0]" in text
    places = [(line["doc_key"], line["sentence"], TEXT.text[line["char_start"] : line["char_end"]]) for line in lines]
    assert places[:3] == [("é0", 0, "Zoë wrote."), ("é0", 1, "She  left."), ("é1", 0, "Zoë wrote.")]
    write_vectors(iter(vectors(1, num_rows=1)), "text", "jsonl")
    assert set(json.loads(capsys.readouterr().out)) == {"doc_key", "vector"}


def test_no_vectors_are_an_empty_file(tmp_path: Path) -> None:
    for name in ("a.npy", "a.npz", "a.jsonl"):
        write_vectors(iter([]), "text", name[2:], tmp_path / name)
    assert len(numpy.load(tmp_path / "a.npy")) == len(numpy.load(tmp_path / "a.npz")["vectors"]) == 0
    assert (tmp_path / "a.jsonl").read_text() == ""


@pytest.mark.parametrize("format", ["npy", "npz", "jsonl"])
def test_an_error_leaves_the_old_file_and_what_was_written_before(tmp_path: Path, format: str) -> None:
    path, incomplete = tmp_path / f"a.{format}", tmp_path / f"a.{format}.incomplete"
    given = vectors(4)
    write_vectors(iter(given[:1]), "sentence", format, path)
    before = path.read_bytes()

    def failing(number: int) -> Iterator[TextVectors]:
        yield from given[:number]
        raise UserError("no text")

    with pytest.raises(UserError, match=f"no text; what was written before is in .*a.{format}.incomplete"):
        write_vectors(failing(3), "sentence", format, path)
    if format == "jsonl":
        assert len(incomplete.read_text().splitlines()) == 6
    else:
        found = numpy.load(incomplete)
        numpy.testing.assert_array_equal(found if format == "npy" else found["vectors"], matrix(given[:3]))
    with pytest.raises(UserError, match="no text$"):
        write_vectors(failing(0), "sentence", format, path)
    assert path.read_bytes() == before and len(os.listdir(tmp_path)) == 2
    write_vectors(iter(given), "sentence", format, path)
    assert os.listdir(tmp_path) == [f"a.{format}"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, small_disk: None) -> None:
    for format in ("npy", "npz"):
        with pytest.raises(UserError, match=rf"a.{format}: cannot be written"):
            write_vectors(iter(vectors(1000)), "sentence", format, tmp_path / f"a.{format}")
    assert os.listdir(tmp_path) == []


def test_what_is_no_file_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no file; npy needs one"):
        write_vectors(iter(vectors()), "text", "npy", Path(os.devnull))
    assert not Path(os.devnull).is_file()
    (tmp_path / "link.npy").symlink_to(tmp_path / "real.npy")
    write_vectors(iter(vectors()), "text", "npy", tmp_path / "link.npy")
    assert (tmp_path / "link.npy").is_symlink() and len(numpy.load(tmp_path / "real.npy")) == 2


def test_the_format_is_named_or_that_of_the_suffix() -> None:
    assert format_of(None) == "jsonl" and format_of(Path("a.b.npz")) == "npz" and format_of(Path("a"), "npy") == "npy"
    with pytest.raises(UserError, match=r"a.txt: the name says no format; expected \*.npy"):
        format_of(Path("a.txt"))
    with pytest.raises(UserError, match="the format npz is for files"):
        format_of(None, "npz")
