import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model

from hmtl.common.weights import load_weights
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "predict.py"
TEXT = "Mara Lind met Tom. He works in Bergen."


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("predict_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def other_run(tmp_path):
    """The directory of a run of another model than hmtl's."""
    config = {
        "dataset_reader": {"type": "hmtl_relation"},
        "model": {
            "type": "basic_classifier",
            "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 2}}},
            "seq2vec_encoder": {"type": "boe", "embedding_dim": 2},
        },
    }
    run = tmp_path / "other"
    run.mkdir()
    (run / "config.json").write_text(json.dumps(config))
    vocab = Vocabulary(tokens_to_add={"tokens": ["a"], "labels": ["yes", "no"]})
    vocab.save_to_files(run / "vocabulary")
    torch.save(Model.from_params(Params(config["model"]), vocab=vocab).state_dict(), run / "best.th")
    return run


def run_command(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=300, **options
    )


def one_line(stderr):
    """The only line on stderr."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    return lines[0]


def test_readable_view(script, tiny_run, capsys):
    script.main([str(tiny_run), TEXT])
    shown = capsys.readouterr().out
    for task in ("ner", "emd", "relation", "coref"):
        assert f"{task}: " in shown
    assert "\x1b" not in shown
    script.main([str(tiny_run / "model.tar.gz"), TEXT])
    assert capsys.readouterr().out == shown


def test_colour_on_a_terminal_unless_refused(script, tiny_run, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    script.main([str(tiny_run), TEXT])
    assert "\x1b[1mner\x1b[0m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    script.main([str(tiny_run), TEXT])
    assert "\x1b" not in capsys.readouterr().out


def test_json_from_standard_input(script, tiny_run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(TEXT))
    script.main([str(tiny_run), "-", "--json"])
    assert json.loads(capsys.readouterr().out) == HMTLPredictor.load(tiny_run).predict(TEXT)


def test_a_file_of_texts(script, tiny_run, capsys, tmp_path):
    texts = [TEXT, "Élan.", "Tom met her."]
    (tmp_path / "texts.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    script.main([str(tiny_run), str(tmp_path / "texts.txt"), "--lines", "--json", "--batch-size", "2"])
    outputs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    predictor = HMTLPredictor.load(tiny_run)
    assert outputs == [predictor.predict(text) for text in texts]
    script.main([str(tiny_run), str(tmp_path / "texts.txt"), "--lines"])
    assert capsys.readouterr().out.count("ner: ") == 3


def test_a_file_is_a_text_or_json_lines(script, tiny_run, capsys, tmp_path):
    predictor = HMTLPredictor.load(tiny_run)
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    script.main([str(tiny_run), str(tmp_path / "a.txt"), "--json"])
    assert json.loads(capsys.readouterr().out) == {**predictor.predict(TEXT), "doc_key": "a"}
    (tmp_path / "b.jsonl").write_text('{"text": "No."}\n{"sentences": [["Oh", "!"]]}\n', encoding="utf-8")
    script.main([str(tiny_run), str(tmp_path / "b.jsonl"), "--json"])
    assert [json.loads(line)["doc_key"] for line in capsys.readouterr().out.splitlines()] == ["b_1", "b_2"]


def test_what_is_asked_and_what_is_known(script, tiny_run, text_label_run, capsys, tmp_path):
    script.main([str(text_label_run), TEXT, "--labels", "person, bread,dog", "--json"])
    asked = HMTLPredictor.load(text_label_run).predict(TEXT, labels=["person", "bread", "dog"])
    assert json.loads(capsys.readouterr().out) == asked

    entities = [
        {"char_start": 0, "char_end": 9, "label": "PERSON"},
        {"char_start": 14, "char_end": 17, "label": "PERSON"},
    ]
    (tmp_path / "known.jsonl").write_text(json.dumps({"text": TEXT, "doc_key": "a", "names": entities}))
    script.main([str(tiny_run), str(tmp_path / "known.jsonl"), "--given-entities", "names", "--consistent", "--json"])
    predictor = HMTLPredictor.load(tiny_run, consistent=True)
    output = json.loads(capsys.readouterr().out)
    assert (
        output == {**predictor.predict(TEXT, entities), "doc_key": "a"} != {**predictor.predict(TEXT), "doc_key": "a"}
    )


def test_sixteen_bits(script, tiny_run, capsys):
    script.main([str(tiny_run), TEXT, "--json", "--precision", "bf16"])
    assert json.loads(capsys.readouterr().out)["text"] == TEXT


def test_other_weights(script, tiny_run, capsys, tmp_path):
    state = load_weights(tiny_run / "best.safetensors")
    torch.save({name: torch.zeros_like(tensor) for name, tensor in state.items()}, tmp_path / "zeros.th")
    script.main([str(tiny_run), TEXT, "--weights-file", str(tmp_path / "zeros.th")])
    # Every probability is 0.5, the threshold: 2 sentences with 5 * 4 pairs each, 5 types.
    assert "relation: 200 relations" in capsys.readouterr().out


def test_an_empty_text(script, tiny_run, capsys):
    script.main([str(tiny_run), " "])
    assert capsys.readouterr().out.split("\n\n")[0].rstrip() == "ner: no spans"
    script.main([str(tiny_run), "", "--json"])
    assert json.loads(capsys.readouterr().out)["token_offsets"] == []


def test_as_a_program(tiny_run, tmp_path):
    done = run_command(SCRIPT, tiny_run, "-", input=TEXT, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "emd: " in done.stdout


def test_another_model(other_run):
    done = run_command(SCRIPT, other_run, TEXT)
    assert done.returncode == 2
    assert one_line(done.stderr) == f"predict.py: error: {other_run}: holds a BasicClassifier, not an hmtl model"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere.tar.gz", TEXT], "nowhere.tar.gz: no such archive"),
        ([str(ROOT / "pyproject.toml"), TEXT], "cannot be unpacked"),
        ([str(ROOT / "tests"), TEXT], "holds neither best.safetensors nor model.tar.gz"),
        (["RUN", "\udcff"], "half of a surrogate pair"),
        (["RUN", "no_such_file.txt", "--lines"], "no_such_file.txt"),
        (["RUN", "no_such_file.txt"], "no_such_file.txt: no such file; expected a text in quotes, a file, or -"),
        (["RUN", TEXT, "--batch-size", "0"], "a batch of 0 texts"),
        (["RUN", TEXT, "--precision", "fp16"], "fp16 is for GPUs"),
        (["RUN", TEXT, "--precision", "int8"], "int8 is for the linear layers of the embedder"),
        (["RUN", TEXT, "--spacy-model", "no_such_pipeline"], "spaCy finds no pipeline 'no_such_pipeline'"),
        (["RUN", TEXT, "--weights-file", "no_such.th"], "no_such.th: No such file"),
    ],
)
def test_mistakes_end_in_one_line(script, tiny_run, capsys, arguments, message):
    arguments = [str(tiny_run) if argument == "RUN" else argument for argument in arguments]
    with pytest.raises(SystemExit) as stopped:
        script.main(arguments)
    assert stopped.value.code == 2
    line = one_line(capsys.readouterr().err)
    assert line.startswith("predict.py: error: ") and message in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a device that is missing")
def test_missing_device(script, tiny_run, capsys):
    with pytest.raises(SystemExit) as stopped:
        script.main([str(tiny_run), TEXT, "--device", "0"])
    assert stopped.value.code == 2
    assert "predict.py: error: " in one_line(capsys.readouterr().err)


def test_hmtl_predict(tiny_run, tmp_path):
    lines = [{"text": TEXT}, {"sentences": [["Silence"]], "doc_key": "quiet"}, {"text": "Élan."}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    options = ["--output-file", tmp_path / "out.jsonl", "--silent", "--batch-size", "2"]
    done = run_command("-m", "hmtl", "predict", tiny_run / "model.tar.gz", tmp_path / "in.jsonl", *options)
    assert done.returncode == 0, done.stderr
    outputs = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [output["doc_key"] for output in outputs] == ["line_1", "quiet", "line_3"]
    predictor = HMTLPredictor.load(tiny_run)
    assert [{**output, "doc_key": "document"} for output in outputs[::2]] == [
        predictor.predict(TEXT),
        predictor.predict("Élan."),
    ]


def test_hmtl_predict_names_the_bad_line(tiny_run, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "Fine."}\n{"sentences": ["not", "tokens"]}\n')
    done = run_command("-m", "hmtl", "predict", tiny_run / "model.tar.gz", tmp_path / "in.jsonl", "--silent",
                       "--output-file", tmp_path / "out.jsonl")  # fmt: skip
    assert done.returncode == 2
    assert "line 2 of the input" in one_line(done.stderr)


def test_hmtl_predict_with_another_model(other_run, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "Fine."}\n')
    done = run_command("-m", "hmtl", "predict", other_run, tmp_path / "in.jsonl", "--predictor", "hmtl")
    assert done.returncode == 2
    assert one_line(done.stderr).startswith("hmtl: error: the predictor 'hmtl' needs an hmtl model")
