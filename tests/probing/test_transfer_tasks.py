"""The transfer tasks' files are read as SentEval reads them, and what is wrong in one is named with its line."""

from pathlib import Path
from typing import Optional

import pytest
from senteval_folder import SETS, write_senteval

from hmtl.errors import DataError, UserError
from hmtl.probing.transfer_tasks import SOURCES, read_transfer_task, read_transfer_tasks


def write(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))
    return path


def test_files_of_one_label_each_are_latin_1_and_sorted_by_length_and_label(tmp_path: Path) -> None:
    write(tmp_path / "MR" / "rt-polarity.pos", "a lovely film\ncafé\n\nfine .\n", "latin-1")
    write(tmp_path / "MR" / "rt-polarity.neg", "dull .\nbad\r\n", "latin-1")
    task = read_transfer_task(tmp_path, "MR")
    assert list(task.splits) == ["all"] and task.labels == ("negative", "positive")
    # An empty line counts as none in length, and is a full stop to the encoder.
    assert [(example.first, task.labels[int(example.target)]) for example in task.splits["all"]] == [
        ([], "positive"),
        (["bad"], "negative"),
        (["café"], "positive"),
        (["dull", "."], "negative"),
        (["fine", "."], "positive"),
        (["a", "lovely", "film"], "positive"),
    ]
    assert task.sentences[0] == ["."] and len(task.sentences) == 6 and not task.is_of_pairs
    assert task.majority_accuracy() == pytest.approx(4 / 6)
    write(tmp_path / "SUBJ" / "subj.objective", "it rains\n")
    write(tmp_path / "SUBJ" / "subj.subjective", "it bores\n")
    task = read_transfer_task(tmp_path, "SUBJ")
    # SentEval's label 1 is the objective.
    assert [(example.first[1], example.target) for example in task.splits["all"]] == [("bores", 0), ("rains", 1)]


def test_sentiment_in_two_layouts(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        write(tmp_path / "SST" / "binary" / f"sentiment-{split}", f"a fine {split}\t1\ndull\t0\n")
        write(tmp_path / "SST" / "fine" / f"sentiment-{split}", f"4 a fine {split}\n0 dull\n")
    two, five = read_transfer_tasks(tmp_path, [])
    assert (two.name, five.name) == ("SST-2", "SST-5")
    for task, label in ((two, 1), (five, 4)):
        assert list(task.splits) == ["train", "validation", "test"]
        assert [tuple(example) for example in task.splits["validation"]] == [
            (0, ["dull"], None),
            (label, ["a", "fine", "dev"], None),
        ]


def test_questions_have_their_coarse_class(tmp_path: Path) -> None:
    for name in ("train_5500", "TREC_10"):
        write(tmp_path / "TREC" / f"{name}.label", "NUM:date When : is café ?\nABBR:exp What is it ?\n", "latin-1")
    task = read_transfer_task(tmp_path, "TREC")
    assert list(task.splits) == ["train", "test"]
    assert [(task.labels[int(each.target)], each.first) for each in task.splits["test"]] == [
        ("ABBR", ["What", "is", "it", "?"]),
        ("NUM", ["When", ":", "is", "café", "?"]),
    ]


def test_pairs_with_labels_and_with_scores(tmp_path: Path) -> None:
    header = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"
    for split in ("train", "test"):
        write(
            tmp_path / "MRPC" / f"msr_paraphrase_{split}.txt", f"{header}1\t7\t8\tHe left\tHe went off\r\n0\t7\t8\ta\tb"
        )
    task = read_transfer_task(tmp_path, "MRPC")
    assert task.is_of_pairs and task.splits["train"][1] == (1, ["He", "left"], ["He", "went", "off"])
    assert task.sentences == [["a"], ["b"], ["He", "left"], ["He", "went", "off"]] * 2

    for split in ("train", "trial", "test_annotated"):
        rows = "1\tA man runs\tA man is running\t4.7\tENTAILMENT\n2\ta b\tc\t1.2\tCONTRADICTION\n"
        write(tmp_path / "SICK" / f"SICK_{split}.txt", f"pair_ID\tsentence_A\tB\tscore\tjudgment\n{rows}")
    entailment, relatedness = read_transfer_tasks(tmp_path, ["SICK-R", "SICK-E"])
    assert [each.target for each in entailment.splits["validation"]] == [0, 2]
    assert [each.target for each in relatedness.splits["validation"]] == [1.2, 4.7]
    assert relatedness.labels == () and relatedness.majority_accuracy() is None
    assert relatedness.splits["test"][0].second == ["c"]

    for split in ("train", "dev", "test"):
        row = 'main-captions\tMSRvid\t2012\t0001\t0.500\tA "man .\tA dog .'
        write(tmp_path / "STS" / "STSBenchmark" / f"sts-{split}.csv", row + "\n")
    task = read_transfer_task(tmp_path, "STS-B")
    assert task.splits["train"] == [(0.5, ["A", '"man', "."], ["A", "dog", "."])]


def test_sets_of_similarity_without_pairs_that_nobody_scored(tmp_path: Path) -> None:
    folder = tmp_path / "STS" / "STS13-en-test"
    for name in SETS["STS13"]:
        write(folder / f"STS.input.{name}.txt", f"{name} a\tb\nleft\tout\nd\te\u2028f\n")
        write(folder / f"STS.gs.{name}.txt", "4.25\n\n0\n")
    task = read_transfer_task(tmp_path, "STS13")
    assert list(task.splits) == SETS["STS13"]
    # U+2028 ends no line, but splits words.
    assert task.splits["FNWN"] == [(0.0, ["d"], ["e", "f"]), (4.25, ["FNWN", "a"], ["b"])]


def test_the_folder_of_all_tasks_is_read_in_the_papers_order(tmp_path: Path) -> None:
    tasks = read_transfer_tasks(write_senteval(tmp_path / "data"), [])
    assert [task.name for task in tasks] == list(SOURCES)
    assert list(SOURCES) == [
        *("MR", "CR", "SUBJ", "MPQA", "SST-2", "SST-5", "TREC", "MRPC", "SICK-E", "SICK-R", "STS-B"),
        *("STS12", "STS13", "STS14", "STS15", "STS16"),
    ]
    assert {task.name: task.protocol for task in tasks}["CR"] == "nested cross-validation"
    assert {year: list(task.splits) for task in tasks for year in [task.name] if year in SETS} == SETS
    assert len({task.sha256 for task in tasks}) == 15  # the two tasks of SICK have the same files


@pytest.mark.parametrize(
    "name, file, content, line, message",
    [
        ("MR", "MR/rt-polarity.pos", "", None, "the file is empty"),
        ("SST-2", "SST/binary/sentiment-dev", "fine\t1\nfine\n", 2, r"expected sentence, label, .* found 1 column"),
        ("SST-5", "SST/fine/sentiment-dev", "5 fine\n", 1, "the label is '5'; expected one of: 0, 1, 2, 3, 4"),
        ("TREC", "TREC/TREC_10.label", "What is it ?\n", 1, "expected CLASS:subclass and a question"),
        ("TREC", "TREC/TREC_10.label", "desc:def What is it ?\n", 1, "the label is 'desc'; expected one of: ABBR"),
        ("MRPC", "MRPC/msr_paraphrase_test.txt", "Quality\n1\t2\t3\ta\n", 2, r"found 4 column\(s\)"),
        ("SICK-E", "SICK/SICK_trial.txt", "h\n1\ta\tb\t3\tMAYBE\n", 2, "'MAYBE'; expected one of: CONTRADICTION"),
        ("SICK-R", "SICK/SICK_trial.txt", "h\n1\ta\tb\t0.5\tNEUTRAL\n", 2, "'0.5'; expected a number from 1 to 5"),
        ("STS-B", "STS/STSBenchmark/sts-dev.csv", "a\tb\tc\td\tnan\te\tf\n", 1, "'nan'; expected a number from 0 to 5"),
        ("STS16", "STS/STS16-en-test/STS.gs.headlines.txt", "1\n2\n", None, "ends before line 3; expected as many"),
        ("STS16", "STS/STS16-en-test/STS.gs.headlines.txt", "high\n" * 24, 1, "the score is 'high'"),
        ("STS16", "STS/STS16-en-test/STS.input.headlines.txt", "a b\n" * 24, 2, "expected two sentences"),
        (
            "SICK-E",
            "SICK/SICK_train.txt",
            "h\n1\ta\tb\t3\tNEUTRAL\n",
            None,
            "no training example has the label 'CONTRAD",
        ),
        ("SST-2", "SST/binary/sentiment-test", None, None, "no such file; expected the task SST-2"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, name: str, file: str, content: Optional[str], line: Optional[int], message: str
) -> None:
    write_senteval(tmp_path)
    path = tmp_path / file
    if content is None:
        path.unlink()
    else:
        write(path, content)
    with pytest.raises(DataError, match=message) as raised:
        read_transfer_task(tmp_path, name)
    place = path.parent if "no training example" in message else path
    assert str(raised.value).startswith(f"{place}:{line}: " if line else f"{place}: ")
    assert "\n" not in str(raised.value)


def test_unknown_tasks_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no transfer task 'SST'; expected some of: MR, CR"):
        read_transfer_tasks(tmp_path, ["SST"])
    with pytest.raises(UserError, match="has none of SentEval's folders: MR, CR, .*STS/STSBenchmark"):
        read_transfer_tasks(tmp_path, [])
    with pytest.raises(UserError, match="nowhere: no such directory"):
        read_transfer_tasks(tmp_path / "nowhere", [])
    with pytest.raises(DataError, match="custrev.pos: no such file"):
        read_transfer_tasks(tmp_path, ["CR"])
