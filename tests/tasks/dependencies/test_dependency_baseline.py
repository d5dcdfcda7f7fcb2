"""The references: labels and scores by hand."""

import pytest

from hmtl.corpora.dependencies import Dependency, set_dependencies
from hmtl.document import Document, Span
from hmtl.tasks import Dependencies, DependencyReader
from hmtl.tasks.dependencies.dependency_baseline import (
    RelativeHead,
    UsualHead,
    decoded,
    dependency_baseline_scores,
    encoded,
    has_pos,
)


def document(words, with_pos=True):
    """`form/POS/head/relation`, heads as in CoNLL-U."""
    rows = [word.split("/") for word in words.split()]
    spans = {"pos": [Span(n, n, pos) for n, (_, pos, _, _) in enumerate(rows)]} if with_pos else {}
    found = Document("a", [[form for form, *_ in rows]], spans)
    set_dependencies(found, [[Dependency(n, int(head) - 1, label) for n, (_, _, head, label) in enumerate(rows)]])
    return found


SAW = "She/P/2/nsubj saw/V/0/root the/D/4/det dog/N/2/obj in/A/6/case Rome/N/4/nmod"


def test_labels_say_where_a_head_is_and_are_read_back():
    arcs = [Dependency(0, 1, "nsubj"), Dependency(1, -1, "root"), Dependency(2, 5, "det"), Dependency(3, 1, "obj")]
    arcs += [Dependency(4, 5, "case"), Dependency(5, 3, "nmod")]
    classes = ["P", "V", "D", "N", "A", "N"]
    labels = encoded(arcs, classes)
    assert labels[:3] == [RelativeHead(1, "V", "nsubj"), RelativeHead(0, "", "root"), RelativeHead(2, "N", "det")]
    assert labels[3:] == [RelativeHead(-1, "V", "obj"), RelativeHead(1, "N", "case"), RelativeHead(-1, "N", "nmod")]
    assert [decoded(label, token, classes) for token, label in enumerate(labels)] == arcs
    assert decoded(RelativeHead(2, "V", "x"), 0, classes) is None
    assert decoded(RelativeHead(-1, "V", "x"), 1, classes) is None


def test_each_class_has_its_usual_head():
    baseline = UsualHead("deprel", has_pos=True).fit([document(SAW), document(SAW)])
    # `X` is unknown: of all tokens the label that is most frequent, of equals the first; where there is none, the token
    # before.
    (arcs,) = baseline.predict(document("a/D/2/x cat/N/0/root"))
    assert arcs == [Dependency(0, 1, "det"), Dependency(1, 0, "nmod")]


def test_neighbours_on_either_side_by_hand():
    baseline = UsualHead("deprel", has_pos=True).fit([document(SAW)])
    new = document("the/D/2/det dog/N/3/nsubj saw/V/0/root")
    assert baseline.neighbours(new, -1) == [[(0, -1, "det"), (1, 0, "nmod"), (2, 1, "root")]]
    assert baseline.neighbours(new, 1) == [[(0, 1, "det"), (1, 2, "nmod"), (2, -1, "root")]]
    scores = dependency_baseline_scores([document(SAW)], [new])
    assert (scores["token_behind_uas"], scores["token_behind_las"]) == pytest.approx((1.0, 2 / 3))
    assert scores["token_before_uas"] == 0.0


def test_without_parts_of_speech_the_words_are_the_classes():
    train = [document("the/D/2/det dog/N/0/root", with_pos=False), document(SAW)]
    assert not has_pos(train) and has_pos(train[1:])
    (arcs,) = UsualHead("deprel", has_pos=False).fit(train).predict(document("the/x/0/root big/x/1/x", with_pos=False))
    assert arcs[0] == Dependency(0, 1, "det")


def test_the_kind_takes_the_better_one_and_says_which():
    train, test = [document(SAW)], [document("dog/N/2/nmod man/N/3/nmod saw/V/0/root")]
    baseline = Dependencies("dependencies").baseline(DependencyReader(), None, train, test)
    assert baseline.description.startswith("each token depends on the one behind it")
    assert "gold part of speech" in baseline.description
    assert baseline.metrics["las"] == 1.0 and "token_before_las" not in baseline.metrics
