"""What the library asks of a kind of prediction. A class beside its heads answers."""

from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Set,
    Tuple,
)

from allennlp.common import Registrable
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader

from hmtl.common.characters import on_one_line, visible
from hmtl.common.figures import STRICT
from hmtl.document import Bounds, Document
from hmtl.errors import ConfigurationError, UserError
from hmtl.metrics import LabelledF1
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.errors.labelled_errors import LabelledErrors
from hmtl.tasks.errors.section import Analyser
from hmtl.text import TokenizedText

Metrics = Mapping[str, float]

# What spaCy calls precision, recall and F1.
SPACY_NUMBERS = {"precision": "p", "recall": "r", "f1": "f"}


class TextRow(NamedTuple):
    """A row that a head has seen, a sentence or a document, in its text: tokens `first` to `last`, both included; of a
    sentence also its number."""

    text: TokenizedText
    first: int
    last: int
    sentence: Optional[int] = None

    def mention(self, start: int, end: int) -> JsonDict:
        """Tokens that are counted from the start of the row, both included, as the predictor's output has them: with
        offsets in tokens and characters of the text, and their text."""
        return self.text.mention(self.first + start, self.first + end)


class Standoff(Protocol):
    """The lines of a text in a standoff format, such as brat's, which a kind adds to."""

    def entity(self, mention: JsonDict, label: str) -> None:
        """A mention with a label."""

    def relation(self, label: str, arg1: JsonDict, arg2: JsonDict) -> None:
        """A labelled relation; its arguments become entities where nothing has named them before."""

    def chain(self, mentions: Sequence[JsonDict]) -> None:
        """Mentions of one thing: each is related to the one before it, and one alone is an entity."""

    def leave_out(self) -> None:
        """Counts a row that has no place in the format, which a note then tells."""


class DocItem(NamedTuple):
    """What spaCy's documents have of a row of a kind that says nothing else: its label, the spans that it is about,
    and its probability."""

    label: Optional[str]
    mentions: List[Any]
    score: Optional[float] = None


class Kind(Registrable):
    """A kind of prediction: what its heads' predictions are called and become. A head names its kind by `predicts`;
    predictor, page, formats, evaluation, error analysis and spaCy ask the kind whatever they have to know.

    Heads predict a list of items a row, a sentence or a document. An item is a tuple that can be sorted and compared,
    whose last element is its label; other kinds say so by `is_labelled`. In the predictor's output each item is a row
    of JSON, which everything that is shown or written is made of.

    The defaults are those of labels of whole rows, items `(label,)`: such a kind is a class with a name and nouns. For
    other items a kind needs `to_json`. From there on defaults take rows as they are: an object may have a `label` and a
    `score`, and names the tokens that it is about by objects as `TextRow.mention` makes them, itself or its values.

    # Parameters

    name : `str`
        The registered name. The metadata of the reader's instances have the gold items of a row by that name.

    # Attributes

    singular, plural : `str`
        What one of its rows is called, and several.
    counted : `str`
        What is counted of gold, where that is not what `plural` says.
    is_labelled : `bool`
        Whether the last element of an item is its label, so that there are scores by label.
    gives_spans : `bool`
        Whether items are `Span`s: heads that read spans get them, and one of the tasks can name things.
    order : `int`
        Where a file lists kind after kind, those of lower order come first; what others may refer to is 0.
    one_layer : `bool`
        Whether a `Document` has room for one task of the kind alone.
    figures : `Mapping[str, str]`
        The metrics that tables have, the foremost first, and what they call them; those that are missing are left out.
    drawing : `str`
        What draws it on the page: `spans` (boxes), `relations` (arcs), `dependencies` (all arcs of a sentence),
        `clusters` (chains), for rows of the form that these have, or `labels`: whatever the tokens, marks, and badges
        for whole sentences.
    column : `Optional[str]`
        The column of the CoNLL-2012 layout that can hold it: `names`, for rows of the form of spans, or `coreference`,
        for lists of mentions; or, of CoNLL-U, `dependencies`.
    left_out_by : `Collection[str]`
        The formats whose descriptions say that they leave such layers out; others say so in a note.
    attribute : `Optional[str]`
        The extension of spaCy's documents that holds it; by default it has the name of the task.
    """

    singular: str = "label"
    plural: str = "labels"
    counted: str = ""
    is_labelled: bool = True
    gives_spans: bool = False
    order: int = 3
    one_layer: bool = False
    figures: Mapping[str, str] = {STRICT: "f1"}
    drawing: str = "labels"
    column: Optional[str] = None
    left_out_by: Collection[str] = ()
    attribute: Optional[str] = None

    def __init__(self, name: str) -> None:
        self.name = name

    # What a head has found, and gold.

    def gold(self, metadata: Dict[str, Any]) -> Collection[Any]:
        """The gold items of a row, by the metadata that its reader gave it.

        # Raises

        ConfigurationError
            Where the metadata have none.
        """
        if self.name not in metadata:
            raise ConfigurationError(
                f"the metadata of the dataset reader have no gold '{self.name}', only {', '.join(sorted(metadata))}; "
                "predictions of this kind need a reader that gives it"
            )
        return metadata[self.name]

    def to_json(self, item: Any, row: TextRow, score: Any) -> Any:
        """An item in the predictor's output.

        # Parameters

        item : `Any`
            What the head has predicted, with offsets counted from the start of the row.
        row : `TextRow`
        score : `Any`
            What the head's `scores` have of it, a probability unless the kind says otherwise; `None` without scores.
        """
        (label,) = item
        return scored({**row.mention(0, row.last - row.first), "label": label}, score)

    def mentions(self, row: Any) -> List[JsonDict]:
        """The tokens that a row of JSON is about, in its order."""
        values = [row, *row.values()] if isinstance(row, dict) else row
        return [value for value in values if isinstance(value, dict) and "start" in value]

    def add_to_document(self, document: Document, task: str, rows: List[Any]) -> None:
        """Gives a document the rows of a task as a layer; by default they become metadata.

        # Raises

        UserError
            Where the document has another task's layer in that place.
        """
        document.metadata[task] = rows

    def mark_heads(self, rows: List[Any], names: Set[Bounds], sentences: List[List[str]]) -> None:
        """Where rows are clusters, gives one mention of each `"head": true`; `names` are bounds of names."""

    def consistent(self, rows: List[Any], found: Set[Bounds], types: Mapping[Bounds, Mapping[str, float]]) -> List[Any]:
        """The rows of a text that agree with its spans; by default all of them.

        # Parameters

        rows : `List[Any]`
        found : `Set[Bounds]`
            The bounds of the spans of all tasks.
        types : `Mapping[Bounds, Mapping[str, float]]`
            For the spans of the task that finds names their labels, each with its probability.
        """
        return rows

    # What people see.

    def lines(self, rows: List[Any], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """The lines that show the rows of a text on a terminal; `emphasised` styles labels."""
        return [
            "  ".join(
                [
                    *([emphasised(visible(str(row["label"])))] if "label" in row else []),
                    *(on_one_line(mention["text"]) for mention in self.mentions(row)),
                ]
            )
            for row in rows
        ]

    def add_to_standoff(self, row: Any, standoff: Standoff) -> None:
        """Adds a row to a standoff format: with one mention as entity, with two as relation."""
        mentions = self.mentions(row)
        if len(mentions) == 1 and "label" in row:
            standoff.entity(mentions[0], row["label"])
        elif len(mentions) == 2 and "label" in row:
            standoff.relation(row["label"], *mentions)
        else:
            standoff.leave_out()

    # Evaluation.

    def columns(self, scores: Sequence[Metrics], baseline: Optional[Metrics]) -> Dict[str, str]:
        """The metrics that a table has of a task, and their titles, by those of all weights and of the baseline."""
        found = {name for metrics in scores for name in metrics}
        return {name: title for name, title in self.figures.items() if name in found} or self._first_figure()

    def notes(
        self, task: str, columns: Mapping[str, str], scores: Mapping[str, Metrics], best: Collection[str]
    ) -> Iterator[str]:
        """What stands below a table with these columns.

        # Parameters

        task : `str`
        columns : `Mapping[str, str]`
            As `columns` gave them.
        scores : `Mapping[str, Metrics]`
            The metrics of the task by the name of the weights.
        best : `Collection[str]`
            Of these names that of the weights that were best for the task.
        """
        yield from ()

    def baseline(
        self, reader: DatasetReader, head: Any, train: List[Document], test: List[Document]
    ) -> Optional[Baseline]:
        """The scores on `test` of what was fitted to `train` without learning more than counts. The documents are
        those of `DocumentReader.gold_documents`. `None` where there is no baseline."""
        return None

    def errors(self, num_examples: int) -> Analyser:
        """An analysis of errors, which keeps so many examples of each pattern."""
        return LabelledErrors(self.plural, self.gold, num_examples)

    # spaCy's documents. A value stands for a row; kept in user data it is plain, with mentions as
    # [first character, end, text].

    def doc_value(self, row: Any, span: Callable[[JsonDict], Any]) -> Any:
        """The value of a row of JSON; `span` makes spaCy's spans of mentions."""
        return DocItem(row.get("label"), [span(mention) for mention in self.mentions(row)], row.get("score"))

    def add_to_doc(self, doc: Any, task: str, rows: List[Any], span: Callable[[JsonDict], Any]) -> None:
        """Gives a document of spaCy what the rows of a task are in itself, beside its extension; by default nothing."""

    def example_scores(self, examples: Iterable[Any]) -> Dict[str, Any]:
        """The scores, of spaCy's examples, of what `add_to_doc` adds; by default none."""
        return {}

    def kept(self, value: Any, mention: Callable[[Any], List[Any]]) -> Dict[str, Any]:
        """A value in user data; `mention` makes a plain one of a span."""
        label, mentions, score = DocItem(*value)
        return {"label": label, "mentions": [mention(span) for span in mentions], "score": score}

    def restored(self, kept: Dict[str, Any], find: Callable[[List[Any]], Optional[Any]]) -> Optional[Any]:
        """A value that was kept. `find` gives what stands for a mention, a span or its bounds, or `None` where the
        document no longer has it; `None` where too little is left."""
        found = [find(mention) for mention in kept["mentions"]]
        return None if None in found else DocItem(kept["label"], found, kept["score"])

    def doc_scores(self, pairs: Iterable[Tuple[List[Any], List[Any]]], name: str) -> Dict[str, float]:
        """The scores of values, predicted and gold ones of each document, which have bounds in place of spans; their
        names begin with that of the attribute."""
        metric = LabelledF1()
        for sides in pairs:
            metric(*([[(*value.mentions, value.label) for value in side]] for side in sides))
        return labelled_doc_scores(metric, name)

    def _first_figure(self) -> Dict[str, str]:
        return dict(list(self.figures.items())[:1])


def kind_of(name: str) -> Kind:
    """The kind of that name.

    # Raises

    ConfigurationError
        Where none is registered, with the names of those that are.
    """
    known = Kind.list_available()
    if name not in known:
        raise ConfigurationError(
            f"no kind of prediction is registered as '{name}'; there are: {', '.join(sorted(known))}. "
            "Register one of your own by @Kind.register (docs/tutorials/task.md)"
        )
    return Kind.by_name(name)(name)


def kinds_of(layers: Mapping[str, str]) -> Dict[str, Kind]:
    """The kind of each task, by what `HMTLPredictor.layers` has of it."""
    return {task: kind_of(name) for task, name in layers.items()}


def scored(row: JsonDict, score: Optional[float]) -> JsonDict:
    """A row of JSON with its probability, where there is one."""
    return row if score is None else {**row, "score": round(score, 4)}


def only_layer(kind: Kind, task: str, present: Any) -> None:
    """Raises `UserError` where a document has a layer of the kind, in the place that there is for one."""
    if present is not None:
        raise UserError(f"a document holds one layer of {kind.plural}; leave '{task}' or its rival out")


def labelled_doc_scores(metric: LabelledF1, name: str) -> Dict[str, Any]:
    """The scores that a metric has, by the names that spaCy gives them."""
    return {
        **{f"{name}_{SPACY_NUMBERS[number]}": value for number, value in metric.get_metric().items()},
        f"{name}_per_type": {
            label: {short: scores[number] for number, short in SPACY_NUMBERS.items()}
            for label, scores in metric.by_label().items()
        },
    }
