"""A trained model as a component of spaCy pipelines: `nlp.add_pipe("hmtl", config={"model": "runs/gum"})`."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Type, Union

import srsly
import torch
from allennlp.common.util import JsonDict
from spacy.pipeline import Pipe
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_examples
from spacy.util import ensure_path, filter_spans, minibatch

import hmtl_spacy  # noqa: F401  (registers the component, also where hmtl is not installed but on the path)
from hmtl.common.archives import archive_model
from hmtl.common.file_names import ARCHIVE_NAME
from hmtl.common.model_names import find_model
from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor, mark_heads, name_task
from hmtl.spacy_extensions import (
    CLUSTERS,
    RELATIONS,
    DocCluster,
    DocItem,
    DocRelation,
    doc_scores,
    set_extensions,
)
from hmtl.tasks.kind import Kind
from hmtl.text.graphemes import whole
from hmtl.text.sentences import in_sentences, sentence_starts
from hmtl.text.splitter import marked_starts

__all__ = ["DocCluster", "DocItem", "DocRelation", "HMTLComponent", "set_extensions"]

# What the options are called, and the task that a model need not have. Those of spans come first; the others are for
# kinds of prediction that have such an attribute.
_DEFAULTS = {"ents": "ner", "mentions": "emd", "relations": "relation", "clusters": "coref"}
_OF_SPANS = ("ents", "mentions")


class _Word(NamedTuple):
    """A word that the model reads, and its first and last token: those of one character, such as a flag, are a word."""

    text: str
    first: int
    last: int


class HMTLComponent(Pipe):
    """Annotates documents with the tasks of an `HMTL` model, all in one pass.

    The tokens are the document's own, and so are the sentences where a component before this one marks them; else they
    are those that `SentenceSplitter` finds. White space and characters that nobody sees are no tokens to the model,
    tokens that are parts of one emoji are one, and a blank line ends a sentence. It sets

    - `doc.ents`: spans of one task, of which the longest stay where some overlap. Entities that the document already
      has stay, and spans that overlap them are dropped, as spaCy's own components have it; so are spans that hold a
      blocked token;
    - `doc.spans["mentions"]`: spans of another task, with `attrs["scores"]`;
    - `doc._.relations`, a `DocRelation` each, and `doc._.clusters`, a `DocCluster` each; see `hmtl.spacy_extensions`;
    - `doc._.{task}` for each task of another kind of prediction, a `DocItem` each unless the kind says otherwise;
    - `doc.cats`: the labels of the whole text, each with its probability, and numbers by the names of their tasks.
      Labels of sentences are `doc._.{task}` alone, whose items have the sentence in `mentions`;
    - `token.head` and `token.dep_` by a task of dependencies, unless the document has a parse already.

    Where a batch fails, its documents are tried one by one, so that the pipeline's error handler gets those alone that
    are to blame. `nlp.pipe(..., n_process=2)` works on CPUs: each process computes with one thread.

    # Parameters

    name : `str`
    model : `Optional[str]`
        A `model.tar.gz`, the directory of a run, or the name of a model, such as `en_hmtl_mini` (see `find_model`).
    ents, mentions, relations, clusters : `Optional[str]`
        The task that each is taken from; `None` leaves it as it is. By default `ner`, `emd`, `relation` and `coref`,
        as far as the model has them.
    overwrite_ents : `bool`, optional (default = `False`)
        Whether entities that the document already has give way to the spans that overlap them.
    spans_key, relations_attr, clusters_attr : `str`
        The names of `doc.spans[...]` and `doc._...`, by default as above. A component takes the place of what an
        earlier one wrote under the same name.
    save_model : `bool`, optional (default = `False`)
        What `nlp.to_disk` and `nlp.to_bytes` store: by default the path of the model alone, which has to exist wherever
        the pipeline is loaded; or else the model itself, too.
    cuda_device : `int`, optional (default = `-1`)
        The GPU, -1 for the CPU.

    # Raises

    UserError
        Where there is no model, or it lacks a task that is asked for; with `save_model` at the first document. Where
        an extension of another's has one of the names.
    """

    def __init__(
        self,
        name: str,
        model: Optional[str],
        ents: Optional[str] = "ner",
        mentions: Optional[str] = "emd",
        relations: Optional[str] = "relation",
        clusters: Optional[str] = "coref",
        save_model: bool = False,
        cuda_device: int = -1,
        overwrite_ents: bool = False,
        spans_key: str = "mentions",
        relations_attr: str = RELATIONS,
        clusters_attr: str = CLUSTERS,
    ) -> None:
        if not model:
            raise UserError(
                f"the component '{name}' has no model: nlp.add_pipe('hmtl', config={{'model': 'PATH'}}), where PATH is "
                "a model.tar.gz, the directory of a run or the name of a model"
            )
        try:
            set_extensions(relations_attr if relations else None, clusters_attr if clusters else None)
        except UserError as error:
            raise UserError(f"the component '{name}': {error}") from error
        self.name = name
        self._overwrite_ents = overwrite_ents
        self._spans_key = spans_key
        self._optional = {"relations": relations_attr, "clusters": clusters_attr}
        self._process = os.getpid()
        self._archive = Path(model)
        self._wanted = {"ents": ents, "mentions": mentions, "relations": relations, "clusters": clusters}
        self._tasks: Dict[str, Optional[str]] = {}
        self._kinds: Dict[str, Kind] = {}
        # Of tasks that become an extension, its name.
        self._attributes: Dict[str, str] = {}
        self._save_model = save_model
        self._cuda_device = cuda_device
        self._predictor: Optional[HMTLPredictor] = None
        # Of a model that came as bytes.
        self._folder: Optional[TemporaryDirectory] = None
        # A saved model comes after its pipeline, and the path may mean nothing here.
        if not save_model:
            self._load()

    def __call__(self, doc: Doc) -> Doc:
        """Annotates a document and returns it."""
        try:
            self._annotate([doc])
        except Exception as error:
            self.get_error_handler()(self.name, self, [doc], error)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotates a stream of documents, so many in one pass of the model."""
        for docs in minibatch(stream, size=batch_size):
            yield from self._annotated(docs)

    def score(self, examples: Iterable[Example], **_: Any) -> Dict[str, Any]:
        """Scores for `nlp.evaluate`, of what the reference documents have; `None` where none has it.

        - `ents_p`, `ents_r`, `ents_f`, `ents_per_type`, as spaCy's recognizer has them;
        - `spans_mentions_...`: the same of the mentions;
        - `relations_...`: the same, where both arguments have to be right, and `relations_last_tokens_f`, where their
          last tokens have to; see `RelationScores`;
        - `clusters_p`, `clusters_r`, `clusters_f`, the averages of MUC, B-cubed and CEAF-phi4, and each score by
          itself, such as `clusters_muc_f`; see `CoreferenceScores`;
        - `{task}_...` of each task of another kind, see `Kind.doc_scores`;
        - `dep_uas`, `dep_las` and `dep_las_per_type` of the tokens' heads, punctuation included.
        """
        examples = list(examples)
        validate_examples(examples, "HMTLComponent.score")
        if self._predictor is None:
            self._load()
        scores: Dict[str, Any] = {}
        key = self._spans_key
        if self._tasks["ents"] is not None:
            scores.update(get_ner_prf(examples))
        if self._tasks["mentions"] is not None:
            scores.update(
                Scorer.score_spans(
                    examples,
                    f"spans_{key}",
                    getter=lambda doc, _: doc.spans.get(key, []),
                    has_annotation=lambda doc: key in doc.spans,
                    allow_overlap=True,
                )
            )
        for task, attribute in self._attributes.items():
            scores.update(doc_scores(examples, attribute, self._kinds[task].name))
            scores.update(self._kinds[task].example_scores(examples))
        return scores

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Writes the model into the folder `path`, where `save_model` is set."""
        if self._save_model:
            folder = ensure_path(path)
            folder.mkdir(parents=True, exist_ok=True)
            self._write_archive(folder / ARCHIVE_NAME)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "HMTLComponent":
        """Takes the model from the folder `path`, where it is there."""
        archive = ensure_path(path) / ARCHIVE_NAME
        if archive.exists():
            self._archive = archive
            self._load()
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The model, where `save_model` is set."""
        if not self._save_model:
            return srsly.msgpack_dumps({})
        with TemporaryDirectory() as folder:
            archive = Path(folder) / ARCHIVE_NAME
            self._write_archive(archive)
            return srsly.msgpack_dumps({"archive": archive.read_bytes()})

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "HMTLComponent":
        """Takes the model from bytes, where they hold one."""
        content = srsly.msgpack_loads(data)
        if "archive" in content:
            self._folder = TemporaryDirectory()
            self._archive = Path(self._folder.name) / ARCHIVE_NAME
            self._archive.write_bytes(content["archive"])
            self._load()
        return self

    def _load(self) -> HMTLPredictor:
        self._predictor = HMTLPredictor.load(self._archive, cuda_device=self._cuda_device, with_scores=True)
        self._kinds = self._predictor.kinds
        self._tasks = {option: self._task(option) for option in _DEFAULTS}
        wanted: Dict[Optional[str], str] = {self._tasks[option]: name for option, name in self._optional.items()}
        others = {
            task: kind.attribute or task
            for task, kind in self._kinds.items()
            if not kind.gives_spans and kind.attribute not in self._optional
        }
        self._attributes = {task: name for task, name in [*wanted.items(), *others.items()] if task is not None}
        try:
            set_extensions(None, None, others={name: self._kinds[task].name for task, name in others.items()})
        except UserError as error:
            raise UserError(f"the component '{self.name}': {error}") from error
        return self._predictor

    def _task(self, option: str) -> Optional[str]:
        """The task of an option, or `None` where the model lacks the usual one."""
        task = self._wanted[option]
        fitting = [name for name, kind in self._kinds.items() if _fits(option, kind)]
        if task is None or task in fitting:
            return task
        if task == _DEFAULTS[option]:
            return None
        raise UserError(
            f"the component '{self.name}': the model has no task '{task}' for '{option}'; "
            f"it has: {', '.join(fitting) or 'none'}"
        )

    def _write_archive(self, target: Path) -> None:
        archive = find_model(self._archive)
        if archive.is_dir():
            archive_model(archive, archive_path=target)
        elif not (target.exists() and target.samefile(archive)):
            shutil.copyfile(archive, target)

    def _annotated(self, docs: List[Doc]) -> Iterator[Doc]:
        try:
            self._annotate(docs)
        except Exception as error:
            if len(docs) == 1:
                self.get_error_handler()(self.name, self, docs, error)
                return
            for doc in docs:
                yield from self._annotated([doc])
        else:
            yield from docs

    def _annotate(self, docs: List[Doc]) -> None:
        if os.getpid() != self._process:
            self._begin_in_another_process()
        predictor = self._predictor or self._load()
        names = name_task(predictor.layers)
        sentences_of = [self._sentences(doc) for doc in docs]
        inputs = [{"sentences": [[word.text for word in words] for words in sentences]} for sentences in sentences_of]
        outputs = list(predictor.predict_many(inputs, batch_size=len(docs)))
        for doc, sentences, output in zip(docs, sentences_of, outputs, strict=True):
            mark_heads(output, predictor.layers, names)
            self._set(doc, [word for words in sentences for word in words], output)

    def __reduce__(self) -> Tuple[Any, ...]:
        """What a worker of `nlp.pipe` is sent where processes are not forked: the worker loads the model itself."""
        return _component, (type(self), self.name, {**self.__dict__, "_predictor": None, "_folder": None})

    def _begin_in_another_process(self) -> None:
        """Of a worker of `nlp.pipe`: one that was forked has none of the threads of the first process, for which OpenMP
        would wait for ever."""
        if self._cuda_device >= 0:
            raise UserError(
                f"the component '{self.name}' computes on a GPU, which processes cannot share; leave n_process out"
            )
        torch.set_num_threads(1)
        self._process = os.getpid()

    @staticmethod
    def _sentences(doc: Doc) -> List[List[_Word]]:
        """The words of each sentence; the document is left as it is."""
        text = doc.text
        tokens = [token for token in doc if not token.is_space]
        places, members = whole(text, [(token.idx, token.idx + len(token)) for token in tokens])
        words = [
            _Word(text[start:end], tokens[first].i, tokens[last].i)
            for (start, end), (first, last) in zip(places, members)
        ]
        is_marked = doc.has_annotation("SENT_START")
        return in_sentences(words, marked_starts(doc, text, places) if is_marked else sentence_starts(text, places))

    def _set(self, doc: Doc, words: List[_Word], output: JsonDict) -> None:
        """Writes an output, whose offsets count `words`, into the document."""

        def span(row: JsonDict) -> Span:
            return Span(doc, words[row["start"]].first, words[row["end"]].last + 1, label=row.get("label", ""))

        ents, mentions = (self._tasks[option] for option in _OF_SPANS)
        if ents is not None:
            self._set_ents(doc, [span(row) for row in output[ents]])
        if mentions is not None:
            rows = output[mentions]
            scores = [row.get("score") for row in rows]
            doc.spans[self._spans_key] = SpanGroup(
                doc, name=self._spans_key, spans=[span(row) for row in rows], attrs={"scores": scores}
            )
        for task, attribute in self._attributes.items():
            kind = self._kinds[task]
            doc._.set(attribute, [kind.doc_value(row, span) for row in output[task]])
            kind.add_to_doc(doc, task, output[task], span)

    def _set_ents(self, doc: Doc, found: List[Span]) -> None:
        """Sets the entities; of those that were there, as `overwrite_ents` has it. Other tokens are outside."""
        blocked = [token.i for token in doc if token.ent_iob_ == "B" and not token.ent_type]
        preset = list(doc.ents)
        closed = {*blocked}
        if not self._overwrite_ents:
            closed.update(token.i for entity in preset for token in entity)
        new = filter_spans(span for span in found if closed.isdisjoint(range(span.start, span.end)))
        taken = {token.i for span in new for token in span}
        kept = [entity for entity in preset if taken.isdisjoint(range(entity.start, entity.end))]
        doc.set_ents(sorted([*kept, *new]), blocked=[doc[number : number + 1] for number in blocked])


def _fits(option: str, kind: Kind) -> bool:
    return kind.gives_spans if option in _OF_SPANS else kind.attribute == option


def _component(kind: Type[HMTLComponent], name: str, state: Dict[str, Any]) -> HMTLComponent:
    component = kind.__new__(kind)
    component.name = name
    component.__dict__.update(state)
    return component


# Importing the module is enough to read documents that were saved. Where the names are taken, a component says so.
set_extensions(only_free=True)
