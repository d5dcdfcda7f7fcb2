"""Every shipped configuration trains, is evaluated and predicts, on small files in the layout that it expects."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
from allennlp.common import Params
from gum_with_trees import copy_with_trees

from hmtl.cli import main
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
# These have other tasks, see test_task_relations_configuration.py and test_collobert_weston_configuration.py.
OTHERS = ("task_relations", "collobert_weston")
CONFIGS = sorted(path for path in (ROOT / "configs").glob("*.jsonnet") if path.stem not in OTHERS)
# With the switch that a configuration offers, too.
VARIANTS: List[Tuple[str, Dict[str, Any]]] = [(path.stem, {}) for path in CONFIGS]
VARIANTS.append(("learned_sharing", {"model.shared_encoder.type": "sluice"}))
# Those without the four tasks of the paper.
OTHER_TASKS = {
    "jmt": {"pos", "chunks", "dependencies", "relatedness", "entailment"},
    "parsing": {"pos", "dependencies"},
    "questions": {"questions"},
    "redocred_documents": {"entities", "relation"},
    "sentence_encoder": {"dependencies", "entailment", "relatedness", "s_type", "sentence_order"},
    "sentence_labels": {"ner", "s_type", "genre"},
    "sentence_pairs": {"relatedness", "entailment"},
    "text_labels": {"mentions"},
}
# Of the studies that repeat one setup, some; tests/configs builds all of them.
LEFT_OUT = ("sizes/coref", "sizes/emd", "sizes/ner-25", "sizes/ner-50", "sizes/relation-10", "sizes/relation-50")
LEFT_OUT += tuple(f"spans/{name}" for name in "BCEFGHIJK")
SETUPS = [
    path
    for path in sorted((ROOT / "configs" / "setups").rglob("*.jsonnet"))
    if not f"{path.parent.name}/{path.stem}".startswith(LEFT_OUT)
]
# What the presets change is the same in every setup.
SETUP_CASES = [(path, "") for path in SETUPS]
SETUP_CASES += [(ROOT / "configs" / "setups" / name, "fast") for name in ("free/A.jsonnet", "ldc/A.jsonnet")]
SETUP_CASES += [(ROOT / "configs" / "setups" / name, "faithful") for name in ("free/D.jsonnet", "ldc/A.jsonnet")]
SETUP_NAMES = ["-".join([path.parent.name, path.stem, *filter(None, [preset])]) for path, preset in SETUP_CASES]


@pytest.fixture(scope="module")
def data(fixtures, tmp_path_factory) -> Path:
    """The fixture documents in the layouts of 2018, of GUM and of Re-DocRED."""
    folder = tmp_path_factory.mktemp("data")
    for long, short in (("train", "train"), ("development", "dev"), ("test", "test")):
        ontonotes, ace = f"{short}.v4_gold_conll", f"{short}.like_conll"
        copies = {
            f"ontonotes/{ontonotes}": [
                f"conll-2012/v4/data/{long}/english/{ontonotes}",
                f"conll-2012_single_file/{short}.english.v4_gold_conll",
            ],
            f"ace/{ace}": [f"ace2005/{short}/{ace}", f"ace2005/single_file_{short}_rahman.gold_conll"],
        }
        for source, targets in copies.items():
            for target in targets:
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(fixtures / source, folder / target)
    copy_with_trees(fixtures, folder / "gum")
    # The splits are slices of one file of 500 documents.
    train, dev, test = (json.loads((fixtures / "redocred" / f"{s}.json").read_text()) for s in ("train", "dev", "test"))
    (folder / "redocred").mkdir()
    (folder / "redocred" / "dev_revised.json").write_text(json.dumps(train * 200 + dev * 50 + test * 50))
    shutil.copytree(fixtures / "jsonl", folder / "scierc")
    # WNUT-17 is read as CoNLL-2003 is: the tag stands in the last column.
    for corpus, names in (
        ("conll2003", ("eng.train", "eng.testa", "eng.testb")),
        ("wnut17", ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")),
    ):
        (folder / corpus).mkdir()
        for split, name in zip(("train", "dev", "test"), names):
            shutil.copy(fixtures / "conll2003" / f"{split}.txt", folder / corpus / name)
    return folder


@pytest.fixture
def environment(data, elmo, transformer, tiny_run, tmp_path, monkeypatch) -> None:
    """All that the configurations read, and the directory that the bundled sample is relative to."""
    (tmp_path / "glove.6B.100d.txt").write_text("the " + "0.1 " * 99 + "0.2\n")
    shutil.copy(elmo["options"], tmp_path / "elmo_options.json")
    shutil.copy(elmo["weights"], tmp_path / "elmo_weights.hdf5")
    monkeypatch.setenv("HMTL_DATA", str(data))
    monkeypatch.setenv("HMTL_TRANSFORMER", transformer)
    monkeypatch.setenv("HMTL_GLOVE", str(tmp_path))
    monkeypatch.setenv("HMTL_ELMO", str(tmp_path))
    monkeypatch.setenv("HMTL_ARCHIVE", str(tiny_run))
    monkeypatch.chdir(ROOT)


def small_overrides(tasks: List[str]) -> Dict[str, Any]:
    """One epoch of at least two updates of each task."""
    overrides: Dict[str, Any] = {"trainer.num_epochs": 1, "trainer.sampler": "round_robin"}
    # One that reads several corpora reads them one after the other: all of each, so that there are all.
    limited = [task for task in tasks if task != "mentions"]
    overrides.update({f"dataset_reader.readers.{task}.max_instances": 4 for task in limited})
    # So few sentences do not show every label.
    overrides.update({f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in tasks})
    overrides.update({f"data_loader.batch_size.{task}": 1 for task in tasks})
    return overrides


@pytest.mark.slow
@pytest.mark.parametrize("name,switch", VARIANTS, ids=["-".join([name, *switch.values()]) for name, switch in VARIANTS])
def test_a_configuration_from_training_to_prediction(name, switch, environment, tmp_path):
    path, run = ROOT / "configs" / f"{name}.jsonnet", tmp_path / "run"
    tasks = sorted(Params.from_file(str(path))["model"]["levels"])
    if name in OTHER_TASKS:
        assert set(tasks) == OTHER_TASKS[name]
    else:
        assert {"coref", "emd", "ner", "relation"} <= set(tasks)
    main(["train", str(path), "-s", str(run), "-o", json.dumps({**switch, **small_overrides(tasks)})])

    metrics = json.loads((run / "metrics.json").read_text())
    assert all(metrics[f"training_{task}_updates"] >= 2 for task in tasks)
    evaluation = evaluate_run(load_run(run))
    assert sorted(evaluation.tasks) == tasks
    assert set(evaluation.scores) == {"best", *(f"best_{task}" for task in tasks)}
    sentences = [["Mara", "Lind", "lives", "in", "Oslo", "."], ["She", "slept", "."]]
    from_directory, from_archive = (
        HMTLPredictor.load(path).predict_json({"sentences": sentences}) for path in (run, run / "model.tar.gz")
    )
    assert from_directory == from_archive
    assert set(tasks) <= set(from_directory)


@pytest.fixture(scope="module")
def trained() -> Set[str]:
    """The configurations that were trained so far, evaluated: some files name the same one."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("path,preset", SETUP_CASES, ids=SETUP_NAMES)
def test_a_setup_from_training_to_evaluation(path, preset, data, environment, trained, monkeypatch, tmp_path):
    monkeypatch.setenv("HMTL_PRESET", preset)
    if path.parent.name == "scierc":
        monkeypatch.setenv("HMTL_DATA", str(data / "scierc"))
    config = Params.from_file(str(path)).as_dict(quiet=True)
    if json.dumps(config, sort_keys=True) in trained:
        pytest.skip("another file is the same configuration")
    trained.add(json.dumps(config, sort_keys=True))
    tasks = sorted(config["model"]["levels"])
    run = tmp_path / "run"
    main(["train", str(path), "-s", str(run), "-o", json.dumps(small_overrides(tasks))])

    metrics = json.loads((run / "metrics.json").read_text())
    assert all(metrics[f"training_{task}_updates"] >= 2 for task in tasks)
    evaluation = evaluate_run(load_run(run))
    assert sorted(evaluation.tasks) == tasks
    assert evaluation.gold_mentions == ["coref"] * ("GM" in path.stem.split("-"))
