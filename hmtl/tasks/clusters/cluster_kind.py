"""Clusters of mentions, as a kind of prediction."""

from itertools import accumulate, repeat
from typing import (
    TYPE_CHECKING,
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
    Sequence,
    Set,
    Tuple,
)

from allennlp.common.util import JsonDict

from hmtl.common.characters import on_one_line
from hmtl.common.figures import STRICT
from hmtl.document import Bounds, Document
from hmtl.metrics import CoreferenceScores
from hmtl.metrics.coreference_scores import WITHOUT_SINGLETONS
from hmtl.tasks.baselines import Baseline, best_variant
from hmtl.tasks.clusters.coreference_baseline import coreference_baseline_scores
from hmtl.tasks.clusters.coreference_errors import CoreferenceErrors
from hmtl.tasks.kind import SPACY_NUMBERS, Kind, Metrics, Standoff, TextRow, only_layer, scored

if TYPE_CHECKING:
    from spacy.tokens import Span

# A table has this figure, too, where there are clusters of one mention.
_WITHOUT_SINGLETONS = f"{STRICT}{WITHOUT_SINGLETONS}"

# The F1 scores of coreference that the notes list, by their usual names; averages are those of the first three.
_COREFERENCE_F1 = {
    "MUC": "muc_f1",
    "B-cubed": "b_cubed_f1",
    "CEAF-phi4": "ceaf_f1",
    "CEAF-phi3": "ceaf_m_f1",
    "BLANC": "blanc_f1",
    "LEA": "lea_f1",
    "mentions": "mention_f1",
}


class DocCluster(NamedTuple):
    """Mentions of one thing in one of spaCy's documents, the one that names it best (see `mark_heads`), and the
    probability of each one's link."""

    head: "Span"
    mentions: List["Span"]
    scores: List[Optional[float]]


@Kind.register("clusters")
class Clusters(Kind):
    """Items are lists of `(start, end)`, scores lists of a probability a mention; in the output lists of
    `{start, end, text, char_start, char_end}`, with a `score` the probability of the link by which the mention joined
    its cluster. A document has one layer of them, spaCy's are `DocCluster`s."""

    singular, plural = "cluster", "clusters"
    counted = "mentions"
    is_labelled = False
    order = 2
    one_layer = True
    drawing = "clusters"
    column = "coreference"
    attribute = "clusters"

    def to_json(self, item: List[Bounds], row: TextRow, score: Optional[Sequence[float]]) -> List[JsonDict]:
        scores = repeat(None) if score is None else score
        return [scored(row.mention(start, end), of_mention) for (start, end), of_mention in zip(item, scores)]

    def add_to_document(self, document: Document, task: str, rows: List[List[JsonDict]]) -> None:
        only_layer(self, task, document.clusters)
        document.clusters = [[(mention["start"], mention["end"]) for mention in cluster] for cluster in rows]

    def mark_heads(self, rows: List[List[JsonDict]], names: Set[Bounds], sentences: List[List[str]]) -> None:
        """First come mentions with the bounds of a name; then those that look like a proper noun: the last token has a
        capital letter and more than that letter, and does not begin a sentence. Of these, or of all where none is such,
        the head is the one with most characters, and of equals the first."""
        firsts = {0, *accumulate(len(sentence) for sentence in sentences)}
        tokens = [token for sentence in sentences for token in sentence]
        for cluster in rows:
            max(cluster, key=lambda mention: _rank(mention, names, tokens, firsts))["head"] = True

    def lines(self, rows: List[List[JsonDict]], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """A line for each cluster: its number and its mentions."""
        return [
            f"{emphasised(str(number))}  {' | '.join(on_one_line(mention['text']) for mention in cluster)}"
            for number, cluster in enumerate(rows, start=1)
        ]

    def add_to_standoff(self, row: List[JsonDict], standoff: Standoff) -> None:
        standoff.chain(row)

    def columns(self, scores: Sequence[Metrics], baseline: Optional[Metrics]) -> Dict[str, str]:
        found = super().columns(scores, baseline)
        if _has_singletons([*scores, *([] if baseline is None else [baseline])]):
            found[_WITHOUT_SINGLETONS] = "without singletons"
        return found

    def notes(
        self, task: str, columns: Mapping[str, str], scores: Mapping[str, Metrics], best: Collection[str]
    ) -> Iterator[str]:
        if not any("muc_f1" in metrics for metrics in scores.values()):
            return
        yield f"{task}: the average F1 of MUC, B-cubed and CEAF-phi4"
        if _WITHOUT_SINGLETONS in columns:
            title = columns[_WITHOUT_SINGLETONS]
            yield f"{task} {title}: the same without clusters of one mention, on both sides"
        for weights, metrics in scores.items():
            if weights in best:
                shown = (f"{name} {100 * metrics[key]:.2f}" for name, key in _COREFERENCE_F1.items())
                yield f"{task}, F1 of {weights}: {', '.join(shown)}"

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Baseline:
        """The baseline under the head's options: whether gold mentions are given, and how clusters of one count."""
        given = "gold_mentions_"
        variants = {"": "exact match of strings that were mentions in training"}
        if getattr(head, "gold_mentions", False):
            variants = {given: "given the gold mentions, exact match of their strings"}
        scores = coreference_baseline_scores(train, test, getattr(head, "singletons", "count"))
        return best_variant(variants, scores, others=[given])

    def errors(self, num_examples: int) -> CoreferenceErrors:
        return CoreferenceErrors(num_examples)

    def doc_value(self, row: List[JsonDict], span: Callable[[JsonDict], Any]) -> DocCluster:
        mentions = [span(mention) for mention in row]
        (head,) = [mention for each, mention in zip(row, mentions) if each.get("head")]
        return DocCluster(head, mentions, [each.get("score") for each in row])

    def kept(self, value: Any, mention: Callable[[Any], List[Any]]) -> Dict[str, Any]:
        """Takes a `DocCluster`, or a list of mentions, of which the first is the head."""
        if not isinstance(value, DocCluster):
            value = DocCluster(value[0], list(value), [None] * len(value))
        return {
            "head": value.mentions.index(value.head),
            "mentions": [mention(span) for span in value.mentions],
            "scores": list(value.scores),
        }

    def restored(self, kept: Dict[str, Any], find: Callable[[List[Any]], Optional[Any]]) -> Optional[DocCluster]:
        """A cluster of several mentions needs two that are still there. If its head is gone, the longest of those that
        are left becomes the head."""
        found: List[Any] = [find(mention) for mention in kept["mentions"]]
        left = [number for number, mention in enumerate(found) if mention is not None]
        if len(left) < min(2, len(found)):
            return None
        head = kept["head"] if kept["head"] in left else max(left, key=lambda n: _length(kept["mentions"][n]))
        return DocCluster(found[head], [found[number] for number in left], [kept["scores"][number] for number in left])

    def doc_scores(self, pairs: Iterable[Tuple[List[Any], List[Any]]], name: str) -> Dict[str, Any]:
        """The numbers of `CoreferenceScores`, `{name}_p`, `{name}_muc_f` and so on."""
        metric = CoreferenceScores()
        for sides in pairs:
            metric(*([[cluster.mentions for cluster in side]] for side in sides))
        scores = {}
        for key, value in metric.get_metric().items():
            prefix, _, number = key.rpartition("_") if "_" in key else ("", "", key)
            if number in SPACY_NUMBERS:
                scores["_".join(part for part in (name, prefix, SPACY_NUMBERS[number]) if part)] = value
        return scores


def _rank(mention: JsonDict, names: Set[Bounds], tokens: List[str], firsts: Set[int]) -> Tuple[bool, bool, int]:
    last = tokens[mention["end"]]
    is_proper_noun = last[0].isupper() and len(last) > 1 and mention["end"] not in firsts
    return (mention["start"], mention["end"]) in names, is_proper_noun, len(mention["text"])


def _has_singletons(found: Iterable[Metrics]) -> bool:
    """Whether there are clusters of one mention: then some score differs without them."""
    return any(
        value != metrics.get(f"{name}{WITHOUT_SINGLETONS}", value)
        for metrics in found
        for name, value in metrics.items()
    )


def _length(mention: List[Any]) -> int:
    return int(mention[1] - mention[0])
