"""`python -m research.probing_data`: its output, and mistakes in its arguments."""

import json

import pytest
from hand_made_treebank import plain, write_treebank

from hmtl.errors import DataError, UserError
from research.probing_data.__main__ import main
from research.probing_data.making import make_data


@pytest.fixture()
def treebank(tmp_path):
    """Three documents of sentences of two lengths, one of them twice."""
    documents = {}
    for name in ("one", "two", "three"):
        texts = [
            f"The/DT {name}{c}/NN {' '.join(['sees/VBZ'] * length)} it/DT ./." for length in (1, 5) for c in "abcd"
        ]
        documents[name] = [plain(text) for text in [*texts, texts[0], "Too/DT short/NN ./."]]
    return write_treebank(tmp_path, documents)


def test_files_counts_and_readme(treebank, tmp_path, capsys):
    conllu, ptb = treebank
    main(["--conllu", str(conllu), "--ptb", str(ptb), "--output", str(tmp_path / "made"), "--seed", "3"])
    lines = [line.split("\t") for line in (tmp_path / "made" / "sentence_length.txt").read_text().splitlines()]
    assert [line[:1] for line in lines] == [["tr"]] * 8 + [["va"]] * 8 + [["te"]] * 8
    counts = json.loads((tmp_path / "made" / "counts.json").read_text())
    assert counts["dropped"] == {"not of 5 to 28 tokens": 3, "equal to an earlier one": 3}
    assert counts["documents"] == {"tr": 1, "va": 1, "te": 1}
    assert counts["sentences"] == {"tr": 8, "va": 8, "te": 8}
    assert counts["tasks"]["sentence_length.txt"]["counts"]["tr"] == {"0": 4, "1": 4}
    assert "too few sentences" in counts["tasks"]["past_present.txt"]["left_out"]
    assert not (tmp_path / "made" / "past_present.txt").exists()
    readme = (tmp_path / "made" / "README.md").read_text()
    assert "Splits: whole documents at random, shares 0.8 0.1 0.1. Seed: 3." in readme
    assert "| SentLen | sentence_length.txt | 2 | 8 | 8 | 8 | 50.0 | 17.7 |" in readme
    assert "SentLen   tr      8  va      8  te      8     2 classes" in capsys.readouterr().out


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--conllu", str(tmp_path / "nowhere"), "--output", str(tmp_path / "made")])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error == f"research.probing_data: error: {tmp_path / 'nowhere'}: no such file or directory\n"


def test_a_task_that_is_left_out_leaves_no_former_file(treebank, tmp_path):
    output = tmp_path / "made"
    output.mkdir()
    (output / "tree_depth.txt").write_text("tr\t5\tof a former run\n")
    make_data(treebank[0], None, output)
    assert not (output / "tree_depth.txt").exists()


def test_the_same_seed_gives_the_same_files(treebank, tmp_path):
    contents = []
    for name, seed in (("first", 1), ("second", 1), ("third", 2)):
        make_data(*treebank, tmp_path / name, seed=seed)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert contents[0]["bigram_shift.txt"] != contents[2]["bigram_shift.txt"]


def test_sizes(treebank, tmp_path):
    make_data(treebank[0], None, tmp_path / "made", sizes=(6, 4, 2))
    splits = [line.split("\t")[0] for line in (tmp_path / "made" / "bigram_shift.txt").read_text().splitlines()]
    assert splits == ["tr"] * 6 + ["va"] * 4 + ["te"] * 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sizes": (1, 2, 2)}, "--sizes 1 2 2: expected three numbers of 2 or more"),
        ({"shares": (1, 0, 1)}, "--shares 1 0 1: expected three numbers above 0"),
        ({"num_words": 0}, "--words 0: expected 1 or more"),
    ],
)
def test_arguments_that_cannot_be_used(treebank, tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        make_data(*treebank, tmp_path / "made", **arguments)


def test_nothing_is_written_when_the_treebank_is_malformed(treebank, tmp_path):
    conllu, ptb = treebank
    (ptb / "two.ptb").write_text("(ROOT (NN no))\n")
    with pytest.raises(DataError, match=r"two\.ptb:1: word 1 of the tree is 'no'"):
        make_data(conllu, ptb, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_too_few_sentences_for_any_task(tmp_path):
    documents = {name: [plain("Too/DT short/NN ./.")] for name in ("one", "two", "three")}
    conllu, ptb = write_treebank(tmp_path, documents)
    with pytest.raises(UserError, match="too few sentences for any task"):
        make_data(conllu, ptb, tmp_path / "made")
