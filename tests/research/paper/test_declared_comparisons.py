"""Who is compared with whom, over several folders of configurations, and what follows for the paper's claims."""

import csv
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hand_made_runs import sentences, write_run

from research.paper.counts import LABELLED, Counts
from research.paper.report import write_report
from research.paper.tables import Bootstrap

BOOTSTRAP = Bootstrap(num_samples=1000)
FOUR = ("ner", "emd", "relation", "coref")
# Nearly all sentences right, half of them, nearly none; by seed.
HIGH, HALF, LOW = (40, 39, 40), (20, 21, 20), (1, 0, 1)
UPDATES = dict.fromkeys([*FOUR, "entities", "pos", "chunks"], (10, 3))


def make(runs: Path, corpora: str, setup: str, seeds: int = 3, embedding: str = None, **right: Any) -> None:
    for seed in range(1, seeds + 1):
        of_seed = {task: counts[seed - 1] for task, counts in right.items()}
        write_run(runs, corpora, setup, seed, of_seed, UPDATES, embedding=embedding, spread=True)


def table(runs: Path, name: str, **values: str) -> List[Dict[str, str]]:
    if not (runs.parent / "out").exists():
        write_report(runs, runs.parent / "out", BOOTSTRAP)
    with open(runs.parent / "out" / f"{name}.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if values.items() <= row.items()]


def pairs(rows: List[Dict[str, str]]) -> List[str]:
    return [f"{row['system']} - {row['other']}: {row['task']}" for row in rows]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_a_level_that_serves_another_is_no_task_of_its_own(runs):
    make(runs, "spans", "A", ner=HIGH, relation=HIGH, entities=HALF)
    make(runs, "spans", "B", ner=HIGH)
    make(runs, "spans", "D", relation=HIGH, entities=HIGH)
    rows = table(runs, "comparisons", family="alone")
    # D is relations alone, and no setup of two tasks; its mentions are compared with those of A.
    assert pairs(rows) == ["A - B: ner", "A - D: relation", "A - D: entities"]
    assert {row["task"] for row in table(runs, "claims")} == {"ner", "relation"}


def test_tasks_that_are_added_and_levels_in_another_order(runs):
    for setup, right in {"A": HIGH, "F": HALF, "I": HIGH, "K": HALF, "L": LOW}.items():
        make(runs, "free", setup, ner=right, emd=HALF)
    assert pairs(table(runs, "comparisons", family="order", task="ner")) == ["A - L: ner", "F - K: ner"]
    added = table(runs, "comparisons", family="added", task="ner")
    assert pairs(added) == ["I - F: ner", "A - I: ner", "A - F: ner"]
    by_claim = {row["claim"]: row for row in table(runs, "claims", task="ner", system="A", other="L")}
    [row] = by_claim.values()
    assert row["claim"].startswith("The order of the hierarchy matters") and row["outcome"] == "holds"
    [helps] = table(runs, "claims", claim="Adding RE helps NER and EMD", task="ner")
    # Two rows of this claim: I against F, in NER and in EMD.
    assert helps["p_corrected"] == str(2 * float(helps["p_value"]))
    assert (helps["system"], helps["other"], helps["outcome"]) == ("I", "F", "holds")
    text = (runs.parent / "out" / "report.md").read_text(encoding="utf-8")
    assert "| A - L | **+9" in text and "`free`: holds for NER, A against L (+9" in text


def test_a_claim_is_contradicted_where_the_other_is_better(runs):
    for setup, right in {"A": LOW, "B": HIGH, "C": HALF}.items():
        make(runs, "free", setup, **({"ner": right, "emd": HALF} if setup == "A" else {}))
    make(runs, "free", "B2", ner=HIGH)
    make(runs, "free", "C2", emd=HALF)
    rows = table(runs, "claims", claim="Multi-task training beats single-task training")
    assert [(row["task"], row["outcome"]) for row in rows] == [("ner", "is contradicted"), ("emd", "is not shown")]


def test_one_seed_shows_no_claim(runs):
    make(runs, "free", "A", seeds=1, ner=HIGH, emd=HALF)
    make(runs, "free", "B", seeds=1, ner=LOW)
    [row] = table(runs, "claims", claim="Multi-task training beats single-task training")
    assert float(row["p_corrected"]) < 0.01 and row["outcome"] == "is not shown"


def test_the_gain_of_a_task_by_its_size(runs):
    make(runs, "free", "A", **dict.fromkeys(FOUR, HIGH))
    make(runs, "free", "B", ner=(38, 39, 38))
    make(runs, "free", "C", emd=HIGH)
    for percent, alone in ((10, LOW), (25, HALF)):
        make(runs, "sizes", f"ner-{percent}", **dict.fromkeys(FOUR, HIGH))
        make(runs, "sizes", f"ner-{percent}-alone", ner=alone)
    rows = table(runs, "comparisons", family="sizes")
    assert [(row["system"], row["other"], row["task"], row["percent"]) for row in rows] == [
        ("ner-10", "ner-10-alone", "ner", "10"),
        ("ner-25", "ner-25-alone", "ner", "25"),
        ("free/A", "free/B", "ner", "100"),
        ("free/A", "free/C", "emd", "100"),
    ]
    gains = [float(row["difference"]) for row in rows]
    assert gains == pytest.approx([97.5, 97.5 + 100 / 60 - 50, 10 / 3, 0], abs=1)
    growth = table(runs, "comparisons", family="growth")
    assert [(row["percent"], row["less"]) for row in growth] == [("10", "free/A - free/B"), ("25", "free/A - free/B")]
    assert float(growth[0]["difference"]) == pytest.approx(gains[0] - gains[2])
    assert {row["corpora"] for row in rows + growth} == {"sizes"}
    # Tasks alone with a part of their data are not what setups with all of it are compared with.
    assert pairs(table(runs, "comparisons", family="alone")) == ["A - B: ner", "A - C: emd"]
    text = (runs.parent / "out" / "report.md").read_text(encoding="utf-8")
    assert "|  | 10 % | 25 % | 100 % |" in text and "![sizes.png](sizes.png)" in text
    assert (runs.parent / "out" / "sizes.png").read_bytes().startswith(b"\x89PNG")


def test_ways_of_sharing_and_heads_of_spans_against_the_reference(runs):
    make(runs, "free", "A", ner=HALF, emd=HALF)
    make(runs, "sharing", "hard", ner=LOW, emd=HALF)
    make(runs, "spans", "A", ner=HIGH, emd=HALF)
    make(runs, "spans", "B", ner=HIGH)
    assert pairs(table(runs, "comparisons", family="sharing")) == ["hard - free/A: ner", "hard - free/A: emd"]
    assert pairs(table(runs, "comparisons", family="spans")) == ["A - free/A: ner", "A - free/A: emd"]
    text = (runs.parent / "out" / "report.md").read_text(encoding="utf-8")
    assert "| hard - free/A: one encoder for all tasks | **-49.2** (" in text
    assert text.index("## Corpora: free") < text.index("## Corpora: spans") < text.index("## Corpora: sharing")


def test_the_joint_many_task_model_against_less_of_it(runs):
    make(runs, "jmt", "lower", pos=HIGH, chunks=HALF)
    make(runs, "jmt", "lower-no-label-embeddings", pos=HIGH, chunks=LOW)
    make(runs, "jmt", "lower-no-regularisation", pos=HALF, chunks=HALF)
    make(runs, "jmt", "lower-neither", pos=LOW, chunks=LOW)
    rows = table(runs, "comparisons", family="jmt", task="pos")
    assert [f"{row['system']} - {row['other']}: {row['outcome']}" for row in rows] == [
        "lower - lower-no-label-embeddings: no difference shown",
        "lower - lower-no-regularisation: better",
        "lower - lower-neither: better",
        "lower-no-regularisation - lower-neither: better",
        "lower-no-label-embeddings - lower-neither: better",
    ]
    text = (runs.parent / "out" / "report.md").read_text(encoding="utf-8")
    assert "### Label embeddings and successive regularization" in text and "|  | POS | chunks |" in text


def test_both_attachment_scores_of_dependencies_are_compared(runs):
    for setup, right in (("lower", 30), ("lower-neither", 20)):
        for seed in (1, 2, 3):
            run = write_run(runs, "jmt", setup, seed, {"dependencies": right}, {"dependencies": (10, 3)}, spread=True)
            Counts(LABELLED, *sentences(right + 5, spread=True)).write(run / "counts_dependenciesuas.json")
            (run / "counts_dependencies.json").rename(run / "counts_dependencieslas.json")
            path = run / "evaluation.json"
            text = path.read_text().replace(f'"f1": {right / 40}', f'"las": {right / 40}, "uas": {(right + 5) / 40}')
            path.write_text(text.replace('"f1": 0.125', '"las": 0.125, "uas": 0.25'))
    rows = table(runs, "scores", setup="lower", seed="1")
    assert [(row["figure"], float(row["f1"])) for row in rows] == [("las", 75.0), ("uas", 87.5)]
    compared = table(runs, "comparisons", family="jmt")
    assert [(row["figure"], float(row["difference"])) for row in compared] == [("las", 25.0), ("uas", 25.0)]
    text = (runs.parent / "out" / "report.md").read_text(encoding="utf-8")
    assert "| setup | tasks | dependencies, LAS | dependencies, UAS |" in text and "of heads UAS" in text


def test_the_encoder_adds_more_than_the_characters(runs):
    for setup, right in {"A-GM": HIGH, "A-GM-without-encoder": HALF, "A-GM-words": HALF}.items():
        make(runs, "free", setup, embedding=setup, ner=right, emd=HALF)
    rows = table(runs, "comparisons", family="embeddings", task="ner")
    assert pairs(rows)[0] == "A-GM - A-GM-without-encoder: ner"
    assert [row["less"] for row in rows] == ["", "", "A-GM-without-encoder - A-GM-words"]
    first, second, third = (float(row["difference"]) for row in rows)
    assert third == pytest.approx(first - second) and first > 40
    claims = table(runs, "claims", task="ner")
    assert [row["outcome"] for row in claims] == ["holds", "holds"] and claims[1]["less"]


def test_gold_that_differs_is_not_compared(runs):
    make(runs, "free", "A", ner=HALF, emd=HALF)
    make(runs, "spans", "A", ner=HIGH, emd=HALF)
    path = runs / "spans" / "A" / "seed_2" / "counts_ner.json"
    text = path.read_text()
    assert text.count(", 1, 1]") == 40
    path.write_text(text.replace(", 1, 1]", ", 1, 2]", 1))
    [ner, emd] = table(runs, "comparisons", family="spans")
    assert ner["verdict"] == "not compared: other gold of the same test data" and ner["difference"] == ""
    assert emd["difference"] != ""


def test_updates_until_the_best_of_the_task_alone(runs):
    for seed, late in ((1, 0.9), (2, 0.8), (3, 0.9)):
        alone = {"ner": [0.1, 0.3, 0.5, 0.4], "emd": [0.5, 0.6, 0.8, 0.7]}
        # NER is there after one epoch of the setup, in its last but one epoch alone; EMD in all seeds but the second,
        # or in none.
        ours = {"ner": [0.5, 0.1, 0.1, late], "emd": [0.1, 0.2, 0.3, late - 0.09]}
        write_run(runs, "free", "A", seed, {"ner": 20, "emd": 20}, {"ner": (10 + seed, 3), "emd": (10, 3)}, ours)
        write_run(runs, "free", "B", seed, {"ner": 20}, {"ner": (12, 2)}, alone)
        write_run(runs, "free", "C", seed, {"emd": 20}, {"emd": (12, 2)}, alone)
    updates = table(runs, "updates")
    assert [row["updates_to_single"] for row in updates] == ["11", "12", "13", "40", "", "40"]
    assert [row["updates_single"] for row in updates] == ["36"] * 6
    ner, emd = table(runs, "convergence", until="best alone")
    assert (ner["reached"], emd["reached"]) == ("3", "2")
    assert float(ner["change_percent"]) == pytest.approx(100 * ((11 * 12 * 13) ** (1 / 3) / 36 - 1))
    assert float(ner["low"]) < float(ner["change_percent"]) < float(ner["high"]) < 0
    claim = "Multi-task training converges faster: fewer updates until the best of the task alone"
    ner, emd = table(runs, "claims", claim=claim)
    assert (ner["outcome"], emd["outcome"]) == ("holds", "is not shown")
    text = (runs.parent / "out" / "report.md").read_text(encoding="utf-8")
    assert "| ≥ 40 |" in text and "2 of 3 |" in text and "EMD (at least +11 %)" in text
