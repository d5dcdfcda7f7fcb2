"""Labels and numbers of sentences, documents and pairs of texts: trained, evaluated, read back, predicted, shown."""

import json
import shutil
from pathlib import Path
from statistics import mean
from typing import Any, Dict

import pytest
import torch
from scipy.stats import pearsonr

from hmtl.cli import main
from hmtl.corpora.formats import AnnotatedCorpus
from hmtl.document import Document
from hmtl.evaluation.error_analysis import analyse_run, errors_as_page, errors_as_text
from hmtl.evaluation.evaluate import Run, evaluate_run, load_run
from hmtl.models import HMTL
from hmtl.page import page
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.render import render

ROOT = Path(__file__).resolve().parents[2]
TEXT = [["Mara", "Lind", "lives", "in", "Leeds", "."], ["Was", "she", "asleep", "?"]]
PAIR = {"text": "A man is asleep.", "text_pair": "Somebody sleeps. Nobody sings."}


@pytest.fixture(scope="module")
def labels_run(fixtures, tmp_path_factory) -> Path:
    """Named entities below types of sentences and genres of documents, on the fixture documents of GUM."""
    folder = tmp_path_factory.mktemp("labels")
    shutil.copytree(fixtures / "gum", folder / "gum")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HMTL_DATA", str(folder))
        patch.delenv("HMTL_TRANSFORMER", raising=False)
        small: Dict[str, Any] = {"trainer.num_epochs": 2}
        for task in ("ner", "s_type", "genre"):
            small[f"dataset_reader.readers.{task}.allow_unknown_labels"] = True
        config = str(ROOT / "configs" / "sentence_labels.jsonnet")
        main(["train", config, "-s", str(folder / "run"), "-o", json.dumps(small)])
    return folder / "run"


@pytest.fixture(scope="module")
def loaded_pairs(pairs_run) -> Run:
    return load_run(pairs_run, data=ROOT)


def test_labels_of_sentences_and_documents_above_names(labels_run):
    predictor = HMTLPredictor.load(labels_run, with_scores=True)
    assert predictor.layers == {"ner": "spans", "genre": "labels", "s_type": "labels"}
    output = predictor.predict(TEXT)
    assert [row["sentence"] for row in output["s_type"]] == [0, 1]
    assert [row["text"] for row in output["s_type"]] == ["Mara Lind lives in Leeds .", "Was she asleep ?"]
    [genre] = output["genre"]
    assert genre.keys() == {"label", "score"} and genre["label"] in predictor.labels["genre"]
    # Two labels: that which is likelier.
    assert 0.5 <= genre["score"] <= 1
    assert HMTLPredictor.load(labels_run / "model.tar.gz", with_scores=True).predict(TEXT) == output
    # What a text gets does not depend on those beside it.
    many = predictor.predict_many([{"sentences": sentences} for sentences in (TEXT, TEXT[:1], TEXT * 3)])
    alone = [predictor.predict(sentences) for sentences in (TEXT, TEXT[:1], TEXT * 3)]
    for one, other in zip(many, alone):
        assert [row["label"] for row in one["s_type"]] == [row["label"] for row in other["s_type"]]
        assert one["genre"][0]["score"] == pytest.approx(other["genre"][0]["score"], abs=2e-4)


def test_labels_are_evaluated_beside_the_most_frequent_one(labels_run):
    evaluation = evaluate_run(load_run(labels_run))
    table = evaluation.table()
    assert "s_type accuracy" in table and "genre macro F1" in table and "s_type Matthews" in table
    assert "baseline of s_type: always 'decl', the most frequent label in training" in table
    # Of the test document's three sentences two are statements.
    gold = [row["labels"][0][0] for row in load_run(labels_run).data_loader("test").metadata_of("s_type")]
    assert evaluation.baselines["s_type"].metrics["accuracy"] == gold.count("decl") / len(gold)
    by_label = evaluation.scores["best_s_type"]["s_type"].by_label
    assert sum(scores["support"] for scores in by_label.values()) == len(gold)


def test_labels_are_calibrated(labels_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(labels_run, run)
    main(["evaluate", str(run), "--split", "validation", "--calibrate"])
    calibration = json.loads((run / "calibration.json").read_text())
    assert {"ner", "genre", "s_type"} <= calibration["tasks"].keys()


def test_labels_become_metadata_and_are_read_back(labels_run, tmp_path):
    predictor = HMTLPredictor.load(labels_run)
    gold = {"sentences": {"s_type": ["decl", "frag"], "mood": ["a", "b"]}, "document": {"genre": "bio"}}
    document = Document("a", TEXT, metadata={"title": "A", "labels": gold})
    predicted = predictor.predict_document(document)
    output = predictor.predict(TEXT)
    labels = {
        "sentences": {"s_type": [row["label"] for row in output["s_type"]], "mood": ["a", "b"]},
        "document": {"genre": output["genre"][0]["label"]},
    }
    assert predicted.metadata == {"title": "A", "labels": labels}
    assert Document.from_json(predicted.to_json()) == predicted
    (tmp_path / "a.jsonl").write_text(json.dumps(output))
    [read] = AnnotatedCorpus().documents(str(tmp_path / "a.jsonl"))
    assert read.metadata["labels"]["document"] == labels["document"]
    assert read.metadata["labels"]["sentences"]["s_type"] == labels["sentences"]["s_type"]
    assert read.spans.keys() == {"ner"} and read.sentences == TEXT


def test_pairs_are_evaluated(loaded_pairs):
    evaluation = evaluate_run(loaded_pairs)
    table = evaluation.table()
    assert "relatedness Pearson" in table and "entailment accuracy" in table
    assert "relatedness: mean squared error of best_relatedness" in table
    rows = [line.split("\t") for line in (ROOT / "data" / "pairs" / "train.tsv").read_text().splitlines()[1:]]
    assert f"baseline of relatedness: always {mean(float(row[3]) for row in rows):.2f}, the mean" in table
    assert evaluation.baselines["relatedness"].metrics["pearson"] == 0.0
    assert evaluation.baselines["entailment"].metrics["accuracy"] == 0.4
    assert evaluation.scores["best_relatedness"]["relatedness"].by_label is None


def test_the_scores_of_pairs_are_those_of_what_is_predicted(pairs_run, loaded_pairs):
    scores = evaluate_run(loaded_pairs, with_baselines=False).scores["best"]
    rows = [line.split("\t") for line in (ROOT / "data" / "pairs" / "test.tsv").read_text().splitlines()[1:]]
    outputs = list(HMTLPredictor.load(pairs_run).predict_many({"text": row[1], "text_pair": row[2]} for row in rows))
    numbers = [output["relatedness"][0]["value"] for output in outputs]
    assert scores["relatedness"].metrics["pearson"] == pytest.approx(
        pearsonr(numbers, [float(row[3]) for row in rows]).statistic, abs=1e-3
    )
    right = [output["entailment"][0]["label"] == row[4] for output, row in zip(outputs, rows)]
    assert scores["entailment"].metrics["accuracy"] == pytest.approx(mean(right))


def test_a_pair_is_predicted_as_raw_text_and_as_tokens(pairs_run):
    predictor = HMTLPredictor.load(pairs_run, with_scores=True)
    raw = predictor.predict_json(PAIR)
    assert raw["second_text"] == 1 and len(raw["sentences"]) == 3
    assert raw["text"] == "A man is asleep.\nSomebody sleeps. Nobody sings."
    [entailment], [relatedness] = raw["entailment"], raw["relatedness"]
    assert (entailment["text1"]["text"], entailment["text2"]["text"]) == (PAIR["text"], PAIR["text_pair"])
    assert entailment["label"] in ("ENTAILMENT", "NEUTRAL", "CONTRADICTION") and 1 / 3 < entailment["score"] <= 1
    assert 1 <= relatedness["value"] <= 5 and relatedness.keys() == {"text1", "text2", "value"}
    tokens = predictor.predict_json({"sentences": raw["sentences"], "second_text": 1})
    assert tokens["relatedness"][0]["value"] == relatedness["value"]
    # Batches of pairs and of other texts.
    texts = [PAIR, "A man is asleep.", {"text": "A man.", "text_pair": " "}, {"text": "", "text_pair": "A man."}]
    outputs = list(predictor.predict_many(texts))
    assert outputs[0]["entailment"][0]["label"] == entailment["label"]
    assert [output["entailment"] for output in outputs[1:]] == [[], [], []]
    assert "second_text" not in outputs[2]
    assert HMTLPredictor.load(pairs_run / "model.tar.gz", with_scores=True).predict_json(PAIR) == raw


def test_neither_text_of_a_pair_sees_the_other(pairs_run):
    """By hand: the texts as two rows of sentences, their vectors pooled and combined."""
    predictor = HMTLPredictor.load(pairs_run)
    model = predictor.model
    assert isinstance(model, HMTL)
    first, second = TEXT
    vectors = []
    for sentence in (first, second):
        encodings = model.encode(predictor._index([[sentence]])[0], ["relatedness"])
        vectors.append(encodings.output("relatedness", "sentence")[0].amax(0))
    head = model.head("relatedness")
    with torch.no_grad():
        features = torch.cat([(vectors[0] - vectors[1]).abs(), vectors[0] * vectors[1]])
        shares = head._values(head._hidden(features.unsqueeze(0))).softmax(-1)[0]
    expected = sum((number + 1) * share.item() for number, share in enumerate(shares))
    output = predictor.predict_json({"sentences": TEXT, "second_text": 1})
    assert output["relatedness"][0]["value"] == pytest.approx(expected, abs=1e-4)


def test_a_pair_becomes_a_document(pairs_run):
    predictor = HMTLPredictor.load(pairs_run)
    document = Document("a", [*TEXT, ["Yes", "."]], metadata={"second_text": 2})
    predicted = predictor.predict_document(document)
    assert predicted.metadata["second_text"] == 2
    assert predicted.metadata["labels"]["document"].keys() == {"entailment", "relatedness"}
    assert isinstance(predicted.metadata["labels"]["document"]["relatedness"], float)


def test_two_texts_with_a_tab_between_them_are_a_pair_on_the_command_line(pairs_run, capsys):
    main(["predict", str(pairs_run), "A man is asleep.\tSomebody sleeps.", "--json"])
    [output] = map(json.loads, capsys.readouterr().out.splitlines())
    assert output["relatedness"][0]["text2"]["text"] == "Somebody sleeps."
    main(["predict", str(pairs_run), "A man is asleep.\tSomebody sleeps."])
    shown = capsys.readouterr().out
    assert "entailment: 1 labelled pair" in shown and "A man is asleep.  Somebody sleeps." in shown


def test_labels_are_shown_everywhere(labels_run, pairs_run):
    for run, inputs in ((labels_run, {"sentences": TEXT}), (pairs_run, PAIR)):
        predictor = HMTLPredictor.load(run, with_scores=True)
        output = predictor.predict_json(inputs)
        shown = render(output, predictor.layers)
        found = [row for task in predictor.layers for row in output[task]]
        for row in found:
            assert row.get("label", f"{row.get('value', 0):.2f}") in shown
        assert json.dumps(output["doc_key"]) in page([output], predictor.layers)


def test_errors_of_labels_and_numbers(labels_run, loaded_pairs):
    errors = analyse_run(load_run(labels_run), "validation")
    [section] = errors.tasks["s_type"].sections
    assert sum(section.totals.values()) == section.gold == section.predicted
    of_pairs = analyse_run(loaded_pairs)
    [numbers], [labels] = of_pairs.tasks["relatedness"].sections, of_pairs.tasks["entailment"].sections
    assert numbers.kinds == ["close", "too low", "too high"] and sum(numbers.totals.values()) == numbers.gold == 15
    assert sum(labels.totals.values()) == labels.gold == 15
    assert "too" in errors_as_text(of_pairs) and "relatedness" in "".join(errors_as_page(of_pairs))
    json.dumps(of_pairs.to_json())


def test_spacy_has_the_labels_of_texts_as_categories(labels_run):
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("hmtl", config={"model": str(labels_run)})
    doc = nlp("Mara Lind lives in Leeds. Was she asleep?")
    [(label, probability)] = doc.cats.items()
    assert label in ("news", "bio") and 0.5 <= probability <= 1
    types = doc._.s_type
    assert [item.mentions[0].text for item in types] == ["Mara Lind lives in Leeds.", "Was she asleep?"]
    assert doc._.genre[0].label == label and doc._.genre[0].mentions == []


def test_files_are_annotated_in_every_format(labels_run, pairs_run, tmp_path, capsys):
    lines: Dict[Path, Any] = {labels_run: {"sentences": TEXT}, pairs_run: PAIR}
    for number, (run, record) in enumerate(lines.items()):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(json.dumps(record) + "\n")
        for output_format in ("jsonl", "brat", "dygie", "conll2012", "html"):
            target = tmp_path / f"{number}_{output_format}"
            main(["annotate", str(run), str(path), "--output", str(target), "--format", output_format])
        [line] = (tmp_path / f"{number}_dygie").read_text().splitlines()
        assert Document.from_json(json.loads(line)).label_layers
