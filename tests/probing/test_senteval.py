"""SentEval's files are read as they ship, and what is wrong in one is named with its line."""

from pathlib import Path

import pytest

from hmtl.errors import DataError, UserError
from hmtl.probing.senteval import FILES, SPLITS, read_task, read_tasks

GOOD = "".join(
    f"{split}\t{label}\t{sentence} .\n"
    for split, label, sentence in [
        ("tr", "PAST", "It rained"),
        ("tr", "PRES", "It rains"),
        ("tr", "PAST", "It did"),
        ("va", "PAST", "It was"),
        ("te", "PRES", "It is"),
        ("te", "PAST", "So was it"),
        ("te", "PRES", "He is"),
    ]
)


def write(folder: Path, content: str, name: str = "past_present.txt") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_lines_are_split_label_and_sentence(tmp_path: Path) -> None:
    task = read_task(write(tmp_path, GOOD), "Tense")
    assert [len(task.splits[split]) for split in ("train", "validation", "test")] == [3, 1, 3]
    assert task.splits["train"][1].label == "PRES" and task.splits["train"][1].sentence == ["It", "rains", "."]
    assert task.labels == ["PAST", "PRES"]
    assert task.sentences[3] == ["It", "was", "."] and len(task.sentences) == 7
    # PAST, of two training sentences in three, is right once in three.
    assert task.majority_accuracy() == pytest.approx(1 / 3)


def test_the_sentence_is_the_last_of_more_columns(tmp_path: Path) -> None:
    task = read_task(write(tmp_path, GOOD.replace("\tIt rains .", "\tthe verb\trains\tIt rains .")), "Tense")
    assert task.splits["train"][1].sentence == ["It", "rains", "."]


@pytest.mark.parametrize(
    "content, line, message",
    [
        ("", None, "the file is empty"),
        (GOOD + "dev\tPAST\tIt was .\n", 8, "the split is 'dev'; expected one of: tr, va, te"),
        (GOOD + "tr\tIt was .\n", 8, r"found 2 column\(s\)"),
        (GOOD + "\n", 8, r"found 1 column\(s\)"),
        (GOOD + "tr\t\tIt was .\n", 8, "the label is empty"),
        (GOOD + "tr\tPAST\t \n", 8, "the sentence is empty"),
        (GOOD.replace("va\t", "tr\t"), None, "no sentence of the split 'va'"),
        (GOOD.replace("PRES", "PAST"), 1, "all training sentences are of the one class 'PAST'"),
        (GOOD + "te\tFUT\tIt will .\n", 8, "no training sentence is of the class 'FUT'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, line: int, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as raised:
        read_task(path, "Tense")
    assert str(raised.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert "\n" not in str(raised.value)


def test_tasks_are_those_whose_files_are_there_in_the_papers_order(tmp_path: Path) -> None:
    for name in ("odd_man_out.txt", "word_content.txt"):
        write(tmp_path, GOOD, name)
    assert [task.name for task in read_tasks(tmp_path, [])] == ["WC", "SOMO"]
    assert [task.name for task in read_tasks(tmp_path, ["SOMO"])] == ["SOMO"]
    with pytest.raises(DataError, match="past_present.txt: no such file"):
        read_tasks(tmp_path, ["Tense", "WC"])
    with pytest.raises(UserError, match="no probing task 'Length'; expected some of: SentLen, WC"):
        read_tasks(tmp_path, ["Length"])


def test_a_folder_without_tasks_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has none of SentEval's files"):
        read_tasks(tmp_path, [])
    with pytest.raises(UserError, match="nowhere: no such directory"):
        read_tasks(tmp_path / "nowhere", [])


def test_there_are_ten_tasks() -> None:
    assert len(FILES) == len(set(FILES.values())) == 10 and set(SPLITS) == {"tr", "va", "te"}
