"""The rule of each probing task, on hand-made sentences."""

import random
from collections import Counter, defaultdict

import numpy
import pytest
from hand_made_treebank import DOGS_HAVE_BITTEN_A_MAN, SHE_SANG_BUT_I_LEFT, SHE_SLEEPS, parsed, plain

from hmtl.corpora.constituents import read_brackets
from hmtl.corpora.treebank import SPLITS
from research.probing_data import altered
from research.probing_data.altered import BigramShift, CoordinationInversion, OddManOut
from research.probing_data.making import TASKS
from research.probing_data.semantic import ObjectNumber, SubjectNumber, number, tense
from research.probing_data.surface import SentenceLength, WordContent
from research.probing_data.syntactic import TopConstituents, TreeDepth, top_constituents
from research.probing_data.task_builder import Settings

SETTINGS = Settings({"tr": 1000, "va": 1000, "te": 1000})


def make(task, sentences, settings=SETTINGS):
    """The task with these sentences in each split."""
    return task().make(dict.fromkeys(SPLITS, sentences), settings, random.Random(1))


def test_names_are_those_of_senteval_in_the_order_of_the_paper():
    assert [(task.title, task.file_name) for task in TASKS] == [
        ("SentLen", "sentence_length.txt"),
        ("WC", "word_content.txt"),
        ("TreeDepth", "tree_depth.txt"),
        ("TopConst", "top_constituents.txt"),
        ("BShift", "bigram_shift.txt"),
        ("Tense", "past_present.txt"),
        ("SubjNum", "subj_number.txt"),
        ("ObjNum", "obj_number.txt"),
        ("SOMO", "odd_man_out.txt"),
        ("CoordInv", "coordination_inversion.txt"),
    ]


def test_sentence_length(tmp_path):
    sentences = parsed(tmp_path, *(plain("a/DT " * length) for length in range(5, 29)))
    labels = defaultdict(set)
    for seed in range(20):
        made = SentenceLength().make(dict.fromkeys(SPLITS, sentences), SETTINGS, random.Random(seed))
        for example in made.by_split["te"]:
            labels[example.label].add(len(example.words))
        # The last class has the fewest lengths.
        assert Counter(example.label for example in made.by_split["te"]) == dict.fromkeys("012345", 3)
    ranges = {"0": (5, 8), "1": (9, 12), "2": (13, 16), "3": (17, 20), "4": (21, 25), "5": (26, 28)}
    assert labels == {label: set(range(first, last + 1)) for label, (first, last) in ranges.items()}


def test_word_content(tmp_path):
    # A word that is too frequent, and one of fewer than four letters; the others are each one in a thousand or so.
    filler = ["the/DT " * 20 + "which/DT"] * 800
    both, twice = ["river/NN mountain/NN"] * 3, ["river/NN and/DT river/NN"] * 2
    single = ["a/DT river/NN"] * 8 + ["a/DT mountain/NN"] * 8 + ["a/DT fox/NN"] * 8
    sentences = parsed(tmp_path, *(plain(text) for text in filler + both + twice + single))
    made = make(WordContent, sentences, Settings(SETTINGS.sizes, num_words=5))
    assert made.labels == ["mountain", "river"]
    for split in SPLITS:
        assert (
            sorted(example.words for example in made.by_split[split]) == [("a", "mountain")] * 8 + [("a", "river")] * 8
        )
    assert "2 target words instead of 5" in made.notes[0]


def test_tree_depth_is_that_of_the_longest_path(tmp_path):
    # Brackets of increasing depth over the same words.
    trees = []
    for depth in range(3, 15):
        nested = "(NP " * (depth - 2) + "(NN b)" + ")" * (depth - 2)
        trees.append((plain("a/DT b/NN")[0], f"(ROOT (DT a) {nested})"))
    made = make(TreeDepth, parsed(tmp_path, *trees))
    assert made.labels == sorted(str(depth) for depth in range(5, 13))


def test_tree_depth_is_decorrelated_from_length(tmp_path):
    generator = numpy.random.default_rng(1)
    hand_made = []
    for _ in range(500):
        length = int(generator.integers(5, 29))
        depth = int(numpy.clip(round(5 + length / 5 + 1.5 * generator.normal()), 3, 14))
        words, _ = plain("a/DT " * (length - 1) + "b/NN")
        nested = "(NP " * (depth - 2) + "(NN b)" + ")" * (depth - 2)
        hand_made.append((words, "(ROOT " + "(DT a) " * (length - 1) + nested + ")"))
    sentences = parsed(tmp_path, *hand_made)

    def correlation(pairs):
        return numpy.corrcoef(numpy.array(pairs).T)[0, 1]

    assert correlation([(len(s.forms), s.tree.depth) for s in sentences]) > 0.6
    made = make(TreeDepth, sentences)
    for split in SPLITS:
        assert len(made.by_split[split]) > 60
        assert abs(correlation([(len(e.words), int(e.label)) for e in made.by_split[split]])) < 0.15


@pytest.mark.parametrize(
    "tree, expected",
    [
        ("(ROOT (S (NP-SBJ (PRP She)) (VP (VBZ sleeps)) (. .)))", "NP_VP_."),
        ("( (SBARQ (WHADVP (WRB How)) (SQ (VBP do)) (. ?)))", "WHADVP_SQ_."),
        ("(ROOT (S (NP (PRP She)) (VP (VBZ sleeps))))", None),
        ("(ROOT (S (NP (PRP She)) (, ,) (VP (VBZ sleeps)) (. .)))", None),
        ("(ROOT (S (`` ``) (NP (PRP She)) (VP (VBZ sleeps)) (. .)))", None),
        ("(ROOT (S (NP (PRP She)) (VP (VBZ said) (, ,) (NP (NN no))) (. .)))", "NP_VP_."),
    ],
)
def test_sequences_of_top_constituents(tmp_path, tree, expected):
    (tmp_path / "x.ptb").write_text(tree)
    assert top_constituents(read_brackets(tmp_path / "x.ptb")[0]) == expected


def test_most_frequent_top_constituents_and_the_others(tmp_path):
    def sentence(*categories):
        tree = "(ROOT (S " + " ".join(f"({category} (X {category.lower()}))" for category in categories) + " (. .)))"
        return "\n".join(f"{word.lower()} X X _ {i} dep" for i, word in enumerate([*categories, "."])), tree

    frequent, second = [sentence("NP", "VP")] * 30, [sentence("PP", "NP", "VP")] * 25
    rare = [sentence("VP", "NP")] * 19 + [sentence("ADVP", "VP")] * 4
    made = make(TopConstituents, parsed(tmp_path, *frequent, *second, *rare))
    assert made.labels == ["NP_VP_.", "OTHER", "PP_NP_VP_."]
    assert Counter(e.label for e in made.by_split["tr"]) == {"NP_VP_.": 23, "OTHER": 23, "PP_NP_VP_.": 23}
    first_words = {
        e.label: {e.words[0] for e in made.by_split["tr"] if e.label == "OTHER"} for e in made.by_split["tr"]
    }
    assert first_words["OTHER"] == {"vp", "advp"}
    made = make(TopConstituents, parsed(tmp_path, *frequent, *second, *rare), Settings(SETTINGS.sizes, 1, 1))
    assert made.labels == ["NP_VP_.", "OTHER"]


def test_bigrams_that_can_be_swapped(tmp_path):
    texts = ["one/DT b/NN c/NN ,/, d/NN D/NN e/NN ./.", 'one/DT b/NN c/NN "/.']
    shifted, quoted = parsed(tmp_path, *(plain(text) for text in texts))
    # Not the first word, not across the comma, not equal words, not the full stop.
    assert altered.swaps(shifted) == [1, 5]
    assert altered.swaps(quoted) == []
    assert altered.swapped(("a", "b", "c", "d"), 1) == ("a", "c", "b", "d")


def test_bigram_shift(tmp_path):
    sentences = parsed(tmp_path, *(plain(f"The/DT dog{i}/NN ate/VBD it{i}/DT ./.") for i in range(10)))
    made = make(BigramShift, sentences)
    assert Counter(example.label for example in made.by_split["va"]) == {"I": 5, "O": 5}
    assert len({frozenset(example.words) for example in made.by_split["va"]}) == 10
    originals = {sentence.forms for sentence in sentences}
    assert all((example.words in originals) == (example.label == "O") for example in made.by_split["va"])


@pytest.mark.parametrize(
    "words, expected",
    [
        (SHE_SLEEPS[0], ("PRES", "sleeps")),
        # The auxiliary is finite, the participle in the past is not.
        (DOGS_HAVE_BITTEN_A_MAN[0], ("PRES", "have")),
        ("She PRON PRP _ 3 nsubj\nWas AUX VBD Tense=Past|VerbForm=Fin 3 cop\nill ADJ JJ _ 0 root", ("PAST", "was")),
        # The verb of a subordinate clause says nothing.
        ("No INTJ UH _ 0 root\nI PRON PRP _ 3 nsubj\nleft VERB VBD Tense=Past|VerbForm=Fin 1 ccomp", None),
        ("I PRON PRP _ 3 nsubj\ncan AUX MD VerbForm=Fin 3 aux\ngo VERB VB VerbForm=Inf 0 root", None),
        ("Going VERB VBG Tense=Pres|VerbForm=Part 0 root\nhome ADV RB _ 1 advmod", None),
    ],
)
def test_tense(tmp_path, words, expected):
    (sentence,) = parsed(tmp_path, (words, None), trees=False)
    assert tense(sentence) == expected


def test_number_of_subject_and_object(tmp_path):
    pronoun, nouns = parsed(tmp_path, SHE_SLEEPS, DOGS_HAVE_BITTEN_A_MAN)
    assert (number(pronoun, SubjectNumber.relation), number(pronoun, ObjectNumber.relation)) == (None, None)
    assert number(nouns, SubjectNumber.relation) == ("NNS", "dogs")
    assert number(nouns, ObjectNumber.relation) == ("NN", "man")


def test_odd_man_out(tmp_path):
    """Of two groups of nouns, only those of one group have comparable bigrams: after "red", after "blue"."""
    generator = random.Random(3)
    red, blue = [f"r{c}" for c in "abcdefgh"], [f"b{c}" for c in "abcdefgh"]
    texts = [
        f"so/X {colour}/X {word}/NN ends/X x{i}/X"
        for colour, group in (("red", red), ("blue", blue))
        for word in group
        for i in range(4)
    ]
    generator.shuffle(texts)
    made = make(OddManOut, parsed(tmp_path, *(plain(text) for text in texts)))
    replacements = {}
    for split in SPLITS:
        examples = made.by_split[split]
        assert Counter(example.label for example in examples) == {"C": len(examples) // 2, "O": len(examples) // 2}
        changed = [example for example in examples if example.label == "C"]
        replacements[split] = {example.words[2] for example in changed}
        assert all(
            f"{e.words[0]}/X {e.words[1]}/X {e.words[2]}/NN ends/X {e.words[4]}/X" in texts or e in changed
            for e in examples
        )
        # `r..` stands after red and `b..` after blue, as only then the bigrams are as frequent as the original's.
        assert all(example.words[2][0] == example.words[1][0] for example in changed)
    assert not replacements["tr"] & replacements["te"]
    assert not replacements["tr"] & replacements["va"]
    assert not replacements["va"] & replacements["te"]


@pytest.mark.parametrize("trees", [True, False], ids=["brackets", "dependencies"])
def test_clauses_are_inverted(tmp_path, trees):
    (sentence,) = parsed(tmp_path, SHE_SANG_BUT_I_LEFT, trees=trees)
    found = altered.coordination(sentence)
    assert found == (3, 5, 7)
    inverted = altered.invert(sentence, found)
    assert " ".join(inverted) == "I left , but suddenly she sang ."


@pytest.mark.parametrize("trees", [True, False], ids=["brackets", "dependencies"])
@pytest.mark.parametrize(
    "words, tree",
    [
        # Two verbs of one subject.
        (
            """She PRON PRP _ 2 nsubj
               came VERB VBD _ 0 root
               and CCONJ CC _ 4 cc
               left VERB VBD _ 2 conj""",
            "(ROOT (S (NP (PRP She)) (VP (VBD came) (CC and) (VBD left))))",
        ),
        # Another conjunction in a clause.
        (
            """She PRON PRP _ 4 nsubj
               and CCONJ CC _ 3 cc
               I PRON PRP _ 1 conj
               came VERB VBD _ 0 root
               and CCONJ CC _ 7 cc
               it PRON PRP _ 7 nsubj
               left VERB VBD _ 4 conj""",
            "(ROOT (S (S (NP (PRP She) (CC and) (PRP I)) (VP (VBD came))) (CC and) (S (NP (PRP it)) (VP (VBD left)))))",
        ),
        SHE_SLEEPS,
    ],
    ids=["one subject", "two conjunctions", "one clause"],
)
def test_other_sentences_are_not_inverted(tmp_path, words, tree, trees):
    (sentence,) = parsed(tmp_path, (words, tree), trees=trees)
    assert altered.coordination(sentence) is None


def test_coordination_inversion_has_both_orders_of_lengths_in_both_classes(tmp_path):
    sentences = parsed(tmp_path, *[SHE_SANG_BUT_I_LEFT] * 7)
    made = make(CoordinationInversion, sentences)
    assert Counter(example.label for example in made.by_split["te"]) == {"I": 3, "O": 3}
