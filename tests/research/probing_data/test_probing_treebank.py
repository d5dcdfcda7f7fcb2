"""Reading treebanks: words, features, heads, brackets, and that both have the same tokens."""

import pytest
from hand_made import DOGS_HAVE_BITTEN_A_MAN, SHE_SLEEPS, parsed, to_conllu, write_treebank

from hmtl.errors import DataError, UserError
from research.probing_data.treebank import read_treebank


def test_words_and_features(tmp_path):
    (sentence,) = parsed(tmp_path, DOGS_HAVE_BITTEN_A_MAN)
    assert sentence.forms == ("The", "dogs", "in", "Rome", "bitten", "have", "a", "man", ".")
    assert sentence.root == 4
    assert sentence.tokens[5].features == {"Tense": "Pres", "VerbForm": "Fin"}
    assert sentence.tokens[0].features == {}
    assert sentence.dependents(4, "obj") == [7]


def test_subtypes_of_relations(tmp_path):
    words = "It PRON PRP _ 2 nsubj:pass\nfell VERB VBD _ 0 root"
    (sentence,) = parsed(tmp_path, (words, None), trees=False)
    assert sentence.tokens[0].relation == "nsubj:pass"
    assert sentence.dependents(1, "nsubj") == [0]


@pytest.mark.parametrize(
    "words, message",
    [
        ("a X X _ 0 root\nb X X _ 0 root", ":1: expected a sentence with one root, found 2"),
        ("a X X _ 0 root\nb X X _ 7 dep", ":1: the head of 'b' is token 7, the sentence has 2 tokens"),
    ],
)
def test_heads_that_make_no_tree(tmp_path, words, message):
    path = tmp_path / "x.conllu"
    path.write_text(to_conllu(words))
    with pytest.raises(DataError, match=message):
        read_treebank(path, None)


def test_other_words_in_the_tree_are_an_error(tmp_path):
    conllu, ptb = write_treebank(
        tmp_path, {"one": [SHE_SLEEPS, (SHE_SLEEPS[0], "(ROOT (NP (PRP She)) (VP (VB wakes)))")]}
    )
    with pytest.raises(
        DataError, match=r"one\.ptb:3: word 2 of the tree is 'wakes', where the sentence at line 5 of .*"
    ):
        read_treebank(conllu, ptb)


def test_a_missing_tree_is_an_error(tmp_path):
    conllu, ptb = write_treebank(tmp_path, {"one": [SHE_SLEEPS, SHE_SLEEPS]})
    (ptb / "one.ptb").write_text(SHE_SLEEPS[1])
    with pytest.raises(DataError, match=r"one\.ptb:1: 1 trees for the 2 sentences of"):
        read_treebank(conllu, ptb)


def test_escaped_brackets_and_quotes_are_the_same_words(tmp_path):
    words = '( PUNCT -LRB- _ 2 punct\nRe(a)d VERB VB _ 0 root\n" PUNCT `` _ 2 punct\n1/2 NUM CD _ 2 obj'
    tree = r"(ROOT (S (-LRB- -LRB-) (VB Re-LRB-a-RRB-d) (`` ``) (CD 1\/2)))"
    conllu, ptb = write_treebank(tmp_path, {"one": [(words, tree)]})
    (sentence,) = read_treebank(conllu, ptb)["one"]
    assert sentence.forms == ("(", "Re(a)d", '"', "1/2")
    assert sentence.tree is not None


def test_missing_files(tmp_path):
    conllu, ptb = write_treebank(tmp_path, {"one": [SHE_SLEEPS], "two": [SHE_SLEEPS]})
    (ptb / "two.ptb").unlink()
    with pytest.raises(UserError, match="expected 'two.ptb'"):
        read_treebank(conllu, ptb)
    with pytest.raises(UserError, match="no such file or directory"):
        read_treebank(tmp_path / "nowhere", None)
    with pytest.raises(UserError, match=r"expected a directory with a file NAME\.conllu"):
        read_treebank(ptb, None)
