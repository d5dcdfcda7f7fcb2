"""Reading treebanks: words, features, heads, brackets, that both have the same tokens, and splits by documents."""

import pytest
from hand_made_treebank import DOGS_HAVE_BITTEN_A_MAN, SHE_SLEEPS, parsed, to_conllu, write_treebank

from hmtl.corpora.treebank import SPLITS, find_lists, read_treebank, split_at_random, split_by_lists
from hmtl.errors import DataError, UserError


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


def documents(tmp_path, number):
    sentences = parsed(tmp_path, SHE_SLEEPS)
    return {f"d{i}": [type(sentences[0])(sentences[0].tokens, None, f"d{i}", 0)] * (1 + i % 3) for i in range(number)}


def test_whole_documents_at_random_by_their_shares(tmp_path):
    treebank = documents(tmp_path, 60)
    splits = split_at_random(treebank, (0.6, 0.2, 0.2), seed=1)
    names = {split: {sentence.document for sentence in splits[split]} for split in SPLITS}
    assert sum(map(len, names.values())) == 60
    assert set().union(*names.values()) == set(treebank)
    assert [len(splits[split]) for split in SPLITS] == pytest.approx([72, 24, 24], abs=3)
    assert split_at_random(treebank, (0.6, 0.2, 0.2), seed=1) == splits
    assert split_at_random(treebank, (0.6, 0.2, 0.2), seed=2) != splits


def test_no_split_stays_empty(tmp_path):
    assert all(split_at_random(documents(tmp_path, 3), (0.98, 0.01, 0.01), seed=1).values())
    with pytest.raises(UserError, match="the treebank has 2 documents"):
        split_at_random(documents(tmp_path, 2), (0.8, 0.1, 0.1), seed=1)


def test_lists_beside_or_above_the_treebank(tmp_path):
    treebank = documents(tmp_path, 4)
    (tmp_path / "dep").mkdir()
    assert find_lists(tmp_path / "dep") is None
    for name, text in (("train", "d1\nd0\n"), ("dev", "d2\n"), ("test", "\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    assert find_lists(tmp_path / "dep") == tmp_path
    splits, unlisted = split_by_lists(treebank, tmp_path)
    assert splits == {"tr": treebank["d1"] + treebank["d0"], "va": treebank["d2"], "te": []}
    assert unlisted == ["d3"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("d2\n\nd9\n", r"test\.txt:3: there is no document 'd9'"),
        ("d0\n", r"test\.txt:1: 'd0' is in train\.txt as well"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, text, message):
    for name, names in (("train", "d0\n"), ("dev", "d1\n"), ("test", text)):
        (tmp_path / f"{name}.txt").write_text(names)
    with pytest.raises(DataError, match=message):
        split_by_lists(documents(tmp_path, 3), tmp_path)
