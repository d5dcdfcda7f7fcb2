"""What a command line says of an error, on errors as they really arise."""

import json
import tarfile
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, Union

import pytest
import torch
from allennlp.common import FromParams, Lazy, Params
from allennlp.data.data_loaders.multiprocess_data_loader import WorkerError
from torch.multiprocessing import ProcessRaisedException

from hmtl.common.explain import explain, user_errors
from hmtl.errors import ConfigurationError, DataError, UserError


class Inner(FromParams):
    def __init__(self, size: int) -> None:
        self.size = size


class Base(FromParams):
    def __init__(self, depth: int = 0) -> None:
        self.depth = depth


class Outer(Base):
    def __init__(
        self, inner: Inner = None, width: Union[int, Inner] = 1, lazy: Lazy[Inner] = None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        if lazy is not None:
            lazy.construct()


def error_of(action: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


def build(**params: Any) -> Exception:
    return error_of(lambda: Outer.from_params(Params(params)))


def test_errors_for_users_speak_for_themselves() -> None:
    assert explain(UserError("two\n  lines")) == "two lines"
    assert explain(DataError("no tokens", "a.jsonl", 3)) == "a.jsonl:3: no tokens"
    assert explain(ConfigurationError("no such metric")) == "no such metric"


def test_wrong_values_and_keys_of_a_configuration() -> None:
    assert explain(build(inner={"size": "wide"})) == "inner: Expected size to be a int."
    assert explain(build(inner={})) == 'key "size" is required at location "inner."'
    assert explain(build(inner={"size": 1, "colour": 2})) == "Extra parameters passed to Inner: {'colour': 2}"
    assert explain(build(lazy={"size": "wide"})) == "lazy: Expected size to be a int."
    # Handed on to the constructor of the superclass, which refuses it.
    assert explain(build(colour=2)) == "configuration: Base.__init__() got an unexpected keyword argument 'colour'"


def test_a_value_that_fits_none_of_several_types_tells_why() -> None:
    message = explain(build(width={"size": "wide"}))

    assert message is not None
    assert message.startswith("Failed to construct argument width")
    assert message.endswith("(Expected width to be a int.; Expected size to be a int.)")


def test_operating_system_errors_name_the_file(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert explain(error_of(missing.read_text)) == f"{missing}: No such file or directory"
    assert explain(error_of(tmp_path.read_text)) == f"{tmp_path}: Is a directory"


def test_text_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("Café".encode("latin-1"))

    broken_json = explain(error_of(lambda: json.loads("{")))
    not_utf8 = explain(error_of((tmp_path / "latin").read_text))

    assert broken_json is not None and broken_json.startswith("not valid JSON: ")
    assert not_utf8 is not None and not_utf8.startswith("not valid UTF-8 text: ")


def test_damaged_archives(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    (tmp_path / "config.json").write_text(json.dumps(list(range(5000))))
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "config.json", arcname="config.json")
    content = archive.read_bytes()

    def unpack() -> None:
        with tarfile.open(archive, "r:gz") as file:
            file.extractall(tmp_path / "unpacked")

    for damaged in (b"no archive", content[: len(content) // 2], b""):
        archive.write_bytes(damaged)
        message = explain(error_of(unpack))
        assert message is not None and message.startswith("the archive cannot be unpacked: ")
    assert explain(error_of(lambda: zlib.decompress(b"no"))) is not None


def test_refused_weights(tmp_path: Path) -> None:
    torch.save({"weights": Inner(1)}, tmp_path / "weights.th")

    message = explain(error_of(lambda: torch.load(tmp_path / "weights.th")))

    assert message is not None
    assert message.startswith("the weights file holds more than tensors and plain values and was not loaded (")
    assert "Inner" in message


def test_errors_of_other_processes_are_told_by_their_last_line() -> None:
    def spawned(last: str) -> ProcessRaisedException:
        traceback = f'Traceback (most recent call last):\n  File "x"\n{last}\n'
        return ProcessRaisedException(f"\n\n-- Process 1 terminated with the following error:\n{traceback}", 1, 2)

    def loaded(last: str) -> WorkerError:
        return WorkerError("DataError()", ["Traceback (most recent call last):\n", '  File "x"\n', f"{last}\n"])

    for of_process in (spawned, loaded):
        assert explain(of_process("hmtl.errors.DataError: a.jsonl:3: no tokens")) == "a.jsonl:3: no tokens"
        assert explain(of_process("allennlp.common.checks.ConfigurationError: no such metric")) == "no such metric"
        assert explain(of_process("RuntimeError: a fault of the program")) is None


FAULTS: List[Callable[[], Any]] = [
    lambda: torch.ones(2) @ torch.ones(3),
    lambda: {}["key"],  # type: ignore[var-annotated]
    lambda: int("wide"),
    lambda: len(3),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_program_keep_their_traceback(fault: Callable[[], Any], capsys: pytest.CaptureFixture) -> None:
    error = error_of(fault)
    assert explain(error) is None

    with pytest.raises(type(error)), user_errors():
        fault()

    assert capsys.readouterr().err == ""


def test_a_fault_within_a_constructor_is_no_mistake() -> None:
    class Faulty(FromParams):
        def __init__(self, table: Dict[str, int] = None) -> None:
            int("wide")

    assert explain(error_of(lambda: Faulty.from_params(Params({})))) is None


def test_user_errors_names_the_program(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught, user_errors("evaluate.py"):
        raise UserError("no such run")

    assert caught.value.code == 2
    assert capsys.readouterr().err == "evaluate.py: error: no such run\n"


def test_nothing_that_a_message_quotes_acts_on_the_terminal(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit), user_errors():
        raise UserError("found 'b\x1b]0;title\x07', \x9b \u202e \ud800")

    assert capsys.readouterr().err == "hmtl: error: found 'b\\x1b]0;title\\x07', \\x9b \\u202e \\ud800\n"


def test_a_message_of_any_length_has_a_beginning_and_an_end() -> None:
    message = explain(UserError(f"found '{'9' * 100_000}'; expected a number"))

    assert message is not None and len(message) < 2_100
    assert message.startswith("found '999") and message.endswith("999'; expected a number")
