"""Heads of spans in a hierarchy, from training to archives: nested spans are learned, and relations between them."""

import json
import random
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model

import hmtl  # noqa: F401  (registers everything)
from hmtl.cli import main
from hmtl.document import Document, Relation, Span, read_jsonl, write_jsonl
from hmtl.evaluation.error_analysis import analyse_run
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.models import HMTL
from hmtl.models.finetuning.transfer import transfer
from hmtl.predictors import HMTLPredictor
from hmtl.tasks.relations.span_relation_reader import in_text_order

ROOT = Path(__file__).resolve().parents[2]
PEOPLE, CITIES, HOUSES = ["Ann", "Bo", "Cy", "Dee"], ["Rome", "Oslo", "Lund", "York"], ["Bank", "Port", "Court"]

CONFIGURATION = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';
local tasks = corpora.jsonl('%(folder)s');
local all = levels.spans(symmetric=['PER-SOC'], type_constraints='learned');
local small = { encoder+: { hidden_size: 24 }, head+: { hidden_dim: 40 } };
experiment.new(
  tasks={ [task]: tasks[task] { batch_size: 4 } for task in ['emd', 'relation'] },
  embedding=embedders.combine([embedders.words(dim=24)]),
  levels={ emd: %(emd)s, relation: all.relation + small },
  optimizer={ type: 'adam', lr: 0.01 },
  initializer=embedders.learned_words_initializer,
  num_epochs=%(num_epochs)d,
)
"""
SPANS = "all.emd + small { reads: [] }"
TAGGER = "levels.tagger([]) { encoder+: { num_layers: 1, hidden_size: 24 } }"


def documents(number: int, seed: int) -> List[Document]:
    """`Ann of the Bank of Rome met Bo .`: the city lies in the bank, and the bank in what `Ann` is all of."""
    generator = random.Random(seed)
    found = []
    for key in range(number):
        (one, other), city, house = generator.sample(PEOPLE, 2), generator.choice(CITIES), generator.choice(HOUSES)
        met = [one, "of", "the", house, "of", city, "met", other, "."]
        saw = [other, "saw", "the", city, house, "."]
        spans = [Span(0, 5, "GROUP"), Span(0, 0, "PER"), Span(3, 5, "ORG"), Span(5, 5, "LOC"), Span(7, 7, "PER")]
        spans += [Span(9, 9, "PER"), Span(12, 13, "ORG"), Span(12, 12, "LOC")]
        relations = [
            Relation((0, 0), (3, 5), "ORG-AFF"),
            Relation((3, 5), (5, 5), "PHYS"),
            Relation((12, 13), (12, 12), "PHYS"),
            # Without direction, and written in either.
            generator.choice([Relation((0, 0), (7, 7), "PER-SOC"), Relation((7, 7), (0, 0), "PER-SOC")]),
        ]
        found.append(Document(f"d{seed}_{key}", [met, saw], {"emd": spans}, relations))
    return found


def configuration(folder: Path, emd: str = SPANS, num_epochs: int = 12) -> Dict[str, Any]:
    values = {"folder": folder, "emd": emd, "num_epochs": num_epochs}
    return json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), CONFIGURATION % values))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    for seed, (split, number) in enumerate([("train", 20), ("dev", 4), ("test", 4)]):
        write_jsonl(documents(number, seed), folder / f"{split}.jsonl")
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "config.json").write_text(json.dumps(configuration(data)))
    main(["train", str(folder / "config.json"), "-s", str(folder / "run")])
    return folder / "run"


def build(config: Dict[str, Any]) -> Tuple[HMTL, Any]:
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    loader = DataLoader.from_params(Params(config["data_loader"]), reader=reader, data_path=config["train_data_path"])
    vocab = Vocabulary.from_instances(loader.iter_instances())
    loader.index_with(vocab)
    model = Model.from_params(Params(config["model"]), vocab=vocab)
    assert isinstance(model, HMTL)
    return model, loader


def test_the_readers_are_those_of_the_heads(data: Path) -> None:
    readers = configuration(data)["dataset_reader"]["readers"]
    assert readers["emd"]["type"] == "hmtl_spans" and readers["emd"]["layer"] == "emd"
    assert readers["relation"]["type"] == "hmtl_span_relations" and readers["relation"]["symmetric"] == ["PER-SOC"]
    assert configuration(data, TAGGER)["dataset_reader"]["readers"]["emd"]["type"] == "hmtl_tagging"


def test_nested_spans_and_their_relations_are_learned(run: Path) -> None:
    evaluation = evaluate_run(load_run(run))
    scores = evaluation.scores["best"]
    # Training ends where the few documents of validation are flawless.
    assert scores["emd"].metrics["f1"] > 0.95
    assert scores["relation"].metrics["f1"] > 0.9 and scores["relation"].metrics["f1_typed"] > 0.9
    # A sequence of tags would have no more than 4 of 8 spans.
    assert (evaluation.findable["emd"].findable, evaluation.findable["emd"].gold) == (32, 32)


def test_relations_between_given_entities(run: Path) -> None:
    """Gold that is written in either direction, where there is none, counts as one by label, too."""
    evaluation = evaluate_run(load_run(run), gold_mentions=True)
    assert evaluation.gold_mentions == ["relation"]
    scores = evaluation.scores["best_relation"]["relation"]
    assert scores.metrics["f1"] > 0.9 and scores.by_label is not None
    assert scores.by_label["PER-SOC"]["f1"] > 0.9 and scores.by_label["PER-SOC"]["support"] == 4


def test_entities_that_are_given_to_the_predictor(run: Path, data: Path) -> None:
    predictor = HMTLPredictor.load(run)
    found = gold = right = 0
    for document in read_jsonl(data / "test.jsonl"):
        predicted = predictor.predict_document(document, entities="emd")
        assert sorted(predicted.spans["emd"]) == sorted(document.spans["emd"])
        sides = [{in_text_order(each, {"PER-SOC"}) for each in side.relations or []} for side in (predicted, document)]
        found, gold, right = found + len(sides[0]), gold + len(sides[1]), right + len(sides[0] & sides[1])
    assert 2 * right / (found + gold) > 0.9
    # What is given is what may be related, whatever would be found.
    (document,) = documents(1, 2)
    document.spans["emd"] = [Span(0, 5, "GROUP"), Span(3, 5, "ORG"), Span(5, 5, "LOC")]
    relations = predictor.predict_document(document, entities="emd").relations
    assert relations == [Relation((3, 5), (5, 5), "PHYS")]
    # A label that the model does not know says nothing: no type of relation is ruled out by it.
    head = predictor.model.head("relation")
    head.threshold = 0.001
    known, unknown = ([Span(0, 0, label), Span(5, 5, label)] for label in ("LOC", "never seen"))
    rows = []
    for spans in (known, unknown):
        document.spans["emd"] = spans
        rows.append(predictor.predict_document(document, entities="emd").relations or [])
    assert "ORG-AFF" not in {relation.label for relation in rows[0]} and len(rows[1]) > len(rows[0])


def test_a_model_that_only_relates_what_is_given(data: Path) -> None:
    config = configuration(data)
    config["model"]["levels"] = {"relation": config["model"]["levels"]["relation"]}
    level = config["model"]["levels"]["relation"]
    level.pop("reads", None)
    level.pop("reads_labels", None)
    level["head"]["gold_mentions"] = True
    del config["dataset_reader"]["readers"]["emd"]
    config["train_data_path"] = {"relation": config["train_data_path"]["relation"]}
    model, _ = build(config)
    reader = DatasetReader.from_params(Params(configuration(data)["dataset_reader"]))
    predictor = HMTLPredictor(model, reader)
    model.head("relation").threshold = 0.0001
    sentences = documents(1, 0)[0].sentences
    assert predictor.predict(sentences)["relation"] == []
    # The last one stands in another sentence.
    entities = [(0, 0, "PER"), (3, 5, "ORG"), (7, 7, "PER"), (9, 9, "PER")]
    output = predictor.predict(sentences, entities=entities)
    joined = {(row["arg1"]["start"], row["arg2"]["start"]) for row in output["relation"]}
    # Of all pairs those whose types are related in training; that of people has no direction.
    assert joined == {(0, 3), (7, 3), (0, 7)} and "emd" not in output


def test_errors_and_baselines_stand_beside_the_scores(run: Path) -> None:
    errors = analyse_run(load_run(run))
    for task in ("emd", "relation"):
        (section,) = errors.tasks[task].sections
        correct, metrics = section.totals["correct"], errors.tasks[task].metrics
        assert correct / section.gold == pytest.approx(metrics["recall"])
        assert correct == pytest.approx(metrics["precision"] * section.predicted)
    metrics = json.loads((run / "metrics.json").read_text())
    # The longest of known strings alone, so that nothing that lies in another is found.
    baselines = [metrics[f"baseline_validation_{task}_f1"] for task in ("emd", "relation")]
    assert 0 < baselines[0] < metrics["best_validation_emd_f1"] and 0 < baselines[1] <= 1


def test_run_and_archive_predict_the_same(run: Path) -> None:
    sentences = documents(1, 2)[0].sentences
    outputs = [HMTLPredictor.load(path).predict_json({"sentences": sentences}) for path in (run, run / "model.tar.gz")]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]["emd"]) == 8 and len(outputs[0]["relation"]) == 4


@pytest.mark.parametrize("emd", [SPANS, TAGGER], ids=["spans", "tagger"])
def test_in_training_a_level_gets_what_the_level_below_predicts(emd: str, data: Path) -> None:
    model, loader = build(configuration(data, emd))
    for dropout in (module for module in model.modules() if isinstance(module, torch.nn.Dropout)):
        dropout.p = 0.0
    with torch.no_grad():
        for name, parameter in model.heads["emd"].named_parameters():
            if name in ("_scorer.weight", "_projection.weight"):
                parameter.mul_(10)
            if name == "_scorer.bias":
                parameter.add_(5)
    batch = next(loader.batches_of("relation"))
    fields = {name: value for name, value in batch.items() if name not in ("text", "task_name", "metadata")}
    given: List[Any] = []
    model.heads["relation"].register_forward_hook(
        lambda head, args, kwargs, output: given.append(kwargs["predicted_spans"]), with_kwargs=True
    )
    model.train()(batch["text"], "relation", **fields)["loss"].backward()
    assert model.heads["emd"].training
    assert all(parameter.grad is None for parameter in model.heads["emd"].parameters())
    assert any(parameter.grad is not None for parameter in model.encoders["emd"].parameters())
    model.eval()(batch["text"], "relation", metadata=batch["metadata"], **fields)
    (in_training,), (outside,) = given
    labels = model.head("emd").labels or []
    found = [{Span(s, e, labels[x]) for s, e, x in row if x >= 0} for row in in_training.tolist()]
    # Of a span head no more than the sentence has tokens.
    lengths = [len(row["tokens"]) for row in batch["metadata"]]
    assert all(
        some == set(all_) or (some < set(all_) and len(some) == most)
        for some, all_, most in zip(found, outside, lengths)
    )
    assert sum(map(len, found)) > 4


def test_a_head_without_its_reader_is_an_error_that_says_so(data: Path) -> None:
    config = configuration(data, TAGGER)
    config["dataset_reader"]["readers"]["emd"]["type"] = "hmtl_spans"
    model, loader = build(config)
    with pytest.raises(ConfigurationError, match="task 'emd': its CrfHead finds no targets among .*all_spans"):
        model.train()(**next(loader.batches_of("emd")))


def test_weights_that_stand_for_labels_of_other_levels_are_not_taken(data: Path, tmp_path: Path, run: Path) -> None:
    """The same names of relations, above a level whose labels are others."""
    others = []
    for document in documents(4, 0):
        renamed = [Span(s, e, x.lower()) for s, e, x in document.spans["emd"]]
        others.append(Document(document.doc_key, document.sentences, {"emd": renamed}, document.relations))
    write_jsonl(others, tmp_path / "train.jsonl")
    source, same, other = load_run(run).model, build(configuration(data))[0], build(configuration(tmp_path))[0]
    assert "heads.relation" in transfer(source, same).taken
    assert transfer(source, other).reinitialised["heads.relation"] == "the labels that it reads are others"


def test_a_stopped_run_goes_on_as_if_nothing_had_been(data: Path, tmp_path: Path) -> None:
    """What is drawn at random in training is a function of seed, epoch and step."""

    def train(name: str, *steps: Tuple[int, bool]) -> Dict[str, Any]:
        for num_epochs, recover in steps:
            config = configuration(data, num_epochs=num_epochs)
            config["model"]["levels"]["emd"]["head"]["negative_share"] = 0.3
            (tmp_path / "config.json").write_text(json.dumps(config))
            command = ["train", str(tmp_path / "config.json"), "-s", str(tmp_path / name)]
            main([*command, *(["--recover"] if recover else [])])
        return json.loads((tmp_path / name / "metrics_epoch_1.json").read_text())

    whole, stopped = train("whole", (2, False)), train("stopped", (1, False), (2, True))
    for name in whole:
        if "duration" not in name:
            assert stopped[name] == whole[name], name


TEXT_LABELS = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';
local tasks = corpora.jsonl('%(fixtures)s/jsonl');
experiment.new(
  tasks={ mentions: corpora.text_labels({ emd: tasks.emd }) { batch_size: 4 }, relation: tasks.relation },
  embedding=embedders.combine([embedders.words(dim=8)]),
  levels={
    mentions: { encoder: levels.lstm(1, 8), head: heads.text_label_spans(options={ hidden_dim: 8, threshold: 0.001 }) },
    relation: {
      encoder: levels.lstm(1, 8),
      head: heads.span_relations(threshold=0.0001, options={ hidden_dim: 8 }),
      reads: ['mentions'],
    },
  },
  num_epochs=1,
)
"""


def test_spans_whose_labels_are_texts_are_related(fixtures: Path, tmp_path: Path) -> None:
    """Also those of labels that training never had."""
    snippet = TEXT_LABELS % {"fixtures": fixtures}
    (tmp_path / "config.json").write_text(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), snippet))
    main(["train", str(tmp_path / "config.json"), "-s", str(tmp_path / "run")])
    evaluation = evaluate_run(load_run(tmp_path / "run"))
    assert {"mentions", "relation"} == evaluation.scores["best"].keys()
    predictor = HMTLPredictor.load(tmp_path / "run")
    for labels in (None, ["a dog", "bread"]):
        output = predictor.predict([["Mara", "met", "a", "dog", "."]], labels=labels)
        found = {(span["start"], span["end"]) for span in output["mentions"]}
        joined = {(row[arg]["start"], row[arg]["end"]) for row in output["relation"] for arg in ("arg1", "arg2")}
        assert joined and joined <= found
        assert labels is None or {span["label"] for span in output["mentions"]} <= set(labels)
