"""Workers that share the instances that one of them has read: the same batches as from instances of their own."""

import mmap
from pathlib import Path
from typing import Any, Dict, List, Tuple
from unittest.mock import patch

import numpy as np
import pytest
from allennlp.data import Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.data.fields import MetadataField
from allennlp.data.token_indexers import SingleIdTokenIndexer, TokenCharactersIndexer
from test_indexed_instances import assert_same
from workers import run_workers

from hmtl.common.distributed import get_rank
from hmtl.corpora.corpus import JsonlCorpus
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.data.data_loaders import made_once as module
from hmtl.data.data_loaders.made_once import data_shared_by_workers, made_once
from hmtl.errors import UserError
from hmtl.tasks import CorefReader, RelationReader, TaggingReader

TASKS = ["coref", "links", "ner"]


class CountingCorpus(JsonlCorpus):
    """Counts how often a file is read."""

    times = 0

    def parse(self, path: Path) -> Any:
        CountingCorpus.times += 1
        return super().parse(path)


class UnpicklableReader(TaggingReader):
    """Whose instances no worker can hand to another."""

    def instances(self, document: Any) -> Any:
        for instance in super().instances(document):
            instance.fields["metadata"] = MetadataField(lambda: document.doc_key)
            yield instance


def reader_of(corpus: Any) -> MultiTaskDatasetReader:
    options: Dict[str, Any] = {
        "corpus": corpus,
        "token_indexers": {
            "tokens": SingleIdTokenIndexer(),
            "characters": TokenCharactersIndexer(min_padding_length=3),
        },
    }
    readers = {"coref": CorefReader(**options), "links": RelationReader(**options)}
    return MultiTaskDatasetReader({**readers, "ner": TaggingReader("ner", **options)})


def loader_of(reader: MultiTaskDatasetReader, path: str, **options: Any) -> PerTaskDataLoader:
    loader = PerTaskDataLoader(reader, path, batch_size=1, **options)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    loader.shard(2, get_rank())
    return loader


def assert_same_batches(one: PerTaskDataLoader, other: PerTaskDataLoader) -> None:
    assert one._vocab is not None and other._vocab is not None
    assert one._vocab._token_to_index == other._vocab._token_to_index
    assert one.num_instances == other.num_instances
    for task in one.tasks:
        for parts in zip(one.epoch_of(task, 1), other.epoch_of(task, 1), strict=True):
            for ours, theirs in zip(*parts, strict=True):
                assert_same(ours, theirs)
        for ours, theirs in zip(one.batches_of(task), other.batches_of(task), strict=True):
            assert_same(ours, theirs)
        assert list(one.metadata_of(task)) == list(other.metadata_of(task))


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array lies in a file that is mapped into memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, memoryview) and isinstance(base.obj, mmap.mmap)


def fail() -> None:
    raise UserError("no such data")


def share(path: str) -> Tuple[List[int], List[bool]]:
    """How often the file was read, by what is looked at, and whether arrays are shared."""
    corpus, read = CountingCorpus(), []

    def times() -> int:
        found, CountingCorpus.times = CountingCorpus.times, 0
        return found

    with data_shared_by_workers():
        shared = loader_of(reader_of(corpus), path)
        read.append(times())
        cached = [loader_of(reader_of(corpus), path, cache=True) for _ in range(2)]
        read.append(times())
        unpicklable = MultiTaskDatasetReader({"ner": UnpicklableReader("ner", corpus=corpus)})
        alone = loader_of(unpicklable, path)
        assert len({row() for row in alone.metadata_of("ner")}) > 1
        read.append(times())
        with patch.object(module, "_write", side_effect=OSError("no space left")):
            assert made_once(get_rank) == get_rank()
        # As of a worker whose temporary folder is another.
        with patch.object(module, "_mapped", side_effect=FileNotFoundError("no such file")):
            assert made_once(get_rank) == get_rank()
        assert made_once(get_rank) == 0
        with pytest.raises(UserError if get_rank() == 0 else SystemExit):
            made_once(fail)
    assert made_once(get_rank) == get_rank()
    own = loader_of(reader_of(corpus), path)
    read.append(times())
    for each in (shared, *cached):
        assert_same_batches(each, own)
    columns: Any = shared._instances["ner"]._columns
    arrays = [columns["metadata"]._pickles, columns["spans"]._rows.values, columns["text"].texts._sequences.values]
    return read, list(map(is_mapped, arrays))


def test_one_worker_reads_and_all_have_the_same_batches(
    fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    first, second = run_workers(share, str(fixtures / "jsonl" / "train.jsonl"))
    # Once and in the loaders that have a cache once; where nothing can be shared, and alone, each for itself.
    assert first == ([1, 1, 1, 1], [True] * 3)
    assert second == ([0, 0, 1, 1], [True] * 3)
    assert not list(tmp_path.glob("hmtl-instances-*"))


def test_without_workers_everything_is_made_here() -> None:
    with data_shared_by_workers():
        made = object()
        assert made_once(lambda: made) is made
