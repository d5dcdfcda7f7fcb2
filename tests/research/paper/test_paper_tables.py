"""The tables, on hand-made runs."""

import csv
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import pytest

from hmtl.errors import UserError
from research.paper.counts import LABELLED, Counts
from research.paper.paper import CR_GM, NER, TEST_F1
from research.paper.report import write_report
from research.paper.tables import Bootstrap

BOOTSTRAP = Bootstrap(num_samples=2000)
# Of 40 sentences with one gold item each, so many are right: F1 is their share.
RIGHT = {"A": {"ner": (30, 32, 31), "emd": (20, 21, 19)}, "B": {"ner": (10, 11, 12)}, "C": {"emd": (20, 20, 20)}}
# Updates of the task an epoch, and its best epoch.
UPDATES = {"A": {"ner": (10, 1), "emd": (5, 0)}, "B": {"ner": (10, 3)}, "C": {"emd": (5, 3)}}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    def make_run(corpora: str, setup: str, seed: int, preset: str = "fast", offset: int = 0) -> Path:
        directory = tmp_path / "runs" / corpora / setup / f"seed_{seed}"
        directory.mkdir(parents=True)
        tasks = RIGHT[setup]
        scores: Dict[str, Any] = {}
        for task, right in tasks.items():
            counts = Counts(LABELLED, *sentences(right[seed - 1], offset))
            counts.write(directory / f"counts_{task}.json")
            scores[f"best_{task}"] = {task: {"metrics": {"f1": counts.f1()}}}
        baselines = {task: {"metrics": {"f1": 0.125}} for task in tasks}
        write(directory / "evaluation.json", tasks=list(tasks), gold_mentions=[], scores=scores, baselines=baselines)
        write(directory / "config.json", random_seed=seed, trainer={"seed": seed, "num_epochs": 4})
        for epoch in range(4):
            metrics: Dict[str, Any] = {}
            for task, (updates, best) in UPDATES[setup].items():
                metrics[f"training_{task}_updates"] = updates
                metrics[f"validation_{task}_f1"] = epoch / 10
                metrics[f"best_epoch_{task}"] = min(best, epoch)
            write(directory / f"metrics_epoch_{epoch}.json", **metrics)
        write(
            directory / "experiment.json",
            setup=setup,
            seed=seed,
            preset=preset,
            finished=True,
            command=["python", "-m", "research.paper", "reproduce", "--setups", "A,B"],
            parts=[{"seconds": None, "cpu_seconds": None}, {"seconds": 3700.4, "cpu_seconds": 60}],
            versions={"torch": "2.13"},
            machine={"cores": 2, "threads": 1, "gpu": None},
        )
        return directory

    return make_run


def sentences(num_right: int, offset: int = 0) -> "tuple[list, np.ndarray]":
    units = [(f"document {number // 10 + offset}", number % 10) for number in range(40)]
    return units, np.array([[int(number < num_right), 1, 1] for number in range(40)])


def write(path: Path, **content: Any) -> None:
    path.write_text(json.dumps(content))


def rows(tmp_path: Path, corpora: str, name: str) -> List[Dict[str, str]]:
    with open(tmp_path / "out" / corpora / f"{name}.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def report(tmp_path: Path, bootstrap: Bootstrap = BOOTSTRAP) -> str:
    write_report(tmp_path / "runs", tmp_path / "out", bootstrap)
    return (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def row_of(table: Sequence[Dict[str, str]], setup: str, task: str) -> Dict[str, str]:
    [found] = [row for row in table if (row["setup"], row["task"]) == (setup, task)]
    return found


def test_the_tables_of_three_seeds(make_run, tmp_path):
    for setup in RIGHT:
        for seed in (1, 2, 3):
            make_run("free", setup, seed)
    text = report(tmp_path)

    scores = rows(tmp_path, "free", "scores")
    for setup, tasks in RIGHT.items():
        for task, right in tasks.items():
            f1s, row = 100 * np.array(right) / 40, row_of(scores, setup, task)
            assert float(row["mean"]) == pytest.approx(np.mean(f1s)) and row["n"] == "3"
            assert float(row["std"]) == pytest.approx(np.std(f1s, ddof=1))
            assert row["paper"] == ""
    assert "| A | NER, EMD | 77.50 ± 2.50 (3) | 50.00 ± 2.50 (3) |" in text
    assert "| B | NER | 27.50 ± 2.50 (3) |  |" in text
    assert "| baseline |  | 12.50 | 12.50 |" in text

    # 20 more of 40 sentences right, by 31 - 11 on average, in two of four documents; of EMD the same 20.
    comparisons = rows(tmp_path, "free", "comparisons")
    ner, emd = row_of(comparisons, "A", "ner"), row_of(comparisons, "A", "emd")
    assert (ner["single"], ner["n"], ner["seeds_better"]) == ("B", "3", "3")
    assert float(ner["difference"]) == pytest.approx(50.0) and float(ner["low"]) < 50 < float(ner["high"])
    # Four documents, of which two are alike in both.
    p_value = float(ner["p_value"])
    assert 0.05 < p_value < 0.5 and float(ner["p_corrected"]) == pytest.approx(2 * p_value)
    assert ner["verdict"] == f"+50.00, corrected p = {2 * p_value:.3f}: no difference shown"
    assert float(emd["difference"]) == pytest.approx(0)
    assert emd["verdict"] == "+0.00, corrected p = 1.000: no difference shown"
    assert "Of 2 comparisons, multi-task is better in 0, worse in 0, and no difference is shown in 2 " in text
    assert "the whole documents of the test set and over the pairs of runs together" in text
    assert "Holm's for the 2 comparisons of this table" in text
    assert f"| p = {p_value:.3f} | p = {2 * p_value:.3f} | +50.00" in text
    assert "| A | NER | B | +50.00 ± 2.50 | 3 of 3 |" in text

    # Up to the end of epoch 1 against that of epoch 3, and of epoch 0.
    updates = rows(tmp_path, "free", "updates")
    assert [row_of(updates, "A", "ner")[key] for key in ("updates", "updates_single")] == ["20", "40"]
    assert float(row_of(updates, "A", "emd")["change_percent"]) == pytest.approx(-75.0)
    assert "| A | NER | 20 | 40 (B) | -50 % |" in text and "| paper" not in text

    curve = [
        row for row in rows(tmp_path, "free", "curves") if (row["setup"], row["seed"], row["task"]) == ("A", "2", "emd")
    ]
    assert [(row["updates"], row["score"]) for row in curve] == [
        ("5", "0.0"),
        ("10", "0.1"),
        ("15", "0.2"),
        ("20", "0.3"),
    ]
    assert "| A | 1 | 4 | 60 | 1:01:40+ | 0:01:00+ | 1 |" in text and "A process of the run was killed" in text
    assert "python -m research.paper reproduce --setups A,B" in text and "- versions: torch 2.13" in text
    for image in ("scores.png", "curves.png"):
        assert (tmp_path / "out" / "free" / image).read_bytes().startswith(b"\x89PNG")


def test_multi_task_that_is_worse_and_that_is_better(make_run, tmp_path, monkeypatch):
    monkeypatch.setitem(RIGHT, "A", {"ner": (1, 0), "emd": (40, 39)})
    monkeypatch.setitem(RIGHT, "B", {"ner": (40, 40)})
    monkeypatch.setitem(RIGHT, "C", {"emd": (0, 1)})
    for setup in "ABC":
        for seed in (1, 2):  # the third is missing
            make_run("free", setup, seed)
    assert "multi-task is better in 1, worse in 1, and no difference is shown in 0" in report(tmp_path)
    worse, better = rows(tmp_path, "free", "comparisons")
    assert worse["n"] == "2" and worse["verdict"].endswith(": multi-task is worse")
    assert better["outcome"] == "multi-task is better" and better["verdict"].startswith("+97.50, corrected p = 0.0")


def test_words_follow_the_corrected_p(make_run, tmp_path):
    for setup in "ABC":
        for seed in (1, 2, 3):
            make_run("free", setup, seed)
    report(tmp_path)
    p_value = float(rows(tmp_path, "free", "comparisons")[0]["p_value"])
    # Of two comparisons the corrected p is twice that.
    for level, outcome in ((1.9 * p_value, "no difference shown"), (2.1 * p_value, "multi-task is better")):
        text = report(tmp_path, Bootstrap(num_samples=2000, level=level))
        assert rows(tmp_path, "free", "comparisons")[0]["outcome"] == outcome
        assert f"better in {int(outcome != 'no difference shown')}, worse in 0" in text


def test_sentences_are_drawn_where_they_are_asked_for(make_run, tmp_path):
    for setup in "AB":
        for seed in (1, 2, 3):
            make_run("free", setup, seed)
    text = report(tmp_path, Bootstrap(num_samples=2000, whole_documents=False))
    assert float(rows(tmp_path, "free", "comparisons")[0]["p_value"]) < 0.01
    assert "over the sentences (CR: documents) of the test set" in text
    assert "Sentences of one document depend on one another" in text


def test_no_difference_is_shown_where_seeds_disagree(make_run, tmp_path, monkeypatch):
    monkeypatch.setitem(RIGHT, "A", {"ner": (40, 40, 18), "emd": (20, 20, 20)})
    monkeypatch.setitem(RIGHT, "B", {"ner": (20, 20, 20)})
    for setup in "AB":
        for seed in (1, 2, 3):
            make_run("free", setup, seed)
    report(tmp_path, Bootstrap(num_samples=2000, level=0.99))
    [row] = rows(tmp_path, "free", "comparisons")
    assert row["seeds_better"] == "2" and float(row["p_corrected"]) < 0.99
    assert row["outcome"] == "no difference shown"
    assert row["verdict"].endswith("no difference shown (seeds disagree)")


def test_seeds_are_paired(make_run, tmp_path):
    for setup, seeds in (("A", (1, 2)), ("B", (2, 3))):
        for seed in seeds:
            make_run("free", setup, seed)
    text = report(tmp_path)
    [row] = rows(tmp_path, "free", "comparisons")
    assert row["n"] == "1" and float(row["difference"]) == pytest.approx(100 * (32 - 11) / 40) and row["std"] == ""
    assert row["verdict"].endswith(" (one seed: spread over seeds unknown)")
    assert "Of one seed p is about these two models" in text


def test_a_test_set_of_one_document_is_not_compared(make_run, tmp_path):
    for setup in "AB":
        directory = make_run("free", setup, 1)
        counts = Counts.read(directory / "counts_ner.json")
        one = Counts(LABELLED, [("one", number) for number in range(40)], counts.values)
        one.write(directory / "counts_ner.json")
    report(tmp_path)
    assert rows(tmp_path, "free", "comparisons")[0]["verdict"] == "not compared: the test set is one document"
    report(tmp_path, Bootstrap(num_samples=2000, whole_documents=False))
    assert "50" in rows(tmp_path, "free", "comparisons")[0]["difference"]


def test_other_test_data_are_not_compared(make_run, tmp_path):
    make_run("free", "A", 1)
    make_run("free", "B", 1, offset=7)
    assert "not compared: other test data" in report(tmp_path)


def test_setups_with_another_embedding_are_not_compared(make_run, tmp_path):
    make_run("free", "A", 1)
    other = make_run("free", "B", 1)
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 5}}}
    write(other / "config.json", trainer={"num_epochs": 4}, model={"text_field_embedder": embedder})
    report(tmp_path)
    assert rows(tmp_path, "free", "comparisons") == rows(tmp_path, "free", "updates") == []


def test_the_papers_figures_stand_beside_its_own_corpora(make_run, tmp_path):
    for corpora in ("free", "ldc"):
        make_run(corpora, "A", 1)
        make_run(corpora, "B", 1)
    free, ldc = report(tmp_path).split("## Corpora: ldc")
    assert "87.36" not in free and "87.36" in ldc and "| B | NER | 25.00 (1) | 87.12 |" in ldc
    assert float(row_of(rows(tmp_path, "ldc", "scores"), "A", "ner")["paper"]) == TEST_F1["A"][NER]
    assert TEST_F1["A-GM"][CR_GM] == 70.29


def test_relations_have_a_column_for_each_figure(tmp_path, make_run, monkeypatch):
    for setup in "AB":
        monkeypatch.setitem(RIGHT, setup, {"relation": (20,), **({"ner": (30,)} if setup == "A" else {})})
        monkeypatch.setitem(UPDATES, setup, dict.fromkeys(RIGHT[setup], (10, 1)))
        directory = make_run("ldc", setup, 1)
        # More are right by their last tokens, of one setup.
        Counts(LABELLED, *sentences(36 if setup == "A" else 24)).write(directory / "counts_relation_last_tokens.json")
        evaluation = json.loads((directory / "evaluation.json").read_text())
        scores = {"f1": 0.5, "f1_last_tokens": 0.9 if setup == "A" else 0.6, "f1_typed": 0.25}
        evaluation["scores"]["best_relation"]["relation"]["metrics"] = scores
        evaluation["baselines"]["relation"]["metrics"] = {"f1": 0.1, "f1_last_tokens": 0.2, "f1_typed": 0.05}
        write(directory / "evaluation.json", **evaluation)
    text = report(tmp_path)
    # The paper's figure, of setup A, stands beside that of last tokens.
    assert "| setup | tasks | NER | paper | RE, strict | RE, last tokens | paper | RE, typed |" in text
    assert "| A | NER, RE | 75.00 (1) | 87.36 | 50.00 (1) | 90.00 (1) | 61.30 | 25.00 (1) |" in text
    assert "| baseline |  | 12.50 |  | 10.00 | 20.00 |  | 5.00 |" in text
    assert "Of relations, strict: both spans and the type are right" in text
    comparisons = {row["figure"]: float(row["difference"]) for row in rows(tmp_path, "ldc", "comparisons")}
    assert comparisons == {"f1": pytest.approx(0), "f1_last_tokens": pytest.approx(30)}
    assert [(row["setup"], row["task"]) for row in rows(tmp_path, "ldc", "updates")] == [("A", "relation")]
    assert "| A | RE | 20 | 20 (B) | +0 % |" in text


def test_an_evaluation_that_knew_last_tokens_alone_is_refused(tmp_path, make_run, monkeypatch):
    monkeypatch.setitem(RIGHT, "B", {"relation": (20,)})
    monkeypatch.setitem(UPDATES, "B", {"relation": (10, 1)})
    directory = make_run("free", "B", 1)
    evaluation = json.loads((directory / "evaluation.json").read_text())
    evaluation["scores"]["best_relation"]["relation"]["metrics"] = {"f1": 0.5, "f1_sentences_with_relations": 0.75}
    write(directory / "evaluation.json", **evaluation)
    with pytest.raises(UserError, match="scored relations by their last tokens alone; remove experiment.json"):
        report(tmp_path)


def test_what_is_unfinished_or_changed_is_told(make_run, tmp_path):
    make_run("free", "A", 1)
    other = make_run("free", "A", 2)
    write(other / "config.json", random_seed=2, trainer={"seed": 2, "num_epochs": 5})
    record = json.loads((make_run("free", "B", 1) / "experiment.json").read_text())
    write(tmp_path / "runs" / "free" / "B" / "seed_1" / "experiment.json", **{**record, "finished": False})
    notes = write_report(tmp_path / "runs", tmp_path / "out", BOOTSTRAP)
    assert notes == [f"not finished, and left out: {tmp_path / 'runs' / 'free' / 'B' / 'seed_1'}"]
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "- not finished, and left out: free/B/seed_1" in text
    assert "- the runs of A differ in more than their seeds: trainer.num_epochs" in text
    assert "No multi-task setup has the runs of one of its tasks alone" in text


def test_several_presets_and_no_runs_are_refused(make_run, tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="no finished run of 'research.paper reproduce'"):
        report(tmp_path)
    make_run("free", "A", 1)
    make_run("free", "B", 1, preset="paper")
    with pytest.raises(UserError, match="several presets .fast, paper."):
        report(tmp_path)
