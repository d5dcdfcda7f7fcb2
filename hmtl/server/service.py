"""The model and its thread, and what Prometheus asks of them."""

import json
from concurrent.futures import Future
from typing import Any, Callable, Dict, Iterable, List, Union

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.asked_labels import asked_labels
from hmtl.server.batcher import Batcher
from hmtl.server.limits import Limits
from hmtl.server.messages import BadRequest
from hmtl.text import TokenizedText

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one application; `num_waiting` counts the texts that wait."""

    def __init__(self, num_waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "hmtl_requests", "Requests answered", ["method", "path", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "hmtl_request_seconds",
            "From the headers of a request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.open_requests = Gauge("hmtl_open_requests", "Requests not answered yet", registry=self.registry)
        waiting = Gauge("hmtl_waiting_texts", "Texts that wait for the model", registry=self.registry)
        waiting.set_function(num_waiting)
        self.batch_texts = Histogram(
            "hmtl_batch_texts", "Texts that the model read together", buckets=_TEXTS, registry=self.registry
        )
        self.batch_seconds = Histogram(
            "hmtl_batch_seconds", "Prediction of a batch", buckets=_SECONDS, registry=self.registry
        )
        self.tokens = Counter("hmtl_tokens", "Tokens that the model read", registry=self.registry)
        self._model = Gauge(
            "hmtl_model",
            "1 for each model that answers",
            ["model", "version", "weights_sha256"],
            registry=self.registry,
        )

    def tell_models(self, infos: Iterable[Dict[str, Any]]) -> None:
        """Says which models there are, and no others, by what `/info` tells of each."""
        self._model.clear()
        for info in infos:
            self._model.labels(info["model"], info["version"], info["weights_sha256"]).set(1)

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class PredictionService:
    """Predicts the records of many requests together, each with the answer that it would get alone.

    # Parameters

    predictor : `HMTLPredictor`
    limits : `Limits`
    metrics : `Metrics`
        Of the application.
    """

    def __init__(self, predictor: HMTLPredictor, limits: Limits, metrics: Metrics) -> None:
        self.metrics = metrics
        self.layers = predictor.layers
        self._predictor = predictor
        self._limits = limits
        self.batcher: "Batcher[Dict[str, Any], bytes]" = Batcher(
            self._work,
            limits.max_queue,
            limits.of_client(limits.max_queue),
            limits.max_batch_texts,
            limits.max_batch_characters,
            limits.wait_seconds,
        )

    def submit(self, records: List[Dict[str, Any]], client: str = "") -> "List[Future[bytes]]":
        """The predictor's outputs to come, as JSON; their errors are `BadRequest` and the predictor's `UserError`."""
        return self.batcher.submit(records, [_num_characters(record) for record in records], client)

    def _work(self, records: List[Dict[str, Any]]) -> "List[Union[bytes, Exception]]":
        # Texts are split here, by the one thread that waits for nobody and for which nobody but texts waits.
        texts = [self._tokenized(record) for record in records]
        good = [text for text in texts if not isinstance(text, Exception)]
        asked = [record.get("labels") for record, text in zip(records, texts) if not isinstance(text, Exception)]
        with self.metrics.batch_seconds.time():
            outputs = self._predicted(good, asked)
        self.metrics.batch_texts.observe(len(outputs))
        self.metrics.tokens.inc(sum(map(len, good)))
        # Here and not where requests are read: a long answer would hold the others up.
        answers = iter([self._answer(output) for output in outputs])
        return [text if isinstance(text, Exception) else next(answers) for text in texts]

    def _predicted(self, texts: List[TokenizedText], asked: List[Any]) -> List[Dict[str, Any]]:
        """The output for each text; those that ask for the same labels are read together."""
        numbers_of: Dict[str, List[int]] = {}
        for number, labels in enumerate(asked):
            numbers_of.setdefault(json.dumps(labels), []).append(number)
        outputs: List[Dict[str, Any]] = [{} for _ in texts]
        for numbers in numbers_of.values():
            chosen = [texts[number] for number in numbers]
            of_labels = self._predictor.predict_batch_json(chosen, labels=asked[numbers[0]])
            for number, output in zip(numbers, of_labels):
                outputs[number] = output
        return outputs

    def _answer(self, output: Dict[str, Any]) -> Union[bytes, Exception]:
        # Nonsense may be full of findings: some thousand brackets gave a hundred megabytes.
        rows = [row for task in self.layers for row in output[task]]
        number, limit = sum(len(row) if isinstance(row, list) else 1 for row in rows), self._limits.max_answer_rows
        if number > limit:
            return BadRequest(
                f"{number:,} spans, relations and mentions were found in a text; at most {limit:,} are sent"
            )
        return encoded(output)

    def _tokenized(self, record: Dict[str, Any]) -> Union[TokenizedText, Exception]:
        try:
            asked_labels(record.get("labels"), self._predictor.tasks_with_label_texts)
            text = self._predictor.tokenized(record, record.get("entities"), record.get("consistent"))
        except UserError as error:
            return error
        # Relations are scored for all pairs of tokens or of entities in a sentence: the memory grows with the square.
        longest, limit = max(map(len, text.sentences), default=0), self._limits.max_sentence_tokens
        if longest > limit:
            return BadRequest(f"a sentence has {longest:,} tokens; at most {limit:,} are allowed")
        most = max((len(row) for row in text.entities_by_sentence if row is not None), default=0)
        if most > limit:
            return BadRequest(f"a sentence has {most:,} entities; at most {limit:,} are allowed")
        return text


def encoded(value: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode()


def _num_characters(record: Dict[str, Any]) -> int:
    if "text" in record:
        return len(record["text"]) + len(record.get("text_pair") or "")
    return sum(len(token) + 1 for sentence in record["sentences"] for token in sentence)
