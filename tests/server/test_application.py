"""What the server answers, by the ASGI application itself."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator, List

import pytest
from fastapi.testclient import TestClient

from hmtl.server import Limits
from hmtl.server.application import create_app

TEXTS = [
    "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord Bakeries in Bergen.",
    "Tom Okafor visited his aunt in Lagos.",
    "Yes",
    "שלום מרה 🎉 e\u0301 in\u00a0Oslo.\n\n\tShe left.",
]
LIMITS = Limits(
    max_body_bytes=5_000, max_texts=8, max_characters=500, max_sentence_tokens=50, read_seconds=5, answer_seconds=60
)


@pytest.fixture(scope="module")
def client(predictor) -> Iterator[TestClient]:
    with TestClient(create_app(predictor, LIMITS, title="A <title>"), raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, body: Any) -> Any:
    """The answer to a body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/predict", content=content, headers={"Content-Type": "application/json"})


def rounded(value: Any) -> Any:
    """Probabilities may differ in the last digits between batches."""
    if isinstance(value, dict):
        return {key: pytest.approx(item, abs=1e-3) if key == "score" else rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def test_answers_equal_offline_prediction(client, predictor):
    answer = post(client, {"texts": TEXTS}).json()
    assert answer["layers"] == predictor.layers
    assert answer["outputs"] == [rounded(predictor.predict_json({"text": text})) for text in TEXTS]
    for output in answer["outputs"]:
        for row in output["ner"] + output["emd"]:
            assert output["text"][row["char_start"] : row["char_end"]] == row["text"]


def test_one_text_and_tokens(client, predictor):
    one = post(client, {"text": TEXTS[0], "something": "else"})
    assert one.status_code == 200
    assert one.json()["outputs"] == [rounded(predictor.predict_json({"text": TEXTS[0]}))]
    sentences = [["Mara", "Lind", "left", "Oslo", "."], ["She", "met", "Tom"]]
    tokens = post(client, {"sentences": sentences})
    assert tokens.json()["outputs"] == [rounded(predictor.predict_json({"sentences": sentences}))]


def test_requests_at_once_get_their_own_answers(client, predictor):
    texts = [f"{TEXTS[number % 2]} Number {number}." for number in range(40)]
    expected = [rounded(predictor.predict_json({"text": text})) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: post(client, {"text": text}).json(), texts))
    assert [answer["outputs"] for answer in answers] == [[output] for output in expected]
    # They were read together: fewer batches than texts.
    metrics = client.get("/metrics").text
    batches, read = (number_of(metrics, f"hmtl_batch_texts_{name}") for name in ("count", "sum"))
    assert batches < read - 10


def number_of(metrics: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in metrics.splitlines() if line.split()[0] == name)


DEEP = 100_000
BAD = [
    (b"", 422, "EOF"),
    (b"{", 422, "EOF"),
    (b"not json", 422, "expected"),
    (b'{"text": "a"} {"text": "b"}', 422, "trailing"),
    (b'{"text": "\xff\xfe"}', 422, "invalid"),
    (b'{"text": "\\ud800"}', 422, "hex escape"),
    (b'{"text": "\\udc00 a"}', 422, "surrogate"),
    (b"\x00\x01\x02", 422, "expected"),
    ("﻿{}".encode("utf-16"), 422, "expected"),
    (b"[" * 2_000, 422, "recursion"),
    (b'{"text": ' + b'{"a":' * 700 + b"1" + b"}" * 700 + b"}", 422, "expected"),
    (None, 422, "object"),
    (3, 422, "object"),
    ("a text", 422, "object"),
    ([], 422, "object"),
    ([{"text": "a"}], 422, "object"),
    ({}, 422, '{"text": "..."}'),
    ({"txt": "a"}, 422, '{"text": "..."}'),
    ({"text": None}, 422, '{"text": "..."}'),
    ({"text": "a", "texts": ["b"]}, 422, "one of them alone"),
    ({"text": 3}, 422, "text: Input should be a valid string"),
    ({"text": ["a"]}, 422, "text: "),
    ({"text": True}, 422, "text: "),
    ({"text": {"a": "b"}}, 422, "text: "),
    ({"texts": "abc"}, 422, "texts: "),
    ({"texts": ["a", 3]}, 422, "texts.1: "),
    ({"texts": [["a"]]}, 422, "texts.0: "),
    ({"texts": []}, 422, "0 texts; expected 1 to 8"),
    ({"texts": ["a"] * 9}, 422, "9 texts; expected 1 to 8"),
    ({"texts": [1] * 1000}, 422, "texts.0: "),
    ({"text": ""}, 422, "'text' is empty"),
    ({"text": " \n\t\u00a0\u2003"}, 422, "'text' is empty"),
    ({"texts": ["a", " "]}, 422, "text 2 of 'texts' is empty"),
    ({"text": "a" * 501}, 422, "501 characters; at most 500"),
    ({"texts": ["a", "b " * 251]}, 422, "text 2 of 'texts' has 502 characters"),
    ({"text": "a " * 60}, 422, "a sentence has 60 tokens; at most 50"),
    ({"sentences": [["a"] * 51]}, 422, "a sentence has 51 tokens; at most 50"),
    ({"sentences": [["a" * 600]]}, 422, "601 characters; at most 500"),
    ({"sentences": "abc"}, 422, "sentences: "),
    ({"sentences": ["abc"]}, 422, "sentences.0: "),
    ({"sentences": [["a", 3]]}, 422, "sentences.0.1: "),
    ({"sentences": [[]]}, 422, ""),
    ({"sentences": [["a", ""]]}, 422, ""),
    (b" " * 5_001, 413, "5,000 bytes"),
    (b'{"text": "' + b"a" * 10_000_000 + b'"}', 413, "5,000 bytes"),
    (b"[" * DEEP, 413, "5,000 bytes"),
]


@pytest.mark.parametrize(("body", "status", "reason"), BAD, ids=range(len(BAD)))
def test_what_is_no_request(client, body, status, reason):
    answer = post(client, body)
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert isinstance(detail, str) and detail and "\n" not in detail and len(detail) < 300
    assert reason in detail
    assert post(client, {"text": "Yes"}).status_code == 200


def test_the_reason_does_not_repeat_the_text(client):
    for body in ({"text": ["a secret"]}, {"texts": ["a secret", 3]}, b'{"text": "a secret'):
        assert "secret" not in post(client, body).text


def test_every_control_character(client, predictor):
    characters = [
        chr(number) for number in [*range(0x20), 0x7F, *range(0x80, 0xA0), 0xAD, 0x200B, 0x202E, 0xFEFF, 0xFFFF]
    ]
    for character in characters:
        text = f"Mara{character} Lind {character} left{character}"
        answer = post(client, {"text": text})
        assert answer.status_code == 200, repr(character)
        output = answer.json()["outputs"][0]
        assert output["text"] == text
        tokens = [token for sentence in output["sentences"] for token in sentence]
        assert [text[start:end] for start, end in output["token_offsets"]] == tokens
    alone = [character for character in characters if character.strip()]
    for character in alone:
        assert post(client, {"text": character}).status_code == 200, repr(character)


def test_a_content_length_that_is_none(client):
    headers = {"Content-Length": "many"}
    assert client.post("/predict", content=b'{"text": "Yes"}', headers=headers).status_code in (200, 400)


def test_unknown_paths_and_methods_have_a_reason(client):
    for answer, status in [
        (client.get("/nothing"), 404),
        (client.get("/predict"), 405),
        (client.post("/health"), 405),
        (client.get("/../../etc/passwd"), 404),
    ]:
        assert answer.status_code == status
        assert answer.json()["detail"]


def test_health_and_metrics(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    post(client, {"text": ""})
    metrics = client.get("/metrics").text
    assert 'hmtl_requests_total{method="POST",path="/predict",status="422"}' in metrics
    assert "process_resident_memory_bytes" in metrics
    client.get("/a-secret")
    assert "secret" not in client.get("/metrics").text


def test_pages_load_nothing_from_elsewhere(client):
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>A &lt;title&gt;" in page.text
        outside = [part for part in page.text.split('"') if part.startswith(("http:", "https:", "//"))]
        assert set(outside) <= {"http://www.w3.org/2000/svg"}  # a name, which nobody loads
    for path in ("/predict", "/health", "/ready", "/metrics"):
        assert path in client.get("/docs").text
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]["/predict"]["post"]["responses"]) >= {"200", "413", "422", "429", "503"}


class HeldUp:
    """A predictor that waits until it may go on."""

    def __init__(self, predictor: Any) -> None:
        self._predictor = predictor
        self.layers = predictor.layers
        self.may_go_on = threading.Event()
        self.waits = threading.Event()
        self.seen: List[str] = []

    def predict_batch_json(self, records: List[Any]) -> Any:
        self.seen += [record["text"] for record in records]
        if any("wait" in record["text"] for record in records):
            self.waits.set()
            assert self.may_go_on.wait(60)
        if any("fault" in record["text"] for record in records):
            raise RuntimeError("a secret")
        return self._predictor.predict_batch_json(records)


@pytest.fixture
def held_up(predictor) -> HeldUp:
    return HeldUp(predictor)


def test_a_full_queue(held_up):
    with TestClient(create_app(held_up, Limits(max_queue=2))) as client, ThreadPoolExecutor(3) as pool:
        first = pool.submit(post, client, {"text": "wait"})
        assert held_up.waits.wait(30)
        too_many = post(client, {"texts": ["a", "b", "c"]})
        assert (too_many.status_code, too_many.headers["retry-after"]) == (429, "1")
        assert "at most 2" in too_many.json()["detail"]
        others = pool.submit(post, client, {"texts": ["a", "b"]})
        while client.get("/ready").status_code == 200:
            pass
        assert client.get("/health").status_code == 200
        held_up.may_go_on.set()
        assert first.result(60).status_code == 200
        assert others.result(60).status_code == 200
        assert client.get("/ready").status_code == 200


def test_an_answer_that_takes_too_long(held_up):
    with TestClient(create_app(held_up, Limits(answer_seconds=0.3))) as client:
        late = post(client, {"texts": ["wait", "dropped"]})
        assert (late.status_code, late.headers["retry-after"]) == (503, "5")
        assert "within 0.3 seconds" in late.json()["detail"]
        again = post(client, {"text": "also dropped"})
        assert again.status_code == 503
        held_up.may_go_on.set()
        assert post(client, {"text": "Yes"}).status_code == 200
    # Nobody waited any more for what the model had not begun.
    assert "also dropped" not in held_up.seen


def test_too_many_open_requests(held_up):
    with TestClient(create_app(held_up, Limits(max_requests=1))) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, client, {"text": "wait"})
        assert held_up.waits.wait(30)
        refused = post(client, {"text": "Yes"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "1 requests are open" in refused.json()["detail"]
        held_up.may_go_on.set()
        assert first.result(60).status_code == 200


def test_a_fault_of_the_model_costs_one_answer(held_up, caplog):
    held_up.may_go_on.set()
    with TestClient(create_app(held_up), raise_server_exceptions=False) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda text: post(client, {"text": text}), ["Yes", "a fault", "No", "Perhaps"]))
        assert [answer.status_code for answer in answers] == [200, 500, 200, 200]
        assert answers[1].json() == {"detail": "a fault of the server; its log says more"}
        assert client.get("/health").status_code == 200
    faults = [record.fields for record in caplog.records if "error" in getattr(record, "fields", {})]
    assert [fault["error"] for fault in faults] == ["RuntimeError"]
    assert any("test_application.py" in place for place in faults[0]["traceback"])
    assert "secret" not in caplog.text
