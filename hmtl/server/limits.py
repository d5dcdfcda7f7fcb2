"""What a server takes on."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from hmtl.errors import UserError


def _limit(default: Any, description: str) -> Any:
    return field(default=default, metadata={"help": description})


@dataclass(frozen=True)
class Limits:
    """The limits of a server; what each means stands in its metadata, from which `hmtl serve --help` takes it.

    # Raises

    UserError
        Where a limit is not positive; `wait_seconds` may be 0. Where the share of a client is more than 1.
    """

    max_body_bytes: int = _limit(1_000_000, "the body of a request; more is answered by 413")
    max_texts: int = _limit(64, "texts in a request; more are answered by 422")
    max_characters: int = _limit(20_000, "characters of a text; more are answered by 422")
    max_sentence_tokens: int = _limit(1_000, "tokens of a sentence; more are answered by 422")
    max_labels: int = _limit(100, "labels that a request asks for; more are answered by 422")
    max_answer_rows: int = _limit(50_000, "spans, relations and mentions found in a text; more are answered by 422")
    max_queue: int = _limit(512, "texts that wait for the model; more are answered by 429")
    max_requests: int = _limit(256, "requests that are open at once; more are answered by 503")
    max_connections: int = _limit(512, "connections that are open at once; more are closed")
    client_share: float = _limit(
        0.5, "the part of the queue, the requests and the connections that one address may take"
    )
    max_batch_texts: int = _limit(32, "texts that the model reads together")
    max_batch_characters: int = _limit(40_000, "the same in characters; a longer text is read alone")
    wait_seconds: float = _limit(0.01, "how long a text waits for as many others as came with the last ones")
    read_seconds: float = _limit(10.0, "how long a client may take to send a request, or to read a part of the answer")
    answer_seconds: float = _limit(30.0, "how long a request may wait for its answer; then it gets 503")
    stop_seconds: float = _limit(25.0, "how long SIGTERM waits for the answers to what was taken; the rest gets 503")

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if not 0 <= value < math.inf or (value == 0 and limit.name != "wait_seconds"):
                raise UserError(f"{limit.name} is {value}; expected a positive number")
        if not self.client_share <= 1:
            raise UserError(f"client_share is {self.client_share}; expected a part of 1")

    def of_client(self, limit: int) -> int:
        """The part of a limit that one client may take."""
        return math.ceil(limit * self.client_share)
