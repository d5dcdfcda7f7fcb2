"""Some spoilt inputs of each layout; `make fuzz` tries 10,000."""

import json

import pytest
from corpora_to_spoil import MAKERS
from fuzz import main, pipelines_kept, try_input
from invariants import Hang, check, in_time

from hmtl.predictors import HMTLPredictor

NUM_INPUTS = 5


@pytest.fixture(scope="module", autouse=True)
def pipelines():
    with pipelines_kept():
        yield


@pytest.fixture(scope="module")
def predictor(tiny_run) -> HMTLPredictor:
    return HMTLPredictor.load(tiny_run)


@pytest.mark.parametrize("target", MAKERS)
def test_spoilt_inputs_are_read_rightly_or_refused_in_one_line(target, tmp_path, predictor):
    results = set()
    for number in range(NUM_INPUTS):
        outcome = try_input(13370, number, tmp_path / str(number), lambda: predictor, [target])
        assert not outcome.error, f"{outcome.done}: {outcome.error}"
        results.add(outcome.result)
    assert results <= {"read", "refused"}


@pytest.mark.parametrize("target", MAKERS)
def test_what_is_not_spoilt_is_read(target, tmp_path, predictor):
    for folder in ("input", "work"):
        (tmp_path / folder).mkdir()
    MAKERS[target](tmp_path / "input")
    assert check(target, tmp_path / "input", tmp_path / "work", lambda: predictor) == "read"


def test_a_hang_is_found():
    with pytest.raises(Hang), in_time(0.05):
        while True:
            pass


def test_what_is_lost_is_found(tmp_path, monkeypatch, predictor):
    """The oracle counts rows itself: a reader that loses a token is found out."""
    from hmtl.corpora import conll2003

    monkeypatch.setattr(conll2003, "split_cells", lambda line: [] if line.startswith("Mara") else line.split())
    outcome = try_input(0, 0, tmp_path, lambda: predictor, ["conll2003"])
    assert outcome.result == "refused" or "rows" in outcome.error
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    MAKERS["conll2003"](tmp_path / "a")
    with pytest.raises(AssertionError, match=r"\d+ rows, \d+ tokens"):
        check("conll2003", tmp_path / "a", tmp_path / "b", lambda: predictor)


def test_a_call_that_was_interrupted_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("fuzz.TARGETS", ["jsonl"])
    tried = []

    def noted(seed, number, *rest):
        tried.append(number)
        return try_input(seed, number, *rest)

    monkeypatch.setattr("fuzz.try_input", noted)
    arguments = ["--output", str(tmp_path), "--seed", "3"]
    assert main([*arguments, "--inputs", "2"]) == 0
    assert main([*arguments, "--inputs", "4"]) == 0
    assert tried == [0, 1, 2, 3]
    assert sum(json.loads((tmp_path / "progress.json").read_text())["counts"].values()) == 4


def test_an_input_that_fails_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fuzz.TARGETS", ["jsonl"])

    def fails(*_):
        raise KeyError("a fault")

    monkeypatch.setattr("fuzz.check", fails)
    assert main(["--output", str(tmp_path), "--inputs", "1"]) == 1
    assert "input 0 (jsonl): KeyError: 'a fault'" in capsys.readouterr().out
    assert (tmp_path / "failures" / "0" / "input" / "a.jsonl").is_file()
    assert "KeyError" in (tmp_path / "failures" / "0" / "error.txt").read_text()
