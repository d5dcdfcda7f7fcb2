from pathlib import Path
from typing import List, Tuple

from hmtl.corpora.constituents import chunks_of, read_brackets


def chunks(tmp_path: Path, text: str) -> List[Tuple[str, str]]:
    path = tmp_path / "x.ptb"
    path.write_text(text)
    (tree,) = read_brackets(path)
    words = tree.words()
    return [(" ".join(words[start : end + 1]), label) for start, end, label in chunks_of(tree)]


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
