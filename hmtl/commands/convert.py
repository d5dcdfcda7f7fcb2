"""`hmtl convert`: from the format of an annotation tool to training data, and between formats."""

import argparse
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command

DESCRIPTION = """\
Convert annotation of any usual format to training data, or between formats. The format is found by its looks: brat,
Label Studio, doccano, Prodigy, Hugging Face rows, IOB columns, CoNLL-U, INCEpTION, PubTator, BioC, spaCy's DocBin, the
sentences of CoNLL04, ADE and CrossRE, DyGIE, and what hmtl writes. Without OUT, it only says what it found.

  hmtl convert brat_folder data/train.jsonl
  hmtl convert export.json data/letters --split 0.8 0.1 0.1
  hmtl convert train.conll train.jsonl --word 1 --tag -1
  hmtl convert data/train.jsonl for_brat --to brat

A folder IN that holds train, dev and test becomes a folder of these. What has no place in a document is dropped, and
counted with its reason. OUT appears at the end, whole or not at all; in a folder, report.json has all counts."""

_OF_PREDICTIONS = ("conll2012", "conllu", "html")
_OF_TREES = "conllu"
_TO = ("dygie", "jsonl", "conll", "brat", *_OF_PREDICTIONS)
_SUFFIXES_OF_COLUMNS = (".conll", ".iob", ".iob2", ".bio", ".tsv")


class _Option(NamedTuple):
    flag: str
    help: str
    metavar: Optional[str] = None
    choices: Optional[Tuple[str, ...]] = None


# Of the corpora; each is left to its default unless it is given.
_CROSSING = ("merge", "drop", "error")
_SEPARATORS = ("tab", "space", "comma", "blanks")
_SCHEMES = ("auto", "prefix", "suffix", "io", "words")
_OPTIONS = (
    _Option(
        "--boundaries",
        "spans that begin or end within a token: split the token (default), extend the span to whole tokens, drop it",
        choices=("split", "snap", "drop", "error"),
    ),
    _Option(
        "--crossing-spans",
        "spans across the end of a sentence: join the sentences (default), drop the span",
        choices=_CROSSING,
    ),
    _Option(
        "--crossing-relations",
        "relations between two sentences: join all between them, drop the relation (default)",
        choices=_CROSSING,
    ),
    _Option(
        "--discontinuous",
        "spans in several pieces: from the first to the last (default), the first alone, drop the span",
        choices=("cover", "first", "drop", "error"),
    ),
    _Option(
        "--splitter",
        "what splits raw text: a spaCy pipeline, or 'whitespace': a sentence a line, tokens between blanks (default: "
        "built-in rules)",
        "NAME",
    ),
    _Option("--word", "the column of words, its name or number from 0 (negative: from the end)", "COLUMN"),
    _Option("--tag", "the column of tags", "COLUMN"),
    _Option("--separator", "what stands between columns", choices=_SEPARATORS),
    _Option("--scheme", "tags: B-PER, PER-B, PER, or a label for every word (default: found)", choices=_SCHEMES),
    _Option("--layer", "the layer of the spans of columns (default: ner)", "NAME"),
    _Option("--labels", "the names of numbered tags, in order, or a file with one a line", "A,B,..."),
    _Option("--text-key", "the key of the text in the data of Label Studio", "KEY"),
)


@Subcommand.register("convert")
class Convert(Subcommand):
    requires_plugins = True

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add("source", metavar="IN", help="a file or a folder")
        add("output", metavar="OUT", nargs="?", type=Path, help="a file, or a folder for --split and for brat")
        add("--from", dest="source_format", metavar="NAME|JSON", help="the format of IN: its name, or its JSON")
        add("--to", choices=_TO, help="the format of OUT (default: conll for *.conll, *.iob and *.tsv, else dygie)")
        add(
            "--split",
            nargs="+",
            type=float,
            metavar="SHARE",
            help="draw documents into train, dev and test in these shares (two shares: train and test)",
        )
        add("--seed", type=int, default=13370, help="of --split")
        add("--force", action="store_true", help="replace OUT, once the new one is complete")
        add("--json", action="store_true", help="print the counts as JSON")
        for option in _OPTIONS:
            more: Dict[str, Any] = {"choices": option.choices} if option.choices else {"metavar": option.metavar}
            subparser.add_argument(option.flag, help=option.help, **more)
        subparser.set_defaults(func=_convert)
        return subparser


def _convert(arguments: argparse.Namespace) -> None:
    with _spacy_without_torch(arguments.splitter, arguments.to):
        report = convert(
            arguments.source,
            arguments.output,
            arguments.source_format,
            arguments.to,
            _options(arguments),
            arguments.split,
            arguments.seed,
            arguments.force,
        )
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2))
        return
    print(report.text())


@contextmanager
def _spacy_without_torch(splitter: Optional[str], to: Optional[str]) -> Iterator[None]:
    """spaCy imports torch where it can, for seconds, and its rules and its files need none.

    A pipeline may, and so do the formats of predictions.
    """
    needs_torch = splitter not in (None, "whitespace") or to in _OF_PREDICTIONS
    if needs_torch or "torch" in sys.modules or "thinc" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch"]


def _options(arguments: argparse.Namespace) -> Dict[str, Any]:
    """Those of the corpus that were given."""
    from hmtl.errors import UserError

    names = [option.flag[2:].replace("-", "_") for option in _OPTIONS]
    options = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if "labels" in options:
        path = Path(options["labels"])
        if "," not in options["labels"] and not path.is_file():
            raise UserError(f"--labels {path}: expected names with commas between, or a file with a name a line")
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else options["labels"].replace(",", "\n")
        options["labels"] = [line.strip() for line in text.splitlines() if line.strip()]
    return options


def convert(
    source: str,
    output: Optional[Path] = None,
    source_format: Optional[str] = None,
    to: Optional[str] = None,
    options: Optional[Dict[str, Any]] = None,
    shares: Optional[List[float]] = None,
    seed: int = 13370,
    force: bool = False,
) -> "Report":
    """Reads a file or a folder, writes the documents, and returns the counts.

    # Parameters

    source : `str`
    output : `Path`, optional (default = `None`)
        A file; a folder for splits and for brat; by default nothing is written.
    source_format : `str`, optional (default = `None`)
        The name of a format, or a JSON object with its options; by default it is found.
    to : `str`, optional (default = `None`)
    options : `Dict[str, Any]`, optional (default = `None`)
        Those of the corpus.
    shares, seed : optional
        See `split_documents`.
    force : `bool`, optional (default = `False`)
        Whether an older `output` is replaced.

    # Raises

    UserError
        Where the format is not known, a file is malformed, nothing is found, or `output` may not be replaced.
    """
    from hmtl.alignment import Changes
    from hmtl.common.files import write_json
    from hmtl.corpora.formats.reading import format_option, read_found, sniff, split_documents, splits_of
    from hmtl.corpora.formats.writing import SUFFIXES
    from hmtl.corpora.preparation.output import REPORT_FILE, whole_directory

    name, options = None, dict(options or {})
    if source_format is not None:
        name, of_format = format_option(source_format, "--from")
        options = {**of_format, **options}
    to = to or ("conll" if output is not None and output.suffix.lower() in _SUFFIXES_OF_COLUMNS else "dygie")
    is_file = output is not None and to != "brat" and (bool(output.suffix) or output.is_file())
    parts: Dict[str, Any] = {} if shares or is_file else splits_of(source)
    changes = Changes()
    if output is not None:
        _check_output(output, is_file, bool(parts or shares), force)
    found = sniff(next(iter(parts.values())) if parts else source, name, options)
    taken: set = set()
    report = Report(found.name, found.title, to, output, changes)
    if shares:
        splits: Dict[str, Iterable[Any]] = {**split_documents(read_found(source, found, changes, taken), shares, seed)}
    elif parts:
        splits = {split: read_found(path, found, changes, taken) for split, path in parts.items()}
    else:
        splits = {"": read_found(source, found, changes, taken)}
    counted = {split: report.counting(split, documents) for split, documents in splits.items()}
    if output is None:
        for counting in counted.values():
            for _ in counting:
                pass
    elif is_file or (to != "brat" and not parts and not shares):
        _write(to, counted[""], output, changes)
    else:
        with whole_directory(output, force, _is_data) as folder:
            for split, counting in counted.items():
                place = folder / f"{split}{SUFFIXES[to]}" if split else folder
                if to == "brat" and split:
                    place.mkdir()
                _write(to, counting, place, changes)
            write_json(folder / REPORT_FILE, report.to_json())
    return report


def _check_output(output: Path, is_file: bool, has_splits: bool, force: bool) -> None:
    """Refuses first what would otherwise end in the writing of a result."""
    from hmtl.errors import UserError

    if has_splits and is_file:
        raise UserError(f"{output}: --split writes a folder of train, dev and test; name a folder")
    if is_file and output.is_dir():
        raise UserError(f"{output}: expected a file to write, found a folder")
    if output.exists() and not force:
        raise UserError(f"{output}: exists already; write elsewhere, or replace it with --force")
    if not output.parent.exists():
        output.parent.mkdir(parents=True)


def _write(to: str, documents: Iterable[Any], path: Path, changes: Any) -> None:
    from hmtl.corpora.formats.writing import WRITERS, output_of

    if to in WRITERS:
        WRITERS[to](documents, path, changes)
        return
    # The formats of predictions ask what tasks are, and torch comes with these.
    from hmtl.annotation import OutputFormat
    from hmtl.corpora.dependencies import DEPENDENCIES, dependencies_of, has_trees, rows_of

    documents = list(documents)
    layers: Dict[str, str] = {}
    for document in documents:
        for layer in document.layers:
            layers[layer] = layer if layer in ("relations", "clusters") else "spans"
        if to == _OF_TREES or has_trees(document):
            layers[DEPENDENCIES] = DEPENDENCIES

    def output(document: Any) -> Dict[str, Any]:
        # Where there is no tree, the format of trees says why.
        is_wanted = to == _OF_TREES or has_trees(document)
        trees = {DEPENDENCIES: rows_of(dependencies_of(document), document.text)} if is_wanted else {}
        return {**empty, **output_of(document), **trees}

    output_format = OutputFormat.by_name(to)(layers)
    empty: Dict[str, List[Any]] = {layer: [] for layer in layers}
    output_format.write(map(output, documents), path)
    for note in output_format.notes:
        changes.drop("layer", note)


def _is_data(name: str) -> bool:
    """Whether `hmtl convert` writes files or folders of this name."""
    return name in ("train", "dev", "test", "annotation.conf") or Path(name).suffix in (
        ".jsonl", ".conll", ".txt", ".ann", ".html",
    )  # fmt: skip


class Report:
    """What was read and written."""

    def __init__(self, name: str, title: str, to: str, output: Optional[Path], changes: Any) -> None:
        self._name, self._title = name, title
        self._to, self._output = to, output
        self.changes = changes
        # By split the number of documents, sentences, tokens, and of each layer.
        self.written: Dict[str, Dict[str, int]] = {}

    def counting(self, split: str, documents: Iterable[Any]) -> Iterator[Any]:
        """The documents, counted as they go by."""
        counts = self.written[split] = {"documents": 0, "sentences": 0, "tokens": 0, "spans": 0}
        for document in documents:
            counts["documents"] += 1
            counts["sentences"] += len(document.sentences)
            counts["tokens"] += len(document.tokens)
            counts["spans"] += sum(map(len, document.spans.values()))
            for layer, spans in document.spans.items():
                counts[f"  {layer}"] = counts.get(f"  {layer}", 0) + len(spans)
            for layer, rows in (("relations", document.relations), ("clusters", document.clusters)):
                if rows is not None:
                    counts[layer] = counts.get(layer, 0) + len(rows)
            for layer, scope in document.label_layers.items():
                name = f"{layer} of {scope}s"
                counts[name] = counts.get(name, 0) + sum(entry is not None for entry in document.label_values(layer))
            if document.clusters is not None:
                counts["mentions"] = counts.get("mentions", 0) + sum(map(len, document.clusters))
            yield document

    def to_json(self) -> Dict[str, Any]:
        """JSON values: the format, the counts of each split, what was dropped and changed, each with its reason."""

        def listed(counts: Any) -> List[Dict[str, Any]]:
            return [
                {**change._asdict(), "count": count, "first": self.changes.first.get(change, "")}
                for change, count in counts.items()
            ]

        return {
            "format": self._name,
            "written": {
                split or "all": {name.strip(): count for name, count in counts.items()}
                for split, counts in self.written.items()
            },
            "dropped": listed(self.changes.dropped),
            "changed": listed(self.changes.changed),
        }

    def text(self) -> str:
        """A line of what was read, a table of counts, and a line for each kind of change."""
        from hmtl.common.characters import visible
        from hmtl.common.tables import aligned

        names = list(dict.fromkeys(name for counts in self.written.values() for name in counts))
        what = {"documents": "document", "spans": "span", "relations": "relation", "clusters": "cluster"}
        what["mentions"] = "mention"
        dropped = {name: self.changes.num_dropped(what[name]) if name in what else 0 for name in names}
        has_dropped = any(dropped.values())
        header = ["", *(["dropped"] if has_dropped else []), *(split or "kept" for split in self.written)]
        # An indented name begins with what `aligned` keeps.
        rows = [
            [
                name,
                *([f"{dropped[name]:,}" if dropped[name] else ""] if has_dropped else []),
                *(f"{counts.get(name, 0):,}" for counts in self.written.values()),
            ]
            for name in names
        ]
        lines = [f"read as {self._title} (--from {self._name})", "", aligned([header, *rows], numbers=True), ""]
        lines += [visible(line) for line in self.changes.lines()]
        if self._output is not None:
            lines.append(f"written as {self._to}: {visible(str(self._output))}")
        return "\n".join(lines)
