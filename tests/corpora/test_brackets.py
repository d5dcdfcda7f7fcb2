import pytest

from hmtl.corpora.constituents import chunks_of, read_brackets
from hmtl.errors import DataError


def test_trees(tmp_path):
    path = tmp_path / "x.ptb"
    path.write_text(
        "(ROOT\n (S (NP-SBJ=2 (NN a))\n (VP (VB b) (NP (-NONE- *T*-1)) (-RRB- -RRB-))))\n( (FRAG (UH oh)))\n"
    )
    first, second = read_brackets(path)
    assert first.words() == ["a", "b", ")"]
    assert first.depth == 4  # ROOT, S, NP, NN, a
    sentence = first.constituents[0]
    assert [child.category for child in sentence.constituents] == ["NP", "VP"]
    assert [child.category for child in sentence.constituents[1].constituents] == ["VB", "-RRB-"]
    assert (second.label, second.depth, second.line) == ("", 3, 4)


@pytest.mark.parametrize(
    "text, message",
    [
        ("(ROOT (S (NN a))\n", ":1: the tree that opens here never closes"),
        ("(ROOT (NN a)))\n", ":1: expected '\\(', which opens a tree, found '\\)'"),
        ("(ROOT\n(NN a b))\n", ":2: expected one word below 'NN', found 'b' as well"),
        ("(ROOT\n(NN))\n", ":2: the node 'NN' has no word"),
        ("(ROOT (NN a (X b)))\n", ":1: a word and a bracket below the same node 'NN'"),
        ("(ROOT (-NONE- *))\n", ":1: a tree of traces alone"),
        ("\n", "no trees found"),
    ],
)
def test_malformed_brackets(tmp_path, text, message):
    path = tmp_path / "x.ptb"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_brackets(path)


def test_trees_that_are_too_deep_are_refused(tmp_path):
    path = tmp_path / "x.ptb"
    for depth in (150, 200):
        path.write_text("(X " * (depth - 1) + "(NN a)" + ")" * (depth - 1))
        [tree] = read_brackets(path)
        assert (tree.depth, tree.words()) == (depth, ["a"])
        assert chunks_of(tree) == []
    for depth in (201, 3_000, 100_000):
        path.write_text("\n" + "(X " * (depth - 1) + "(NN a)" + ")" * (depth - 1))
        with pytest.raises(DataError, match=r"x\.ptb:2: brackets within brackets, more than 200 deep"):
            read_brackets(path)
