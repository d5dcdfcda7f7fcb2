import shutil
from collections import Counter
from pathlib import Path

import pytest

from hmtl.corpora import GumCorpus, GumLayersCorpus
from hmtl.document import Document
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "gum"
GUM = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gum"

TREES = """(ROOT (S (NP-SBJ (NNP Ivy) (NNP Marlow)) (VP (VBD planted)
  (NP (PRP$ her) (NN garden)) (PP (IN near) (NP (NNP York)))) (. .)))
(ROOT (NP (NNS Roses)))
(ROOT (S (NP-SBJ (PRP She)) (VP (VBD loved) (NP (DT the) (NN garden))) (. .)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The fixture's first document on a garden, with trees, and a link around two of its tokens."""
    for kind, name in (("dep", "GUM_bio_garden.conllu"), ("coref", "GUM_bio_garden.conll")):
        (tmp_path / kind).mkdir()
        shutil.copy(FIXTURES / kind / name, tmp_path / kind)
    treebank = tmp_path / "dep" / "GUM_bio_garden.conllu"
    text = treebank.read_text(encoding="utf-8")
    text = text.replace("Entity=1)\n", 'Entity=1)|XML=<ref target:::"x"></ref>\n')
    text = text.replace(
        "6\tnear\tnear\tADP\tIN\t_\t7\tdep\t7:dep\t_", "6\tnear\tnear\tADP\tIN\t_\t7\tobl:x\t7:dep\tXML=<ref>"
    )
    treebank.write_text(text.replace("SpaceAfter=No\n8", "SpaceAfter=No|XML=</hi></ref>\n8"), encoding="utf-8")
    (tmp_path / "const").mkdir()
    (tmp_path / "const" / "GUM_bio_garden.ptb").write_text(TREES)
    (tmp_path / "train.txt").write_text("GUM_bio_garden\n")
    return tmp_path


def read(folder: Path) -> Document:
    [document] = GumLayersCorpus().documents(str(folder / "train.txt"))
    return document


def texts(document, layer) -> list:
    return [(" ".join(document.tokens[start : end + 1]), label) for start, end, label in document.spans[layer]]


def test_layers_of_a_document(folder):
    document = read(folder)
    [plain] = GumCorpus().documents(str(folder / "train.txt"))
    assert {layer: document.spans[layer] for layer in plain.spans} == plain.spans
    assert texts(document, "pos")[:4] == [("Ivy", "PROPN"), ("Marlow", "PROPN"), ("planted", "VERB"), ("her", "PRON")]
    assert [label for _, label in texts(document, "deprel")[5:8]] == ["obl", "dep", "punct"]
    assert len(document.spans["pos"]) == len(document.spans["deprel"]) == len(document.tokens)
    assert texts(document, "chunks") == [
        ("Ivy Marlow", "NP"),
        ("planted", "VP"),
        ("her garden", "NP"),
        ("near", "PP"),
        ("York", "NP"),
        ("Roses", "NP"),
        ("She", "NP"),
        ("loved", "VP"),
        ("the garden", "NP"),
    ]
    assert texts(document, "infstat") == [
        ("Ivy Marlow", "new"),
        ("her garden near York", "new"),
        ("her", "giv:act"),
        ("York", "new"),
        ("She", "giv:act"),
        ("the garden", "giv:act"),
    ]
    assert texts(document, "links") == [("Marlow", "link"), ("near York", "link")]


def test_arguments_are_phrases_that_depend_on_verbs(folder):
    # `garden` depends on the verb, and `her` and, beyond the gap that `near` makes, `York` on it.
    treebank = folder / "dep" / "GUM_bio_garden.conllu"
    text = treebank.read_text(encoding="utf-8")
    for old, new in (
        ("1\tIvy\tivy\tPROPN\tNNP\t_\t3\tdep", "1\tIvy\tivy\tPROPN\tNNP\t_\t3\tnsubj:x"),
        ("5\tgarden\tgarden\tNOUN\tNN\t_\t3\tdep", "5\tgarden\tgarden\tNOUN\tNN\t_\t3\tobj"),
        ("6\tnear\tnear\tADP\tIN\t_\t7\tobl:x", "6\tnear\tnear\tADP\tIN\t_\t3\tadvmod"),
        # Depends on a noun.
        ("4\ther\ther\tPRON\tPRP\t_\t5\tdep", "4\ther\ther\tPRON\tPRP\t_\t5\tobl"),
        ("4\tgarden\tgarden\tNOUN\tNN\t_\t2\tdep", "4\tgarden\tgarden\tNOUN\tNN\t_\t2\tobj"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    treebank.write_text(text, encoding="utf-8")
    assert read(folder).relations is None
    [document] = GumLayersCorpus(arguments=True).documents(str(folder / "train.txt"))
    words = document.tokens
    assert [
        (words[verb], label, " ".join(words[start : end + 1])) for (verb, _), (start, end), label in document.relations
    ] == [
        ("planted", "nsubj:x", "Ivy Marlow"),
        ("planted", "obj", "her garden"),
        ("planted", "advmod", "near"),
        ("loved", "obj", "the garden"),
    ]


def test_words_that_depend_on_one_another_in_a_circle_have_an_end(folder):
    treebank = folder / "dep" / "GUM_bio_garden.conllu"
    text = treebank.read_text(encoding="utf-8")
    old = "3\tplanted\tplanted\tVERB\tVBD\t_\t0\troot\t0:root", "1\tIvy\tivy\tPROPN\tNNP\t_\t3\tdep"
    assert all(text.count(each) == 1 for each in old)
    text = text.replace(old[0], old[0].replace("\t0\troot\t0", "\t1\tdep\t1")).replace(old[1], old[1][:-3] + "nsubj")
    treebank.write_text(text, encoding="utf-8")
    [document] = GumLayersCorpus(arguments=True).documents(str(folder / "train.txt"))
    assert [(each.arg1, each.label) for each in document.relations] == [((2, 2), "nsubj")]


def test_trees_that_are_not_of_the_treebank(folder):
    trees = folder / "const" / "GUM_bio_garden.ptb"
    trees.write_text(TREES.replace("(NNS Roses)", "(NNS Red) (NNS Roses)"))
    with pytest.raises(DataError, match="tree 2 has 2 tokens, and its sentence in the treebank 1"):
        read(folder)
    trees.write_text(TREES.splitlines()[2])
    with pytest.raises(DataError, match="expected the 3 sentences of the treebank, found 1"):
        read(folder)
    trees.unlink()
    with pytest.raises(DataError, match="needs the file .*const.GUM_bio_garden.ptb"):
        read(folder)


@pytest.mark.skipif(not GUM.is_dir(), reason="needs the real corpora in ../shared/data")
def test_the_real_corpus():
    documents = list(GumLayersCorpus().documents(str(GUM / "dev.txt")))
    num_tokens = sum(len(document.tokens) for document in documents)
    for layer in ("pos", "deprel"):
        assert sum(len(document.spans[layer]) for document in documents) == num_tokens
    statuses = Counter(span.label for document in documents for span in document.spans["infstat"])
    assert set(statuses) <= {"new", "giv:act", "giv:inact", "acc:inf", "acc:com", "acc:aggr"}
    # Counted in the files: opened brackets of entities.
    text = "".join((GUM / "dep" / f"{document.doc_key}.conllu").read_text(encoding="utf-8") for document in documents)
    brackets = sum(
        line.partition("Entity=")[2].split("|")[0].count("(") for line in text.splitlines() if line[:1].isdigit()
    )
    assert 0.99 * brackets <= statuses.total() <= brackets
