"""From annotated documents to a table of scores, with no configuration written by hand."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common import Params

import hmtl
from hmtl.cli import main
from hmtl.document import Document, Span
from hmtl.errors import UserError
from hmtl.experiments.train import is_configuration

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["Mara Lind", "Tom Berg", "Ada Moss", "Nils Dahl"]
FIRMS = ["Nordlys", "Fjordbruk", "Hollin Rail"]
# Small enough for a test: the recipe has all else.
SMALL = json.dumps({"model.text_field_embedder.token_embedders.tokens.embedding_dim": 8, "trainer.patience": 1})


def texts(number: int) -> List[Dict[str, Any]]:
    """Texts of one sentence, in which a person works for a firm, with the places of both in characters."""
    found = []
    for index in range(number):
        name, firm = NAMES[index % len(NAMES)], FIRMS[index % len(FIRMS)]
        text = f"{name} works for {firm} in the harbour."
        start = text.index(firm)
        found.append({"text": text, "person": (0, len(name)), "firm": (start, start + len(firm))})
    return found


@pytest.fixture
def brat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of brat's files, in the working directory, beside an empty configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.jsonnet").write_text("{}")
    folder = tmp_path / "letters"
    folder.mkdir()
    for number, each in enumerate(texts(12)):
        text, (_, end), (start, stop) = each["text"], each["person"], each["firm"]
        (folder / f"letter{number}.txt").write_text(text)
        lines = [f"T1\tPERSON 0 {end}\t{text[:end]}", f"T2\tFIRM {start} {stop}\t{text[start:stop]}"]
        (folder / f"letter{number}.ann").write_text("\n".join([*lines, "R1\tworks_for Arg1:T1 Arg2:T2", ""]))
    return folder


@pytest.fixture
def label_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of Label Studio's."""
    monkeypatch.chdir(tmp_path)

    def region(identity: str, bounds: Any, label: str) -> Dict[str, Any]:
        value = {"start": bounds[0], "end": bounds[1], "labels": [label]}
        return {"id": identity, "from_name": "label", "to_name": "text", "type": "labels", "value": value}

    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["works_for"]}
    tasks = [
        {
            "id": number,
            "data": {"text": each["text"]},
            "annotations": [
                {"result": [region("a", each["person"], "PERSON"), region("b", each["firm"], "FIRM"), relation]}
            ],
        }
        for number, each in enumerate(texts(12))
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    return path


def test_a_folder_of_brat_files_becomes_a_table_of_scores(brat: Path, capsys: pytest.CaptureFixture) -> None:
    main(["train", "letters", "--epochs", "2", "-o", SMALL])

    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "reading letters"
    assert lines[1] == "letters: 10 train, 1 dev, 1 test documents"
    run = Path("runs/letters-1")
    assert "runs/letters-1/config.jsonnet:" in lines
    [titles] = [number for number, line in enumerate(lines) if line.startswith("epoch")]
    assert lines[titles].split() == ["epoch", "ner", "relation", "time", "learning", "rate"]
    assert [line.split()[0] for line in lines[titles + 1 : titles + 3]] == ["0", "1"]
    assert "runs/letters-1: test F1 x 100" in lines
    assert any(line.startswith("best_relation") for line in lines)
    assert lines[-1] == "next: hmtl errors runs/letters-1, hmtl predict runs/letters-1 TEXT"
    # The log, and nothing else, has what AllenNLP tells.
    assert "INFO" not in out + err and "allennlp" not in out + err and "\r" not in out + err
    assert "INFO - allennlp.common" in (run / "out.log").read_text()
    assert json.loads((run / "evaluation.json").read_text())["tasks"] == ["ner", "relation"]
    config = Params.from_file(str(run / "config.jsonnet")).as_dict(quiet=True)
    assert config["model"]["levels"]["relation"]["reads"] == ["ner"]
    train = [json.loads(line) for line in (run / "data" / "train.jsonl").read_text().splitlines()]
    assert len(train) == 10 and all(document["relations"][0] for document in train)

    with pytest.raises(SystemExit):
        main(["train", "letters", "-s", str(run)])
    assert "runs/letters-1: already exists and is not empty; --recover goes on" in capsys.readouterr().err


def test_an_export_of_label_studio_trains_in_python(label_studio: Path) -> None:
    levels = {"ner": {"encoder": {"hidden_size": 8}}}
    overrides = json.loads(SMALL)

    run = hmtl.train(label_studio, epochs=1, levels=levels, serialization_dir="first", overrides=overrides)

    assert run.tasks == ["ner", "relation"]
    assert run.config["model"]["levels"]["ner"]["encoder"]["hidden_size"] == 8
    scores = run.evaluate()
    assert set(scores) == {"ner", "relation"} and 0 <= scores["ner"]["f1"] <= 1
    written = json.loads(Path("first/evaluation.json").read_text())
    assert written["scores"]["best_ner"]["ner"]["metrics"] == scores["ner"]
    assert str(scores).startswith("first: test F1 x 100")
    assert "<td>relation</td>" in scores._repr_html_()
    prediction = run.predict("Mara Lind works for Nordlys.")
    assert prediction["sentences"] == [["Mara", "Lind", "works", "for", "Nordlys", "."]]
    assert str(prediction).startswith("ner: ") and "<iframe srcdoc=" in prediction._repr_html_()
    document = Document("mine", [["Ada", "Moss", "."]], {"ner": [Span(0, 1, "PERSON")]})
    assert [each["doc_key"] for each in run.predict_many([document, "Tom."])] == ["mine", "document"]
    errors = run.errors(tasks=["ner"])
    assert list(errors["tasks"]) == ["ner"] and str(errors).startswith("first: errors on test data")
    with pytest.raises(UserError, match="first: no errors of a task 'nerr'; it has: ner; did you mean 'ner'"):
        errors.confusion("nerr")
    curves = run.curves()
    assert curves["validation_ner_f1"] == [run.summary.tasks["ner"].best_score]
    assert "epoch" in str(curves) and ("<img" in curves._repr_html_() or "<table>" in curves._repr_html_())
    if importlib.util.find_spec("matplotlib") is not None:
        assert [axes.get_title().split(":")[0] for axes in curves.figure().axes[::2]] == ["ner", "relation"]
        assert "test data" in errors.confusion("ner").axes[0].get_title()
        heights = [round(bar.get_height(), 2) for bar in scores.figure().axes[0].patches]
        assert round(100 * scores["ner"]["f1"], 2) == heights[0]

    archive = hmtl.load("first/model.tar.gz")
    assert archive.predict("Mara Lind.").keys() == prediction.keys()
    with pytest.raises(UserError, match="an archive has no data and no scores"):
        archive.evaluate()
    with pytest.raises(UserError, match="nowhere: no such archive"):
        hmtl.load("nowhere")
    with pytest.raises(UserError, match="first/vocabulary: holds neither config.json nor model.tar.gz"):
        hmtl.load("first/vocabulary")
    with pytest.raises(UserError, match="split: expected 'test' or 'validation', found 'tset'"):
        run.evaluate("tset")


@pytest.mark.parametrize(
    "options,message",
    [
        ({"epochs": "three"}, "epochs: expected a number above 0, found 'three'"),
        ({"epochs": 0}, "epochs: expected a number above 0, found 0"),
        ({"lr": -0.1}, "lr: expected a number above 0, found -0.1"),
        ({"tasks": "ner,nre"}, "no documents for the task 'nre'; did you mean 'ner'"),
    ],
)
def test_options_that_cannot_be_meant(brat: Path, options: Dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        hmtl.train(brat, **options)


def test_overrides_stand_in_the_configuration_that_is_written(brat: Path, capsys: pytest.CaptureFixture) -> None:
    overrides = ["-o", SMALL, "-o", "~trainer.grad_norm", "-o", "data_loader.batch_size.ner=64"]
    command = ["train", "letters", "--tasks", "ner", "-s", "mine", "--epochs", "1", *overrides]
    main(command)

    config = json.loads(Path("mine/config.json").read_text())
    assert Params.from_file("mine/config.jsonnet").as_dict(quiet=True) == config
    assert config["trainer"]["patience"] == 1 and "grad_norm" not in config["trainer"]
    assert config["data_loader"]["batch_size"] == {"ner": 64}
    # Overrides leave what the library computes from others, and so does what is written.
    assert config["validation_data_loader"]["batch_size"] == {"ner": 32}
    weights = Path("mine/best_ner.safetensors").read_bytes()

    # Each of these goes on with that run, which has nothing left to do.
    for again in (command, command[:-6], ["train", "mine/config.jsonnet", "-s", "mine"]):
        main([*again, "--recover"])
        assert Path("mine/best_ner.safetensors").read_bytes() == weights
        assert json.loads(Path("mine/config.json").read_text()) == config
    main(["train", "letters", "-s", "mine", "--recover", "--epochs", "2"])
    assert json.loads(Path("mine/config.json").read_text())["trainer"]["num_epochs"] == 2
    assert Path("mine/metrics_epoch_1.json").exists() and not Path("mine/metrics_epoch_2.json").exists()
    capsys.readouterr()


def test_init_writes_what_train_then_trains_by(brat: Path, capsys: pytest.CaptureFixture) -> None:
    main(["init", "letters", "--tasks", "ner", "-s", "mine", "--epochs", "1", "--seed", "7"])

    out = capsys.readouterr().out
    assert "ner: 20 spans, PERSON, FIRM" in out or "ner: 20 spans, FIRM, PERSON" in out
    assert out.endswith("next: hmtl train mine/config.jsonnet -s mine\n")
    text = Path("mine/config.jsonnet").read_text()
    assert text in out and "seed=7" in text
    assert sorted(path.name for path in Path("mine").iterdir()) == ["config.jsonnet", "data"]
    # It is the user's now.
    with pytest.raises(SystemExit):
        main(["train", "letters", "-s", "mine"])
    assert "mine/config.jsonnet: is there already" in capsys.readouterr().err
    assert Path("mine/config.jsonnet").read_text() == text

    main(["train", "mine/config.jsonnet", "-s", "mine", "-o", SMALL, "--dry-run"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training mine/config.jsonnet; the log is mine/out.log"
    assert Path("mine/vocabulary").is_dir() and Path("mine/config.jsonnet").read_text() == text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", "nowhere"], "nowhere: no such file or folder of documents"),
        (["train", "letters", "--tasks", "nre"], "letters: no documents for the task 'nre'; did you mean 'ner'?"),
        (["train", "letters", "--frozen"], "--frozen is of an encoder; name it by --encoder"),
        (["train", "letters", "-o", "trainer.num_epoch=1"], "trainer.num_epoch: MultiTaskTrainer has no such key"),
        (["train", "letters", "-o", "trainr.x=1"], "-o trainr.x: 'trainr' is not there; did you mean 'trainer'?"),
        (["train", "letters", "--recover"], "runs/letters-*: there is no run to go on with"),
        (
            ["train", str(ROOT / "configs" / "quickstart.jsonnet"), "-s", "x", "--encoder", "y"],
            f"--encoder is for documents; {ROOT / 'configs' / 'quickstart.jsonnet'} is a configuration",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_leaves_nothing(
    brat: Path, capsys: pytest.CaptureFixture, arguments: List[str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("hmtl: error: ") and message in last
    # The mended command has the first name for itself.
    assert not list(Path("runs").glob("*"))


def test_what_is_a_configuration_and_what_are_documents(tmp_path: Path, label_studio: Path) -> None:
    for name, content, expected in [
        ("mine.jsonnet", "", True),
        ("config.json", '{"model": {}, "documents": 3}', True),
        ("broken.json", "{", True),
        ("bioc.json", '{"documents": []}', False),
        ("rows.json", '[{"tokens": []}]', False),
        ("rows.jsonl", "{}", False),
        ("lines.json", '{"sentences": []}\n{"sentences": []}\n', False),
        ("letter.json", '{"text": ""}', False),
        ("lacking.json", '{"numpy_seed": 3}', True),
    ]:
        (tmp_path / name).write_text(content)
        assert is_configuration(tmp_path / name) is expected, name
    assert not is_configuration(label_studio) and not is_configuration(tmp_path)
    assert is_configuration("nowhere.json")


def test_the_first_line_comes_before_torch(brat: Path) -> None:
    code = """
        import sys
        class Seen(Exception):
            pass
        def write(text, before=sys.stdout.write):
            assert "torch" not in sys.modules
            raise Seen(text)
        from hmtl.cli import main
        sys.stdout.write = write
        for arguments in (["train", "letters"], ["train", "c.jsonnet", "-s", "x"]):
            try:
                main(arguments)
            except Seen as seen:
                print(seen, file=sys.stderr)
        """
    lines = [line.removeprefix("        ") for line in code.splitlines()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["reading letters", "training c.jsonnet; the log is x/out.log"]
