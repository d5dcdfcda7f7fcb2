"""The page as people see it, in a browser."""

import json
import re
from typing import Any, Dict, List

import pytest
from annotated import ADA, LAYERS, PLAIN, output

pytestmark = pytest.mark.browser


def texts(page: Any, selector: str) -> List[str]:
    return page.eval_on_selector_all(selector, PLAIN)


def plain_sentences(page: Any) -> List[str]:
    return page.eval_on_selector_all(".sentences p", PLAIN)


def toggle(page: Any, layer: str) -> None:
    page.click(f"#layers input[name={layer}]")


def test_the_four_layers(open_outputs):
    page = open_outputs([ADA], LAYERS)
    assert plain_sentences(page) == [" ".join(sentence) for sentence in ADA["sentences"]]
    assert texts(page, "mark.filled") == ["Ada Lovelace", "London", "Charles Babbage"]
    assert sorted(texts(page, "mark.outlined")) == sorted(row["text"] for row in ADA["emd"])
    assert sorted(texts(page, "mark.mention")) == sorted(row["text"] for cluster in ADA["coref"] for row in cluster)
    assert page.locator("svg .arc text").all_text_contents() == ["GEN-AFF", "PER-SOC", "ART"]
    assert page.locator("#layers .count").all_text_contents() == ["3", "7", "2", "3"]
    # Nested as the annotations are: London in "a writer from London" in the whole.
    assert page.locator("mark.outlined mark.outlined mark.outlined").count() == 1
    # The same in words.
    rows = page.locator("details:has-text('Relations') tbody tr")
    assert [re.sub(r"\s+", " ", row.inner_text()).strip() for row in rows.all()] == [
        "writer GEN-AFF London",
        "Ada Lovelace PER-SOC Charles Babbage",
        "his ART engine",
    ]
    clusters = page.locator("details:has-text('Coreference') li").all_inner_texts()
    assert [re.sub(r"^\d\s*", "", cluster) for cluster in clusters] == [
        "Ada Lovelace, writer, She",
        "Charles Babbage, his",
    ]


def test_arcs_stand_on_their_arguments(open_outputs):
    page = open_outputs([ADA], LAYERS)
    ends = page.eval_on_selector_all(
        "svg .arc .line",
        """lines => lines.map(line => {
          const origin = line.ownerSVGElement.getBoundingClientRect();
          const length = line.getTotalLength();
          const points = [0, length].map(place => line.getPointAtLength(place));
          return points.map(point => [point.x + origin.x, point.y + origin.y]);
        })""",
    )
    for (label, relation), found in zip(((row["label"], row) for row in ADA["relation"]), ends):
        for argument, (x, y) in zip((relation["arg1"], relation["arg2"]), found):
            boxes = page.locator(".argument", has_text=re.compile(f"^{argument['text']}")).first
            box = boxes.bounding_box()
            assert box["x"] <= x <= box["x"] + box["width"], label
            assert box["y"] - 25 <= y <= box["y"] + 2, label


def test_each_layer_can_be_hidden(open_outputs):
    page = open_outputs([ADA], LAYERS)
    shown = {"ner": "mark.filled", "emd": "mark.outlined", "coref": "mark.mention", "relation": "svg .arc"}
    for layer, selector in shown.items():
        before = {name: page.locator(other).count() for name, other in shown.items()}
        toggle(page, layer)
        assert page.locator(selector).count() == 0
        assert {name: page.locator(other).count() for name, other in shown.items()} == {**before, layer: 0}
        assert plain_sentences(page) == [" ".join(sentence) for sentence in ADA["sentences"]]
    assert page.locator("article details").count() == 0
    assert page.evaluate("location.hash") == "#hide=ner&hide=emd&hide=coref&hide=relation"
    for layer in shown:
        toggle(page, layer)
    assert page.evaluate("location.hash") == ""
    assert page.locator("svg .arc").count() == 3


def test_a_link_keeps_the_hidden_layers(open_outputs, open_page):
    page = open_outputs([ADA], LAYERS)
    toggle(page, "emd")
    again = open_page(page.url)
    assert not again.is_checked("#layers input[name=emd]")
    assert again.locator("mark.outlined").count() == 0
    assert again.locator("mark.filled").count() == 3


def test_a_cluster_lights_up_together(open_outputs):
    page = open_outputs([ADA], LAYERS)
    page.locator("mark.mention", has_text="She").hover()
    assert texts(page, "mark.mention.lit") == ["Ada Lovelace", "writer", "She"]
    said = page.locator("#status .line").all_inner_texts()
    assert said == ["She", "mentions: PER, a person or group of people", "coreference: cluster 1"]
    page.hover("h1")
    assert page.locator(".lit").count() == 0
    # An arc lights up its ends.
    x, y = page.eval_on_selector_all(
        "svg .arc .line",
        """lines => {
          const origin = lines[2].ownerSVGElement.getBoundingClientRect();
          const point = lines[2].getPointAtLength(12);
          return [origin.x + point.x, origin.y + point.y];
        }""",
    )
    page.mouse.move(x, y)
    assert page.locator(".argument.lit").count() == 2
    assert "his ART engine" in page.inner_text("#status")


def test_by_keyboard_alone(open_outputs):
    page = open_outputs([ADA], LAYERS)
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.tagName")
        )
    assert seen[:8] == ["SUMMARY", "theme", "view-overlay", "ner", "emd", "coref", "relation", "MARK"]
    # One stop for the text; in it the arrow keys go from mark to mark.
    assert seen[8] == "SUMMARY"
    page.locator("mark[tabindex='0']").focus()
    page.keyboard.press("End")
    assert "engine" in page.inner_text("#status")
    # One box for all that marked a word: one step.
    page.keyboard.press("ArrowLeft")
    assert "his" in page.inner_text("#status")
    assert texts(page, "mark.mention.lit") == ["Charles Babbage", "his"]
    page.keyboard.press("Home")
    assert page.locator("mark[tabindex='0']").count() == 1
    page.locator("details button", has_text="London").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.row.text") == "London"
    page.locator("#layers input[name=ner]").focus()
    page.keyboard.press("Space")
    assert page.locator("mark.filled").count() == 0


def test_names_and_roles(open_outputs):
    page = open_outputs([ADA], LAYERS)
    assert page.get_by_role("heading", name="A page").count() == 1
    assert page.get_by_role("group", name="Layers").get_by_role("checkbox").count() == 4
    for name in ("Named entities", "Mentions", "Coreference", "Relations"):
        assert page.get_by_role("checkbox", name=re.compile(name)).count() == 1
    assert page.get_by_role("table", name="Relations").get_by_role("columnheader").all_inner_texts() == [
        "From",
        "Relation",
        "To",
    ]
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    assert page.get_attribute("svg.arcs", "aria-hidden") == "true"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, summary')].filter(e => !e.textContent.trim()).length"
    )
    assert unnamed == 0


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour, under) => {
    canvas.fillStyle = under;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgroundOf = (node) => {
    const layers = [];
    for (let up = node; up; up = up.parentElement) layers.push(getComputedStyle(up).backgroundColor);
    return layers.reverse().reduce((under, colour) => `rgb(${rgb(colour, under).join()})`, "rgb(255,255,255)");
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "NOSCRIPT"].includes(node.tagName)) continue;
    if (!node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const drawn = node instanceof SVGElement;
    // Words of a drawing stand on a seam of their own, or in a box.
    const box = drawn && style.stroke === "none" ? node.parentElement.querySelector("rect") : null;
    const background = box ? getComputedStyle(box).fill : drawn ? style.stroke : backgroundOf(node);
    const a = luminance(rgb(drawn ? style.fill : style.color, background));
    const b = luminance(rgb(background, "#fff"));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([node.className.baseVal ?? node.className, walker.currentNode.data, ratio]);
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_outputs, scheme):
    """4.5 to 1 at least, as WCAG's level AA has it, for labels of every hue, lit or not."""
    names = [f"LABEL_{number}" for number in range(60)]
    names += [
        "PER",
        "ORG",
        "GPE",
        "LOC",
        "FAC",
        "VEH",
        "WEA",
        "DATE",
        "TIME",
        "MONEY",
        "LAW",
        "EVENT",
        "NORP",
        "PERCENT",
    ]
    labelled = output(
        [" ".join(f"word{number}" for number in range(len(names)))],
        ner=[(number, number, name) for number, name in enumerate(names)],
        emd=[(number, number, name) for number, name in enumerate(names)],
        clusters=[[(number, number), (number + 1, number + 1)] for number in range(0, len(names) - 1, 2)],
        relations=[
            ((number, number), (number + 1, number + 1), names[number]) for number in range(0, len(names) - 1, 2)
        ],
    )
    page = open_outputs([labelled], LAYERS, color_scheme=scheme, reduced_motion="reduce")
    assert page.evaluate(CONTRASTS) == []
    for mark in page.locator("mark.mention").all()[:12]:
        mark.hover()
        assert page.evaluate(CONTRASTS) == []


def test_themes(open_outputs):
    page = open_outputs([ADA], LAYERS, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.click("#theme")
    light = page.evaluate(background)
    assert (page.inner_text("#theme"), light != dark) == ("Theme: light", True)
    page.reload()
    assert page.evaluate(background) == light
    page.click("#theme")
    assert page.evaluate(background) == dark
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) == light


def test_no_motion_for_those_who_want_none(open_outputs):
    page = open_outputs([ADA], LAYERS, reduced_motion="reduce")
    page.eval_on_selector(".text", "text => text.classList.add('fresh')")
    assert page.evaluate("document.getAnimations().length") == 0


def test_markup_stays_text(open_outputs):
    evil = "<script>window.evil=1</script> <img/src=x/onerror=window.evil=1> </script> <!-- &amp; javascript:evil"
    page = open_outputs(
        [
            output(
                [evil],
                ner=[(0, 0, "<b>"), (1, 1, "<img/src=x/onerror=window.evil=1>")],
                clusters=[[(0, 0), (2, 2)]],
                relations=[((0, 0), (1, 1), "</text><script>window.evil=1</script>")],
                doc_key="<i>",
            )
        ],
        LAYERS,
    )
    assert plain_sentences(page) == [evil]
    page.locator("mark").first.hover()
    assert page.evaluate("window.evil") is None
    assert page.locator("article script, article img, article b, article i").count() == 0
    assert page.locator("svg .arc text").all_text_contents() == ["</text><script>window.evil=1</script>"]


def test_characters_beyond_16_bits_and_other_directions(open_outputs):
    page = open_outputs(
        [
            output(
                ["🎉🎉 Ada 👩‍🚀 e\u0301 Zoe\u0308 .", "שלום עדה מלונדון ."],
                ner=[(1, 1, "PERSON"), (2, 2, "NORP"), (4, 4, "PERSON"), (7, 7, "PERSON"), (8, 8, "GPE")],
                relations=[((7, 7), (8, 8), "PHYS"), ((4, 4), (1, 1), "PER-SOC")],
            )
        ],
        LAYERS,
    )
    assert texts(page, "mark.filled") == ["Ada", "👩‍🚀", "Zoe\u0308", "עדה", "מלונדון"]
    assert page.eval_on_selector_all(".sentences p", "ps => ps.map(p => getComputedStyle(p).direction)") == [
        "ltr",
        "rtl",
    ]


def test_crossing_spans_and_spans_across_sentences(open_outputs):
    page = open_outputs(
        [
            output(
                ["a b c d", "e f g"],
                ner=[(0, 2, "X"), (3, 5, "Z")],
                emd=[(1, 3, "Y")],
                relations=[((0, 0), (5, 5), "R")],
            )
        ],
        LAYERS,
    )
    assert plain_sentences(page) == ["a b c d", "e f g"]
    # The parts of each, and its label once, at its end.
    assert texts(page, "mark.filled") == ["a b c", "d", "e f"]
    assert texts(page, "mark.outlined") == ["b c", "d"]
    assert sorted(page.locator("mark .label").all_text_contents()) == ["X", "Y", "Z"]
    # A relation between sentences has no arc, but its line in the table.
    assert page.locator("svg .arc").count() == 0
    assert page.locator("details:has-text('Relations') tbody tr").count() == 1


def test_scores_are_shown(open_outputs):
    scored = json.loads(json.dumps(ADA))
    for row in scored["ner"] + scored["relation"] + [m for cluster in scored["coref"] for m in cluster]:
        row["score"] = 0.97
    scored["ner"][1]["score"] = 0.31
    page = open_outputs([scored], LAYERS)
    assert texts(page, "mark.filled.uncertain") == ["London"]
    assert page.locator("details:has-text('Relations') tbody td").nth(3).inner_text() == "97 %"
    page.locator("mark.filled", has_text="Babbage").hover(position={"x": 3, "y": 3})
    assert "PERSON 97 %" in page.inner_text("#status")


def test_many_texts_are_made_as_they_come_near(open_outputs):
    many = [{**ADA, "doc_key": f"text {number}"} for number in range(200)]
    page = open_outputs(many, LAYERS)
    assert page.locator("article h2").all_text_contents() == [f"text {number}" for number in range(200)]
    page.wait_for_selector("article:first-child mark")
    assert page.locator("article:last-child mark").count() == 0
    # What waits can be read and found all the same.
    assert "Charles Babbage" in page.locator("article:last-child").inner_text()
    page.locator("article:last-child").scroll_into_view_if_needed()
    page.wait_for_selector("article:last-child mark")
    assert page.locator("article:last-child svg .arc").count() == 3


def long_output(num_sentences: int) -> Dict[str, Any]:
    """Sentences of 20 tokens with 6 entities, 8 mentions and 3 relations each, in clusters of 10."""
    sentence = "Ada met the writer from London who lived near a small river and often wrote to her friend in Paris ."
    words = sentence.split()
    ner, emd, relations, mentions = [], [], [], []
    for number in range(num_sentences):
        first = number * len(words)
        ner += [(first + place, first + place + place % 2, "PERSON") for place in (0, 3, 5, 9, 11, 18)]
        emd += [(first + place, first + place + 1, "PER") for place in (0, 3, 5, 7, 9, 11, 14, 18)]
        relations += [((first + a,) * 2, (first + b,) * 2, "PHYS") for a, b in ((0, 5), (3, 11), (9, 18))]
        mentions += [(first + place, first + place) for place in (0, 16)]
    clusters = [mentions[place : place + 10] for place in range(0, len(mentions), 10)]
    return output([" ".join(words)] * num_sentences, ner, emd, clusters, relations)


def test_two_thousand_tokens(open_outputs):
    page = open_outputs([long_output(100)], LAYERS)
    assert page.locator("mark").count() > 1000
    assert page.locator("svg .arc").count() + page.locator(".found li:visible").count() >= 300
    # The layout is read before anything is drawn: as many elements again cost no more passes over it.
    reads = page.evaluate(
        """() => {
          const view = document.querySelector("article").view.text;
          let writes = 0, mixed = 0;
          const replace = SVGElement.prototype.replaceChildren, read = Element.prototype.getClientRects;
          SVGElement.prototype.replaceChildren = function (...nodes) {
            writes += 1;
            return replace.apply(this, nodes);
          };
          Element.prototype.getClientRects = function () {
            mixed += writes;
            return read.call(this);
          };
          view.draw();
          SVGElement.prototype.replaceChildren = replace;
          Element.prototype.getClientRects = read;
          return [writes, mixed];
        }"""
    )
    assert reads == [1, 0]
    toggle(page, "emd")
    assert page.locator("mark.outlined").count() == 0


@pytest.mark.parametrize("width", [320, 390, 768])
def test_narrow_windows(open_outputs, width):
    page = open_outputs([ADA, long_output(3)], LAYERS, viewport={"width": width, "height": 800})
    page.wait_for_selector("article:last-child mark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = page.eval_on_selector_all(
        "svg .line",
        """lines => lines.every(line => {
          const box = line.getBBox();
          return box.x >= -1 && box.x + box.width <= line.ownerSVGElement.clientWidth + 1;
        })""",
    )
    assert inside


def test_copying(open_outputs):
    page = open_outputs([ADA], LAYERS, permissions=["clipboard-read", "clipboard-write"])
    page.click("#share summary")
    page.click("#copy-json")
    page.locator("#announcement", has_text="Copied.").wait_for(state="attached")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == {"layers": LAYERS, "outputs": [ADA]}
    toggle(page, "ner")
    page.click("#share summary")
    page.click("#copy-link")
    page.locator("#copy-link", has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert page.url.endswith("#hide=ner")
