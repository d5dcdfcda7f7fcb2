import json
import logging
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, NoReturn

import pytest
import torch
from allennlp.data import Instance, Vocabulary
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.data.token_indexers import SingleIdTokenIndexer, TokenCharactersIndexer

from hmtl.cli import main
from hmtl.common.environment import cache_folder
from hmtl.common.weights import load_weights
from hmtl.corpora import Corpus
from hmtl.corpora.corpus import JsonlCorpus
from hmtl.corpora.gum import GumCorpus
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.data.data_loaders.instance_cache import InstanceCache
from hmtl.data.dataset_readers import DocumentReader
from hmtl.document import read_jsonl, write_jsonl
from hmtl.errors import UserError
from hmtl.tasks import CorefReader, RelationReader, TaggingReader

TASKS = ["coref", "emd", "ner", "relation"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HMTL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "instances"


@pytest.fixture()
def path(fixtures: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "documents.jsonl"
    copy.write_bytes((fixtures / "jsonl" / "train.jsonl").read_bytes())
    return copy


def reader(lowercase: bool = False) -> MultiTaskDatasetReader:
    indexers = {
        "tokens": SingleIdTokenIndexer(lowercase_tokens=lowercase),
        "token_characters": TokenCharactersIndexer(min_padding_length=5),
    }
    return MultiTaskDatasetReader(
        {
            "ner": TaggingReader("ner", token_indexers=indexers),
            "emd": TaggingReader("emd", token_indexers=indexers),
            "relation": RelationReader(token_indexers=indexers),
            "coref": CorefReader(token_indexers=indexers),
        }
    )


def loader_of(path: Path, cache: bool = True, lowercase: bool = False, **vocabulary: Any) -> PerTaskDataLoader:
    loader = PerTaskDataLoader(reader(lowercase), str(path), batch_size=4, cache=cache)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances(), **vocabulary))
    return loader


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(self: Corpus, path: Path) -> NoReturn:
        raise AssertionError("the files were read")

    monkeypatch.setattr(JsonlCorpus, "parse", parse)


def assert_alike(one: PerTaskDataLoader, other: PerTaskDataLoader) -> None:
    assert one._vocab is not None and other._vocab is not None
    for namespace in one._vocab.get_namespaces():
        tokens = [vocab.get_index_to_token_vocabulary(namespace) for vocab in (one._vocab, other._vocab)]
        assert tokens[0] == tokens[1]
    for task in TASKS:
        for ours, theirs in zip(one.epoch_of(task, 1), other.epoch_of(task, 1), strict=True):
            assert_equal(ours, theirs)


def assert_equal(ours: Any, theirs: Any) -> None:
    if isinstance(ours, torch.Tensor):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    elif isinstance(ours, dict):
        assert list(ours) == list(theirs)
        for key in ours:
            assert_equal(ours[key], theirs[key])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert_equal(one, other)
    else:
        assert ours == theirs


def test_batches_and_vocabulary_are_those_of_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, first = loader_of(path, cache=False), loader_of(path)
    forbid_reading(monkeypatch)
    second = loader_of(path)
    assert_alike(plain, first)
    assert_alike(plain, second)
    assert plain.num_batches == second.num_batches


def test_without_the_option_nothing_is_kept(path: Path, folder: Path) -> None:
    loader_of(path, cache=False)
    assert not folder.exists()


def test_changed_files_are_read_anew(path: Path, folder: Path) -> None:
    loader_of(path)
    documents = list(read_jsonl(path))
    documents[0].sentences[0][0] = "Zürich"
    write_jsonl(documents, path)
    changed = loader_of(path)
    assert_alike(loader_of(path, cache=False), changed)
    assert changed._vocab is not None
    assert "Zürich" in changed._vocab.get_token_to_index_vocabulary("tokens")
    assert len(list(folder.iterdir())) == 2


def test_bytes_that_move_from_one_file_to_the_next_count(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    first, second, *others = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for num_first in (1, 2):
        lines = [first, second, *others]
        (folder / "a.jsonl").write_text("".join(lines[:num_first]), encoding="utf-8")
        (folder / "b.jsonl").write_text("".join(lines[num_first:]), encoding="utf-8")
        readers = {task: shim.inner for task, shim in reader().readers.items()}
        assert InstanceCache(readers, dict.fromkeys(TASKS, str(folder))).summary() is None
        loader_of(folder)
        assert InstanceCache(readers, dict.fromkeys(TASKS, str(folder))).summary() is not None


def test_other_options_of_readers_have_instances_of_their_own(path: Path) -> None:
    loader_of(path)
    assert_alike(loader_of(path, cache=False, lowercase=True), loader_of(path, lowercase=True))


def test_another_vocabulary_has_instances_of_its_own(path: Path) -> None:
    loader_of(path)
    rare = {"min_count": {"tokens": 3}}
    assert_alike(loader_of(path, cache=False, **rare), loader_of(path, **rare))


def test_instances_can_still_be_iterated(path: Path) -> None:
    first = loader_of(path)
    second = loader_of(path)
    texts = [[words(instance) for instance in loader.iter_instances()] for loader in (first, second)]
    assert texts[0] == texts[1]
    assert len(texts[0]) == sum(map(len, first._lengths.values()))


def words(instance: Instance) -> List[str]:
    text = instance.fields["text"]
    return [str(token) for field in getattr(text, "field_list", [text]) for token in field.tokens]


@pytest.mark.parametrize("content", [b"", b"\x80\x05no pickle"])
def test_a_damaged_file_is_read_anew(
    path: Path, folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    loader_of(path)
    for file in folder.glob("*/*"):
        file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = loader_of(path)
    assert_alike(loader_of(path, cache=False), again)
    assert "read anew" in caplog.text


def test_readers_whose_files_are_unknown_are_not_cached(
    path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner = reader().readers["ner"].inner
    shim = MultiTaskDatasetReader({"ner": inner})
    foreign: Dict[str, Any] = {"ner": Foreign(inner)}
    with caplog.at_level(logging.WARNING):
        cache = InstanceCache(foreign, {"ner": str(path)})
    assert "Foreign" in caplog.text
    loader = PerTaskDataLoader(shim, str(path))
    vocabulary = Vocabulary.from_instances(loader.iter_instances())
    assert cache.summary() is None and cache.indexed(vocabulary) is None
    assert not folder.exists()


class Foreign:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def read(self, path: str) -> Iterator[Instance]:
        return self.inner.read(path)


def test_another_process_finds_them(path: Path, folder: Path) -> None:
    loader_of(path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; import test_instance_cache as tests\n"
        "from hmtl.corpora.corpus import JsonlCorpus\n"
        "del JsonlCorpus.parse\n"
        "tests.loader_of(Path(sys.argv[2]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(path)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_gum_names_the_files_of_its_documents(fixtures: Path) -> None:
    folder = fixtures / "gum"
    files = GumCorpus().files(str(folder / "train.txt"))
    assert {file.parent.name for file in files} >= {"dep", "coref"}
    assert all(file.is_file() for file in files)


@pytest.mark.parametrize("selection", ["", "#0:4"])
def test_a_selection_of_a_file_depends_on_the_file(path: Path, selection: str) -> None:
    assert JsonlCorpus().files(f"{path}{selection}") == [path]
    assert JsonlCorpus().files(f"{path.parent}{selection}") == [path]


def test_the_code_of_readers_plays_a_part(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hmtl.data.data_loaders.instance_cache as module

    loader_of(path)
    source = tmp_path / "changed.py"
    source.write_text("# changed")
    found = module._sources
    monkeypatch.setattr(module, "_sources", lambda readers: [*found(readers), source])
    readers = {task: shim.inner for task, shim in reader().readers.items()}
    assert InstanceCache(readers, dict.fromkeys(TASKS, str(path))).summary() is None


def test_a_run_from_kept_instances_is_the_same_until_they_are_cleared(
    fixtures: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    overrides = json.dumps({"data_loader.cache": True, "validation_data_loader.cache": True, "trainer.num_epochs": 1})
    command = ["train", str(fixtures / "tiny.jsonnet"), "-o", overrides, "-s"]
    main([*command, str(tmp_path / "reads")])
    with monkeypatch.context() as patch:
        forbid_reading(patch)
        main([*command, str(tmp_path / "finds")])
    weights = [load_weights(tmp_path / run / "best.safetensors") for run in ("reads", "finds")]
    assert_equal(*weights)
    main(["cache", "info"])
    assert str(folder) in capsys.readouterr().out
    main(["cache", "clear", "--instances"])
    assert not folder.exists()


def test_another_content_is_read_anew(path: Path, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    loader_of(path)
    for file in folder.glob("*/*"):
        file.write_bytes(pickle.dumps({"counts": [1, 2]}))
    with caplog.at_level(logging.WARNING):
        again = loader_of(path)
    assert_alike(loader_of(path, cache=False), again)
    assert "holds something else (a dict); the files are read anew" in caplog.text


class Planted:
    """A pickle that leaves a trace where it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def plant(folder: Path, trace: Path) -> None:
    for file in folder.glob("*/*"):
        file.write_bytes(pickle.dumps(Planted(trace)))


def planted(path: Path, folder: Path, trace: Path) -> Dict[str, List[Path]]:
    """The folder, its entries and their files, once instances are kept there and code stands in their place."""
    loader_of(path)
    plant(folder, trace)
    return {"folder": [folder], "entry": list(folder.iterdir()), "file": list(folder.glob("*/*"))}


def test_the_folder_is_the_users_alone(path: Path, folder: Path) -> None:
    loader_of(path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.iterdir())] == [0o700, 0o700]


@pytest.mark.parametrize("which", ["folder", "entry", "file"])
def test_nothing_is_opened_that_others_can_write(
    path: Path, folder: Path, tmp_path: Path, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    for place in planted(path, folder, tmp_path / "trace")[which]:
        place.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        again = loader_of(path)
    assert not (tmp_path / "trace").exists()
    assert "others can write to" in caplog.text
    assert_alike(loader_of(path, cache=False), again)
    # What was made anew serves from here on.
    caplog.clear()
    with caplog.at_level(logging.INFO):
        loader_of(path)
    # Nothing is read again, which readers would log, and nothing is complained of.
    assert not any(record.levelno > logging.INFO for record in caplog.records)
    assert DocumentReader.__module__ not in {record.name for record in caplog.records}
    assert not (tmp_path / "trace").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("which", ["folder", "entry", "file"])
def test_nothing_is_opened_that_belongs_to_another_user(
    path: Path, folder: Path, tmp_path: Path, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    for place in planted(path, folder, tmp_path / "trace")[which]:
        os.chown(place, 12345, 12345)
    with caplog.at_level(logging.WARNING):
        again = loader_of(path)
    assert not (tmp_path / "trace").exists()
    assert "belongs to another user" in caplog.text
    assert_alike(loader_of(path, cache=False), again)


def test_without_a_home_the_folder_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HMTL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless() -> NoReturn:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(UserError, match="HOME is not set.*set HMTL_CACHE"):
        cache_folder()
