"""The model and its thread."""

import json
from concurrent.futures import Future
from typing import Any, Dict, List

from hmtl.predictors import HMTLPredictor
from hmtl.server.batcher import Batcher
from hmtl.server.limits import Limits
from hmtl.server.messages import BadRequest
from hmtl.server.metrics import Metrics


class PredictionService:
    """Predicts the records of many requests together, each with the answer that it would get alone.

    # Parameters

    predictor : `HMTLPredictor`
    limits : `Limits`
    metrics : `Metrics`
    """

    def __init__(self, predictor: HMTLPredictor, limits: Limits, metrics: Metrics) -> None:
        self.layers = predictor.layers
        self._predictor = predictor
        self._limits = limits
        self._metrics = metrics
        self.batcher: "Batcher[Dict[str, Any], bytes]" = Batcher(
            self._work, limits.max_queue, limits.max_batch_texts, limits.max_batch_characters, limits.wait_seconds
        )

    def submit(self, records: List[Dict[str, Any]]) -> "List[Future[bytes]]":
        """The predictor's outputs to come, as JSON; their errors are `BadRequest` and the predictor's `UserError`."""
        return self.batcher.submit(records, [_num_characters(record) for record in records])

    def _work(self, records: List[Dict[str, Any]]) -> List[bytes]:
        for record in records:
            self._check_sentences(record)
        with self._metrics.batch_seconds.time():
            outputs = self._predictor.predict_batch_json(records)
        self._metrics.batch_texts.observe(len(outputs))
        self._metrics.tokens.inc(sum(len(output["token_offsets"]) for output in outputs))
        # Here and not where requests are read: a long answer would hold the others up.
        return [encoded(output) for output in outputs]

    def _check_sentences(self, record: Dict[str, Any]) -> None:
        """Relations are scored for all pairs of tokens in a sentence: the memory grows with the square of that."""
        limit = self._limits.max_sentence_tokens
        if _num_characters(record) <= limit:
            return
        longest = max(map(len, self._predictor.tokenized(record).sentences))
        if longest > limit:
            raise BadRequest(f"a sentence has {longest:,} tokens; at most {limit:,} are allowed")


def encoded(value: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode()


def _num_characters(record: Dict[str, Any]) -> int:
    if "text" in record:
        return len(record["text"])
    return sum(len(token) + 1 for sentence in record["sentences"] for token in sentence)
