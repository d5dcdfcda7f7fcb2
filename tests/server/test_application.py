"""What the server answers, by the ASGI application itself."""

import base64
import hashlib
import json
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator, List

import pytest
import torch
from fastapi.testclient import TestClient

from hmtl.errors import UserError
from hmtl.models.calibration import TaskCalibration
from hmtl.predictors import HMTLPredictor
from hmtl.server import Limits
from hmtl.server.about import ModelRecord
from hmtl.server.access import Access
from hmtl.server.application import create_app
from hmtl.server.messages import BadRequest, PredictRequest
from hmtl.server.models import describe, weights_digest
from hmtl.version import VERSION

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
    one = post(client, {"text": TEXTS[0]})
    assert one.status_code == 200
    assert one.json()["outputs"] == [rounded(predictor.predict_json({"text": TEXTS[0]}))]
    sentences = [["Mara", "Lind", "left", "Oslo", "."], ["She", "met", "Tom"]]
    tokens = post(client, {"sentences": sentences})
    assert tokens.json()["outputs"] == [rounded(predictor.predict_json({"sentences": sentences}))]


def test_entities_may_be_given(talkative):
    entities = [{"char_start": 0, "char_end": 9, "label": "PER"}, {"char_start": 24, "char_end": 28, "label": "LOC"}]
    with TestClient(create_app(talkative, LIMITS)) as client:
        (output,) = post(client, {"text": TEXTS[0], "entities": entities}).json()["outputs"]
        assert [row["text"] for row in output["emd"]] == ["Mara Lind", "Oslo"]
        assert output == rounded(talkative.predict(TEXTS[0], entities))
        assert output["relation"] != talkative.predict(TEXTS[0])["relation"]
        asked = {"texts": TEXTS[:2], "entities": [None, {"ner": [[0, 10, "PER"]]}]}
        outputs = post(client, asked).json()["outputs"]
        assert outputs == [
            rounded(talkative.predict(TEXTS[0])),
            rounded(talkative.predict(TEXTS[1], {"ner": [[0, 10, "PER"]]})),
        ]
        sentences = [["Mara", "Lind", "left", "Oslo", "."]]
        of_tokens = {"sentences": sentences, "entities": [[0, 1, "PER"], [3, 3, "LOC"]]}
        (output,) = post(client, of_tokens).json()["outputs"]
        assert [row["text"] for row in output["emd"]] == ["Mara Lind", "Oslo"]


def test_consistency_may_be_asked_for(talkative):
    with TestClient(create_app(talkative, LIMITS)) as client:
        answers = {
            asked: post(client, {"texts": TEXTS[:2], "consistent": asked}).json()["outputs"]
            for asked in (None, False, True)
        }
    expected = {asked: [rounded(talkative.predict(text, consistent=asked)) for text in TEXTS[:2]] for asked in answers}
    assert answers == expected
    assert answers[None] == rounded(answers[False]) != answers[True]


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
    ({"txt": "a"}, 422, "unknown key 'txt'; did you mean 'text'?"),
    ({"text": "a", "tasks": ["ner"]}, 422, "unknown key 'tasks'"),
    ({"text": "a", "sentence": []}, 422, "did you mean 'sentences'?"),
    ({"text": "a", "x" * 1000: 1}, 422, "unknown key 'xxx"),
    ({"sentences": [["a", "b" * 513]]}, 422, "a token has more than 512 characters"),
    ({"text": None}, 422, '{"text": "..."}'),
    ({"text": "a", "texts": ["b"]}, 422, "one of them alone"),
    ({"text": "a", "entities": 3}, 422, "'entities' is int; expected a list"),
    ({"text": "a", "entities": [3]}, 422, "entity 1 is int; expected"),
    ({"text": "a", "entities": [[0, 2, "PER"]]}, 422, "entity 1: characters 0 to 2 are no part of the text"),
    ({"text": "a", "entities": {"coref": []}}, 422, "expected one of the span tasks of the model: ner, emd"),
    ({"text": "a", "entities": {"ner": 3}}, 422, "the entities are int"),
    ({"texts": ["a", "b"], "entities": [[]]}, 422, "'entities' has no entry for each of 2 texts"),
    ({"texts": ["a"], "entities": {"ner": []}}, 422, "'entities' has no entry for each of 1 texts"),
    ({"texts": ["a", "b"], "entities": [None, 3]}, 422, "the entities are int"),
    ({"sentences": [["a"]], "entities": [[0, 0, str(number)] for number in range(51)]}, 422, "51 entities; at most 50"),
    ({"text": "a", "consistent": "yes"}, 422, "'consistent' is str; expected true or false"),
    ({"text": "a", "consistent": 1}, 422, "'consistent' is int"),
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
    ({"text": "a" * 501}, 422, "501 characters; at most 500"),
    ({"texts": ["a", "b " * 251]}, 422, "text 2 of 'texts' has 502 characters"),
    ({"text": "a " * 60}, 422, "a sentence has 60 tokens; at most 50"),
    ({"sentences": [["a"] * 51]}, 422, "a sentence has 51 tokens; at most 50"),
    ({"sentences": [["a" * 400, "b" * 200]]}, 422, "602 characters; at most 500"),
    ({"sentences": "abc"}, 422, "sentences: "),
    ({"sentences": ["abc"]}, 422, "sentences.0: "),
    ({"sentences": [["a", 3]]}, 422, "sentences.0.1: "),
    ({"sentences": [[]]}, 422, ""),
    ({"sentences": [["a", ""]]}, 422, ""),
    ({"text_pair": "a"}, 422, "'text_pair' without 'text'"),
    ({"text": "a", "text_pair": 3}, 422, "text_pair: Input should be a valid string"),
    ({"text": "a" * 300, "text_pair": "a" * 201}, 422, "the pair has 501 characters; at most 500"),
    ({"text": "a", "labels": ["dog"]}, 422, "the labels of this model are fixed"),
    ({"text": "a", "labels": "dog"}, 422, "labels: expected a list of texts"),
    ({"text": "a", "labels": {"a": 3}}, 422, "labels: expected a list of texts"),
    ({"text": "a", "labels": ["dog"] * 101}, 422, "101 labels; at most 100 are allowed"),
    ({"text": "a", "labels": {"a": {"b": "c" * 513}}}, 422, "a label has more than 512 characters"),
    ({"labels": ["dog"]}, 422, '{"text": "..."}'),
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


@pytest.mark.parametrize(
    "wrong", [b'"texts":[%b]' % b",".join([b"1"] * 300_000), b'"sentences":[%b]' % b",".join([b"[1]"] * 200_000)]
)
def test_the_first_of_many_wrong_values_is_told_at_once(wrong):
    start = time.process_time()
    with pytest.raises(BadRequest, match="valid string"):
        PredictRequest.read(b"{%b}" % wrong)
    # With a list of all errors it were seconds, in which nobody else is answered.
    assert time.process_time() - start < 1


def test_nothing_is_found_in_an_empty_text(client, predictor):
    nothing = {"sentences": [], "token_offsets": [], **{task: [] for task in predictor.layers}}
    for body in ({"text": ""}, {"text": " \n\t\u00a0\u2003"}, {"sentences": []}):
        (output,) = post(client, body).json()["outputs"]
        assert output == {"doc_key": "document", "text": body.get("text", ""), **nothing}
    answers = post(client, {"texts": ["", "Tom met Mara.", " " * 400, "Yes."]}).json()["outputs"]
    assert [answer["text"] for answer in answers] == ["", "Tom met Mara.", " " * 400, "Yes."]
    assert [len(answer["sentences"]) for answer in answers] == [0, 1, 0, 1]
    assert answers[1] == post(client, {"text": "Tom met Mara."}).json()["outputs"][0]


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
    post(client, {"text": 3})
    metrics = client.get("/metrics").text
    assert 'hmtl_requests_total{method="POST",path="/predict",status="422"}' in metrics
    assert "process_resident_memory_bytes" in metrics
    client.get("/a-secret")
    assert "secret" not in client.get("/metrics").text


def test_pages_load_nothing_from_elsewhere(client):
    for path in ("/", "/docs", "/model"):
        page = client.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert ("<h1>A &lt;title&gt;" in page.text) == (path != "/model")
        outside = [part for part in page.text.split('"') if part.startswith(("http:", "https:", "//"))]
        # A name, which nobody loads, and the server's own picture of links, which has to be named whole.
        assert set(outside) <= {"http://www.w3.org/2000/svg", "http://testserver/preview.png"}
    for path in ("/predict", "/health", "/ready", "/metrics"):
        assert path in client.get("/docs").text
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]["/predict"]["post"]["responses"]) >= {"200", "413", "422", "429", "503"}


class HeldUp:
    """A predictor that waits until it may go on."""

    def __init__(self, predictor: Any) -> None:
        self._predictor = predictor
        self.may_go_on = threading.Event()
        self.waits = threading.Event()
        self.seen: List[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predictor, name)

    def predict_batch_json(self, texts: List[Any], **options: Any) -> Any:
        self.seen += [text.text for text in texts]
        if any("wait" in text.text for text in texts):
            self.waits.set()
            assert self.may_go_on.wait(60)
        if any("fault" in text.text for text in texts):
            raise RuntimeError("a secret")
        return self._predictor.predict_batch_json(texts, **options)


@pytest.fixture
def held_up(predictor) -> HeldUp:
    return HeldUp(predictor)


def test_a_full_queue(held_up):
    limits = Limits(max_queue=2, client_share=1.0)
    with TestClient(create_app(held_up, limits)) as client, ThreadPoolExecutor(3) as pool:
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
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
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


def waits_for(client: TestClient, number: int) -> bool:
    """Whether so many texts wait for the model within half a minute."""
    deadline = time.monotonic() + 30
    batcher = client.app.state.models.first.service.batcher
    while batcher.num_waiting != number and time.monotonic() < deadline:
        time.sleep(0.01)
    return batcher.num_waiting == number


def test_the_limits_of_one_address(held_up):
    limits = Limits(max_queue=4, max_requests=4, client_share=0.5)
    access = Access(trusted_proxies=1)
    with TestClient(create_app(held_up, limits, access=access)) as client, ThreadPoolExecutor(4) as pool:

        def ask(address: str, *texts: str) -> Any:
            # The first is what the client claims, the last what the proxy saw.
            return client.post("/predict", json={"texts": texts}, headers={"X-Forwarded-For": f"9.9.9.9, {address}"})

        first = pool.submit(ask, "10.0.0.1", "wait")
        assert held_up.waits.wait(30)
        refused = ask("10.0.0.1", "a", "b", "c")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "of this address wait for the model, of at most 2" in refused.json()["detail"]
        second = pool.submit(ask, "10.0.0.1", "a", "b")
        assert waits_for(client, 2)
        refused = ask("10.0.0.1", "d")
        assert refused.status_code == 429
        assert "more than 2 requests of this address" in refused.json()["detail"]
        other = pool.submit(ask, "10.0.0.2", "e")
        assert waits_for(client, 3)
        held_up.may_go_on.set()
        assert [answer.result(60).status_code for answer in (first, second, other)] == [200] * 3


def test_without_a_trusted_proxy_nobody_can_claim_an_address():
    def client_of(access: Access, *forwarded: str) -> str:
        headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
        return access.client({"type": "http", "headers": headers, "client": ("127.0.0.1", 1)})

    assert client_of(Access(), "10.0.0.1") == "127.0.0.1"
    assert client_of(Access(trusted_proxies=1), "9.9.9.9, 10.0.0.1") == "10.0.0.1"
    assert client_of(Access(trusted_proxies=2), "9.9.9.9, 10.0.0.1", "10.0.0.2") == "10.0.0.1"
    assert client_of(Access(trusted_proxies=2), "10.0.0.1") == "127.0.0.1"
    assert client_of(Access(trusted_proxies=1)) == "127.0.0.1"


def test_an_answer_with_too_many_rows(predictor):
    def rows_of(text: str) -> int:
        output = predictor.predict(text)
        clusters = sum(map(len, output["coref"]))
        return clusters + sum(len(output[task]) for task in predictor.layers if task != "coref")

    number = rows_of(TEXTS[0])
    assert number > rows_of("Yes") >= 0
    with TestClient(create_app(predictor, Limits(max_answer_rows=number))) as client:
        assert post(client, {"text": TEXTS[0]}).status_code == 200
    with TestClient(create_app(predictor, Limits(max_answer_rows=number - 1))) as client:
        answer = post(client, {"text": TEXTS[0]})
        assert answer.status_code == 422
        assert f"{number:,} spans, relations and mentions were found" in answer.json()["detail"]
        assert post(client, {"text": "Yes"}).status_code == 200


def test_texts_are_split_once(predictor, monkeypatch):
    split: List[str] = []
    whole = predictor._split
    monkeypatch.setattr(predictor, "_split", lambda text: split.append(text) or whole(text))
    with TestClient(create_app(predictor, LIMITS)) as client:
        split.clear()
        texts = [TEXTS[0], "a " * 60, TEXTS[1]]
        assert post(client, {"texts": texts}).status_code == 422
        assert split == texts
        split.clear()
        assert post(client, {"texts": texts[::2]}).status_code == 200
        assert split == texts[::2]


def test_each_request_gets_the_labels_that_it_asks_for(text_label_run):
    predictor = HMTLPredictor.load(text_label_run)
    predictor.model.head("mentions").threshold = 0.001
    asked = [None, ["dog", "person"], {"X": "bread"}, {"mentions": ["dog"]}] * 4
    with TestClient(create_app(predictor, LIMITS)) as client, ThreadPoolExecutor(8) as pool:
        bodies = [{"text": TEXTS[0], **({} if labels is None else {"labels": labels})} for labels in asked]
        answers = list(pool.map(lambda body: post(client, body).json(), bodies))
        info = client.get("/info").json()["tasks"]["mentions"]
        assert post(client, {"text": TEXTS[0], "labels": []}).json()["detail"].startswith("labels: none is named")
        assert post(client, {"text": TEXTS[0], "labels": {"ner": ["dog"]}}).status_code == 422
    expected = [predictor.predict(TEXTS[0], labels=labels) for labels in asked]
    assert [answer["outputs"] for answer in answers] == [[rounded(output)] for output in expected]
    assert len({json.dumps(output["mentions"]) for output in expected}) == 4
    assert info.pop("reads") == predictor.model.reads["mentions"]
    assert info == {"predicts": "spans", "labels": predictor.labels["mentions"], "takes_labels": True}


def test_info(client, predictor):
    info = client.get("/info").json()
    assert (info["model"], info["version"]) == ("hmtl", VERSION)
    assert info["tasks"]["ner"] == {"predicts": "spans", "labels": predictor.labels["ner"], "reads": []}
    assert info["tasks"]["relation"]["reads"] == ["emd"]
    assert {task: entry["predicts"] for task, entry in info["tasks"].items()} == predictor.layers
    found = {row["label"] for text in TEXTS for row in predictor.predict(text)["ner"]}
    assert found <= set(info["tasks"]["ner"]["labels"])
    assert info["limits"]["max_texts"] == 8
    assert predictor.model.calibration == {}
    assert info["weights_sha256"] == weights_digest(predictor.model)


def test_the_calibration_of_the_model_is_told(talkative):
    talkative.model.calibrate({"relation": TaskCalibration(1.5, 0.999)})
    try:
        tasks = describe(talkative, "hmtl", LIMITS, ModelRecord())["tasks"]
        assert tasks["relation"]["calibration"] == {"temperature": 1.5, "threshold": 0.999}
        assert "calibration" not in tasks["ner"]
    finally:
        talkative.model.calibrate({})


def test_the_digest_is_that_of_the_values_alone():
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -2.0]]))
        layer.bias.fill_(0.5)
    # By hand: sorted names, types, shapes, and the bytes of little-endian floats.
    expected = hashlib.sha256(
        b"bias torch.float32 (1,)\n"
        + struct.pack("<f", 0.5)
        + b"weight torch.float32 (1, 2)\n"
        + struct.pack("<2f", 1.0, -2.0)
    ).hexdigest()
    assert weights_digest(layer) == expected
    layer.weight.data[0, 1] = -2.0000002
    assert weights_digest(layer) != expected


def test_head_answers_as_get_without_a_body(client):
    for path in ("/", "/health", "/ready", "/info", "/metrics", "/docs", "/nothing"):
        head, get = client.head(path), client.get(path)
        assert head.status_code == get.status_code
        assert head.content == b"" and get.content
        assert head.headers["content-type"] == get.headers["content-type"]
    assert client.head("/predict").status_code == 405


def test_what_browsers_are_told(client):
    for answer in (client.get("/"), client.get("/docs"), client.get("/nothing"), post(client, {"text": "Yes"})):
        policy = answer.headers["content-security-policy"]
        assert policy.endswith("; frame-ancestors 'none'")
        assert policy.startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    page = client.get("/")
    # What the page states itself: the header must not forbid the page its own script.
    stated = page.text.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert "script-src 'sha256-" in stated
    assert page.headers["content-security-policy"] == f"{stated}; frame-ancestors 'none'"


def test_hosts(predictor):
    access = Access(allowed_hosts=("example.org", "[::1]"), frame_ancestors="'self' https://example.org")
    with TestClient(create_app(predictor, access=access)) as client:

        def status(path: str, host: str) -> int:
            return client.get(path, headers={"Host": host}).status_code

        for host in ("example.org", "example.org:8000", "EXAMPLE.org", "[::1]:8000"):
            assert status("/info", host) == 200, host
        for host in ("evil.test", "example.org.evil.test", "evil.example.org", "", "[::1", "::1", "[::2]"):
            assert status("/info", host) == 421, host
        # Probes know addresses alone.
        assert status("/health", "10.1.2.3:8000") == 200
        answer = client.get("/", headers={"Host": "example.org"})
        assert answer.headers["content-security-policy"].endswith("; frame-ancestors 'self' https://example.org")


def test_pages_of_other_sites(client):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/predict", json={"text": "Yes"}, headers=headers).status_code == 403
    for site in ("same-origin", "none"):
        headers = {"Sec-Fetch-Site": site}
        assert client.post("/predict", json={"text": "Yes"}, headers=headers).status_code == 200


def test_an_api_key(predictor, caplog):
    key = "a-key-of-18-letters"
    caplog.set_level("DEBUG")
    with TestClient(create_app(predictor, access=Access(api_key=key))) as client:

        def status(authorization: str) -> int:
            headers = {"Authorization": authorization} if authorization else {}
            return client.post("/predict", json={"text": "Yes"}, headers=headers).status_code

        def basic(text: str) -> str:
            return "Basic " + base64.b64encode(text.encode()).decode()

        for right in (f"Bearer {key}", f"bearer {key}", basic(f":{key}"), basic(f"anybody:{key}")):
            assert status(right) == 200, right
        wrong = ["", key, "Bearer", f"Bearer {key}x", f"Bearer {key[:-1]}", f"Bearer x{key}", f"Digest {key}"]
        for authorization in [*wrong, basic(key), basic(f"{key}:"), "Basic ?", "Basic", "Bearer \u00e9"]:
            assert status(authorization.encode("latin-1")) == 401, authorization  # type: ignore[arg-type]
        for path in ("/", "/info", "/metrics", "/docs", "/openapi.json", "/nothing"):
            answer = client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Basic realm="hmtl"'
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
        assert key not in client.get("/info", headers={"Authorization": f"Bearer {key}"}).text
    assert key not in caplog.text
    assert key not in repr(Access(api_key=key))


def test_rules_that_cannot_be_meant():
    for wrong in (
        {"api_key": ""},
        {"api_key": "short"},
        {"api_key": "with a blank in it"},
        {"trusted_proxies": -1},
        {"frame_ancestors": "'self'; script-src *"},
        {"frame_ancestors": ""},
        {"allowed_hosts": ("example.org:80",)},
        {"allowed_hosts": ("https://example.org",)},
    ):
        with pytest.raises(UserError):
            Access(**wrong)  # type: ignore[arg-type]
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(UserError, match="client_share"):
            Limits(client_share=share)
