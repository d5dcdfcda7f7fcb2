"""Relations, as a kind of prediction."""

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
    Set,
    Tuple,
)

from allennlp.common.util import JsonDict

from hmtl.common.characters import on_one_line, visible
from hmtl.common.figures import ENTITIES, FIGURES, IGN_ENTITIES, LAST_TOKENS, STRICT, TYPED
from hmtl.document import Bounds, Document, Relation
from hmtl.metrics import LabelledF1
from hmtl.tasks.baselines import Baseline, best_variant
from hmtl.tasks.kind import Kind, Metrics, TextRow, labelled_doc_scores, only_layer, scored
from hmtl.tasks.relations.relation_baseline import relation_baseline_scores
from hmtl.tasks.relations.relation_errors import RelationErrors

if TYPE_CHECKING:
    from spacy.tokens import Span

# What each figure counts as right, and among which gold relations.
_WHAT_COUNTS = {
    STRICT: "both spans and the type are right, of all gold relations",
    LAST_TOKENS: (
        "the last tokens of both arguments and the type are right (as in the paper), of all gold relations, those "
        "alike in these once"
    ),
    TYPED: (
        "both spans, their entity types and the type are right, of the gold relations in sentences with gold mentions"
    ),
    ENTITIES: "both entities and the type are right, of all gold relations of two entities, each once (as in DocRED)",
    IGN_ENTITIES: "the same, but precision without the right ones that training has shown by the entities' names",
}


class DocRelation(NamedTuple):
    """A relation of one of spaCy's documents, with its probability."""

    label: str
    arg1: "Span"
    arg2: "Span"
    score: Optional[float] = None


@Kind.register("relations")
class Relations(Kind):
    """Items are `Relation`s; in the output `{label, arg1: {start, end, text, char_start, char_end}, arg2: {...}}`, with
    a `score` the probability of the relation. A document has one layer of them, spaCy's are `DocRelation`s."""

    singular, plural = "relation", "relations"
    order = 1
    one_layer = True
    figures = {**FIGURES, ENTITIES: "entities", IGN_ENTITIES: "entities, Ign"}
    drawing = "relations"
    left_out_by = ("conll2012",)
    attribute = "relations"

    def to_json(self, item: Relation, row: TextRow, score: Optional[float]) -> JsonDict:
        arg1, arg2, label = item
        return scored({"label": label, "arg1": row.mention(*arg1), "arg2": row.mention(*arg2)}, score)

    def consistent(
        self, rows: List[JsonDict], found: Set[Bounds], types: Mapping[Bounds, Mapping[str, float]]
    ) -> List[JsonDict]:
        """The relations whose arguments are both found spans."""
        return [row for row in rows if all((row[arg]["start"], row[arg]["end"]) in found for arg in ("arg1", "arg2"))]

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        only_layer(self, task, document.relations)
        document.relations = [
            Relation(
                (row["arg1"]["start"], row["arg1"]["end"]), (row["arg2"]["start"], row["arg2"]["end"]), row["label"]
            )
            for row in rows
        ]

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """A line for each relation: an arrow from the first argument to the second."""
        return [
            f"{on_one_line(row['arg1']['text'])} --{emphasised(visible(row['label']))}--> "
            f"{on_one_line(row['arg2']['text'])}"
            for row in rows
        ]

    def notes(
        self, task: str, columns: Mapping[str, str], scores: Mapping[str, Metrics], best: Collection[str]
    ) -> Iterator[str]:
        if LAST_TOKENS in columns:
            yield from (f"{task} {title}: {_WHAT_COUNTS[name]}" for name, title in columns.items())
        if ENTITIES in columns:
            share = next(metrics["entities_in_one_sentence"] for metrics in scores.values())
            yield f"{task}: {share:.1%} of the gold relations of two entities have mentions of both in one sentence"

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Optional[Baseline]:
        """The most frequent relation of two types of mentions; `None` where the documents have no mentions."""
        layers = [name for name in reader.mention_layers if all(name in document.spans for document in train + test)]
        if not layers:
            return None
        given = f"given the gold '{layers[0]}' mentions and types, "
        pair = " of a document" if reader.scope == "document" else ""
        variants = {
            "": given + f"each pair{pair} gets the most frequent relation of its types in training",
            "counting_unrelated_": given
            + f"each pair{pair} gets the relation that most pairs of its types have in training",
        }
        return best_variant(variants, relation_baseline_scores(train, test, layers[0], reader.scope))

    def errors(self, num_examples: int) -> RelationErrors:
        return RelationErrors(num_examples)

    def doc_value(self, row: JsonDict, span: Callable[[JsonDict], Any]) -> DocRelation:
        return DocRelation(row["label"], span(row["arg1"]), span(row["arg2"]), row.get("score"))

    def kept(self, value: Any, mention: Callable[[Any], List[Any]]) -> Dict[str, Any]:
        """Takes a `DocRelation`, or `(label, arg1, arg2)`."""
        label, arg1, arg2, score = DocRelation(*value)
        return {"label": label, "arg1": mention(arg1), "arg2": mention(arg2), "score": score}

    def restored(self, kept: Dict[str, Any], find: Callable[[List[Any]], Optional[Any]]) -> Optional[DocRelation]:
        arg1, arg2 = find(kept["arg1"]), find(kept["arg2"])
        return None if arg1 is None or arg2 is None else DocRelation(kept["label"], arg1, arg2, kept["score"])

    def doc_scores(self, pairs: Iterable[Tuple[List[Any], List[Any]]], name: str) -> Dict[str, Any]:
        """`{name}_p`, `_r`, `_f` and `_per_type` of relations whose arguments are right, and `_last_tokens_f` of those
        whose arguments end where they should."""
        metric, by_last_tokens = LabelledF1(), LabelledF1()
        for sides in pairs:
            metric(*([[(arg1, arg2, label) for label, arg1, arg2, _ in side]] for side in sides))
            by_last_tokens(*([[(arg1[1], arg2[1], label) for label, arg1, arg2, _ in side]] for side in sides))
        return {**labelled_doc_scores(metric, name), f"{name}_last_tokens_f": by_last_tokens.get_metric()["f1"]}
