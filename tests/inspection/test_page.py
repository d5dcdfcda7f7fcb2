import re
from html.parser import HTMLParser

import pytest
from worked_corpus import write_corpus, write_records

from hmtl.document import Document, Span, write_jsonl
from hmtl.inspection import corpus_format, corpus_statistics, find_splits, first_documents, statistics_table
from hmtl.inspection.page import write_page
from hmtl.inspection.sections import sections

VOID = {"meta", "br", "input", "rect"}


class Page(HTMLParser):
    """Checks that a page nests well, and collects what it holds."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.targets, self.cells, self.texts = [], [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.targets += [attributes["href"]] if "href" in attributes else []
        if tag not in VOID:
            self.open.append((tag, attributes.get("class", "")))
        if tag in ("td", "th"):
            self.cells.append("")
        if (tag, attributes.get("class")) == ("p", "text"):
            self.texts.append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        names = [name for name, _ in self.open]
        beside = {("span", "number"), ("span", "label badge")} & set(self.open)
        if ("p", "text") in self.open and not {"small", "sup"} & set(names) and not beside:
            self.texts[-1] += data
        elif "svg" not in names and ("td" in names or "th" in names):
            self.cells[-1] += data


def page_of(path, name="jsonl", limit=20):
    corpus = corpus_format(name)
    splits = find_splits([str(path)], corpus)
    report = corpus_statistics(splits, corpus)
    documents = list(first_documents(splits, corpus, limit))
    page = "".join(write_page(report, documents))
    return report, documents, page, Page(page)


@pytest.mark.parametrize("name", ["jsonl", "conll2003", "ontonotes", "ace_conll", "gum", "redocred"])
def test_every_token_stands_once_in_order(fixtures, name):
    _, documents, page, parsed = page_of(fixtures / {"ace_conll": "ace"}.get(name, name), name)
    expected = [" ".join(sentence) for shown in documents for sentence in shown.document.sentences]
    assert parsed.texts == expected and expected
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {target.removeprefix("#") for target in parsed.targets} <= set(parsed.ids)


def test_tokens_of_real_documents(shared_data):
    _, documents, _, parsed = page_of(shared_data / "gum", "gum", limit=2)
    assert len(documents) == 6
    assert parsed.texts == [" ".join(sentence) for shown in documents for sentence in shown.document.sentences]


def test_marks(tmp_path):
    write_corpus(tmp_path)
    _, _, page, parsed = page_of(tmp_path)
    text = re.search(r'<p class="text" dir="auto">(.*?)</p>', page)[1]
    plain = re.sub(r"<(mark) [^>]*>", "{", text).replace("</mark>", "}")
    plain = re.sub(r"<[^>]+>", "/", plain)
    # Of two that are equal the span is outside, as the layers follow one another.
    assert plain == ("/1/{{Ann Lee//1//}/PER/} met {{Bo//2//}/PER/} in {{Old {{Rome//3//}/LOC/}//3//}/LOC/}")
    lists = re.findall(r'<li id="(d0-c\d)"[^>]*><b>(\d)</b> (.*?)</li>', page)
    assert [(key, number, re.sub("<[^>]+>", "", rest)) for key, number, rest in lists] == [
        ("d0-c1", "1", "Ann Lee | She"),
        ("d0-c2", "2", "Bo"),
        ("d0-c3", "3", "Old Rome | Rome"),
    ]
    relations = [re.sub("<[^>]+>", "", item) for item in re.findall(r"<li>(.*?)</li>", page) if "\u2192" in item]
    assert relations[:3] == ["Ann Lee –LIVE→ Old Rome", "Rome –NEAR→ Bo", "Old Rome –LIVE→ Rome"]


def test_crossing_spans_keep_tokens_and_labels(tmp_path):
    spans = [Span(0, 1, "AAA"), Span(1, 2, "BBB")]
    write_jsonl([Document("x", [["a", "b", "c"]], {"ner": spans}, clusters=[[(0, 1), (1, 2)]])], tmp_path / "a.jsonl")
    _, _, page, parsed = page_of(tmp_path)
    assert parsed.texts == ["a b c"]
    assert page.count(">AAA</small>") == page.count(">BBB</small>") == 1
    assert len(set(parsed.ids)) == len(parsed.ids)


def test_all_text_is_escaped(tmp_path):
    evil = '<script>alert("1")</script>'
    record = {
        "doc_key": f"key {evil}",
        "sentences": [[evil, "&lt;b&gt;", "'\"><img/src=x>", "bell\x07"], ["<!--", "]]>"]],
        '"><b>layer': [[[0, 1, '"><img src=x onerror=1>']], []],
        "relations": [[[0, 0, 1, 1, "</b><i>"]], []],
        "clusters": [[[0, 0], [2, 2]]],
        "<i>note": "</style><script>",
    }
    path = tmp_path / '<img src="x">.jsonl'
    write_records(path, record)
    write_records(tmp_path / "b.jsonl", {"doc_key": "b", "sentences": [["b"]]})
    _, _, page, parsed = page_of(tmp_path)
    assert parsed.texts[0] == f"{evil} &lt;b&gt; '\"><img/src=x> bell\\x07"
    assert parsed.texts[1] == "<!-- ]]>"
    names = [tag for tag, _ in parsed.tags]
    assert names.count("script") == names.count("style") == 1
    assert not {"img", "i"} & set(names)
    assert not any(key.startswith("on") for _, attributes in parsed.tags for key in attributes)
    page.encode("utf-8")


def test_nothing_is_loaded_from_elsewhere(fixtures):
    _, _, page, parsed = page_of(fixtures / "jsonl")
    assert all(target.startswith("#") for target in parsed.targets)
    assert not any({"src", "action"} & set(attributes) for _, attributes in parsed.tags)
    assert "url(" not in page and "@import" not in page and "://" not in page


def test_keyboard_and_screen_readers(fixtures):
    report, _, page, parsed = page_of(fixtures / "jsonl")
    assert ("html", {"lang": "en"}) in parsed.tags
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in parsed.tags and ":focus-visible" in page
    boxes = [attributes for tag, attributes in parsed.tags if tag == "input"]
    layers = list(report["splits"]["train.jsonl"]["layers"])
    assert len(boxes) == len(layers) > 3
    # At first one span layer is shown.
    shown = [layer for layer, attributes in zip(layers, boxes) if "checked" in attributes]
    assert shown == ["ner", "relations", "clusters"]
    # A number beside each mention leads to its cluster, and each member of the cluster back.
    mentions = {attributes["id"] for tag, attributes in parsed.tags if tag == "mark" and "id" in attributes}
    assert mentions and {f"#{mention}" for mention in mentions} <= set(parsed.targets)


def test_the_statistics_are_those_of_the_table(tmp_path):
    write_corpus(tmp_path)
    report, _, _, parsed = page_of(tmp_path)
    expected = [cell.text for _, rows in sections(report) for row in rows for cell in row.cells]
    table = statistics_table(report, all_labels=True)
    assert expected and all(text in table for text in expected)
    found = list(parsed.cells)
    for text in expected:
        # In order.
        found = found[found.index(text) + 1 :]


def test_bars_have_the_length_of_their_share(tmp_path):
    write_corpus(tmp_path)
    _, _, page, parsed = page_of(tmp_path)
    assert '<td style="--share:60.0%">3 (60.0%)</td>' in page
    # Spans: three of one token, two of two.
    assert re.search(r'height="18"><title>1: 3</title></rect><rect [^>]*height="12"><title>2: 2</title>', page)


def test_the_limit_and_how_many_there_are(fixtures):
    _, documents, page, _ = page_of(fixtures / "jsonl", limit=1)
    assert len(documents) == 3 and page.count("<article") == 3
    assert "<p>3 of 4 documents are shown.</p>" in page
