import random
from pathlib import Path
from typing import Any, List, Tuple

import networkx
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary

from hmtl.document import Document, write_jsonl
from hmtl.tasks import CorefReader
from hmtl.tasks.clusters.coref_reader import merge_clusters

Bounds = Tuple[int, int]
SENTENCES = [["a", "b"], ["c"], ["d", "e", "f"], ["g", "h"]]
# Tokens:  0    1      2      3    4    5      6    7
CLUSTERS = [[(0, 0), (2, 2), (3, 5)], [(6, 7), (4, 4)], [(1, 1), (6, 6), (7, 7)]]


def read(tmp_path: Path, document: Document, **options: Any) -> Tuple[CorefReader, List[Instance]]:
    write_jsonl([document], tmp_path / "document.jsonl")
    reader = CorefReader(**options)
    return reader, list(reader.read(str(tmp_path / "document.jsonl")))


@pytest.mark.parametrize("seed", range(20))
def test_merging_makes_connected_components(seed: int) -> None:
    generator = random.Random(seed)
    mentions = [(start, start + generator.randrange(3)) for start in range(12)]
    clusters = [generator.choices(mentions, k=generator.randint(0, 4)) for _ in range(generator.randint(1, 6))]
    graph = networkx.Graph()
    for cluster in clusters:
        networkx.add_path(graph, cluster)
    expected = sorted(map(sorted, networkx.connected_components(graph)))
    merged = merge_clusters(clusters)
    assert [sorted(cluster) for cluster in merged] == expected
    assert all(len(set(cluster)) == len(cluster) for cluster in merged)


def test_merging_is_transitive_whatever_the_order() -> None:
    """The third cluster links the first two, which share nothing."""
    clusters = [[(0, 0), (1, 1)], [(5, 5), (6, 6)], [(1, 1), (5, 5)]]
    assert [sorted(c) for c in merge_clusters(clusters)] == [[(0, 0), (1, 1), (5, 5), (6, 6)]]


def test_merged_clusters_are_counted(tmp_path: Path) -> None:
    clusters = [[(0, 0), (1, 1)], [], [(5, 5), (6, 6)], [(1, 1), (5, 5)], [(3, 3), (3, 3)]]
    reader, (instance,) = read(tmp_path, Document("d", SENTENCES, clusters=clusters))
    assert reader.counts["clusters merged because they share a mention"] == 2
    found = instance.fields["metadata"].metadata["clusters"]
    assert [sorted(cluster) for cluster in found] == [[(0, 0), (1, 1), (5, 5), (6, 6)], [(3, 3)]]


def test_fields(tmp_path: Path) -> None:
    _, (instance,) = read(tmp_path, Document("d", SENTENCES, clusters=CLUSTERS))
    assert instance.fields.keys() == {"text", "mentions", "metadata"}
    metadata = instance.fields["metadata"].metadata
    assert metadata["doc_key"] == "d" and metadata["sentences"] == SENTENCES
    assert sorted(map(sorted, metadata["clusters"])) == sorted(map(sorted, CLUSTERS))
    rows = instance.fields["mentions"].tensor
    assert rows.shape == (8, 3) and rows.dtype == torch.long
    # Rows name the clusters of the metadata.
    assert all((start, end) in metadata["clusters"][cluster] for start, end, cluster in rows.tolist())


def test_long_documents_are_cut(tmp_path: Path) -> None:
    reader, (first, second) = read(tmp_path, Document("d", SENTENCES, clusters=CLUSTERS), max_sentences=2)
    first_metadata, second_metadata = first.fields["metadata"].metadata, second.fields["metadata"].metadata
    assert first_metadata["sentences"] == SENTENCES[:2] and second_metadata["sentences"] == SENTENCES[2:]
    # The second part starts at token 3.
    assert sorted(map(sorted, first_metadata["clusters"])) == [[(0, 0), (2, 2)], [(1, 1)]]
    assert sorted(map(sorted, second_metadata["clusters"])) == [[(0, 2)], [(1, 1), (3, 4)], [(3, 3), (4, 4)]]
    assert first.fields["mentions"].tensor[:, 2].max() == 1 and second.fields["mentions"].tensor[:, 2].max() == 2


@pytest.mark.parametrize("max_sentences,num_parts,num_cut", [(None, 1, 0), (4, 1, 0), (3, 2, 2), (2, 2, 2), (1, 4, 3)])
def test_cut_clusters_are_counted_once(tmp_path: Path, max_sentences: int, num_parts: int, num_cut: int) -> None:
    reader, parts = read(tmp_path, Document("d", SENTENCES, clusters=CLUSTERS), max_sentences=max_sentences)
    assert len(parts) == num_parts
    assert reader.counts["clusters cut by max_sentences"] == num_cut
    sentences = [sentence for part in parts for sentence in part.fields["metadata"].metadata["sentences"]]
    assert sentences == SENTENCES
    assert sum(len(part.fields["mentions"].tensor) for part in parts) == 8


@pytest.mark.parametrize(
    "singletons,expected,dropped", [("keep", [[(0, 0), (2, 2)], [(1, 1)]], 0), ("drop", [[(0, 0), (2, 2)]], 2)]
)
def test_clusters_of_one_are_kept_or_dropped(tmp_path: Path, singletons: str, expected: Any, dropped: int) -> None:
    """Those that merging leaves, and those that `max_sentences` leaves in a part."""
    clusters = [*CLUSTERS[:1], [(1, 1)], [(1, 1), (1, 1)]]
    document = Document("d", SENTENCES, clusters=clusters)
    reader, (first, second) = read(tmp_path, document, singletons=singletons, max_sentences=2)
    assert first.fields["metadata"].metadata["clusters"] == expected
    assert len(first.fields["mentions"].tensor) == sum(map(len, expected))
    assert second.fields["metadata"].metadata["clusters"] == ([[(0, 2)]] if singletons == "keep" else [])
    assert reader.counts["clusters of one mention dropped"] == dropped
    with pytest.raises(ConfigurationError, match="singletons: 'count' is neither 'keep' nor 'drop'"):
        CorefReader(singletons="count")  # type: ignore[arg-type]


def test_one_sequence_keeps_sentence_numbers_of_each_part(tmp_path: Path) -> None:
    _, parts = read(tmp_path, Document("d", SENTENCES, clusters=CLUSTERS), one_sequence=True, max_sentences=3)
    assert [part.fields["sentence_ids"].tensor.tolist() for part in parts] == [[0, 0, 1, 2, 2, 2], [0, 0]]
    assert [len(part.fields["text"].field_list) for part in parts] == [1, 1]


@pytest.mark.parametrize("one_sequence", [False, True])
def test_batches_pad_with_minus_one(tmp_path: Path, one_sequence: bool) -> None:
    _, long = read(tmp_path, Document("d", SENTENCES, clusters=CLUSTERS), one_sequence=one_sequence)
    _, short = read(tmp_path, Document("e", [["a"]], clusters=[]), one_sequence=one_sequence)
    batch = Batch([*long, *short])
    batch.index_instances(Vocabulary.from_instances(batch.instances))
    tensors = batch.as_tensor_dict()
    assert tensors["mentions"].shape == (2, 8, 3)
    assert tensors["mentions"][1].eq(-1).all() and tensors["mentions"][0].ge(0).all()
    assert tensors["text"]["tokens"]["tokens"].shape == ((2, 1, 8) if one_sequence else (2, 4, 3))
    if one_sequence:
        assert tensors["sentence_ids"][1].tolist() == [0] + [-1] * 7
