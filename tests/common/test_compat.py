"""Each repair of `hmtl.common.compat`: AllenNLP without it, in a Python that never imported hmtl, and with it."""

import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Dict, Optional

import numpy
import pytest
import torch
from allennlp.common import Params, Registrable
from allennlp.common import params as allennlp_params
from allennlp.common import util as allennlp_util
from allennlp.data import DatasetReader
from allennlp.models import archival
from allennlp.models.archival import load_archive

from hmtl.common import compat
from hmtl.common.files import load_state
from hmtl.errors import ConfigurationError, UserError

WITHOUT_REPAIRS = """
import json, sys, warnings
from pathlib import Path

warnings.simplefilter("ignore")
import torch
from allennlp.common import Params
from allennlp.models.archival import load_archive

folder = Path(sys.argv[1])
assert "hmtl" not in sys.modules


def outcome(action):
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


actions = {
    "numpy": lambda: torch.load(folder / "numbers.th"),
    "in_place": lambda: Params({"first": 1, "second": object()}).to_file(folder / "config.json"),
    **{name: lambda name=name: load_archive(folder / f"{name}.tar.gz") for name in ("escape", "program", "remote")},
}
outcomes = {name: outcome(action) for name, action in actions.items()}
print(json.dumps(outcomes))
"""


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


@pytest.fixture(scope="module")
def unrepaired(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    """What each action raised in a Python without hmtl, and the folder where it acted."""
    folder = tmp_path_factory.mktemp("unrepaired")
    write_hostile_files(folder)
    (folder / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"}
    program = [sys.executable, "-c", textwrap.dedent(WITHOUT_REPAIRS), str(folder)]
    done = subprocess.run(program, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return {"folder": folder, **json.loads(done.stdout.splitlines()[-1])}


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same files for this process, whose archives are unpacked below `tmp`."""
    write_hostile_files(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


def test_checkpoints_with_numpy_numbers_load(unrepaired: Dict[str, Any], hostile: Path) -> None:
    assert unrepaired["numpy"].startswith("UnpicklingError")

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


def test_files_of_a_run_are_written_whole(unrepaired: Dict[str, Any], tmp_path: Path) -> None:
    assert unrepaired["in_place"].startswith("TypeError")
    assert "first" in (unrepaired["folder"] / "config.json").read_text()
    config, metrics = tmp_path / "config.json", tmp_path / "metrics.json"

    Params({"first": 1}).to_file(str(config))
    allennlp_util.dump_metrics(str(metrics), {"f1": 0.5})
    with pytest.raises(TypeError):
        Params({"first": 2, "second": object()}).to_file(str(config))
    with pytest.raises(TypeError):
        allennlp_util.dump_metrics(str(metrics), {"f1": 0.6, "other": object()})

    assert Params.from_file(config).as_dict() == {"first": 1}
    assert json.loads(metrics.read_text()) == {"f1": 0.5}


def test_archives_cannot_write_outside(unrepaired: Dict[str, Any], hostile: Path) -> None:
    if sys.version_info < (3, 14):
        assert (unrepaired["folder"] / "tmp" / "escaped").read_text() == "written by the archive"

    with pytest.raises(UserError, match="outside the destination"):
        load_archive(hostile / "escape.tar.gz")

    assert not list((hostile / "tmp").iterdir())


def test_archives_cannot_start_programs(unrepaired: Dict[str, Any], hostile: Path) -> None:
    assert (unrepaired["folder"] / "program_ran").exists()

    with pytest.raises(ConfigurationError, match=r"'subprocess\.Popen' is refused as a DatasetReader"):
        load_archive(hostile / "program.tar.gz")

    assert not (hostile / "program_ran").exists()


def test_archives_cannot_bring_their_own_code(
    unrepaired: Dict[str, Any], hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (unrepaired["folder"] / "remote_ran").exists()
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
    (tmp_path / "homemade.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "homemade", raising=False)
    with pytest.raises(ConfigurationError, match="allow_packages"):
        resolve("homemade.Mine")
    assert "homemade" not in sys.modules
    monkeypatch.setattr(compat, "_allowed_packages", set(compat._allowed_packages))
    compat.allow_packages("homemade")
    assert resolve("homemade.Mine").__name__ == "Mine"


def test_registered_names_may_hold_dots() -> None:
    class Base(Registrable):
        pass

    @Base.register("a.dotted.name")
    class Derived(Base):
        pass

    assert Base.by_name("a.dotted.name") is Derived


def test_a_second_application_changes_nothing() -> None:
    def state() -> Any:
        return (
            Registrable.resolve_class_name.__func__,
            archival.extracted_archive,
            allennlp_params._environment_variables,
        )

    before = state()
    compat.apply()
    assert state() == before
