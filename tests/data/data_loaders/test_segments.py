import random
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.data.token_indexers import TokenCharactersIndexer

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.data.data_loaders.batching import sample_segment
from hmtl.document import Document, write_jsonl
from hmtl.tasks import CorefReader, TaggingReader

MAX_TOKENS = 12


@pytest.mark.parametrize("seed", range(30))
def test_runs_are_as_long_as_fits_and_every_sentence_may_begin_one(seed: int) -> None:
    generator = random.Random(seed)
    lengths = [generator.randint(1, 15) for _ in range(generator.randint(1, 9))]
    # By brute force: the longest run from each sentence that keeps to the limit, and no run within another.
    runs: List[Any] = []
    for first in range(len(lengths)):
        stop = max(
            [n for n in range(first + 1, len(lengths) + 1) if sum(lengths[first:n]) <= MAX_TOKENS], default=first + 1
        )
        if not any(other[1] == len(lengths) for other in runs):
            runs.append((first, stop))
    found = [sample_segment(lengths, MAX_TOKENS, "key", number) for number in range(400)]
    assert set(found) == set(runs)
    assert found == [sample_segment(lengths, MAX_TOKENS, "key", number) for number in range(400)]
    # About as often each.
    assert min(map(found.count, runs)) > 400 / len(runs) / 3


def documents() -> List[Document]:
    generator = random.Random(1)
    made = []
    for number in range(6):
        sentences = [
            [f"d{number}w{n}x{m}" for m in range(generator.randint(1, 9))] for n in range(2 if number == 0 else 8)
        ]
        starts = [sum(map(len, sentences[:n])) for n in range(len(sentences))]
        mentions = [(start, start + generator.randrange(len(s))) for start, s in zip(starts, sentences)]
        clusters = [mentions[0::4], mentions[1::4], mentions[2:3]]
        made.append(Document(f"d{number}", sentences, clusters=[cluster for cluster in clusters if cluster]))
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("segments") / "documents.jsonl"
    write_jsonl(documents(), path)
    return str(path)


def loader_of(path: str, batch_size: int = 1, limit: int = MAX_TOKENS, **options: Any) -> PerTaskDataLoader:
    indexers = {"letters": TokenCharactersIndexer(min_padding_length=3)}
    reader = MultiTaskDatasetReader({"coref": CorefReader(token_indexers=indexers, **options)})
    limits = {"coref": limit} if limit else None
    loader = PerTaskDataLoader(reader, path, batch_size=batch_size, seed=4, max_training_tokens=limits)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    return loader


def words(document: Dict[str, Any], start: int, end: int) -> Any:
    tokens = [token for sentence in document["sentences"] for token in sentence]
    # Each word is unique.
    return tuple(tokens[start : end + 1])


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("one_sequence", [False, True])
def test_segments_hold_what_lies_within_them(path: str, batch_size: int, one_sequence: bool) -> None:
    """Words are unique, so that a segment's clusters can be found by their words, without any offsets."""
    loader = loader_of(path, batch_size, one_sequence=one_sequence)
    gold = {}
    for document in documents():
        whole = {"sentences": document.sentences}
        gold[document.doc_key] = [[words(whole, *mention) for mention in cluster] for cluster in document.clusters]
    lengths = {document.doc_key: len(document.tokens) for document in documents()}
    for (batch,) in loader.epoch_of("coref", 0):
        for number, segment in enumerate(batch["metadata"]):
            key = segment["doc_key"]
            (whole,) = [document for document in documents() if document.doc_key == key]
            kept = {token for sentence in segment["sentences"] for token in sentence}
            if lengths[key] <= MAX_TOKENS:
                assert segment["sentences"] == whole.sentences
            else:
                assert len(kept) <= MAX_TOKENS
                assert any(
                    whole.sentences[n : n + len(segment["sentences"])] == segment["sentences"]
                    for n in range(len(whole.sentences))
                )
            expected = []
            for cluster in gold[key]:
                inside = [mention for mention in cluster if kept.issuperset(mention)]
                if inside and (len(cluster) == 1 or len(inside) > 1):
                    expected.append(inside)
            found = [[words(segment, *mention) for mention in cluster] for cluster in segment["clusters"]]
            assert found == expected
            rows = [row for row in batch["mentions"][number].tolist() if row != [-1, -1, -1]]
            assert [(words(segment, *row[:2]), row[2]) for row in rows] == [
                (mention, n) for n, cluster in enumerate(expected) for mention in cluster
            ]
            mask = batch["text"]["letters"]["token_characters"][number].sum(-1) > 0
            assert int(mask.sum()) == len(kept)
            if one_sequence:
                ids = [n for n, sentence in enumerate(segment["sentences"]) for _ in sentence]
                assert batch["sentence_ids"][number][batch["sentence_ids"][number] >= 0].tolist() == ids


def test_segments_depend_on_seed_task_pass_and_document_alone(path: str) -> None:
    loader = loader_of(path)
    passes = [[batch["metadata"][0] for (batch,) in loader.epoch_of("coref", number)] for number in range(4)]
    assert all(len(each) == loader.num_batches["coref"] == 6 for each in passes)
    by_document = [{row["doc_key"]: row["sentences"] for row in each} for each in passes]
    assert len({tuple(map(tuple, each["d3"])) for each in by_document}) > 1
    # From the middle of a pass, by another loader, after other passes.
    again = loader_of(path)
    resumed = [next(again.stream("coref", consumed))[0]["metadata"][0] for consumed in (20, 13, 7, 2)]
    assert resumed == [passes[3][2], passes[2][1], passes[1][1], passes[0][2]]
    # In larger batches a document is cut to the same run.
    larger = {
        row["doc_key"]: row["sentences"] for (b,) in loader_of(path, 3).epoch_of("coref", 2) for row in b["metadata"]
    }
    assert larger == by_document[2]


def test_validation_and_short_documents_are_whole(path: str) -> None:
    cut, whole = loader_of(path), loader_of(path, limit=0)
    for one, other in zip(cut.batches_of("coref"), whole.batches_of("coref")):
        assert one["metadata"] == other["metadata"]
        assert torch.equal(one["mentions"], other["mentions"])
    long = loader_of(path, limit=1000)
    for (one,), (other,) in zip(long.epoch_of("coref", 0), whole.epoch_of("coref", 0)):
        assert one["metadata"] == other["metadata"]


@pytest.mark.parametrize("limits", [{"ner": 5}, {"coref": 0}, {"links": 7}])
def test_tasks_that_have_no_segments(path: str, limits: Dict[str, int], tmp_path: Path) -> None:
    write_jsonl([Document("d", [["a"]], {"ner": []}, clusters=[])], tmp_path / "d.jsonl")
    reader = MultiTaskDatasetReader({"ner": TaggingReader("ner"), "coref": CorefReader()})
    params = Params({"type": "per_task", "max_training_tokens": limits})
    ((task, number),) = limits.items()
    with pytest.raises(ConfigurationError, match=f"max_training_tokens of '{task}' is {number}; it must be at least 1"):
        DataLoader.from_params(params, reader=reader, data_path=str(tmp_path / "d.jsonl"))
