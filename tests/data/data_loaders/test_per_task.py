import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.document import Document, Span, write_jsonl
from hmtl.tasks import CorefReader, TaggingReader

NUM_SENTENCES, NUM_DOCUMENTS = 23, 5


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sentences of many lengths, each with a word of its own."""
    generator = random.Random(4)
    documents = []
    numbers = iter(range(NUM_SENTENCES))
    for key in range(NUM_DOCUMENTS):
        sentences = [
            [f"word{number}", *["filler"] * generator.randrange(12)]
            for number in itertools.islice(numbers, 5 if key < 4 else None)
        ]
        documents.append(Document(f"d{key}", sentences, {"ner": [Span(0, 0, "X")]}, clusters=[]))
    path = tmp_path_factory.mktemp("loader") / "documents.jsonl"
    write_jsonl(documents, path)
    return str(path)


def reader() -> MultiTaskDatasetReader:
    return MultiTaskDatasetReader({"ner": TaggingReader("ner"), "coref": CorefReader()})


def loader_of(path: Any, **options: Any) -> PerTaskDataLoader:
    loader = PerTaskDataLoader(reader(), path, **{"batch_size": {"ner": 4, "coref": 2}, **options})
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    return loader


def key_of(batch: Any) -> Tuple[str, ...]:
    """What a batch holds, or all parts of one together."""
    if isinstance(batch, list):
        return tuple(itertools.chain(*map(key_of, batch)))
    if batch["task_name"] == "coref":
        return tuple(row["doc_key"] for row in batch["metadata"])
    return tuple(row["tokens"][0] for row in batch["metadata"])


def keys(batches: Any, number: int = None) -> List[Tuple[str, ...]]:
    return [key_of(batch) for batch in itertools.islice(batches, number)]


def everything(task: str) -> List[str]:
    if task == "coref":
        return sorted(f"d{key}" for key in range(NUM_DOCUMENTS))
    return sorted(f"word{number}" for number in range(NUM_SENTENCES))


def test_number_of_batches(path: str) -> None:
    loader = loader_of(path)
    assert loader.num_batches == {"coref": 3, "ner": 6}
    assert len(loader) == 9 == len(list(loader))
    assert loader.tasks == ["coref", "ner"]


# Of 23 instances: how many in a batch, and how many batches.
@pytest.mark.parametrize(
    "batch_size, min_batches, parts, size, number",
    [
        (32, 1, 1, 23, 1),
        (32, 3, 1, 7, 4),
        # At least 4, but not more than was asked for.
        (32, 20, 1, 4, 6),
        (2, 20, 1, 2, 12),
        (5, 3, 1, 5, 5),
        (32, None, 1, 32, 1),
        # Of two parts each.
        (32, 2, 2, 5, 3),
    ],
)
def test_batches_follow_the_number_of_instances(
    path: str, batch_size: int, min_batches: Any, parts: int, size: int, number: int
) -> None:
    loader = loader_of(path, batch_size={"ner": batch_size, "coref": 2}, min_batches=min_batches)
    loader.shard(num_parts=parts)
    assert (loader.training_batch_size("ner"), loader.num_batches["ner"]) == (size, number)
    batches = keys(loader.epoch_of("ner", 0))
    assert len(batches) == number and sorted(itertools.chain(*batches)) == everything("ner")
    assert loader.training_batch_size("coref") == 2
    # Not where all instances are gone through, as in validation.
    assert len(list(loader.batches_of("ner"))) == -(-NUM_SENTENCES // batch_size)


def test_a_number_of_batches_below_1_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="min_batches must be at least 1, not 0"):
        loader_of(path, min_batches=0)


@pytest.mark.parametrize("task", ["ner", "coref"])
def test_a_pass_holds_every_instance_once(path: str, task: str) -> None:
    loader = loader_of(path)
    for number in range(3):
        passed = keys(loader.epoch_of(task, number))
        assert len(passed) == loader.num_batches[task]
        assert sorted(itertools.chain(*passed)) == everything(task)


@pytest.mark.parametrize("task", ["ner", "coref"])
def test_batches_of_a_task_hold_every_instance_once_in_order_of_length(path: str, task: str) -> None:
    loader = loader_of(path)
    batches = list(loader.batches_of(task))
    assert sorted(itertools.chain(*map(key_of, batches))) == everything(task)
    assert [len(key_of(batch)) for batch in batches[:-1]] == [4 if task == "ner" else 2] * (len(batches) - 1)
    lengths = [len(row["tokens" if task == "ner" else "sentences"]) for b in batches for row in b["metadata"]]
    assert lengths == sorted(lengths)
    assert keys(loader.batches_of(task)) == [key_of(batch) for batch in batches]


def test_iterating_gives_task_after_task(path: str) -> None:
    loader = loader_of(path)
    names = [batch["task_name"] for batch in loader]
    assert names == ["coref"] * 3 + ["ner"] * 6
    assert keys(loader) == keys(loader.batches_of("coref")) + keys(loader.batches_of("ner"))


def test_the_order_depends_on_seed_task_and_pass_alone(path: str) -> None:
    passes = {
        (seed, number): keys(loader_of(path, seed=seed).epoch_of("ner", number)) for seed in (1, 2) for number in (0, 1)
    }
    assert len(set(map(tuple, passes.values()))) == 4
    random.seed(99)
    random.random()
    again = loader_of(path, seed=1)
    keys(again.stream("coref"), 5)
    assert keys(again.epoch_of("ner", 1)) == passes[1, 1]
    assert keys(again.epoch_of("ner", 0)) == passes[1, 0]


def test_tasks_are_shuffled_apart(path: str) -> None:
    """Two tasks with the same instances and seed."""
    both = MultiTaskDatasetReader({"a": TaggingReader("ner"), "b": TaggingReader("ner")})
    loader = PerTaskDataLoader(both, path, batch_size=4)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    assert keys(loader.epoch_of("a", 0)) != keys(loader.epoch_of("b", 0))


@pytest.mark.parametrize("task", ["ner", "coref"])
def test_a_stream_is_pass_after_pass_and_starts_anywhere(path: str, task: str) -> None:
    loader = loader_of(path)
    num_batches = loader.num_batches[task]
    whole = keys(loader.stream(task), 3 * num_batches)
    assert whole == [key for number in range(3) for key in keys(loader.epoch_of(task, number))]
    for consumed in range(2 * num_batches + 1):
        assert keys(loader.stream(task, consumed), num_batches) == whole[consumed : consumed + num_batches]


def test_streams_of_two_tasks_do_not_disturb_one_another(path: str) -> None:
    loader = loader_of(path)
    alone = {task: keys(loader.stream(task), 10) for task in loader.tasks}
    streams = {task: loader.stream(task) for task in loader.tasks}
    mixed: Dict[str, List[Tuple[str, ...]]] = {task: [] for task in loader.tasks}
    for _ in range(10):
        random.random()
        for task, stream in streams.items():
            mixed[task].append(key_of(next(stream)))
    assert mixed == alone


def test_the_global_random_state_is_left_as_it_was(path: str) -> None:
    loader = loader_of(path)
    random.seed(3)
    torch_state = torch.get_rng_state()
    expected = random.Random(3).random()
    keys(loader.stream("ner"), 8)
    keys(loader)
    assert random.random() == expected
    assert torch.equal(torch.get_rng_state(), torch_state)


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[2])))
import hmtl
from test_per_task import keys, loader_of
print(keys(loader_of(sys.argv[1]).stream("ner"), 12))
"""


@pytest.mark.slow
def test_the_order_is_the_same_in_every_process(path: str) -> None:
    # Not that of this process.
    environment = {**os.environ, "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}
    command = [sys.executable, "-c", PROGRAM, path, str(Path(__file__).parent)]
    root = Path(__file__).resolve().parents[3]
    finished = subprocess.run(command, env=environment, cwd=root, capture_output=True, check=True, text=True)
    assert finished.stdout == f"{keys(loader_of(path).stream('ner'), 12)}\n"


def test_batches_hold_sentences_of_similar_length(path: str) -> None:
    def padding(options: Dict[str, Any]) -> int:
        masks = [b["text"]["tokens"]["tokens"] == 0 for (b,) in loader_of(path, **options).epoch_of("ner", 0)]
        return sum(int(mask.sum()) for mask in masks)

    assert padding({"padding_noise": 0.0}) <= padding({"padding_noise": 0.1}) < padding({"padding_noise": 50.0})


def test_a_task_without_padding_noise_has_random_batches_and_elsewhere_its_own_order(path: str) -> None:
    params = {"type": "per_task", "batch_size": {"ner": 4, "coref": 2}, "padding_noise": {"ner": None}}
    loader = DataLoader.from_params(Params(params), reader=reader(), data_path=path)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    words = [f"word{number}" for number in range(NUM_SENTENCES)]
    assert [word for key in keys(loader.batches_of("ner")) for word in key] == words
    first, second = (keys(loader.epoch_of("ner", number)) for number in (0, 1))
    assert first != second and sorted(itertools.chain(*first)) == sorted(itertools.chain(*second)) == sorted(words)
    # All but one are full; with lengths in mind, the longest sentences would be in one batch.
    assert Counter(map(len, first)) == {4: 5, 3: 1}
    # Other tasks keep the usual noise.
    usual = loader_of(path)
    assert keys(loader.stream("coref"), 9) == keys(usual.stream("coref"), 9)
    assert keys(loader.batches_of("coref")) == keys(usual.batches_of("coref"))
    assert keys(loader_of(path, padding_noise=None).epoch_of("ner", 0)) == first
    with pytest.raises(
        ConfigurationError, match=r"padding_noise names \['emd'\]; there are readers for \['coref', 'ner'\]"
    ):
        loader_of(path, padding_noise={"emd": None})


def test_batches_are_tensors_on_the_target_device(path: str) -> None:
    loader = loader_of(path)
    loader.set_target_device(torch.device("meta"))
    (batch,) = next(loader.stream("ner"))
    assert batch["text"]["tokens"]["tokens"].device.type == batch["spans"].device.type == "meta"
    assert batch.keys() == {"text", "spans", "metadata", "task_name"}


@pytest.mark.parametrize("world_size, num_parts", [(2, 1), (1, 3), (2, 2), (30, 1)])
def test_shards_of_a_batch_are_those_of_a_larger_batch(path: str, world_size: int, num_parts: int) -> None:
    size = 4 * world_size * num_parts
    whole = loader_of({"ner": path}, batch_size=size)
    loaders = [loader_of({"ner": path}, batch_size=4) for _ in range(world_size)]
    for rank, loader in enumerate(loaders):
        loader.shard(world_size, rank, num_parts)
        assert loader.num_batches == whole.num_batches
    for passes in zip(whole.epoch_of("ner", 1), *(loader.epoch_of("ner", 1) for loader in loaders)):
        batch, *shards = map(key_of, passes)
        assert sorted(itertools.chain(*shards)) == sorted(batch)
        # Dealt out in turn: nobody has two more than another.
        assert max(map(len, shards)) - min(map(len, shards)) <= num_parts
        assert all(len(parts) <= num_parts and all(map(key_of, parts)) for parts in passes[1:])
    validated = [keys(loader.batches_of("ner")) for loader in loaders]
    assert sorted(itertools.chain(*itertools.chain(*validated))) == everything("ner")
    assert all(len(key) <= 4 for keys_of_worker in validated for key in keys_of_worker)


def test_sharding_again_forgets_the_first_time(path: str) -> None:
    loader = loader_of(path)
    before = keys(loader.epoch_of("ner", 0))
    loader.shard(2, 1, 3)
    loader.shard()
    assert keys(loader.epoch_of("ner", 0)) == before


def test_one_path_and_one_batch_size_serve_every_task(path: str) -> None:
    loader = loader_of({"ner": path, "coref": path}, batch_size=3)
    assert loader.num_batches == {"coref": 2, "ner": 8}
    assert Counter(loader_of(path, batch_size=3).num_batches) == loader.num_batches


def test_some_tasks_may_be_left_out(path: str) -> None:
    loader = loader_of({"ner": path})
    assert loader.tasks == ["ner"] and len(loader) == 6


def test_from_a_configuration(path: str) -> None:
    params = Params({"type": "per_task", "batch_size": {"ner": 5, "coref": 1}, "seed": 7, "padding_noise": 0.0})
    loader = DataLoader.from_params(params, reader=reader(), data_path={"ner": path, "coref": path})
    assert isinstance(loader, PerTaskDataLoader)
    assert loader.num_batches == {"coref": 5, "ner": 5}


def test_a_path_without_a_reader(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no reader for \['pos'\]; there are readers for \['coref', 'ner'\]"):
        loader_of({"ner": path, "pos": path})


def test_a_task_without_batch_size(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"batch_size lacks \['coref'\]"):
        loader_of(path, batch_size={"ner": 4})


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_that_is_none(path: str, size: int) -> None:
    with pytest.raises(ConfigurationError, match=f"batch_size of 'ner' must be at least 1, not {size}"):
        loader_of(path, batch_size={"ner": size, "coref": 1})


def test_a_task_without_data(tmp_path: Path, path: str) -> None:
    bare = tmp_path / "bare.jsonl"
    write_jsonl([Document("d", [["a"]], relations=[], clusters=[])], bare)
    params = {"type": "hmtl_relation", "only_sentences_with_relations": True}
    relations = DatasetReader.from_params(Params(params))
    with pytest.raises(ConfigurationError, match="task 'links' has no data: its reader found no instance in .*bare"):
        PerTaskDataLoader(MultiTaskDatasetReader({"links": relations}), str(bare))


def test_another_kind_of_reader(path: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a dataset_reader of type 'multitask'"):
        PerTaskDataLoader(TaggingReader("ner"), path)  # type: ignore[arg-type]
