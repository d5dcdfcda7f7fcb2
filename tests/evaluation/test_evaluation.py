import json
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
import torch

from hmtl.common.weights import save_weights
from hmtl.corpora import Corpus
from hmtl.corpora.corpus import JsonlCorpus
from hmtl.document import Document, Relation, Span, read_jsonl, write_jsonl
from hmtl.errors import UserError
from hmtl.evaluation.evaluate import evaluate_run, given_gold_mentions, gold_documents, load_run
from hmtl.models.hmtl import HMTL
from hmtl.tasks import CorefReader, RelationReader, TaggingReader

TASKS = ["ner", "emd", "coref", "relation"]


@pytest.fixture(scope="session")
def fitted_run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `tiny_run` whose weights are fitted to the test set, so that the scores are not all 0. Read only.

    `best_ner.safetensors` is fitted for fewer steps than `best.safetensors`, which is the same as the other weights.
    """
    directory = tmp_path_factory.mktemp("fitted") / "run"
    shutil.copytree(tiny_run, directory)
    torch.manual_seed(13370)
    run = load_run(directory)
    batches = [batch for batch in run.data_loader("test") if batch["task_name"] != "relation"]
    optimizer = torch.optim.Adam(run.model.parameters(), lr=0.03)
    for step in range(40):
        if step == 20:
            save_weights(directory / "best_ner.safetensors", run.model.state_dict())
        with given_gold_mentions(run.model):
            loss = sum(run.model(**batch)["loss"] for batch in batches)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name in ("best_emd.safetensors", "best_coref.safetensors", "best_relation.safetensors", "best.safetensors"):
        save_weights(directory / name, run.model.state_dict())
    return directory


def copy_with_config(run: Path, target: Path, **changes: Any) -> Path:
    """A copy of the run with other values, or (`None`) without some keys, in its configuration."""
    shutil.copytree(run, target)
    config = json.loads((target / "config.json").read_text())
    config.update(changes)
    config = {key: value for key, value in config.items() if value is not None}
    (target / "config.json").write_text(json.dumps(config))
    return target


def f1_of(predicted: Set[Any], gold: Set[Any]) -> float:
    return 2 * len(predicted & gold) / (len(predicted) + len(gold))


def predicted_in_one_pass(directory: Path, weights: str, document: Document) -> Dict[str, List[Any]]:
    """What the model finds in the document's bare text, as a predictor runs it."""
    model = HMTL.from_archive(directory, weights_file=str(directory / weights))
    reader = load_run(directory).reader.readers["ner"].inner
    instance = reader.text_to_instance(document.sentences)
    reader.apply_token_indexers(instance)
    return model.forward_on_instances([instance])[0]


@pytest.mark.parametrize("weights", ["best_ner", "best"])
def test_tagging_scores_are_those_of_predictions_counted_by_hand(fitted_run, fixtures, weights):
    scores = evaluate_run(load_run(fitted_run), with_baselines=False).scores[weights]
    (document,) = read_jsonl(fixtures / "jsonl" / "test.jsonl")
    predictions = predicted_in_one_pass(fitted_run, f"{weights}.safetensors", document)
    for task in ("ner", "emd"):
        predicted = {(number, *span) for number, spans in enumerate(predictions[task]) for span in spans}
        gold = {(number, *span) for number, spans in enumerate(document.spans_by_sentence(task)) for span in spans}
        assert scores[task].metrics["f1"] == pytest.approx(f1_of(predicted, gold))
    assert scores["emd"].metrics["f1"] > 0


def test_weights_differ_and_stand_in_the_order_of_the_tasks(fitted_run):
    evaluation = evaluate_run(load_run(fitted_run), with_baselines=False)
    assert evaluation.tasks == TASKS
    assert list(evaluation.scores) == [*(f"best_{task}" for task in TASKS), "best"]
    losses = {name: by_task["ner"].metrics["loss"] for name, by_task in evaluation.scores.items()}
    assert losses["best_ner"] > losses["best"] == losses["best_emd"]


def test_scores_by_label_add_up_and_belong_to_the_diagonal(fitted_run, fixtures):
    scores = evaluate_run(load_run(fitted_run), with_baselines=False).scores
    labelled = {(name, task) for name, row in scores.items() for task, cell in row.items() if cell.by_label is not None}
    assert labelled == {("best_ner", "ner"), ("best_emd", "emd"), ("best_relation", "relation")}
    by_label, metrics = scores["best_emd"]["emd"].by_label, scores["best_emd"]["emd"].metrics
    (document,) = read_jsonl(fixtures / "jsonl" / "test.jsonl")
    assert sum(label["support"] for label in by_label.values()) == len(document.spans["emd"])
    found = sum(label["recall"] * label["support"] for label in by_label.values())
    assert found / len(document.spans["emd"]) == pytest.approx(metrics["recall"])


def test_metrics_of_each_kind(fitted_run):
    scores = evaluate_run(load_run(fitted_run), with_baselines=False).scores["best"]
    figures = {f"{name}{figure}" for name in ("precision", "recall", "f1") for figure in ("", "_last_tokens", "_typed")}
    assert figures | {"f1_last_tokens_sentences_with_relations", "loss"} == set(scores["relation"].metrics)
    assert {"muc_f1", "b_cubed_f1", "ceaf_f1", "mention_f1", "f1", "loss"} < set(scores["coref"].metrics)


def test_gold_mentions_change_coreference_alone_and_are_taken_back(fitted_run):
    run = load_run(fitted_run, ["best.safetensors"])
    plain, given = evaluate_run(run), evaluate_run(run, gold_mentions=True)
    assert run.model.heads["coref"].gold_mentions is False
    assert (plain.gold_mentions, given.gold_mentions) == ([], ["coref"])
    # All mentions are proposed, and the model was fitted to their links.
    assert given.scores["best"]["coref"].metrics["f1"] == 1.0 > plain.scores["best"]["coref"].metrics["f1"]
    for task in ("ner", "emd", "relation"):
        assert given.scores["best"][task].metrics == plain.scores["best"][task].metrics
    assert "gold mentions given to coref" in given.table() and "gold mentions given to" not in plain.table()
    assert "given the gold mentions" in given.baselines["coref"].description
    assert "given" not in plain.baselines["coref"].description


def test_gold_mentions_are_taken_back_after_an_error(tiny_run):
    model = load_run(tiny_run, ["best.safetensors"]).model
    with pytest.raises(ZeroDivisionError), given_gold_mentions(model) as tasks:
        assert tasks == ["coref"] and model.heads["coref"].gold_mentions is True
        raise ZeroDivisionError
    assert model.heads["coref"].gold_mentions is False


def test_gold_mentions_of_the_configuration_are_named(tiny_run):
    model = load_run(tiny_run, ["best.safetensors"]).model
    model.heads["coref"].gold_mentions = True
    with given_gold_mentions(model, enabled=False) as tasks:
        assert tasks == ["coref"]
    assert model.heads["coref"].gold_mentions is True


def test_gold_mentions_need_a_head_that_takes_them(tiny_run):
    model = load_run(tiny_run, ["best.safetensors"]).model
    del model.heads["coref"]
    with pytest.raises(UserError, match="no head of this model takes them"), given_gold_mentions(model):
        pass


def test_test_data_are_read_once_and_training_data_never(tiny_run, monkeypatch):
    read, parse = [], JsonlCorpus.parse
    monkeypatch.setattr(JsonlCorpus, "parse", lambda self, path: read.append(path.name) or parse(self, path))
    evaluation = evaluate_run(load_run(tiny_run), with_baselines=False)
    assert len(evaluation.scores) == 5
    assert read == ["test.jsonl"]


def test_the_vocabulary_is_that_of_the_run(tiny_run, fixtures, tmp_path):
    (document,) = read_jsonl(fixtures / "jsonl" / "test.jsonl")
    document.spans["ner"].append(Span(20, 20, "PLANET"))
    write_jsonl([document], tmp_path / "test.jsonl")
    run = load_run(copy_with_config(tiny_run, tmp_path / "run", test_data_path=str(tmp_path / "test.jsonl")))
    with pytest.raises(UserError, match="unknown label 'PLANET' in namespace 'ner_labels'"):
        evaluate_run(run)


def test_the_validation_split_and_a_batch_size(tiny_run):
    run = load_run(tiny_run, ["best.safetensors"])
    evaluation = evaluate_run(run, split="validation", batch_size=1, with_baselines=False)
    assert Path(evaluation.data_path["ner"]).name == "dev.jsonl"
    # The loss of a tagger is summed over the sentences of a batch; `loss` is the mean of the batches.
    whole = evaluate_run(run, split="validation", with_baselines=False).scores["best"]["ner"].metrics["loss"]
    assert run.data_loader("validation", 1).num_batches["ner"] * evaluation.scores["best"]["ner"].metrics[
        "loss"
    ] == pytest.approx(whole, rel=1e-5)


def test_some_tasks_only(tiny_run, fixtures, tmp_path):
    path = str(fixtures / "jsonl" / "test.jsonl")
    evaluation = evaluate_run(load_run(copy_with_config(tiny_run, tmp_path / "run", test_data_path={"emd": path})))
    assert evaluation.tasks == list(evaluation.scores["best"]) == list(evaluation.baselines) == ["emd"]


def test_baselines_worked_by_hand(tiny_run):
    baselines = evaluate_run(load_run(tiny_run, ["best.safetensors"])).baselines
    # Of five names, the training documents know Bergen, Monday and Oslo; of ten mentions her, Bergen and Oslo.
    assert baselines["ner"].metrics == {"precision": 1.0, "recall": 0.6, "f1": pytest.approx(0.75)}
    assert baselines["emd"].metrics == {"precision": 1.0, "recall": 0.3, "f1": pytest.approx(0.6 / 1.3)}
    assert baselines["relation"].description.startswith("given the gold 'emd' mentions")
    # No two mentions are the same string.
    assert baselines["coref"].metrics["f1"] == 0.0 and "gold_mentions_f1" not in baselines["coref"].metrics


def test_the_better_variant_of_a_baseline_is_shown(tiny_run, tmp_path):
    def document(key: str, *sentences: str, spans: List[Tuple[int, int, str]]) -> Document:
        return Document(key, [sentence.split() for sentence in sentences], {"ner": [Span(*span) for span in spans]})

    # "May" is a name once of three times in training: who tags it always is wrong twice in the test set.
    train = document("train", "May sings", "it may", "you May go", "you May not", spans=[(0, 0, "PERSON")])
    test = document("test", "May comes", "May it", "you May", spans=[(0, 0, "PERSON")])
    paths = {}
    for name, each in (("train", train), ("test", test)):
        write_jsonl([each], tmp_path / f"{name}.jsonl")
        paths[f"{name}_data_path"] = {"ner": str(tmp_path / f"{name}.jsonl")}
    directory = copy_with_config(tiny_run, tmp_path / "run", **paths)
    baseline = evaluate_run(load_run(directory, ["best.safetensors"])).baselines["ner"]
    assert baseline.description == "each string labelled in training gets its most frequent label"
    assert baseline.metrics == {"precision": pytest.approx(1 / 3), "recall": 1.0, "f1": pytest.approx(0.5)}

    # "US" is mostly no name in training, and never one in the test set; "Rome" always is.
    train = document("train", "US Rome", "US", "US", spans=[(0, 0, "GPE"), (1, 1, "GPE")])
    test = document("test", "US US Rome", spans=[(2, 2, "GPE")])
    write_jsonl([train], tmp_path / "train.jsonl")
    write_jsonl([test], tmp_path / "test.jsonl")
    baseline = evaluate_run(load_run(directory, ["best.safetensors"])).baselines["ner"]
    assert "at least as often as not" in baseline.description
    assert baseline.metrics == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_no_baseline_of_relations_without_mentions(tiny_run, fixtures, tmp_path):
    documents = list(read_jsonl(fixtures / "jsonl" / "test.jsonl"))
    for each in documents:
        each.spans.clear()
    write_jsonl(documents, tmp_path / "test.jsonl")
    path = {"relation": str(tmp_path / "test.jsonl")}
    evaluation = evaluate_run(
        load_run(copy_with_config(tiny_run, tmp_path / "run", test_data_path=path), ["best.safetensors"])
    )
    assert evaluation.baselines == {}


def corpus_of(tmp_path: Path, *documents: Document) -> str:
    write_jsonl(documents, tmp_path / "documents.jsonl")
    return str(tmp_path / "documents.jsonl")


@pytest.fixture
def document() -> Document:
    return Document(
        "one",
        [["the", "mayor", "of", "Rome", "left"], ["she", "waved"], ["nothing"]],
        {"ner": [Span(0, 3, "PER"), Span(3, 3, "GPE"), Span(5, 5, "PER")]},
        [Relation((0, 1), (3, 3), "WORK")],
        [[(0, 3), (5, 5)], [(5, 5), (1, 1)], [(3, 3), (3, 3)]],
    )


@pytest.mark.parametrize("policy, kept", [("outermost", [(0, 3, "PER")]), ("innermost", [(3, 3, "GPE")])])
def test_gold_spans_are_all_there_are_and_targets_those_that_the_reader_keeps(document, tmp_path, policy, kept):
    reader, path = TaggingReader("ner", nested_spans=policy), corpus_of(tmp_path, document)
    gold = [each.spans["ner"] for each in gold_documents(reader, path)]
    assert gold == [[(0, 3, "PER"), (3, 3, "GPE")], [(0, 0, "PER")], []]
    targets = [each.spans["ner"] for each in gold_documents(reader, path, only_targets=True)]
    assert targets == [kept, [(0, 0, "PER")], []]


def test_gold_relations_have_the_mentions_of_the_kept_sentences(document, tmp_path):
    path = corpus_of(tmp_path, document)
    assert len(list(gold_documents(RelationReader(), path))) == 3
    (only,) = gold_documents(RelationReader(only_sentences_with_relations=True), path)
    assert only.sentences == [document.sentences[0]]
    assert only.spans["ner"] == [Span(0, 3, "PER"), Span(3, 3, "GPE")]
    assert only.relations == [Relation((0, 1), (3, 3), "WORK")]


def test_gold_clusters_are_merged_and_cut_as_by_the_reader(document, tmp_path):
    path = corpus_of(tmp_path, document)
    (whole,) = gold_documents(CorefReader(), path)
    assert [sorted(cluster) for cluster in whole.clusters] == [[(0, 3), (1, 1), (5, 5)], [(3, 3)]]
    first, second = gold_documents(CorefReader(max_sentences=1, max_instances=2), path)
    assert [sorted(cluster) for cluster in first.clusters] == [[(0, 3), (1, 1)], [(3, 3)]]
    assert second.clusters == [[(0, 0)]] and second.sentences == [["she", "waved"]]


def test_gold_documents_come_from_the_corpus_of_the_reader(fixtures):
    reader = TaggingReader("ner", corpus=Corpus.by_name("conll2003")())
    documents = list(gold_documents(reader, str(fixtures / "conll2003" / "test.txt")))
    assert len(documents) == len(list(reader.read(str(fixtures / "conll2003" / "test.txt"))))
    assert any(document.spans["ner"] for document in documents)


def test_json_holds_all_and_is_written_whole(fitted_run, tmp_path):
    evaluation = evaluate_run(load_run(fitted_run))
    evaluation.write(tmp_path / "evaluation.json")
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert record["scores"]["best_emd"]["emd"]["metrics"] == evaluation.scores["best_emd"]["emd"].metrics
    assert record["baselines"]["ner"]["metrics"]["f1"] == pytest.approx(0.75)
    assert record["versions"]["torch"] == torch.__version__ and record["device"] == "cpu"
    assert Path(record["weights"]["best"]) == fitted_run / "best.safetensors"
    assert record["seconds"] >= sum(cell["seconds"] for row in record["scores"].values() for cell in row.values()) > 0


def test_the_table_has_percentages_with_the_diagonal_marked(fitted_run):
    evaluation = evaluate_run(load_run(fitted_run))
    lines = evaluation.table().splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[3:10]}
    columns = ["ner", "emd", "coref", "relation f1", "relation last tokens", "relation typed"]
    assert re.split("  +", lines[2].strip()) == columns
    assert rows["best_emd"][1] == f"{100 * evaluation.scores['best_emd']['emd'].metrics['f1']:.2f}*"
    assert [cell.endswith("*") for cell in rows["best_emd"]] == [False, True, False, False, False, False]
    assert [cell.endswith("*") for cell in rows["best_relation"]] == [False] * 3 + [True] * 3
    assert "*" not in "".join(rows["best"])
    found = evaluation.scores["best"]["relation"].metrics
    assert rows["best"][3:] == [f"{100 * found[name]:.2f}" for name in ("f1", "f1_last_tokens", "f1_typed")]
    assert "* the weights that were best for the task in validation, by f1\n" in evaluation.table()
    evaluation.validation_metric["relation"] = "f1_last_tokens"
    assert "in validation, by f1 (relation by f1_last_tokens)\n" in evaluation.table()
    assert rows["baseline"][:2] == ["75.00", "46.15"]
    assert len({len(line.rstrip("* ")) for line in lines[3:9]}) == 1


def test_named_weights(fitted_run, tmp_path):
    elsewhere = tmp_path / "mine.safetensors"
    shutil.copy(fitted_run / "best.safetensors", elsewhere)
    run = load_run(fitted_run, ["best_emd.safetensors", str(fitted_run / "best_ner.safetensors"), str(elsewhere)])
    assert list(run.weights) == ["best_emd", "best_ner", str(elsewhere)]
    assert not run.model.training


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 cut"])
def test_damaged_weights_are_named(tiny_run, tmp_path, content):
    path = tmp_path / "damaged.th"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.th: damaged, or not the weights of this model"):
        load_run(tiny_run, [str(path)])


def test_weights_of_another_model_are_named(tiny_run, tmp_path):
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.th")
    with pytest.raises(UserError, match=r"other\.th: .*missing: text_field"):
        load_run(tiny_run, [str(tmp_path / "other.th")])
    run = load_run(tiny_run, ["best.safetensors"])
    run.weights["other"] = tmp_path / "other.th"
    with pytest.raises(UserError, match=r"other\.th: damaged"):
        run.load_weights("other")


def test_missing_training_data_point_to_the_switch(tiny_run, tmp_path):
    run = load_run(copy_with_config(tiny_run, tmp_path / "run", train_data_path="gone.jsonl"), ["best.safetensors"])
    with pytest.raises(UserError, match=r"gone\.jsonl: no such file.*--no-baselines"):
        evaluate_run(run)
    assert evaluate_run(run, with_baselines=False).baselines == {}
