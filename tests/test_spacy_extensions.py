"""Relations and clusters in spaCy's documents: kept where the documents are saved, joined and cut."""

import warnings

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from hmtl.errors import UserError
from hmtl.spacy_extensions import DocCluster, DocRelation, cluster_scores, relation_scores, set_extensions

set_extensions()


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture
def free_extensions():
    """Extensions that a test makes are gone behind it."""
    before = {name: Doc.get_extension(name) for name in ("relations", "clusters")}
    yield
    for name in ("relations", "clusters", "links", "chains"):
        if Doc.has_extension(name):
            Doc.remove_extension(name)
    for name, (_, _, getter, setter) in before.items():
        Doc.set_extension(name, getter=getter, setter=setter)


def family(nlp):
    doc = nlp("Mara met Tom in Oslo. She left him there.")
    # Mara, Tom; Mara, Oslo
    doc._.relations = [("PER-SOC", doc[0:1], doc[2:3]), DocRelation("PHYS", doc[0:1], doc[4:5], 0.75)]
    doc._.clusters = [
        DocCluster(doc[0:1], [doc[0:1], doc[6:7]], [0.9, 0.8]),
        [doc[2:3], doc[8:9]],
        [doc[4:5]],
    ]
    return doc


def shown(doc):
    """Each as texts, with the places of all mentions, which the texts of the document have to have."""
    for span in [r[n] for r in doc._.relations for n in (1, 2)] + [m for c in doc._.clusters for m in c.mentions]:
        assert span.doc is doc and doc.text[span.start_char : span.end_char] == span.text
    return (
        [(r.label, r.arg1.text, r.arg1.start, r.arg2.text, r.arg2.start, r.score) for r in doc._.relations],
        [(c.head.text, [(m.text, m.start) for m in c.mentions], c.scores) for c in doc._.clusters],
    )


RELATIONS = [("PER-SOC", "Mara", 0, "Tom", 2, None), ("PHYS", "Mara", 0, "Oslo", 4, 0.75)]
CLUSTERS = [
    ("Mara", [("Mara", 0), ("She", 6)], [0.9, 0.8]),
    ("Tom", [("Tom", 2), ("him", 8)], [None, None]),
    ("Oslo", [("Oslo", 4)], [None]),
]


def moved(tokens):
    """What `family` has, so many tokens later."""
    return (
        [(label, arg1, n1 + tokens, arg2, n2 + tokens, score) for label, arg1, n1, arg2, n2, score in RELATIONS],
        [(head, [(text, number + tokens) for text, number in row], scores) for head, row, scores in CLUSTERS],
    )


def test_they_are_set_and_read(nlp):
    doc = family(nlp)
    assert shown(doc) == (RELATIONS, CLUSTERS)
    doc._.relations = [("X", doc[2:3], doc[0:1])]
    assert shown(doc) == ([("X", "Tom", 2, "Mara", 0, None)], CLUSTERS), "they replace what was there"
    doc = nlp("Oslo")
    assert (doc._.relations, doc._.clusters) == ([], [])


def test_they_are_saved_with_the_user_data(nlp):
    doc = family(nlp)
    store = DocBin(store_user_data=True, docs=[doc, nlp("Oslo"), doc])
    first, second, third = DocBin().from_bytes(store.to_bytes()).get_docs(nlp.vocab)
    assert shown(first) == shown(third) == (RELATIONS, CLUSTERS) and shown(second) == ([], [])
    assert shown(Doc(nlp.vocab).from_bytes(doc.to_bytes())) == (RELATIONS, CLUSTERS)
    assert shown(doc.copy()) == (RELATIONS, CLUSTERS)
    (without,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(nlp.vocab)
    assert shown(without) == ([], []), "as spaCy has it for all extensions"


def test_joined_documents_have_those_of_all(nlp):
    parts = [nlp(""), family(nlp), nlp("No one."), family(nlp)]
    parts[0]._.relations = []
    parts[0]._.clusters = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined = Doc.from_docs(parts)
        twice = Doc.from_docs([joined, family(nlp)])
    length = len(parts[1])
    second = moved(length + 3)
    assert shown(joined) == (RELATIONS + second[0], CLUSTERS + second[1])
    third = moved(2 * length + 3)
    assert shown(twice) == (RELATIONS + second[0] + third[0], CLUSTERS + second[1] + third[1])
    assert shown(Doc.from_docs(parts[1:], ensure_whitespace=False))[0][2][1:] == (
        "Mara",
        length + 3,
        "Tom",
        length + 5,
        None,
    )


def test_a_part_has_those_that_lie_in_it(nlp):
    doc = family(nlp)
    first, second = doc[:6].as_doc(copy_user_data=True), doc[6:].as_doc(copy_user_data=True)
    assert shown(first) == (RELATIONS, [CLUSTERS[2]])
    assert shown(second) == ([], [])
    part = doc[2:9].as_doc(copy_user_data=True)
    assert shown(part) == ([], [("Tom", [("Tom", 0), ("him", 6)], [None, None]), ("Oslo", [("Oslo", 2)], [None])])
    assert shown(doc[:6].as_doc()) == ([], [])
    doc._.clusters = [DocCluster(doc[0:1], [doc[0:1], doc[2:5], doc[8:9]], [0.1, 0.2, 0.3])]
    part = doc[2:].as_doc(copy_user_data=True)
    assert shown(part)[1] == [("Tom in Oslo", [("Tom in Oslo", 0), ("him", 6)], [0.2, 0.3])], "the longest is the head"


def test_what_was_cut_off_does_not_come_back_in_other_words(nlp):
    start = family(nlp)[:3].as_doc(copy_user_data=True)
    joined = Doc.from_docs([start, nlp("at the sea, she said to all of them there.")])
    assert shown(joined) == (RELATIONS[:1], [])
    end = family(nlp)[3:].as_doc(copy_user_data=True)
    assert shown(Doc.from_docs([nlp("Ann hit Bob"), end]))[0] == []


def test_a_name_that_another_has_is_left_to_it(nlp, free_extensions):
    Doc.remove_extension("relations")
    Doc.set_extension("relations", default="mine")
    with pytest.raises(UserError) as error:
        set_extensions()
    assert str(error.value) == (
        "spaCy's documents already have an extension 'relations' of another's; name ours otherwise by "
        "'relations_attr', or remove the other (Doc.remove_extension('relations'))"
    )
    set_extensions(only_free=True)
    assert nlp("a")._.relations == "mine"
    set_extensions(relations="links", clusters="chains")
    set_extensions(relations="links", clusters="chains")
    doc = nlp("Mara left")
    doc._.links = [("X", doc[0:1], doc[1:2])]
    doc._.chains = [[doc[0:1]]]
    assert [relation.label for relation in doc._.links] == ["X"] and doc._.relations == "mine"
    assert [cluster.head.text for cluster in doc._.chains] == ["Mara"] and doc._.clusters == []


def differently_split(nlp):
    """The same text with other tokens and other white space."""
    words = ["Mara", "met", "Tom", "in", "Oslo.", "\n", "She", "left", "him", "there."]
    return Doc(nlp.vocab, words=words)


def test_scores_of_relations(nlp):
    gold = family(nlp)
    predicted = differently_split(nlp)
    # Right; its first argument is too long but ends right; a wrong one. "Oslo." holds the full stop.
    predicted._.relations = [
        ("PER-SOC", predicted[0:1], predicted[2:3]),
        ("PER-SOC", predicted[6:7], predicted[7:9]),
        ("PHYS", predicted[0:1], predicted[4:5]),
    ]
    gold._.relations = [*gold._.relations, ("PER-SOC", gold[6:7], gold[8:9])]
    unannotated = nlp("Mara met Tom.")
    guessed = nlp("Mara met Tom.")
    guessed._.relations = [("PER-SOC", guessed[0:1], guessed[2:3])]
    scores = relation_scores([Example(predicted, gold), Example(guessed, unannotated)], "relations")
    assert scores == {
        "relations_p": pytest.approx(1 / 3),
        "relations_r": pytest.approx(1 / 3),
        "relations_f": pytest.approx(1 / 3),
        "relations_per_type": {
            "PER-SOC": {"p": 0.5, "r": 0.5, "f": 0.5},
            "PHYS": {"p": 0.0, "r": 0.0, "f": 0.0},
        },
        "relations_last_tokens_f": pytest.approx(2 / 3),
    }
    scores = relation_scores([Example(guessed, unannotated)], "relations")
    assert set(scores.values()) == {None} and "relations_f" in scores


def test_scores_of_clusters(nlp):
    gold = family(nlp)
    gold._.clusters = [[gold[0:1], gold[6:7]], [gold[2:3], gold[8:9]]]
    predicted = differently_split(nlp)
    predicted._.clusters = [[predicted[0:1], predicted[6:7], predicted[8:9]]]
    scores = cluster_scores([Example(predicted, gold)], "clusters")
    # One of two predicted links is right, one of two gold links is found.
    assert (scores["clusters_muc_p"], scores["clusters_muc_r"], scores["clusters_muc_f"]) == (0.5, 0.5, 0.5)
    # (2/3 + 2/3 + 1/3) / 3, (1 + 1 + 0 + 1/2) / 4
    assert (scores["clusters_b_cubed_p"], scores["clusters_b_cubed_r"]) == (pytest.approx(5 / 9), pytest.approx(5 / 8))
    # phi4 = 2 * 2 / (3 + 2)
    assert (scores["clusters_ceaf_p"], scores["clusters_ceaf_r"]) == (pytest.approx(0.8), pytest.approx(0.4))
    assert scores["clusters_f"] == pytest.approx(sum(scores[f"clusters_{n}_f"] for n in ("muc", "b_cubed", "ceaf")) / 3)
    assert not any("without" in name for name in scores)
    assert set(
        cluster_scores([Example(predicted, nlp("Mara met Tom in Oslo. She left him there."))], "clusters").values()
    ) == {None}
