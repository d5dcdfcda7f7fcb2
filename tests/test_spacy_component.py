"""The component as users of spaCy know it: `add_pipe`, `pipe`, `to_disk`, displaCy."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from odd_texts import odd_texts
from spacy import displacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import filter_spans
from talkative_run import write_talkative_run

import hmtl.spacy_component
from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor
from hmtl.spacy_component import HMTLComponent
from hmtl.text import SentenceSplitter

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
    (output,) = predictor.annotate([TEXT])
    assert all(output[task] for task in predictor.layers)
    doc = nlp(TEXT)
    check(doc, output)
    assert not doc.has_annotation("SENT_START"), "sentences are left to others"


def test_odd_texts_in_batches(nlp, predictor, shared_data):
    texts = odd_texts(shared_data, 30)
    docs = list(nlp.pipe(texts, batch_size=16))
    assert [doc.text for doc in docs] == texts
    num_joined = 0
    for doc in docs:
        sentences = HMTLComponent._sentences(doc)
        words = [word for sentence in sentences for word in sentence]
        num_joined += sum(word.first < word.last for word in words)
        (output,) = predictor.annotate([{"sentences": [[word.text for word in sentence] for sentence in sentences]}])
        for name, rows in (("ner", doc.ents), ("emd", doc.spans["mentions"])):
            assert [(span.start, span.end - 1, span.label_) for span in rows] == [
                (words[row["start"]].first, words[row["end"]].last, row["label"]) for row in output[name]
            ]
        assert len(doc._.relations) == len(output["relation"]) and len(doc._.clusters) == len(output["coref"])
    # Tokens of one emoji are one word.
    assert num_joined > 10


def test_words_and_sentences_are_those_of_the_splitter(nlp, predictor):
    text = 'He left. "I am proud of \U0001f1ef\U0001f1f5," said Dr. Lind.\nA heading\n\nShe \u200b (est. 1990)\nwent.'
    doc = spacy.blank("en")(text)
    words = [[word.text for word in sentence] for sentence in HMTLComponent._sentences(doc)]
    assert words == SentenceSplitter()(text).sentences and len(words) == 4
    (flag,) = [word for word in doc if word.text == "\U0001f1ef"]
    assert any((flag.i, flag.i + 1) == word[1:] for sentence in HMTLComponent._sentences(doc) for word in sentence)
    same_but_scores(nlp(text), next(iter(predictor.annotate([text]))))
    assert not nlp("\u200b").ents and not list(nlp("\u200b").spans["mentions"])


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
    (output,) = predictor.annotate([{"sentences": [words[:4], words[4:]]}])
    assert [(span.start, span.end - 1, span.label_) for span in doc.spans["mentions"]] == [
        (row["start"], row["end"], row["label"]) for row in output["emd"]
    ]
    # Without a sentence end anywhere, all of it is one sentence.
    doc = nlp.get_pipe("hmtl")(Doc(nlp.vocab, words=words))
    (output,) = predictor.annotate([{"sentences": [words]}])
    assert [(r.label, r.arg1.end - 1, r.arg2.end - 1) for r in doc._.relations] == [
        (row["label"], row["arg1"]["end"], row["arg2"]["end"]) for row in output["relation"]
    ]


def test_options(run, predictor):
    nlp = pipeline(run, ents="emd", mentions=None, relations=None)
    doc = nlp(TEXT)
    (output,) = predictor.annotate([TEXT])
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


def test_spans_that_nest_and_cross(talkative_spans_run, talkative_spans):
    """The group of spans has all of them, `doc.ents` the longest."""
    nlp = pipeline(talkative_spans_run)
    (output,) = talkative_spans.annotate([TEXT])
    doc = nlp(TEXT)
    names = [doc.char_span(*bounds(row), label=row["label"]) for row in output["ner"]]
    assert list(doc.ents) == filter_spans(names) and 0 < len(doc.ents) < len(names)
    output["ner"] = [
        {"char_start": span.start_char, "char_end": span.end_char, "label": span.label_} for span in doc.ents
    ]
    check(doc, output)
    (restored,) = DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)
    assert [(r.label, r.arg1.text, r.arg2.text) for r in restored._.relations] == [
        (r.label, r.arg1.text, r.arg2.text) for r in doc._.relations
    ]
    assert len(restored.spans["mentions"]) == len(output["emd"]) > len(filter_spans(doc.spans["mentions"]))
    html = displacy.render(doc, style="span", options={"spans_key": "mentions"}, jupyter=False)
    assert all(span.label_ in html for span in doc.spans["mentions"])
    scores = nlp.evaluate([Example(doc, doc.copy())])
    assert scores["spans_mentions_f"] == scores["relations_f"] == 1.0


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
    assert [(name, count) for name, count, _ in failed] == [("hmtl", 1)] * 3


def test_of_a_batch_that_fails_the_others_survive(run, monkeypatch):
    nlp = pipeline(run)
    texts = ["Tom met Mara.", "a fault", "He left Oslo.", "Bergen"]
    expected = [doc.to_json() for doc in nlp.pipe(texts)]
    predict_batch = HMTLPredictor._predict_batch

    def failing(self, batch, *options):
        if any(text.text == "a fault" for _, text in batch):
            raise RuntimeError("out of memory")
        return predict_batch(self, batch, *options)

    monkeypatch.setattr(HMTLPredictor, "_predict_batch", failing)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(nlp.pipe(texts))
    failed = []
    nlp.set_error_handler(lambda name, component, docs, error: failed.extend(doc.text for doc in docs))
    assert [doc.to_json() for doc in nlp.pipe(texts)] == [expected[0], *expected[2:]]
    assert failed == ["a fault"]


def test_entities_that_are_there_stay(run, predictor):
    (output,) = predictor.annotate([TEXT])
    nlp = pipeline(run)
    plain = nlp(TEXT)
    first, second = plain.ents[:2]
    assert len(first) > 1, "so that a part of it can be there before"

    def prepared():
        doc = nlp.make_doc(TEXT)
        mine = Span(doc, first.start, first.start + 1, label="MINE", kb_id="Q1")
        blocked = Span(doc, second.start, second.start + 1)
        doc.set_ents([mine], blocked=[blocked], default="missing")
        return doc, mine

    doc, mine = prepared()
    doc = nlp.get_pipe("hmtl")(doc)
    found = [(span.start, span.end, span.label_) for span in plain.spans["mentions"]]
    assert [(span.start, span.end, span.label_) for span in doc.spans["mentions"]] == found
    assert doc.ents[0] == mine and doc.ents[0].kb_id_ == "Q1"
    candidates = [doc.char_span(*bounds(row), label=row["label"]) for row in output["ner"]]
    closed = {mine.start, second.start}
    expected = filter_spans(span for span in candidates if closed.isdisjoint(range(span.start, span.end)))
    assert list(doc.ents[1:]) == expected and len(expected) > 1
    assert doc[second.start].ent_iob_ == "B" and not doc[second.start].ent_type_, "it is still blocked"
    assert {token.ent_iob_ for token in doc} == {"B", "I", "O"}
    again = [(span.start, span.end, span.label_) for span in doc.ents]
    assert [(span.start, span.end, span.label_) for span in nlp.get_pipe("hmtl")(doc).ents] == again

    doc, _ = prepared()
    doc = pipeline(run, overwrite_ents=True).get_pipe("hmtl")(doc)
    assert doc.ents[0].label_ == first.label_ and doc.ents[0].end == first.end
    doc = nlp.make_doc(TEXT)
    # What overlaps none stays.
    doc.set_ents([Span(doc, first.start, first.end - 1, label="MINE")], blocked=[doc[first.end - 1 : first.end]])
    doc = pipeline(run, overwrite_ents=True).get_pipe("hmtl")(doc)
    assert [span.label_ for span in doc.ents] == ["MINE", *(span.label_ for span in plain.ents[1:])]


def test_scores(run):
    nlp = pipeline(run)
    gold = nlp(TEXT)
    examples = [Example(nlp.make_doc(TEXT), gold), Example(nlp.make_doc("Tom"), nlp.make_doc("Tom"))]
    scores = nlp.evaluate(examples)
    for name in ("ents", "spans_mentions", "relations", "clusters"):
        assert [scores[f"{name}_{number}"] for number in "prf"] == [1.0, 1.0, 1.0], name
    assert set(scores["spans_mentions_per_type"]) == {span.label_ for span in gold.spans["mentions"]}
    # Of each the reference holds one less.
    gold.ents = gold.ents[1:]
    gold.spans["mentions"] = list(gold.spans["mentions"])[1:]
    gold._.relations = gold._.relations[1:]
    gold._.clusters = gold._.clusters[1:]
    scores = nlp.evaluate([Example(nlp.make_doc(TEXT), gold)])
    for name, count in (
        ("ents", len(gold.ents)),
        ("spans_mentions", len(gold.spans["mentions"])),
        ("relations", len(gold._.relations)),
    ):
        assert (scores[f"{name}_p"], scores[f"{name}_r"]) == (pytest.approx(count / (count + 1)), 1.0), name
    links = sum(len(cluster.mentions) - 1 for cluster in gold._.clusters)
    predicted = sum(len(cluster.mentions) - 1 for cluster in nlp(TEXT)._.clusters)
    assert (scores["clusters_muc_p"], scores["clusters_muc_r"]) == (pytest.approx(links / predicted), 1.0)
    scores = pipeline(run, relations=None, save_model=True).evaluate([Example(nlp.make_doc(TEXT), nlp.make_doc(TEXT))])
    assert scores["clusters_f"] is None and scores["spans_mentions_f"] is None and "relations_f" not in scores


def test_two_components_in_a_pipeline(run, predictor):
    (output,) = predictor.annotate([TEXT])
    nlp = spacy.blank("en")
    config = {"model": str(run), "ents": None}
    nlp.add_pipe("hmtl", name="first", config={**config, "clusters": None})
    options = {"mentions": "ner", "spans_key": "names", "relations": None, "clusters_attr": "chains"}
    nlp.add_pipe("hmtl", name="second", config={**config, **options})
    try:
        doc = nlp(TEXT)
        assert len(doc.spans["mentions"]) == len(output["emd"]) and len(doc.spans["names"]) == len(output["ner"])
        assert len(doc._.relations) == len(output["relation"]) and len(doc._.chains) == len(output["coref"])
        assert doc._.clusters == [] and doc.ents == ()
    finally:
        Doc.remove_extension("chains")
    # The same twice: the same result.
    nlp = pipeline(run)
    nlp.add_pipe("hmtl", name="again", config={"model": str(run)})
    check(nlp(TEXT), output)


def test_extensions_of_others_are_not_overwritten(run):
    getter, setter = Doc.get_extension("clusters")[2:]
    Doc.remove_extension("clusters")
    Doc.set_extension("clusters", default=7)
    try:
        with pytest.raises(UserError, match="component 'hmtl': spaCy's documents already have an extension 'clusters'"):
            pipeline(run)
        doc = pipeline(run, clusters=None)(TEXT)
        assert doc._.clusters == 7 and doc._.relations
    finally:
        Doc.remove_extension("clusters")
        Doc.set_extension("clusters", getter=getter, setter=setter)


@pytest.mark.parametrize("start_method", ["fork", "forkserver"])  # the default before Python 3.14, and since
def test_worker_processes_end_with_the_same_result(run, tmp_path, start_method):
    """Cold and warm, where torch computes with several threads, which a forked process does not have."""
    program = tmp_path / "program.py"
    program.write_text(
        "import json, multiprocessing, spacy, torch, hmtl.spacy_component\n"
        "def found(docs):\n"
        "    return [[len(d.ents), len(d.spans['mentions']), len(d._.relations) > 0] for d in docs]\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({start_method!r})\n"
        "    torch.set_num_threads(max(2, torch.get_num_threads()))\n"
        "    nlp = spacy.blank('en')\n"
        f"    nlp.add_pipe('hmtl', config={{'model': {str(run)!r}}})\n"
        f"    texts = [{TEXT!r} * 20, 'Tom left Oslo.'] * 2\n"
        "    cold = found(nlp.pipe(texts, n_process=2, batch_size=2))\n"
        "    alone = found(map(nlp, texts))\n"
        "    warm = found(nlp.pipe(texts, n_process=2, batch_size=1))\n"
        "    print(json.dumps([cold, alone, warm, torch.get_num_threads()]))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    process = subprocess.Popen(
        [sys.executable, str(program)],
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=180)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    cold, alone, warm, num_threads = json.loads(out)
    assert cold == alone == warm and all(map(all, alone))
    assert num_threads >= 2, "the process itself keeps its threads"


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
