"""Studies are read as they are written, gains are those of equal numbers of updates."""

import pytest
from relation_study import PUBLISHED, TASKS, needs_published, steeper_helps, write_study

from hmtl.errors import DataError, UserError
from research.task_relations.study import LOSSES, SCORES, gains_of, read_study


@needs_published
def test_forty_of_the_ninety_published_pairs_gain():
    study = read_study(PUBLISHED)
    gains, notes = gains_of(study)
    assert not notes and not study.missing()
    assert len(study.tasks) == 10 and len(gains) == 90
    assert sum(gain > 0 for gain in gains.values()) == 40
    # By hand, from the file: 0.87255 after 100,000 iterations of the pair, 0.86067 after 50,000 alone.
    assert gains["ccg", "chunking"] == pytest.approx(100 * (0.87255 / 0.86067 - 1), abs=1e-12)


def test_gains_compare_equal_numbers_of_updates(tmp_path):
    study = read_study(write_study(tmp_path, steeper_helps()))
    with open(tmp_path / SCORES, "a", encoding="utf-8") as file:
        file.write("mwe,mwe,1500,0.9\n")  # longer than its part of a pair
    again = read_study(tmp_path)
    for read in (study, again):
        gains, notes = gains_of(read)
        assert not notes
        assert gains["chunks", "pos"] == pytest.approx(40)
        assert gains["pos", "chunks"] == pytest.approx(-40)
        assert gains["mwe", "links"] == pytest.approx(-10)


def test_what_a_part_of_a_study_lacks_is_told(tmp_path):
    write_study(tmp_path, steeper_helps())
    lines = (tmp_path / SCORES).read_text().splitlines(keepends=True)
    kept = [
        line for line in lines if not line.startswith(("chunks_links,", "names,")) and "links_mwe,mwe,2000" not in line
    ]
    (tmp_path / SCORES).write_text("".join(kept))
    losses = (tmp_path / LOSSES).read_text().splitlines(keepends=True)
    (tmp_path / LOSSES).write_text("".join(line for line in losses if not line.startswith("pos,")))
    study = read_study(tmp_path)
    assert study.tasks == list(TASKS)
    assert study.missing() == [
        "no single-task losses of pos",
        "no single-task F1 of names",
        "1 of 10 pairs not run: chunks+links",
    ]
    gains, notes = gains_of(study)
    assert ("mwe", "links") not in gains and ("links", "mwe") in gains
    assert len(gains) == 20 - 2 - 4 - 1
    assert "mwe with links: ends at iteration 1000 of 2000; left out" in notes
    assert "names with pos: no F1 of names alone until iteration 1000; left out" in notes


def test_a_gain_over_nothing_is_none(tmp_path):
    write_study(tmp_path, steeper_helps())
    text = (tmp_path / SCORES).read_text().replace("mwe,mwe,1000,0.5", "mwe,mwe,1000,0")
    (tmp_path / SCORES).write_text(text)
    gains, notes = gains_of(read_study(tmp_path))
    assert not any(main == "mwe" for main, _ in gains) and len(notes) == 4
    assert "F1 of mwe alone is 0" in notes[0]


def test_names_of_tasks_may_hold_underscores(tmp_path):
    write_study(tmp_path, lambda main, auxiliary: 10.0, ("a_b", "c"))
    study = read_study(tmp_path)
    assert study.tasks == ["a_b", "c"] and set(study.pairs) == {("a_b", "c"), ("c", "a_b")}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (SCORES, "run,task,f1\n", f"{SCORES}:1: expected the columns run,task,iteration,f1"),
        (SCORES, "run,task,iteration,f1\na_b,c,10,0.5\n", f"{SCORES}:2: run 'a_b' is neither 'c' nor a pair with it"),
        (SCORES, "run,task,iteration,f1\na,a,10,50.0\n", f"{SCORES}:2: f1 is 50.0; expected a number from 0 to 1"),
        (SCORES, "run,task,iteration,f1\na,a,10\n", f"{SCORES}:2: expected 4 values"),
        (LOSSES, "task,iteration,loss\na,10,1\na,20,much\n", f"{LOSSES}:3: loss is 'much'; expected a number"),
        (LOSSES, "task,iteration,loss\na,1.5,1\n", f"{LOSSES}:2: iteration is 1.5; expected a whole number"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, name, text, message):
    write_study(tmp_path, steeper_helps())
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_study(tmp_path)
    assert message in str(error.value)


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a study; expected single_task_training_loss.csv and f1.csv"):
        read_study(tmp_path)
    with pytest.raises(UserError, match="no such directory"):
        read_study(tmp_path / "missing")
