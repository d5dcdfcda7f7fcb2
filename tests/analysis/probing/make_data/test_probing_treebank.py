"""Reading treebanks: words, features, brackets, and that both have the same tokens."""

import pytest
from hand_made import DOGS_HAVE_BITTEN_A_MAN, SHE_SLEEPS, parsed, to_conllu, write_treebank

from hmtl.analysis.probing.make_data.conllu import read_conllu
from hmtl.analysis.probing.make_data.treebank import read_treebank
from hmtl.errors import DataError, UserError


def test_words_and_features(tmp_path):
    (sentence,) = parsed(tmp_path, DOGS_HAVE_BITTEN_A_MAN)
    assert sentence.forms == ("The", "dogs", "in", "Rome", "bitten", "have", "a", "man", ".")
    assert sentence.root == 4
    assert sentence.tokens[5].features == {"Tense": "Pres", "VerbForm": "Fin"}
    assert sentence.tokens[0].features == {}
    assert sentence.dependents(4, "obj") == [7]


def test_multiword_tokens_and_empty_nodes_are_left_out(tmp_path):
    path = tmp_path / "x.conllu"
    text = "# text = It's\n1-2\tIt's\t_\t_\t_\t_\t_\t_\t_\t_\n" + to_conllu("It PRON PRP _ 0 root\n's AUX VBZ _ 1 cop")
    path.write_text(text.rstrip("\n") + "\n2.1\tnone\t_\t_\t_\t_\t_\t_\t_\t_\n\n", encoding="utf-8")
    (sentence,) = read_conllu(path)
    assert [token.form for token in sentence.tokens] == ["It", "'s"]
    assert sentence.line == 3


def test_subtypes_of_relations(tmp_path):
    words = "It PRON PRP _ 2 nsubj:pass\nfell VERB VBD _ 0 root"
    (sentence,) = parsed(tmp_path, (words, None), trees=False)
    assert sentence.tokens[0].relation == "nsubj:pass"
    assert sentence.dependents(1, "nsubj") == [0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("1\ta\n", ":1: expected 10 columns separated by tabs, found 2"),
        (to_conllu("a X X _ 0 root").replace("1\t", "2\t", 1), ":1: expected token 1"),
        (to_conllu("a X X _ 0 root\nb X X _ 0 root"), ":1: expected a sentence with one root, found 2"),
        (to_conllu("a X X _ 0 root\nb X X _ 7 dep"), ":1: the head of 'b' is token 7, the sentence has 2 tokens"),
        (to_conllu("a X X Number 0 root"), ":1: expected features such as"),
        ("# nothing\n", "no sentences found"),
    ],
)
def test_malformed_conllu(tmp_path, text, message):
    path = tmp_path / "x.conllu"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_conllu(path)


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
