"""Text in, the predictions of all tasks out, in one pass of the model."""

import os
from itertools import pairwise, repeat
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

import numpy
import torch
from allennlp.common.checks import check_for_gpu
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader, Instance
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.models import Model
from allennlp.predictors import Predictor

from hmtl.common.checks import it_has, surrogate_fault
from hmtl.common.devices import moved
from hmtl.common.json_text import parse_json
from hmtl.data.dataset_readers import DocumentReader
from hmtl.document import LABELS, SECOND_TEXT, Document, Span
from hmtl.errors import DataError, UserError
from hmtl.models.hmtl import HMTL, AskedLabels, load_hmtl_archive
from hmtl.modules.token_rows import TokenRows
from hmtl.predictors.asked_labels import Labels, asked_labels
from hmtl.predictors.head_mentions import make_consistent, mark_heads, name_task
from hmtl.predictors.level_encoder import EMBEDDING, TEXT, LevelEncoder, TextVectors, known_unit
from hmtl.predictors.quantisation import quantised
from hmtl.predictors.sentence_indexer import SentenceIndexer
from hmtl.predictors.text_input import Entities, TextInput, entities_of
from hmtl.tasks.kind import TextRow, kinds_of
from hmtl.tasks.task_head import Scope
from hmtl.text import SentenceSplitter, TokenizedText

_EXPECTED = 'expected {"text": "..."} or {"sentences": [["a", "token", ...], ...]}'
_TEXT_KEYS = ("doc_key", "text", "sentences", "token_offsets", SECOND_TEXT)

# The second of two raw texts.
_PAIR = "text_pair"

# The most tokens in a batch of several texts, and how many batches of texts are read before any is predicted.
MAX_TOKENS = 2**14
WINDOW = 8

# The number formats, each with the type that `torch.autocast` computes in, where it is the one to do so.
PRECISIONS: Dict[str, Optional[torch.dtype]] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": None,
}

# A text and its `doc_key`.
KeyedText = Tuple[str, TextInput]
# What a text becomes.
Output = TypeVar("Output")

# Takes the number of a text and what is wrong with it.
OnError = Callable[[int, UserError], None]


@Predictor.register("hmtl")
class HMTLPredictor(Predictor):
    """Predicts every task of an `HMTL` model for texts of any length.

    Input, one JSON object a text:

    - `{"text": "..."}`: raw text, which `SentenceSplitter` splits, or
    - `{"sentences": [[...], ...]}`: tokens, sentence by sentence. Other keys are ignored, so that a whole `Document` in
      the DyGIE layout will do; its gold layers play no part.

    A pair of texts is `{"text": "...", "text_pair": "..."}`, or sentences of both with the number of the sentence that
    begins the second one, from 0, as `second_text`; its output has `second_text`, too. All tasks read both, those of
    documents as one. Tasks of pairs find nothing in any other text.

    Both may have a `doc_key`. Output, with offsets that count tokens of the text, both ends included, beside
    `char_start` and `char_end`, which count its characters, the end excluded:

    - `doc_key`; `text`, as it came, or else the tokens joined by single spaces; `sentences`, the tokens;
      `token_offsets`, one `[char_start, char_end]` for each token of the text;
    - for each task, by its name, a list of what its head's kind (see `Kind.to_json`) makes of the predictions:
      spans, `[{start, end, text, char_start, char_end, label}, ...]`;
      relations, `[{label, arg1: {start, end, text, char_start, char_end}, arg2: {...}}, ...]`;
      dependencies, `[{label, head: {start, end, text, char_start, char_end}, dependent: {...}}, ...]`, one for each
      token, where the head of the root is `null`;
      clusters, `[[{start, end, text, char_start, char_end}, ...], ...]`.

    A text that is empty, or white space alone, has no sentences, and nothing is found in it.

    The model finds the last token of a relation's argument, which stands for a predicted span; see `RelationHead`.

    Entities that are known may be given with a text (see `entities_of`). Heads that read spans, such as those of
    relations, then read these in place of predicted ones, and relations join them alone; labels that the model does not
    know say nothing to it. In the output they are the layer of the span task that relations read, unless another is
    named. All else is predicted as ever.

    # Parameters

    model : `Model`
    dataset_reader : `DatasetReader`
        A reader of hmtl's, or the multitask reader of several; only its token indexers are used.
    frozen : `bool`, optional (default = `True`)
        Whether to put the model into evaluation mode.
    spacy_model : `str`, optional (default = `None`)
        The spaCy pipeline that splits raw text; see `SentenceSplitter`.
    with_scores : `bool`, optional (default = `False`)
        Whether spans, relations and mentions of clusters get a `score`, a probability rounded to four digits: of
        exactly this span with this label, of this relation, of the link by which the mention joined its cluster (of a
        first mention, the likeliest link to it; of a cluster of one, that it is a mention).
    consistent : `bool`, optional (default = `False`)
        Whether to leave out what contradicts the spans that are found: relations of anything else, and the mentions of
        a cluster that have another type than most of it, in the task that `name_task` names; see `Kind.consistent`.
    precision : `str`, optional (default = `"fp32"`)
        `"bf16"` or, on GPUs, `"fp16"` computes in 16 bits where that is safe (`torch.autocast`), `"int8"` on CPUs with
        8-bit integers in the embedder's linear layers, such as those of transformers (`quantised`). Both are faster on
        processors that know such numbers, and may change a few predictions.

    # Raises

    UserError
        Where the model is no `HMTL` model, no reader is hmtl's, spaCy finds no such pipeline, or the device cannot
        compute in such a precision.
    """

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        spacy_model: str = None,
        with_scores: bool = False,
        precision: str = "fp32",
        consistent: bool = False,
    ) -> None:
        if not isinstance(model, HMTL):
            raise UserError(f"the predictor 'hmtl' needs an hmtl model, and this is a {type(model).__name__}")
        for task in sorted({*model.tasks}.intersection(_TEXT_KEYS)):
            raise UserError(f"the task name '{task}' is a key of the predictor's output; train it under another name")
        model = _in_precision(model, precision)
        reader = document_reader(dataset_reader)
        super().__init__(model, reader, frozen)
        heads = {task: model.head(task) for task in model.tasks}
        # What each task predicts, by the name of its kind, from the lowest level up.
        self.layers: Dict[str, str] = {task: head.predicts for task, head in heads.items()}
        self.kinds = kinds_of(self.layers)
        self.labels: Dict[str, List[str]] = {task: list(head.labels or []) for task, head in heads.items()}
        # Those whose labels are texts, so that others can be asked for.
        self.tasks_with_label_texts = [task for task, head in heads.items() if head.reads_label_texts]
        # Of these the ones whose texts are questions.
        self.tasks_with_questions = [task for task, head in heads.items() if head.reads_questions]
        # Whether some task is of pairs of texts.
        self.reads_pairs = any(head.reads_second_text for head in heads.values())
        self._scopes = {task: head.scope for task, head in heads.items()}
        self._split = SentenceSplitter(spacy_model)
        self.model = self._hmtl = model
        self._index = SentenceIndexer(reader.token_indexers, model.vocab)
        self._with_scores = with_scores
        self._consistent = consistent
        self._dtype = PRECISIONS[precision]
        self._num_lines = 0

    @classmethod
    def load(
        cls,
        path: Union[str, os.PathLike],
        spacy_model: str = None,
        cuda_device: int = -1,
        weights_file: str = None,
        with_scores: bool = False,
        precision: str = "fp32",
        trust: bool = False,
        consistent: bool = False,
    ) -> "HMTLPredictor":
        """The predictor of an archive (`model.tar.gz`), of a serialization directory, or of a model that is named, such
        as `en_hmtl_mini` (see `find_model`).

        `weights_file` names other weights than the best ones, such as a run's `best_ner.safetensors`; `trust`
        vouches for the archive (see `hmtl.common.archives`).

        # Raises

        UserError
            Where there is no archive, or it holds another kind of model.
        """
        check_for_gpu(cuda_device)
        archive = load_hmtl_archive(path, weights_file, cuda_device, trust)
        reader = archive.validation_dataset_reader
        return cls(
            archive.model,
            reader,
            spacy_model=spacy_model,
            with_scores=with_scores,
            precision=precision,
            consistent=consistent,
        )

    def predict(
        self,
        text: Union[str, List[List[str]]],
        entities: Optional[Entities] = None,
        consistent: Optional[bool] = None,
        labels: Optional[Labels] = None,
    ) -> JsonDict:
        """The predictions for a text, in the layout that the class describes.

        # Parameters

        text : `Union[str, List[List[str]]]`
            A raw text, or the tokens of one, sentence by sentence.
        entities : `Union[Sequence[Any], Mapping[str, Sequence[Any]]]`, optional (default = `None`)
            Those that are known, as `entities_of` reads them; or, by its name, the span task in whose layer they are to
            stand.
        consistent : `bool`, optional (default = the predictor's)
        labels : optional (default = `None`)
            Those to find, where a task's labels are texts; see `predict_many`.

        # Raises

        UserError
            As `tokenized` and `predict_many` do.
        """
        record = {"text": text} if isinstance(text, str) else {"sentences": text}
        return self.predict_batch_json([self.tokenized(record, entities, consistent)], labels)[0]

    def predict_document(
        self, document: Document, tasks: Iterable[str] = None, entities: Optional[str] = None
    ) -> Document:
        """A new document with predicted layers, of some tasks or all, in place of its own; the rest is kept.

        `entities` names the layer of the document that holds entities that are known; see `predict_many`.

        # Raises

        UserError
            As `to_document` and `predict_many` do.
        """
        record: JsonDict = {"doc_key": document.doc_key, "sentences": document.sentences, **document.spans}
        if document.second_text is not None:
            record[SECOND_TEXT] = document.second_text
        output = next(self.predict_many([record], entities=entities))
        predicted = self.to_document(output, tasks)
        kept = {key: value for key, value in document.metadata.items() if key not in self.layers}
        labels = {
            scope: {layer: entry for layer, entry in layers.items() if layer not in self.layers}
            for scope, layers in kept.get(LABELS, {}).items()
        }
        for scope, layers in predicted.metadata.get(LABELS, {}).items():
            labels[scope] = {**labels.get(scope, {}), **layers}
        predicted.metadata = {**kept, **predicted.metadata, **({LABELS: labels} if labels else {})}
        return predicted

    def to_document(self, output: JsonDict, tasks: Iterable[str] = None) -> Document:
        """An output of this predictor as a `Document`, with the predictions of some tasks (default: of all).

        # Raises

        UserError
            Where two tasks predict what a document holds one layer of, such as relations or clusters.
        """
        pair = {SECOND_TEXT: output[SECOND_TEXT]} if output.get(SECOND_TEXT) else {}
        document = Document(output["doc_key"], output["sentences"], metadata=pair)
        for task in self.layers if tasks is None else tasks:
            self.kinds[task].add_to_document(document, task, output[task])
        return document.validate()

    def load_line(self, line: str) -> JsonDict:
        """The object of one line, checked here, where the line's number is known.

        # Raises

        DataError
            Where it is no input of the predictor's.
        """
        self._num_lines += 1
        try:
            record = parse_json(line, "one object a line")
            _check(record)
        except UserError as error:
            raise DataError(str(error), f"line {self._num_lines} of the input, empty lines not counted") from error
        return record if record.get("doc_key") is not None else {**record, "doc_key": f"line_{self._num_lines}"}

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(
        self, inputs: Sequence[Union[JsonDict, TokenizedText]], labels: Optional[Labels] = None
    ) -> List[JsonDict]:
        """The predictions for some texts, which are batched by `max_tokens` alone; see `predict_many`."""
        return list(self.predict_many(inputs, batch_size=max(1, len(inputs)), labels=labels))

    def predict_many(
        self,
        texts: Iterable[Union[str, JsonDict, TokenizedText]],
        batch_size: int = 64,
        max_tokens: int = MAX_TOKENS,
        on_error: Optional[OnError] = None,
        entities: Optional[str] = None,
        labels: Optional[Labels] = None,
        names: Optional[str] = None,
    ) -> Iterator[JsonDict]:
        """The predictions for any number of texts, also an endless stream, in their order.

        They are read `WINDOW` batches at a time and sorted by length, so that texts of similar length are computed
        together. What a text gets does not depend on the others.

        # Parameters

        texts : `Iterable[Union[str, JsonDict, TokenizedText]]`
            Raw texts, objects in the layout that the class describes, or what `tokenized` made of such.
        batch_size : `int`, optional (default = `64`)
            The most texts in a batch.
        max_tokens : `int`, optional
            The most tokens in a batch of several texts.
        on_error : `Callable[[int, UserError], None]`, optional (default = `None`)
            Called for each text that is no input of the predictor's, as soon as it is read, with its number (from 0)
            and what is wrong with it. The text gets no output, unlike an empty one. By default, the error is raised.
        entities : `str`, optional (default = `None`)
            The key of each object that holds entities that are known (see `entities_of`). They stand in the layer of
            the span task of that name, where the model has one, and else of that which relations read.
        labels : `Union[Sequence[str], Mapping[str, str], Mapping[str, ...]]`, optional (default = `None`)
            The labels to find, where a task's labels are texts (head `hmtl_text_label_spans`), or the questions to
            answer (head `hmtl_questions`), in the place of those of training: a list of texts, a mapping from labels to
            their texts, or, where there are several such tasks, a mapping from tasks to these; see `asked_labels`.
        names : `str`, optional (default = `None`)
            The span task whose types the mentions of a cluster agree in, where layers are to be consistent; by default
            that of `name_task`.

        # Raises

        UserError
            At the first text that is no input of the predictor's, when those before it have been yielded. The same goes
            for whatever `texts` or `on_error` raise. Where the model has no task whose labels are texts.
        """
        asked = asked_labels(labels, self.tasks_with_label_texts)
        names = name_task(self.layers, names)
        yield from _in_batches(
            self._tokenized_texts(texts, on_error, entities),
            batch_size,
            max_tokens,
            lambda batch: self._predict_batch(batch, asked, names),
            lambda doc_key, text: self._output(doc_key, text, {task: [] for task in self.layers}, names),
        )

    def annotate(
        self,
        texts: Iterable[Union[str, JsonDict]],
        tasks: Optional[Iterable[str]] = None,
        names: Optional[str] = None,
        batch_size: int = 64,
        on_error: Optional[OnError] = None,
        entities: Optional[str] = None,
        labels: Optional[Labels] = None,
    ) -> Iterator[JsonDict]:
        """The annotated texts, one by one, in their order: outputs of `predict_many` in which clusters have a head.

        # Parameters

        texts : `Iterable[Union[str, JsonDict]]`
            Raw texts or the predictor's inputs, any number, also an endless stream; see `predict_many`.
        tasks : `Iterable[str]`, optional (default = `None`)
            Those to keep. By default all.
        names : `str`, optional (default = `None`)
            The span task that finds names, which the head mentions are chosen by, and whose types clusters agree in
            where layers are to be consistent; see `name_task` and `mark_heads`.
        batch_size : `int`, optional (default = `64`)
            The most texts in a batch.
        on_error : `Callable[[int, UserError], None]`, optional (default = `None`)
            Called for each text that is no input of the predictor's, which is then left out; see `predict_many`.
        entities : `str`, optional (default = `None`)
            The key of each object that holds entities that are known; see `predict_many`.
        labels : optional (default = `None`)
            Those to find, where a task's labels are texts; see `predict_many`.

        # Raises

        UserError
            Where the model has no such task, and as `predict_many` does.
        """
        left_out = self.layers.keys() - self.annotated_layers(tasks).keys()
        # Names help to choose the heads though they may not be wanted themselves.
        names = name_task(self.layers, names)
        outputs = self.predict_many(texts, batch_size, on_error=on_error, entities=entities, labels=labels, names=names)
        for output in outputs:
            mark_heads(output, self.layers, names)
            yield {key: value for key, value in output.items() if key not in left_out}

    def embed(
        self,
        texts: Iterable[Union[str, JsonDict, TokenizedText]],
        level: str = EMBEDDING,
        pooling: str = "average",
        unit: str = TEXT,
        batch_size: int = 64,
        on_error: Optional[OnError] = None,
    ) -> Iterator[TextVectors]:
        """The vectors that a level has for any number of texts, also an endless stream, in their order; no head runs.

        Texts are read, batched and encoded as `predict_many` does it: what a text gets does not depend on the others.

        # Parameters

        texts : `Iterable[Union[str, JsonDict, TokenizedText]]`
            See `predict_many`.
        level : `str`, optional (default = `"embedding"`)
            A task, `embedding`, which all levels read, or `words`, the word vectors in it.
        pooling : `str`, optional (default = `"average"`)
            What becomes of the vectors of tokens: their `average` or their `max` in each dimension; the vector of the
            `first` token or of the `last`; or, of a level with a bidirectional encoder, its `ends`: the forward half of
            the last token's vector and the backward half of the first one's.
        unit : `str`, optional (default = `"text"`)
            What a vector is of: a whole `text`, or each `sentence` of it. A level that reads documents, such as that of
            coreference, reads the whole text in either case.
        batch_size : `int`, optional (default = `64`)
            The most texts in a batch.
        on_error : `Callable[[int, UserError], None]`, optional (default = `None`)
            Called for each text that has no vector: one that is no input of the predictor's, and, unlike in
            `predict_many`, one without a token. By default, the error is raised.

        # Raises

        UserError
            Where there is no such level, pooling or unit, or the level has no such pooling; and as `predict_many` does.
        """
        encoder = LevelEncoder(self._hmtl, self._index)
        pairs = encoder.known_pairs([level], [pooling])
        unit = known_unit(unit)

        device_type = next(self._hmtl.parameters()).device.type

        def vectors_of(batch: List[KeyedText]) -> List[TextVectors]:
            with torch.autocast(device_type, self._dtype, enabled=self._dtype is not None):
                (found,) = encoder.pooled([text.sentences for _, text in batch], pairs, unit).values()
            # Where the rows of each text but the first begin.
            starts = numpy.cumsum([1 if unit == TEXT else len(text.sentences) for _, text in batch])[:-1]
            return [TextVectors(*text, rows) for text, rows in zip(batch, numpy.split(found, starts))]

        # Not a generator itself, so that mistakes come to light at once.
        return _in_batches(
            self._tokenized_texts(texts, on_error, None, with_tokens=True), batch_size, MAX_TOKENS, vectors_of
        )

    def annotated_layers(self, tasks: Optional[Iterable[str]] = None) -> Dict[str, str]:
        """What each of the tasks, or of all, predicts; in the order of the model's levels.

        # Raises

        UserError
            Where the model has no such task.
        """
        wanted = set(self.layers if tasks is None else tasks)
        for task in sorted(wanted - self.layers.keys()):
            raise UserError(f"the model has no task '{task}'; {it_has(task, self.layers)}")
        return {task: kind for task, kind in self.layers.items() if task in wanted}

    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonDict]:
        raise UserError("the predictor 'hmtl' takes JSON lines; leave out --use-dataset-reader")

    def tokenized(
        self, inputs: JsonDict, entities: Optional[Entities] = None, consistent: Optional[bool] = None
    ) -> TextInput:
        """An input's sentences and tokens, as they will be predicted, with what is asked of them; see `predict`.

        # Raises

        UserError
            Where it is no input of the predictor's, or entities are given that do not fit the text, for a task that
            finds no spans, or to a model without a task that reads any.
        """
        _check(inputs)
        is_raw = "sentences" not in inputs
        text = self._split(inputs["text"]) if is_raw else TokenizedText.from_sentences(inputs["sentences"])
        second = None if is_raw else inputs.get(SECOND_TEXT)
        if is_raw and inputs.get(_PAIR) is not None:
            first, other = text, self._split(inputs[_PAIR])
            text = TokenizedText.joined(first, other)
            # A text without words makes no pair.
            second = len(first.sentences) if len(first) and len(other) else None
        if entities is None:
            return TextInput.of(text, consistent=consistent, second_text=second)
        task, rows = self._entity_task(), entities
        if isinstance(entities, Mapping):
            tasks = [name for name, kind in self.kinds.items() if kind.gives_spans]
            if len(entities) != 1 or not set(entities).issubset(tasks):
                raise UserError(
                    f"entities are given for {', '.join(map(str, entities)) or 'no task'}; expected one of the span "
                    f"tasks of the model: {', '.join(tasks) or 'it has none'}"
                )
            ((task, rows),) = entities.items()
        text, spans = entities_of(rows, text, is_raw)
        if second is not None and is_raw:
            raise UserError("entities are given for a pair of raw texts; give its tokens, as 'sentences'")
        return TextInput.of(text, entities=spans, entity_task=task, consistent=consistent, second_text=second)

    def _entity_task(self) -> Optional[str]:
        """The span task whose layer holds given entities: the first that the highest task reads, of those that read
        spans.

        # Raises

        UserError
            Where no task reads spans.
        """
        readers = [task for task in reversed(self.layers) if self._hmtl.head(task).reads_spans]
        if not readers:
            raise UserError(f"no task of the model reads entities, as relations do; it has: {', '.join(self.layers)}")
        return next((lower for task in readers for lower in self._hmtl.span_tasks[task]), None)

    def _tokenized_texts(
        self,
        texts: Iterable[Union[str, JsonDict, TokenizedText]],
        on_error: Optional[OnError],
        entities: Optional[str] = None,
        with_tokens: bool = False,
    ) -> Iterator[KeyedText]:
        """The texts that can be read, and, where they are to be `with_tokens`, have any."""
        for number, inputs in enumerate(texts):
            doc_key = None
            try:
                if isinstance(inputs, TokenizedText):
                    text = TextInput.of(inputs)
                else:
                    record = {"text": inputs} if isinstance(inputs, str) else inputs
                    text = self.tokenized(record, None if entities is None else self._given(record, entities))
                    doc_key = record.get("doc_key")
                if with_tokens and not len(text):
                    raise UserError("the text has no tokens, and so no vector; leave it out")
            except UserError as error:
                if on_error is None:
                    raise
                on_error(number, error)
            else:
                yield "document" if doc_key is None else str(doc_key), text

    def _given(self, record: JsonDict, key: str) -> Entities:
        """The entities that a record has under a key, by the task of that name where there is one."""
        _check(record)
        if record.get(key) is None:
            raise UserError(
                f"the key '{key}', which the entities are read from, is missing; there are: {', '.join(record)}; "
                "an empty list says that the text has none"
            )
        is_task = key in self.kinds and self.kinds[key].gives_spans
        return {key: record[key]} if is_task else record[key]

    def _predict_batch(
        self, texts: List[KeyedText], labels: Optional[AskedLabels], names: Optional[str]
    ) -> List[JsonDict]:
        """One pass of the model over all sentences of all texts."""
        sentences = [sentence for _, text in texts for sentence in text.sentences]
        lengths = list(map(len, sentences))
        device = next(self._hmtl.parameters()).device
        rows = TokenRows(lengths, device)
        groups = self._index([[sentences[row] for row in group] for group in rows.groups])
        # Shape: (num_tokens,)
        sentence_of = torch.arange(len(sentences)).repeat_interleave(torch.tensor(lengths))
        with torch.autocast(device.type, self._dtype, enabled=self._dtype is not None):
            predicted = self._hmtl.predict(
                moved(groups, device),
                rows,
                TokenRows([len(text) for _, text in texts], device),
                moved(sentence_of, device),
                # Those of spans decide which mentions of a cluster agree.
                self._with_scores or any(self._is_consistent(text) for _, text in texts),
                _given_rows([text for _, text in texts]),
                labels,
                [text.second_text for _, text in texts],
            )
        outputs, first = [], 0
        for number, (doc_key, text) in enumerate(texts):
            of_text: Dict[Scope, slice] = {
                "document": slice(number, number + 1),
                "sentence": slice(first, first + len(text.sentences)),
            }
            first += len(text.sentences)
            outputs.append(
                self._output(
                    doc_key,
                    text,
                    {task: self._rows_of_text(task, text, predicted[task], of_text) for task in predicted},
                    names,
                )
            )
        return outputs

    def _is_consistent(self, text: TextInput) -> bool:
        return self._consistent if text.consistent is None else text.consistent

    def _output(self, doc_key: str, text: TextInput, rows: Dict[str, List[Any]], names: Optional[str]) -> JsonDict:
        output: JsonDict = {
            "doc_key": doc_key,
            "text": text.text,
            "sentences": text.sentences,
            "token_offsets": [list(offsets) for offsets in text.token_offsets],
        }
        if text.second_text is not None:
            output[SECOND_TEXT] = text.second_text
        output.update({task: rows[task] for task in self.layers})
        if text.entities is not None:
            self._give(output, text)
        if self._is_consistent(text):
            make_consistent(output, self.layers, names)
            if not self._with_scores:
                for span in (span for task, kind in self.kinds.items() if kind.gives_spans for span in output[task]):
                    span.pop("score", None)
        return output

    def _give(self, output: JsonDict, text: TextInput) -> None:
        """Puts the given entities into the output, and leaves out of what was read from them all that joins others."""
        entities = text.entities or []
        for task, kind in self.kinds.items():
            if self._hmtl.head(task).reads_spans:
                output[task] = kind.consistent(output[task], {entity.bounds for entity in entities}, {})
        if text.entity_task is not None:
            row, to_json = TextRow(text, 0, len(text) - 1), self.kinds[text.entity_task].to_json
            output[text.entity_task] = [to_json(entity, row, None) for entity in entities]

    def _rows_of_text(
        self, task: str, text: TextInput, predicted: Dict[str, List[Any]], of_text: Dict[Scope, slice]
    ) -> List[Any]:
        """What a head found in all rows of a text, as its kind shows it."""
        scope, to_json = self._scopes[task], self.kinds[task].to_json
        predictions = predicted["predictions"][of_text[scope]]
        is_wanted = self._with_scores or (self._is_consistent(text) and self.kinds[task].gives_spans)
        scores = predicted["scores"][of_text[scope]] if is_wanted and "scores" in predicted else repeat(repeat(None))
        return [
            to_json(item, row, score)
            for row, items, scores_of_items in zip(_rows(text, scope), predictions, scores)
            for item, score in zip(items, scores_of_items)
        ]


def _given_rows(texts: List[TextInput]) -> Optional[Dict[Scope, List[Optional[List[Span]]]]]:
    """The given entities of all sentences and of all texts; `None` where no text has any."""
    if all(text.entities is None for text in texts):
        return None
    return {
        "sentence": [row for text in texts for row in text.entities_by_sentence],
        "document": [text.entities for text in texts],
    }


def document_reader(reader: DatasetReader) -> DocumentReader:
    """A reader with the model's token indexers; the multitask reader wraps one for each task, alike in these."""
    readers = [reader]
    if isinstance(reader, MultiTaskDatasetReader):
        readers = [shim.inner for _, shim in sorted(reader.readers.items())]
    for candidate in readers:
        if isinstance(candidate, DocumentReader):
            return candidate
    raise UserError(
        f"the predictor 'hmtl' needs a dataset reader of hmtl's, and found {type(readers[0]).__name__}; "
        "train with one of hmtl_tagging, hmtl_relation and hmtl_coref"
    )


def _in_precision(model: HMTL, precision: str) -> HMTL:
    if precision not in PRECISIONS:
        raise UserError(f"the predictor's precision is '{precision}'; expected one of: {', '.join(PRECISIONS)}")
    on_cpu = next(model.parameters()).device.type == "cpu"
    if precision == ("fp16" if on_cpu else "int8"):
        raise UserError(
            f"the predictor's precision {precision} is for {'GPUs' if on_cpu else 'CPUs'}; 'bf16' is for both"
        )
    return quantised(model) if precision == "int8" else model


def _in_batches(
    texts: Iterator[KeyedText],
    batch_size: int,
    max_tokens: int,
    of_batch: Callable[[List[KeyedText]], List[Output]],
    of_empty: Optional[Callable[[str, TextInput], Output]] = None,
) -> Iterator[Output]:
    """What texts become, in their order: they are computed in batches of similar length, but for those without tokens.

    # Raises

    UserError
        Where a batch could hold nothing; and whatever the texts raise, when those before have been yielded.
    """
    if batch_size < 1 or max_tokens < 1:
        raise UserError(f"a batch of {batch_size} texts and {max_tokens} tokens; expected at least 1 of each")
    for window in _windows(texts, WINDOW * batch_size, WINDOW * max_tokens):
        outputs = [None if len(text) or of_empty is None else of_empty(doc_key, text) for doc_key, text in window]
        with_tokens = [number for number, (_, text) in enumerate(window) if len(text)]
        lengths = [len(window[number][1]) for number in with_tokens]
        for batch in length_batches(lengths, batch_size, max_tokens):
            numbers = [with_tokens[position] for position in batch]
            for number, output in zip(numbers, of_batch([window[number] for number in numbers])):
                outputs[number] = output
        yield from outputs  # type: ignore[misc]


def _windows(texts: Iterator[KeyedText], max_texts: int, max_tokens: int) -> Iterator[List[KeyedText]]:
    """Consecutive texts, as many as may be held at once; before an error those that were read."""
    window: List[KeyedText] = []
    num_tokens = 0
    try:
        for doc_key, text in texts:
            window.append((doc_key, text))
            num_tokens += len(text)
            if len(window) == max_texts or num_tokens >= max_tokens:
                yield window
                window, num_tokens = [], 0
    except Exception:
        if window:
            yield window
        raise
    if window:
        yield window


def length_batches(lengths: List[int], max_texts: int, max_tokens: int) -> Iterator[List[int]]:
    """The numbers of the texts, the longest first, in batches that hold so much at most, or else one text."""
    batch: List[int] = []
    num_tokens = 0
    for number in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) == max_texts or num_tokens + lengths[number] > max_tokens):
            yield batch
            batch, num_tokens = [], 0
        batch.append(number)
        num_tokens += lengths[number]
    if batch:
        yield batch


def _rows(text: TokenizedText, scope: Scope) -> Iterator[TextRow]:
    """The sentences, or the document."""
    if scope == "document":
        return iter([TextRow(text, 0, len(text) - 1)])
    starts = [*text.sentence_starts, len(text)]
    return (TextRow(text, first, stop - 1, number) for number, (first, stop) in enumerate(pairwise(starts)))


def _check(record: Any) -> None:
    """Raises `UserError` where the record is no input of the predictor's."""
    if not isinstance(record, dict):
        raise UserError(f"{_EXPECTED}, found {type(record).__name__}")
    for key in ("doc_key", "text", _PAIR):
        fault = surrogate_fault(str(record.get(key, "")))
        if fault:
            raise UserError(f"'{key}': {fault}")
    if "sentences" in record:
        sentences = record["sentences"]
        if not isinstance(sentences, list):
            raise UserError(f"'sentences' is {type(sentences).__name__}; {_EXPECTED}")
        # An output for an empty text holds no sentences; it is an input, too.
        if sentences:
            pair = {SECOND_TEXT: record[SECOND_TEXT]} if record.get(SECOND_TEXT) is not None else {}
            Document(str(record.get("doc_key", "document")), sentences, metadata=pair).validate()
    elif "text" in record:
        if not isinstance(record["text"], str):
            raise UserError(f"'text' is {type(record['text']).__name__}; {_EXPECTED}")
        if not isinstance(record.get(_PAIR), (str, type(None))):
            raise UserError(f"'{_PAIR}' is {type(record[_PAIR]).__name__}; expected a text, the second of a pair")
    else:
        raise UserError(f"{_EXPECTED}, found the keys: {', '.join(map(str, record)) or 'none'}")
