"""`hmtl inspect`: what a corpus holds."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command, add_corpus, at_least
from hmtl.common.characters import visible
from hmtl.common.files import atomic_write
from hmtl.common.terminal import wants_colours
from hmtl.corpora import Corpus
from hmtl.inspection import (
    DocumentPrinter,
    ShownDocument,
    Split,
    corpus_format,
    corpus_statistics,
    documents_by_key,
    find_splits,
    first_documents,
    found_format,
    statistics_table,
)

DESCRIPTION = """\
Show what a corpus holds: for each split and layer the labels, lengths, nesting and distances, and what the splits
share. With --document or --limit, show documents with their annotations instead; with --html, write both as a page.

  hmtl inspect data/sample
  hmtl inspect data/sample --document aviation-001
  hmtl inspect gum --corpus gum --limit 1 --color | less -R
  hmtl inspect data/sample --html sample.html

Documents are read one by one. In memory stay the distinct tokens and annotated strings of each split, and 8 bytes for
each document and each sentence of 6 or more tokens; of a page, the documents that it shows."""

# Documents of each split on a page.
PAGE_LIMIT = 20


@Subcommand.register("inspect")
class Inspect(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add(
            "paths",
            nargs="+",
            metavar="PATH",
            help="a split, or a directory of splits: .jsonl files, or in other formats what it holds by the names "
            "train, dev, test",
        )
        add_corpus(subparser)
        add("--document", metavar="ID", action="append", help="show the document of this doc_key; may be repeated")
        add(
            "--limit",
            metavar="N",
            type=at_least(1),
            help=f"show the first N documents of each split (page: {PAGE_LIMIT})",
        )
        add("--html", metavar="FILE", type=Path, help="write statistics and documents as one page")
        add("--json", action="store_true", help="print JSON: of the statistics, or a list of the documents")
        add("--all", action="store_true", help="list all labels in the table, not the most frequent")
        add("--color", action="store_true", help="colours though the output is no terminal")
        subparser.set_defaults(func=_inspect)
        return subparser


def _inspect(arguments: argparse.Namespace) -> None:
    corpus = found_format(arguments.paths) if arguments.corpus is None else corpus_format(arguments.corpus)
    splits = find_splits(arguments.paths, corpus)
    # First: a mistyped key need not wait for the statistics.
    documents = _documents(arguments, splits, corpus)
    if documents and arguments.html is None:
        _print_documents(arguments, documents)
        return
    report = corpus_statistics(splits, corpus)
    if arguments.html is not None:
        _write_page(arguments.html, report, documents)
    if arguments.json:
        print(json.dumps(report, indent=2))
    elif arguments.html is None:
        width = shutil.get_terminal_size((120, 24)).columns
        print(statistics_table(report, width, all_labels=arguments.all))


def _documents(arguments: argparse.Namespace, splits: List[Split], corpus: Corpus) -> List[ShownDocument]:
    if arguments.document:
        return documents_by_key(splits, corpus, arguments.document)
    default = 0 if arguments.html is None else PAGE_LIMIT
    limit = default if arguments.limit is None else arguments.limit
    return list(first_documents(splits, corpus, limit)) if limit else []


def _print_documents(arguments: argparse.Namespace, documents: List[ShownDocument]) -> None:
    if arguments.json:
        print(json.dumps([{"split": split, "document": document.to_json()} for split, document in documents], indent=2))
        return
    printer = DocumentPrinter(shutil.get_terminal_size((100, 24)).columns, arguments.color or wants_colours())
    for number, shown in enumerate(documents):
        print("\n" * bool(number) + "\n".join(printer.lines(shown)))


def _write_page(path: Path, report: Dict[str, Any], documents: List[ShownDocument]) -> None:
    """Writes the page, and says so on stderr, which leaves stdout to the statistics."""
    from hmtl.inspection.page import write_page

    with atomic_write(path) as file:
        file.writelines(write_page(report, documents))
    total = sum(split["documents"] for split in report["splits"].values())
    print(visible(f"{path}: statistics, and {len(documents):,} of {total:,} documents"), file=sys.stderr)
