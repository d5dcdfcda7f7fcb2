"""The component as users of spaCy know it: `add_pipe`, `pipe`, `to_disk`, displaCy."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from odd_texts import odd_texts
from spacy import displacy
from spacy.tokens import Doc, DocBin
from spacy.util import filter_spans
from talkative_run import write_talkative_run

import hmtl.spacy_component
from hmtl.annotation import annotate
from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor

TEXT = (
    "Mara Lind, a baker from Oslo, met her brother Tom. Yes! He works for Fjord\nBakeries in Bergen.\n\n"
    "The  bakery sold “its” naïve 🙂 bread to Norway's parliament."
)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    return write_talkative_run(tiny_run, tmp_path_factory.mktemp("component") / "run")


@pytest.fixture(scope="module")
def predictor(run):
    return HMTLPredictor.load(run, with_scores=True)


def pipeline(model, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": str(model), **config})
    return nlp


@pytest.fixture(scope="module")
def nlp(run):
    return pipeline(run)


def bounds(row):
    return row["char_start"], row["char_end"]


def check(doc, output):
    """The document says what the predictor says of its text."""

    def place(span):
        return span.start_char, span.end_char

    text = doc.text
    assert [(*place(span), span.label_) for span in doc.ents] == [(*bounds(row), row["label"]) for row in output["ner"]]
    assert [(*place(span), span.label_) for span in doc.spans["mentions"]] == [
        (*bounds(row), row["label"]) for row in output["emd"]
    ]
    assert doc.spans["mentions"].attrs["scores"] == [row["score"] for row in output["emd"]]
    assert [(r.label, place(r.arg1), place(r.arg2), r.score) for r in doc._.relations] == [
        (row["label"], bounds(row["arg1"]), bounds(row["arg2"]), row["score"]) for row in output["relation"]
    ]
    assert [[place(mention) for mention in cluster.mentions] for cluster in doc._.clusters] == [
        [bounds(row) for row in cluster] for cluster in output["coref"]
    ]
    for found, cluster in zip(doc._.clusters, output["coref"]):
        (head,) = [row for row in cluster if row.get("head")]
        assert place(found.head) == bounds(head)
        assert found.scores == [row["score"] for row in cluster]
        assert all(text[slice(*place(mention))] == mention.text for mention in found.mentions)


def test_it_says_what_the_predictor_says(nlp, predictor):
    (output,) = annotate(predictor, [TEXT])
    assert all(output[task] for task in predictor.layers)
    doc = nlp(TEXT)
    check(doc, output)
    assert not doc.has_annotation("SENT_START"), "sentences are left to others"


def test_odd_texts_in_batches(nlp, predictor, shared_data):
    texts = odd_texts(shared_data, 30)
    docs = list(nlp.pipe(texts, batch_size=16))
    assert [doc.text for doc in docs] == texts
    for doc, text in zip(docs, texts):
        (output,) = annotate(predictor, [text])
        same_but_scores(doc, output)


def same_but_scores(doc, output):
    # Of rounded scores the last digit may tip from batch to batch.
    for name, rows in (("ner", doc.ents), ("emd", doc.spans["mentions"])):
        assert [(span.start_char, span.end_char, span.label_) for span in rows] == [
            (*bounds(row), row["label"]) for row in output[name]
        ]
    assert [(r.label, r.arg1.text, r.arg2.text) for r in doc._.relations] == [
        (row["label"], row["arg1"]["text"], row["arg2"]["text"]) for row in output["relation"]
    ]
    assert [[mention.text for mention in cluster.mentions] for cluster in doc._.clusters] == [
        [row["text"] for row in cluster] for cluster in output["coref"]
    ]


def test_texts_without_words(nlp):
    docs = list(nlp.pipe(["", "Tom met Mara.", " \n "]))
    assert [len(doc) for doc in docs] == [0, 4, 1]
    for doc in (docs[0], docs[2], nlp("")):
        assert (doc.ents, doc._.relations, doc._.clusters, len(doc.spans["mentions"])) == ((), [], [], 0)


def test_the_documents_own_tokens_and_sentences(run, predictor):
    words, starts = ["Tom", "Lind", "met", "New York", "Mara", "left"], [True, False, False, False, True, False]
    nlp = pipeline(run)
    nlp.add_pipe("sentencizer", first=True)
    doc = nlp.get_pipe("hmtl")(Doc(nlp.vocab, words=words, sent_starts=starts))
    (output,) = annotate(predictor, [{"sentences": [words[:4], words[4:]]}])
    assert [(span.start, span.end - 1, span.label_) for span in doc.spans["mentions"]] == [
        (row["start"], row["end"], row["label"]) for row in output["emd"]
    ]
    # Without a sentence end anywhere, all of it is one sentence.
    doc = nlp.get_pipe("hmtl")(Doc(nlp.vocab, words=words))
    (output,) = annotate(predictor, [{"sentences": [words]}])
    assert [(r.label, r.arg1.end - 1, r.arg2.end - 1) for r in doc._.relations] == [
        (row["label"], row["arg1"]["end"], row["arg2"]["end"]) for row in output["relation"]
    ]


def test_options(run, predictor):
    nlp = pipeline(run, ents="emd", mentions=None, relations=None)
    doc = nlp(TEXT)
    (output,) = annotate(predictor, [TEXT])
    spans = [doc.char_span(*bounds(row), label=row["label"]) for row in output["emd"]]
    assert list(doc.ents) == filter_spans(spans)
    assert "mentions" not in doc.spans and doc._.relations == [] and len(doc._.clusters) == len(output["coref"])


@pytest.mark.parametrize("save_model", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_saved_and_loaded(run, tmp_path, save_model, packed):
    model = shutil.copytree(run, tmp_path / "model")
    nlp = pipeline(model, save_model=save_model)
    expected = nlp(TEXT).to_json()
    nlp.to_disk(tmp_path / "nlp")
    data = nlp.to_bytes()
    if save_model:
        shutil.rmtree(model)
    if packed:
        loaded = spacy.blank("en").from_config(nlp.config).from_bytes(data)
    else:
        loaded = spacy.load(tmp_path / "nlp")
    assert loaded(TEXT).to_json() == expected
    assert (tmp_path / "nlp" / "hmtl" / "model.tar.gz").exists() == save_model
    # And once more, from what was loaded, also into the same place.
    loaded.to_disk(tmp_path / "nlp")
    loaded.to_disk(tmp_path / "again")
    assert spacy.load(tmp_path / "again")(TEXT).to_json() == expected
    assert spacy.load(tmp_path / "nlp")(TEXT).to_json() == expected


def test_documents_are_saved_with_relations_and_clusters(nlp):
    doc = nlp(TEXT)
    store = DocBin(store_user_data=True, docs=[doc])
    (restored,) = DocBin().from_bytes(store.to_bytes()).get_docs(nlp.vocab)
    assert [(r.label, r.arg1.text, r.arg2.text, r.score) for r in restored._.relations] == [
        (r.label, r.arg1.text, r.arg2.text, r.score) for r in doc._.relations
    ]
    assert [(c.head.text, c.scores) for c in restored._.clusters] == [(c.head.text, c.scores) for c in doc._.clusters]
    assert list(restored.spans["mentions"].attrs["scores"]) == doc.spans["mentions"].attrs["scores"]


def test_merged_tokens_keep_relations_and_clusters(nlp):
    doc = nlp(TEXT)
    before = [[mention.text for mention in cluster.mentions] for cluster in doc._.clusters]
    relations = [relation.arg2.text for relation in doc._.relations]
    start = TEXT.index("“its”")
    assert any(mention.start_char > start for cluster in doc._.clusters for mention in cluster.mentions)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc.char_span(start, start + 5))
    after = [[mention.text for mention in cluster.mentions] for cluster in doc._.clusters]
    assert [[text.replace("“its”", "its").strip("“”") for text in cluster] for cluster in after] == [
        [text.replace("“its”", "its").strip("“”") for text in cluster] for cluster in before
    ]
    assert len(doc._.relations) == len(relations)


def test_displacy_renders_it(nlp):
    doc = nlp(TEXT)
    html = displacy.render(doc, style="ent", page=True, jupyter=False)
    assert html.count("<mark") == len(doc.ents) > 0
    html = displacy.render(doc, style="span", options={"spans_key": "mentions"}, jupyter=False)
    assert all(span.label_ in html for span in doc.spans["mentions"])


def test_no_model():
    with pytest.raises(UserError, match="the component 'hmtl' has no model: nlp.add_pipe"):
        spacy.blank("en").add_pipe("hmtl")
    with pytest.raises(UserError, match="^nowhere: no such archive"):
        pipeline("nowhere")
    with pytest.raises(UserError, match="^nowhere: no such archive"):
        pipeline("nowhere", save_model=True)("Tom")


def test_tasks_that_the_model_lacks(run):
    with pytest.raises(UserError, match="no task 'names' for 'ents'; it has: ner, emd"):
        pipeline(run, ents="names")
    with pytest.raises(UserError, match="no task 'coref' for 'relations'; it has: relation"):
        pipeline(run, relations="coref")


def test_errors_go_to_the_pipelines_handler(run):
    nlp = pipeline(run)
    failed = []
    nlp.set_error_handler(lambda name, component, docs, error: failed.append((name, len(docs), str(error))))
    nlp.get_pipe("hmtl")._predictor._hmtl.tasks = ["gone"]
    assert list(nlp.pipe(["Tom", "Mara", "Oslo"], batch_size=2)) == []
    assert [(name, count) for name, count, _ in failed] == [("hmtl", 2), ("hmtl", 1)]


def test_found_by_its_entry_point_and_imported_only_where_it_is_used(run, tmp_path):
    """As an installed package has it: no import of hmtl, and none of torch until the component is made."""
    package = tmp_path / "hmtl_test-0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hmtl-test\nVersion: 0\n")
    (package / "entry_points.txt").write_text("[spacy_factories]\nhmtl = hmtl_spacy:make_hmtl\n")
    program = (
        "import sys, spacy\n"
        "nlp = spacy.blank('en')\n"
        "assert 'hmtl_spacy' in sys.modules and 'hmtl' not in sys.modules and 'allennlp' not in sys.modules\n"
        f"nlp.add_pipe('hmtl', config={{'model': {str(run)!r}}})\n"
        "print(len(nlp('Tom met Mara in Oslo.').spans['mentions']))\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(pipeline(run)("Tom met Mara in Oslo.").spans["mentions"])


def test_importing_registers_it():
    assert spacy.blank("en").has_factory("hmtl")
    assert hmtl.spacy_component.Doc.has_extension("relations") and Doc.has_extension("clusters")
