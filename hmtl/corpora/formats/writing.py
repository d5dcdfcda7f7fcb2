"""Writes documents in formats that other programs read, and hmtl reads back."""

import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Set

from hmtl.alignment import Changes
from hmtl.common.files import atomic_write
from hmtl.corpora.formats.standoff import StandoffLines, TypeNames, file_name, write_files
from hmtl.document import Document, Span, flatten_spans, write_jsonl
from hmtl.errors import UserError
from hmtl.text import TokenizedText, split_at_white_space

_NOT_IN_A_CELL = re.compile(r"[\t\r\n]")
_NER = "ner"


def output_of(document: Document) -> Dict[str, Any]:
    """The document in the layout of `HMTLPredictor`: spans with their text, and offsets in tokens and characters."""
    text = document.text
    output: Dict[str, Any] = {
        "doc_key": document.doc_key,
        "text": text.text,
        "sentences": document.sentences,
        "token_offsets": [list(bounds) for bounds in text.token_offsets],
    }
    for layer, spans in document.spans.items():
        output[layer] = [{**text.mention(start, end), "label": label} for start, end, label in spans]
    if document.relations is not None:
        output["relations"] = [
            {"label": label, "arg1": text.mention(*arg1), "arg2": text.mention(*arg2)}
            for arg1, arg2, label in document.relations
        ]
    if document.clusters is not None:
        output["clusters"] = [[text.mention(*mention) for mention in cluster] for cluster in document.clusters]
    output.update({key: value for key, value in document.metadata.items() if key not in output})
    return output


def write_annotated(documents: Iterable[Document], path: Path, changes: Changes) -> None:
    """One JSON object a line, as `output_of` has it."""
    with atomic_write(path) as file:
        for document in documents:
            file.write(json.dumps(output_of(document), ensure_ascii=False) + "\n")


def write_dygie(documents: Iterable[Document], path: Path, changes: Changes) -> None:
    """The project's own layout."""
    write_jsonl(documents, path)


def write_columns(documents: Iterable[Document], path: Path, changes: Changes) -> None:
    """A word, a tab and an IOB2 tag a row; `-DOCSTART- (KEY)` begins a document.

    There is one layer of spans: `ner`, or else the only one. Of spans that overlap the outer ones are dropped, and so
    are relations, clusters and other layers; all are counted.

    # Raises

    UserError
        Where a document has several layers of spans and none is `ner`, or a token holds a tab or a line break.
    """
    with atomic_write(path) as file:
        for document in documents:
            key = document.doc_key
            layer = _column_layer(document)
            spans = document.spans.get(layer, [])
            flat = flatten_spans(spans)
            why = "columns have no place for it"
            changes.drop("span", "it overlaps another, which columns cannot hold", key, len(spans) - len(flat))
            others = sum(len(rows) for name, rows in document.spans.items() if name != layer)
            changes.drop("span", f"{why} beside '{layer}'", key, others)
            changes.drop("relation", why, key, len(document.relations or []))
            changes.drop("cluster", why, key, len(document.clusters or []))
            changes.drop("mention", why, key, sum(map(len, document.clusters or [])))
            file.write(f"-DOCSTART- ({' '.join(key.split())})\n\n")
            tags = _tags(flat, len(document.tokens))
            for sentence in document.sentences:
                for word in sentence:
                    if _NOT_IN_A_CELL.search(word):
                        raise UserError(
                            f"document '{key}': the token {word!r} holds a tab or a line break, which a column cannot; "
                            "choose another format by --to"
                        )
                    file.write(f"{word}\t{next(tags)}\n")
                file.write("\n")


def write_brat(documents: Iterable[Document], folder: Path, changes: Changes) -> None:
    """A `.txt` and an `.ann` file for each document, and `annotation.conf`, into an existing folder.

    Labels of the layer `ner` are types as they are, those of others have the layer before them. A document without a
    raw text is written with a sentence a line, its tokens between blanks, and is read back so.
    """
    types = TypeNames(lambda layer, label: label if layer in (_NER, "relations") else f"{layer}-{label}")
    taken: Set[str] = set()
    keys: Dict[str, str] = {}
    layers: Dict[str, None] = {}
    is_plain = True
    for document in documents:
        name = file_name(document.doc_key, taken)
        if name != document.doc_key:
            keys[name] = document.doc_key
        text = document.text if "text" in document.metadata else _by_lines(document)
        is_plain = is_plain and split_at_white_space(text.text).sentences == document.sentences
        layers.update(dict.fromkeys(document.layers))
        lines = StandoffLines(text.text, types)
        for lines.layer, spans in document.spans.items():
            for start, end, label in spans:
                lines.entity(text.mention(start, end), label)
        lines.layer = "relations"
        for arg1, arg2, label in document.relations or []:
            lines.relation(label, text.mention(*arg1), text.mention(*arg2))
        for cluster in document.clusters or []:
            mentions = [text.mention(*mention) for mention in cluster]
            if len(mentions) > 1:
                lines.chain(mentions)
            else:
                lines.singleton(mentions[0])
        write_files({f"{name}.txt": text.text, f"{name}.ann": lines.content}, folder)
    header: Dict[str, Any] = {"layers": list(layers), "keys": keys}
    if is_plain:
        header["splitter"] = "whitespace"
    write_files(types.configuration(**header), folder)


Write = Callable[[Iterable[Document], Path, Changes], None]
WRITERS: Dict[str, Write] = {
    "dygie": write_dygie,
    "jsonl": write_annotated,
    "conll": write_columns,
    "brat": write_brat,
}
# What stands behind the name of a split; brat has a folder.
SUFFIXES = {
    "dygie": ".jsonl",
    "jsonl": ".jsonl",
    "conll": ".conll",
    "brat": "",
    "conll2012": ".conll",
    "conllu": ".conllu",
    "html": ".html",
}


def _column_layer(document: Document) -> str:
    if _NER in document.spans or not document.spans:
        return _NER
    if len(document.spans) > 1:
        names = ", ".join(document.spans)
        raise UserError(f"document '{document.doc_key}': columns hold one layer of spans, and there are {names}")
    return next(iter(document.spans))


def _tags(spans: List[Span], length: int) -> Iterator[str]:
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start : end + 1] = [f"B-{label}"] + [f"I-{label}"] * (end - start)
    return iter(tags)


def _by_lines(document: Document) -> TokenizedText:
    """The text of tokens without a raw text: a line for each sentence."""
    text, offsets = "", []
    for sentence in document.sentences:
        for number, token in enumerate(sentence):
            text += " " if number else ""
            offsets.append((len(text), len(text) + len(token)))
            text += token
        text += "\n"
    return TokenizedText(text, document.sentences, offsets)
