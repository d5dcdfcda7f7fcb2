"""The page of a server, with a model that has learned something."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from annotated import PLAIN

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {"ner": "mark.filled", "emd": "mark.outlined", "coref": "mark.mention", "relation": "svg .arc"}


@pytest.fixture(scope="module")
def server(chromium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `hmtl serve` with the quickstart after three epochs."""
    for package in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(package, reason=f"hmtl[serve] is not installed: no {package}")
    run = tmp_path_factory.mktemp("page") / "run"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    train = [
        sys.executable,
        "-m",
        "hmtl",
        "train",
        "configs/quickstart.jsonnet",
        "-s",
        str(run),
        "-o",
        '{"trainer.num_epochs": 3}',
    ]
    subprocess.run(train, cwd=ROOT, env=environment, check=True, capture_output=True)
    with served(run, "--max-characters", "20000") as address:
        yield address


@contextlib.contextmanager
def served(run: Path, *options: str) -> Iterator[str]:
    """`hmtl serve` in a process of its own, by its address."""
    serve = [sys.executable, "-m", "hmtl", "serve", str(run), "--port", "0", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(serve, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            event = json.loads(line)
            address = event.get("url", address)
            if "startup complete" in event["event"]:
                break
        yield address
        process.terminate()
        with contextlib.suppress(BrokenPipeError):
            process.communicate(timeout=60)


def sample_text(num_documents: int) -> str:
    """Documents of the sample, which the model was trained on."""
    with open(ROOT / "data" / "sample" / "train.jsonl", encoding="utf-8") as lines:
        documents = [json.loads(line) for line, _ in zip(lines, range(num_documents))]
    return "\n\n".join(" ".join(token for sentence in d["sentences"] for token in sentence) for d in documents)


def annotated(page: Any, text: str) -> None:
    """Types a text, as by a keyboard, and waits for its annotations."""
    page.fill("#text", text)
    page.wait_for_selector("#texts[aria-busy=false]", state="attached")


def test_type_toggle_and_link(server, open_page):
    page = open_page(server)
    page.wait_for_selector("article mark")
    assert page.input_value("#text").startswith("Ines Carvalho")

    text = sample_text(3)
    annotated(page, text)
    counts = {layer: page.locator(selector).count() for layer, selector in LAYERS.items()}
    assert all(counts.values()), counts
    for layer, selector in LAYERS.items():
        page.uncheck(f"#layers input[name={layer}]")
        assert page.locator(selector).count() == 0
    page.check("#layers input[name=coref]")

    # The link gives the same text with the same layers.
    linked = open_page(page.url)
    linked.wait_for_selector("mark.mention")
    assert linked.input_value("#text") == text
    shown = {layer: linked.locator(selector).count() for layer, selector in LAYERS.items()}
    assert shown == {**dict.fromkeys(LAYERS, 0), "coref": counts["coref"]}

    # An example replaces the text.
    page.click("#examples button >> text=Business")
    page.wait_for_selector("article:has-text('Hollin Rail')")


def test_layers_that_agree(server, open_page):
    page = open_page(server)
    annotated(page, sample_text(2))
    asked = []
    page.on("request", lambda request: asked.append(json.loads(request.post_data)))
    page.check("#consistent")
    page.wait_for_selector("#texts[aria-busy=false]", state="attached")
    assert asked == [{"text": sample_text(2), "consistent": True}]
    # The link says so, too.
    linked = open_page(page.url)
    linked.wait_for_selector("article mark")
    assert linked.is_checked("#consistent") and linked.input_value("#text") == sample_text(2)
    page.uncheck("#consistent")
    page.wait_for_selector("#texts[aria-busy=false]", state="attached")
    assert asked[1:] == [{"text": sample_text(2)}] and not open_page(page.url).is_checked("#consistent")


def test_markup_and_odd_characters_stay_text(server, open_page):
    page = open_page(server)
    for text in (
        "<script>window.evil = 1</script> Ada </script> left .",
        "🎉 Ada\u00a0Lovelace e\u0301 שלום & &amp; #%?",
    ):
        annotated(page, text)
        shown = " ".join(page.eval_on_selector_all(".sentences p", PLAIN))
        assert shown.split() == text.split()
        assert page.evaluate("window.evil") is None
        again = open_page(page.url)
        again.wait_for_selector("article")
        assert again.input_value("#text") == text


def test_what_the_server_refuses_is_said(server, open_page):
    page = open_page(server)
    annotated(page, "a" * 20_001)
    assert "at most 20,000" in page.inner_text("#message")
    assert page.get_by_role("alert").count() == 1
    annotated(page, "Ada left.")
    assert page.inner_text("#message") == ""
    page.fill("#text", " ")
    page.wait_for_selector("article", state="detached")


def test_typing_fast_asks_for_the_last_text_alone(server, open_page):
    page = open_page(server)
    page.wait_for_selector("article mark")
    asked = []
    page.on("request", lambda request: asked.append(request.post_data))
    page.fill("#text", "")
    page.type("#text", "Ada lived in London .", delay=5)
    page.wait_for_selector("article:has-text('lived in')")
    assert [json.loads(body) for body in asked] == [{"text": "Ada lived in London ."}]


def test_two_thousand_tokens(server, open_page):
    page = open_page(server)
    text = " ".join((sample_text(40) + " ").split()[:2000])
    annotated(page, text)
    assert page.locator("article mark").count() > 300
    page.uncheck("#layers input[name=ner]")
    assert page.locator("mark.filled").count() == 0


def test_the_description_of_the_interface(server, open_page):
    page = open_page(server)
    page.click("footer a")
    page.wait_for_selector("h2:has-text('POST /predict')")


def test_labels_that_are_asked_for(text_label_run: Path, chromium: Any, open_page: Any) -> None:
    with served(text_label_run, "--max-characters", "20000") as address:
        page = open_page(address)
        page.wait_for_selector("#texts[aria-busy=false]", state="attached")
        assert page.is_visible("#labels") and "person" in page.get_attribute("#labels", "placeholder")
        with page.expect_request("**/predict") as request:
            page.fill("#labels", "dog, , brown bread")
        assert request.value.post_data_json["labels"] == ["dog", "brown bread"]
        page.wait_for_selector("#texts[aria-busy=false]", state="attached")
        # The link keeps them.
        linked = open_page(page.url)
        assert linked.input_value("#labels") == "dog, , brown bread"
        with page.expect_request("**/predict") as request:
            page.fill("#labels", "")
        assert "labels" not in request.value.post_data_json


def test_where_labels_are_fixed_there_is_no_box_for_others(server: str, open_page: Any) -> None:
    page = open_page(server)
    assert page.is_hidden("#labels") and page.is_hidden("#second")


def test_the_second_text_of_a_pair(pairs_run: Path, chromium: Any, open_page: Any) -> None:
    with served(pairs_run) as address:
        page = open_page(address)
        page.wait_for_selector("#texts[aria-busy=false]", state="attached")
        annotated(page, "A man is asleep.")
        with page.expect_request("**/predict") as request:
            page.fill("#second", "Somebody sleeps.")
        assert request.value.post_data_json == {"text": "A man is asleep.", "text_pair": "Somebody sleeps."}
        page.wait_for_selector("article:has-text('Somebody sleeps.')")
        # The link keeps both texts; one without the second is one text.
        linked = open_page(page.url)
        linked.wait_for_selector("article:has-text('Somebody sleeps.')")
        assert linked.input_value("#second") == "Somebody sleeps."
        with linked.expect_request("**/predict") as request:
            linked.click("#examples button >> nth=0")
        assert "text_pair" not in request.value.post_data_json and linked.input_value("#second") == ""


@pytest.mark.parametrize(
    "status, body, said",
    [
        (502, "<html>bad gateway</html>", "The server answers 502 Bad Gateway, and gives no reason."),
        (500, "null", "The server answers 500 Internal Server Error, and gives no reason."),
        (200, "<html>", "What answers is not the server of this page."),
        (429, '{"detail": "later"}', "later"),
    ],
)
def test_after_an_error_nothing_of_an_older_text_is_left(server, chromium, status, body, said):
    page = chromium.new_page()
    page.goto(server)
    page.wait_for_selector("article mark")
    page.route("**/predict", lambda route: route.fulfill(status=status, body=body))
    page.fill("#text", "Zed lives in Rome.")
    # From the first key on.
    assert page.is_disabled("#copy-json")
    page.wait_for_selector("#message:not(:empty)")
    assert page.inner_text("#message") == said
    assert page.locator("article").count() == 0
    assert page.is_disabled("#copy-json") and not page.is_disabled("#copy-link")
    page.close()


def test_a_busy_server_is_asked_again(server, chromium):
    page = chromium.new_page()
    page.goto(server)
    page.wait_for_selector("article mark")
    asked = []

    def busy_at_first(route: Any) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=503, body='{"detail": "busy"}', headers={"Retry-After": "1"})
        else:
            route.continue_()

    page.route("**/predict", busy_at_first)
    page.fill("#text", "Ada lived in London.")
    page.wait_for_selector("#message:has-text('asked again in 1 second')")
    page.wait_for_selector("article:has-text('lived in')")
    assert (len(asked), page.inner_text("#message")) == (2, "")
    page.close()


def test_files_examples_and_the_way_back(server, open_page, tmp_path):
    page = open_page(server)
    page.click("#examples button >> text=News")
    page.wait_for_selector("article:has-text('has been named')")
    page.click("#examples button >> text=Speech")
    page.wait_for_selector("article:has-text('Friends')")
    page.go_back()
    page.wait_for_selector("article:has-text('has been named')")
    file = tmp_path / "a.txt"
    file.write_text("Mara slept at sea.", encoding="utf-8")
    page.set_input_files("#file", file)
    page.wait_for_selector("article:has-text('slept at sea')")
    page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File(["Mara slept on land."], "b.txt"));
          dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        }"""
    )
    page.wait_for_selector("article:has-text('slept on land')")
    file.write_bytes(b"\xff\xfe")
    page.set_input_files("#file", file)
    page.wait_for_selector("#message:has-text('is no text in UTF-8')")


def test_programs_ask_for_the_same(server, open_page):
    page = open_page(server, permissions=["clipboard-read", "clipboard-write"])
    page.wait_for_selector("article mark")
    annotated(page, 'Ada\'s "cat" lived in\nLondon.')
    page.click("#share summary")
    for button, program in (("#copy-python", [sys.executable, "-"]), ("#copy-curl", ["bash"])):
        page.click(button)
        page.locator(button, has_text="Copied").wait_for()
        code = page.evaluate("navigator.clipboard.readText()")
        answer = subprocess.run(program, input=code, capture_output=True, text=True, check=True, timeout=60)
        found = json.loads(answer.stdout)
        assert found.get("text", found.get("outputs", [{}])[0].get("text")) == 'Ada\'s "cat" lived in\nLondon.'
