"""The statistics as rows to read, a cell for each split: what the table of the terminal and the page have in common."""

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from hmtl.common.characters import visible
from hmtl.corpora.validation import MIN_LEAK_TOKENS, ordered_union

Figures = Dict[str, Any]


class Cell(NamedTuple):
    """A value as text; `share`, where it has one, is from 0 to 1; `histogram` counts lengths."""

    text: str
    share: Optional[float] = None
    histogram: Optional[Dict[str, int]] = None


class Row(NamedTuple):
    """A name, and a cell for each split; `rank` numbers the rows of a list, such as labels, from 0."""

    name: str
    cells: List[Cell]
    rank: Optional[int] = None


class Section(NamedTuple):
    """Rows under a title."""

    title: str
    rows: List[Row]


def sections(report: Figures) -> List[Section]:
    """The report of `corpus_statistics`, one section for the texts, one a layer, one for what the splits share."""
    splits: List[Figures] = list(report["splits"].values())
    found = [_texts(splits)]
    for layer in ordered_union(split["layers"] for split in splits):
        figures = [split["layers"].get(layer) for split in splits]
        kind = next(each["kind"] for each in figures if each is not None)
        rows = _LAYER_ROWS[kind](figures)
        annotated = [None if each is None else each["documents"] for each in figures]
        if annotated != [split["documents"] for split in splits]:
            rows.insert(0, Row("documents with this layer", [_count(number) for number in annotated]))
        found.append(Section(visible(layer), rows))
    if len(splits) > 1:
        found.append(_overlap(report))
    return found


def notes(report: Figures) -> List[str]:
    """What a reader of the rows has to know, a line each."""
    found = ["lengths and distances: mean / median / nine of ten are no longer / longest"]
    if len(report["splits"]) > 1:
        found.append(f"training: {visible(report['training'])}")
    return found


def _texts(splits: Sequence[Figures]) -> Section:
    rows = [_counts(name.replace("_", " "), splits, name) for name in ("documents", "sentences", "tokens")]
    rows += [
        _counts("distinct tokens", splits, "distinct_tokens"),
        _lengths("tokens a sentence", splits, "sentence_tokens"),
        _lengths("tokens a document", splits, "document_tokens"),
        _lengths("sentences a document", splits, "document_sentences"),
    ]
    return Section("text", rows)


def _span_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    return [
        _counts("spans", layers, "spans"),
        *_list_rows(layers, "labels"),
        *_entropy_rows(layers),
        _counts("distinct strings", layers, "distinct_strings"),
        _lengths("tokens a span", layers, "span_tokens"),
        _shares("nested in another span", layers, "nested"),
        _counts("depth of nesting", layers, "nesting_depth"),
        _counts("pairs of spans that cross", layers, "crossing_pairs"),
        _shares("spans that a tagger can find", layers, "taggable"),
        _shares("tokens covered", layers, "covered_tokens"),
        _shares("sentences with any", layers, "annotated_sentences"),
    ]


def _label_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    scope = next(each["scope"] for each in layers if each is not None)
    return [
        _shares(f"{scope}s with an entry", layers, "annotated"),
        *_list_rows(layers, "labels"),
        *_entropy_rows(layers),
        _shares("several labels", layers, "several"),
    ]


def _number_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    scope = next(each["scope"] for each in layers if each is not None)
    names = ("mean", "lowest", "highest")
    values = {name: [None if each is None else each[name] for each in layers] for name in names}
    return [
        _shares(f"{scope}s with a number", layers, "annotated"),
        *(
            Row(name, [Cell("-" if each is None else f"{each:.2f}") for each in values_of_name])
            for name, values_of_name in values.items()
        ),
    ]


def _relation_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    return [
        _counts("relations", layers, "relations"),
        *_list_rows(layers, "labels"),
        *_entropy_rows(layers),
        Row("types of the arguments", []),
        *_list_rows(layers, "argument_types"),
        _lengths("tokens between arguments", layers, "tokens_between"),
        _shares("arguments in two sentences", layers, "across_sentences"),
        _counts("between entities", layers, "between_entities"),
        _shares("  with mentions in one sentence", layers, "between_entities_in_one_sentence"),
        _shares("arguments that overlap", layers, "overlapping_arguments"),
        _shares("argument 1 comes first", layers, "first_argument_first"),
        _shares("sentences with any", layers, "annotated_sentences"),
    ]


def _cluster_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    return [
        _counts("clusters", layers, "clusters"),
        _shares("clusters of one mention", layers, "singletons"),
        _counts("mentions", layers, "mentions"),
        _lengths("mentions a cluster", layers, "cluster_mentions"),
        _lengths("tokens a mention", layers, "mention_tokens"),
        _shares("nested in another mention", layers, "nested"),
        _counts("pairs of mentions that cross", layers, "crossing_pairs"),
        _shares("tokens covered", layers, "covered_tokens"),
        _lengths("tokens from a mention to the next", layers, "link_tokens"),
        _shares("the next is in another sentence", layers, "links_across_sentences"),
        _shares("the next is nested in it", layers, "links_nested"),
    ]


def _dependency_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    return [
        _counts("documents in which some sentence is no tree", layers, "documents_without_trees"),
        _counts("trees", layers, "trees"),
        _counts("arcs below the root", layers, "arcs"),
        _lengths("tokens from head to dependent", layers, "head_distance"),
        _lengths("arcs from a tree's deepest token to the root", layers, "tree_depth"),
        _shares("the head comes first", layers, "head_first"),
        _shares("arcs that cross others", layers, "crossing_arcs"),
        _shares("trees with any", layers, "crossing_trees"),
        _counts("multiword tokens, read as their words", layers, "multiword_tokens"),
        _counts("empty nodes left out", layers, "empty_nodes"),
    ]


_LAYER_ROWS: Dict[str, Callable[[Sequence[Optional[Figures]]], List[Row]]] = {
    "spans": _span_rows,
    "labels": _label_rows,
    "numbers": _number_rows,
    "relations": _relation_rows,
    "clusters": _cluster_rows,
    "dependencies": _dependency_rows,
}


def _overlap(report: Figures) -> Section:
    splits = list(report["splits"].values())
    seen = [split.get("seen_in_training") for split in splits]
    elsewhere = [split["also_elsewhere"] for split in splits]
    anywhere = [each["any"] for each in elsewhere]
    rows = [
        _share_alone("tokens unseen in training", seen, ("unknown_tokens",)),
        _share_alone("distinct tokens unseen", seen, ("unknown_distinct_tokens",)),
    ]
    for layer in ordered_union(each["spans"] for each in seen if each is not None):
        rows += [
            _share_alone(f"{visible(layer)}: strings seen", seen, ("spans", layer, "string")),
            _share_alone(f"{visible(layer)}: seen with that label", seen, ("spans", layer, "string_and_label")),
        ]
    if any("relations" in each for each in seen if each is not None):
        rows.append(_share_alone("relations: seen with both strings", seen, ("relations",)))
    for what, name in (("documents", "documents"), ("sentences", f"sentences of {MIN_LEAK_TOKENS}+ tokens")):
        rows.append(_shares(f"{name} in other splits", anywhere, what))
        for other in report["splits"]:
            figures = [each["splits"].get(other) for each in elsewhere]
            if any(each is not None and each[what] for each in figures):
                rows.append(_shares(f"  in {visible(other)}", figures, what))
    return Section("overlap between splits", rows)


def _counts(name: str, figures: Sequence[Optional[Figures]], key: str) -> Row:
    return Row(name, [_count(None if each is None else each[key]) for each in figures])


def _count(number: Optional[int]) -> Cell:
    return Cell("-" if number is None else f"{number:,}")


def _shares(name: str, figures: Sequence[Optional[Figures]], key: str) -> Row:
    return Row(name, [_with_share(None if each is None else (each[key], each[f"{key}_share"])) for each in figures])


def _with_share(value: Optional[Tuple[int, Optional[float]]]) -> Cell:
    if value is None:
        return Cell("-")
    number, share = value
    return Cell(f"{number:,}" if share is None else f"{number:,} ({share:.1%})", share)


def _share_alone(name: str, figures: Sequence[Optional[Figures]], keys: Sequence[str]) -> Row:
    return Row(name, [_percent(_value(each, keys)) for each in figures])


def _percent(share: Optional[float]) -> Cell:
    return Cell("-" if share is None else f"{share:.1%}", share)


def _value(figures: Any, keys: Iterable[str]) -> Any:
    for key in keys:
        figures = None if figures is None else figures.get(key)
    return figures


def _lengths(name: str, figures: Sequence[Optional[Figures]], key: str) -> Row:
    return Row(name, [_length_cell(None if each is None else each[key]) for each in figures])


def _length_cell(lengths: Optional[Figures]) -> Cell:
    if lengths is None or lengths["mean"] is None:
        return Cell("-")
    text = f"{lengths['mean']:.1f} / {lengths['median']:,} / {lengths['p90']:,} / {lengths['max']:,}"
    return Cell(text, histogram=lengths["histogram"])


def _entropy_rows(layers: Sequence[Optional[Figures]]) -> List[Row]:
    entropies = [None if each is None else each["label_entropy"] for each in layers]
    normalized = [None if each is None else each["label_entropy_normalized"] for each in layers]
    return [
        Row("entropy of the labels (nats)", [Cell("-" if each is None else f"{each:.3f}") for each in entropies]),
        Row("  divided by its maximum", [Cell("-" if each is None else f"{each:.3f}", each) for each in normalized]),
    ]


def _list_rows(layers: Sequence[Optional[Figures]], key: str) -> List[Row]:
    """A row a name, those that are most frequent in all splits together first."""
    lists = [{} if layer is None else layer[key] for layer in layers]
    names = ordered_union(lists)
    names.sort(key=lambda name: -sum(each[name]["count"] for each in lists if name in each))
    rows = []
    for rank, name in enumerate(names):
        cells = []
        for layer, each in zip(layers, lists):
            found = each.get(name, {"count": 0, "share": 0.0 if each else None})
            cells.append(_with_share(None if layer is None else (found["count"], found["share"])))
        rows.append(Row(f"  {visible(name)}", cells, rank))
    return rows
