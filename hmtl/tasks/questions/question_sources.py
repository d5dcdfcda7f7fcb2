"""Tasks as questions: what is asked of a text, by templates, and what the answers mean."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from allennlp.common import Registrable

from hmtl.corpora import Corpus
from hmtl.corpora.squad import QUESTIONS_KEY
from hmtl.document import Bounds, Document, Relation, Span
from hmtl.errors import ConfigurationError, DataError

# What stands in a template for the words of the span that a question is about.
HEAD = "{head}"

# How many answers a question has: one or none, any number, or exactly one.
AT_MOST_ONE, SEVERAL, ONE = range(3)


class Asked(NamedTuple):
    """A question about a window of a document.

    # Attributes

    label : `str`
        What its answers are: the label of spans or relations, or the id of the question.
    text : `str`
    about : `Optional[Bounds]`
        The span of the window that it is about, if there is one.
    answers : `List[Bounds]`
        All spans of the window that answer it.
    """

    label: str
    text: str
    about: Optional[Bounds]
    answers: List[Bounds]


class Window(NamedTuple):
    """Consecutive sentences of a document, whose offsets in tokens are shifted so that the window begins at 0.

    # Attributes

    document : `Document`
    sentences : `List[List[str]]`
    first : `int`
        Its first token in the document.
    length : `int`
        In tokens.
    """

    document: Document
    sentences: List[List[str]]
    first: int
    length: int

    def holds(self, bounds: Bounds) -> bool:
        """Whether a span of the document lies in the window."""
        return self.first <= bounds[0] and bounds[1] < self.first + self.length

    def shifted(self, bounds: Bounds) -> Bounds:
        """A span of the document, counted from the start of the window."""
        return bounds[0] - self.first, bounds[1] - self.first

    def words(self, bounds: Bounds) -> str:
        """The words of a span of the window."""
        tokens = [token for sentence in self.sentences for token in sentence]
        return " ".join(tokens[bounds[0] : bounds[1] + 1])


class QuestionSource(Registrable):
    """What is asked of the documents of a corpus. Subclasses are named by `type`: `spans`, `relations`, `clusters` and
    `texts`.

    # Parameters

    corpus : `Corpus`
        The format of its files.
    window : `int`, optional (default = the whole document)
        Questions are about so many sentences at a time.
    step : `int`, optional (default = `window`)
        So many sentences after a window the next one begins: those of a smaller step overlap.

    # Attributes

    task : `str`
        The registered name, and how the answers are scored.
    number_of_answers : `int`
        `AT_MOST_ONE`, `SEVERAL` or `ONE`.

    # Raises

    ConfigurationError
        Where `window` or `step` is below 1, or a step leaves sentences out.
    """

    task = ""
    number_of_answers = SEVERAL

    def __init__(self, corpus: Corpus, window: Optional[int] = None, step: Optional[int] = None) -> None:
        if window is not None and window < 1:
            raise ConfigurationError(f"window is {window}; it must be at least 1 sentence, or null for whole documents")
        if step is not None and not (window is not None and 1 <= step <= window):
            raise ConfigurationError(f"step is {step}; it must be at least 1 and at most window, which is {window}")
        self.corpus = corpus
        self.window = window
        self.step = step or window

    @property
    def layer(self) -> str:
        """The layer that a document must have."""
        raise NotImplementedError

    @property
    def standing(self) -> List[str]:
        """Those of the questions that can be asked of any text, since they are about no span that is given."""
        return []

    def asked(self, window: Window) -> Iterator[Asked]:
        """The questions about a window."""
        raise NotImplementedError

    def gold(self, window: Window) -> Any:
        """All that is gold of a window, in the task's own terms, whether a question asks for it or not."""
        raise NotImplementedError

    def num_not_asked(self, window: Window) -> int:
        """How many gold items of a window no question asks for."""
        return 0

    def windows(self, document: Document) -> Iterator[Window]:
        """The windows of a document; the last ones may be shorter, and no window lies within the one before."""
        size = self.window or len(document.sentences)
        starts = document.sentence_starts
        for number in range(0, len(document.sentences), self.step or size):
            sentences = document.sentences[number : number + size]
            yield Window(document, sentences, starts[number], sum(map(len, sentences)))
            if number + size >= len(document.sentences):
                break


@QuestionSource.register("spans")
class SpanQuestions(QuestionSource):
    """A layer of labelled spans: for each label a question, whose answers are the spans of that label.

    Scores are precision, recall and F1 over all gold spans of the layer; those of labels without a question are missed.

    # Parameters

    corpus, window, step : see `QuestionSource`
    layer : `str`
        Such as `ner`.
    questions : `Dict[str, str]`
        The question of each label: `{"person": "Which spans name a person?"}`.
    one_label : `bool`, optional (default = `False`)
        Whether a span that answers several of them counts for the likeliest alone.
    """

    task = "spans"

    def __init__(
        self,
        corpus: Corpus,
        layer: str,
        questions: Dict[str, str],
        one_label: bool = False,
        window: Optional[int] = None,
        step: Optional[int] = None,
    ) -> None:
        super().__init__(corpus, window, step)
        self._layer = layer
        self.questions = _checked(questions)
        self.one_label = one_label

    @property
    def layer(self) -> str:
        return self._layer

    @property
    def standing(self) -> List[str]:
        return list(self.questions.values())

    def asked(self, window: Window) -> Iterator[Asked]:
        gold = self.gold(window)
        for label, text in self.questions.items():
            yield Asked(label, text, None, [span.bounds for span in gold if span.label == label])

    def gold(self, window: Window) -> List[Span]:
        spans = (span for span in window.document.spans[self._layer] if window.holds(span.bounds))
        return sorted({Span(*window.shifted(span.bounds), span.label) for span in spans})

    def num_not_asked(self, window: Window) -> int:
        return sum(span.label not in self.questions for span in self.gold(window))


@QuestionSource.register("relations")
class RelationQuestions(QuestionSource):
    """Relations whose first argument is given: for each span of a layer and each label a question, whose answers are
    the second arguments (Levy et al. 2017, "Zero-Shot Relation Extraction via Reading Comprehension"; Li et al. 2019,
    "Entity-Relation Extraction as Multi-Turn Question Answering").

    Scores are precision, recall and F1 of relations by both bounds and the label, over all gold relations within the
    windows: those of labels without a question, or whose first argument is not in the layer, are missed. Gold spans as
    first arguments are given, which a model that finds both arguments has to find first.

    # Parameters

    corpus, window, step : see `QuestionSource`
    heads : `str`
        The layer of spans that questions are about, such as `ner`.
    questions : `Dict[str, str]`
        The question of each label: `{"P108": "What is its employer?"}`. The model sees where the span stands that it is
        about; a template may also have its words, as `{head}`: `Who employs {head}?`. It then makes as many different
        questions as there are spans, each of which is read by itself.
    """

    task = "relations"

    def __init__(
        self,
        corpus: Corpus,
        heads: str,
        questions: Dict[str, str],
        window: Optional[int] = None,
        step: Optional[int] = None,
    ) -> None:
        super().__init__(corpus, window, step)
        self.heads = heads
        self.questions = _checked(questions)

    @property
    def layer(self) -> str:
        return "relations"

    def asked(self, window: Window) -> Iterator[Asked]:
        answers: Dict[Tuple[Bounds, str], List[Bounds]] = {}
        for arg1, arg2, label in self.gold(window):
            answers.setdefault((arg1, label), []).append(arg2)
        for about in _heads(window, self.heads):
            for label, text in self.questions.items():
                words = text.replace(HEAD, window.words(about)) if HEAD in text else text
                yield Asked(label, words, about, answers.get((about, label), []))

    def gold(self, window: Window) -> List[Relation]:
        relations = window.document.relations or []
        return sorted(
            {
                Relation(window.shifted(arg1), window.shifted(arg2), label)
                for arg1, arg2, label in relations
                if window.holds(arg1) and window.holds(arg2)
            }
        )

    def num_not_asked(self, window: Window) -> int:
        heads = _heads(window, self.heads)
        return sum(each.arg1 not in heads or each.label not in self.questions for each in self.gold(window))


@QuestionSource.register("clusters")
class ClusterQuestions(QuestionSource):
    """Coreference: for each mention the question which other spans mean the same (Wu et al. 2020, "CorefQA: Coreference
    Resolution as Query-based Span Prediction").

    A mention and its answers are linked, and what links join is a cluster; those of windows that overlap are joined,
    too. Scores are the CoNLL scores over the clusters of whole documents. The mentions that are asked about are given.

    # Parameters

    corpus, window, step : see `QuestionSource`
    question : `str`
        Such as `Which other spans mean {head}?`; with `{head}` as `RelationQuestions` has it.
    heads : `str`, optional (default = the mentions of clusters)
        The layer of spans that questions are about. What is no mention of a cluster has no answer.
    """

    task = "clusters"

    def __init__(
        self,
        corpus: Corpus,
        question: str,
        heads: Optional[str] = None,
        window: Optional[int] = None,
        step: Optional[int] = None,
    ) -> None:
        super().__init__(corpus, window, step)
        self.heads = heads
        [self.question] = _checked({"": question}).values()

    @property
    def layer(self) -> str:
        return "clusters"

    def asked(self, window: Window) -> Iterator[Asked]:
        others: Dict[Bounds, List[Bounds]] = {}
        for cluster in window.document.clusters or []:
            mentions = dict.fromkeys((start, end) for start, end in cluster)
            inside = [window.shifted(mention) for mention in mentions if window.holds(mention)]
            for mention in inside:
                others[mention] = [other for other in inside if other != mention]
        for about in sorted(others) if self.heads is None else _heads(window, self.heads):
            text = self.question.replace(HEAD, window.words(about)) if HEAD in self.question else self.question
            yield Asked("", text, about, others.get(about, []))

    def gold(self, window: Window) -> List[List[Bounds]]:
        """The clusters of the whole document, whose offsets count from its start."""
        return [[(start, end) for start, end in cluster] for cluster in window.document.clusters or []]


@QuestionSource.register("texts")
class TextQuestions(QuestionSource):
    """Questions that the corpus has itself, such as `squad`, each with one answer or none in its paragraph.

    Scores are those of `AnswerScores`, over all questions. A row is the whole paragraph.

    # Parameters

    corpus : `Corpus`
        Its documents have `questions` in their metadata; see `SquadCorpus`.
    unanswerable : `bool`, optional (default = `True`)
        Whether a question may have no answer, as in SQuAD 2.0. Without, the likeliest span answers, however likely.
    """

    task = "texts"

    def __init__(self, corpus: Corpus, unanswerable: bool = True) -> None:
        super().__init__(corpus)
        self.number_of_answers = AT_MOST_ONE if unanswerable else ONE

    @property
    def layer(self) -> str:
        return QUESTIONS_KEY

    def asked(self, window: Window) -> Iterator[Asked]:
        for record in window.document.metadata[QUESTIONS_KEY]:
            bounds = [(answer["start"], answer["end"]) for answer in record["answers"] if answer["start"] is not None]
            yield Asked(record["id"], record["question"], None, list(dict.fromkeys(bounds)))

    def gold(self, window: Window) -> Dict[str, List[str]]:
        """The texts of the answers of each question."""
        records = window.document.metadata[QUESTIONS_KEY]
        return {record["id"]: [answer["text"] for answer in record["answers"]] for record in records}


def check_layer(source: QuestionSource, document: Document, path: str) -> None:
    """Raises `DataError` where a document lacks what is asked about."""
    present = document.layers + [QUESTIONS_KEY] * (QUESTIONS_KEY in document.metadata)
    wanted = [source.layer, getattr(source, "heads", None)]
    for layer in wanted:
        if layer is not None and layer not in present:
            raise DataError(
                f"document '{document.doc_key}' has no layer '{layer}' (it has: {', '.join(present) or 'none'}); "
                "choose another layer or corpus for these questions",
                path,
            )


def _heads(window: Window, layer: str) -> List[Bounds]:
    spans = {span.bounds for span in window.document.spans[layer] if window.holds(span.bounds)}
    return sorted(map(window.shifted, spans))


def _checked(questions: Dict[str, str]) -> Dict[str, str]:
    if not questions:
        raise ConfigurationError("questions: none is named; name one for each label")
    for label, text in questions.items():
        if not text.strip() or text != text.strip():
            raise ConfigurationError(
                f"the question of '{label}' is {text!r}; expected a text without blanks at its ends"
            )
    if len(set(questions.values())) < len(questions):
        raise ConfigurationError("questions: two labels have the same question; give each one of its own")
    return dict(questions)
