"""What is written, read back by readers that know nothing of the writers."""

import json
import re
from html.parser import HTMLParser

import pytest
from odd_texts import odd_texts

from hmtl.annotation import OutputFormat
from hmtl.corpora import JsonlCorpus, OntonotesCorpus
from hmtl.errors import UserError

TEXT = (
    "Mara Lind, a baker from Oslo, met her brother Tom. Yes! He works for Fjord\nBakeries in Bergen.\n\n"
    "The  bakery sold “its” naïve 🙂 bread to Norway's parliament."
)
LAYERS = {"ner": "spans", "emd": "spans", "relation": "relations", "coref": "clusters"}


@pytest.fixture(scope="module", params=["talkative", "talkative_spans"])
def predictor(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def outputs(predictor):
    inputs = [{"doc_key": "one", "text": TEXT}, {"doc_key": "bc/two_003", "sentences": [["Tom", "slept"], ["Oh", "!"]]}]
    outputs = list(predictor.annotate(inputs))
    assert all(outputs[0][task] for task in LAYERS)
    return outputs


def output_of(sentences, doc_key="a", **layers):
    """An output with these layers alone: bounds with labels, or clusters of bounds."""
    tokens = [token for sentence in sentences for token in sentence]
    ends = [len(" ".join(tokens[: number + 1])) for number in range(len(tokens))]

    def mention(start, end, *label):
        first, last = ends[start] - len(tokens[start]), ends[end]
        row = {"start": start, "end": end, "char_start": first, "char_end": last, "text": " ".join(tokens)[first:last]}
        return {**row, "label": label[0]} if label else row

    rows = {"ner": [mention(*row) for row in layers.get("ner", [])]}
    rows["coref"] = [[mention(*row) for row in cluster] for cluster in layers.get("coref", [])]
    return {"doc_key": doc_key, "text": " ".join(tokens), "sentences": sentences, **rows}


def written(name, outputs, path, layers=None, names=None):
    form = OutputFormat.by_name(name)(layers or LAYERS, names)
    form.write(iter(outputs), path)
    return form


def test_all_formats_are_registered():
    assert set(OutputFormat.list_available()) == {"jsonl", "dygie", "conll2012", "conllu", "brat", "html"}


def test_jsonl_has_all(outputs, tmp_path, capsys):
    written("jsonl", outputs, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == outputs
    written("jsonl", outputs, None)
    assert capsys.readouterr().out.split("\n") == lines


def test_dygie_is_read_as_a_corpus(predictor, outputs, tmp_path):
    written("dygie", outputs, tmp_path / "out.jsonl")
    documents = list(JsonlCorpus().documents(str(tmp_path / "out.jsonl")))
    assert documents == [predictor.to_document(output) for output in outputs]
    spans = {(row["start"], row["end"], row["label"]) for row in outputs[0]["emd"]}
    assert set(documents[0].spans["emd"]) == spans
    assert [relation.label for relation in documents[0].relations] == [row["label"] for row in outputs[0]["relation"]]


def test_conll2012_is_read_as_ontonotes(outputs, tmp_path):
    path = tmp_path / "out.v4_gold_conll"
    form = written("conll2012", outputs, path)
    documents = list(OntonotesCorpus().documents(str(path)))
    assert [document.doc_key for document in documents] == ["one_000", "bc/two_003"]
    for document, output in zip(documents, outputs):
        assert document.sentences == output["sentences"]
        assert set(document.spans) == {"ner"}
        assert set(document.spans["ner"]) == {(row["start"], row["end"], row["label"]) for row in output["ner"]}
    found = sum(len(cluster) for document in documents for cluster in document.clusters)
    expected = sum(len(cluster) for output in outputs for cluster in output["coref"])
    left_out = [int(re.match(r"(\d+) names and mentions were left out", note)[1]) for note in form.notes]
    assert found + sum(left_out) == expected
    written("conll2012", outputs, path, names="emd")
    (document, _) = OntonotesCorpus().documents(str(path))
    assert {span.label for span in document.spans["ner"]} == {row["label"] for row in outputs[0]["emd"]}


def test_conll2012_column_by_column(tmp_path):
    output = output_of(
        [["Mara", "of", "Oslo", "left"], ["Tom", "Lind", "slept"]],
        doc_key="nw/a b_012",
        ner=[(0, 2, "PER (who)"), (2, 2, "GPE"), (4, 5, "PERSON")],
        coref=[[(0, 2), (2, 2)], [(2, 2), (4, 6)], [(4, 4), (4, 5)]],
    )
    form = written("conll2012", [output], tmp_path / "a")
    assert (tmp_path / "a").read_text().split("\n") == [
        "#begin document (nw/a_b); part 012",
        "nw/a_b\t12\t0\tMara\t-\t*\t-\t-\t-\t-\t(PER_who_*\t(0",
        "nw/a_b\t12\t1\tof\t-\t*\t-\t-\t-\t-\t*\t-",
        "nw/a_b\t12\t2\tOslo\t-\t*\t-\t-\t-\t-\t(GPE))\t(0)|0)|(1)",
        "nw/a_b\t12\t3\tleft\t-\t*\t-\t-\t-\t-\t*\t-",
        "",
        "nw/a_b\t12\t0\tTom\t-\t*\t-\t-\t-\t-\t(PERSON*\t(1|(2|(2)",
        "nw/a_b\t12\t1\tLind\t-\t*\t-\t-\t-\t-\t*)\t2)",
        "nw/a_b\t12\t2\tslept\t-\t*\t-\t-\t-\t-\t*\t1)",
        "",
        "#end document",
        "",
    ]
    assert form.notes == []
    (document,) = OntonotesCorpus().documents(str(tmp_path / "a"))
    assert document.clusters == [[(0, 2), (2, 2)], [(2, 2), (4, 6)], [(4, 4), (4, 5)]]


def test_what_crosses_has_no_place_in_columns_and_a_note_says_so(tmp_path):
    crossing = [(0, 2), (1, 3), (2, 2), (4, 4)]
    words = [["a", "b", "c", "d", "e"]]
    output = output_of(words, ner=[(*bounds, "X") for bounds in crossing], coref=[crossing, [(1, 3), (0, 0)]])
    form = written("conll2012", [output], tmp_path / "a")
    (document,) = OntonotesCorpus().documents(str(tmp_path / "a"))
    kept = [(0, 2), (2, 2), (4, 4)]
    assert document.clusters == [[(0, 0), (1, 3)], kept]
    assert [span.bounds for span in document.spans["ner"]] == kept
    assert form.notes == ["2 names and mentions were left out that cross others; columns cannot hold them"]


def test_all_labels_of_the_same_tokens_stand_in_columns(tmp_path):
    found = [(0, 1, "A"), (0, 1, "B"), (2, 2, "A"), (2, 2, "C")]
    form = written("conll2012", [output_of([["a", "b", "c"]], ner=found)], tmp_path / "a")
    (document,) = OntonotesCorpus().documents(str(tmp_path / "a"))
    assert sorted(document.spans["ner"]) == found and form.notes == []


def test_conll2012_refuses_tokens_with_blanks(tmp_path):
    with pytest.raises(UserError, match="the token 'New York' holds a blank"):
        written("conll2012", [output_of([["New York"]])], tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_one_layer_of_relations_and_of_clusters(tmp_path):
    layers = {"likes": "relations", "pays": "relations", "who": "clusters", "what": "clusters"}
    with pytest.raises(UserError, match="one layer of relations; choose one of 'likes, pays' by --tasks"):
        OutputFormat.by_name("dygie")(layers)
    with pytest.raises(UserError, match="one layer of clusters; choose one of 'who, what' by --tasks"):
        OutputFormat.by_name("conll2012")(layers)


class DataOfPage(HTMLParser):
    """The JSON in the page, and all addresses."""

    def __init__(self):
        super().__init__()
        self.data, self.addresses, self._inside = "", [], False

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._inside = tag == "script" and attributes.get("type") == "application/json"
        self.addresses += [attributes[key] for key in ("src", "href") if key in attributes]

    def handle_data(self, data):
        self.data += data if self._inside else ""


def test_the_page_holds_all_and_loads_nothing(outputs, tmp_path):
    evil = {**outputs[1], "text": "</script><script>alert(1)</script>"}
    written("html", [outputs[0], evil], tmp_path / "a.html")
    parser = DataOfPage()
    parser.feed((tmp_path / "a.html").read_text(encoding="utf-8"))
    data = json.loads(parser.data)
    assert data["outputs"] == [outputs[0], evil]
    assert data["layers"] == LAYERS
    assert parser.addresses == ["data:,"]


def test_odd_texts_in_every_format(talkative, shared_data, tmp_path):
    texts = odd_texts(shared_data, 30)
    outputs = list(talkative.annotate(({"doc_key": f"t{n}", "text": text} for n, text in enumerate(texts))))
    for name in ("dygie", "conll2012", "jsonl"):
        written(name, outputs, tmp_path / name)
    expected = [output["sentences"] for output in outputs]
    for corpus, name in ((JsonlCorpus(), "dygie"), (OntonotesCorpus(), "conll2012")):
        documents = list(corpus.documents(str(tmp_path / name)))
        assert [document.sentences for document in documents] == expected
        assert [sorted(document.spans["ner"]) for document in documents] == [
            sorted((row["start"], row["end"], row["label"]) for row in output["ner"]) for output in outputs
        ]
    with open(tmp_path / "jsonl", encoding="utf-8", newline="\n") as file:
        assert [json.loads(line)["text"] for line in file] == texts


EMPTY = {"doc_key": "empty", "text": " \n", "sentences": [], "token_offsets": [], **{task: [] for task in LAYERS}}


@pytest.mark.parametrize(("name", "corpus"), [("dygie", JsonlCorpus()), ("conll2012", OntonotesCorpus())])
def test_texts_without_a_token_have_no_place_in_what_is_read_as_a_corpus(name, corpus, outputs, tmp_path):
    path = tmp_path / "a.v4_gold_conll"
    form = written(name, [EMPTY, outputs[0], EMPTY, outputs[1]], path)
    expected = tmp_path / "b.v4_gold_conll"
    assert written(name, outputs, expected).notes == form.notes[1:]
    assert path.read_text() == expected.read_text() and len(list(corpus.documents(str(path)))) == 2
    assert form.notes[0] == "texts without a token have no place in the format; left out: 2"


def test_texts_without_a_token_elsewhere(outputs, tmp_path):
    texts = [EMPTY, outputs[0]]
    assert written("jsonl", texts, tmp_path / "a").notes == []
    assert [json.loads(line) for line in (tmp_path / "a").read_text().split("\n")[:-1]] == texts
    written("html", texts, tmp_path / "a.html")
    parser = DataOfPage()
    parser.feed((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert json.loads(parser.data)["outputs"] == texts
    assert written("brat", texts, tmp_path / "brat").notes == []
    assert (tmp_path / "brat" / "empty.txt").read_text() == EMPTY["text"]
    assert (tmp_path / "brat" / "empty.ann").read_text() == ""


def failing(outputs):
    yield from outputs
    raise UserError("no more")


@pytest.mark.parametrize("name", ["jsonl", "dygie", "conll2012", "html"])
def test_what_was_written_before_an_error_stays(name, outputs, tmp_path):
    path, incomplete = tmp_path / "out", tmp_path / "out.incomplete"
    written(name, outputs, path)
    whole = path.read_bytes()
    with pytest.raises(UserError) as caught:
        written(name, failing(outputs), path)
    assert str(caught.value) == f"no more; what was written before is in {incomplete}"
    assert path.read_bytes() == incomplete.read_bytes() == whole
    with pytest.raises(UserError, match="^no more$"):
        written(name, failing([]), path)
    written(name, outputs[:1], path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"], "it is gone with the next that is complete"


def test_on_standard_output_it_is_there_as_well(outputs, capsys):
    for name in ("jsonl", "html"):
        written(name, outputs, None)
        whole = capsys.readouterr().out
        with pytest.raises(UserError, match="^no more$"):
            written(name, failing(outputs), None)
        assert capsys.readouterr().out == whole
