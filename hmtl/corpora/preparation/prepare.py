"""Converts a publisher's files to training data: documents as JSONL, one file a split, and a report."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from allennlp.common.tqdm import Tqdm

from hmtl.common.files import write_json
from hmtl.corpora.preparation.output import REPORT_FILE, whole_directory
from hmtl.corpora.preparation.report import Report, SplitReport
from hmtl.corpora.preparation.source import Converted, Skipped, Source, Unit
from hmtl.document import Document, write_jsonl
from hmtl.errors import DataError, UserError

_Outcome = Union[Converted, Skipped]
_Convert = Callable[[Iterable[Unit]], Iterator[Tuple[Unit, _Outcome]]]
# A slow unit keeps the others waiting only when so many a process, converted after it, wait for their turn.
_UNITS_AHEAD = 8
# Forked processes need not import everything again; elsewhere than on Linux forking is not safe.
_START_METHOD = "fork" if sys.platform == "linux" else "spawn"


class NothingPrepared(UserError):
    """No document of a split could be prepared; `report` tells what became of each unit until then."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


def prepare(source: Source, output: Union[str, os.PathLike], jobs: Optional[int] = None, force: bool = False) -> Report:
    """Converts all units of a corpus; `output` gets `SPLIT.jsonl` for each split, and `report.json`.

    A unit or a document that cannot be used is left out, and the report says why; hmtl reads what is written. The
    files are the same whatever `jobs` is, and appear together once all are complete.

    # Parameters

    source : `Source`
        The corpus.
    output : `Union[str, os.PathLike]`
        The directory to write.
    jobs : `int`, optional (default = one for each core)
        How many processes convert units; with 0 or 1 this process does.
    force : `bool`, optional (default = `False`)
        Whether to replace an older `output`, as soon as the new one is complete.

    # Raises

    NothingPrepared
        Where a split gets no document; nothing is written.
    UserError
        Where `output` exists and may not be replaced.
    DataError
        Where two documents have the same key.
    """
    splits = source.splits()
    report = Report(_name(source), source.settings(), expected=source.expected_in_all)
    num_units = sum(map(len, splits.values()))
    jobs = min(os.cpu_count() or 1 if jobs is None else jobs, num_units)
    keys: Dict[str, str] = {}
    with (
        whole_directory(Path(output), force) as directory,
        _converting(source, jobs) as convert,
        Tqdm.tqdm(total=num_units, unit="unit", desc="preparing") as progress,
    ):
        for split, units in splits.items():
            part = report.splits[split] = SplitReport(source.expected.get(split, {}), len(units))
            documents = _documents(split, _counted(convert(units), progress), report, keys)
            if not write_jsonl(documents, directory / f"{split}.jsonl"):
                reason = f"; the first: {part.skipped[0].reason}" if part.skipped else ""
                raise NothingPrepared(f"{split}: none of its {len(units)} units gave a document{reason}", report)
        write_json(directory / REPORT_FILE, report.to_json())
    return report


def _documents(
    split: str, outcomes: Iterable[Tuple[Unit, _Outcome]], report: Report, keys: Dict[str, str]
) -> Iterator[Document]:
    """The documents of a split, noted in the report; `keys` tells the unit of each document key so far."""
    for unit, outcome in outcomes:
        if isinstance(outcome, Skipped):
            report.splits[split].skipped.append(outcome)
            continue
        report.splits[split].skipped += outcome.skipped
        report.dropped += outcome.dropped
        for document in outcome.documents:
            key = document.doc_key
            if key in keys:
                raise DataError(
                    f"the units '{keys[key]}' and '{unit.key}' both have a document '{key}'; names must be unique"
                )
            keys[key] = unit.key
            report.add(split, document)
            yield document


def _counted(outcomes: Iterable[Tuple[Unit, _Outcome]], progress: Any) -> Iterator[Tuple[Unit, _Outcome]]:
    for unit, outcome in outcomes:
        yield unit, outcome
        progress.update()


@contextmanager
def _converting(source: Source, jobs: int) -> Iterator[_Convert]:
    """What converts units, in their order: in this process, or in so many others for as long as the block runs."""
    if jobs <= 1:
        yield lambda units: ((unit, _attempt(source, unit)) for unit in units)
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context(_START_METHOD)
    executor = ProcessPoolExecutor(jobs, context, _start_worker, (source,))
    try:
        yield lambda units: _in_order(executor, units, _UNITS_AHEAD * jobs)
    except BaseException:
        # Nobody waits for what they are at.
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _in_order(executor: ProcessPoolExecutor, units: Iterable[Unit], ahead: int) -> Iterator[Tuple[Unit, _Outcome]]:
    """Never more than `ahead` units are under way or wait for their turn, however large the corpus."""
    pending: Deque[Tuple[Unit, Future]] = deque()

    def first() -> Tuple[Unit, _Outcome]:
        unit, future = pending.popleft()
        try:
            return unit, future.result()
        except BrokenProcessPool as error:
            raise UserError(
                f"a process was killed at the unit '{unit.key}' or soon after, perhaps for want of memory; fewer "
                "--jobs need less"
            ) from error

    for unit in units:
        if len(pending) == ahead:
            yield first()
        pending.append((unit, executor.submit(_attempt_in_worker, unit)))
    while pending:
        yield first()


def _attempt(source: Source, unit: Unit) -> _Outcome:
    """Converts a unit, or tells in one line why it cannot be used.

    # Raises

    RuntimeError
        Naming the unit, where the conversion itself is at fault.
    """
    try:
        converted = source.convert(unit)
        usable = [document for document in converted.documents if _is_readable(document, unit, converted.skipped)]
    except (DataError, OSError, UnicodeDecodeError) as error:
        return Skipped(unit.key, _reason(error, unit))
    except Exception as error:
        files = ", ".join(map(str, unit.paths))
        raise RuntimeError(f"unit '{unit.key}' ({files}): {type(error).__name__}: {error}") from error
    if len(usable) < len(converted.documents):
        keys = {document.doc_key for document in usable}
        dropped = [each for each in converted.dropped if each.document in keys]
        return Converted(usable, dropped, converted.skipped)
    return converted


def _is_readable(document: Document, unit: Unit, skipped: List[Skipped]) -> bool:
    """Whether hmtl could read the document as it would be written; else it is noted why."""
    try:
        Document.from_json(document.to_json(), unit.paths[0] if unit.paths else None)
    except DataError as error:
        skipped.append(Skipped(unit.key, _reason(error, unit)))
        return False
    return True


def _reason(error: Exception, unit: Unit) -> str:
    if isinstance(error, UnicodeDecodeError):
        message = f"{', '.join(map(str, unit.paths))}: not valid UTF-8 ({error}); convert the file to UTF-8"
    elif isinstance(error, OSError) and error.filename and error.strerror:
        message = f"{error.filename}: {error.strerror}"
    else:
        message = str(error)
    return " ".join(message.split())


# In a worker: the corpus whose units it converts.
_source: Source


def _start_worker(source: Source) -> None:
    global _source
    _source = source
    # Ctrl-C reaches all processes of a terminal; the parent ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed ends no worker by itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _attempt_in_worker(unit: Unit) -> _Outcome:
    return _attempt(_source, unit)


def _name(source: Source) -> str:
    """The name under which the class is registered."""
    names: List[str] = [name for name in Source.list_available() if Source.by_name(name) is type(source)]
    return names[0] if names else type(source).__name__
