"""The reference is a loop over the questions and the spans of their rows."""

from typing import Any, Dict, List, Optional, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.token_indexers import SingleIdTokenIndexer

from hmtl.document import Span
from hmtl.tasks import QuestionHead
from hmtl.tasks.questions.question_sources import AT_MOST_ONE, ONE, SEVERAL
from hmtl.tasks.task_head import Questions

DIM, INPUT_DIM, HIDDEN, WIDTH = 5, 7, 6, 3
# Of two rows the lengths of the sentences.
SENTENCES = [[4, 2], [3]]
QUESTION_LENGTHS = [3, 1, 4]
# The questions that each row has, by number, the spans that they are about, and how many answers they have.
NUMBERS = [[2, 0], [1]]
PAIRS: List[List[Tuple[int, int, int, int]]] = [
    [(0, -1, -1, SEVERAL), (1, 1, 3, SEVERAL), (0, 5, 5, AT_MOST_ONE), (1, -1, -1, ONE)],
    [(0, 0, 0, AT_MOST_ONE), (0, -1, -1, ONE)],
]
# Pair, first and last token: nested ones, one that is too wide, one across the end of a sentence, several of a choice,
# and a question that must have an answer, of which the only one is too wide.
ANSWERS: List[List[Tuple[int, int, int]]] = [
    [(0, 0, 1), (0, 1, 1), (0, 0, 3), (0, 3, 4), (2, 0, 0), (2, 4, 5), (3, 0, 3)],
    [(1, 0, 2), (1, 1, 1)],
]


def head_of(vocab: Optional[Vocabulary] = None, **options: Any) -> QuestionHead:
    if vocab is None:
        vocab = Vocabulary(counter={"question_labels": {"Who?": 2}})
    options = {"max_span_width": WIDTH, "hidden_dim": HIDDEN, "prior_probability": 0.3, **options}
    torch.manual_seed(3)
    head = QuestionHead(vocab, DIM, INPUT_DIM, "questions", {"tokens": SingleIdTokenIndexer()}, **options)
    torch.nn.init.normal_(head._match.weight)
    return head


def mask_of(lengths: List[int]) -> torch.Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def padded(rows: List[List[Tuple[int, ...]]], size: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [(-1,) * size] * (longest - len(row)) for row in rows])


def batch_of() -> Dict[str, Any]:
    torch.manual_seed(5)
    lengths = list(map(sum, SENTENCES))
    ids = [[number for number, size in enumerate(row) for _ in range(size)] for row in SENTENCES]
    metadata = [
        {
            "source": "a",
            "task": "spans",
            "texts": ["Who?"] * len(row),
            "labels": ["x"] * len(row),
            "gold": [],
            "one_label": False,
        }
        for row in PAIRS
    ]
    return {
        "encoding": torch.randn(2, max(lengths), DIM).double(),
        "encoder_input": torch.randn(2, max(lengths), INPUT_DIM).double(),
        "mask": mask_of(lengths),
        "sentence_ids": torch.tensor([row + [0] * (max(lengths) - len(row)) for row in ids]),
        "questions": Questions(
            torch.randn(3, max(QUESTION_LENGTHS), DIM).double(),
            torch.randn(3, max(QUESTION_LENGTHS), INPUT_DIM).double(),
            mask_of(QUESTION_LENGTHS),
            torch.tensor([[*row, -1][:2] for row in NUMBERS]),
        ),
        "pairs": padded(PAIRS, 4),  # type: ignore[arg-type]
        "answers": padded(ANSWERS, 3),  # type: ignore[arg-type]
        "metadata": metadata,
    }


def spans_of(row: int) -> List[Tuple[int, int]]:
    """The spans of a row within its sentences."""
    found, first = [], 0
    for length in SENTENCES[row]:
        found += [(s, e) for s in range(first, first + length) for e in range(s, min(first + length, s + WIDTH))]
        first += length
    return found


def logits_of(head: QuestionHead, batch: Dict[str, Any], row: int, pair: int) -> Dict[Tuple[int, int], torch.Tensor]:
    """The score of each span as the docstring has it."""
    place, start, end, _ = PAIRS[row][pair]
    number = NUMBERS[row][place]
    tokens = [
        head._tokens(torch.cat([batch["encoder_input"][row, t], batch["encoding"][row, t]]))
        for t in range(sum(SENTENCES[row]))
    ]
    questions = batch["questions"]
    words = torch.stack(
        [
            head._tokens(torch.cat([questions.encoder_input[number, w], questions.encoding[number, w]]))
            for w in range(QUESTION_LENGTHS[number])
        ]
    )
    key = (head._word_weights(words).softmax(0) * words).sum(0)
    if start >= 0:
        key = key + head._about(sum(tokens[start : end + 1]) / (end + 1 - start))  # type: ignore[arg-type]
    vectors = []
    for t, token in enumerate(tokens):
        if start < 0:
            bucket = 0
        elif start <= t <= end:
            bucket = 9
        else:
            steps = start - t if t < start else t - end
            bucket = 9 + (-1 if t < start else 1) * {1: 1, 2: 2, 3: 2, 4: 3, 5: 3}[steps]
        hidden = head._of_token(token) + head._of_question(key) + head._with_question(token * key)
        hidden = hidden + head._distances.weight[bucket]
        if head._attention:
            attended = (torch.stack([token @ word for word in words]) / HIDDEN**0.5).softmax(0) @ words
            hidden = hidden + head._of_words(attended) + head._with_words(token * attended)
        vectors.append(hidden.relu())
    scores = {}
    for s, e in spans_of(row):
        first, last = head._starts(vectors[s]), head._ends(vectors[e])
        match = head._match((first[:-1] + last[:-1] + head._widths.weight[e - s]).relu())[0]
        scores[s, e] = match + first[-1] + last[-1]
    return scores


def loss_by_loop(head: QuestionHead, batch: Dict[str, Any]) -> torch.Tensor:
    total = torch.zeros((), dtype=torch.double)
    for row, pairs in enumerate(PAIRS):
        for pair, (*_, number_of_answers) in enumerate(pairs):
            logits = logits_of(head, batch, row, pair)
            gold = [(s, e) for p, s, e in ANSWERS[row] if p == pair and (s, e) in logits]
            if number_of_answers == SEVERAL:
                for bounds, logit in logits.items():
                    total = total - (logit if bounds in gold else -logit).sigmoid().log()
                continue
            all_scores = sum(logit.exp() for logit in logits.values()) + (number_of_answers == AT_MOST_ONE)
            if gold:
                total = total - (sum(logits[bounds].exp() for bounds in gold) / all_scores).log()
            elif number_of_answers == AT_MOST_ONE:
                total = total + all_scores.log()
    return total


@pytest.mark.parametrize("attention", [True, False])
def test_loss_and_gradients_are_those_of_a_loop(attention: bool) -> None:
    head = head_of(attention=attention).double().eval()
    batch = batch_of()
    inputs = [batch["encoding"].requires_grad_(), batch["encoder_input"].requires_grad_()]
    loss, expected = head(**batch)["loss"], loss_by_loop(head, batch)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    inputs += list(head.parameters())
    for found, by_loop in zip(torch.autograd.grad(loss, inputs), torch.autograd.grad(expected, inputs)):
        torch.testing.assert_close(found, by_loop, rtol=1e-7, atol=1e-10)
    # In training all questions are asked at once, without a draw.
    head.train()
    head._dropout.p = 0.0
    assert head(**batch)["loss"].item() == pytest.approx(expected.item(), rel=1e-9)


def test_what_the_words_of_a_question_make_is_computed_once_for_all_spans_that_it_is_about() -> None:
    head = head_of().double()
    computed: Dict[str, List[int]] = {"words": [], "question": []}
    for name, module in (("words", head._with_words), ("question", head._with_question)):
        module.register_forward_pre_hook(lambda _, inputs, name=name: computed[name].append(len(inputs[0])))
    batch = batch_of()
    # Two texts about five spans in the first row, one about four in the second.
    pairs = [PAIRS[0] + [(0, 1, 1, SEVERAL), (1, 2, 2, SEVERAL)], PAIRS[1] + [(0, 1, 1, SEVERAL), (0, 2, 2, SEVERAL)]]
    head(**{**batch, "pairs": padded(pairs, 4)})  # type: ignore[arg-type]
    assert computed == {"words": [2 + 1], "question": [2 + 1, 5 + 4]}


def test_a_text_that_is_shorter_than_the_widest_answer() -> None:
    head = head_of().double().eval()
    hidden = torch.randn(2, 2, HIDDEN).double()
    found = head._span_scores(hidden)
    assert found.shape == (2, 2, WIDTH)
    for row in range(2):
        for start, end in ((0, 0), (0, 1), (1, 1)):
            first, last = head._starts(hidden[row, start]), head._ends(hidden[row, end])
            match = head._match((first[:-1] + last[:-1] + head._widths.weight[end - start]).relu())[0]
            assert found[row, start, end - start].item() == pytest.approx((match + first[-1] + last[-1]).item())


@pytest.mark.parametrize("threshold", [0.3, 0.6])
def test_answers_and_their_probabilities_are_those_of_a_loop(threshold: float) -> None:
    head = head_of(overlaps="any", threshold=threshold).double().eval()
    batch = batch_of()
    for row, texts in enumerate(batch["metadata"]):
        texts["texts"] = [f"question {pair}" for pair in range(len(PAIRS[row]))]
    output = head(**batch, with_scores=True)
    for row, pairs in enumerate(PAIRS):
        expected = {}
        for pair, (*_, number_of_answers) in enumerate(pairs):
            logits = logits_of(head, batch, row, pair)
            total = sum(logit.exp() for logit in logits.values()) + (number_of_answers == AT_MOST_ONE)
            best = max(logits, key=lambda bounds: logits[bounds].item())
            for bounds, logit in logits.items():
                if number_of_answers == SEVERAL:
                    if logit.sigmoid() >= threshold:
                        expected[Span(*bounds, f"question {pair}")] = logit.sigmoid().item()
                elif bounds == best and (number_of_answers == ONE or logit.sigmoid() >= threshold):
                    expected[Span(*bounds, f"question {pair}")] = (logit.exp() / total).item()
        assert output["predictions"][row] == sorted(expected)
        assert output["scores"][row] == pytest.approx([expected[span] for span in sorted(expected)])
    assert any(output["predictions"])


def test_blocks_of_questions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    head = head_of(threshold=0.4).double().eval()
    whole = head(**batch_of(), with_scores=True)
    monkeypatch.setattr("hmtl.tasks.questions.question_head._TOKENS_AT_ONCE", 7)
    in_blocks = head(**batch_of(), with_scores=True)
    assert in_blocks["predictions"] == whole["predictions"]
    assert in_blocks["loss"].item() == pytest.approx(whole["loss"].item())


def test_what_is_drawn_in_training_has_the_loss_of_all_questions_as_its_expectation() -> None:
    head = head_of(dropout=0.0, unanswered_share=0.4, max_training_tokens=18).double()
    batch = batch_of()
    torch.manual_seed(11)
    losses = torch.stack([head(**batch)["loss"].detach() for _ in range(4000)])
    expected = loss_by_loop(head, batch).item()
    assert losses.std() > 0.05 * expected
    assert losses.mean().item() == pytest.approx(expected, abs=4 * losses.std().item() / len(losses) ** 0.5)


def test_all_questions_that_are_asked_for_are_asked_of_every_row() -> None:
    head = head_of(overlaps="any", threshold=0.2).double().eval()
    batch = batch_of()
    batch["questions"] = batch["questions"]._replace(numbers=None, names=["first", "second", "third"])
    found = head(**{name: batch[name] for name in ("encoding", "encoder_input", "mask", "sentence_ids", "questions")})
    assert {span.label for row in found["predictions"] for span in row} == {"first", "second", "third"}
    # They are about no span.
    batch = batch_of()
    pairs = torch.tensor([[(n, -1, -1, SEVERAL) for n in range(3)]] * 2)
    batch["questions"] = batch["questions"]._replace(numbers=torch.tensor([[0, 1, 2]] * 2))
    metadata = [{**row, "texts": ["first", "second", "third"], "labels": ["x"] * 3} for row in batch["metadata"]]
    asked = head(**{**batch, "pairs": pairs, "answers": torch.full((2, 1, 3), -1), "metadata": metadata})
    assert asked["predictions"] == found["predictions"]


def test_of_a_corpus_of_questions_alone_a_question_that_is_asked_for_has_one_answer_or_none() -> None:
    batch = batch_of()
    batch["questions"] = batch["questions"]._replace(numbers=None, names=["first", "second", "third"])
    rows = {name: batch[name] for name in ("encoding", "encoder_input", "mask", "sentence_ids", "questions")}
    several = head_of(threshold=0.15).double().eval()(**rows)["predictions"]
    one = head_of(Vocabulary(), threshold=0.15).double().eval()(**rows)["predictions"]
    for row, of_row in zip(one, several):
        labels = [span.label for span in row]
        assert len(labels) == len(set(labels)) > 0
        assert set(labels) == {span.label for span in of_row} and len(of_row) > len(row)


def test_without_questions_there_are_no_answers() -> None:
    batch = batch_of()
    head = head_of().double().eval()
    rows = {name: batch[name] for name in ("encoding", "encoder_input", "mask", "sentence_ids")}
    assert head(**rows, questions=None, with_scores=True) == {"predictions": [[], []], "scores": [[], []]}
    empty = torch.full((2, 0, 4), -1), torch.full((2, 0, 3), -1)
    output = head(**{**batch, "pairs": empty[0], "answers": empty[1]})
    assert output["predictions"] == [[], []]
    assert output["loss"].item() == 0
    head.train()
    head(**{**batch, "pairs": empty[0], "answers": empty[1]})["loss"].backward()


def test_metrics_are_those_of_each_source_and_the_mean_of_their_first_figures() -> None:
    head = head_of(overlaps="any", threshold=0.2).double().eval()
    assert head.get_metrics() == {"f1": 0.0}
    batch = batch_of()
    predictions = head(**batch)["predictions"]
    found = [{(span.start, span.end) for span in row} for row in predictions]
    assert all(found)
    head.get_metrics(reset=True)
    # Of the first row all spans are gold, of the second, another source's, one that is found and two others.
    batch["metadata"][0]["gold"] = [Span(*bounds, "x") for bounds in found[0]]
    batch["metadata"][1]["gold"] = [Span(*min(found[1]), "x"), Span(0, 0, "y"), Span(1, 1, "z")]
    batch["metadata"][1]["source"] = "b"
    head(**batch)
    metrics = head.get_metrics(reset=True)
    precision, recall = 1 / len(found[1]), 1 / 3
    of_second = 2 * precision * recall / (precision + recall)
    assert (metrics["a_f1"], metrics["b_precision"], metrics["b_recall"]) == pytest.approx((1, precision, recall))
    assert (metrics["b_f1"], metrics["f1"]) == pytest.approx((of_second, (1 + of_second) / 2))
    assert head.get_metrics() == {"f1": 0.0}


def test_answers_of_one_question_do_not_cross() -> None:
    head = head_of(threshold=0.05).double().eval()
    for row in head(**batch_of())["predictions"]:
        for first in row:
            for second in row:
                assert not (first.start < second.start <= first.end < second.end) or first.label != second.label
    crossing = head_of(threshold=0.05, overlaps="any").double().eval()(**batch_of())["predictions"]
    assert sum(map(len, crossing)) > sum(map(len, head(**batch_of())["predictions"]))


@pytest.mark.parametrize(
    "options,message",
    [
        ({"overlaps": "some"}, "overlaps must be 'any' or 'nested' or 'none'"),
        ({"unanswered_share": 0}, "unanswered_share must be above 0"),
        ({"max_span_width": 0}, "max_span_width is 0"),
        ({"max_training_tokens": 0}, "max_training_tokens is 0"),
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_options_that_cannot_be(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        head_of(**options)


def test_another_reader_is_refused() -> None:
    batch = batch_of()
    del batch["pairs"], batch["answers"]
    with pytest.raises(ConfigurationError, match="set the reader's type to 'hmtl_questions'"):
        head_of().double()(**batch)


def test_what_can_be_found() -> None:
    metadata = {
        "sentences": [["a"] * 4, ["b"] * 2],
        "answers": [Span(0, 2, "q"), Span(0, 3, "q"), Span(3, 4, "q"), Span(4, 5, "q")],
        "num_not_asked": 3,
    }
    assert head_of().findable(metadata) == (2, 7)
