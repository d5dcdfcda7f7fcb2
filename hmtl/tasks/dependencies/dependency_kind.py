"""Dependency trees, as a kind of prediction."""

from collections import defaultdict
from typing import Any, Callable, Collection, DefaultDict, Dict, Iterable, Iterator, List, Mapping, Optional

from allennlp.common.util import JsonDict

from hmtl.common.characters import on_one_line, visible
from hmtl.common.figures import LAS, UAS
from hmtl.corpora.dependencies import HEADS, RELATIONS, ROOT, Dependency, dependencies_of_rows, set_dependencies
from hmtl.document import Document
from hmtl.tasks.baselines import Baseline, best_variant
from hmtl.tasks.dependencies.dependency_baseline import dependency_baseline_scores, has_pos
from hmtl.tasks.dependencies.dependency_errors import DependencyErrors
from hmtl.tasks.kind import Kind, Metrics, TextRow, only_layer, scored

# What spaCy calls the relation of the root, and one that says nothing.
_SPACY_ROOT, _SPACY_OTHER = "ROOT", "dep"


@Kind.register("dependencies")
class Dependencies(Kind):
    """Items are `Dependency`s, one for each token of a sentence; in the output `{label, head: {start, end, text,
    char_start, char_end}, dependent: {...}}`, where the head of the root is `null`, with a `score` the probability of
    the head and the relation. A document has one layer of them, its metadata `heads` and the span layer `deprel`. In
    spaCy's documents they are the heads and relations of the tokens."""

    singular, plural = "dependency", "dependencies"
    order = 2
    one_layer = True
    figures = {LAS: "LAS", UAS: "UAS"}
    drawing = "dependencies"
    column = "dependencies"

    def to_json(self, item: Dependency, row: TextRow, score: Optional[float]) -> JsonDict:
        token, head, label = item
        above = None if head == ROOT else row.mention(head, head)
        return scored({"label": label, "head": above, "dependent": row.mention(token, token)}, score)

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        only_layer(self, task, document.metadata.get(HEADS, document.spans.get(RELATIONS)))
        set_dependencies(document, dependencies_of_rows(rows, document.sentences))

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """The tree of each sentence: each token a line, further to the right than its head and below it."""
        below: DefaultDict[Optional[int], List[JsonDict]] = defaultdict(list)
        for row in rows:
            below[row["head"] and row["head"]["start"]].append(row)
        lines: List[str] = []
        # Those that are still to come, the next one last, each with its depth.
        waiting = [(row, 0) for row in reversed(below[None])]
        while waiting:
            row, depth = waiting.pop()
            dependent = row["dependent"]
            lines.append("  " * depth + f"{on_one_line(dependent['text'])}  {emphasised(visible(row['label']))}")
            waiting += [(other, depth + 1) for other in reversed(below[dependent["start"]])]
        return lines

    def notes(
        self, task: str, columns: Mapping[str, str], scores: Mapping[str, Metrics], best: Collection[str]
    ) -> Iterator[str]:
        yield (
            f"{task}: LAS counts tokens whose head and relation are right, UAS those whose head is, of all tokens, "
            "punctuation too"
        )
        for name in best:
            las, uas = (scores[name][f"{figure}_without_punctuation"] for figure in (LAS, UAS))
            yield f"{task} without tokens of punctuation, {name}: LAS {100 * las:.2f}, UAS {100 * uas:.2f}"

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Baseline:
        what = "gold part of speech" if has_pos([*train, *test]) else "word"
        variants = {
            "": f"each token gets the head that its {what} usually has in training, such as the next noun",
            "token_before_": f"each token depends on the one before it, by the usual relation of its {what}",
            "token_behind_": f"each token depends on the one behind it, by the usual relation of its {what}",
        }
        return best_variant(variants, dependency_baseline_scores(train, test, reader.layer), figure=LAS)

    def errors(self, num_examples: int) -> DependencyErrors:
        return DependencyErrors(num_examples)

    def add_to_doc(self, doc: Any, task: str, rows: List[JsonDict], span: Callable[[JsonDict], Any]) -> None:
        """Sets the heads and relations of spaCy's tokens, unless the document has some. White space, and what is part
        of a word of several tokens, depends on the token before it, or behind it at the beginning, by `dep`; the
        relation of the root is `ROOT`."""
        import numpy as np
        from spacy.attrs import DEP, HEAD

        if not rows or doc.has_annotation("DEP"):
            return
        heads = [number - 1 if number else 1 for number in range(len(doc))]
        relations = [_SPACY_OTHER] * len(doc)
        for row in rows:
            token = span(row["dependent"]).start
            heads[token] = token if row["head"] is None else span(row["head"]).start
            relations[token] = _SPACY_ROOT if row["head"] is None else row["label"]
        # White space at the beginning depends on the first word.
        first = min(span(row["dependent"]).start for row in rows)
        heads[:first] = [first] * first
        offsets = np.array(heads, dtype=np.int64) - np.arange(len(doc), dtype=np.int64)
        names = np.array([doc.vocab.strings.add(relation) for relation in relations], dtype=np.uint64)
        doc.from_array([HEAD, DEP], np.stack([offsets.astype(np.uint64), names], axis=1))

    def example_scores(self, examples: Iterable[Any]) -> Dict[str, Any]:
        """`dep_uas`, `dep_las` and `dep_las_per_type` of the reference documents that have a parse, over all tokens."""
        from spacy.scorer import Scorer

        return Scorer.score_deps(examples, "dep")
