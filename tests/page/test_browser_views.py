"""The views of the page beside the overlay, articles, what is shared, and texts of all scripts, in a browser."""

import json
import re
from pathlib import Path
from typing import Any, Dict
from xml.etree import ElementTree

import pytest
from annotated import ADA, LAYERS, PLAIN, output

from hmtl.page import page
from hmtl.page.labels import hue_of, hue_of_cluster

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]

# Coreference reads mentions, as in the paper.
ABOUT = {
    "model": "a model",
    "tasks": {
        "ner": {"reads": [], "score": {"figure": "F1", "value": 0.8772, "split": "test"}},
        "emd": {"reads": ["ner"]},
        "coref": {"reads": ["emd"]},
        "relation": {"reads": ["emd", "ner"]},
    },
}


@pytest.fixture
def open_about(open_page: Any, tmp_path: Path) -> Any:
    """Opens the page of outputs of a model of which something is known, with a fragment behind its address."""

    def opened(outputs: Any, fragment: str = "", **options: Any) -> Any:
        file = tmp_path / "page.html"
        file.write_text(page(outputs, LAYERS, "A page", ABOUT), encoding="utf-8")
        return open_page(file.as_uri() + fragment, **options)

    return opened


def article(num_sentences: int) -> Dict[str, Any]:
    """Sentences of 10, 20 and 30 tokens in turn, with 3 relations in each."""
    sentences, relations, emd, first = [], [], [], 0
    for number in range(num_sentences):
        length = (10, 20, 30)[number % 3]
        sentences.append(" ".join(["Marguerite"] + ["word"] * (length - 2) + ["."]))
        emd += [(first + place, first + place, "PER") for place in (0, 3, 5, length - 2)]
        ends = ((0, 3), (3, length - 2), (0, 5))
        relations += [((first + a, first + a), (first + b, first + b), "PART-WHOLE") for a, b in ends]
        first += length
    return output(sentences, emd=emd, relations=relations)


@pytest.mark.parametrize("width", [390, 1280])
def test_an_article_is_hardly_taller_for_its_relations(open_outputs, width):
    shown = open_outputs([article(15)], LAYERS, viewport={"width": width, "height": 900})
    height = "document.querySelector('.text').getBoundingClientRect().height"
    with_arcs = shown.evaluate(height)
    # Every relation is an arc, or in a list below its sentence.
    arcs, listed = shown.locator("svg .arc").count(), shown.locator(".found li[data-relation]:visible").count()
    assert arcs + listed == 45
    assert listed > 0 and (width > 1000 or arcs == 0)
    shown.uncheck("#layers input[name=relation]")
    assert shown.locator(".found").count() == 0
    assert 1 < with_arcs / shown.evaluate(height) <= 1.6


# What the horizontal stretches and the labels of arcs have in common with marks, texts and lists, or with one another's
# labels: pairs of what covers and what is covered.
COVERED = """() => {
  const over = [];
  for (const arc of document.querySelectorAll("svg .arc")) {
    const label = arc.querySelector("text");
    over.push({ name: `label ${label.textContent}`, rect: label.getBoundingClientRect(), label });
    const line = arc.querySelector(".line");
    const { x, y } = line.ownerSVGElement.getBoundingClientRect();
    let before = line.getPointAtLength(0);
    for (let place = 1; place < line.getTotalLength(); place++) {
      const point = line.getPointAtLength(place);
      const [left, right] = [Math.min(before.x, point.x), Math.max(before.x, point.x)].map((end) => end + x);
      const [top, bottom] = [point.y + y - 0.6, point.y + y + 0.6];
      if (Math.abs(point.y - before.y) < 0.01 && right > left)
        over.push({ name: `arc ${label.textContent}`, rect: { left, right, top, bottom } });
      before = point;
    }
  }
  const under = [];
  const add = (name, rects) => {
    for (const rect of rects) if (rect.width > 0) under.push({ name, rect });
  };
  for (const mark of document.querySelectorAll(".text mark")) add(`mark ${mark.textContent}`, mark.getClientRects());
  const nodes = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  for (const range = document.createRange(); nodes.nextNode(); ) {
    if (nodes.currentNode.parentElement.closest("svg")) continue;
    range.selectNodeContents(nodes.currentNode);
    add(`text ${nodes.currentNode.textContent}`, range.getClientRects());
  }
  const labels = over.filter(({ label }) => label);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const found = new Set();
  for (const one of over) {
    const others = one.label ? [...under, ...labels.filter(({ label }) => label !== one.label)] : under;
    for (const other of others) if (meet(one.rect, other.rect)) found.add(`${one.name} over ${other.name}`);
  }
  return [...found];
}"""


@pytest.fixture(scope="module")
def annotated_article() -> Any:
    """The article of the pictures as the model in models/ annotates it, and the model's layers."""
    from hmtl.predictors import HMTLPredictor

    predictor = HMTLPredictor.load(ROOT / "models" / "en_hmtl_mini", with_scores=True)
    text = (ROOT / "docs" / "images" / "article.txt").read_text(encoding="utf-8")
    return list(predictor.annotate([text])), predictor.layers


@pytest.mark.parametrize("width", [390, 800, 1280])
@pytest.mark.parametrize("view", ["overlay", "levels"])
def test_arcs_cover_no_text(open_page, tmp_path, annotated_article, width, view):
    """Of an article by a model, and of one with relations in all sentences, as many as are drawn."""
    num_arcs = 0
    for outputs, layers in (annotated_article, ([article(15)], LAYERS), ([article(3)], LAYERS)):
        file = tmp_path / "page.html"
        file.write_text(page(outputs, layers, "A page"), encoding="utf-8")
        shown = open_page(f"{file.as_uri()}#view={view}", viewport={"width": width, "height": 900})
        shown.wait_for_selector("article mark")
        num_arcs += shown.locator("svg .arc").count()
        assert shown.evaluate(COVERED) == []
    assert num_arcs > 5 or width == 390


def test_each_line_has_the_room_of_its_own_arcs(open_outputs):
    """Words that wrap once: the arc of the second line does not push the first one down."""
    words = ["Ada", *["word"] * 28, "met", "Bob", "."]
    shown = open_outputs([output([" ".join(words)], relations=[((28, 28), (30, 30), "PER-SOC")])], LAYERS)
    lines = """() => {
      const range = document.createRange();
      range.selectNodeContents(document.querySelector(".sentences p"));
      return [...new Set([...range.getClientRects()].filter(rect => rect.width > 0).map(rect => Math.round(rect.top)))];
    }"""
    top = shown.eval_on_selector(".sentences p", "p => p.getBoundingClientRect().top")
    with_arc = shown.evaluate(lines)
    assert shown.locator("svg .arc").count() == 1
    shown.uncheck("#layers input[name=relation]")
    without = shown.evaluate(lines)
    assert len(with_arc) == len(without) == 2
    assert with_arc[0] - top == pytest.approx(without[0] - top, abs=1)
    assert with_arc[1] - without[1] > 15


def test_a_mention_shows_its_arcs_where_a_list_tells_of_the_others(open_outputs):
    shown = open_outputs([article(6)], LAYERS, viewport={"width": 390, "height": 900})
    assert shown.locator("svg .arc").count() == 0
    first = shown.locator(".found").first
    assert re.sub(r"\s+", " ", first.locator("li").first.inner_text()) == "Marguerite – PART-WHOLE → word"
    before = shown.evaluate("document.querySelector('.text').offsetHeight")
    shown.locator("mark").first.hover()
    assert shown.locator("svg .arc.lit").count() == 2
    assert shown.locator(".found li.lit").count() == 2
    shown.locator("mark").nth(2).focus()
    assert shown.locator("svg .arc.lit").count() == 1
    first.locator("li").nth(1).hover()
    assert shown.locator("svg .arc.lit").count() == 1
    assert shown.locator(".argument.lit").count() == 2
    assert shown.evaluate("document.querySelector('.text').offsetHeight") == before
    shown.hover("h1")
    assert shown.locator("svg .arc").count() == 0


def test_of_many_relations_a_list_shows_some_and_the_others_on_request(open_outputs):
    words = " ".join(f"word{number}" for number in range(12))
    relations = [((number, number), (number + 1, number + 1), "PHYS") for number in range(7)]
    shown = open_outputs([output([words], relations=relations)], LAYERS)
    items = shown.locator(".found li[data-relation]:visible")
    assert items.count() == 4
    shown.get_by_role("button", name="3 more").click()
    assert items.count() == 7


def test_spans_of_two_layers_share_a_box(open_outputs):
    shown = open_outputs(
        [output(["Zurich greets Ada"], ner=[(0, 0, "GPE"), (2, 2, "PERSON")], emd=[(0, 0, "GPE"), (2, 2, "ORG")])],
        LAYERS,
    )
    marks = shown.locator("mark")
    assert marks.count() == 2
    # One label where they say the same, both where they do not.
    assert marks.nth(0).locator(".label").all_inner_texts() == ["GPE"]
    assert marks.nth(1).locator(".label").all_inner_texts() == ["PERSON", "ORG"]
    shown.uncheck("#layers input[name=ner]")
    assert marks.nth(1).locator(".label").all_inner_texts() == ["ORG"]
    marks.nth(1).hover()
    assert shown.locator("#status .line").nth(1).inner_text().startswith("mentions: ORG, ")


def test_labels_of_one_meaning_count_as_one(open_outputs):
    shown = open_outputs([output(["Ada"], ner=[(0, 0, "PERSON")], emd=[(0, 0, "PER")])], LAYERS)
    assert shown.locator("mark .label").all_inner_texts() == ["PERSON"]


def test_a_name_stands_for_the_number_of_a_property(open_outputs):
    shown = open_outputs([output(["Ada left Rome"], relations=[((0, 0), (2, 2), "P20")])], LAYERS)
    assert shown.locator("svg .arc text").all_text_contents() == ["died in"]


def test_colours_are_those_of_the_other_pages(open_outputs):
    labels = ["PER", "place", "WORK_OF_ART", "Ünïcode", "x" * 40, "label 12", "P131"]
    spans = [(number, number, label) for number, label in enumerate(labels)]
    clusters = [[(number, number)] for number in range(len(labels))]
    shown = open_outputs([output([" ".join("abcdefg")], ner=spans, clusters=clusters)], LAYERS)
    hues = shown.eval_on_selector_all(
        "mark", "marks => marks.map(mark => Number(mark.style.getPropertyValue('--hue')))"
    )
    assert hues == [hue_of(label) for label in labels]
    chains = "marks => marks.map(mark => Number(mark.style.getPropertyValue('--chain-hue')))"
    assert shown.eval_on_selector_all("mark", chains) == [hue_of_cluster(number) for number in range(len(labels))]


def test_levels_from_the_lowest_up(open_about):
    shown = open_about([ADA], "#view=levels")
    panels = shown.locator("section.level")
    heads = [re.sub(r"\s+", " ", text) for text in panels.locator("h2").all_inner_texts()]
    assert heads == ["Level 1 Named entities", "Level 2 Mentions", "Level 3 Coreference", "Level 3 Relations"]
    assert panels.locator(".reads").all_inner_texts() == [
        "reads the words’ embeddings",
        "reads level 1, named entities + the words’ embeddings, by a short-cut",
        "reads level 2, mentions + the words’ embeddings, by a short-cut",
        "reads level 1, named entities + level 2, mentions + the words’ embeddings, by a short-cut",
    ]
    # The whole text in each, with what the level found alone.
    for number in range(4):
        assert panels.nth(number).locator(".sentences p").evaluate_all(PLAIN) == [" ".join(s) for s in ADA["sentences"]]
    assert panels.nth(0).locator("mark").evaluate_all(PLAIN) == ["Ada Lovelace", "London", "Charles Babbage"]
    assert panels.nth(2).locator("mark").count() == 5 and panels.nth(3).locator("mark").count() == 0
    assert panels.nth(3).locator("svg .arc").count() == 3
    shown.uncheck("#layers input[name=emd]")
    assert panels.count() == 3
    # The other view is one choice away, and back.
    shown.get_by_text("Overlay").click()
    assert panels.count() == 0 and shown.locator("article mark").count() > 0


def test_each_level_has_an_address(open_about, open_page):
    shown = open_about([article(30)], "#view=levels", viewport={"width": 800, "height": 600})
    link = shown.get_by_role("link", name="link to Relations")
    link.click()
    assert shown.url.endswith("#view=levels&level=relation")
    top = "document.querySelector('[data-level=relation]').getBoundingClientRect().top"
    # The page scrolls once it has been told of its new address, which may be after the click.
    shown.wait_for_function(f"Math.abs({top}) < 40")
    assert abs(shown.evaluate(top)) < 40
    again = open_page(shown.url, viewport={"width": 800, "height": 600})
    again.wait_for_function(f"Math.abs({top}) < 40")
    assert abs(again.evaluate(top)) < 40


def test_without_a_word_on_the_model_levels_are_in_order(open_outputs, open_page):
    shown = open_outputs([ADA], LAYERS)
    shown.get_by_text("Levels", exact=True).click()
    assert [text.split()[1] for text in shown.locator(".level h2").all_inner_texts()] == ["1", "2", "3", "4"]
    assert shown.locator(".reads").count() == 0 and shown.locator(".about").count() == 0


def test_the_header_names_the_model_and_its_scores(open_about):
    head = open_about([ADA]).locator(".about").inner_text()
    assert re.sub(r"\s+", " ", head) == "a model NER 87.7 F1 on test data"


def test_the_graph_has_clusters_and_relations(open_about):
    shown = open_about([ADA], "#view=graph")
    # London is in no cluster, the engine neither; "writer" is the same as Ada Lovelace.
    names = "gs => gs.map(g => g.querySelector('text').textContent)"
    assert sorted(shown.locator(".node").evaluate_all(names)) == ["Ada Lovelace", "Charles Babbage", "London", "engine"]
    edges = [re.sub(r"\s+", " ", text).strip() for text in shown.locator(".edges li").all_inner_texts()]
    assert edges == [
        "Ada Lovelace – GEN-AFF → London",
        "Ada Lovelace – PER-SOC → Charles Babbage",
        "Charles Babbage – ART → engine",
    ]
    assert shown.locator(".edge text").all_text_contents() == ["GEN-AFF", "PER-SOC", "ART"]
    # Names do not cover one another, and stand inside.
    boxes = shown.locator(".node rect").evaluate_all("rs => rs.map(r => r.getBoundingClientRect().toJSON())")
    for number, one in enumerate(boxes):
        for other in boxes[:number]:
            assert (
                one["right"] <= other["left"]
                or other["right"] <= one["left"]
                or one["bottom"] <= other["top"]
                or other["bottom"] <= one["top"]
            )
    frame = shown.locator(".graph svg").bounding_box()
    assert all(frame["x"] <= box["left"] and box["right"] <= frame["x"] + frame["width"] for box in boxes)
    picture = "document.querySelector('.graph svg').outerHTML"
    drawn = shown.evaluate(picture)
    shown.reload()
    shown.wait_for_selector(".node")
    assert shown.evaluate(picture) == drawn
    # A node leads to its place in the text.
    shown.locator(".edges button", has_text="London").click()
    assert shown.evaluate("document.activeElement.row.text") == "London"


def test_a_graph_of_nothing_says_so(open_outputs):
    shown = open_outputs([output(["Nothing here"])], LAYERS)
    shown.get_by_text("Graph").click()
    assert "No clusters or relations" in shown.inner_text(".graph")
    shown.get_by_text("Overlay").click()
    shown.locator("summary", has_text="Relations").click()
    shown.get_by_text("No relations found.").wait_for()


def scored() -> Dict[str, Any]:
    """Ada with probabilities: London and the last relation are unlikely, and all mentions of the second cluster."""
    found = json.loads(json.dumps(ADA))
    for row in found["ner"] + found["emd"] + found["relation"] + [row for rows in found["coref"] for row in rows]:
        row["score"] = 0.9
    found["ner"][1]["score"] = found["relation"][2]["score"] = 0.3
    for row in found["coref"][0]:
        row["score"] = 0.2
    return found


def test_the_least_probability(open_outputs, open_page):
    shown = open_outputs([scored()], LAYERS)
    assert shown.is_visible("#least")
    shown.locator("#least").fill("50")
    shown.wait_for_selector("svg .arc >> nth=2", state="detached")
    assert shown.locator("mark.filled").evaluate_all(PLAIN) == ["Ada Lovelace", "Charles Babbage"]
    # The other cluster keeps its number and its colour.
    assert shown.locator("mark.mention .chip").all_inner_texts() == ["2", "2"]
    assert shown.locator("#layers .count").all_inner_texts() == ["2", "7", "1", "2"]
    assert open_page(shown.url).locator("mark.filled").count() == 2
    assert open_outputs([ADA], LAYERS).is_hidden("#least")


def test_boxes_of_texts_from_right_to_left_stay_whole(open_outputs):
    shown = open_outputs(
        [
            output(
                ["שלום עדה לבלייס 12 מלונדון ."],
                ner=[(1, 2, "PERSON"), (3, 3, "CARDINAL")],
                emd=[(1, 2, "PER"), (1, 3, "PER"), (3, 3, "ORG")],
            )
        ],
        LAYERS,
    )
    assert shown.eval_on_selector_all("mark", "marks => marks.map(mark => mark.getClientRects().length)") == [1, 1, 1]
    # Labels stand inside of their boxes, at the left end.
    places = """marks => marks.map(mark => {
      const box = mark.getBoundingClientRect();
      const labels = [...mark.querySelectorAll(":scope > .label")].map(label => label.getBoundingClientRect());
      return [Math.min(...labels.map(label => label.left)) - box.left,
        box.right - Math.max(...labels.map(label => label.right))];
    })"""
    for left, right in shown.eval_on_selector_all("mark", places):
        assert 0 <= left < 8 < right


@pytest.mark.parametrize("character", ["🇯🇵", "👩‍👩‍👧‍👦", "é", "👍🏽"])
def test_what_people_see_as_one_character_is_not_cut(open_outputs, character):
    """Tokens that end within it: the mark of any of them holds the whole."""
    parts = list(character)
    text = f"in {character} now"
    starts = [0, *(3 + place for place in range(len(parts))), 3 + len(parts) + 1]
    offsets = [[0, 2], *([3 + place, 4 + place] for place in range(len(parts))), [starts[-1], len(text)]]
    for part in range(1, len(parts) + 1):
        start, end = offsets[part]
        row = {
            "start": part,
            "end": part,
            "char_start": start,
            "char_end": end,
            "text": text[start:end],
            "label": "GPE",
        }
        shown = open_outputs(
            [
                {
                    **output(["a"]),
                    "text": text,
                    "sentences": [["in", *parts, "now"]],
                    "token_offsets": offsets,
                    "ner": [row],
                }
            ],
            LAYERS,
        )
        assert shown.locator("mark").evaluate_all(PLAIN) == [character]
        assert shown.locator(".sentences p").evaluate_all(PLAIN) == [text]


def test_paragraphs_of_an_article_stay_apart(open_outputs):
    shown = output(["One .", "Two .", "Three ."])
    shown["text"] = "One .\n\nTwo .\nThree ."
    shown["token_offsets"] = [[0, 3], [4, 5], [7, 10], [11, 12], [13, 18], [19, 20]]
    opened = open_outputs([shown], LAYERS)
    assert opened.eval_on_selector_all(".sentences p", "ps => ps.map(p => p.className)") == ["", "begins", ""]


def test_pictures(open_about, tmp_path):
    shown = open_about([ADA])
    shown.click("#share summary")
    with shown.expect_download() as svg:
        shown.click("#save-svg")
    tree = ElementTree.parse(svg.value.path())
    name = "{http://www.w3.org/2000/svg}text"
    words = [node.text for node in tree.iter(name)]
    assert [word for word in words if word in ADA["text"].split()][: len(ADA["sentences"][0])] == ADA["sentences"][0]
    assert {"PERSON", "PER-SOC"} <= set(words)
    assert "oklch" not in Path(svg.value.path()).read_text(encoding="utf-8")
    with shown.expect_download() as png:
        shown.click("#save-png")
    content = Path(png.value.path()).read_bytes()
    assert content.startswith(b"\x89PNG")
    size = shown.evaluate(
        "(({ width, height }) => [width, height])(document.querySelector('#texts').getBoundingClientRect())"
    )
    assert int.from_bytes(content[16:20], "big") == pytest.approx(2 * (size[0] + 32), abs=4)


def test_a_page_that_is_saved_and_one_to_embed(open_about, open_page, tmp_path):
    shown = open_about([ADA], permissions=["clipboard-read", "clipboard-write"])
    shown.click("#share summary")
    with shown.expect_download() as download:
        shown.click("#save-html")
    saved = tmp_path / "saved.html"
    download.value.save_as(saved)
    again = open_page(saved.as_uri())
    assert again.locator("mark").count() == shown.locator("mark").count()
    assert again.inner_text("h1") == "A page"
    shown.click("#copy-embed")
    shown.locator("#announcement", has_text="Copied.").wait_for(state="attached")
    host = tmp_path / "host.html"
    host.write_text(f"<!DOCTYPE html><p id=layers><input>{shown.evaluate('navigator.clipboard.readText()')}")
    embedded = open_page(host.as_uri()).frame_locator("iframe")
    embedded.locator("mark").first.wait_for()
    assert embedded.locator("svg .arc").count() == 3


def test_a_page_of_a_file_has_no_programs_to_copy(open_outputs):
    shown = open_outputs([ADA], LAYERS)
    shown.click("#share summary")
    assert shown.is_hidden("#copy-python") and shown.is_hidden("#copy-curl") and shown.is_visible("#copy-json")
    shown.keyboard.press("Escape")
    assert shown.is_hidden("#copy-json")
    assert shown.evaluate("document.activeElement.textContent") == "Share"


def axe() -> str:
    """The script of axe-core, from the package of Python that carries it."""
    found = pytest.importorskip(
        "axe_playwright_python", reason="axe-core is not there: pip install axe-playwright-python"
    )
    return (Path(str(found.__file__)).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["overlay", "levels", "graph"])
def test_accessibility(open_about, view, scheme):
    script = axe()
    shown = open_about([scored()], f"#view={view}", color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    shown.evaluate(script)
    found = shown.evaluate("axe.run(document)")["violations"]
    assert [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in found] == []
