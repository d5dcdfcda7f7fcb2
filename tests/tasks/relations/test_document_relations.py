"""Relations of whole documents. The references are the head of sentences, with the document as one sentence, and loops
over the pairs of spans."""

import math
from itertools import permutations
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from hmtl.document import Document, Relation, Span
from hmtl.tasks import SpanRelationHead, SpanRelationReader
from hmtl.tasks.errors.section import Example
from hmtl.tasks.kind import kind_of
from hmtl.tasks.relations.relation_baseline import relation_baseline_scores

TYPES, LABELS, DIM = ["BORN", "OWNS"], ["PER", "LOC"], 4
# Of the first document four sentences, of the second two.
SENTENCES = [[["a", "b", "c"], ["d"], ["e", "f"], ["g", "h"]], [["i", "j"], ["k"]]]
SPANS = [
    [Span(0, 1, "PER"), Span(2, 2, "LOC"), Span(3, 3, "PER"), Span(5, 5, "LOC"), Span(6, 7, "PER")],
    [Span(0, 0, "PER"), Span(2, 2, "LOC")],
]
RELATIONS = [
    # In one sentence, in neighbouring ones, and from the first to the last.
    [Relation((0, 1), (2, 2), "BORN"), Relation((5, 5), (3, 3), "OWNS"), Relation((0, 1), (6, 7), "OWNS")],
    [Relation((2, 2), (0, 0), "BORN")],
]
CLUSTERS: List[List[List[Tuple[int, int]]]] = [[[(0, 1), (3, 3)]], []]
SENTENCE_OF = [[number for number, words in enumerate(document) for _ in words] for document in SENTENCES]


def head_of(**options: Any) -> SpanRelationHead:
    """The same weights whatever the options."""
    vocab = Vocabulary(counter={"re_labels": {"BORN": 2, "OWNS": 1}, "mention_labels": {"PER": 2, "LOC": 1}})
    options = {"hidden_dim": 5, "feature_size": 2, "label_size": 3, "prior_probability": 0.5, **options}
    torch.manual_seed(1)
    head = SpanRelationHead(vocab, DIM, "re", {"emd": LABELS}, dropout=0.0, num_drawn_spans=0, **options)
    with torch.no_grad():
        head._type_projection.weight.mul_(4)
        head._type_projection.bias.fill_(0.1)
    return head.double()


def batch_of(scope: str = "document") -> Dict[str, Any]:
    torch.manual_seed(2)
    lengths = torch.tensor(list(map(len, SENTENCE_OF)))
    longest = int(lengths.max())
    relations = [[(*a, *b, TYPES.index(label)) for a, b, label in row] for row in RELATIONS]
    relations[1] += [(-1,) * 5] * 2
    rows = []
    for number, (sentences, found, spans) in enumerate(zip(SENTENCES, RELATIONS, SPANS)):
        rows.append({"doc_key": str(number), "relations": found, "mentions": spans})
        if scope == "document":
            rows[-1].update(sentences=sentences, clusters=CLUSTERS[number])
    # The sentences of a batch are numbered through, and padding is 0, as in `DocumentLayout`.
    ids = torch.zeros(2, longest, dtype=torch.long)
    ids[0, :], ids[1, : lengths[1]] = torch.tensor(SENTENCE_OF[0]), torch.tensor(SENTENCE_OF[1]) + 4
    return {
        "encoding": torch.randn(2, longest, DIM).double(),
        "mask": torch.arange(longest) < lengths.unsqueeze(1),
        "sentence_ids": ids,
        "span_relations": torch.tensor(relations),
        "metadata": rows,
        "predicted_spans": [SPANS],
    }


def test_a_document_without_a_window_is_one_long_sentence() -> None:
    """Loss, gradients, relations and scores."""
    heads = [head_of(scope="document", max_sentence_distance=None).eval(), head_of().eval()]
    outputs = [head(**batch_of(head.scope), with_scores=True) for head in heads]
    assert outputs[0]["predictions"] == outputs[1]["predictions"] and sum(map(len, outputs[0]["predictions"])) > 5
    for mine, reference in zip(outputs[0]["scores"], outputs[1]["scores"]):
        assert mine == pytest.approx(reference, rel=1e-12)
    torch.testing.assert_close(outputs[0]["loss"], outputs[1]["loss"], rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(o["loss"], list(h.parameters())) for o, h in zip(outputs, heads)]
    for mine, reference in zip(*gradients):
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("distance", [0, 1, 2, 3])
def test_the_window_is_counted_in_sentences(distance: int) -> None:
    """The probabilities of all pairs, from the head of sentences, give the loss and the relations of those within."""
    everything = head_of(threshold=1e-12).eval()(**batch_of("sentence"), with_scores=True)
    loss, expected = 0.0, []
    for row, of_tokens in enumerate(SENTENCE_OF):
        scores = dict(zip(everything["predictions"][row], everything["scores"][row]))
        assert len(scores) == len(TYPES) * len(list(permutations(SPANS[row], 2)))
        near = [r for r in scores if abs(of_tokens[r.arg1[0]] - of_tokens[r.arg2[0]]) <= distance]
        loss -= sum(math.log(scores[r] if r in RELATIONS[row] else 1 - scores[r]) for r in near)
        expected.append([r for r in near if scores[r] >= 0.5])
    head = head_of(scope="document", max_sentence_distance=distance).eval()
    output = head(**batch_of())
    assert output["predictions"] == expected and any(expected)
    assert output["loss"].item() == pytest.approx(loss, rel=1e-9)
    # As probable as from the data they have no gradient.
    head.start_from_data(batch_of()["metadata"])
    with torch.no_grad():
        head._type_projection.weight.zero_()
    head(**batch_of())["loss"].backward()
    assert torch.allclose(head._type_projection.bias.grad, torch.zeros(2).double(), atol=1e-5) or distance == 0
    # Of four gold relations one each is so many sentences further.
    found = [head.findable(row) for row in batch_of()["metadata"]]
    assert found == [(min(1 + (distance > 0) + (distance > 2), 3), 3), (int(distance > 0), 1)]


def test_training_sees_spans_between_empty_rows_and_never_draws_across_sentences() -> None:
    batch = batch_of()
    rows = [[(s, e, LABELS.index(label)) for s, e, label in spans] for spans in SPANS]
    # As the sentences' spans come by document: with gaps.
    spread = torch.full((2, 30, 3), -1)
    spread[0, 1:30:7], spread[1, 4:15:8] = torch.tensor(rows[0]), torch.tensor(rows[1])
    expected = head_of(scope="document").eval()(**batch)["loss"].item()
    batch["predicted_spans"] = [spread]
    head = head_of(scope="document").train()
    assert head(**batch)["loss"].item() == pytest.approx(expected, rel=1e-9)
    head._num_drawn_spans, head._max_drawn_width = 50, 4
    spans = head._candidates_of(batch["mask"], None, None, (), batch["sentence_ids"])
    for row, of_tokens in enumerate(SENTENCE_OF):
        bounds = zip(spans.starts[row].tolist(), spans.ends[row].tolist(), spans.is_span[row].tolist())
        drawn = {(start, end) for start, end, is_span in bounds if is_span}
        assert all(of_tokens[start] == of_tokens[end] for start, end in drawn)
        assert any(start < end for start, end in drawn)


def test_a_document_without_spans_has_no_relations() -> None:
    batch = {name: value for name, value in batch_of().items() if name in ("encoding", "mask", "sentence_ids")}
    output = head_of(scope="document").eval()(**batch, predicted_spans=[[[], []]], with_scores=True)
    assert output == {"predictions": [[], []], "scores": [[], []]}


def test_scores_are_those_of_mention_pairs_and_of_entities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of the four gold relations by mentions, two of which are one relation of entities, as is a wrong one."""
    head = head_of(scope="document").eval()
    gold = [[*RELATIONS[0], Relation((3, 3), (2, 2), "BORN")], RELATIONS[1]]
    predicted = [[gold[0][0], gold[0][3], Relation((3, 3), (6, 7), "OWNS")], [Relation((2, 2), (1, 1), "BORN")]]
    monkeypatch.setattr(head, "_decoded", lambda *_: (predicted, []))
    batch = batch_of()
    batch["metadata"][0]["relations"] = gold[0]
    head(**batch)
    metrics = head.get_metrics(reset=True)
    # By mentions 2 of 4 predicted are among 5; of entities BORN and OWNS of 3 are among 4.
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((2 / 4, 2 / 5))
    assert (metrics["precision_entities"], metrics["recall_entities"]) == pytest.approx((2 / 3, 2 / 4))
    # `a b` and `d` are one entity, `c` is in the sentence of the former; the others' sentences differ.
    assert metrics["entities_in_one_sentence"] == pytest.approx(1 / 4)
    assert "ign_f1_entities" not in metrics and "f1_last_tokens_sentences_with_relations" not in metrics
    # Training has shown BORN between `d` and `c`.
    [known] = [Document("t", [["d", "c"]], {}, [Relation((0, 0), (1, 1), "BORN")], [])]
    head.learn_training_documents([known])
    head(**batch)
    metrics = head.get_metrics(reset=True)
    # 1 of 2 remain.
    assert metrics["ign_f1_entities"] == pytest.approx(0.5) and metrics["f1_entities"] == pytest.approx(4 / 7)


def test_head_and_reader_have_the_same_scope() -> None:
    for head, given in (("document", "sentence"), ("sentence", "document")):
        with pytest.raises(
            ConfigurationError, match=f"task 're': the head's scope is '{head}', and its dataset reader gives a {given}"
        ):
            head_of(scope=head)(**batch_of(given))
    for options, message in (
        ({"scope": "paragraph"}, "scope must be 'sentence' or 'document', not 'paragraph'"),
        ({"max_sentence_distance": -1}, "max_sentence_distance must be at least 0, not -1"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            head_of(**options)
    with pytest.raises(ConfigurationError, match="'paragraph' is neither 'sentence' nor 'document'"):
        SpanRelationReader(scope="paragraph")


def document_of(number: int) -> Document:
    return Document(str(number), SENTENCES[number], {"emd": SPANS[number]}, RELATIONS[number], CLUSTERS[number])


def test_an_instance_is_a_document_or_its_sentences_without_what_goes_across() -> None:
    reader = SpanRelationReader(scope="document")
    [instance] = reader.instances(document_of(0))
    assert [[str(token) for token in sentence.tokens] for sentence in instance["text"]] == SENTENCES[0]
    assert instance["span_relations"].rows == [(*a, *b) for a, b, _ in RELATIONS[0]]
    assert instance["span_mentions"].rows == [span.bounds for span in SPANS[0]]
    expected = {"sentences": SENTENCES[0], "clusters": CLUSTERS[0], "relations": RELATIONS[0], "mentions": SPANS[0]}
    assert instance["metadata"].metadata == {"doc_key": "0", **expected}
    assert list(reader.gold_documents(document_of(0))) == [document_of(0)]
    assert +reader.counts == {}
    reader = SpanRelationReader()
    instances = list(reader.instances(document_of(0)))
    assert [each["metadata"].metadata["relations"] for each in instances] == [RELATIONS[0][:1], [], [], []]
    assert +reader.counts == {"relations across sentences left out": 2}
    assert [len(each.relations or []) for each in reader.gold_documents(document_of(0))] == [1, 0, 0, 0]
    reader = SpanRelationReader(scope="document", only_sentences_with_relations=True)
    assert not list(reader.instances(Document("x", [["y"]], {}, [])))
    assert +reader.counts == {"documents without relations left out": 1}


def test_an_example_of_an_error_shows_the_sentences_that_it_is_about() -> None:
    analyser = kind_of("relations").errors(3)
    metadata = batch_of()["metadata"][0]
    # Right, right, missed, and spurious.
    analyser.add(metadata, [*RELATIONS[0][:2], Relation((5, 5), (2, 2), "BORN")])
    [section] = analyser.sections
    assert (section.totals["correct"], section.totals["missed"], section.totals["spurious"]) == (2, 1, 1)
    [missed], [spurious] = (section.patterns(kind)[0].examples for kind in ("missed", "spurious"))
    words = list("abcdefgh")
    assert missed == Example("0", 0, words, [Span(0, 1, "OWNS:1"), Span(6, 7, "OWNS:2")])
    assert spurious == Example("0", 0, words[:6], [], [Span(5, 5, "BORN:1"), Span(2, 2, "BORN:2")])
    # From another sentence than the first.
    analyser.add({**metadata, "relations": []}, [Relation((5, 5), (3, 3), "OWNS")])
    [pattern] = [each for each in section.patterns("spurious") if each.labels == "OWNS"]
    assert pattern.examples == [Example("0", 1, list("def"), [], [Span(2, 2, "OWNS:1"), Span(0, 0, "OWNS:2")])]


def test_the_baseline_relates_mentions_of_a_document() -> None:
    documents = [document_of(0), document_of(1)]
    scores = relation_baseline_scores(documents, documents, "emd", "document")
    # PER and LOC: BORN in 1 of 7 pairs; LOC and PER: BORN and OWNS once each, BORN is first; PER and PER: OWNS.
    pairs = [(row, a, b) for row, spans in enumerate(SPANS) for a, b in permutations(spans, 2)]
    usual = {("PER", "LOC"): "BORN", ("LOC", "PER"): "BORN", ("PER", "PER"): "OWNS"}
    found = {(row, a.bounds, b.bounds, usual[a.label, b.label]) for row, a, b in pairs if (a.label, b.label) in usual}
    gold = {(row, *relation) for row, relations in enumerate(RELATIONS) for relation in relations}
    assert scores["precision"] == pytest.approx(len(found & gold) / len(found))
    assert scores["recall"] == pytest.approx(len(found & gold) / len(gold)) and len(found & gold) == 3
    # All gold is known from training.
    assert scores["f1_entities"] > 0 and scores["ign_f1_entities"] == 0
    assert not any("entities" in name for name in relation_baseline_scores(documents, documents, "emd"))
