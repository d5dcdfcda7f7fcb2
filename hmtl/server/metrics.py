"""What Prometheus asks a server for."""

from typing import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

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

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self.registry)
