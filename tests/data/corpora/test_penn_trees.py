from pathlib import Path
from typing import List, Tuple

import pytest

from hmtl.data.corpora.penn_trees import Tree, chunks_of, read_trees
from hmtl.errors import DataError


def trees(tmp_path: Path, text: str) -> List[Tree]:
    path = tmp_path / "x.ptb"
    path.write_text(text)
    return list(read_trees(path))


def chunks(tmp_path: Path, text: str) -> List[Tuple[str, str]]:
    [tree] = trees(tmp_path, text)
    words = tree.words()
    return [(" ".join(words[start : end + 1]), label) for start, end, label in chunks_of(tree)]


def test_trees_over_lines_and_on_one(tmp_path):
    first, second = trees(tmp_path, "(ROOT\n  (S (NP-SBJ (NN Rain))\n     (VP (VBD fell))))\n\n(ROOT (-LRB- -LRB-))\n")
    assert (first.words(), second.words()) == (["Rain", "fell"], ["("])
    assert first.children[0].children[0].kind == "NP"


def test_a_noun_phrase_with_modifiers_is_one_chunk(tmp_path):
    text = "(S (NP-SBJ (DT a) (ADJP (RB very) (JJ old)) (NN car)) (VP (VBZ has) (VP (VBN been) (VP (VBN sold)))) (. .))"
    assert chunks(tmp_path, text) == [("a very old car", "NP"), ("has been sold", "VP")]


def test_a_noun_phrase_with_phrases_inside_is_several(tmp_path):
    text = "(NP (NP (DT the) (NN head)) (PP-LOC (IN of) (NP (NP (NNP Ann) (POS 's)) (NN firm))))"
    assert chunks(tmp_path, text) == [("the head", "NP"), ("of", "PP"), ("Ann 's", "NP"), ("firm", "NP")]


def test_what_belongs_to_no_chunk(tmp_path):
    text = (
        "(S (SBAR (IN If) (S (NP (PRP it)) (VP (VBZ rains)))) (, ,) (NP (NP (NNP Jo)) (CC and) (NP (NNP Al)))"
        " (VP (VBP stay) (ADVP (RB home)) (CC or) (VP (VB leave))))"
    )
    expected = [("If", "SBAR"), ("it", "NP"), ("rains", "VP"), ("Jo", "NP"), ("Al", "NP"), ("stay", "VP")]
    assert chunks(tmp_path, text) == [*expected, ("home", "ADVP"), ("leave", "VP")]


def test_wh_phrases_and_numbers(tmp_path):
    text = "(SBAR (WHNP (WDT which)) (S (VP (VBZ costs) (NP (QP (RB about) (CD 9)) (NNS pounds)))))"
    assert chunks(tmp_path, text) == [("which", "NP"), ("costs", "VP"), ("about 9 pounds", "NP")]


@pytest.mark.parametrize(
    "text,line,message",
    [
        ("(S (NN a)\n(NN b)\n", 1, "not closed"),
        ("(S (NN a))\n)\n", 2, "expected a tree"),
        ("\n(S (NN a b))\n", 2, "one tag"),
        ("(S (NP))\n", 1, "neither a word"),
    ],
)
def test_malformed_trees(text, line, message, tmp_path):
    with pytest.raises(DataError, match=rf"x\.ptb:{line}: .*{message}"):
        trees(tmp_path, text)
