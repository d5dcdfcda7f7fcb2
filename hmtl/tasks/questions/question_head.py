"""Spans of a text that answer questions about it."""

import math
from itertools import groupby
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, get_args

import torch
import torch.nn.functional as F
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, TokenIndexer, Vocabulary
from allennlp.models.heads import Head

from hmtl.common.devices import moved, on_host
from hmtl.common.standing_spans import Overlaps, standing_together
from hmtl.data.fields import index_texts
from hmtl.document import Span
from hmtl.modules.dropout import Dropout
from hmtl.modules.float32 import at_least_float32, in_float32
from hmtl.tasks.questions.question_reader import LABEL_NAMESPACE, words_of
from hmtl.tasks.questions.question_sources import AT_MOST_ONE, ONE, SEVERAL
from hmtl.tasks.questions.task_scores import TASK_SCORES, Found, TaskScores, pooled
from hmtl.tasks.task_head import OptionError, Questions, TaskHead, check_dropout, check_numbers, labels_of, log_odds

# The farthest distance that is told from others, in powers of two, each way.
_FARTHEST = 8
# Outside training so many tokens, each as often as questions are asked of it, are computed at once.
_TOKENS_AT_ONCE = 2**13
# The score of what cannot be an answer.
_NEVER = -1e4


class Pairs(NamedTuple):
    """Questions, each with the row that it is asked of. Shapes: (num_pairs,)

    # Attributes

    rows, questions : `torch.Tensor`
        The numbers of both.
    starts, ends : `torch.Tensor`
        The tokens that it is about, or -1.
    number_of_answers : `torch.Tensor`
        `AT_MOST_ONE`, `SEVERAL` or `ONE`.
    places : `torch.Tensor`
        Which of its row's questions it is.
    """

    rows: torch.Tensor
    questions: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor
    number_of_answers: torch.Tensor
    places: torch.Tensor

    def at(self, indices: Any) -> "Pairs":
        return Pairs(*(values[indices] for values in self))

    def distinct(self, *columns: torch.Tensor) -> Tuple["Pairs", torch.Tensor]:
        """On the host, one pair for all that are alike in some columns, and for each pair which of these is like it.
        Shape: (num_pairs,)"""
        distinct, number_of = torch.stack(columns).unique(dim=1, return_inverse=True)
        places = number_of.new_zeros(distinct.size(1)).scatter_(0, number_of, torch.arange(len(number_of)))
        return self.at(places), number_of

    def on(self, device: torch.device) -> "Pairs":
        """The same on another device."""
        return Pairs(*(moved(values, device) for values in self))


class Gold(NamedTuple):
    """Gold answers: the numbers of the questions that are asked, or how many these are where it is none of them; and
    the cells of the grid of starts and widths. Shapes: (num_answers,)"""

    numbers: torch.Tensor
    cells: torch.Tensor


class Answer(NamedTuple):
    """An answer to a question that is asked, by its number: its tokens, its log-odds above the threshold, and its
    probability."""

    pair: int
    start: int
    end: int
    weight: float
    probability: float


@Head.register("hmtl_questions")
class QuestionHead(TaskHead):
    """Finds the spans of a text that answer a question about it, both read by the same level: the extractive part of
    decaNLP (McCann et al. 2018, "The Natural Language Decathlon: Multitask Learning as Question Answering").

    Each token `t` of the text gets a vector for each question that is asked of it,
    `h_t = relu(A c_t + B q_t + C (c_t * q_t) + D k + E (c_t * k) + d_t)`, with

    - `c_t` the token and `c'_j` the words of the question, all projections of what the level read and wrote,
    - `q_t` the attention of the token to the words of the question, `sum_j softmax_j(<c_t, c'_j> / sqrt(dim)) c'_j`,
      which is context-to-query attention (Seo et al. 2017, "Bidirectional Attention Flow for Machine Comprehension"),
    - `k` the question as a whole, a weighted mean of its words, and, where it is about a given span, a projection of
      the mean of the tokens of that, of its first `max_span_width` ones,
    - `d_t` an embedding of how far the token is from that span, in powers of two.

    The score of the span from `i` to `j` is `v relu(S h_i + T h_j + w_{j - i}) + s(h_i) + t(h_j)`, with a vector for
    each width: start, end and match of both (Li et al. 2020, "A Unified MRC Framework for Named Entity Recognition",
    where these are three decisions).

    Of a question with several answers each span is decided for itself, by a sigmoid. One that has one answer or none is
    a choice among all spans and none, whose score is 0: gold are all spans that answer it, and the loss is minus the
    logarithm of their sum. Answers are found where their probability is at least `threshold`: of a choice, where the
    likeliest span is that much likelier than none, unless one span must answer. Spans lie within sentences.

    A question that is asked for has several answers, but one or none of a model that learned from questions of a corpus
    alone, such as SQuAD's.

    Gold are the questions of its reader, `hmtl_questions`. `predictions` has the answers of a row as `Span`s, labelled
    by their questions. The metrics are those of each source, in its own terms (see `QuestionSource`), named
    `{source}_f1` and so on, and `f1`, the mean of their foremost figures, as decaNLP's score is their sum.

    # Parameters

    token_indexers : `Dict[str, TokenIndexer]`
        Those of the reader: how the words of questions become numbers. `experiment.new` of `configs/lib` gives them.
    label_namespace : `str`, optional (default = `"question_labels"`)
        That of the reader. Two such tasks of one model need different ones.
    max_span_width : `int`, optional (default = `12`)
        In tokens. Wider answers are missed.
    overlaps : `str`, optional (default = `"nested"`)
        What several answers to one question may do: `any` overlap, `nested` ones without crossing, or `none`. The
        likeliest set of those that may stand together stands.
    attention : `bool`, optional (default = `True`)
        Whether tokens attend to the words of questions; without, `q_t` is left out, and a question is one vector.
    hidden_dim, dropout : optional (default = `128`, `0.2`)
        The size of all vectors; the dropout is that on what the level wrote, and on `h`.
    threshold : `float`, optional (default = `0.5`)
        The probability from which on an answer is found.
    prior_probability : `float`, optional (default = `0.01`)
        The probability with which every span starts to answer.
    unanswered_share : `float`, optional (default = `1.0`)
        In training, the share of the questions without an answer that are asked, drawn anew for each batch.
    max_training_tokens : `int`, optional (default = `16384`)
        In training, no more questions of a batch are asked than make the tokens of the texts that they are asked of, as
        often as they are, so many; unanswered ones are left out first. Each question that is asked counts so many times
        that the loss has the expectation of that over all of them.

    # Raises

    ConfigurationError
        Where an option has none of its values, and in training where the reader is another.
    """

    scope = "document"
    predicts = "answers"
    reads_label_texts = True
    reads_questions = True
    labels: List[str]

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        encoder_input_dim: int,
        task_name: str,
        token_indexers: Dict[str, TokenIndexer],
        label_namespace: str = LABEL_NAMESPACE,
        max_span_width: int = 12,
        overlaps: Overlaps = "nested",
        attention: bool = True,
        hidden_dim: int = 128,
        dropout: float = 0.2,
        threshold: float = 0.5,
        prior_probability: float = 0.01,
        unanswered_share: float = 1.0,
        max_training_tokens: int = 2**14,
    ) -> None:
        super().__init__(vocab)
        if overlaps not in get_args(Overlaps):
            raise OptionError(f"overlaps must be {' or '.join(map(repr, get_args(Overlaps)))}, not '{overlaps}'")
        if not 0 < unanswered_share <= 1:
            raise OptionError(f"unanswered_share must be above 0 and at most 1, not {unanswered_share}")
        check_numbers(1, max_span_width=max_span_width, max_training_tokens=max_training_tokens)
        check_numbers(2, hidden_dim=hidden_dim)
        check_dropout(dropout=dropout)
        self._threshold_logit = log_odds(threshold, "threshold")
        prior = log_odds(prior_probability, "prior_probability")
        # Questions about no given span, which can be asked of any text; a corpus of questions alone has none.
        known = vocab.get_index_to_token_vocabulary(label_namespace)
        self.labels = labels_of(vocab, label_namespace, task_name) if known else []
        self.why_not_findable = "are wider than max_span_width, go across the end of a sentence, or are not asked for"
        self._task_name = task_name
        self._token_indexers = token_indexers
        self._max_span_width = max_span_width
        self._overlaps: Overlaps = overlaps
        self._unanswered_share = unanswered_share
        self._max_training_tokens = max_training_tokens
        self._tokens = torch.nn.Linear(encoder_input_dim + encoding_dim, hidden_dim)
        self._word_weights = torch.nn.Linear(hidden_dim, 1)
        self._about = torch.nn.Linear(hidden_dim, hidden_dim)
        self._distances = torch.nn.Embedding(2 * _FARTHEST + 2, hidden_dim)
        self._of_token = torch.nn.Linear(hidden_dim, hidden_dim)
        self._of_question = torch.nn.Linear(hidden_dim, hidden_dim, bias=False)
        self._with_question = torch.nn.Linear(hidden_dim, hidden_dim, bias=False)
        self._attention = attention
        if attention:
            self._of_words = torch.nn.Linear(hidden_dim, hidden_dim, bias=False)
            self._with_words = torch.nn.Linear(hidden_dim, hidden_dim, bias=False)
        # The vectors of starts and ends, then the scores of both.
        self._starts = torch.nn.Linear(hidden_dim, hidden_dim // 2 + 1)
        self._ends = torch.nn.Linear(hidden_dim, hidden_dim // 2 + 1)
        self._widths = torch.nn.Embedding(max_span_width, hidden_dim // 2)
        self._match = torch.nn.Linear(hidden_dim // 2, 1, bias=False)
        torch.nn.init.constant_(self._starts.bias[-1:], prior)
        torch.nn.init.normal_(self._distances.weight, std=0.1)
        self._dropout = Dropout(dropout)
        # Of the sources that rows came from since the last reset.
        self._scores: Dict[str, TaskScores] = {}

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        questions: Optional[Questions] = None,
        pairs: Optional[torch.Tensor] = None,
        answers: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`pairs` has shape (batch_size, num_pairs, 4), rows `(number of the text, start, end, number of answers)`, and
        `answers` shape (batch_size, num_answers, 3), rows `(pair, start, end)`, both padded with -1. Without `pairs`
        all questions are asked of each row."""
        if self.training and (pairs is None or answers is None):
            raise ConfigurationError(
                f"task '{self._task_name}': the head 'hmtl_questions' learns from the fields 'pairs' and 'answers', "
                "which its dataset reader does not give; set the reader's type to 'hmtl_questions'"
            )
        if questions is None:
            nothing: List[List[Any]] = [[] for _ in mask]
            return {"predictions": nothing, **({"scores": nothing} if with_scores else {})}
        known, weights = self._pairs(questions, pairs, answers, mask)
        asked = known.on(mask.device)
        gold = None
        if pairs is not None and answers is not None:
            gold = self._gold(asked, pairs, answers, mask)
        # Shapes: (batch_size, length, hidden_dim) and (num_questions, question_length, hidden_dim)
        tokens = self._projected(encoder_input, encoding)
        words = self._projected(questions.encoder_input, questions.encoding)
        is_span = self._is_span(mask, sentence_ids)
        output: Dict[str, Any] = {}
        if self.training:
            logits = self._logits(tokens, words, questions.mask, known, is_span)
            assert gold is not None
            targets = self._targets(gold, 0, len(asked.rows), mask.size(1))
            output["loss"] = self._loss(logits, asked, targets, weights)
            return output
        size = max(1, _TOKENS_AT_ONCE // mask.size(1))
        losses, found = [], []
        for first in range(0, max(1, len(asked.rows)), size):
            block = asked.at(slice(first, first + size))
            logits = self._logits(tokens, words, questions.mask, known.at(slice(first, first + size)), is_span)
            if gold is not None:
                targets = self._targets(gold, first, len(block.rows), mask.size(1))
                losses.append(self._loss(logits, block, targets, weights[first : first + size]))
            found += self._found(logits, block, first)
        if losses:
            output["loss"] = torch.stack(losses).sum()
        output.update(self._decoded(found, known, questions.names, metadata, len(mask), with_scores))
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        # Workers may have rows of different sources, and all must ask for the scores of each.
        for name, of_task in pooled({name: type(scores) for name, scores in self._scores.items()}).items():
            self._scores.setdefault(name, of_task())
        of_sources = {name: self._scores[name].get_metric() for name in sorted(self._scores)}
        metrics = {"f1": sum(figures["f1"] for figures in of_sources.values()) / max(1, len(of_sources))}
        for name, figures in of_sources.items():
            metrics.update({f"{name}_{figure}": value for figure, value in figures.items()})
        if reset:
            self._scores.clear()
        return metrics

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        """Of the answers in a row, and what no question asks for."""
        stops: List[int] = []
        for sentence in metadata["sentences"]:
            stops += [len(stops) + len(sentence)] * len(sentence)
        answers = metadata["answers"]
        near = sum(end < min(stops[start], start + self._max_span_width) for start, end, _ in answers)
        return near, len(answers) + metadata["num_not_asked"]

    def index_label_texts(self, texts: Sequence[str]) -> TextFieldTensors:
        return index_texts(list(map(words_of, texts)), self._token_indexers, self.vocab)

    def _pairs(
        self,
        questions: Questions,
        pairs: Optional[torch.Tensor],
        answers: Optional[torch.Tensor],
        mask: torch.Tensor,
    ) -> Tuple[Pairs, torch.Tensor]:
        """The questions that are asked, in training drawn from all, on the host, and how often each of them counts."""
        device = mask.device
        # On the host, which knows what is asked: otherwise it would wait for how many questions there are.
        if pairs is None or questions.numbers is None:
            # All of every row. Shape (each): (batch_size * num_questions,)
            number = len(questions.mask)
            rows = torch.arange(len(mask)).repeat_interleave(number)
            places = torch.arange(number).repeat(len(mask))
            about = torch.full_like(rows, -1)
            number_of_answers = torch.full_like(rows, SEVERAL if self.labels else AT_MOST_ONE)
            everything = Pairs(rows, places, about, about, number_of_answers, places)
            return everything, torch.ones(len(rows), device=device)
        given = [pairs, questions.numbers] if answers is None else [pairs, questions.numbers, answers]
        pairs, numbers_of_texts, *known_answers = on_host(*given)
        answers = known_answers[0] if known_answers else None
        # Shape: (batch_size, num_pairs)
        is_asked = pairs[..., 0] >= 0
        if self.training and answers is not None and pairs.size(1):
            of_pairs = answers[..., 0]
            is_answered = torch.zeros_like(is_asked, dtype=torch.long)
            is_answered = is_answered.scatter_add(1, of_pairs.clamp(min=0), (of_pairs >= 0).long()) > 0
            places, weights = self._drawn(
                (is_asked & is_answered).nonzero(), (is_asked & ~is_answered).nonzero(), mask.size(1)
            )
        else:
            places = is_asked.nonzero()
            weights = torch.ones(len(places))
        rows, of_rows = places.unbind(1)
        # Shape: (num_asked, 4)
        chosen = pairs[rows, of_rows]
        numbers = numbers_of_texts[rows, chosen[:, 0]]
        asked = Pairs(rows, numbers, chosen[:, 1], chosen[:, 2], chosen[:, 3], of_rows)
        return asked, moved(weights, device)

    def _drawn(
        self, answered: torch.Tensor, unanswered: torch.Tensor, length: int
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Those of the questions that are asked in training, and how often each counts. Of too many half are answered,
        where there are so many. Shapes: (num_questions, 2), both -> (num_drawn, 2) and (num_drawn,)"""
        most = max(2, self._max_training_tokens // length)
        num_unanswered = math.ceil(self._unanswered_share * len(unanswered))
        num_answered = min(len(answered), max(most // 2, most - num_unanswered))
        num_unanswered = min(num_unanswered, most - num_answered)
        drawn, weights = [], []
        for places, number in ((answered, num_answered), (unanswered, num_unanswered)):
            order = torch.randperm(len(places), device=places.device)[:number]
            drawn.append(places[order])
            weights.append(torch.full((number,), len(places) / max(1, number), device=places.device))
        return torch.cat(drawn), torch.cat(weights)

    def _projected(self, encoder_input: torch.Tensor, encoding: torch.Tensor) -> torch.Tensor:
        # What the encoder read has a dropout of its own.
        return self._tokens(torch.cat([encoder_input, self._dropout(encoding)], dim=-1))

    def _is_span(self, mask: torch.Tensor, sentence_ids: torch.Tensor) -> torch.Tensor:
        """Which cells of the grid of starts and widths are spans within a sentence.

        Shapes: (batch_size, length), both -> (batch_size, length, max_width)
        """
        # All padding is of a sentence of its own, and so is what lies behind the row.
        ids = F.pad(sentence_ids.masked_fill(~mask, -1), (0, self._max_span_width - 1), value=-1)
        return (ids.unfold(1, self._max_span_width, 1) == sentence_ids.unsqueeze(-1)) & mask.unsqueeze(-1)

    def _logits(
        self,
        tokens: torch.Tensor,
        words: torch.Tensor,
        word_mask: torch.Tensor,
        asked: Pairs,
        is_span: torch.Tensor,
    ) -> torch.Tensor:
        """Of questions on the host. Shape: (num_pairs, length, max_width)"""
        # Each term of `h` depends on the text of the question or on the span that it is about, never on both. So both
        # sums are computed once for all pairs that share them: questions about a hundred spans are often one text.
        device = tokens.device
        of_texts, text_of = asked.distinct(asked.rows, asked.questions)
        of_abouts, about_of = asked.distinct(asked.rows, asked.starts, asked.ends)
        # Shape: (num_pairs, length, hidden_dim)
        by_text = self._vectors_of_texts(tokens, words, word_mask, of_texts.on(device))
        by_about = self._vectors_around_abouts(tokens, of_abouts.on(device))
        hidden = by_text.index_select(0, moved(text_of, device)) + by_about.index_select(0, moved(about_of, device))
        return self._span_scores(self._dropout(hidden.relu())).masked_fill(~is_span[moved(asked.rows, device)], _NEVER)

    def _vectors_of_texts(
        self, tokens: torch.Tensor, words: torch.Tensor, word_mask: torch.Tensor, asked: Pairs
    ) -> torch.Tensor:
        """The terms of `h` that the text of each question makes. Shape: (num_pairs, length, hidden_dim)"""
        # Shape: (num_questions, question_length)
        weights = in_float32(self._word_weights, words).squeeze(-1).masked_fill(~word_mask, -math.inf).softmax(-1)
        # Shape: (num_questions, hidden_dim)
        wholes = (weights.unsqueeze(1).to(words.dtype) @ words).squeeze(1)
        # Shape: (num_pairs, length, hidden_dim)
        of_pairs = tokens[asked.rows]
        hidden = self._of_token(tokens)[asked.rows] + self._of_question(wholes)[asked.questions].unsqueeze(1)
        hidden = hidden + self._with_question(of_pairs * wholes[asked.questions].unsqueeze(1))
        if not self._attention:
            return hidden
        of_words = words[asked.questions]
        # Shape: (num_pairs, length, question_length)
        products = at_least_float32(of_pairs @ of_words.transpose(1, 2)) / math.sqrt(words.size(-1))
        attention = products.masked_fill(~word_mask[asked.questions].unsqueeze(1), -math.inf).softmax(-1)
        attention = attention.to(words.dtype)
        # The projection of a mean is the mean of projections, of which there are fewer.
        hidden = hidden + attention @ self._of_words(words)[asked.questions]
        # Shape: (num_pairs, length, hidden_dim)
        return hidden + self._with_words(of_pairs * (attention @ of_words))

    def _vectors_around_abouts(self, tokens: torch.Tensor, asked: Pairs) -> torch.Tensor:
        """The terms of `h` that the span makes which each question is about. Shape: (num_pairs, length, hidden_dim)"""
        # Shape: (num_pairs, hidden_dim)
        abouts = self._vectors_of_abouts(tokens, asked)
        hidden = self._distances(self._distance(asked, tokens.size(1))) + self._of_question(abouts).unsqueeze(1)
        return hidden + self._with_question(tokens[asked.rows] * abouts.unsqueeze(1))

    def _span_scores(self, hidden: torch.Tensor) -> torch.Tensor:
        """(num_pairs, length, hidden_dim) -> (num_pairs, length, max_width); spans that end behind all tokens have any
        score."""
        # Shapes: (num_pairs, length, hidden_dim // 2) and (num_pairs, length), twice
        (starts, of_starts), (ends, of_ends) = (
            (scores[..., :-1].contiguous(), scores[..., -1])
            for scores in (in_float32(self._starts, hidden), in_float32(self._ends, hidden))
        )
        length = starts.size(1)
        matches = []
        for width, of_width in enumerate(self._widths.weight):
            number = max(0, length - width)
            # In place, since these are the largest tensors of an update. Shape: (num_pairs, number, hidden_dim // 2)
            both = (starts[:, :number] + of_width).add_(ends[:, width:]).relu_()
            matches.append(F.pad(in_float32(self._match, both).squeeze(-1), (0, length - number)))
        last = F.pad(of_ends, (0, self._max_span_width - 1)).unfold(1, self._max_span_width, 1)
        return torch.stack(matches, dim=-1) + of_starts.unsqueeze(-1) + last

    def _vectors_of_abouts(self, tokens: torch.Tensor, asked: Pairs) -> torch.Tensor:
        """Those of the spans that questions are about, and 0 for questions about none. Shape: (num_pairs,
        hidden_dim)"""
        # A bag of rows, summed without a tensor of all of them. Shape: (num_pairs, max_width)
        positions = asked.starts.unsqueeze(1) + torch.arange(self._max_span_width, device=tokens.device)
        is_inside = (positions <= asked.ends.unsqueeze(1)) & (asked.starts >= 0).unsqueeze(1)
        positions = positions.clamp(0, tokens.size(1) - 1) + asked.rows.unsqueeze(1) * tokens.size(1)
        weights = is_inside.to(tokens.dtype) / is_inside.sum(-1, keepdim=True).clamp(min=1)
        means = F.embedding_bag(positions, tokens.flatten(0, 1), per_sample_weights=weights, mode="sum")
        return self._about(means) * (asked.starts >= 0).unsqueeze(1)

    def _distance(self, asked: Pairs, length: int) -> torch.Tensor:
        """How far each token is from the span that the question is about: 0 for a question about none, then from the
        farthest before it to the farthest behind it. Shape: (num_pairs, length)"""
        positions = torch.arange(length, device=asked.rows.device)
        # Shape: (num_pairs, length)
        before = (asked.starts.unsqueeze(1) - positions).clamp(min=0)
        behind = (positions - asked.ends.unsqueeze(1)).clamp(min=0)
        steps = (before + behind).clamp(min=1).log2().floor().long() + 1
        steps = steps.clamp(max=_FARTHEST) * (behind.sign() - before.sign())
        return (steps + _FARTHEST + 1).where((asked.starts >= 0).unsqueeze(1), 0)

    def _loss(self, logits: torch.Tensor, asked: Pairs, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The sum of the losses of all questions. Shapes: (num_pairs, length, max_width), twice; (num_pairs,)"""
        if not len(asked.rows):
            return logits.sum()
        # Shapes: (num_pairs, length * max_width)
        logits = logits.flatten(1)
        is_span = logits > _NEVER
        targets = targets.flatten(1) & is_span
        of_each = F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
        several = of_each.masked_fill(~is_span, 0.0).sum(-1)
        # Of a choice the score of none, which comes last, is 0; where one must answer there is none.
        must_answer = asked.number_of_answers == ONE
        none = torch.zeros_like(logits[:, :1]).masked_fill(must_answer.unsqueeze(1), _NEVER)
        choices = torch.cat([logits, none], dim=-1)
        is_gold = torch.cat([targets, ~targets.any(-1, keepdim=True)], dim=-1)
        choice = choices.logsumexp(-1) - choices.masked_fill(~is_gold, -math.inf).logsumexp(-1)
        # Where its answer cannot be found, a question that must have one teaches nothing.
        choice = choice.masked_fill(must_answer & ~targets.any(-1), 0.0)
        return (several.where(asked.number_of_answers == SEVERAL, choice) * weights).sum()

    def _gold(self, asked: Pairs, pairs: torch.Tensor, answers: torch.Tensor, mask: torch.Tensor) -> Gold:
        num_asked, (batch_size, num_places) = len(asked.rows), pairs.shape[:2]
        of_pairs, starts, ends = answers.unbind(-1)
        # Which of the questions that are asked each answer is of; the others share a number behind all.
        number_of = asked.rows.new_full((batch_size, num_places + 1), num_asked)
        number_of[asked.rows, asked.places] = torch.arange(num_asked, device=mask.device)
        numbers = number_of.gather(1, of_pairs.where(of_pairs >= 0, num_places))
        numbers = numbers.where(ends - starts < self._max_span_width, num_asked)
        cells = starts.clamp(min=0) * self._max_span_width + (ends - starts).clamp(0, self._max_span_width - 1)
        return Gold(numbers.flatten(), cells.flatten())

    def _targets(self, gold: Gold, first: int, count: int, length: int) -> torch.Tensor:
        """Which cells of the grid of starts and widths answer so many questions, from one on.

        Shape: (count, length, max_width)
        """
        num_cells = length * self._max_span_width
        numbers = gold.numbers - first
        cells = (numbers * num_cells + gold.cells).where((numbers >= 0) & (numbers < count), count * num_cells)
        grid = torch.zeros(count * num_cells + 1, dtype=torch.bool, device=cells.device)
        # Of zeros and ones, so that nobody minds that cells come again.
        return grid.index_fill(0, cells, True)[:-1].view(count, length, self._max_span_width)

    def _found(self, logits: torch.Tensor, asked: Pairs, first: int) -> List[Answer]:
        """The answers to a block of questions, whose numbers begin with `first`."""
        if not len(asked.rows):
            return []
        flat = logits.flatten(1)
        is_several = (asked.number_of_answers == SEVERAL).unsqueeze(1)
        is_found = (flat >= self._threshold_logit) & is_several
        # Shape: (num_pairs, 1)
        best, cell = flat.max(-1, keepdim=True)
        must_answer = (asked.number_of_answers == ONE).unsqueeze(1)
        is_chosen = ~is_several & ((best >= self._threshold_logit) | must_answer) & (best > _NEVER)
        is_found = is_found.scatter(1, cell, is_found.gather(1, cell) | is_chosen)
        numbers, cells = is_found.nonzero().unbind(1)
        of_found = flat[numbers, cells]
        none = torch.zeros_like(best).masked_fill(must_answer, _NEVER)
        totals = torch.cat([flat, none], dim=-1).logsumexp(-1)[numbers]
        probabilities = of_found.sigmoid().where(is_several[numbers].squeeze(1), (of_found - totals).exp())
        starts = cells.div(self._max_span_width, rounding_mode="floor")
        ends = starts + cells.remainder(self._max_span_width)
        columns = on_host(numbers + first, starts, ends, of_found - self._threshold_logit, probabilities)
        return [Answer(*values) for values in zip(*(column.tolist() for column in columns))]

    def _decoded(
        self,
        found: List[Answer],
        known: Pairs,
        names: Optional[Sequence[str]],
        metadata: Optional[List[Dict[str, Any]]],
        batch_size: int,
        with_scores: bool,
    ) -> Dict[str, Any]:
        """`predictions`, and `scores` where they are wanted; counts for the metrics what has gold."""
        rows, places = known.rows.tolist(), known.places.tolist()
        abouts = list(zip(known.starts.tolist(), known.ends.tolist()))
        by_row: List[List[Tuple[Span, float]]] = [[] for _ in range(batch_size)]
        counted: List[List[Found]] = [[] for _ in range(batch_size)]
        for number, group in groupby(found, key=lambda answer: answer.pair):
            answers, row, place = list(group), rows[number], places[number]
            bounds = [(answer.start, answer.end) for answer in answers]
            # What is just at the threshold weighs nothing, and what must answer may be below it.
            weights = [max(answer.weight, 1e-6) for answer in answers]
            for kept in standing_together(bounds, weights, self._overlaps, "best"):
                answer = answers[kept]
                if names is None:
                    assert metadata is not None
                    name, about = metadata[row]["texts"][place], abouts[number] if abouts[number][0] >= 0 else None
                    label = metadata[row]["labels"][place]
                    counted[row].append(Found(label, about, bounds[kept], answer.weight))
                else:
                    name = names[place]
                by_row[row].append((Span(*bounds[kept], name), answer.probability))
        if names is None and metadata is not None:
            for of_row, each in zip(metadata, counted):
                scores = self._scores.setdefault(of_row["source"], TASK_SCORES[of_row["task"]]())
                scores(of_row, each)
        by_row = [sorted(dict(sorted(row, key=lambda each: each[1])).items()) for row in by_row]
        output: Dict[str, Any] = {"predictions": [[span for span, _ in row] for row in by_row]}
        if with_scores:
            output["scores"] = [[score for _, score in row] for row in by_row]
        return output
