"""What the repaired AllenNLP makes of archives and paths of classes that others wrote, and how it writes files."""

import io
import json
import os
import pickle
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Dict, Optional

import numpy
import pytest
import torch
from allennlp.common import Params, Registrable, registrable
from allennlp.common import util as allennlp_util
from allennlp.data import DatasetReader
from allennlp.models.archival import load_archive

from hmtl.common import packages
from hmtl.common.files import load_state
from hmtl.errors import ConfigurationError, UserError


def write_archive(path: Path, config: Dict[str, Any], extra_member: Optional[str] = None) -> None:
    """An archive of AllenNLP's that holds a configuration and nothing to load, and perhaps one file more."""
    members = {"config.json": json.dumps(config)}
    if extra_member:
        members = {extra_member: "written by the archive", **members}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def write_hostile_files(folder: Path) -> None:
    """Archives that write outside, start a program and run a model's own code; a checkpoint with numpy numbers."""
    torch.save({"f1": numpy.float64(0.5), "count": numpy.int64(3)}, folder / "numbers.th")
    write_archive(folder / "escape.tar.gz", {}, extra_member="../escaped")
    program = {"type": "subprocess.Popen", "args": ["touch", str(folder / "program_ran")]}
    write_archive(folder / "program.tar.gz", {"dataset_reader": program, "model": {}})
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "config.json").write_text(json.dumps({"model_type": "bert"}))
    tokenizer_class = {"tokenizer_class": "Hostile", "auto_map": {"AutoTokenizer": ["hostile.Hostile", None]}}
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(tokenizer_class))
    (tokenizer / "hostile.py").write_text(f"open({str(folder / 'remote_ran')!r}, 'w')\nclass Hostile: pass\n")
    indexer = {
        "type": "pretrained_transformer",
        "model_name": str(tokenizer),
        "tokenizer_kwargs": {"trust_remote_code": True},
    }
    reader = {"type": "sequence_tagging", "token_indexers": {"tokens": indexer}}
    write_archive(folder / "remote.tar.gz", {"dataset_reader": reader, "model": {}})


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same files for this process, whose archives are unpacked below `tmp`."""
    write_hostile_files(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


def test_checkpoints_with_numpy_numbers_load(hostile: Path) -> None:
    loaded = load_state(hostile / "numbers.th")

    assert loaded == {"f1": 0.5, "count": 3}
    assert isinstance(loaded["f1"], numpy.float64)


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


def test_states_that_run_code_stay_refused(tmp_path: Path) -> None:
    torch.save({"weight": Hostile(tmp_path / "made")}, tmp_path / "weights.th")

    with pytest.raises(pickle.UnpicklingError):
        load_state(tmp_path / "weights.th")

    assert not (tmp_path / "made").exists()


def test_files_of_a_run_are_written_whole(tmp_path: Path) -> None:
    config, metrics = tmp_path / "config.json", tmp_path / "metrics.json"

    Params({"first": 1}).to_file(str(config))
    allennlp_util.dump_metrics(str(metrics), {"f1": 0.5})
    with pytest.raises(TypeError):
        Params({"first": 2, "second": object()}).to_file(str(config))
    with pytest.raises(TypeError):
        allennlp_util.dump_metrics(str(metrics), {"f1": 0.6, "other": object()})

    assert Params.from_file(config).as_dict() == {"first": 1}
    assert json.loads(metrics.read_text()) == {"f1": 0.5}


def test_archives_cannot_write_outside(hostile: Path) -> None:
    with pytest.raises(UserError, match="outside the destination"):
        load_archive(hostile / "escape.tar.gz")

    assert not list((hostile / "tmp").iterdir())


def test_archives_cannot_start_programs(hostile: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'subprocess\.Popen' is refused as a DatasetReader"):
        load_archive(hostile / "program.tar.gz")

    assert not (hostile / "program_ran").exists()


def test_archives_cannot_bring_their_own_code(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HMTL_TRUST_ARCHIVE", raising=False)

    with pytest.raises(UserError, match="trust_remote_code"):
        load_archive(hostile / "remote.tar.gz")

    assert not (hostile / "remote_ran").exists()


def test_full_paths_resolve_in_known_packages_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str) -> Any:
        return DatasetReader.resolve_class_name(name)[0]

    path = "allennlp.data.dataset_readers.sequence_tagging.SequenceTaggingDatasetReader"
    assert resolve(path) is resolve("sequence_tagging")
    # Within a known package too, only what belongs in the place: this one would delete directories.
    for name in ("allennlp.common.util.import_module_and_submodules", "allennlp.models.Model"):
        with pytest.raises(ConfigurationError, match="it is not a DatasetReader"):
            resolve(name)

    source = "from allennlp.data import DatasetReader\nclass Mine(DatasetReader): pass"
    (tmp_path / "handmade.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "handmade", raising=False)
    with pytest.raises(ConfigurationError, match="allow_packages"):
        resolve("handmade.Mine")
    assert "handmade" not in sys.modules
    monkeypatch.setattr(registrable, "PACKAGES_BY_PATH", set(registrable.PACKAGES_BY_PATH))
    monkeypatch.setattr(packages, "PACKAGES_BY_PATH", registrable.PACKAGES_BY_PATH)
    packages.allow_packages("handmade")
    assert resolve("handmade.Mine").__name__ == "Mine"


def test_registered_names_may_hold_dots() -> None:
    class Base(Registrable):
        pass

    @Base.register("a.dotted.name")
    class Derived(Base):
        pass

    assert Base.by_name("a.dotted.name") is Derived
