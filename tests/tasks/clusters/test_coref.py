"""The references: AllenNLP's coreference resolver on the same weights, and loops over spans and pairs."""

import math
import random
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.modules import FeedForward, Seq2SeqEncoder, TextFieldEmbedder
from allennlp.nn import Activation

from hmtl.modules.spans import Spans, enumerate_spans
from hmtl.tasks import CorefHead
from hmtl.tasks.clusters import coref
from hmtl.tasks.clusters.coref import Tokens, tokens_of
from hmtl.tasks.clusters.coref_links import (
    alone,
    chosen_antecedents,
    clusters_of,
    link_probabilities,
    of_antecedents,
)
from hmtl.tasks.clusters.coref_spans import cluster_labels, span_tables

ENCODING_DIM, INPUT_DIM, FEATURES, HIDDEN, WIDTH = 6, 5, 3, 7, 4


def head_of(**options: Any) -> CorefHead:
    settings = {
        "max_span_width": WIDTH,
        "spans_per_word": 0.8,
        "max_antecedents": 5,
        "feature_size": FEATURES,
        "hidden_dim": HIDDEN,
        "num_layers": 2,
        "dropout": 0.0,
        **options,
    }
    return CorefHead(Vocabulary(), ENCODING_DIM, INPUT_DIM, **settings)


def document_of(sentence_lengths: List[int], clusters: List[List[Tuple[int, int]]]) -> Dict[str, Any]:
    ids = [number for number, length in enumerate(sentence_lengths) for _ in range(length)]
    rows = [(*mention, number) for number, cluster in enumerate(clusters) for mention in cluster]
    return {
        "encoding": torch.randn(1, len(ids), ENCODING_DIM),
        "encoder_input": torch.randn(1, len(ids), INPUT_DIM),
        "mask": torch.ones(1, len(ids), dtype=torch.bool),
        "sentence_ids": torch.tensor([ids]),
        "mentions": torch.tensor(rows, dtype=torch.long).view(1, -1, 3),
        "metadata": [{"clusters": clusters}],
    }


def loop_over_spans(sentence_lengths: List[int], max_width: int) -> List[Tuple[int, int]]:
    spans, first = [], 0
    for length in sentence_lengths:
        for start in range(first, first + length):
            for end in range(start, min(start + max_width, first + length)):
                spans.append((start, end))
        first += length
    return spans


def random_document(generator: random.Random, num_sentences: int) -> Tuple[List[int], List[List[Tuple[int, int]]]]:
    lengths = [generator.randint(1, 9) for _ in range(num_sentences)]
    spans = loop_over_spans(lengths, WIDTH)
    generator.shuffle(spans)
    clusters = []
    while len(spans) > 4 and len(clusters) < 4:
        size = generator.randint(2, 4)
        clusters.append(sorted(spans[:size]))
        spans = spans[size:]
    return lengths, sorted(clusters)


def bounds(spans: Spans) -> List[Tuple[int, int]]:
    return list(zip(spans.starts.tolist(), spans.ends.tolist()))


def scored_spans(head: CorefHead, document: Dict[str, Any], gold: Any = None) -> Tuple[Spans, torch.Tensor]:
    """The kept spans of a single document and their scores, shape (num_spans, 1 + num_antecedents)."""
    tokens = tokens_of(
        document["encoding"], document["encoder_input"], document["sentence_ids"], [document["mask"].size(1)]
    )
    ((_, spans, _, scores),) = head._scored_spans(tokens, gold)
    return spans, scores.squeeze(1)


def one_sentence(encoding: torch.Tensor, inputs: torch.Tensor) -> Tokens:
    zeros = torch.zeros(len(encoding), dtype=torch.long)
    return Tokens(encoding, inputs, zeros, zeros, [len(encoding)])


class GivenVectors(TextFieldEmbedder):
    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.vectors = vectors

    def get_output_dim(self) -> int:
        return INPUT_DIM

    def forward(self, *arguments: Any, **options: Any) -> torch.Tensor:
        return self.vectors


class GivenEncoding(Seq2SeqEncoder):
    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.vectors = vectors

    def get_input_dim(self) -> int:
        return INPUT_DIM

    def get_output_dim(self) -> int:
        return ENCODING_DIM

    def forward(self, *arguments: Any) -> torch.Tensor:
        return self.vectors


def resolver_like(head: CorefHead, document: Dict[str, Any]) -> Tuple[Model, Dict[str, str]]:
    """AllenNLP's model with the head's weights on the document's vectors, and the names of their parameters in both."""
    span_dim = 2 * ENCODING_DIM + FEATURES + INPUT_DIM

    def feedforward(input_dim: int) -> FeedForward:
        return FeedForward(input_dim, 2, HIDDEN, Activation.by_name("relu")(), 0.0)

    resolver = pytest.importorskip("allennlp_models.coref.models.coref").CoreferenceResolver(
        Vocabulary(),
        GivenVectors(document["encoder_input"]),
        GivenEncoding(document["encoding"]),
        feedforward(span_dim),
        feedforward(3 * span_dim + FEATURES),
        feature_size=FEATURES,
        max_span_width=WIDTH,
        spans_per_word=head._spans_per_word,
        max_antecedents=head._max_antecedents,
        lexical_dropout=0.0,
    )
    resolver = resolver.eval().to(document["encoding"].dtype)
    names = {
        "_attention": "_attentive_span_extractor._global_attention._module",
        "_width_embedding": "_endpoint_span_extractor._span_width_embedding",
        "_distance_embedding": "_distance_embedding",
        "_mention_feedforward": "_mention_feedforward._module",
        "_mention_scorer": "_mention_scorer._module",
        "_antecedent_feedforward": "_antecedent_feedforward._module",
        "_antecedent_scorer": "_antecedent_scorer._module",
    }
    theirs = dict(resolver.named_parameters())
    pairs = {}
    for name, parameter in head.named_parameters():
        module, rest = name.split(".", 1)
        pairs[name] = f"{names[module]}.{rest}"
        theirs[pairs[name]].data.copy_(parameter.data)
    assert sorted(pairs.values()) == sorted(theirs)
    return resolver, pairs


def run_resolver(resolver: Model, document: Dict[str, Any]) -> Dict[str, Any]:
    ids = document["sentence_ids"][0].tolist()
    lengths = [ids.count(number) for number in sorted(set(ids))]
    spans = loop_over_spans(lengths, WIDTH)
    clusters = document["metadata"][0]["clusters"]
    labels = [next((n for n, cluster in enumerate(clusters) if span in cluster), -1) for span in spans]
    return resolver(
        text={"tokens": {"tokens": torch.ones(1, len(ids), dtype=torch.long)}},
        spans=torch.tensor([spans]),
        span_labels=torch.tensor([labels]),
        metadata=[{"original_text": [], "clusters": clusters}],
    )


@pytest.mark.parametrize("spans_per_word,max_antecedents", [(0.4, 3), (0.8, 5), (1.5, 70), (9.0, 12)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agrees_with_allennlp(seed: int, spans_per_word: float, max_antecedents: int) -> None:
    generator = random.Random(seed)
    lengths, clusters = random_document(generator, num_sentences=generator.randint(4, 6))
    head = head_of(spans_per_word=spans_per_word, max_antecedents=max_antecedents).eval().double()
    # Away from their zeros and small values, so that every part of the sum matters.
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    document = document_of(lengths, clusters)
    for name in ("encoding", "encoder_input"):
        document[name] = document[name].double().requires_grad_()
    resolver, names = resolver_like(head, document)

    theirs = run_resolver(resolver, document)
    assert theirs["loss"].item() > 0
    vectors = [document["encoding"], document["encoder_input"]]
    parameters = dict(resolver.named_parameters())
    expected = torch.autograd.grad(theirs["loss"], vectors + [parameters[names[n]] for n, _ in head.named_parameters()])
    ours = head(**document)
    actual = torch.autograd.grad(ours["loss"], vectors + [p for _, p in head.named_parameters()])
    torch.testing.assert_close(ours["loss"], theirs["loss"], rtol=1e-9, atol=1e-9)
    for gradient, reference in zip(actual, expected):
        torch.testing.assert_close(gradient, reference, rtol=1e-7, atol=1e-9)

    spans, scores = scored_spans(head, document)
    assert [list(span) for span in bounds(spans)] == theirs["top_spans"][0].tolist()
    chosen = scores.argmax(-1) - 1
    # AllenNLP also lists a span's antecedents nearest first.
    assert chosen.tolist() == theirs["predicted_antecedents"][0].tolist()
    assert (chosen >= 0).any()
    decoded = resolver.make_output_human_readable(theirs)["clusters"][0]
    assert sorted(map(sorted, ours["predictions"][0])) == sorted(sorted(map(tuple, c)) for c in decoded)

    # The average of MUC, B-cubed and CEAF-phi4; spans in no predicted link are no mentions for either.
    assert head.get_metrics()["f1"] == pytest.approx(resolver.get_metrics()["coref_f1"])


def test_agrees_with_allennlp_in_single_precision() -> None:
    lengths, clusters = random_document(random.Random(9), num_sentences=5)
    head, document = head_of().eval(), document_of(lengths, clusters)
    resolver, _ = resolver_like(head, document)
    torch.testing.assert_close(head(**document)["loss"], run_resolver(resolver, document)["loss"], rtol=1e-5, atol=1e-5)


def test_representations_and_mention_scores_of_the_plain_form() -> None:
    """Each span alone: attention over its tokens, then one concatenated vector."""
    head = head_of().eval().double()
    encoding, inputs = torch.randn(9, ENCODING_DIM).double(), torch.randn(9, INPUT_DIM).double()
    spans = loop_over_spans([4, 1, 4], WIDTH)
    candidates = Spans(*torch.tensor(spans).unbind(-1))
    logits, tokens = head._attention(inputs).squeeze(-1), one_sentence(encoding, inputs)
    attended = head._attended(inputs, logits, candidates)
    representations = head._representations(tokens, logits, candidates)
    scores = head._mention_scores(tokens, logits, candidates)
    for number, (start, end) in enumerate(spans):
        logits = [head._attention(inputs[t]).item() for t in range(start, end + 1)]
        weights = [math.exp(x) / sum(map(math.exp, logits)) for x in logits]
        average = sum(weight * inputs[t] for weight, t in zip(weights, range(start, end + 1)))
        torch.testing.assert_close(attended[number], average)
        whole = torch.cat([encoding[start], encoding[end], head._width_embedding.weight[end - start], average])
        torch.testing.assert_close(representations[number], whole)
        torch.testing.assert_close(scores[number], head._mention_scorer(head._mention_feedforward(whole)).squeeze())


def test_antecedent_scores_of_the_plain_form() -> None:
    head = head_of().eval().double()
    representations, mention_scores = torch.randn(7, sum(head._span_parts)).double(), torch.randn(7).double()
    scores = head._antecedent_scores(representations, mention_scores.unsqueeze(1)).squeeze(1)
    assert scores.shape == (7, 6)
    # Lee et al. 2017: distances 1, 2, 3, 4, 5-7, ... have a bucket each; bucket 0 is never used.
    bucket = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5}
    for span in range(7):
        assert scores[span, 0] == 0
        for distance in range(1, 6):
            other = span - distance
            if other < 0:
                assert scores[span, distance] == -math.inf
                continue
            pair = [representations[span], representations[other], representations[span] * representations[other]]
            whole = torch.cat([*pair, head._distance_embedding.weight[bucket[distance]]])
            expected = head._antecedent_scorer(head._antecedent_feedforward(whole)).squeeze()
            expected = expected + mention_scores[span] + mention_scores[other]
            torch.testing.assert_close(scores[span, distance], expected)


@pytest.mark.parametrize("lengths", [[1], [3], [1, 1, 1], [5, 2, 9], [2, 11, 1, 4]])
@pytest.mark.parametrize("max_width", [1, 3, 20])
def test_enumerate_spans(lengths: List[int], max_width: int) -> None:
    ids = torch.tensor([number for number, length in enumerate(lengths) for _ in range(length)])
    assert bounds(enumerate_spans(ids, max_width)) == loop_over_spans(lengths, max_width)


def test_spans_do_not_leave_sentences_whose_numbers_repeat_elsewhere() -> None:
    ids = torch.tensor([4, 4, 7, 7, 4])
    assert bounds(enumerate_spans(ids, 2)) == [(0, 0), (0, 1), (1, 1), (2, 2), (2, 3), (3, 3), (4, 4)]


@pytest.mark.parametrize("num_spans,num_antecedents", [(1, 0), (2, 1), (6, 3), (6, 5)])
def test_values_of_antecedents(num_spans: int, num_antecedents: int) -> None:
    values = torch.arange(2 * num_spans).view(num_spans, 2)
    found = of_antecedents(values, num_antecedents, -7)
    assert found.shape == (num_spans, 2, num_antecedents)
    for span in range(num_spans):
        for document in range(2):
            expected = [2 * (span - d) + document if span >= d else -7 for d in range(1, num_antecedents + 1)]
            assert found[span, document].tolist() == expected


def test_tables_of_spans() -> None:
    """Documents 4 and 2 together, 0 and 1; 5 would be the third of the first two, and 3 has no spans."""
    tables = span_tables([3, 4, 9, 0, 10, 8], 20, torch.device("cpu"))
    assert [table.documents for table in tables] == [[4, 2], [5], [1, 0]]
    assert [table.counts for table in tables] == [[10, 9], [8], [4, 3]]
    assert tables[0].spans.t().tolist() == [list(range(16, 26)), [*range(7, 16), 15]]
    assert tables[0].mask.t().tolist() == [[True] * 10, [True] * 9 + [False]]
    assert tables[2].spans.t().tolist() == [[3, 4, 5, 6], [0, 1, 2, 2]]


@pytest.mark.parametrize("max_spans", [1, 200, 512])
def test_tables_hold_every_span_once_and_few_pairs_in_vain(max_spans: int) -> None:
    generator = random.Random(0)
    counts = [generator.randint(0, 60) for _ in range(200)] + [1000]
    tables = span_tables(counts, max_spans, torch.device("cpu"))
    spans = sorted(number for table in tables for number in table.spans[table.mask].tolist())
    assert spans == list(range(sum(counts)))
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    for table in tables:
        assert table.spans.numel() <= max_spans or len(table.documents) == 1
        columns = zip(table.documents, table.counts, table.spans.unbind(1), table.mask.unbind(1))
        for document, count, column, mask in columns:
            assert count == counts[document] == mask.sum()
            assert column[mask].tolist() == list(range(firsts[document], firsts[document] + count))
    pairs = sum(len(table.spans) ** 2 * len(table.documents) for table in tables)
    assert pairs < 1.5 * sum(count**2 for count in counts)


def test_cluster_labels() -> None:
    gold = torch.tensor([[0, 2, 0], [5, 5, 0], [3, 4, 1], [0, 0, 2]])
    spans = Spans(torch.tensor([0, 0, 0, 3, 4, 5]), torch.tensor([0, 1, 2, 4, 4, 5]))
    assert cluster_labels(spans, gold).tolist() == [2, -1, 0, 1, -1, 0]
    assert cluster_labels(spans, gold[:0]).tolist() == [-1] * 6
    assert cluster_labels(Spans(spans.starts[:0], spans.ends[:0]), gold).tolist() == []


def test_decoding_by_hand() -> None:
    scores = torch.full((6, 4), -math.inf)
    scores[:, 0] = 0.0
    scores[2, 2] = math.log(3)  # 2 -> 0
    scores[3, 2] = math.log(4)  # 3 -> 1
    scores[4, 2] = math.log(9)  # 4 -> 2, and so to 0
    scores[5, 2] = math.log(5)  # 5 -> 3, rather than
    scores[5, 1] = math.log(4)  # 4
    chosen = chosen_antecedents(scores.unsqueeze(1)).squeeze(1).tolist()
    assert chosen == [-1, -1, 0, 1, 2, 3]
    clusters = clusters_of(chosen)
    assert clusters == [[0, 2, 4], [1, 3, 5]]
    # Only span 2 is linked to span 0, and 3 to 1.
    expected = [[0.75, 0.75, 0.9], [0.8, 0.8, 0.5]]
    for probabilities, row in zip(
        link_probabilities(clusters, chosen, scores.softmax(-1).amax(-1).tolist()), expected, strict=True
    ):
        assert probabilities == pytest.approx(row)


def test_the_first_mention_has_the_likeliest_of_its_links() -> None:
    scores = torch.full((4, 4), -math.inf)
    scores[:, 0] = 0.0
    scores[1, 1] = math.log(3)  # 1 -> 0
    scores[2, 2] = math.log(7)  # 2 -> 0
    scores[3, 1] = math.log(99)  # 3 -> 2
    chosen = chosen_antecedents(scores.unsqueeze(1)).squeeze(1).tolist()
    (row,) = link_probabilities(clusters_of(chosen), chosen, scores.softmax(-1).amax(-1).tolist())
    assert row == pytest.approx([7 / 8, 3 / 4, 7 / 8, 99 / 100])


def test_spans_alone() -> None:
    """Spans that are linked to or link are not, nor is one that is a mention as likely as not."""
    assert alone([-1, -1, 1, -1, -1], [0.9, 0.9, 0.9, 0.5, 0.51, 0.9]) == [0, 4]
    assert alone([-1, -1, 0, 1, -1], [0.9, 0.9, 0.9, 0.5, 0.49]) == []


def test_decoding_without_links() -> None:
    scores = torch.tensor([[0.0, -math.inf, -math.inf], [0.0, -1.0, -math.inf], [0.0, 0.0, -2.0]])
    chosen = chosen_antecedents(scores.unsqueeze(1)).squeeze(1).tolist()
    assert clusters_of(chosen) == [] and link_probabilities([], chosen, [1.0] * 3) == []


def test_scores_are_nested_like_predictions_and_given_on_request() -> None:
    head = head_of().eval()
    torch.nn.init.normal_(head._antecedent_scorer.weight, std=3.0)
    document = document_of([5, 6, 4], [[(0, 1), (4, 4)]])
    output = head(**document, with_scores=True)
    (clusters,), (scores,) = output["predictions"], output["scores"]
    assert clusters and [len(row) for row in scores] == [len(cluster) for cluster in clusters]
    # The best of at most six choices.
    assert all(1 / 6 < score <= 1 for row in scores for score in row)
    assert "scores" not in head(**document)
    assert "scores" not in head.train()(**document, with_scores=True)


def plain_document_scores(head: CorefHead, document: Dict[str, Any], spans: Spans) -> torch.Tensor:
    """Lee et al. 2017, equations 1 to 5, with one concatenated vector for each pair of spans, all at once."""
    encoding, inputs = document["encoding"][0], document["encoder_input"][0]
    logits = head._attention(inputs).squeeze(-1)
    vectors = []
    for start, end in bounds(spans):
        attended = logits[start : end + 1].softmax(0) @ inputs[start : end + 1]
        vectors.append(torch.cat([encoding[start], encoding[end], head._width_embedding.weight[end - start], attended]))
    whole = torch.stack(vectors)
    mention_scores = head._mention_scorer(head._mention_feedforward(whole)).squeeze(-1)
    num_spans = len(whole)
    later, earlier = whole.unsqueeze(1).expand(-1, num_spans, -1), whole.unsqueeze(0).expand(num_spans, -1, -1)
    distances = (torch.arange(num_spans).unsqueeze(1) - torch.arange(num_spans)).clamp(min=1)
    # 1, 2, 3, 4, 5-7, 8-15, 16-31, 32-63, 64 and more.
    buckets = torch.bucketize(distances, torch.tensor([1, 2, 3, 4, 7, 15, 31, 63])) + 1
    features = head._distance_embedding.weight[buckets]
    pairs = torch.cat([later, earlier, later * earlier, features], dim=-1)
    scores = head._antecedent_scorer(head._antecedent_feedforward(pairs)).squeeze(-1)
    scores = scores + mention_scores.unsqueeze(1) + mention_scores
    antecedent = (torch.arange(num_spans).unsqueeze(1) - torch.arange(num_spans)).clamp(min=0)
    scores = scores.masked_fill((antecedent == 0) | (antecedent > head._max_antecedents), -math.inf)
    # Shape: (num_spans, 1 + num_spans), antecedents in document order
    return torch.cat([scores.new_zeros(num_spans, 1), scores], dim=1)


def plain_loss(
    scores: torch.Tensor, spans: List[Tuple[int, int]], clusters: List[List[Tuple[int, int]]]
) -> torch.Tensor:
    """Of `plain_document_scores`."""
    cluster_of = {mention: number for number, cluster in enumerate(clusters) for mention in cluster}
    labels = [cluster_of.get(span, -1) for span in spans]
    losses = []
    for number, label in enumerate(labels):
        gold = [1 + other for other in range(number) if label >= 0 and labels[other] == label]
        gold = [other for other in gold if scores[number, other] > -math.inf] or [0]
        losses.append(scores[number].logsumexp(0) - scores[number, gold].logsumexp(0))
    return torch.stack(losses).sum()


@pytest.mark.parametrize("spans_in_block,num_rows", [(512, 2**14), (16, 40), (7, 13), (1, 1)])
@pytest.mark.parametrize("max_antecedents", [5, 70])
def test_a_document_in_blocks_of_any_size_is_that_of_the_plain_form(
    max_antecedents: int, spans_in_block: int, num_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss and all gradients, with blocks of pairs of several distances, too."""
    monkeypatch.setattr(coref, "SPANS_IN_BLOCK", spans_in_block)
    monkeypatch.setattr(coref, "rows_at_once", lambda device: num_rows)
    torch.manual_seed(max_antecedents)
    lengths, clusters = random_document(random.Random(7), num_sentences=25)
    head = head_of(max_antecedents=max_antecedents).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    document = document_of(lengths, clusters)
    for name in ("encoding", "encoder_input"):
        document[name] = document[name].double().requires_grad_()
    spans, _ = scored_spans(head, document)
    assert len(spans.starts) > 80
    scores = plain_document_scores(head, document, spans)
    leaves = [document["encoding"], document["encoder_input"], *head.parameters()]
    loss, expected = head(**document)["loss"], plain_loss(scores, bounds(spans), clusters)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    for actual, gradient in zip(torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves)):
        torch.testing.assert_close(actual, gradient, rtol=1e-7, atol=1e-9)


def test_gold_mentions_are_the_candidates() -> None:
    """All of them: wider than the limit, repeated nowhere, in document order; and none beside them."""
    clusters = [[(8, 9), (0, 6)], [(2, 2), (3, 3)]]
    head = head_of(gold_mentions=True, spans_per_word=0.1).eval()
    document = document_of([7, 5], clusters)
    spans, scores = scored_spans(head, document, document["mentions"][0])
    assert bounds(spans) == [(0, 6), (2, 2), (3, 3), (8, 9)]
    assert scores.shape == (4, 4)


def test_gold_mentions_of_2018_are_narrow_and_pruned() -> None:
    """Up to `WIDTH` = 4 tokens; of six, the floor(0.25 * 12) = 3 with the best mention scores are kept."""
    clusters = [[(8, 9), (0, 4)], [(2, 2), (3, 3)], [(6, 7), (1, 4)], [(10, 11), (9, 9)]]
    head = head_of(gold_mentions=True, gold_mentions_rule="as_2018", spans_per_word=0.25).eval()
    document = document_of([7, 5], clusters)
    narrow = [(1, 4), (2, 2), (3, 3), (8, 9), (9, 9), (10, 11)]
    tokens = one_sentence(document["encoding"][0], document["encoder_input"][0])
    scores = head._mention_scores(
        tokens, head._attention(tokens.inputs).squeeze(-1), Spans(*torch.tensor(narrow).unbind(-1))
    )
    best = scores.topk(3).indices.tolist()
    spans, _ = scored_spans(head, document, document["mentions"][0])
    assert bounds(spans) == [span for number, span in enumerate(narrow) if number in best]
    # In training all spans are candidates, as ever.
    spans, _ = scored_spans(head.train(), document, document["mentions"][0])
    assert not set(bounds(spans)) <= set(narrow)
    # A document with no such mention has no candidate.
    assert head.eval()(**document_of([7, 5], [[(0, 5), (6, 8)]]))["predictions"] == [[]]
    with pytest.raises(ConfigurationError, match="gold_mentions_rule: 'few' is neither 'all' nor 'as_2018'"):
        head_of(gold_mentions_rule="few")


def test_wide_gold_mentions_are_attended_whole() -> None:
    head = head_of(gold_mentions=True).eval().double()
    inputs = torch.randn(9, INPUT_DIM).double()
    spans = Spans(torch.tensor([0, 1]), torch.tensor([8, 1]))
    weights = head._attention(inputs).squeeze(-1).softmax(-1)
    attended = head._attended(inputs, head._attention(inputs).squeeze(-1), spans)
    torch.testing.assert_close(attended, torch.stack([weights @ inputs, inputs[1]]))


def test_gold_mentions_serve_evaluation_alone() -> None:
    """In training, and where there are none to be had, the candidates are all spans."""
    document = document_of([6, 5], [[(0, 1), (3, 3)]])
    given, plain = head_of(gold_mentions=True), head_of()
    given.load_state_dict(plain.state_dict())
    torch.testing.assert_close(given.train()(**document)["loss"], plain.train()(**document)["loss"])
    text = {name: value for name, value in document.items() if name not in ("mentions", "metadata")}
    assert given.eval()(**text)["predictions"] == plain.eval()(**text)["predictions"]


@pytest.mark.parametrize("gold_mentions", [False, True])
def test_a_document_without_mentions(gold_mentions: bool) -> None:
    head = head_of(gold_mentions=gold_mentions)
    document = document_of([4, 3], [])
    output = head.eval()(**document)
    # Nothing is right but no antecedent: without candidates there is nothing to be wrong about.
    assert output["loss"].item() == 0 if gold_mentions else output["loss"].item() > 0
    if gold_mentions:
        assert output["predictions"] == [[]]
    assert head.get_metrics()["recall"] == 0
    assert head.train()(**document)["loss"].item() > 0


def test_a_single_gold_mention() -> None:
    head = head_of(gold_mentions=True).eval()
    output = head(**document_of([4], [[(1, 2)]]))
    assert output["loss"].item() == 0 and output["predictions"] == [[]]


@pytest.mark.parametrize("lengths", [[1], [2], [1, 1]])
def test_documents_too_short_for_a_span_keep_one(lengths: List[int]) -> None:
    """`floor(0.4 * 2)` is 0."""
    head = head_of(spans_per_word=0.4).eval()
    output = head(**document_of(lengths, []))
    # The one span has no antecedent, for sure.
    assert output["loss"].item() == 0 and output["predictions"] == [[]]


def padded_together(documents: List[Dict[str, Any]]) -> Dict[str, Any]:
    def padded(name: str, value: float) -> torch.Tensor:
        tensors = [document[name][0] for document in documents]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)

    return {
        "encoding": padded("encoding", 7.0),
        "encoder_input": padded("encoder_input", 7.0),
        "mask": padded("mask", False),
        "sentence_ids": padded("sentence_ids", -1),
        "mentions": padded("mentions", -1),
        "metadata": [document["metadata"][0] for document in documents],
    }


def random_documents(count: int, max_sentences: int = 9) -> List[Dict[str, Any]]:
    """Some of about the same number of spans, some longer and shorter, among them one of a single word."""
    generator = random.Random(count)
    documents = [document_of(*random_document(generator, generator.randint(1, max_sentences))) for _ in range(count)]
    return [*documents, document_of([1], []), document_of([2], [[(0, 0), (1, 1)]])]


def with_links(head: CorefHead) -> CorefHead:
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return head


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gold_mentions": True},
        {"gold_mentions": True, "gold_mentions_rule": "as_2018"},
        {"predict_singletons": True},
    ],
)
@pytest.mark.parametrize("spans_in_table,spans_in_block", [(256, 512), (60, 7)])
def test_a_batch_is_its_documents(
    options: Dict[str, Any], spans_in_table: int, spans_in_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coref, "SPANS_IN_TABLE", spans_in_table)
    monkeypatch.setattr(coref, "SPANS_IN_BLOCK", spans_in_block)
    torch.manual_seed(0)
    head = with_links(head_of(**options).double()).eval()
    documents = random_documents(12)
    for document in documents:
        document["encoding"], document["encoder_input"] = (
            document["encoding"].double(),
            document["encoder_input"].double(),
        )
    alone = [head(**document, with_scores=True) for document in documents]
    metrics = head.get_metrics(reset=True)
    together = head(**padded_together(documents), with_scores=True)
    torch.testing.assert_close(together["loss"], sum(output["loss"] for output in alone))
    assert sum(map(len, together["predictions"])) > 10
    assert together["predictions"] == [output["predictions"][0] for output in alone]
    for scores, output in zip(together["scores"], alone):
        for cluster, expected in zip(scores, output["scores"][0], strict=True):
            assert cluster == pytest.approx(expected)
    assert head.get_metrics() == metrics


@pytest.mark.parametrize("max_antecedents", [3, 70])
def test_gradients_of_a_batch_are_those_of_the_plain_form(max_antecedents: int) -> None:
    """Each document alone, and all pairs of its kept spans at once."""
    torch.manual_seed(0)
    head = with_links(head_of(max_antecedents=max_antecedents).double())
    documents = random_documents(9)
    losses = []
    for document in documents:
        for name in ("encoding", "encoder_input"):
            document[name] = document[name].double().requires_grad_()
        spans, _ = scored_spans(head, document)
        scores = plain_document_scores(head, document, spans)
        losses.append(plain_loss(scores, bounds(spans), document["metadata"][0]["clusters"]))
    leaves = [document[name] for document in documents for name in ("encoding", "encoder_input")]
    leaves += list(head.parameters())
    loss, expected = head(**padded_together(documents))["loss"], torch.stack(losses).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    for actual, gradient in zip(torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves)):
        torch.testing.assert_close(actual, gradient, rtol=1e-7, atol=1e-9)


def test_a_batch_computes_hardly_more_pairs_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, head = random_documents(60), head_of(max_antecedents=70).eval()
    num_rows: List[int] = []
    head._antecedent_scorer.register_forward_hook(lambda _, inputs, __: num_rows.append(len(inputs[0])))
    for document in documents:
        head(**document)
    alone = sum(num_rows)
    num_rows.clear()
    head(**padded_together(documents))
    assert alone <= sum(num_rows) < 1.4 * alone


def test_sentences_of_two_documents_with_the_same_number_are_two() -> None:
    head = head_of(spans_per_word=9.0, gold_mentions=False).eval()
    tokens = tokens_of(torch.randn(2, 3, ENCODING_DIM), torch.randn(2, 3, INPUT_DIM), torch.zeros(2, 3).long(), [2, 3])
    ((table, spans, *_), *_) = head._scored_spans(tokens, None)
    assert bounds(enumerate_spans(tokens.sentence_ids, WIDTH)) == loop_over_spans([2, 3], WIDTH)
    assert table.documents == [1] and bounds(spans) == [(2, 2), (2, 3), (2, 4), (3, 3), (3, 4), (4, 4)]


def test_without_targets_there_are_predictions_alone_and_training_does_not_decode() -> None:
    head, document = head_of(), document_of([5, 4], [[(0, 1), (4, 4)]])
    text = {name: value for name, value in document.items() if name not in ("mentions", "metadata")}
    assert head.eval()(**text).keys() == {"predictions"}
    assert set(head.get_metrics().values()) == {0.0}
    assert head.train()(**document).keys() == {"loss"}


def test_dropout_acts_in_training_alone() -> None:
    head, document = head_of(dropout=0.5), document_of([5, 4], [[(0, 1), (4, 4)]])
    assert head.train()(**document)["loss"] != head(**document)["loss"]
    assert head.eval()(**document)["loss"] == head(**document)["loss"]


def test_one_and_three_layers() -> None:
    for num_layers in (1, 3):
        head = head_of(num_layers=num_layers).eval().double()
        whole = torch.randn(2, sum(head._span_parts)).double()
        encoding, inputs = torch.randn(3, ENCODING_DIM).double(), torch.randn(3, INPUT_DIM).double()
        spans = Spans(torch.tensor([0, 1]), torch.tensor([1, 1]))
        logits, tokens = head._attention(inputs).squeeze(-1), one_sentence(encoding, inputs)
        whole = head._representations(tokens, logits, spans)
        expected = head._mention_scorer(head._mention_feedforward(whole)).squeeze(-1)
        torch.testing.assert_close(head._mention_scores(tokens, logits, spans), expected)


def test_a_few_updates_learn_a_document() -> None:
    clusters = [[(0, 1), (4, 4)], [(2, 2), (6, 7), (9, 9)]]
    head, document = head_of(hidden_dim=30, spans_per_word=9.0, max_antecedents=50), document_of([5, 5], clusters)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        head.train()(**document)["loss"].backward()
        optimizer.step()
    assert sorted(head.eval()(**document)["predictions"][0]) == clusters
    assert head.get_metrics()["f1"] == 1.0


def test_the_loss_of_mentions_is_the_cross_entropy_of_kept_spans() -> None:
    """Span by span, gold clusters of one and of more alike; all else is as without `predict_singletons`."""
    torch.manual_seed(0)
    clusters = [[(0, 1), (4, 4)], [(2, 2)], [(6, 7)]]
    plain, head = head_of(spans_per_word=2.0).double(), head_of(spans_per_word=2.0, predict_singletons=True).double()
    head.load_state_dict(plain.state_dict())
    document = document_of([5, 5], clusters)
    for name in ("encoding", "encoder_input"):
        document[name] = document[name].double()
    mentions = {mention for cluster in clusters for mention in cluster}
    spans, _ = scored_spans(head, document)
    assert 0 < len(mentions & set(bounds(spans))) < len(spans.starts)
    tokens = one_sentence(document["encoding"][0], document["encoder_input"][0])
    scores = head._mention_scores(tokens, head._attention(tokens.inputs).squeeze(-1), spans)
    expected = 0.0
    for score, span in zip(scores, bounds(spans)):
        probability = 1 / (1 + torch.exp(-score))
        expected = expected - torch.log(probability if span in mentions else 1 - probability)
    torch.testing.assert_close(head(**document)["loss"] - plain(**document)["loss"], expected)


def test_clusters_of_one_are_predicted_on_request_alone() -> None:
    torch.manual_seed(0)
    plain, head = with_links(head_of()).eval(), head_of(predict_singletons=True).eval()
    # Few links, so that many spans have none.
    torch.nn.init.constant_(plain._antecedent_scorer.bias, -3.0)
    head.load_state_dict(plain.state_dict())
    document = document_of([9, 8, 9], [[(0, 1), (4, 4)]])
    (without,), output = plain(**document)["predictions"], head(**document, with_scores=True)
    (predicted,), (scores,) = output["predictions"], output["scores"]
    assert min(map(len, without)) > 1 and predicted[: len(without)] == without
    singles = {cluster[0]: row[0] for cluster, row in zip(predicted, scores, strict=True) if len(cluster) == 1}
    assert without and singles and len(predicted) == len(without) + len(singles)
    spans, _ = scored_spans(head, document)
    tokens = one_sentence(document["encoding"][0], document["encoder_input"][0])
    of_spans = head._mention_scores(tokens, head._attention(tokens.inputs).squeeze(-1), spans).tolist()
    linked = {mention for cluster in without for mention in cluster}
    expected = {
        span: 1 / (1 + math.exp(-score))
        for span, score in zip(bounds(spans), of_spans)
        if score > 0 and span not in linked
    }
    assert singles == pytest.approx(expected)


def test_what_can_be_found() -> None:
    """(0, 4) and (1, 5) are too wide, (6, 7) crosses sentences and leaves (8, 8) alone, (10, 10) is alone anyway."""
    clusters = [[(0, 3), (0, 4), (5, 6)], [(6, 7), (8, 8)], [(10, 10)], [(9, 9), (11, 11)], [(1, 5)]]
    metadata = {"sentences": [["a"] * 7, ["b"] * 5], "clusters": clusters}
    assert head_of().findable(metadata) == (4, 9)
    assert head_of(predict_singletons=True).findable(metadata) == (6, 9)
    # Given all gold mentions, each cluster of two or more can be found.
    assert head_of(gold_mentions=True).findable(metadata) == (7, 9)
    assert head_of(gold_mentions=True, gold_mentions_rule="as_2018").findable(metadata) == (4, 9)


def test_clusters_of_one_are_learnt() -> None:
    """As in LitBank, most mentions stand alone. Without `predict_singletons` 4 of 10 can be found at best."""
    torch.manual_seed(0)
    clusters = [[(0, 1), (4, 4)], [(2, 2), (6, 7)], *([(start, start)] for start in (5, 9, 11, 12, 14, 16))]
    document, recalls = document_of([5, 5, 8], clusters), {}
    for predict_singletons in (False, True):
        options = {"hidden_dim": 30, "spans_per_word": 9.0, "max_antecedents": 50}
        head = head_of(**options, predict_singletons=predict_singletons)
        optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
        for _ in range(150):
            optimizer.zero_grad()
            head.train()(**document)["loss"].backward()
            optimizer.step()
        (predicted,) = head.eval()(**document)["predictions"]
        scores = head.get_metrics()
        recalls[predict_singletons] = scores["mention_recall"]
        assert scores["f1_without_singletons"] == 1.0
    assert recalls == {False: 4 / 10, True: 1.0}
    assert sorted(predicted) == sorted(clusters) and scores["f1"] == scores["lea_f1"] == scores["blanc_f1"] == 1.0


def test_the_scale_of_2018_is_an_option_of_the_head() -> None:
    """All is found but a cluster of one."""
    clusters = [[(0, 1), (4, 4)], [(2, 2)]]
    scores = {}
    for singletons in ("count", "as_2018"):
        head = head_of(singletons=singletons)
        head._scores([[clusters[0]]], [clusters])
        scores[singletons] = head.get_metrics()["b_cubed_recall"]
    assert scores == {"count": pytest.approx(2 / 3), "as_2018": 1.0}
    with pytest.raises(ConfigurationError, match="singletons: 'drop'"):
        head_of(singletons="drop")


def test_parameters_have_the_names_that_initialisers_ask_for() -> None:
    """Those of archives."""
    names = {name.rsplit(".", 1)[0] for name, _ in head_of().named_parameters()}
    layers = {f"_{kind}_feedforward._linear_layers.{n}" for kind in ("mention", "antecedent") for n in range(2)}
    scorers = {"_mention_scorer", "_antecedent_scorer", "_attention"}
    assert names == layers | scorers | {"_width_embedding", "_distance_embedding"}
    assert names == {name.rsplit(".", 1)[0] for name, _ in head_of(predict_singletons=True).named_parameters()}
