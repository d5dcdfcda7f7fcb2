"""Methods of advice on the four tasks of the hierarchy, from a table of scores."""

import csv
from itertools import combinations

import pytest
from relation_study import steeper_helps, write_study

from hmtl.errors import DataError, UserError
from research.task_relations.__main__ import main
from research.task_relations.hierarchy import best_subsets, gains_of_subsets, read_measured

TASKS = ("ner", "emd", "relation", "coref")
EFFECTS = {"ner": 2.0, "emd": 5.0, "relation": -3.0, "coref": 1.0}
NAMES = dict(zip("BCDE", TASKS)) | {"F": "ner+emd", "G": "emd+relation", "H": "emd+coref"}
NAMES |= {"I": "ner+emd+relation", "J": "ner+emd+coref", "A": "ner+emd+relation+coref"}
NAMES |= {name: name.replace("-", "+") for name in ("ner-relation", "ner-coref", "relation-coref")}
NAMES |= {name: name.replace("-", "+") for name in ("ner-relation-coref", "emd-relation-coref")}
# Another order of A's levels, and gold mentions: no subsets of their own.
OTHERS = {"L": "ner+emd+relation+coref", "A-GM": "ner+emd+relation+coref"}


def write_scores(path, names):
    columns = ["corpora", "setup", "tasks", "task", "gold_mentions", "figure", "seed", "f1"]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for setup, tasks in names.items():
            for task in tasks.split("+"):
                f1 = 50 + sum(EFFECTS[other] for other in tasks.split("+") if other != task)
                f1 += 30 if setup in OTHERS else 0
                row = {"corpora": "free", "setup": setup, "tasks": tasks, "task": task}
                figures = ["f1", "f1_last_tokens"] if task == "relation" else ["f1"]
                for figure in figures:
                    # Strictly, relations seem to gain by all that knows spans.
                    values = (1.0, 2.0) if figure == "f1" and task == "relation" else (f1 - 1, f1 + 1)
                    for seed, value in enumerate(values, start=1):
                        given = {"gold_mentions": setup == "A-GM", "figure": figure, "seed": seed, "f1": value}
                        writer.writerow({**row, **given})
    return path


def test_scores_of_all_subsets_are_read_and_those_of_other_setups_are_not(tmp_path):
    measured = read_measured(write_scores(tmp_path / "scores.csv", NAMES | OTHERS))
    assert measured.missing == [] and measured.tasks == sorted(TASKS)
    assert len(measured.scores) == sum(len(subset) for size in (1, 2, 3, 4) for subset in combinations(TASKS, size))
    assert measured.scores[("emd", "relation"), "relation"] == pytest.approx(0.55)
    assert measured.by_seed[2][tuple(sorted(TASKS)), "ner"] == pytest.approx(0.54)
    gains = gains_of_subsets(measured.scores)
    assert (
        len(gains) == 12
        and gains["coref", "emd"] == pytest.approx(10)
        and gains["ner", "relation"] == pytest.approx(-6)
    )
    assert best_subsets(measured.scores)["ner"] == (("coref", "emd", "ner"), pytest.approx(0.56))


def test_the_hierarchy_is_compared_beside_the_study(tmp_path, capsys):
    study = write_study(tmp_path / "study", steeper_helps())
    scores = write_scores(tmp_path / "scores.csv", {setup: tasks for setup, tasks in NAMES.items() if setup != "J"})
    main(["methods", str(study), "--hierarchy", str(scores)])
    assert "hierarchy: setup J is not run" in capsys.readouterr().err
    with open(study / "methods.csv", newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file) if row["tasks"] == "hierarchy"}
    # Effects that add up: a surrogate finds them in subsets that are no pairs.
    assert float(rows["surrogate"]["rank_correlation"]) == pytest.approx(1) and rows["surrogate"]["mains"] == "4"
    assert float(rows["surrogate"]["held_out_subsets"]) > 0.9 and rows["surrogate"]["trained_subsets"] == "8"
    assert float(rows["repeat"]["rank_correlation"]) == pytest.approx(1)
    with open(study / "advised.csv", newline="") as file:
        advised = {row["main"]: row for row in csv.DictReader(file)}
    assert advised["emd"]["advised"] == advised["emd"]["best"] == "ner" and advised["ner"]["advised"] == "emd"
    assert float(advised["relation"]["best_gain_percent"]) == pytest.approx(10)
    # What was kept is enough the next time.
    scores.unlink()
    before = (study / "methods.csv").read_text()
    main(["methods", str(study)])
    assert (study / "methods.csv").read_text() == before


def test_what_is_no_table_of_scores_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file or directory; expected runs of"):
        read_measured(tmp_path / "none.csv")
    with pytest.raises(UserError, match="no run of a subset of the four tasks; expected some of A, B"):
        read_measured(write_scores(tmp_path / "others.csv", OTHERS))
    (tmp_path / "columns.csv").write_text("setup,task\nA,ner\n")
    with pytest.raises(DataError, match=r"columns\.csv:1: expected the columns corpora,f1,figure,gold_mentions"):
        read_measured(tmp_path / "columns.csv")
    path = write_scores(tmp_path / "spoiled.csv", {"B": "ner"})
    path.write_text(path.read_text().replace(",49", ",many"))
    with pytest.raises(DataError, match=r"spoiled\.csv:2: expected seed and f1, numbers"):
        read_measured(path)
