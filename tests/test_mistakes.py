"""What people do wrong in their first hours, and the one line that each of them is told."""

import io
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from hmtl.cli import main

ROOT = Path(__file__).resolve().parents[1]
_LIBRARY = ROOT / "configs" / "lib"
_DOCUMENT = {"doc_key": "a", "sentences": [["Ada", "slept", "."]], "ner": [[[0, 0, "PERSON"]]]}


def _document(**changes: Any) -> str:
    return json.dumps({**_DOCUMENT, **changes}) + "\n"


FILES: Dict[str, bytes] = {
    name: text.encode()
    for name, text in {
        "good.jsonl": _document(),
        "empty.jsonl": "",
        "outside.jsonl": _document(ner=[[[0, 3, "PERSON"]]]),
        "exclusive.jsonl": "".join(
            _document(doc_key=f"d{number}", sentences=[["Ada", "King", "met", "Tom", "Ray"]], ner=[[[0, 2, "PERSON"]]])
            + _document(doc_key=f"e{number}", sentences=[["Ada", "King", "met", "Tom"]], ner=[[[0, 2, "PERSON"]]])
            for number in range(8)
        ),
        "label.jsonl": _document(ner=[[[0, 0, "PERSN"]]]),
        "key.jsonl": _document(relation=[[[0, 0, 2, 2, "CAUSES"]]]),
        "comma.jsonl": '{"doc_key": "a",}\n',
        "list.json": "[]",
        "field.jsonnet": f"local levels = import '{_LIBRARY}/levels.libsonnet';\n{{ model: levels.shalow() }}\n",
        "parameter.jsonnet": f"local new = import '{_LIBRARY}/experiment.libsonnet';\nnew.new(\n  num_epoch=3,\n)\n",
        "library.jsonnet": "import 'lib/experimnt.libsonnet'\n",
        "variable.jsonnet": "{ a: std.extVar('HMTL_TEST_UNSET') }\n",
        "syntax.jsonnet": "{\n  a: 1\n  b: 2\n}\n",
        "configs/quickstart.jsonnet": "{}",
        "notes.txt": "Ada slept here. Tom did not.\n",
    }.items()
}
FILES["image.png"] = b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe"

# The command line, where CONFIG, RUN and DATA stand for a configuration that is right, a finished run and its data; and
# what the line says of it, in this order: the file, the key or the option, what is wrong, and what to do.
TRAIN = "train CONFIG -s new"
MISTAKES: Dict[str, List[str]] = {
    # Commands and options.
    "trian CONFIG -s new": ["hmtl: error: there is no command 'trian'; did you mean 'train'?", "'hmtl --help'"],
    "allennlp fnd-lr": ["hmtl allennlp: error: there is no command 'fnd-lr'; did you mean 'find-lr'?"],
    "cache inof": ["hmtl cache: error: there is no action 'inof'; did you mean 'info'?"],
    "prepare gmu": ["hmtl prepare: error: there is no corpus 'gmu'; did you mean 'gum'?"],
    f"{TRAIN} --forse": ["hmtl train: error: unrecognized arguments: --forse; did you mean '--force'?"],
    "train CONFIG": ["hmtl train: error: ", "required: -s/--serialization-dir"],
    "evaluate RUN --split tset": ["--split: invalid choice: 'tset'; did you mean 'test'?"],
    "annotate RUN good.jsonl --format brta": ["--format: invalid choice: 'brta'; did you mean 'brat'?"],
    "annotate RUN good.jsonl --batch-size 0": ["--batch-size: expected a number from 1, got 0"],
    "evaluate RUN --device tpu": ["--device tpu: expected cpu, cuda or cuda:N"],
    "predict RUN Ada. --cuda-device 99": ["--device 99: PyTorch finds", "'cpu' always works"],
    "serve RUN --port 99999": ["--port: expected a port from 0 to 65535, got 99999"],
    "serve RUN --port http": ["--port: expected a port from 0 to 65535, got http"],
    f"{TRAIN} --include-package no_such": ["--include-package no_such: there is no module", "working directory"],
    # Configurations.
    "train configs/quickstrat.jsonnet -s new": [
        "no such configuration file; did you mean 'configs/quickstart.jsonnet'"
    ],
    "train configs/quickstart -s new": [
        "configs/quickstart: no such file or folder of documents; did you mean 'configs/quickstart.jsonnet'?"
    ],
    "train confgs/quickstart.json -s new": ["no such configuration file; did you mean 'configs/quickstart.jsonnet'?"],
    "train nowhere/a.jsonnet -s new": ["nowhere/a.jsonnet: no such configuration file; 'hmtl configs'"],
    "find-lr . -s new": [".: expected a configuration file, found a directory"],
    "find-lr good.jsonl -s new": ["good.jsonl: expected a configuration", "this is a file of documents"],
    "find-lr list.json -s new": ["list.json: expected an object of settings", "found list"],
    "train configs/quickstart.jsonnet -s new": ["configuration: lacks dataset_reader, ", "'hmtl configs' has complete"],
    "train syntax.jsonnet -s new": ["syntax.jsonnet:3:3: expected a comma"],
    "train field.jsonnet -s new": ["field.jsonnet:2: field does not exist: shalow; did you mean 'shallow'?"],
    "train parameter.jsonnet -s new": [
        "parameter.jsonnet:2: function has no parameter num_epoch; did you mean 'num_ep"
    ],
    "train library.jsonnet -s new": [
        "library.jsonnet:1: couldn't open import",
        "did you mean 'experiment'?",
    ],
    "train variable.jsonnet -s new": ["variable.jsonnet:1: the environment variable HMTL_TEST_UNSET is not set"],
    f"{TRAIN} -o '{{trainer.num_epochs: 3}}'": ["-o {trainer.num_epochs: 3}: not valid: ", "trainer.num_epochs=3"],
    f"{TRAIN} -o trainr.num_epochs=3": ["-o trainr.num_epochs: 'trainr' is not there; did you mean 'trainer'?"],
    f"{TRAIN} -o trainer.num_epoch=3": ["-o trainer.num_epoch: ", "has no such key; did you mean 'num_epochs'?"],
    f"{TRAIN} -o trainer.optimizer.lr=fast": ['-o trainer.optimizer.lr: expected a number, found "fast"'],
    f"{TRAIN} -o trainer.num_epochs=many": ['-o trainer.num_epochs: expected a whole number, found "many"'],
    f"{TRAIN} -o trainer.cuda_device=99": ["-o trainer.cuda_device: no GPU 99", "-1 is the CPU"],
    f"{TRAIN} -o model.levels.ner.encoder.type=lstmm": ["-o model.levels.ner.encoder.type: ", "did you mean 'lstm'?"],
    f"{TRAIN} -o model.levels.ner.head.type=hmtl_crff": ["-o model.levels.ner.head.type: ", "did you mean 'hmtl_crf'?"],
    f"{TRAIN} -o dataset_reader.readers.ner.corpus=brta": [
        "-o dataset_reader.readers.ner.corpus",
        "did you mean 'brat'?",
    ],
    f"{TRAIN} -o 'model.levels.emd.reads=[\"nre\"]'": [
        "level 'emd' reads the unknown level 'nre'; did you mean 'ner'?"
    ],
    f"{TRAIN} -o ~dataset_reader.readers.ner -o dataset_reader.readers.nre=hmtl_tagging": [
        "no data for ner; no level for nre; for 'nre', did you mean 'ner'?"
    ],
    f"{TRAIN} -o 'model.levels.ner.head={{type: \"hmtl_coref\"}}'": ["model.levels.ner: its head, ", "must be of one"],
    f"{TRAIN} -o model.levels.ner.head.dropout=1.5": [
        "-o model.levels.ner.head.dropout is 1.5; it must be at least 0 and below 1"
    ],
    f"{TRAIN} -o model.levels.emd.input_dropout=-1": ["-o model.levels.emd.input_dropout is -1; it must be at least 0"],
    f"{TRAIN} -o model.levels.relation.head.threshold=2": ["-o model.levels.relation.head.threshold is 2; it must lie"],
    f"{TRAIN} -o model.levels.relation.head.prior_probability=0.0": ["-o model.levels.relation.head.prior_probability"],
    f"{TRAIN} -o model.levels.coref.head.max_span_width=0": ["-o model.levels.coref.head.max_span_width is 0; it must"],
    f"{TRAIN} -o model.levels.coref.head.num_layers=0": ["-o model.levels.coref.head.num_layers is 0; it must be at"],
    # Documents.
    "train gone": ["gone: no such file or folder of documents"],
    "train . -s new": [".: this looks like a folder of files", "name it by --from"],
    "train list.json -s new": ["list.json: this looks like a JSON list, empty or broken", "name it by --from"],
    "train good.jsonl -s new": ["good: 1 document; expected 3 at least", "cut into documents"],
    "train DATA --tasks nre": ["no documents for the task 'nre'; did you mean 'ner'?"],
    "train DATA --from brta": ["--from brta: ", "did you mean 'brat'?"],
    "init DATA -o trainr.num_epochs=3": ["-o trainr.num_epochs: 'trainr' is not there; did you mean 'trainer'?"],
    "train good -s new": ["good: no such file or folder of documents; did you mean 'good.jsonl'?"],
    "train DATA -s new -o model.levels.ner.head.dropout=1.5": ["-o model.levels.ner.head.dropout is 1.5; it must be"],
    "train DATA --epochs 0": ["hmtl train: error: argument --epochs: expected a number from 1, got 0"],
    "train DATA --frozen": ["--frozen is of an encoder; name it by --encoder"],
    "train DATA -o trainer.num_epoch=3": ["-o trainer.num_epoch: ", "has no such key; did you mean 'num_epochs'?"],
    "train CONFIG -s new --encoder bert": ["--encoder is for documents; ", "is a configuration"],
    "init gone": ["gone: no such file or folder of documents"],
    "convert gone": ["gone: no such file or directory"],
    # Directories of runs.
    "train CONFIG -s RUN": [
        "already exists and is not empty; --recover goes on ",
        "--force replaces",
        "-s names another",
    ],
    "train CONFIG -s RUN --recover -o trainer.optimizer.lr=0.5": [
        "trainer.optimizer.lr was 0.001 and is 0.5",
        "--force",
    ],
    "evaluate": ["expected one run, RUN or -s RUN", "found none"],
    "evaluate gone": ["gone: no such archive; expected a model.tar.gz or the directory of a run", "name of a model"],
    "predict en_hmtl_mnii Ada.": [
        "en_hmtl_mnii: no such archive; expected a model.tar.gz or the directory of a run, or"
    ],
    "package RUN --name En-mini": ["--name En-mini: expected a name that Python can import"],
    "package RUN --version first": ["--version first: expected a release such as 0.1.0"],
    "package RUN/model.tar.gz": ["model.tar.gz: expected the directory of a trained run"],
    "evaluate DATA": ["no config.json, so this is not the serialization directory of a run"],
    "evaluate RUN/model.tar.gz": ["model.tar.gz: expected the serialization directory of a run, found a file"],
    "evaluate RUN --weights best_nre.safetensors": [
        "best_nre.safetensors: no such weights file",
        "best_ner.safetensors",
    ],
    "errors RUN --tasks nre": ["no task 'nre' with test data; it has: ner, emd", "did you mean 'ner'?"],
    "errors RUN --html gone/a.html": ["gone/a.html: there is no directory gone to write it to"],
    "runs gone": ["gone: no such directory; expected what 'hmtl train -s' wrote"],
    "runs DATA": ["no run in this directory; expected what 'hmtl train -s' wrote"],
    "runs RUN --sort relatoin": ["--sort relatoin: did you mean 'relation'?"],
    # Data.
    "inspect gone.jsonl": ["gone.jsonl: no such file or directory"],
    "inspect good.json": ["good.json: no such file or directory; did you mean 'good.jsonl'?"],
    "validate good.json": ["good.json: no such configuration file; did you mean 'good.jsonl'?"],
    "convert good.json": ["good.json: no such file or directory; did you mean 'good.jsonl'?"],
    "inspect notes.txt": ["notes.txt: this looks like ", "which is no format that hmtl knows", "name it by --from"],
    "inspect empty.jsonl": ["empty.jsonl: no documents found; is the file empty or of another format?"],
    "inspect outside.jsonl": ["outside.jsonl:1: document 'a': 'ner' span [0, 3] lies outside the text", "inclusive"],
    "inspect key.jsonl": ["key.jsonl:1: document 'a': 'relation' is no layer", "did you mean 'relations'?"],
    "inspect comma.jsonl": ["comma.jsonl:1: not valid JSON"],
    "inspect image.png": ["image.png: this looks like ", "no format that hmtl knows", "name it by --from"],
    "inspect good.jsonl --corpus jsnl": ["--corpus jsnl: no class is registered as 'jsnl'; did you mean 'jsonl'?"],
    "inspect DATA --document tiny_001": ["--document tiny_001: none of the 4 documents", "did you mean 'tiny_0001'?"],
    "prepare gum --dir gone --output out": ["gone: expected GUM's repository, with a directory 'dep'"],
    f"{TRAIN} -o train_data_path.ner=gone.jsonl": ["gone.jsonl: no such file or directory; check the path"],
    f"{TRAIN} -o train_data_path.ner=empty.jsonl": ["empty.jsonl: no documents found"],
    f"{TRAIN} -o train_data_path.relation=good.jsonl": [
        "good.jsonl: document 'a' has no layer 'relations' (it has: ner)"
    ],
    f"{TRAIN} -o validation_data_path.ner=label.jsonl": [
        "label.jsonl: task 'ner', document 'a': unknown label 'PERSN'",
        "Did you mean 'PERSON'?",
        "vocabulary.tokens_to_add",
    ],
    # Using a model.
    "predict RUN": ["hmtl predict: error: ", "required: TEXT"],
    "predict RUN gone.txt": ["gone.txt: no such file; expected a text in quotes, a file, or - for standard input"],
    "predict 'Ada slept.' RUN": ["Ada slept.: no such archive; expected a model.tar.gz or the directory of a run"],
    "predict good.jsonl 'Ada slept.'": ["good.jsonl: the archive cannot be unpacked"],
    "predict RUN Ada. --labels animal": ["labels: the labels of this model are fixed"],
    "predict RUN Ada. --given-entities ner": ["the key 'ner', which the entities are read from, is missing"],
    "predict RUN - < image.png": ["standard input: not valid UTF-8", "convert it"],
    "annotate RUN note.txt": ["note.txt: no such file; did you mean 'notes.txt'?"],
    "annotate RUN gone.txt": ["gone.txt: no such file; expected text, JSON lines (*.jsonl), or -"],
    "annotate RUN image.png": ["image.png: not valid UTF-8 at byte 0"],
    "annotate RUN good.jsonl --tasks nre": ["the model has no task 'nre'; it has: ner, emd", "did you mean 'ner'?"],
    "annotate RUN good.jsonl --output gone/a.jsonl": ["gone/a.jsonl: cannot be written"],
    "annotate RUN good.jsonl --weights-file best_nre.safetensors": [
        "best_nre.safetensors: No such",
        "best_ner.safetens",
    ],
    "embed RUN good.jsonl --level nre": ["the model has no level 'nre'; it has: embedding, ner", "did you mean 'ner'?"],
    "embed RUN good.jsonl --output a.txt": ["a.txt: the name says no format; expected *.npy, *.npz or *.jsonl"],
    "probe RUN": ["nothing to probe: name the folder", "--data", "--tokens"],
    "advise --study gone": ["expected either --main TASK or --order CONFIG"],
    "search CONFIG gone.json -s s": ["gone.json: expected a file with the space to search, found nothing"],
    "configs .": ["configs exists, and nothing is overwritten; name another folder"],
}
# These have no error, but lines on standard output, and an exit code of their own.
REPORTS = {
    "validate exclusive.jsonl": (0, ["exclusive.jsonl: warning: exclusive ends", "all ends look one too far"]),
    "validate good.jsonl --tasks relation": (1, ["good.jsonl:1: error: missing layer: document 'a' has no layer"]),
    """validate CONFIG -o 'train_data_path.ner="{\\"a\\": \\"gone.jsonl\\", \\"b\\": \\"good.jsonl\\"}"'""": (
        1,
        ["error: train_data_path.ner.a: gone.jsonl: no such file or directory", "1 errors"],
    ),
    "validate CONFIG -o trainer.num_epoch=3 -o model.levels.ner.encoder.type=lstmm -o train_data_path.ner=gone.jsonl": (
        1,
        [
            "error: model.levels.ner.encoder.type: no class is registered as 'lstmm'; did you mean 'lstm'?",
            "error: trainer.num_epoch: MultiTaskTrainer has no such key; did you mean 'num_epochs'?",
            "error: train_data_path.ner: gone.jsonl: no such file or directory",
            "3 errors",
        ],
    ),
}


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with `FILES`."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def places(tiny_run: Path, fixtures: Path) -> Dict[str, Path]:
    return {"CONFIG": fixtures / "tiny.jsonnet", "RUN": tiny_run, "DATA": fixtures / "jsonl"}


def exit_code(line: str, places: Dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Optional[int]:
    words = [re.sub(r"^(CONFIG|RUN|DATA)\b", lambda match: str(places[match[1]]), word) for word in shlex.split(line)]
    if "<" in words:
        words, content = words[: words.index("<")], Path(words[-1]).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return stopped.value.code  # type: ignore[return-value]


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_to_mend(line, places, capsys, monkeypatch):
    before = {path for path in Path().rglob("*") if path.is_file()}
    assert exit_code(line, places, monkeypatch) == 2
    err = capsys.readouterr().err
    told = err.splitlines()[-1]
    assert re.match(r"hmtl[a-z ]*: error: ", told) and err.count("error: ") == 1 and "Traceback" not in err
    start = 0
    for part in MISTAKES[line]:
        assert part in told[start:], told
        start = told.index(part, start) + len(part)
    assert {path for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("line", REPORTS)
def test_a_report_has_all_mistakes(line, places, capsys, monkeypatch):
    code, parts = REPORTS[line]
    assert (exit_code(line, places, monkeypatch) or 0) == code
    out, err = capsys.readouterr()
    assert err == "" and all(part in out for part in parts), out
