"""What becomes of labelled items in the analysis that kinds get without one of their own; counted by hand."""

from hmtl.tasks.errors.labelled_errors import LabelledErrors

WORDS = ["He", "saw", "her", "again"]


def analysed(gold, predicted, **metadata):
    metadata = metadata or {"sentence": 2, "tokens": WORDS}
    errors = LabelledErrors("arcs", lambda row: row["arcs"], num_examples=5)
    errors.add({"doc_key": "d", "arcs": gold, **metadata}, predicted)
    (section,) = errors.sections
    return section


def test_the_same_but_for_the_label_is_a_type_error_and_other_items_are_missed_or_spurious():
    gold = [(0, 1, "subject"), (2, 1, "object"), (3, 1, "adverb"), (3, 1, "adverb")]
    section = analysed(gold, [(0, 1, "subject"), (2, 1, "subject"), (3, 2, "adverb")])
    assert (section.title, section.gold, section.predicted) == ("arcs", 3, 3)
    assert section.totals == {"correct": 1, "type": 1, "missed": 1, "spurious": 1}
    assert section.confusion_matrix() == {
        "(none)": {"adverb": 1},
        "adverb": {"(none)": 1},
        "object": {"subject": 1},
        "subject": {"subject": 1},
    }


def test_an_example_marks_its_sentence_with_the_labels_of_both_sides():
    (pattern,) = analysed([("for",)], [("against",)]).patterns("type")
    (example,) = pattern.examples
    assert (pattern.labels, example.sentence, example.tokens) == ("for \u2192 against", 2, WORDS)
    assert (example.gold, example.predicted) == ([(0, 3, "for")], [(0, 3, "against")])


def test_an_example_of_a_document_shows_its_first_sentence():
    (pattern,) = analysed([("for",)], [], sentences=[["Yes", "."], WORDS]).patterns("missed")
    (example,) = pattern.examples
    assert (example.sentence, example.tokens, example.gold) == (0, ["Yes", "."], [(0, 1, "for")])
