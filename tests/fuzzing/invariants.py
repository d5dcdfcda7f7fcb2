"""What holds for any input, however spoilt: it is read rightly and wholly, or refused in one line."""

import json
import re
import shutil
import signal
from argparse import ArgumentParser
from collections import Counter
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type, cast

from hmtl.annotation.texts import Texts
from hmtl.common.characters import visible_lines
from hmtl.common.explain import explain
from hmtl.corpora import Corpus
from hmtl.corpora.preparation.prepare import prepare
from hmtl.corpora.preparation.source import Source
from hmtl.corpora.validation import validate_corpus
from hmtl.document import Document, read_jsonl, write_jsonl
from hmtl.inspection import corpus_statistics, find_splits
from hmtl.inspection.plain_text import DocumentPrinter
from hmtl.inspection.splits import ShownDocument
from hmtl.inspection.table import statistics_table
from hmtl.predictors import HMTLPredictor

# Of the processor: a busy machine makes nothing hang.
MAX_SECONDS = 20

_PATHS = {
    "jsonl": "a.jsonl",
    "redocred": "a.json",
    "squad": "train.json",
    "conll2003": "train.txt",
    "ontonotes": "train.v4_gold_conll",
    "ace_conll": "train.like_conll",
    "gum": "train.txt",
    "gum_layers": "train.txt",
    "streusle": "splits/part.sentids",
    "ace05": "#train",
    "labelled": "",
}
_OPTIONS = {
    "conll2003": ["conll2003", "--dir", "{}"],
    "wnut17": ["wnut17", "--dir", "{}"],
    "redocred": ["redocred", "--dir", "{}"],
    "scierc": ["scierc", "--dir", "{}"],
    "gum": ["gum", "--dir", "{}", "--genres", "all"],
    "litbank": ["litbank", "--dir", "{}", "--split", "{}/folds"],
    "ace05": ["ace05", "--ldc-dir", "{}", "--split-dir", "{}/splits"],
    "ace04": ["ace05", "--version", "2004", "--ldc-dir", "{}", "--split-dir", "{}/splits"],
    "ontonotes release": ["ontonotes", "--ldc-dir", "{}/ldc", "--split-dir", "{}/lists"],
    "ontonotes columns": ["ontonotes", "--conll-dir", "{}", "--split", "directories"],
}
_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


class Hang(BaseException):
    """No answer in time. No `Exception`, which somebody might catch."""


@contextmanager
def in_time(seconds: float = MAX_SECONDS) -> Iterator[None]:
    """Raises `Hang` in a block that takes too much time of the processor."""

    def stop(*_: Any) -> None:
        raise Hang(f"no answer in {seconds} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check(target: str, folder: Path, work: Path, predictor: Callable[[], HMTLPredictor]) -> str:
    """Reads, prepares or predicts what is in a folder, and tells how that went: `read` or `refused`.

    # Raises

    AssertionError
        Where something was lost, moved or half-written, or is not said in one line.
    Exception
        Where it ends in a traceback.
    """
    if target == "predictor":
        # Making one takes its own time.
        predicts = predictor()
        with in_time():
            return _check_prediction(folder, predicts)
    with in_time():
        if target.startswith("prepare "):
            return _check_preparation(_OPTIONS[target.removeprefix("prepare ")], folder, work / "out")
        return _check_reading(target, folder, work)


def _refusal(action: Callable[[], Any]) -> Tuple[Any, Optional[str]]:
    """What the action gives, or the one line that a command would say."""
    try:
        return action(), None
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        assert line.strip() and "\n" not in line, f"no line: {line!r}"
        assert not _ACTING.search(line), f"acts on a terminal: {line!r}"
        return None, line


def _check_reading(name: str, folder: Path, work: Path) -> str:
    options: Dict[str, Any] = {"split_dir": str(folder / "splits")} if name == "ace05" else {}
    corpus = Corpus.by_name(name)(**options)
    path = f"{folder}#train" if name == "ace05" else str(folder / _PATHS[name])
    documents, refused = _refusal(lambda: list(corpus.documents(path)))
    report, not_validated = _refusal(lambda: validate_corpus([path], corpus))
    statistics, not_inspected = _refusal(lambda: corpus_statistics(find_splits([path], corpus), corpus))
    if report is not None:
        text = "\n".join([report.table(), *report.problem_lines()])
        assert not _ACTING.search(text), f"the validator's text acts on a terminal: {text!r}"
        unusable = [problem for problem in report.errors if problem.kind == "unusable document"]
    if refused is not None:
        assert not_validated or unusable, f"the reader refuses, the validator does not: {refused}"
        assert not_inspected, f"the reader refuses, inspect does not: {refused}"
        return "refused"
    assert not_validated is None and not unusable, f"the validator refuses what is read: {not_validated or unusable}"
    # `find_splits` looks for the path before the format can.
    assert not_inspected is None, f"inspect refuses what is read: {not_inspected}"
    tokens = sum(len(document.tokens) for document in documents)
    assert sum(counts.totals["tokens"] for counts in report.counts.values()) == tokens
    assert sum(split["tokens"] for split in statistics["splits"].values()) == tokens
    shown = [statistics_table(statistics)]
    for document in islice(documents, 2):
        shown += DocumentPrinter().lines(ShownDocument("train", document))
    assert not _ACTING.search("\n".join(shown)), "inspect's text acts on a terminal"
    _check_contents(name, folder, documents)
    write_jsonl(documents, work / "again.jsonl")
    assert list(map(_sorted, read_jsonl(work / "again.jsonl"))) == list(map(_sorted, documents)), (
        "the round trip differs"
    )
    return "read"


def _check_contents(name: str, folder: Path, documents: List[Document]) -> None:
    """Counts what is in the files, without the readers."""
    num_tokens = sum(len(document.tokens) for document in documents)
    spans = [span for document in documents for layer in document.spans.values() for span in layer]
    if name in ("conll2003", "ontonotes", "ace_conll"):
        rows = _rows(folder / _PATHS[name])
        rows = [row for row in rows if row[0] != "-DOCSTART-"]
        assert len(rows) == num_tokens, f"{len(rows)} rows, {num_tokens} tokens"
        if name == "conll2003":
            inside = sum(row[-1] != "O" for row in rows)
            assert sum(end - start + 1 for start, end, _ in spans) == inside, "tags and spans differ"
        else:
            column = 10 if name == "ontonotes" else 2
            brackets = sum(row[column].count("(") for row in rows)
            assert brackets == len(spans), f"{brackets} brackets, {len(spans)} spans"
    elif name == "jsonl":
        records = [json.loads(line) for line in (folder / "a.jsonl").read_text("utf-8-sig").split("\n") if line.strip()]
        assert len(records) == len(documents)
        for record, document in zip(records, documents):
            assert record["sentences"] == document.sentences
            _check_record(record, document)
    elif name == "redocred":
        records = json.loads((folder / "a.json").read_bytes())
        for record, document in zip(records, documents):
            assert record["sents"] == document.sentences
            mentions = {(m["sent_id"], *m["pos"], m["type"]) for entity in record["vertexSet"] for m in entity}
            assert len(mentions) == len(document.spans["ner"]), "mentions and spans differ"
    elif name == "squad":
        articles = json.loads((folder / "train.json").read_bytes())["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        assert [each["context"] for each in paragraphs] == [document.metadata["text"] for document in documents]
        for paragraph, document in zip(paragraphs, documents):
            assert len(paragraph["qas"]) == len(document.metadata["questions"])
    elif name in ("gum", "gum_layers"):
        names = [line.strip() for line in (folder / "train.txt").read_text("utf-8-sig").split("\n") if line.strip()]
        rows = [row for each in names for row in _rows(folder / "dep" / f"{each}.conllu", "\t")]
        assert sum(row[0].isdigit() for row in rows) == num_tokens
    elif name == "streusle":
        wanted = {line.strip() for line in (folder / "splits/part.sentids").read_text("utf-8-sig").split("\n")}
        rows = _rows(folder / "streusle.tags", "\t")
        assert sum(row[8].strip() in wanted for row in rows) == num_tokens


def _check_record(record: Dict[str, Any], document: Document) -> None:
    """Each row of each layer is where it stood, under the sentence that holds its first token."""
    first = 0
    for number, sentence in enumerate(document.sentences):
        for layer, spans in document.spans.items():
            here = Counter(tuple(row[:3]) for row in record[layer][number])
            assert here == Counter(span for span in spans if first <= span.start < first + len(sentence)), layer
        if document.relations is not None:
            rows = Counter(tuple(row[:5]) for row in record["relations"][number])
            found = [
                (*r.arg1, *r.arg2, r.label) for r in document.relations if first <= r.arg1[0] < first + len(sentence)
            ]
            assert rows == Counter(found), "relations"
        first += len(sentence)
    for key, value in document.metadata.items():
        rows = [row for rows in value if isinstance(rows, list) for row in rows] if isinstance(value, list) else []
        spans = [row for row in rows if isinstance(row, list) and len(row) == 3 and isinstance(row[2], str)]
        assert not spans or 2 * len(spans) < len(rows) or key in ("events", "event_clusters"), (
            f"'{key}' looks like a layer"
        )
        assert key not in ("relation", "cluster", "sentence") or not isinstance(value, list) or not value


def _rows(path: Path, separator: Optional[str] = None) -> List[List[str]]:
    """The rows of columns, without comments; blanks and tabs separate, as elsewhere."""
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    cells = [re.split(r"[ \t]+", line.strip(" \t\r")) if separator is None else line.split(separator) for line in lines]
    has_comments = path.suffix not in (".txt", ".tags")
    blanks = " \t\r" if separator is None else None
    return [
        row for row, line in zip(cells, lines) if line.strip(blanks) and not (has_comments and line.startswith("#"))
    ]


def _sorted(document: Document) -> Document:
    """A layout grouped by sentence keeps the order within each."""
    starts = document.sentence_starts
    for layer, spans in document.spans.items():
        document.spans[layer] = sorted(spans, key=lambda span: _sentence(starts, span.start))
    if document.relations is not None:
        document.relations = sorted(document.relations, key=lambda relation: _sentence(starts, relation.arg1[0]))
    return document


def _sentence(starts: List[int], token: int) -> int:
    return sum(start <= token for start in starts)


def _check_preparation(arguments: List[str], folder: Path, output: Path) -> str:
    parser = ArgumentParser()
    source_class = cast(Type[Source], Source.by_name(arguments[0]))
    source_class.add_arguments(parser)
    parsed = parser.parse_args([argument.format(folder) for argument in arguments[1:]])
    report, refused = _refusal(lambda: prepare(source_class.from_arguments(parsed), output, jobs=0))
    beside = sorted(path.name for path in output.parent.iterdir())
    if refused is not None:
        assert "out" not in "".join(beside), f"refused, and left behind: {beside}"
        return "refused"
    assert beside == ["out"], f"left beside the output: {beside}"
    names = sorted(path.name for path in output.iterdir())
    assert names == sorted(["report.json", *(f"{split}.jsonl" for split in report.splits)]), names
    told = "\n".join([report.text(), *report.skipped_lines()])
    assert visible_lines(told) == told, "the report acts on a terminal"
    again = json.loads((output / "report.json").read_text("utf-8"))
    for split, part in report.splits.items():
        documents = list(read_jsonl(output / f"{split}.jsonl"))
        assert len(documents) == part.found["documents"] == again["splits"][split]["found"]["documents"]
        assert sum(len(document.tokens) for document in documents) == part.found["tokens"]
    unusable = [p for p in validate_corpus([output]).errors if p.kind == "unusable document"]
    assert not unusable, f"prepared, and not usable: {unusable[0]}"
    shutil.rmtree(output)
    return "read"


def _check_prediction(folder: Path, predictor: HMTLPredictor) -> str:
    file = str(folder / "in.jsonl")
    texts = Texts([file])
    outputs, refused = _refusal(
        lambda: list(predictor.predict_many(texts, on_error=lambda _, error: texts.refuse(error)))
    )

    def by_lines() -> List[Any]:
        lines = Path(file).read_text("utf-8").split("\n")
        return [predictor.load_line(line) for line in lines if line.strip()]

    _refusal(by_lines)
    for output in outputs or []:
        predictor.dump_line(output).encode("utf-8")
        json.dumps(output, ensure_ascii=False).encode("utf-8")
        tokens = [token for sentence in output["sentences"] for token in sentence]
        assert len(tokens) == len(output["token_offsets"])
        for token, (start, end) in zip(tokens, output["token_offsets"]):
            assert output["text"][start:end] == token, "a token is not where its offsets say"
    return "read" if refused is None else "refused"
