"""The page as a file."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any, Dict, List, Optional, Tuple

from hmtl.page import page, server_page

LAYERS: Any = {"ner": "spans", "relation": "relations", "coref": "clusters"}


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.raw: List[Tuple[str, Dict[str, Optional[str]], str]] = []
        self._current: Any = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        self._current = (tag, dict(attrs)) if tag in ("script", "style", "title", "h1") else None

    def handle_endtag(self, tag: str) -> None:
        self._current = None

    def handle_data(self, data: str) -> None:
        if self._current is not None:
            self.raw.append((*self._current, data))

    def text_of(self, tag: str) -> List[str]:
        return [text for name, attributes, text in self.raw if name == tag and "type" not in attributes]

    def data(self) -> Any:
        return json.loads(next(text for _, attributes, text in self.raw if attributes.get("id") == "data"))


def output_of(text: str) -> Dict[str, Any]:
    tokens = text.split(" ")
    return {
        "doc_key": "document",
        "text": text,
        "sentences": [tokens],
        "token_offsets": [],
        "ner": [],
        "relation": [],
        "coref": [],
    }


def test_nothing_in_the_data_ends_the_script():
    texts = [
        "</script><script>alert(1)</script>",
        "<!-- <script>",
        ']]> & &lt; \u2028 \u2029 \\u003c "quotes" \'',
        "🎉 e\u0301 שלום \x00 \x1b \ufffe",
        "{title} {data}",
    ]
    outputs = [output_of(text) for text in texts]
    text = page(outputs, LAYERS, title="</title><script>1 < 2 & {data}")
    elements = Elements(text)
    assert elements.data()["outputs"] == outputs
    assert elements.data()["layers"] == LAYERS
    assert [tag for tag, _ in elements.elements].count("script") == 2
    assert "<!--" not in text
    assert text.encode("utf-8")
    assert "<h1>&lt;/title&gt;&lt;script&gt;1 &lt; 2 &amp; " in text


def test_half_a_surrogate_pair_can_be_written():
    text = page([output_of("a \ud83c b")], LAYERS)
    assert Elements(text.encode("utf-8").decode()).data()["outputs"][0]["text"] == "a \ud83c b"


def test_it_loads_nothing_and_runs_this_script_alone():
    for text in (page([], LAYERS), server_page("hmtl", LAYERS, 1000)):
        elements = Elements(text)
        for tag, attributes in elements.elements:
            assert tag not in ("img", "iframe", "object", "embed", "base")
            assert not {"src", "srcset", "style", "onclick", "onload"} & set(attributes), tag
            assert (attributes.get("href") or "data:,") == "data:,"
        policy = next(
            attributes["content"] or ""
            for _, attributes in elements.elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
        for tag in ("script", "style"):
            (content,) = elements.text_of(tag)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        assert not re.search(
            r"url\(|@import|(inner|outer)HTML\s*\+?=(?!=)|insertAdjacent|document\.write|\beval\b", text
        )


def test_the_server_page_knows_the_labels_of_training_where_others_may_be_asked_for():
    assert Elements(server_page("A title", LAYERS, 10, labels=["a <b>", "person"])).data()["server"]["labels"] == [
        "a <b>",
        "person",
    ]
    assert "labels" not in Elements(server_page("A title", LAYERS, 10)).data()["server"]


def test_the_server_page_knows_whether_there_are_pairs():
    assert Elements(server_page("A title", LAYERS, 10, pairs=True)).data()["server"]["pairs"] is True
    assert "pairs" not in Elements(server_page("A title", LAYERS, 10)).data()["server"]


def test_the_server_page_has_a_box_and_examples():
    data = Elements(server_page("A title", LAYERS, 1234, {"News": "one", "Novel": "two"})).data()
    assert data["server"] == {
        "predict": "predict",
        "docs": "docs",
        "max_characters": 1234,
        "examples": {"News": "one", "Novel": "two"},
    }
    assert "server" not in Elements(page([], LAYERS)).data()
