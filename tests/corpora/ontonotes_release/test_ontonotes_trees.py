from pathlib import Path

import nltk
import pytest

from hmtl.corpora.ontonotes_release.trees import read_trees
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "ontonotes_release"
ANNOTATIONS = FIXTURES / "ldc" / "data" / "files" / "data" / "english" / "annotations"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("file", sorted(ANNOTATIONS.rglob("*.parse")), ids=lambda file: file.stem)
def test_leaves_are_those_that_nltk_reads(file):
    references = [nltk.Tree.fromstring(text) for text in file.read_text().split("\n\n") if text.strip()]
    trees = read_trees(file)
    assert len(trees) == len(references) > 0
    for tree, reference in zip(trees, references):
        disfluent = {
            position
            for position in reference.treepositions("leaves")
            for depth in range(len(position))
            if reference[position[:depth]].label() == "EDITED"
        }
        expected = [
            (reference[position], reference[position[:-1]].label() == "-NONE-", position in disfluent)
            for position in reference.treepositions("leaves")
        ]
        assert tree.leaves == expected
        assert tree.words == [word for word, tag in reference.pos() if tag != "-NONE-"]


def test_a_tree_knows_its_line_and_blank_lines_and_comments_do_not_matter(tmp_path):
    text = "; a comment\n<DOC>\n\n(TOP (NN one))\n(TOP (NN two)\n)\n\n\n ( (NP (NN three)\n   (CD 3))) (TOP (. /.))\n"
    trees = read_trees(write(tmp_path / "a.parse", text))
    assert [(tree.line, tree.words) for tree in trees] == [
        (4, ["one"]),
        (5, ["two"]),
        (9, ["three", "3"]),
        (10, ["/."]),
    ]


def test_the_sentence_of_a_tree(tmp_path):
    text = (
        "(TOP (EDITED (UH um)) (NP (-NONE- *)) (NN tea))\n(TOP (EDITED (NP (UH um) (-NONE- *))))\n"
        "(TOP (NP (-NONE- 0)))\n(TOP (EDITED-X (UH hm)))"
    )
    trees = read_trees(write(tmp_path / "a.parse", text))
    assert [tree.sentence() for tree in trees] == [["tea"], ["nullp"], [], ["hm"]]
    assert [tree.sentence(keep_disfluencies=True) for tree in trees] == [["um", "tea"], ["um"], [], ["hm"]]


def test_no_break_spaces_and_their_like_are_part_of_words(tmp_path):
    # U+2028 ends no line of the file.
    tree = read_trees(write(tmp_path / "a.parse", "(TOP (NN a\u2028b) (NN c))"))[0]
    assert tree.words == ["a\u2028b", "c"]


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("(TOP (NN a))\n(TOP (NN b)\n\n(TOP (NN c))\n", 2, "it begins here and is not closed"),
        ("(TOP (NN a)))\n", 1, "'\\)' that closes nothing"),
        ("(TOP (NN a b))\n", 1, "'b' where '\\(' or '\\)' is expected"),
        ("(TOP (NN a)\n b)\n", 2, "'b' where '\\(' or '\\)' is expected"),
        ("(TOP (NN a (JJ b)))\n", 1, "'\\(' behind the word 'a'"),
        ("(TOP (NN a) (NN))\n", 1, "'\\(NN\\)' has no word"),
        ("(TOP (NN a))\n\nword\n", 3, "'word' outside of all brackets"),
    ],
)
def test_a_malformed_tree_is_refused_with_its_line(text, line, message, tmp_path):
    file = write(tmp_path / "a.parse", text)
    with pytest.raises(DataError, match=message) as error:
        read_trees(file)
    assert str(error.value).startswith(f"{file}:{line}: ")


def test_a_file_without_trees_and_one_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="a.parse: no tree found"):
        read_trees(write(tmp_path / "a.parse", "\n\n"))
    with pytest.raises(DataError, match="b.parse: no such file"):
        read_trees(tmp_path / "b.parse")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_trees(tmp_path)


def test_another_encoding_is_refused_with_its_line(tmp_path):
    file = tmp_path / "a.parse"
    file.write_bytes(b"(TOP (NN tea))\n(TOP (NN caf\xe9))\n")
    with pytest.raises(DataError, match="not valid UTF-8") as error:
        read_trees(file)
    assert str(error.value).startswith(f"{file}:2: ")
