"""The ten tasks of real documents; labels are worked out anew from the lines and brackets of the files."""

import json
import re
from collections import Counter, defaultdict
from itertools import combinations

import numpy
import pytest

from research.probing_data.__main__ import main

SPLITS = {"tr": "train", "va": "dev", "te": "test"}
# Every fifth document of the training split.
STEP = 5


def make(treebank, output, *arguments):
    main(["--conllu", str(treebank / "dep"), "--output", str(output), *arguments])
    return output


@pytest.fixture(scope="module")
def treebank(shared_data, tmp_path_factory):
    """Some documents of GUM."""
    folder = tmp_path_factory.mktemp("gum")
    (folder / "dep").mkdir()
    (folder / "const").mkdir()
    for split in SPLITS.values():
        names = (shared_data / "gum" / f"{split}.txt").read_text().split()[:: STEP if split == "train" else 1]
        (folder / f"{split}.txt").write_text("\n".join(names))
        for name in names:
            for file in (f"dep/{name}.conllu", f"const/{name}.ptb"):
                (folder / file).symlink_to(shared_data / "gum" / file)
    return folder


@pytest.fixture(scope="module")
def made(treebank, tmp_path_factory):
    return make(treebank, tmp_path_factory.mktemp("made"), "--ptb", str(treebank / "const"), "--seed", "1")


@pytest.fixture(scope="module")
def originals(treebank):
    """For each text of the treebank its split, the cells of its lines and its brackets; texts that differ alone."""
    found = {}
    for split, name in SPLITS.items():
        for document in (treebank / f"{name}.txt").read_text().split():
            blocks = (treebank / "dep" / f"{document}.conllu").read_text().strip().split("\n\n")
            brackets = (treebank / "const" / f"{document}.ptb").read_text().strip().split("\n\n")
            for block, tree in zip(blocks, brackets, strict=True):
                rows = [line.split("\t") for line in block.splitlines() if re.match(r"\d+\t", line)]
                found.setdefault(" ".join(row[1] for row in rows), (split, rows, tree))
    return found


def lines(made, name):
    return [line.split("\t") for line in (made / f"{name}.txt").read_text().splitlines()]


NAMES = [
    "sentence_length",
    "tree_depth",
    "top_constituents",
    "bigram_shift",
    "past_present",
    "subj_number",
    "obj_number",
    "odd_man_out",
    "coordination_inversion",
]
CHANGING = {"bigram_shift": "I", "odd_man_out": "C", "coordination_inversion": "I"}


@pytest.mark.parametrize("name", NAMES)
def test_classes_splits_and_counts(made, originals, name):
    examples = lines(made, name)
    assert [split for split, _, _ in examples] == sorted((split for split, _, _ in examples), key=list(SPLITS).index)
    assert len({text for _, _, text in examples}) == len(examples)
    counts = {split: Counter(label for s, label, _ in examples if s == split) for split in SPLITS}
    assert json.loads((made / "counts.json").read_text())["tasks"][f"{name}.txt"]["counts"] == counts
    assert counts["tr"].keys() == counts["va"].keys() == counts["te"].keys()
    for split in SPLITS:
        assert name == "tree_depth" or len(set(counts[split].values())) == 1
    for split, label, text in examples:
        assert 5 <= len(text.split()) <= 28
        if label != CHANGING.get(name):
            assert originals[text][0] == split
        else:
            assert text not in originals


def test_sentence_length(made):
    for _, label, text in lines(made, "sentence_length"):
        first, last = [(5, 8), (9, 12), (13, 16), (17, 20), (21, 25), (26, 28)][int(label)]
        assert first <= len(text.split(" ")) <= last


def nesting(tree):
    """How deep each opening bracket of a text is, with its label."""
    depth = 0
    for bracket, label in re.findall(r"([()])([^\s()]*)", tree):
        depth += 1 if bracket == "(" else -1
        if bracket == "(":
            yield depth, label


def test_tree_depth(made, originals):
    pairs = defaultdict(list)
    for split, label, text in lines(made, "tree_depth"):
        assert int(label) == max(depth for depth, _ in nesting(originals[text][2]))
        pairs[split].append((len(text.split()), int(label)))
    for split in SPLITS:
        assert abs(numpy.corrcoef(numpy.array(pairs[split]).T)[0, 1]) < 0.11


def test_top_constituents(made, originals):
    examples = lines(made, "top_constituents")
    classes = {label for _, label, _ in examples}
    assert "NP_VP_." in classes and "OTHER" in classes
    for _, label, text in examples:
        nodes = list(nesting(originals[text][2]))
        assert sum(depth == 2 for depth, _ in nodes) == 1
        sequence = "_".join(re.sub("[-=].*", "", node) for depth, node in nodes if depth == 3)
        assert sequence == label if label != "OTHER" else sequence not in classes


def test_word_content_of_a_smaller_number_of_words(treebank, tmp_path):
    examples = lines(make(treebank, tmp_path / "made", "--words", "4", "--shares", "2", "1", "1"), "word_content")
    classes = {label for _, label, _ in examples}
    assert len(classes) == 4
    for _, label, text in examples:
        assert [word for word in text.lower().split() if word in classes] == [label]
    assert not (tmp_path / "made" / "tree_depth.txt").exists()
    assert "Left out: it needs the constituency trees of --ptb." in (tmp_path / "made" / "README.md").read_text()


def test_bigram_shift(made, originals):
    by_words = {tuple(sorted(text.split())): text.split() for text in originals}
    for _, label, text in lines(made, "bigram_shift"):
        if label == "I":
            words, before = text.split(), by_words[tuple(sorted(text.split()))]
            differing = [i for i in range(len(words)) if words[i] != before[i]]
            assert len(differing) == 2 and differing[1] == differing[0] + 1 and differing[0] > 0


def finite_verb(rows):
    """The row of the verb that VBD, VBP or VBZ says to be finite: the root, else its auxiliaries."""
    (root,) = (row for row in rows if row[6] == "0")
    others = [row for row in rows if row[6] == root[0] and re.match("(aux|cop)(:|$)", row[7])]
    return next(row for row in [root, *others] if "VerbForm=Fin" in row[5] and row[3] in ("AUX", "VERB"))


def noun(rows, relation):
    (root,) = (row[0] for row in rows if row[6] == "0")
    (found,) = (row for row in rows if row[6] == root and re.match(f"{relation}(:|$)", row[7]))
    return found


def is_disjoint(targets):
    return all(not targets[one] & targets[other] for one, other in combinations(SPLITS, 2))


def test_tense(made, originals):
    verbs = defaultdict(set)
    for split, label, text in lines(made, "past_present"):
        verb = finite_verb(originals[text][1])
        assert {"PAST": "Tense=Past", "PRES": "Tense=Pres"}[label] in verb[5].split("|")
        assert verb[4] in {"PAST": ("VBD",), "PRES": ("VBP", "VBZ")}[label]
        verbs[split].add(verb[1].lower())
    assert is_disjoint(verbs)


@pytest.mark.parametrize("name, relation", [("subj_number", "nsubj"), ("obj_number", "obj")])
def test_number(made, originals, name, relation):
    nouns = defaultdict(set)
    for split, label, text in lines(made, name):
        row = noun(originals[text][1], relation)
        assert row[3] == "NOUN"
        assert {"NN": "Number=Sing", "NNS": "Number=Plur"}[label] in row[5].split("|")
        nouns[split].add(row[1].lower())
    assert is_disjoint(nouns)


def test_odd_man_out(made, originals):
    tags = defaultdict(set)
    by_length = defaultdict(list)
    for text, (_, rows, _) in originals.items():
        by_length[len(rows)].append((text.split(" "), rows))
        for row in rows:
            tags[row[1].lower()].add(row[4])
    replacements = defaultdict(set)
    for split, label, text in lines(made, "odd_man_out"):
        if label == "C":
            words = text.split(" ")
            ((differing, rows),) = [
                (differing, rows)
                for before, rows in by_length[len(words)]
                if len(differing := [i for i in range(len(words)) if words[i] != before[i]]) == 1
            ]
            replaced = rows[differing[0]]
            assert replaced[3] in ("NOUN", "VERB")
            assert replaced[4] in tags[words[differing[0]].lower()]
            replacements[split].add(words[differing[0]].lower())
    assert is_disjoint(replacements)


def test_coordination_inversion(made, originals):
    by_words = {tuple(sorted(text.lower().split())): (text, tree) for text, (_, _, tree) in originals.items()}
    examples = lines(made, "coordination_inversion")
    for _, label, text in examples:
        before, tree = by_words[tuple(sorted(text.lower().split()))]
        top = [node for depth, node in nesting(tree) if depth == 3]
        assert [node for node in top if node not in (",", ".")] == ["S", "CC", "S"]
        if label == "I":
            words = text.lower().split()
            (conjunction,) = re.findall(r"\(CC ([^()]+)\)", tree)
            first, second = before.lower().rstrip(" .?!").split(f" {conjunction.lower()} ", 1)
            assert " ".join(words).startswith(second) and first.rstrip(" ,") in " ".join(words[1:])
    assert any(label == "I" for _, label, _ in examples)
