"""The tables, on hand-made runs."""

import csv
import json
from pathlib import Path
from typing import Callable, Dict, List, Sequence

import pytest
from hand_made_runs import sentences, write, write_run

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
        right = {task: counts[seed - 1] for task, counts in RIGHT[setup].items()}
        return write_run(tmp_path / "runs", corpora, setup, seed, right, UPDATES[setup], preset=preset, offset=offset)

    return make_run


def rows(tmp_path: Path, corpora: str, name: str) -> List[Dict[str, str]]:
    path = tmp_path / "out" / f"{name}.csv"
    if not path.exists():
        return []
    with open(path, encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["corpora"] == corpora]


def report(tmp_path: Path, bootstrap: Bootstrap = BOOTSTRAP) -> str:
    write_report(tmp_path / "runs", tmp_path / "out", bootstrap)
    return (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def row_of(table: Sequence[Dict[str, str]], **values: str) -> Dict[str, str]:
    [found] = [row for row in table if values.items() <= row.items()]
    return found


def test_the_tables_of_three_seeds(make_run, tmp_path):
    for setup in RIGHT:
        for seed in (1, 2, 3):
            make_run("free", setup, seed)
    text = report(tmp_path)

    scores = rows(tmp_path, "free", "scores")
    for setup, tasks in RIGHT.items():
        for task, right in tasks.items():
            of_seeds = [row for row in scores if (row["setup"], row["task"]) == (setup, task)]
            assert [row["seed"] for row in of_seeds] == ["1", "2", "3"]
            assert [float(row["f1"]) for row in of_seeds] == pytest.approx([100 * count / 40 for count in right])
    assert "| A | NER, EMD | 77.50 ± 2.50 (3) | 50.00 ± 2.50 (3) |" in text
    assert "| B | NER | 27.50 ± 2.50 (3) |  |" in text
    assert "| baseline |  | 12.50 | 12.50 |" in text

    # 20 more of 40 sentences right, by 31 - 11 on average, in two of four documents; of EMD the same 20.
    comparisons = rows(tmp_path, "free", "comparisons")
    ner, emd = row_of(comparisons, system="A", task="ner"), row_of(comparisons, system="A", task="emd")
    assert (ner["other"], ner["n"], ner["seeds_better"]) == ("B", "3", "3")
    assert [float(each) for each in ner["differences"].split()] == pytest.approx([50.0, 52.5, 47.5])
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
    updates = row_of(rows(tmp_path, "free", "updates"), task="ner", seed="2")
    assert (updates["single"], updates["updates"], updates["updates_single"]) == ("B", "20", "40")
    convergence = rows(tmp_path, "free", "convergence")
    assert float(row_of(convergence, task="emd", until="best epoch")["change_percent"]) == pytest.approx(-75.0)
    # The curves of both are alike, so that the best of the task alone, its last, is reached as late.
    assert float(row_of(convergence, task="emd", until="best alone")["change_percent"]) == pytest.approx(0)
    assert "| A | NER | 40 (B) | 20 | -50 % |  |  | 40 | +0 % |" in text
    assert "| paper" not in text

    curve = [
        row for row in rows(tmp_path, "free", "curves") if (row["setup"], row["seed"], row["task"]) == ("A", "2", "emd")
    ]
    assert [(row["updates"], row["score"]) for row in curve] == [
        ("5", "0.0"),
        ("10", "0.1"),
        ("15", "0.2"),
        ("20", "0.3"),
    ]
    assert "| A | 3 | 4 | 180 | 3:05:01+ | 0:03:00+ |" in text and "A process of the run was killed" in text
    assert "| free | 9 | 0.1 |" in text
    assert "python -m research.paper reproduce --setups A,B" in text and "- versions: torch 2.13" in text
    for image in ("scores_free.png", "curves_free.png", "claims.png"):
        assert (tmp_path / "out" / image).read_bytes().startswith(b"\x89PNG")


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
    assert better["outcome"] == "better" and better["verdict"].startswith("+97.50, corrected p = 0.0")
    assert better["verdict"].endswith(": multi-task is better")


def test_words_follow_the_corrected_p(make_run, tmp_path):
    for setup in "ABC":
        for seed in (1, 2, 3):
            make_run("free", setup, seed)
    report(tmp_path)
    p_value = float(rows(tmp_path, "free", "comparisons")[0]["p_value"])
    # Of two comparisons the corrected p is twice that.
    for level, outcome in ((1.9 * p_value, "no difference shown"), (2.1 * p_value, "better")):
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
    assert TEST_F1["A"][NER] == 87.36
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
    assert "| A | RE | 20 (B) | 20 | +0 % |" in text


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
    assert "No setup has the runs of another to be compared with" in text


def test_several_presets_and_no_runs_are_refused(make_run, tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="no finished run of 'research.paper reproduce'"):
        report(tmp_path)
    make_run("free", "A", 1)
    make_run("free", "B", 1, preset="paper")
    with pytest.raises(UserError, match="several presets .fast, paper."):
        report(tmp_path)


def test_what_the_cache_saves_is_told_where_it_was_measured(make_run, tmp_path):
    make_run("free", "A", 1)
    assert "without the cache" not in report(tmp_path)
    measured = "what,cpu_seconds\nwithout cache,600\nwith cache,150\nfilling the cache,1200\n"
    (tmp_path / "out" / "cache.csv").write_text(measured)
    text = report(tmp_path)
    assert (
        "took 0:10:00 of CPU without the cache of the frozen encoder's vectors and 0:02:30 with it, 75 % less." in text
    )
    assert "Filling the cache took 0:20:00, once for all runs." in text


def test_places_of_the_machine_are_in_no_table(make_run, tmp_path):
    make_run("free", "A", 1)
    assert "--setups A,B --output RUNS" in report(tmp_path)
    assert not any("/home/user" in path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.[cm]*"))
