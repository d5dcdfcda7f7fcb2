"""The tables of tasks as questions, from files whose means are known by hand."""

from pathlib import Path

import pytest

from hmtl.errors import UserError
from research.questions import page_lines

ANSWERS = """seed,task,heads,chosen,threshold,precision,recall,f1
1,ner,,False,0.5,0.9,0.5,0.40
2,ner,,False,0.5,0.9,0.5,0.60
1,emd,,False,0.5,0.9,0.5,0.20
1,entities,,False,0.5,0.9,0.5,0.80
1,coref,gold,False,0.5,0.9,0.5,0.70
1,coref,own,False,0.5,0.9,0.5,0.10
1,relation,gold,False,0.5,0.9,0.5,0.333
1,relation,own,False,0.5,0.9,0.5,0.30
1,relation,own,True,0.2,0.9,0.5,0.35
"""
SCORES = """corpora,setup,tasks,task,gold_mentions,figure,chosen_alike,seed,f1
heads,spans,ner,ner,False,f1,True,1,60
heads,spans,ner,ner,False,f1,True,2,62
heads,spans,ner,relation,False,f1,True,1,46
heads,spans,ner,relation,False,f1_last_tokens,True,1,99
heads,spans,ner,relation,True,f1,False,1,55
heads,finetuned,ner,ner,False,f1,True,1,99
"""
RUNS = "setup,seed,epochs,updates,cpu_seconds,killed\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    files = {
        "questions/answers.csv": ANSWERS,
        "questions/gold.csv": "task,gold\nner,763\nemd,3142\nentities,1270\ncoref,1307\nrelation,946\n",
        "questions/systems.csv": "system,title,embedding,levels,heads\n"
        "paper,with tags,1000,2,3\nspans,with spans,1,2,3\nquestions,asked,1,2,3\n",
        "questions/runs.csv": "seed,epochs,updates,cpu_seconds\n1,5,2400,90\n",
        "heads/scores.csv": SCORES,
        "heads/runs.csv": RUNS + "paper,1,6,4542,600,0\nspans,1,6,5796,900,0\nspans,2,6,5796,120,1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_found_and_given_spans_are_tables_of_their_own(results: Path) -> None:
    assert list(page_lines(results, "scores"))[2:] == [
        "| gold in the test data |  | 763 | 3,142 | 1,270 | 1,307 | 946 |  |",
        "| with tags |  |  |  |  |  |  |  |",
        "| with spans | 1 to 2 | 61.0 ± 1.4 |  |  |  | 46.0 |  |",
        "| asked | 1 to 2 | 50.0 ± 14.1 | 20.0 | 80.0 | 10.0 | 30.0 | 38.0 |",
        "| asked, thresholds from validation | 1 |  |  |  |  | 35.0 |  |",
    ]
    assert list(page_lines(results, "given"))[3:5] == ["| with spans | 1 |  | 55.0 |", "| asked | 1 | 70.0 | 33.3 |"]


def test_what_was_killed_has_no_time(results: Path) -> None:
    assert list(page_lines(results, "cost"))[2:] == [
        "| with tags | 1,000 | 2 | 3 | 6 | 4,542 | 10.0 |",
        "| with spans | 1 | 2 | 3 | 6 | 5,796 | 15.0 |",
        "| asked | 1 | 2 | 3 | 5 | 2,400 | 1.5 |",
    ]


def test_another_table_is_refused(results: Path) -> None:
    with pytest.raises(UserError, match="no block scorse; there are scores, given, cost"):
        list(page_lines(results, "scorse"))
