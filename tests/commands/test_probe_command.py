"""`hmtl probe` from files to tables."""

import csv
import json
import random
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hmtl.cli import main
from hmtl.probing import linear_probe

WORDS = ["London", "Ada", "Oslo", "firm", "They", "joined", "hired", "Monday"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tasks: whether a sentence has one word or nine, and one with labels at random."""
    folder = tmp_path / "data"
    folder.mkdir()
    draw = random.Random(1)
    length, tense = [], []
    for split, size in (("tr", 160), ("va", 40), ("te", 40)):
        for number in range(size):
            sentence = " ".join(draw.choice(WORDS) for _ in range((1, 9)[number % 2]))
            length.append(f"{split}\t{number % 2}\t{sentence}\n")
            tense.append(f"{split}\t{draw.choice(['PAST', 'PRES'])}\t{sentence}\n")
    (folder / "sentence_length.txt").write_text("".join(length))
    (folder / "past_present.txt").write_text("".join(tense))
    return folder


def table(output: Path) -> Dict[str, Dict[str, str]]:
    with open(output / "table.csv", encoding="utf-8") as file:
        return {" ".join((row["encoder"], row["level"], row["pooling"])): row for row in csv.DictReader(file)}


def test_the_whole_command(
    tiny_run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMTL_CACHE", str(tmp_path / "cache"))
    output = tmp_path / "output"
    command = ["probe", str(tiny_run), "--data", str(data), "--output", str(output), "--classifier", "scikit-learn"]
    command += ["--levels", "embedding,coref", "--measures", "accuracy,selectivity"]
    main(command)
    printed = capsys.readouterr().out
    rows = table(output)
    levels = ["trained embedding", "trained coref", "trained words", "random embedding", "random coref"]
    poolings = ["max", "average"]
    assert list(rows) == [f"{level} {pooling}" for level in levels for pooling in poolings] + [
        "majority  ",
        "paper embedding max",
        "paper embedding average",
        "paper coref max",
    ]
    assert float(rows["majority  "]["SentLen"]) == 50
    assert float(rows["paper coref max"]["Tense"]) == 82.8
    assert float(rows["trained coref max"]["SentLen"]) == 100
    assert all(row["Tense"] for row in rows.values())
    assert printed == (output / "table.md").read_text()
    assert "| bag of word vectors | average |" in printed and "| random encoder: coref | max | " in printed
    assert "| Tense | 2 | 160 | 40 | 40 | 15.5 |" in printed
    results: Dict[str, Any] = json.loads((output / "results.json").read_text())
    assert len(results["results"]) == 5 * 2 * 2 and results["tasks"]["SentLen"]["majority"] == 0.5
    assert len({result["depends_on"]["model"] for result in results["results"]}) == 2

    for result in results["results"]:
        row = rows[f"{result['encoder']} {result['level']} {result['pooling']}"]
        selectivity = 100 * (result["accuracy"] - result["control_accuracy"])
        assert float(row[f"{result['task']} selectivity"]) == pytest.approx(selectivity)
        assert result["compression"] is None

    # The same again computes nothing, or what is missing, to the same end.
    files = sorted((output / "probes").rglob("*.json"))
    assert len(files) == 20
    before = {path.relative_to(output): path.read_bytes() for path in output.rglob("*.*") if path.suffix != ".lock"}
    times = {path: path.stat().st_mtime_ns for path in files}
    files[3].unlink()
    main(command)
    assert {path: path.stat().st_mtime_ns for path in files[:3] + files[4:]} == {
        path: time for path, time in times.items() if path != files[3]
    }
    after = {path.relative_to(output): path.read_bytes() for path in output.rglob("*.*") if path.suffix != ".lock"}
    assert after == before

    # Other data under the same name are probed again.
    changed = data / "past_present.txt"
    changed.write_text(changed.read_text() + "te\tPAST\tThey joined\n")
    main(command)
    assert all(
        (path.stat().st_mtime_ns == times[path]) == (path.name == "SentLen.json") for path in files if path != files[3]
    )


def test_a_choice_of_levels_tasks_and_poolings_without_baselines(
    tiny_run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    output = tmp_path / "output"
    monkeypatch.setattr(linear_probe, "MAX_VALIDATIONS", 10)
    options = ["--levels", "ner", "--tasks", "SentLen,Tense", "--pooling", "max", "--no-baselines", "--no-cache"]
    # One sentence of the 40 goes.
    few = data / "past_present.txt"
    few.write_text("".join(few.read_text().splitlines(True)[:-1]))
    options += ["--min-test", "40"]
    main(["probe", str(tiny_run), "--data", str(data), "--output", str(output), *options])
    assert list(table(output)) == ["trained ner max", "majority  ", "paper ner max"]
    row = table(output)["trained ner max"]
    # Vectors that tell the classes apart save bits.
    assert float(row["SentLen compression"]) > 1.1 and row["SentLen selectivity"] and "Tense" not in row
    left_out = "Left out, for fewer than 40 test sentences: Tense (39).\n"
    assert capsys.readouterr().out.endswith(left_out) and (output / "table.md").read_text().endswith(left_out)
    assert json.loads((output / "results.json").read_text())["left_out"] == {"Tense": 39}
    assert (output / "heat_map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--levels", "ner,pos"], "no level 'pos'; it has: embedding, ner, emd"),
        (["--pooling", "mean"], "no pooling 'mean'"),
        (["--tasks", "POS"], "no probing task 'POS'"),
        (["--classifier", "svm"], "no classifier 'svm'"),
        (["--measures", "f1"], "no measure 'f1'; expected some of: accuracy, selectivity, compression"),
        (["--tokens", "nowhere"], "nowhere: no such directory; expected a treebank"),
        (["--data", "nowhere"], "nowhere: no such directory"),
        (["--min-test", "41"], "no task has 41 test sentences or more: SentLen 40, Tense 40"),
    ],
)
def test_mistakes_end_in_one_line(
    tiny_run: Path, data: Path, capsys: pytest.CaptureFixture[str], options: List[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["probe", str(tiny_run), "--data", str(data), "--output", str(tmp_path / "output"), *options])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "output").exists()


def test_nothing_to_probe(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["probe", str(tiny_run)])
    assert "by --data, or a treebank by --tokens" in capsys.readouterr().err


def test_tokens_are_probed(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nouns before verbs, always."""
    monkeypatch.setattr(linear_probe, "MAX_VALIDATIONS", 3)
    treebank, output = tmp_path / "treebank", tmp_path / "output"
    treebank.mkdir()
    draw = random.Random(2)
    for number in range(20):
        lines: List[str] = []
        for _ in range(6):
            noun, verb = draw.choice(["Ada", "London", "They", "Oslo"]), draw.choice(["joined", "hired", "left"])
            lines += [f"1\t{noun}\t_\tNOUN\t_\t_\t2\tnsubj\t_\t_", f"2\t{verb}\t_\tVERB\t_\t_\t0\troot\t_\t_", ""]
        (treebank / f"document_{number:02}.conllu").write_text("\n".join(lines) + "\n")
    command = [
        "probe",
        str(tiny_run),
        "--tokens",
        str(treebank),
        "--output",
        str(output),
        "--levels",
        "ner",
        "--no-cache",
    ]
    main(command)
    printed = capsys.readouterr().out
    assert printed == (output / "tokens.md").read_text() and "| random encoder: ner |" in printed
    with open(output / "tokens.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["encoder"], row["level"], row["task"]) for row in rows] == [
        (encoder, level, task)
        for encoder, level in (("trained", "ner"), ("trained", "words"), ("random", "ner"))
        for task in ("POS", "Relation")
    ]
    assert float(rows[0]["accuracy"]) > float(rows[0]["majority"]) == 0.5
    found = json.loads((output / "tokens.json").read_text())
    assert [row["accuracy"] for row in found] == [float(row["accuracy"]) for row in rows]
    assert all(sum(total for _, total in row["by_document"].values()) == row["num_test"] for row in found)
    assert "by_document" not in rows[0]
