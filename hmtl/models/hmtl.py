"""The hierarchy of levels; nothing here knows about any one task."""

import os
from contextlib import contextmanager
from functools import partial
from typing import Any, Collection, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union, cast

import numpy
import torch
from allennlp.common import FromParams, Lazy, Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.params import remove_keys_from_params
from allennlp.common.util import JsonDict, int_to_device
from allennlp.data import DatasetReader, TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.models.archival import Archive, load_archive
from allennlp.models.heads import Head
from allennlp.modules import Seq2SeqEncoder, TextFieldEmbedder
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.predictors import Predictor

from hmtl.common.archives import trusting, weights_path
from hmtl.common.checks import did_you_mean, it_has
from hmtl.common.devices import computed, computed_twice, moved, on_host
from hmtl.common.file_names import ARCHIVE_NAME, BEST, SUFFIX, VOCABULARY_NAME
from hmtl.common.model_names import find_model
from hmtl.common.packages import include_packages_of_run
from hmtl.common.weights import all_weights, load_into, main_weights
from hmtl.document import Span
from hmtl.errors import UserError
from hmtl.metrics.calibration import tempered
from hmtl.models.calibration import TaskCalibration, read_calibration
from hmtl.models.encodings import BatchLayout, Encodings, GroupedEncoding, GroupedEncodings, Groups, Layout, TextLayout
from hmtl.modules import DocumentLayout, Dropout, SharedEncoder
from hmtl.modules.frozen import are_equal
from hmtl.modules.token_rows import TokenRows
from hmtl.tasks import TaskHead
from hmtl.tasks.task_head import LabelTexts, Questions, Scope, check_dropout, check_numbers, span_tasks_for

# Indexers whose tensors have a dimension of characters behind that of tokens.
_CHARACTER_TENSORS = ("token_characters", "elmo_tokens")
# Of how many sets of labels the vectors are kept.
_MOST_KNOWN_TEXTS = 256

# For each task the labels to find, and the text of each.
AskedLabels = Mapping[str, Mapping[str, str]]
# The spans of a row, a sentence or a document, that are known; `None` where they are to be found.
GivenSpans = Optional[Sequence[Span]]


class Level(FromParams):
    """One task of the hierarchy.

    # Parameters

    head : `Lazy[Head]`
        Predicts the task from the encoder's output. Its sizes are computed.
    encoder : `Lazy[Seq2SeqEncoder]`, optional
        Reads the shared embedding concatenated with the outputs of the levels in `reads`. Its input size is computed.
        A level without an encoder of its own takes the task's output of the model's shared encoder.
    reads : `List[str]`, optional (default = `[]`)
        The levels whose outputs this one reads.
    reads_embedding : `bool`, optional (default = `True`)
        Whether the level also reads the shared embedding, the paper's short-cut connection (Sanh et al. 2019, section
        2; Hashimoto et al. 2017). Without, its encoder reads the outputs of the levels in `reads` alone, and so does
        what of its head reads what the encoder read, such as the attention of a coreference head over the words of a
        span.
    reads_label_embeddings : `List[str]`, optional (default = `[]`)
        The levels whose labels this one's encoder reads, as a vector for each token: the sum over the labels `j` of
        that level's head of p(y = j | h) l(j), where the embedding l(j) is learned by the levels that read it
        (Hashimoto et al. 2017, section 2.3, equation 2). For heads that label tokens: `hmtl_crf` and
        `hmtl_token_classification`. A level of pairs of texts may also read those of another one, whose `hmtl_pairs`
        predicts labels, or a number by a `number_range`, whose whole numbers are the labels: then a vector for each
        pair, which the head reads beside the features of the same pair, not the encoder (section 2.6). Gradients flow
        through p into the level below and its head.
    label_embedding_dim : `int`, optional (default = `100`)
        The size of the embeddings of this level's labels, for the levels that read these.
    reads_labels : `List[str]`, optional (default = `[]`)
        More levels, of which the head alone reads: the spans that they predict, not their outputs. For heads that read
        spans, such as those of relations.
    input_dropout : `float`, optional (default = `0.0`)
        Dropout on what the encoder reads; the lexical dropout of coreference.

    # Raises

    OptionError
        Where `input_dropout` is no such probability, or `label_embedding_dim` is below 1.
    """

    def __init__(
        self,
        head: Lazy[Head],
        encoder: Lazy[Seq2SeqEncoder] = None,
        reads: List[str] = None,
        input_dropout: float = 0.0,
        reads_labels: List[str] = None,
        reads_embedding: bool = True,
        reads_label_embeddings: List[str] = None,
        label_embedding_dim: int = 100,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.reads = reads or []
        self.reads_embedding = reads_embedding
        self.reads_label_embeddings = reads_label_embeddings or []
        check_numbers(1, label_embedding_dim=label_embedding_dim)
        self.label_embedding_dim = label_embedding_dim
        self.reads_labels = reads_labels or []
        check_dropout(input_dropout=input_dropout)
        self.input_dropout = input_dropout


@Model.register("hmtl")
class HMTL(Model):
    """A hierarchical multi-task model (Sanh, Wolf and Ruder 2019): tasks supervised at different levels of one network.

    # Parameters

    text_field_embedder : `TextFieldEmbedder`
        The shared embedding that every level reads.
    levels : `Dict[str, Level]`
        The levels by name; a level's name is its task's.
    shared_encoder : `Lazy[SharedEncoder]`, optional
        Reads the shared embedding for the levels without an encoder of their own, sentence by sentence. The levels
        above may read these like any others.
    initializer : `InitializerApplicator`, optional
    regularizer : `RegularizerApplicator`, optional
        Its penalty is added to the training loss.

    # Raises

    ConfigurationError
        Where a level reads an unknown level, or levels read one another in a circle; where a level reads neither the
        embedding nor another level, or a head needs the embedding that its level does not read; where a level reads the
        label embeddings of one whose head labels neither tokens nor pairs of texts, or those of pairs and has a head
        that reads none; where a level has `reads_labels`, and a head that reads no spans; where a level has no encoder,
        but options of one; where there is a shared encoder and no level that needs it, or the reverse; where the
        embedding has adapters one a task and these are not the tasks whose levels read it, or there is a shared
        encoder, which has no task.
    """

    default_predictor = "hmtl"

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        levels: Dict[str, Level],
        shared_encoder: Lazy[SharedEncoder] = None,
        initializer: InitializerApplicator = None,
        regularizer: RegularizerApplicator = None,
    ) -> None:
        super().__init__(vocab, regularizer)
        self.text_field_embedder = text_field_embedder
        self.reads = {name: sorted(level.reads) for name, level in levels.items()}
        self.reads_embedding = {name: level.reads_embedding for name, level in levels.items()}
        self.reads_label_embeddings = {name: sorted(level.reads_label_embeddings) for name, level in levels.items()}
        # Those of which the encoder reads the output, the labels, or both.
        self.read_levels = {name: sorted({*of, *self.reads_label_embeddings[name]}) for name, of in self.reads.items()}
        # Those of which the head alone reads.
        self.reads_labels = {name: sorted(level.reads_labels) for name, level in levels.items()}
        self._below = {name: sorted({*of, *self.reads_labels[name]}) for name, of in self.read_levels.items()}
        self.tasks = bottom_up(self._below)
        self.encoders = torch.nn.ModuleDict()
        self.heads = torch.nn.ModuleDict()
        # By level: the embeddings of its labels, where others read them.
        self.label_embeddings = torch.nn.ModuleDict()
        self.input_dropouts = torch.nn.ModuleDict()
        self._evaluated: Set[str] = set()
        # A model from an archive has the reader that it was trained with, which knows how words are indexed.
        self.reader: Optional[DatasetReader] = None
        embedding_dim = text_field_embedder.get_output_dim()
        # Parts of the embedding with adapters one a task.
        parts = text_field_embedder.modules()
        self._adapted: List[Any] = [part for part in parts if getattr(getattr(part, "adapters", None), "tasks", None)]
        embedded = [task for task in self.tasks if self.reads_embedding[task]]
        _check_adapters(self._adapted, embedded, has_shared_encoder=shared_encoder is not None)
        sharing = _tasks_that_share(levels, self.tasks, has_shared_encoder=shared_encoder is not None)
        self.shared_encoder: Optional[SharedEncoder] = None
        if shared_encoder is not None:
            self.shared_encoder = shared_encoder.construct(shared_embedding_dim=embedding_dim, sharing_tasks=sharing)
        for task in self.tasks:
            level = levels[task]
            input_dim = sum(self.encoding_dim(lower) for lower in self.reads[task])
            if level.reads_embedding:
                input_dim += embedding_dim
            label_vectors_dim = 0
            for lower in self.reads_label_embeddings[task]:
                if lower not in self.label_embeddings:
                    self.label_embeddings[lower] = _label_embedding(task, lower, self.head(lower), levels[lower])
                if self.head(lower).num_pair_labels:
                    label_vectors_dim += levels[lower].label_embedding_dim
                else:
                    input_dim += levels[lower].label_embedding_dim
            if not input_dim:
                raise ConfigurationError(
                    f"level '{task}' reads nothing: it has reads_embedding false and no 'reads'; name the levels that "
                    "it reads, or remove reads_embedding"
                )
            if level.encoder is not None:
                # Some encoders call their input size `input_size`, others `input_dim`.
                self.encoders[task] = level.encoder.construct(input_size=input_dim, input_dim=input_dim)
                self.input_dropouts[task] = Dropout(level.input_dropout)
            head = level.head.construct(
                vocab=vocab,
                encoding_dim=self.encoding_dim(task),
                encoder_input_dim=input_dim,
                embedding_dim=embedding_dim,
                task_name=task,
                span_layers=self._span_layers_below(task),
                label_vectors_dim=label_vectors_dim,
            )
            if not isinstance(head, TaskHead):
                raise ConfigurationError(f"level '{task}': {type(head).__name__} is not a TaskHead of hmtl")
            if label_vectors_dim and not head.reads_second_text:
                lower = self._read_labels_of_pairs(task)[0]
                raise ConfigurationError(
                    f"level '{task}' reads the label embeddings of '{lower}', which are of pairs of texts, but its own "
                    f"head, {type(head).__name__}, reads no pairs, as hmtl_pairs does; remove '{lower}' from its "
                    "reads_label_embeddings"
                )
            if level.reads_labels and not (head.reads_spans or head.trains_on_spans):
                raise ConfigurationError(
                    f"level '{task}' has reads_labels, but its head, {type(head).__name__}, reads no spans of other "
                    "levels; heads of relations do: remove reads_labels here, or name the levels in reads, for their "
                    "vectors"
                )
            if head.reads_label_texts and not level.reads_embedding:
                raise ConfigurationError(
                    f"level '{task}' has reads_embedding false, but its head, {type(head).__name__}, compares the "
                    "embedding of its words with that of labels; remove reads_embedding"
                )
            self.heads[task] = head
        heads = {task: self.head(task) for task in self.tasks}
        # For each task whose head reads spans, the tasks that predict these spans; see `TaskHead`.
        self.span_tasks = {
            task: span_tasks_for(task, self._below, heads) if head.reads_spans else [] for task, head in heads.items()
        }
        for task, head in heads.items():
            if head.trains_on_spans:
                chosen = head.span_levels
                self.span_tasks[task] = list(self._span_layers_below(task) if chosen is None else chosen)
        for task, span_tasks in self.span_tasks.items():
            if span_tasks:
                heads[task].span_labels = {label for lower in span_tasks for label in heads[lower].labels or []}
        self.calibration: Dict[str, TaskCalibration] = {}
        # The vectors of labels' texts, by task and texts, as long as no weight can change.
        self._known_texts: Dict[Tuple[str, ...], torch.Tensor] = {}
        # Of the latest rows, what was computed of them; `None` while nothing is kept.
        self._latest: Optional[List[Tuple[Any, GroupedEncodings]]] = None
        self._configured_thresholds = {task: head.threshold for task, head in heads.items()}
        if initializer is not None:
            initializer(self)

    @classmethod
    def from_archive(
        cls,
        archive_file: Union[str, os.PathLike],
        vocab: Vocabulary = None,
        weights_file: str = None,
        cuda_device: int = -1,
        trust: bool = False,
    ) -> "HMTL":
        """The trained model of an archive (`model.tar.gz`) or of a serialization directory, in evaluation mode.

        # Parameters

        archive_file : `Union[str, PathLike]`
            Or the name of a model: see `find_model`.
        vocab : `Vocabulary`, optional
            Extends the vocabulary of the model.
        weights_file : `str`, optional
            Other weights than the archive's, such as a run's `best_ner.safetensors`.
        cuda_device : `int`, optional (default = `-1`)
            The GPU, -1 for the CPU.
        trust : `bool`, optional (default = `False`)
            Whether you vouch for whoever made the archive: see `hmtl.common.archives`.

        # Raises

        UserError
            As `load_hmtl_archive` does.
        """
        archive = load_hmtl_archive(archive_file, weights_file, cuda_device, trust)
        model = cast(HMTL, archive.model)
        model.reader = archive.validation_dataset_reader
        if vocab is not None:
            model.vocab.extend_from_vocab(vocab)
            model.extend_embedder_vocab()
        return model.eval()

    @classmethod
    def _load(
        cls,
        config: Params,
        serialization_dir: Union[str, os.PathLike],
        weights_file: Union[str, os.PathLike] = None,
        cuda_device: int = -1,
    ) -> "Model":
        """Is called by `Model.load`. Does what AllenNLP's method does, but reads weights by `hmtl.common.weights`."""
        folder = os.path.join(serialization_dir, VOCABULARY_NAME)
        if not os.path.isdir(folder):
            raise UserError("the archive holds no vocabulary; expected a model.tar.gz or the directory of a run")
        options = config.get("vocabulary", Params({}))
        choice = options.pop_choice("type", Vocabulary.list_available(), default_to_first_choice=True)
        vocabulary, _ = Vocabulary.resolve_class_name(choice)
        vocab = vocabulary.from_files(folder, options.get("padding_token"), options.get("oov_token"))
        # Files of pretrained vectors and initial values are for training: all weights are in the archive.
        remove_keys_from_params(config["model"])
        model = Model.from_params(config["model"], vocab=vocab, serialization_dir=serialization_dir)
        device = int_to_device(cuda_device)
        model.to(device)
        # The vocabulary of the archive may have been extended after the model was made.
        model.extend_embedder_vocab()
        weights_file = weights_file or weights_path(serialization_dir)
        load_into(model, weights_file, str(device))
        cast(HMTL, model).calibrate(read_calibration(serialization_dir, weights_file))
        return model

    def train(self, mode: bool = True) -> "HMTL":
        self._known_texts.clear()
        return super().train(mode)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        self._known_texts.clear()
        return super().load_state_dict(*arguments, **options)

    def _apply(self, *arguments: Any, **options: Any) -> "HMTL":
        # The vectors of texts would stay on another device, or in another precision.
        self._known_texts.clear()
        return super()._apply(*arguments, **options)

    def calibrate(self, calibration: Mapping[str, TaskCalibration]) -> None:
        """Sets the thresholds of heads and the temperatures of scores, by task; tasks that are left out have those of
        the configuration, and scores as their heads compute them.

        # Raises

        UserError
            Where there is no such task, or its head has no threshold though one is given.
        """
        for task, of_task in calibration.items():
            if task not in self.heads or (of_task.threshold is not None and self.head(task).threshold is None):
                raise UserError(f"the calibration is of another model: '{task}' has no place in this one")
        self.calibration = dict(calibration)
        for task, configured in self._configured_thresholds.items():
            chosen = calibration[task].threshold if task in calibration else None
            if configured is not None:
                self.head(task).threshold = configured if chosen is None else chosen

    def annotate(
        self,
        texts: Union[str, Iterable[Union[str, JsonDict]]],
        spacy_model: str = None,
        batch_size: int = 64,
        consistent: bool = False,
    ) -> Iterator[JsonDict]:
        """What a model of `from_archive` finds in raw texts, one by one in their order, with scores.

        Call it once for many texts, which are batched; they may be an endless stream.

        # Parameters

        texts : `Union[str, Iterable[Union[str, JsonDict]]]`
            A text or many, each raw or an input of `HMTLPredictor`, whose docstring describes the output, too; in each
            cluster of it one mention has `"head": true` (see `hmtl.predictors.mark_heads`).
        spacy_model : `str`, optional (default = `None`)
            The spaCy pipeline that splits texts into sentences and tokens. By default its rules for English.
        batch_size : `int`, optional (default = `64`)
            The most texts in a batch.
        consistent : `bool`, optional (default = `False`)
            Whether to leave out what contradicts the spans that are found; see `HMTLPredictor`.

        # Raises

        UserError
            Where the model is not from an archive, spaCy finds no such pipeline, or a text is no text.
        """
        predictor = self._predictor(spacy_model=spacy_model, with_scores=True, consistent=consistent)
        return predictor.annotate([texts] if isinstance(texts, str) else texts, batch_size=batch_size)

    def embed(
        self,
        texts: Union[str, Iterable[Union[str, JsonDict]]],
        level: str = "embedding",
        pooling: str = "average",
        unit: str = "text",
        spacy_model: str = None,
        batch_size: int = 64,
    ) -> Iterator[numpy.ndarray]:
        """The vectors that a level of a model of `from_archive` has for raw texts, one by one in their order.

        Of each text a vector, shape (dim,), or, where the `unit` is `"sentence"`, one of each of its sentences, shape
        (num_sentences, dim); float32. Call it once for many texts, as `annotate`; `numpy.stack` makes one matrix of the
        vectors of texts, and `numpy.concatenate` one of those of all sentences.

        # Parameters

        texts : `Union[str, Iterable[Union[str, JsonDict]]]`
            A text or many, each raw or an input of `HMTLPredictor`, such as `{"sentences": [["A", "token"]]}`.
        level, pooling, unit : `str`, optional (default = `"embedding"`, `"average"`, `"text"`)
            See `HMTLPredictor.embed`.
        spacy_model : `str`, optional (default = `None`)
            As for `annotate`.
        batch_size : `int`, optional (default = `64`)
            The most texts in a batch.

        # Raises

        UserError
            As `annotate` does, and where there is no such level, pooling or unit, or a text has no tokens.
        """
        predictor = self._predictor(spacy_model=spacy_model)
        found = predictor.embed([texts] if isinstance(texts, str) else texts, level, pooling, unit, batch_size)
        return (each.vectors if unit == "sentence" else each.vectors[0] for each in found)

    def _predictor(self, **options: Any) -> Any:
        if self.reader is None:
            raise UserError("this model does not know how words are indexed; load it by HMTL.from_archive")
        # The predictor is looked up by its name: this module may not import it, since predictors stand above models.
        return Predictor.by_name("hmtl")(self, self.reader, **options)

    def forward(  # type: ignore[override]
        self,
        text: TextFieldTensors,
        task_name: Optional[str] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        sentence_ids: Optional[torch.Tensor] = None,
        with_scores: bool = False,
        **targets: torch.Tensor,
    ) -> Dict[str, Any]:
        """Runs one task, or, where `task_name` is `None`, all of them in one pass.

        # Parameters

        text : `TextFieldTensors`
            Sentences, (batch_size, sentence_length, ...), or documents,
            (batch_size, num_sentences, sentence_length, ...).
        task_name : `Optional[str]`
            The level to supervise or decode; only it and the levels below it are computed, and outside training those
            of the spans that its head reads.
        metadata : `Optional[List[Dict[str, Any]]]`
            One dictionary a row, as the task's reader made it.
        sentence_ids : `Optional[torch.Tensor]`
            Shape (batch_size, document_length), where a document is given as one sequence of several sentences.
        with_scores : `bool`, optional (default = `False`)
            Whether heads also return `scores` outside training, a probability for all that they predict.
        targets : `torch.Tensor`
            The target fields of the task's head.

        # Returns

        With a task name, the output of its head: `loss` where there are targets, `predictions` outside training, and
        `scores`, nested like these, where they are asked for. Without one, the predictions of every task by its name,
        and scores as `{task}_scores`. Those of sentence tasks come in one list a sentence for each document; tasks that
        need documents are left out where `text` holds sentences.
        """
        span_tasks = [] if task_name is None else self.span_tasks.get(task_name, [])
        if self.training and span_tasks and not self.head(cast(str, task_name)).trains_on_spans:
            span_tasks = []
        levels = self.tasks if task_name is None else [task_name, *span_tasks]
        encodings = self._encode_batch(text, levels, sentence_ids)
        options: Dict[str, Any] = {"with_scores": True} if with_scores else {}
        if task_name is not None:
            if not self.training:
                self._evaluated.add(task_name)
            # These heads get no targets, so that their metrics count nothing.
            of_spans = {
                task: self._candidates(task, encodings)
                if self.training
                else self._run_head(task, encodings, {}, **self._label_options(task))
                for task in span_tasks
            }
            if self.head(task_name).reads_questions and "questions" in targets:
                asked: Any = targets.pop("questions")
                options["questions"] = self._questions(task_name, **asked)
            else:
                options.update(self._label_options(task_name))
            output = self._run_head(task_name, encodings, of_spans, metadata=metadata, **options, **targets)[0]
            if self.training and "loss" not in output:
                raise ConfigurationError(
                    f"task '{task_name}': its {type(self.head(task_name)).__name__} finds no targets among what its "
                    f"dataset reader gives ({', '.join(targets) or 'nothing'}); choose the reader that fits the head"
                )
            return output
        of_tasks: Dict[str, Any] = {}
        for task, found in self._run_heads(encodings, with_scores).items():
            of_tasks[task] = found.get("predictions", [])
            if "scores" in found:
                of_tasks[f"{task}_scores"] = found["scores"]
        return of_tasks

    @torch.inference_mode()
    def predict(
        self,
        text: List[TextFieldTensors],
        sentences: TokenRows,
        documents: TokenRows,
        sentence_of: torch.Tensor,
        with_scores: bool = False,
        given: Optional[Mapping[Scope, Sequence[GivenSpans]]] = None,
        labels: Optional[AskedLabels] = None,
        second_texts: Optional[Sequence[Optional[int]]] = None,
    ) -> Dict[str, Dict[str, List[Any]]]:
        """All tasks in one pass over texts of any lengths: what `forward` predicts, without padding them alike.

        # Parameters

        text : `List[TextFieldTensors]`
            One for each group of `sentences`, shapes (num_rows, length, ...).
        sentences, documents : `TokenRows`
            The sentences of all texts, and the texts, as rows of the same tokens.
        sentence_of : `torch.Tensor`
            The sentence of each token. Shape: (num_tokens,)
        with_scores : `bool`, optional (default = `False`)
            As in `forward`.
        given : `Mapping[Scope, Sequence[Optional[List[Span]]]]`, optional (default = `None`)
            Of the sentences and of the documents the spans that are known, which heads that read spans get in place of
            predicted ones; `None` for a row of which none are known.
        labels : `Mapping[str, Mapping[str, str]]`, optional (default = `None`)
            For tasks whose head `reads_label_texts`: the labels to find, and the text of each. By default those of
            training.
        second_texts : `Sequence[Optional[int]]`, optional (default = `None`)
            Of each document that is a pair of texts the sentence, from 0, that begins the second one; `None` of any
            other. Heads that read pairs predict nothing of these.

        # Returns

        For each task its head's `predictions` and, where they are asked for, `scores`: one entry a row, which is a
        sentence or a document as the head's `scope` says, in the order of `sentences` or `documents`.
        """
        encodings = self.encode_texts(text, sentences, documents, sentence_of)
        rows: Dict[Scope, TokenRows] = {"sentence": sentences, "document": documents}
        by_group = {scope: rows[scope].by_group(spans) for scope, spans in (given or {}).items()}
        # Shape (each): (num_rows, 1)
        seconds = [
            moved(torch.tensor([[second or 0] for second in group]), sentence_of.device)
            for group in documents.by_group(second_texts or [None] * len(documents.lengths))
        ]
        return self._run_heads(encodings, with_scores, by_group, labels, seconds)

    @torch.inference_mode()
    def encode_texts(
        self,
        text: List[TextFieldTensors],
        sentences: TokenRows,
        documents: TokenRows,
        sentence_of: torch.Tensor,
        levels: Optional[Iterable[str]] = None,
    ) -> GroupedEncodings:
        """What `predict` does before any head runs: the shared embedding and the outputs of the named levels (default:
        all) and of those below them, over texts of any lengths.

        The parameters are those of `predict`, whose groups of sentences are those of `encodings.output(level,
        "sentence")`; so are the documents'.
        """
        levels = self.tasks if levels is None else levels
        return self._encode(text, TextLayout(sentences, documents, sentence_of), levels)

    @contextmanager
    def rows_shared(self) -> Iterator[None]:
        """For as long as it is open, a batch goes on with what the one before computed, where both have the same text:
        the embedding and the levels below are then computed once for several tasks. For evaluation, in which no weight
        changes. With a shared encoder nothing is kept: the last bits of what that computes for a task depend on which
        other tasks it computes at once."""
        self._latest = [] if self.shared_encoder is None else None
        try:
            yield
        finally:
            self._latest = None

    def encoder(self, task: str) -> Seq2SeqEncoder:
        """The encoder of a level that has one of its own."""
        return cast(Seq2SeqEncoder, self.encoders[task])

    def encoding_dim(self, task: str) -> int:
        """The size of a level's output."""
        if task in self.encoders:
            return self.encoder(task).get_output_dim()
        assert self.shared_encoder is not None
        return self.shared_encoder.get_output_dim()

    def head(self, task: str) -> TaskHead:
        """The head of a level."""
        return cast(TaskHead, self.heads[task])

    def encode(
        self,
        text: TextFieldTensors,
        levels: Optional[Iterable[str]] = None,
        sentence_ids: Optional[torch.Tensor] = None,
    ) -> Encodings:
        """The shared embedding and the outputs of the named levels (default: all) and of those below them, each
        computed once."""
        return Encodings(self._encode_batch(text, self.tasks if levels is None else levels, sentence_ids))

    def parameters_of(self, task: str) -> List[Tuple[str, torch.nn.Parameter]]:
        """The trainable parameters that a task reaches, by name: the embedding, its level and those below, its head,
        what these levels need of the shared encoder, and, where one reads the labels of another, the embeddings of
        these labels and what of the other's head gives their probabilities."""
        reached = self._levels_below(task)
        # Labels of tokens reach a task through encoders, those of pairs through heads.
        labelling = {lower for name in reached for lower in self._read_labels_of_tokens(name)}
        labelling |= self._labels_of_pairs_below(task)
        prefixes = (
            "text_field_embedder.",
            f"heads.{task}.",
            *(f"encoders.{name}." for name in reached),
            *(f"label_embeddings.{lower}." for lower in labelling),
            *(f"heads.{lower}.{part}." for lower in labelling for part in self.head(lower).label_parts),
        )
        sharing = self._sharing(reached)
        shared: Set[str] = set()
        if self.shared_encoder is not None and sharing:
            shared = {f"shared_encoder.{name}" for name, _ in self.shared_encoder.parameters_of(sharing)}
        others = {
            id(parameter)
            for part in self._adapted
            for parameter in part.adapters.parameters_of_others(part.transformer_model, reached)
        }
        return [
            (name, parameter)
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and id(parameter) not in others and (name.startswith(prefixes) or name in shared)
        ]

    def get_regularization_penalty(self) -> Optional[torch.Tensor]:
        """What is added to the loss of each update, shape (): the penalty of the regularizer and that of the shared
        encoder; `None` where there is neither."""
        penalties = [super().get_regularization_penalty()]
        if self.shared_encoder is not None:
            penalties.append(self.shared_encoder.penalty())
        found = [penalty for penalty in penalties if penalty is not None]
        return sum(found[1:], found[0]) if found else None

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """`{task}_{metric}` of the tasks that were evaluated since the last reset."""
        metrics = {
            f"{task}_{name}": value
            for task in self.tasks
            if task in self._evaluated
            for name, value in self.get_task_metrics(task, reset).items()
        }
        if reset:
            self._evaluated.clear()
        return metrics

    def get_task_metrics(self, task: str, reset: bool = False) -> Dict[str, float]:
        """The metrics of one task, under their own names."""
        return self.head(task).get_metrics(reset)

    def _levels_below(self, task: str) -> List[str]:
        """The task's own level and all that it reads, directly or not."""
        if task not in self.reads:
            raise UserError(f"the model has no task '{task}'; {it_has(task, self.tasks)}")
        found = {task}
        for lower in self.read_levels[task]:
            found.update(self._levels_below(lower))
        return [name for name in self.tasks if name in found]

    def _read_labels_of_tokens(self, task: str) -> List[str]:
        """The levels whose labels of tokens a level's encoder reads."""
        return [lower for lower in self.reads_label_embeddings[task] if self.head(lower).num_token_labels]

    def _read_labels_of_pairs(self, task: str) -> List[str]:
        """The levels whose labels of pairs a level's head reads."""
        return [lower for lower in self.reads_label_embeddings[task] if self.head(lower).num_pair_labels]

    def _labels_of_pairs_below(self, task: str) -> Set[str]:
        """The levels whose labels of pairs reach a level's head, directly or by the head of another."""
        read = self._read_labels_of_pairs(task)
        return set(read).union(*map(self._labels_of_pairs_below, read))

    def _span_layers_below(self, task: str) -> Dict[str, List[str]]:
        """The levels that a task reads, directly or not, whose heads predict spans, the nearest first: their labels."""
        below: Set[str] = set()
        for name in reversed(self.tasks):
            if name == task or name in below:
                below.update(self._below[name])
        heads = {lower: self.head(lower) for lower in reversed(self.tasks) if lower in below}
        return {
            lower: list(head.labels or [])
            for lower, head in heads.items()
            if head.kind.gives_spans and head.scope == "sentence"
        }

    def _sharing(self, levels: Collection[str]) -> List[str]:
        """Which of the levels take their vectors from the shared encoder."""
        return [task for task in self.tasks if task in levels and task not in self.encoders]

    def _encode_batch(
        self, text: TextFieldTensors, levels: Iterable[str], sentence_ids: Optional[torch.Tensor]
    ) -> GroupedEncodings:
        """Encodes a batch whose rows are all padded to the same length."""
        rows = text, sentence_ids
        for latest, encodings in self._latest or []:
            if are_equal(latest, rows):
                self._encode_levels(levels, encodings)
                return encodings
        document_of, num_documents = None, None
        if _num_wrapping_dims(text) == 1:
            text, document_of, num_documents = _flatten_documents(text)
        layout = DocumentLayout(_token_mask(text), document_of, num_documents, sentence_ids)
        encodings = self._encode([text], BatchLayout(layout), levels)
        if self._latest is not None:
            self._latest = [(rows, encodings)]
        return encodings

    def _encode(self, text: List[TextFieldTensors], layout: Layout, levels: Iterable[str]) -> GroupedEncodings:
        """Computes the named levels and those below them; `text` has an entry for each group of sentences."""
        encodings = GroupedEncodings(partial(self._embed, text), layout)
        self._encode_levels(levels, encodings)
        return encodings

    def _encode_levels(self, levels: Iterable[str], encodings: GroupedEncodings) -> None:
        """Adds the named levels and those below them, but for what is there."""
        needed = {name for task in levels for name in self._levels_below(task)} - encodings.levels.keys()
        self._encode_sharing(self._sharing(needed), encodings)
        for task in self.tasks:
            if task in needed and task in self.encoders:
                self._encode_level(task, encodings)

    def _embed(self, text: List[TextFieldTensors], task: Optional[str]) -> List[torch.Tensor]:
        """The shared embedding of each group of sentences, with the adapters of a task."""
        for part in self._adapted:
            part.adapters.use(task)
        return [self.text_field_embedder(group) for group in text]

    def _encode_sharing(self, tasks: List[str], encodings: GroupedEncodings) -> None:
        if self.shared_encoder is None or not tasks:
            return
        # Shape (each): (num_sentences, sentence_length, embedding_dim)
        embedding = [self.shared_encoder.input_dropout(vectors) for vectors in encodings.embedding("sentence")]
        masks = encodings.layout.masks("sentence")
        outputs = [self.shared_encoder(vectors, mask, tasks) for vectors, mask in zip(embedding, masks)]
        for task in tasks:
            scope = self.head(task).scope
            read, written = (
                encodings.layout.convert(vectors, "sentence", scope)
                for vectors in (embedding, [output[task] for output in outputs])
            )
            encodings.levels[task] = GroupedEncoding(read, written, scope)

    def _encode_level(self, task: str, encodings: GroupedEncodings) -> None:
        scope = self.head(task).encoder_scope or self.head(task).scope
        parts = [encodings.output(lower, scope) for lower in self.reads[task]]
        if self.reads_embedding[task]:
            parts.insert(0, encodings.embedding(scope, task if self._adapted else None))
        parts += [self._label_vectors(lower, scope, encodings) for lower in self._read_labels_of_tokens(task)]
        # Shape (each): (num_rows, length, input_dim)
        inputs = [self.input_dropouts[task](torch.cat(group, dim=-1)) for group in zip(*parts)]
        masks = encodings.layout.masks(scope)
        outputs = [self.encoder(task)(vectors, mask) for vectors, mask in zip(inputs, masks)]
        encodings.levels[task] = GroupedEncoding(inputs, outputs, scope)

    def _label_vectors(self, task: str, scope: Scope, encodings: GroupedEncodings) -> Groups:
        """The expected embedding of each token's label, by the probabilities that the task's head gives.

        Shape (each): (num_rows, length, label_embedding_dim)
        """
        level = encodings.levels[task]
        if task not in encodings.labels:
            embedding, head = cast(torch.nn.Embedding, self.label_embeddings[task]).weight, self.head(task)
            encodings.labels[task] = [
                head.label_distribution(output).to(embedding.dtype) @ embedding for output in level.output
            ]
        return encodings.layout.convert(encodings.labels[task], level.scope, scope)

    def _pair_label_vectors(
        self, task: str, encodings: GroupedEncodings, seconds: Sequence[Optional[torch.Tensor]]
    ) -> Groups:
        """The expected embeddings of each pair's labels, for a task that reads those of levels below; nothing for any
        other. `seconds` says where second texts begin, for each group.

        Shape (each): (num_rows, label_vectors_dim)
        """
        parts: List[Groups] = []
        for lower in self._read_labels_of_pairs(task):
            embedding, head = cast(torch.nn.Embedding, self.label_embeddings[lower]).weight, self.head(lower)
            # That level may read the labels of others itself.
            read = self._pair_label_vectors(lower, encodings, seconds)
            below: Sequence[Optional[torch.Tensor]] = read or [None] * len(seconds)
            groups = zip(self._read_by_head(lower, encodings), seconds, below)
            parts.append(
                [
                    head.pair_label_distribution(output, mask, ids, second, vectors).to(embedding.dtype) @ embedding
                    for (output, _, mask, ids), second, vectors in groups
                ]
            )
        return [torch.cat(group, dim=-1) for group in zip(*parts)]

    def _candidates(self, task: str, encodings: GroupedEncodings) -> List[Dict[str, Any]]:
        """The spans that a head gives to the training of a head that reads them, for each group of rows."""
        groups = self._read_by_head(task, encodings)
        options = self._label_options(task)
        return [{"predictions": self.head(task).candidate_spans(*group, **options)} for group in groups]

    def _read_by_head(self, task: str, encodings: GroupedEncodings) -> Iterator[Tuple[torch.Tensor, ...]]:
        """For each group of a head's rows what its level's encoder wrote and what it read, their mask, and the sentence
        of each token."""
        level, layout, scope = encodings.levels[task], encodings.layout, self.head(task).scope
        output, read = (layout.convert(each, level.scope, scope) for each in (level.output, level.encoder_input))
        return zip(output, read, layout.masks(scope), layout.sentence_ids(scope))

    def _label_options(self, task: str, labels: Optional[AskedLabels] = None) -> Dict[str, Any]:
        """What a head that reads the texts of labels gets of them: those that are asked for, or its own."""
        head = self.head(task)
        if not head.reads_label_texts:
            return {}
        own = list(head.labels or [])
        asked = (labels or {}).get(task, {label: label for label in own})
        label_of = {text: label for label, text in asked.items()}
        if head.reads_questions:
            tensors = head.index_label_texts(list(label_of)) if label_of else None
            names = list(label_of.values())
            return {"questions": None if tensors is None else self._questions(task, tensors)._replace(names=names)}
        texts = list(dict.fromkeys([*own, *label_of]))
        return {"label_texts": LabelTexts([label_of.get(text) for text in texts], self._vectors_of_texts(task, texts))}

    def _questions(self, task: str, texts: TextFieldTensors, numbers: Optional[torch.Tensor] = None) -> Questions:
        """Questions as a level reads them: each is a row of one sentence. `texts` have shapes (num_texts, length, ...),
        `numbers` are handed on."""
        texts = moved(texts, next(self.parameters()).device)
        mask = _token_mask(texts)
        is_document = self.head(task).scope == "document"
        document_of = moved(torch.arange(len(mask)), mask.device) if is_document else None
        layout = BatchLayout(DocumentLayout(mask, document_of, len(mask)))
        level = self._encode([texts], layout, [task]).levels[task]
        return Questions(level.output[0], level.encoder_input[0], layout.masks(level.scope)[0], numbers)

    def _vectors_of_texts(self, task: str, texts: List[str]) -> torch.Tensor:
        """The mean of the shared embedding over the words of each text. Shape: (num_texts, embedding_dim)

        Outside training it is computed once for the same texts and weights, as long as not too many others are asked
        for: a server never knows the last of them.
        """
        key = (task, *texts)
        if self.training or key not in self._known_texts:
            device = next(self.parameters()).device
            tensors = moved(self.head(task).index_label_texts(texts), device)
            # Shape: (num_texts, num_words, embedding_dim)
            vectors = self._embed([tensors], task if self._adapted else None)[0]
            # Shape: (num_texts, num_words, 1)
            mask = _token_mask(tensors).unsqueeze(-1)
            vectors = (vectors * mask).sum(1) / mask.sum(1)
            if self.training:
                return vectors
            if len(self._known_texts) >= _MOST_KNOWN_TEXTS:
                self._known_texts.pop(next(iter(self._known_texts)), None)
            self._known_texts[key] = vectors
            return vectors
        return self._known_texts[key]

    def _run_head(
        self,
        task: str,
        encodings: GroupedEncodings,
        found: Dict[str, List[Dict[str, Any]]],
        given: Optional[List[List[GivenSpans]]] = None,
        seconds: Optional[List[torch.Tensor]] = None,
        /,
        **fields: Any,
    ) -> List[Dict[str, Any]]:
        """Runs a task's head on each group of rows. `found` has the outputs of other heads, whose spans it may read;
        `given` what it reads in place of them, for each group; `seconds` where second texts begin, for each group."""
        layers = [
            self._spans_for(task, lower, found[lower], encodings.layout)
            for lower in self.span_tasks[task]
            if lower in found
        ]
        label_vectors = self._pair_label_vectors(task, encodings, seconds or [fields.get("second_text")])
        outputs = []
        for number, (output, read, mask, ids) in enumerate(self._read_by_head(task, encodings)):
            if seconds is not None:
                fields["second_text"] = seconds[number]
            if label_vectors:
                fields["label_vectors"] = label_vectors[number]
            spans = [layer[number] for layer in layers]
            if layers or given is not None:
                fields["predicted_spans"] = spans if given is None else _with_given(spans, given[number])
            found_here = self.head(task)(encoding=output, encoder_input=read, mask=mask, sentence_ids=ids, **fields)
            if task in self.calibration and "scores" in found_here:
                temperature = self.calibration[task].temperature
                found_here["scores"] = [[tempered(each, temperature) for each in row] for row in found_here["scores"]]
            outputs.append(found_here)
        return outputs

    def _spans_for(self, task: str, lower: str, outputs: List[Dict[str, Any]], layout: Layout) -> List[Any]:
        """The spans that a lower head has found, for each group of the task's rows."""
        spans = [output["predictions"] for output in outputs]
        if self.head(task).scope == "document" and self.head(lower).scope == "sentence":
            return layout.spans_of_documents(spans)
        return spans

    def _run_heads(
        self,
        encodings: GroupedEncodings,
        with_scores: bool,
        given: Optional[Mapping[Scope, List[List[GivenSpans]]]] = None,
        labels: Optional[AskedLabels] = None,
        seconds: Optional[List[torch.Tensor]] = None,
    ) -> Dict[str, Dict[str, List[Any]]]:
        """For each task whose rows the batch has, `predictions` and, where they are asked for, `scores`."""
        options: Dict[str, Any] = {"with_scores": True} if with_scores else {}
        tasks = [task for task in self.tasks if self.head(task).scope in encodings.layout.scopes]
        found: Dict[str, List[Dict[str, Any]]] = {}
        for task in sorted(tasks, key=lambda task: self.head(task).reads_spans):
            head = self.head(task)
            known = given.get(head.scope) if given and head.reads_spans else None
            of_labels = self._label_options(task, labels)
            pairs = seconds if head.reads_second_text else None
            found[task] = self._run_head(task, encodings, found, known, pairs, **of_labels, **options)
        return {
            task: {
                key: encodings.layout.in_order([group[key] for group in found[task]], self.head(task).scope)
                for key in ("predictions", "scores")
                if key in found[task][0]
            }
            for task in tasks
        }


def _tasks_that_share(levels: Dict[str, Level], tasks: List[str], has_shared_encoder: bool) -> List[str]:
    """The tasks of the levels without an encoder, in the order of `tasks`; checks that these are well-formed."""
    sharing = [task for task in tasks if levels[task].encoder is None]
    for task in sharing:
        if not has_shared_encoder:
            raise ConfigurationError(f"level '{task}' has no encoder; give it one, or give the model a shared_encoder")
        for key in ("reads", "reads_label_embeddings"):
            if getattr(levels[task], key):
                raise ConfigurationError(
                    f"level '{task}' has no encoder that could read other levels; remove its '{key}', or give it an "
                    "encoder"
                )
        if not levels[task].reads_embedding:
            raise ConfigurationError(
                f"level '{task}' has no encoder, and the shared_encoder reads the embedding; remove its "
                "reads_embedding, or give it an encoder"
            )
        if levels[task].input_dropout:
            raise ConfigurationError(
                f"level '{task}' has no encoder, so that its input_dropout has no effect; set it in the shared_encoder"
            )
    if has_shared_encoder and not sharing:
        raise ConfigurationError(
            "every level has an encoder, so that none uses the shared_encoder; remove it, or those that it replaces"
        )
    return sharing


def _label_embedding(task: str, lower: str, head: TaskHead, level: Level) -> torch.nn.Embedding:
    """The embeddings of the labels of the level `lower`, which the level `task` reads."""
    num_labels = head.num_token_labels or head.num_pair_labels
    if not num_labels:
        why = "labels neither tokens, as hmtl_crf and hmtl_token_classification do, nor pairs, as hmtl_pairs does"
        advice = "remove it from reads_label_embeddings"
        if head.reads_second_text:
            why = "predicts a number without a distribution"
            advice = f"give '{lower}' a number_range, in its head and its reader, or {advice}"
        raise ConfigurationError(
            f"level '{task}' reads the label embeddings of '{lower}', but the head of that, {type(head).__name__}, "
            f"{why}; {advice}"
        )
    embedding = torch.nn.Embedding(num_labels, level.label_embedding_dim)
    # As in Hashimoto et al. 2017: uniform, up to the square root of 6 / (dim + labels).
    torch.nn.init.xavier_uniform_(embedding.weight)
    return embedding


def _check_adapters(adapted: List[Any], tasks: List[str], has_shared_encoder: bool) -> None:
    """Checks that each of these tasks has its adapters, and no other name has some."""
    for part in adapted:
        if set(part.adapters.tasks) != set(tasks):
            raise ConfigurationError(
                f"the embedding has adapters for {', '.join(sorted(part.adapters.tasks))}, and the levels that read it "
                f"are {', '.join(sorted(tasks))}; name these in adapters.tasks, or remove it for one adapter for all"
            )
    if adapted and has_shared_encoder:
        raise ConfigurationError(
            "the shared_encoder reads for several tasks at once, and the embedding has adapters one a task; remove "
            "adapters.tasks for one adapter for all"
        )


def _with_given(layers: Sequence[List[List[Span]]], given: Sequence[GivenSpans]) -> List[List[List[Span]]]:
    """The layers of spans, one list a row each, with the given ones in place of all that were found in their rows. They
    stand in every layer, since a head knows the labels of each; in one where there is none."""
    layers = layers or [[[] for _ in given]]
    return [[spans if known is None else list(known) for spans, known in zip(layer, given)] for layer in layers]


def load_hmtl_archive(
    path: Union[str, os.PathLike], weights_file: Optional[str] = None, cuda_device: int = -1, trust: bool = False
) -> Archive:
    """The archive at `path`: a `model.tar.gz`, the directory of a run, finished or not, or the name of a model (see
    `find_model`).

    It may come from anybody: unless `trust` says that you vouch for it, or `HMTL_TRUST_ARCHIVE=1` in the environment,
    nothing is run, fetched or written on its behalf (see `hmtl.common.archives`).

    # Raises

    UserError
        Where there is no archive, it is damaged, asks for what is refused, or holds another kind of model.
    """
    path = find_model(path)
    archive_file = name = os.fspath(path)
    if os.path.isdir(name) and main_weights(name) is None:
        archive_file = os.path.join(name, ARCHIVE_NAME)
        if not os.path.exists(archive_file):
            raise UserError(f"{name}: holds neither {BEST}{SUFFIX} nor {ARCHIVE_NAME}; expected the directory of a run")
    if weights_file is not None and not os.path.exists(weights_file):
        directory = name if os.path.isdir(name) else os.path.dirname(name)
        there = ", ".join(sorted(each.name for each in all_weights(directory).values()))
        raise UserError(f"{weights_file}: No such file or directory{f'; {directory} has: {there}' if there else ''}")
    include_packages_of_run(path)
    with trusting(trust):
        archive = load_archive(archive_file, cuda_device=cuda_device, weights_file=weights_file)
    if not isinstance(archive.model, HMTL):
        raise UserError(f"{name}: holds a {type(archive.model).__name__}, not an hmtl model")
    return archive


def bottom_up(reads: Dict[str, List[str]]) -> List[str]:
    """The levels, each after all that it reads; ties by name.

    # Raises

    ConfigurationError
        Naming the level that is unknown, or the circle.
    """
    ordered: List[str] = []

    def visit(level: str, path: Tuple[str, ...]) -> None:
        if level in path:
            circle = " -> ".join((*path[path.index(level) :], level))
            raise ConfigurationError(f"levels read one another in a circle: {circle}; remove one of these 'reads'")
        if level in ordered:
            return
        for lower in reads[level]:
            if lower not in reads:
                advice = did_you_mean(lower, reads, f"the levels are: {', '.join(sorted(reads))}")
                raise ConfigurationError(f"level '{level}' reads the unknown level '{lower}'; {advice}")
            visit(lower, (*path, level))
        ordered.append(level)

    if not reads:
        raise ConfigurationError("the model has no levels; declare at least one under 'levels'")
    for level in sorted(reads):
        visit(level, ())
    return ordered


def _tensors(text: TextFieldTensors) -> Iterable[Tuple[str, torch.Tensor]]:
    for tensors in text.values():
        yield from tensors.items()


def _num_wrapping_dims(text: TextFieldTensors) -> int:
    """0 for a batch of sentences, 1 for a batch of documents."""
    return min(tensor.dim() - (name in _CHARACTER_TENSORS) for name, tensor in _tensors(text)) - 2


def _token_mask(text: TextFieldTensors) -> torch.Tensor:
    """Which tokens are real, shape (num_sentences, sentence_length)."""
    tensors = dict(_tensors(text))
    if "mask" in tensors:
        return computed(torch.Tensor.bool, tensors["mask"])
    for name in _CHARACTER_TENSORS:
        if name in tensors:
            return computed(lambda tensor: (tensor != 0).any(-1), tensors[name])
    return computed(lambda tensor: tensor != 0, min(tensors.values(), key=lambda tensor: tensor.dim()))


def _flatten_documents(text: TextFieldTensors) -> Tuple[TextFieldTensors, torch.Tensor, int]:
    """(batch_size, num_sentences, ...) -> (all sentences, ...) without the padded sentences, and their documents."""
    shape = next(tensor.shape for _, tensor in _tensors(text))
    flat = {
        indexer: {name: computed_twice(lambda tensor: tensor.flatten(0, 1), tensor) for name, tensor in tensors.items()}
        for indexer, tensors in text.items()
    }
    mask = _token_mask(flat)
    # Shape: (num_sentences,)
    document_of = torch.arange(shape[0]).repeat_interleave(shape[1])
    if shape[0] > 1:
        rows = on_host(mask)[0].any(-1).nonzero().squeeze(-1)
        document_of, rows = document_of[rows], moved(rows, mask.device)
        flat = {
            indexer: {name: computed_twice(torch.Tensor.__getitem__, tensor, rows) for name, tensor in tensors.items()}
            for indexer, tensors in flat.items()
        }
    return flat, moved(document_of, mask.device), shape[0]
