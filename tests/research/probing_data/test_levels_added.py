"""What levels add over the transformer: tables from what `hmtl probe` leaves, and what is drawn from them."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest

from hmtl.errors import UserError
from hmtl.probing import tokens
from hmtl.probing.sentences import Result
from hmtl.probing.tokens import TokenProbeResult
from research.paper.tables import Bootstrap
from research.probing_data.levels import main, make_tables
from research.probing_data.results import levels_figure, page_lines

DOCUMENTS = 20


def probing(directory: Path, ner: List[int], with_random: bool) -> Path:
    """Of tokens and sentences. In each of 20 documents of 10 tokens the transformer is right at 5, NER's level at 5 and
    as many more as `ner` has for it, that of random weights at 4, and all others at 5."""

    def token(encoder: str, level: str, right: List[int]) -> TokenProbeResult:
        documents = {f"document_{number:02}": [each, 10] for number, each in enumerate(right)}
        accuracy = sum(right) / (10 * DOCUMENTS)
        return TokenProbeResult(encoder, level, "POS", 3, 90, 10 * DOCUMENTS, accuracy, 0.25, by_document=documents)

    def sentence(level: str, correct: str) -> Result:
        accuracy = correct.count("1") / len(correct)
        return Result("trained", level, "max", "Tense", accuracy, 0.5, 1.0, correct, depends_on={"model": "one"})

    directory.mkdir(parents=True)
    found = [token("trained", "ner", [5 + more for more in ner])]
    found += [token("trained", level, [5] * DOCUMENTS) for level in ("transformer", "transformer+ner", "emd", "words")]
    if with_random:
        found.append(token("random", "ner", [4] * DOCUMENTS))
    (directory / "tokens.json").write_text(json.dumps(tokens.rows(found)))
    task = {"sha256": "0", "classes": 2, "majority": 0.5, "train": 8, "validation": 4, "test": 6}
    results = [sentence("ner", "110100"), sentence("transformer", "110011")]
    described = {"tasks": {"Tense": task}, "left_out": {"WC": 3}, "results": [asdict(result) for result in results]}
    (directory / "results.json").write_text(json.dumps(described))
    return directory


@pytest.fixture
def probings(tmp_path: Path) -> List[Path]:
    """Of two runs, the first of which has random weights, too: 2 more of 10 in each document, 3 in the other run."""
    more = [2] * DOCUMENTS, [3] * DOCUMENTS
    return [probing(tmp_path / "runs" / f"seed_{n}", each, n == 1) for n, each in enumerate(more, 1)]


def rows(directory: Path, name: str) -> List[Dict[str, Any]]:
    with open(directory / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_differences_are_of_the_same_items_and_of_all_runs(probings: List[Path], tmp_path: Path) -> None:
    output = tmp_path / "output"
    main([*map(str, probings), "--output", str(output)])
    found = {(row["kind"], row["level"], row["other"]): row for row in rows(output, "differences")}
    assert {key: row["side"] for key, row in found.items()} == {
        ("token", "ner", "transformer"): "place",
        ("token", "transformer+ner", "transformer"): "beside",
        ("token", "emd", "transformer"): "place",
        ("sentence", "ner", "transformer"): "place",
        ("token", "ner", "random"): "place",
    }
    token = found["token", "ner", "transformer"]
    assert (token["task"], token["runs"]) == ("POS", "seed_1 seed_2")
    assert (float(token["difference"]), token["differences"], token["units"]) == (25, "20.0000 30.0000", "20")
    # All documents agree: what the interval has is the difference of the runs.
    assert float(token["low"]) < 20 and float(token["high"]) > 30
    # The random weights of the first run stand for those of the second.
    assert found["token", "ner", "random"]["differences"] == "30.0000 40.0000"
    # 3 of 6 sentences less 4 of 6, in both runs.
    sentence = found["sentence", "ner", "transformer"]
    assert float(sentence["difference"]) == pytest.approx(-100 / 6, abs=1e-3)
    assert float(sentence["low"]) < -50 and float(sentence["high"]) > 0 and sentence["units"] == "6"
    # Holm's: with EMD in its panel NER's is the smaller of two p-values; alone in its panel a value stays.
    assert float(token["p_corrected"]) == pytest.approx(min(1, 2 * float(token["p"])), abs=1e-4)
    assert sentence["p_corrected"] == sentence["p"]

    shown = {"ner", "transformer"}
    of_tokens = [row for row in rows(output, "accuracies") if row["kind"] == "token" and row["level"] in shown]
    assert [(row["run"], row["encoder"], row["level"], row["accuracy"]) for row in of_tokens] == [
        ("seed_1", "trained", "ner", "70.0"),
        ("seed_1", "trained", "transformer", "50.0"),
        ("seed_1", "random", "ner", "40.0"),
        ("seed_2", "trained", "ner", "80.0"),
        ("seed_2", "trained", "transformer", "50.0"),
    ]


def test_pages_show_means_intervals_and_what_was_left_out(probings: List[Path], tmp_path: Path) -> None:
    for table in make_tables(probings, Bootstrap(num_samples=500)):
        table.write(tmp_path)
    lines = list(page_lines(tmp_path, "accuracies", "token"))
    assert (
        lines[0] == "| level | POS |" and "| ner | 75.0 ± 7.1 |" in lines and "| random weights: ner | 40.0 |" in lines
    )
    assert lines[-1] == "| majority class | 25.0 |"
    assert "| transformer | max | 66.7 ± 0.0 |" in list(page_lines(tmp_path, "accuracies", "sentence"))
    titles, _, of_tokens, of_sentences = page_lines(tmp_path, "differences", "transformer", "place")
    assert titles == "|  | ner | emd |" and of_tokens.endswith(" | +0.0 [0.0, 0.0] |") and "+25.0 [" in of_tokens
    assert of_sentences.startswith("| Tense, max | -16.7 [") and "**" not in of_sentences
    assert list(page_lines(tmp_path, "tasks"))[2:] == [
        "| token | POS | 3 | 90 |  | 200 | 25.0 |",
        "| sentence | Tense | 2 | 8 | 4 | 6 | 50.0 |",
        "| sentence | WC |  |  |  | 3 | left out |",
    ]
    for words in (["accuracies"], ["tasks", "token"], ["heat"]):
        with pytest.raises(UserError, match="there are accuracies, differences, tasks"):
            page_lines(tmp_path, *words)


def test_the_plot_has_the_means_with_their_intervals(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    row = {"kind": "token", "task": "POS", "pooling": None, "low": 1.0, "high": 4.0, "differences": "1.5 4.5"}
    rows_of_levels = [
        {**row, "level": level, "side": side, "difference": difference}
        for level, side, difference in (
            ("ner", "place", 3.0),
            ("emd", "place", 2.0),
            ("transformer+ner", "beside", 3.5),
        )
    ]
    alone, beside = levels_figure(rows_of_levels).axes
    drawn = [[bars.get_segments()[0][:, 1].tolist() for _, _, (bars,) in axes.containers] for axes in (alone, beside)]
    assert drawn == [[[1.0, 4.0]] * 2, [[1.0, 4.0]]]
    assert [tick.get_text() for tick in alone.get_xticklabels()] == ["POS"]
    dots = [list(map(float, np.asarray(line.get_ydata()))) for line in alone.lines if line.get_marker() == "."]
    assert dots == [[1.5, 4.5]] * 2
    # A level has its colour on both sides.
    ner, emd, beside_it = (bars[0].get_color() for axes in (alone, beside) for bars in axes.containers)
    assert beside_it == ner != emd


def test_probings_of_other_data_are_refused(
    probings: List[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for name, old, new in (("results", '"sha256": "0"', '"sha256": "1"'), ("tokens", "document_00", "document_99")):
        changed = probings[1] / f"{name}.json"
        before = changed.read_text()
        changed.write_text(before.replace(old, new))
        with pytest.raises(SystemExit):
            main([*map(str, probings), "--output", str(tmp_path / "output")])
        assert "the tasks are not those of" in capsys.readouterr().err
        changed.write_text(before)
    with pytest.raises(UserError, match="expected the --output of 'hmtl probe'"):
        make_tables([tmp_path], Bootstrap())
