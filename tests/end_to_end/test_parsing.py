"""A parser above parts of speech, trained on a treebank of a few sentences, in all that hmtl puts out."""

import json
from pathlib import Path

import pytest

from hmtl.annotation import OutputFormat
from hmtl.cli import main
from hmtl.corpora import Corpus
from hmtl.corpora.dependencies import dependencies_of
from hmtl.corpora.formats import read_any
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.render import render

LAYERS = {"pos": "spans", "dependencies": "dependencies"}
TEXT = "Mara planted roses near the old mill.  A dog slept."


@pytest.fixture(scope="module")
def run(parsing_run) -> Path:
    return parsing_run


@pytest.fixture(scope="module")
def predictor(run):
    return HMTLPredictor.load(run, with_scores=True)


@pytest.fixture(scope="module")
def output(predictor):
    (output,) = predictor.annotate([{"doc_key": "a", "text": TEXT}])
    return output


def is_tree(rows):
    """Whether the rows of a sentence lead from each token to the one root."""
    above = {row["dependent"]["start"]: row["head"] and row["head"]["start"] for row in rows}
    for token in above:
        for _ in above:
            token = above.get(token)
    return token is None and list(above.values()).count(None) == 1


def test_it_learns_and_is_evaluated_beside_its_baseline(run, capsys):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["training_dependencies_loss"] < 0.3
    evaluation = evaluate_run(load_run(run))
    scores = evaluation.scores["best_dependencies"]["dependencies"]
    assert set(scores.metrics) >= {"uas", "las", "uas_without_punctuation", "las_without_punctuation"}
    assert 0.5 < scores.metrics["las"] <= scores.metrics["uas"] <= 1
    assert scores.by_label["det"]["support"] == 3
    baseline = evaluation.baselines["dependencies"]
    assert "gold part of speech" in baseline.description and 0 < baseline.metrics["las"] < 1
    table = evaluation.table()
    assert "dependencies LAS" in table and "dependencies UAS" in table
    assert "dependencies: LAS counts tokens whose head and relation are right" in table
    assert "dependencies without tokens of punctuation, best_dependencies: LAS" in table


def test_the_archive_predicts_what_the_run_does(run, output):
    (again,) = HMTLPredictor.load(run / "model.tar.gz", with_scores=True).annotate([{"doc_key": "a", "text": TEXT}])
    assert again == output
    first, second = output["sentences"]
    assert [row["dependent"]["start"] for row in output["dependencies"]] == list(range(len(first) + len(second)))
    assert is_tree(output["dependencies"][: len(first)]) and is_tree(output["dependencies"][len(first) :])
    # Of a sentence that training has shown it knows the tree.
    arrows = [
        (row["head"] and row["head"]["text"], row["label"], row["dependent"]["text"]) for row in output["dependencies"]
    ]
    assert arrows[:3] == [("planted", "nsubj", "Mara"), (None, "root", "planted"), ("planted", "obj", "roses")]
    # What makes a tree need not be likely.
    assert all(0 <= row["score"] <= 1 for row in output["dependencies"]) and output["dependencies"][0]["score"] > 0.5
    heads = [row["head"]["start"] for row in output["dependencies"][len(first) :] if row["head"]]
    assert min(heads) >= len(first)


def test_the_terminal_shows_trees(output, predictor):
    shown = next(part for part in render(output, LAYERS).split("\n\n") if part.startswith("dependencies"))
    lines = shown.splitlines()
    assert lines[0] == f"dependencies: {len(output['dependencies'])} dependencies"
    assert lines[1:4] == ["  planted  root", "    Mara  nsubj", "    roses  obj"]
    assert len(lines) == 1 + len(output["dependencies"])


def written(name, output, path, layers=LAYERS):
    form = OutputFormat.by_name(name)(layers)
    form.write([output], path)
    return form


def test_conllu_is_read_back(output, predictor, tmp_path):
    form = written("conllu", output, tmp_path / "a.conllu")
    lines = (tmp_path / "a.conllu").read_text().splitlines()
    assert lines[:3] == ["# newdoc id = a", "# sent_id = a-1", "# text = Mara planted roses near the old mill."]
    assert lines[4] == "2\tplanted\t_\tVERB\t_\t_\t0\troot\t_\t_"
    assert lines[9].split("\t")[-1] == "SpaceAfter=No" and form.notes == []
    (document,) = Corpus.by_name("conllu")().documents(str(tmp_path / "a.conllu"))
    predicted = predictor.to_document(output)
    assert document.sentences == predicted.sentences and document.spans["pos"] == predicted.spans["pos"]
    assert dependencies_of(document) == dependencies_of(predicted)


def test_the_format_of_treebanks_needs_a_task_of_dependencies(output, tmp_path):
    from hmtl.errors import UserError

    with pytest.raises(UserError, match="needs a task of dependencies"):
        OutputFormat.by_name("conllu")({"pos": "spans"})


def test_lines_of_json_and_of_dygie_are_read_back(output, predictor, tmp_path):
    predicted = predictor.to_document(output)
    for name in ("jsonl", "dygie"):
        written(name, output, tmp_path / f"{name}.jsonl")
        (document,) = read_any(tmp_path / f"{name}.jsonl")
        assert dependencies_of(document) == dependencies_of(predicted), name
    assert predicted.metadata["heads"][0][0] == 1


def test_brat_has_a_relation_for_each_arc_and_an_entity_for_the_root(output, tmp_path):
    written("brat", output, tmp_path / "brat")
    lines = (tmp_path / "brat" / "a.ann").read_text().splitlines()
    assert sum(line.startswith("R") for line in lines) == len(output["dependencies"]) - 2
    assert sum("\tdependencies-root " in line for line in lines) == 2


def test_commands_from_annotating_to_errors(run, fixtures, tmp_path, capsys):
    (tmp_path / "a.txt").write_text(TEXT)
    main(["annotate", str(run), str(tmp_path / "a.txt"), "--format", "conllu", "--output", str(tmp_path / "a.conllu")])
    assert "\t0\troot\t" in (tmp_path / "a.conllu").read_text()
    main(
        [
            "annotate",
            str(run),
            str(tmp_path / "a.txt"),
            "--html",
            str(tmp_path / "a.html"),
            "--output",
            str(tmp_path / "x"),
        ]
    )
    assert '"drawing":"dependencies"' in (tmp_path / "a.html").read_text()
    capsys.readouterr()
    main(["errors", str(run), "--tasks", "dependencies", "--html", str(tmp_path / "e.html")])
    text = capsys.readouterr().out
    assert "dependencies by the place of the gold head" in text and "LAS" in text
    main(["convert", str(fixtures / "treebank" / "train.conllu"), str(tmp_path / "t.jsonl")])
    main(["convert", str(tmp_path / "t.jsonl"), str(tmp_path / "back.conllu"), "--to", "conllu"])
    rows = [[line.split("\t") for line in path.read_text().splitlines() if line[:1].isdigit()]
            for path in (fixtures / "treebank" / "train.conllu", tmp_path / "back.conllu")]  # fmt: skip
    kept = [
        [(row[0], row[1], row[3], row[6], row[7].split(":")[0]) for row in side if "." not in row[0]] for side in rows
    ]
    assert kept[0] == kept[1] and ("3-4", "doesn't", "_", "_", "_") in kept[1]
    capsys.readouterr()
    main(["inspect", str(fixtures / "treebank" / "train.conllu")])
    shown = capsys.readouterr().out
    assert "arcs that cross others" in shown and "tokens from head to dependent" in shown


def test_spacy_has_heads_and_relations(run):
    spacy = pytest.importorskip("spacy")
    from spacy.training import Example

    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": str(run)})
    doc = nlp("  Mara planted roses near the old mill.  A dog slept.")
    assert doc.has_annotation("DEP") and len(list(doc.sents)) == 2
    first = [token for token in doc if not token.is_space][:3]
    assert [(token.text, token.dep_, token.head.text) for token in first] == [
        ("Mara", "nsubj", "planted"), ("planted", "ROOT", "planted"), ("roses", "obj", "planted"),
    ]  # fmt: skip
    assert [token.dep_ for token in doc if token.is_space] == ["dep", "dep"]
    assert [item.label for item in doc._.dependencies][:2] == ["nsubj", "root"]
    assert (
        spacy.displacy.render(doc, style="dep", page=False, jupyter=False).count('class="displacy-arrow"')
        == sum(not token.is_space for token in doc) - 2
    )
    plain = nlp("Mara planted roses near the old mill.")
    wrong = plain.copy()
    wrong[0].dep_ = "obj"
    scores = nlp.evaluate([Example(plain, wrong)])
    assert (scores["dep_uas"], scores["dep_las"]) == pytest.approx((1.0, 7 / 8))
    # A parse that is there stays.
    kept = nlp.make_doc("Mara planted roses .")
    for token in kept:
        token.head, token.dep_ = kept[0], "x"
    assert {token.dep_ for token in nlp(kept)} == {"x"}
