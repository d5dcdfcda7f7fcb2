"""A trained model as a component of spaCy pipelines: `nlp.add_pipe("hmtl", config={"model": "runs/gum"})`."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Union

import srsly
from allennlp.common.util import JsonDict
from spacy.pipeline import Pipe, Sentencizer
from spacy.tokens import Doc, Span, SpanGroup, Token
from spacy.util import ensure_path, filter_spans, minibatch

import hmtl_spacy  # noqa: F401  (registers the component, also where hmtl is not installed but on the path)
from hmtl.annotation import mark_heads, name_task
from hmtl.archives import archive_model
from hmtl.errors import UserError
from hmtl.models.heads.task_head import Layer
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.text import tokens_by_sentence

_ARCHIVE = "model.tar.gz"
_USER_DATA = "hmtl"
_MENTIONS = "mentions"

# What the options are called, what the task has to predict, and the task that a model need not have.
_OPTIONS: Dict[str, Layer] = {"ents": "spans", "mentions": "spans", "relations": "relations", "clusters": "clusters"}
_DEFAULTS = {"ents": "ner", "mentions": "emd", "relations": "relation", "clusters": "coref"}


class DocRelation(NamedTuple):
    """A relation, with its probability."""

    label: str
    arg1: Span
    arg2: Span
    score: Optional[float]


class DocCluster(NamedTuple):
    """Mentions of one thing, the one that names it best (see `mark_heads`), and the probability of each one's link."""

    head: Span
    mentions: List[Span]
    scores: List[Optional[float]]


class HMTLComponent(Pipe):
    """Annotates documents with the tasks of an `HMTL` model, all in one pass.

    The tokens are the document's own, and so are the sentences where a component before this one marks them; else they
    end at punctuation. Whitespace is no token to the model, and a blank line ends a sentence. It sets

    - `doc.ents`: spans of one task, of which the longest stay where some overlap;
    - `doc.spans["mentions"]`: spans of another task, with `attrs["scores"]`;
    - `doc._.relations`, a `DocRelation` each, and `doc._.clusters`, a `DocCluster` each. They are kept in
      `doc.user_data` as plain values, which go wherever a document is saved.

    # Parameters

    name : `str`
    model : `Optional[str]`
        A `model.tar.gz`, or the directory of a run.
    ents, mentions, relations, clusters : `Optional[str]`
        The task that each is taken from; `None` leaves it as it is. By default `ner`, `emd`, `relation` and `coref`,
        as far as the model has them.
    save_model : `bool`, optional (default = `False`)
        What `nlp.to_disk` and `nlp.to_bytes` store: by default the path of the model alone, which has to exist wherever
        the pipeline is loaded; or else the model itself, too.
    cuda_device : `int`, optional (default = `-1`)
        The GPU, -1 for the CPU.

    # Raises

    UserError
        Where there is no model, or it lacks a task that is asked for; with `save_model` at the first document.
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
    ) -> None:
        if not model:
            raise UserError(
                f"the component '{name}' has no model: nlp.add_pipe('hmtl', config={{'model': 'PATH'}}), where PATH is "
                "a model.tar.gz or the directory of a run"
            )
        self.name = name
        self._archive = Path(model)
        self._wanted = {"ents": ents, "mentions": mentions, "relations": relations, "clusters": clusters}
        self._tasks: Dict[str, Optional[str]] = {}
        self._save_model = save_model
        self._cuda_device = cuda_device
        self._sentencizer = Sentencizer()
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
            try:
                self._annotate(docs)
            except Exception as error:
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Writes the model into the folder `path`, where `save_model` is set."""
        if self._save_model:
            folder = ensure_path(path)
            folder.mkdir(parents=True, exist_ok=True)
            self._write_archive(folder / _ARCHIVE)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "HMTLComponent":
        """Takes the model from the folder `path`, where it is there."""
        archive = ensure_path(path) / _ARCHIVE
        if archive.exists():
            self._archive = archive
            self._load()
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The model, where `save_model` is set."""
        if not self._save_model:
            return srsly.msgpack_dumps({})
        with TemporaryDirectory() as folder:
            archive = Path(folder) / _ARCHIVE
            self._write_archive(archive)
            return srsly.msgpack_dumps({"archive": archive.read_bytes()})

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "HMTLComponent":
        """Takes the model from bytes, where they hold one."""
        content = srsly.msgpack_loads(data)
        if "archive" in content:
            self._folder = TemporaryDirectory()
            self._archive = Path(self._folder.name) / _ARCHIVE
            self._archive.write_bytes(content["archive"])
            self._load()
        return self

    def _load(self) -> HMTLPredictor:
        self._predictor = HMTLPredictor.load(self._archive, cuda_device=self._cuda_device, with_scores=True)
        self._tasks = {option: self._task(option, self._predictor.layers) for option in _OPTIONS}
        return self._predictor

    def _task(self, option: str, layers: Dict[str, Layer]) -> Optional[str]:
        """The task of an option, or `None` where the model lacks the usual one."""
        task, layer = self._wanted[option], _OPTIONS[option]
        if task is None or layers.get(task) == layer:
            return task
        if task == _DEFAULTS[option]:
            return None
        fitting = ", ".join(name for name, kind in layers.items() if kind == layer) or "none"
        raise UserError(
            f"the component '{self.name}': the model has no task '{task}' for '{option}'; it has: {fitting}"
        )

    def _write_archive(self, target: Path) -> None:
        if self._archive.is_dir():
            archive_model(self._archive, archive_path=target)
        elif not (target.exists() and target.samefile(self._archive)):
            shutil.copyfile(self._archive, target)

    def _annotate(self, docs: List[Doc]) -> None:
        predictor = self._predictor or self._load()
        names = name_task(predictor.layers)
        sentences_of = [self._sentences(doc) for doc in docs]
        inputs = [
            {"sentences": [[token.text for token in sentence] for sentence in sentences]}
            for sentences in sentences_of
            if sentences
        ]
        outputs = predictor.predict_many(inputs, batch_size=len(docs))
        for doc, sentences in zip(docs, sentences_of):
            output = next(outputs) if sentences else {**dict.fromkeys(predictor.layers, []), "sentences": []}
            mark_heads(output, predictor.layers, names)
            self._set(doc, [token for sentence in sentences for token in sentence], output)

    def _sentences(self, doc: Doc) -> List[List[Token]]:
        """The tokens that are more than whitespace, sentence by sentence; the document is left as it is."""
        if doc.has_annotation("SENT_START"):
            starts = [token.is_sent_start for token in doc]
        else:
            starts = self._sentencizer.predict([doc])[0]
        return tokens_by_sentence(doc, starts)

    def _set(self, doc: Doc, tokens: List[Token], output: JsonDict) -> None:
        """Writes an output, whose offsets count `tokens`, into the document."""

        def span(row: JsonDict) -> Span:
            return Span(doc, tokens[row["start"]].i, tokens[row["end"]].i + 1, label=row.get("label", ""))

        def characters(row: JsonDict) -> List[int]:
            found = span(row)
            return [found.start_char, found.end_char]

        ents, mentions, relations, clusters = (self._tasks[option] for option in _OPTIONS)
        if ents is not None:
            doc.set_ents(filter_spans(span(row) for row in output[ents]))
        if mentions is not None:
            rows = output[mentions]
            scores = [row.get("score") for row in rows]
            doc.spans[_MENTIONS] = SpanGroup(
                doc, name=_MENTIONS, spans=[span(row) for row in rows], attrs={"scores": scores}
            )
        # Plain values in characters: they can be saved, and tokens may be merged later.
        kept: Dict[str, List[JsonDict]] = {}
        if relations is not None:
            kept["relations"] = [
                {
                    "label": row["label"],
                    "arg1": characters(row["arg1"]),
                    "arg2": characters(row["arg2"]),
                    "score": row.get("score"),
                }
                for row in output[relations]
            ]
        if clusters is not None:
            kept["clusters"] = [
                {
                    "head": next(number for number, row in enumerate(cluster) if row.get("head")),
                    "mentions": [characters(row) for row in cluster],
                    "scores": [row.get("score") for row in cluster],
                }
                for cluster in output[clusters]
            ]
        doc.user_data[_USER_DATA] = kept


def _kept(doc: Doc, key: str) -> List[JsonDict]:
    return doc.user_data.get(_USER_DATA, {}).get(key, [])


def _span(doc: Doc, characters: Sequence[int]) -> Span:
    start, end = characters
    span = doc.char_span(start, end, alignment_mode="expand")
    assert span is not None
    return span


def _relations(doc: Doc) -> List[DocRelation]:
    return [
        DocRelation(row["label"], _span(doc, row["arg1"]), _span(doc, row["arg2"]), row["score"])
        for row in _kept(doc, "relations")
    ]


def _clusters(doc: Doc) -> List[DocCluster]:
    clusters = []
    for row in _kept(doc, "clusters"):
        mentions = [_span(doc, characters) for characters in row["mentions"]]
        clusters.append(DocCluster(mentions[row["head"]], mentions, list(row["scores"])))
    return clusters


# Importing the module is enough to read documents that were saved.
Doc.set_extension("relations", getter=_relations, force=True)
Doc.set_extension("clusters", getter=_clusters, force=True)
