"""What the hierarchy asks of a head."""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models.heads import Head
from allennlp.nn import RegularizerApplicator

from hmtl.document import Document
from hmtl.document import Scope as Scope
from hmtl.tasks.kind import Kind, kind_of


class LabelTexts(NamedTuple):
    """Labels that are texts, as a head that `reads_label_texts` gets them.

    # Attributes

    names : `Sequence[Optional[str]]`
        What spans with each label are called: first the head's own labels, then others; `None` for one that was not
        asked for, of which no span is found.
    vectors : `torch.Tensor`
        The mean of the shared embedding over the words of each text. Shape: (num_labels, embedding_dim)
    is_scored : `Optional[torch.Tensor]`
        Which labels each row is scored for; by default all. Shape: (batch_size, num_labels)
    """

    names: Sequence[Optional[str]]
    vectors: torch.Tensor
    is_scored: Optional[torch.Tensor] = None


class Questions(NamedTuple):
    """Questions that are texts, as a head that `reads_questions` gets them: read by its own level.

    # Attributes

    encoding, encoder_input, mask : `torch.Tensor`
        As those of a row, see `TaskHead`. Shapes: (num_questions, length, ...)
    numbers : `Optional[torch.Tensor]`
        Which questions each row of a batch has, as `DistinctTextsField` gives them. Shape: (batch_size, most of a row)
    names : `Optional[Sequence[str]]`
        What the answers to each are called, where all are asked of every row.
    """

    encoding: torch.Tensor
    encoder_input: torch.Tensor
    mask: torch.Tensor
    numbers: Optional[torch.Tensor] = None
    names: Optional[Sequence[str]] = None


class TaskHead(Head):
    """Predicts one task from the vectors of one level.

    `forward(encoding, encoder_input, mask, sentence_ids, metadata, with_scores, **targets)` gets

    - `encoding`, shape (batch_size, length, encoding_dim): the output of the level's encoder,
    - `encoder_input`, shape (batch_size, length, encoder_input_dim): what that encoder read,
    - `mask`, shape (batch_size, length): which tokens are real,
    - `sentence_ids`, shape (batch_size, length): the sentence of each token,
    - `metadata`, one dictionary a row where the reader gave it,
    - `with_scores`, whether scores of the predictions are wanted, and the reader's target fields,

    where a row is a sentence or a document, as `scope` says. It returns `loss` where there are targets, and, outside
    training, `predictions`, one list a row of items of the kind that `predicts` names (see `Kind`), such as `spans`;
    offsets count tokens from the start of the row. A head decodes and updates its metrics only outside training.

    The level's encoder reads rows of the same scope, unless `encoder_scope` names the other: a head of documents whose
    encoder reads sentences gets the vectors of these, document by document.

    A head that `reads_second_text` also gets `second_text`, shape (batch_size, 1): of a pair of texts the sentence,
    from 0, that begins the second one, and 0 for any other row.

    A head that `reads_spans` also gets `predicted_spans` outside training, of a model with tasks that predict spans of
    the same scope: for each of these tasks its `predictions`, those of the levels that the task reads first, the
    nearest before all others. `span_labels` then holds the labels of these tasks, and is `None` where there are none.

    One that `trains_on_spans` gets them in training, too, of the levels that its own reads alone: then as tensors, each
    the `candidate_spans` of such a level's head. Where its rows are documents, the spans that heads of sentences find
    come by document. Its constructor may take `span_layers`, a dictionary from these tasks,
    the nearest first, to their labels, and set `span_levels`: it then gets the spans of these tasks alone, in that
    order. Its `read_labels` are the labels that its weights stand for beside its own, in their order, and
    `read_in_another_order` gives them another.

    Where they are wanted it then also returns `scores`, nested like `predictions`: a probability, a float between 0 and
    1, for each item, such as that of exactly this span with this label; and for each cluster a list of one float a
    mention: the probability of the link to the antecedent that it was joined by, for the first mention that of the
    likeliest link to it, and for the mention of a cluster of one that it is a mention.

    A batch may be computed in parts, over workers or one after the other, and the gradient must be that of the whole.
    A `loss` that is a sum over rows adds up. One that is a mean comes with `loss_count`, shape (), a float tensor on
    the loss's device: the number of items that it is the mean over, which may be 0. Then `loss * loss_count` adds up,
    and its sum over the parts, divided by the sum of the counts (at least 1), is the loss of the whole batch. A loss
    that counts padding adds up only where the parts are padded alike.

    Under `torch.autocast` the vectors may hold 16 bits; the loss is float32 all the same.

    Gold that the head can never predict stays gold, and counts as missed. `findable` counts the rest, and
    `why_not_findable` says, in words that go on from "they", what keeps it from being found.

    `labels` names what the weights stand for, in their order, and `reordered` gives them another. It is empty for a
    head without labels, and `None` where the head does not say: fine-tuning then does not take its weights.

    One that `reads_label_texts` also gets `label_texts`, for the labels that are asked for, or else for its own. These
    are the `labels` that it saw in training, and no weight of its stands for one of them. It embeds nothing itself:
    `index_label_texts` gives the tensors that the model's embedder reads.

    One that `reads_questions`, too, gets `questions` in their place: those of the field `questions` of a batch, a
    `DistinctTextsField`; or else those that are asked for, or its own; or `None` where there are none. They are read as
    sentences by the level of the head and those below.

    One that labels each token tells the levels above its `label_distribution` over `num_token_labels` labels, and names
    the `label_parts` of it, its children whose weights that depends on. A head without these does not label tokens. One
    that labels pairs of texts has in the same way `num_pair_labels` and `pair_label_distribution`; a head that
    `reads_second_text` then gets what its level reads of the labels of pairs as `label_vectors`, shape (batch_size,
    label_vectors_dim), whose size is an argument of its constructor.

    One that `starts_from_data` gets the metadata of all training instances by `start_from_data`, before the first
    update, and may set weights by them. Of a head that has the weights of a trained one it is `False`.

    A registered subclass takes the keyword arguments `vocab`, `encoding_dim`, `encoder_input_dim` and `task_name`,
    which `HMTL` supplies, beside those of its configuration.

    # Raises

    ConfigurationError
        Where no kind is registered by the name that `predicts` has.
    """

    scope: Scope = "sentence"
    encoder_scope: Optional[Scope] = None
    predicts: str = "spans"
    labels: Optional[List[str]] = None
    why_not_findable: str = ""
    reads_spans: bool = False
    span_labels: Optional[Set[str]] = None
    trains_on_spans: bool = False
    span_levels: Optional[Sequence[str]] = None
    starts_from_data: bool = False
    reads_label_texts: bool = False
    reads_second_text: bool = False
    reads_questions: bool = False
    read_labels: Sequence[str] = ()
    num_token_labels: int = 0
    num_pair_labels: int = 0
    label_parts: Sequence[str] = ()

    def __init__(self, vocab: Vocabulary, regularizer: Optional[RegularizerApplicator] = None) -> None:
        super().__init__(vocab, regularizer)
        try:
            kind_of(self.predicts)
        except ConfigurationError as error:
            raise ConfigurationError(f"{type(self).__name__}: {error}") from error

    @property
    def threshold(self) -> Optional[float]:
        """The probability from which on something is found; `None` for a head without such an option. To set it for
        such a head, or to what is no probability, is a `ConfigurationError`."""
        logit = getattr(self, "_threshold_logit", None)
        return None if logit is None else 1 / (1 + math.exp(-logit))

    @threshold.setter
    def threshold(self, probability: float) -> None:
        if self.threshold is None:
            raise ConfigurationError(f"a {type(self).__name__} has no threshold that could be set to {probability}")
        self._threshold_logit = log_odds(probability, "threshold")

    @property
    def kind(self) -> Kind:
        """What becomes of the head's predictions."""
        return kind_of(self.predicts)

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **targets: torch.Tensor,
    ) -> Dict[str, Any]:
        raise NotImplementedError

    @torch.no_grad()
    def candidate_spans(
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        **options: Any,
    ) -> torch.Tensor:
        """The spans that a head predicts, for the training of a head that reads them: found as outside of training,
        without dropout, but never on the host, and without gradients.

        Shape: (batch_size, num_spans, 3), rows `(start, end, label)`; -1 where there is none.

        # Raises

        ConfigurationError
            Where the head cannot tell.
        """
        training = self.training
        self.eval()
        try:
            return self._candidates(encoding, encoder_input, mask, **options)
        finally:
            self.train(training)

    def _candidates(self, encoding: torch.Tensor, encoder_input: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        raise ConfigurationError(f"a {type(self).__name__} cannot give its spans to the training of other levels")

    def label_distribution(self, encoding: torch.Tensor) -> torch.Tensor:
        """The probability of each label at each token, with gradients, and with dropout in training, for levels that
        read label embeddings. At padding it may be any.

        Shapes: (batch_size, length, encoding_dim) -> (batch_size, length, num_token_labels)

        # Raises

        NotImplementedError
            Where the head does not label tokens.
        """
        raise NotImplementedError

    def pair_label_distribution(
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        second_text: Optional[torch.Tensor] = None,
        label_vectors: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """The same of each pair of texts, for levels of pairs that read label embeddings; the arguments are those of
        `forward`. Of a row that is no pair it may be any. Shape: (batch_size, num_pair_labels)

        # Raises

        NotImplementedError
            Where the head does not label pairs.
        """
        raise NotImplementedError

    def index_label_texts(self, texts: Sequence[str]) -> TextFieldTensors:
        """The texts of labels as the model's embedder reads them. Shapes: (num_labels, length, ...)"""
        raise NotImplementedError

    def start_from_data(self, rows: Sequence[Dict[str, Any]]) -> None:
        """Sets weights by the metadata of all training instances."""
        raise NotImplementedError

    def learn_training_documents(self, documents: Sequence[Document]) -> None:
        """Gets what is gold of the training data, see `DocumentReader.gold_documents`, before a run is evaluated: for
        metrics that tell apart what training has shown. By default nothing comes of it."""

    def exported_scores(self, encoding: torch.Tensor, encoder_input: torch.Tensor) -> torch.Tensor:
        """What is left of prediction once the levels are computed, up to the choice of items, by operations on tensors
        that do not depend on what stands in them: a graph of them can be kept apart from this code, see `hmtl.export`.

        Shapes: (batch_size, length, encoding_dim) and (batch_size, length, encoder_input_dim) ->
        (batch_size, length, ...). At padding they may be any.

        # Raises

        NotImplementedError
            Where the head has no such form.
        """
        raise NotImplementedError

    def decoding(self) -> Dict[str, Any]:
        """All that has to be known to choose items by the `exported_scores`, as JSON; `hmtl.exported` does so by its
        entry `decoder`."""
        raise NotImplementedError

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        """Of the gold items in one row's metadata, how many this head could find at all, and how many there are.

        Items are what the metrics of the head count, each once: spans, relations, or the mentions of clusters.

        # Raises

        NotImplementedError
            Where the head does not say. Reports are then silent on it.
        """
        raise NotImplementedError

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        """The weights of such a head, by name, with its labels in another order: label `order[n]` becomes label `n`."""
        raise NotImplementedError

    def read_in_another_order(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        """The same for its `read_labels`, of a head that has some."""
        raise NotImplementedError


def span_tasks_for(task: str, reads: Dict[str, List[str]], heads: Dict[str, TaskHead]) -> List[str]:
    """The tasks whose spans a task that `reads_spans` gets: first those that it reads, directly or through others, the
    nearest first; then all others of the same scope, the highest first.

    `heads` is in bottom-up order, so that a task's readers stand behind it.
    """
    below = {task}
    top_down = list(reversed(heads))
    for reader in top_down:
        if reader in below:
            below.update(reads[reader])
    spans = [
        name
        for name in top_down
        if heads[name].kind.gives_spans and not heads[name].reads_spans and heads[name].scope == heads[task].scope
    ]
    return [name for name in spans if name in below] + [name for name in spans if name not in below]


def labels_of(vocab: Vocabulary, namespace: str, task: str) -> List[str]:
    """The labels of a namespace in the order of their indices.

    # Raises

    ConfigurationError
        Where there are none, or the namespace has entries for padding and unknown tokens, which are no labels.
    """
    labels = [label for _, label in sorted(vocab.get_index_to_token_vocabulary(namespace).items())]
    if not labels:
        others = [name for name in vocab.get_namespaces() if vocab.get_vocab_size(name) and not vocab.is_padded(name)]
        raise ConfigurationError(
            f"task '{task}': no label in the vocabulary namespace '{namespace}' (there are labels in: "
            f"{', '.join(sorted(others)) or 'none'}); give the task's dataset reader and its head one label_namespace; "
            "a head's is by default called by its task, a reader's by its layer"
        )
    if vocab.is_padded(namespace):
        raise ConfigurationError(
            f"task '{task}': the vocabulary namespace '{namespace}' has entries for padding and unknown tokens; "
            "give label_namespace, in the dataset reader too, a name that ends in 'labels'"
        )
    return labels


class OptionError(ConfigurationError):
    """An option of a head or a level has a value that it cannot have; the message begins with the option's name."""


def check_numbers(least: int, **numbers: float) -> None:
    """Raises `OptionError` for an option whose number is below the least."""
    for name, number in numbers.items():
        if number < least:
            raise OptionError(f"{name} is {number}; it must be at least {least}")


def check_dropout(**probabilities: float) -> None:
    """Raises `OptionError` for an option that is no probability of dropping a number: at 1 nothing would be left."""
    for name, probability in probabilities.items():
        if not 0 <= probability < 1:
            raise OptionError(f"{name} is {probability}; it must be at least 0 and below 1")


def log_odds(probability: float, name: str) -> float:
    """The log-odds of a probability.

    # Raises

    OptionError
        Where it does not lie between 0 and 1.
    """
    if not 0 < probability < 1:
        raise OptionError(f"{name} is {probability}; it must lie between 0 and 1")
    return math.log(probability / (1 - probability))
