"""Several models in one server, and models that take the places of others while it serves."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Coroutine, Iterator

import pytest
from fastapi.testclient import TestClient

from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor
from hmtl.server import Limits
from hmtl.server.access import Access
from hmtl.server.application import create_app
from hmtl.server.models import Models, weights_digest

TEXT = "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord Bakeries in Bergen."


@pytest.fixture(scope="module")
def other(talkative_run: Path) -> HMTLPredictor:
    return HMTLPredictor.load(talkative_run)


@pytest.fixture(scope="module")
def client(predictor, other) -> Iterator[TestClient]:
    app = create_app(predictor, Limits(), name="small", others={"talkative": other})
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def found_by(client: TestClient, path: str = "/predict", **asked: Any) -> Any:
    answer = client.post(path, json={"text": TEXT, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"][0]


def test_each_model_answers_by_its_name(client, predictor, other):
    first, second = (json.loads(json.dumps(each.predict(TEXT))) for each in (predictor, other))
    assert first != second
    assert found_by(client) == found_by(client, model="small") == found_by(client, "/models/small/predict") == first
    assert found_by(client, model="talkative") == found_by(client, "/models/talkative/predict") == second


def test_a_name_that_no_model_has(client):
    answer = client.post("/predict", json={"text": TEXT, "model": "talkativ"})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "unknown model 'talkativ'; did you mean 'talkative'?",
    )
    assert client.post("/predict", json={"text": TEXT, "model": 3}).json()["detail"].startswith("'model' is int")
    for path in ("/models/none/", "/models/none/info", "/models/none/docs"):
        assert client.get(path).status_code == 404, path
    assert client.post("/models/none/predict", json={"text": TEXT}).status_code == 404


def test_what_is_told_of_each(client, predictor, other):
    for path, name, of in (("/info", "small", predictor), ("/models/talkative/info", "talkative", other)):
        info = client.get(path).json()
        assert (info["model"], info["models"]) == (name, ["small", "talkative"])
        assert info["weights_sha256"] == weights_digest(of.model)
        line = f'hmtl_model{{model="{name}",version="{info["version"]}",weights_sha256="{info["weights_sha256"]}"}} 1.0'
        assert line in client.get("/metrics").text
    assert "predict" in client.get("/models/talkative/").text
    # Whatever models are asked for, the counters have as many rows.
    client.get("/models/secret/")
    assert "secret" not in client.get("/metrics").text


def test_the_example_of_the_interface_asks_this_server(client, predictor):
    def example(page: Any) -> str:
        return page.text.partition("curl -s ")[2].partition(" ")[0]

    assert example(client.get("/docs", headers={"Host": "ner.example.org:81"})) == "http://ner.example.org:81/predict"
    named = client.get("/models/talkative/docs", headers={"Host": "[::1]:8000"})
    assert example(named) == "http://[::1]:8000/models/talkative/predict"
    # What would be a command of its own in a shell is not repeated, and only a proxy may name the scheme.
    evil = client.get("/docs", headers={"Host": "x';reboot", "X-Forwarded-Proto": "https"})
    assert example(evil) == "http://127.0.0.1:8000/predict"
    with TestClient(create_app(predictor, access=Access(trusted_proxies=1))) as behind:
        page = behind.get("/docs", headers={"Host": "ner.example.org", "X-Forwarded-Proto": "https"})
        assert example(page) == "https://ner.example.org/predict"


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: that of the tests may have a loop that runs, a browser's."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def test_others_take_the_places_of_models_and_texts_keep_theirs(predictor, other):
    begun, may_end = threading.Event(), threading.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(predictor, name)

        def predict_batch_json(self, texts: Any, **options: Any) -> Any:
            if any(text.text == TEXT for text in texts):
                begun.set()
                assert may_end.wait(60)
            return predictor.predict_batch_json(texts, **options)

    async def exchange() -> None:
        models = Models({"a": Slow(), "b": Slow()}, Limits(), "hmtl")  # type: ignore[dict-item]
        old = list(models)
        (taken,) = models.named("b").service.submit([{"text": TEXT}])
        assert await asyncio.to_thread(begun.wait, 60)

        def broken() -> Any:
            raise UserError("no such archive")

        with pytest.raises(UserError, match="no such archive"):
            await models.replace(broken)
        assert list(models) == old and models.alive
        exchanged = asyncio.create_task(models.replace(lambda: {"b": other}))
        while models.names != ["b"]:
            await asyncio.sleep(0.01)
        # The new model answers, while the old one still works on what it took.
        (now,) = models.named(None).service.submit([{"text": TEXT}])
        assert json.loads(await asyncio.wrap_future(now)) == json.loads(json.dumps(other.predict(TEXT)))
        assert not taken.done() and not exchanged.done()
        may_end.set()
        await exchanged
        assert json.loads(taken.result(60)) == json.loads(json.dumps(predictor.predict(TEXT)))
        assert not any(model.service.batcher.alive for model in old)
        assert weights_digest(predictor.model) not in models.metrics.text().decode()
        assert models.close()

    run_apart(exchange())


def test_models_that_read_no_text_take_no_places(predictor):
    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(predictor, name)

        def predict_batch_json(self, texts: Any, **options: Any) -> Any:
            raise RuntimeError("a tensor of another shape")

    async def exchange() -> None:
        models = Models({"a": predictor}, Limits(), "hmtl")
        with pytest.raises(RuntimeError, match="another shape"):
            await models.replace(lambda: {"a": Broken()})  # type: ignore[dict-item]
        assert json.loads(await asyncio.wrap_future(models.first.service.submit([{"text": TEXT}])[0]))["text"] == TEXT
        models.close()

    before = threading.active_count()
    run_apart(exchange())
    assert threading.active_count() <= before
