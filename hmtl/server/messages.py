"""What a request may say, how much of its body is read, and what it is told."""

import asyncio
from typing import Any, Dict, Iterator, List, Optional, Union

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from hmtl.common.checks import did_you_mean
from hmtl.server.limits import Limits
from hmtl.text import MAX_TOKEN

EXPECTED = 'expected {"text": "..."}, {"texts": ["...", ...]} or {"sentences": [["a", "token", ...], ...]}'

_LABELS = 'a list of texts such as ["animal"], or an object with the text of each label'

# Of each key, in how many lists its strings stand.
_DEPTHS = {"text": 0, "text_pair": 0, "texts": 1, "sentences": 2}

_ENTITIES = (
    "entities that are known, which relations are then found among: "
    '[{"char_start": 0, "char_end": 12, "label": "..."}, ...], the end excluded; of \'sentences\' '
    '[{"start": 0, "end": 1, "label": "..."}, ...] in tokens, both included; or, by its name, the span task in whose '
    "layer they are to stand; of 'texts' a list of these, null where a text has none that are known"
)


class BadRequest(Exception):
    """A request that cannot be answered: the reason for the client."""


class PredictRequest(BaseModel):
    """One of `text`, `texts` and `sentences`, and what is asked of it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: Optional[str] = Field(None, description="one raw text")
    text_pair: Optional[str] = Field(None, description="the second text of a pair, of which 'text' is the first")
    texts: Optional[List[str]] = Field(None, description="several raw texts")
    sentences: Optional[List[List[str]]] = Field(None, description="the tokens of one text, sentence by sentence")
    labels: Union[List[str], Dict[str, Union[str, List[str], Dict[str, str]]], None] = Field(
        None,
        description="the labels to find, where a task's labels are texts: a list of texts, an object with the text of "
        "each label, or, where several tasks take labels, one of these for each",
    )
    entities: Optional[Union[List[Any], Dict[str, Any]]] = Field(None, description=_ENTITIES)
    model: Optional[str] = Field(None, description="which of the models that /info names; by default the first")
    consistent: Optional[bool] = Field(
        None, description="whether to leave out what contradicts the spans that are found"
    )

    @classmethod
    def read(cls, body: bytes) -> "PredictRequest":
        """The request in a body.

        # Raises

        BadRequest
            Where it is not valid UTF-8, not valid JSON, too deeply nested, has other keys, or its values other types.
        """
        try:
            values = from_json(body)
        except ValueError as error:
            raise BadRequest(f"not valid JSON: {error}; {EXPECTED}") from None
        if not isinstance(values, dict):
            raise BadRequest(f"found no JSON object; {EXPECTED}")
        unknown = next((key for key in values if key not in cls.model_fields), None)
        if unknown is not None:
            advice = did_you_mean(unknown[:20], cls.model_fields, EXPECTED)
            raise BadRequest(f"unknown key {unknown[:40]!r}; {advice}")
        for key, value in values.items():
            if value is not None and key in _DEPTHS:
                _check_strings(key, value, _DEPTHS[key])
        # What stands in the list is the predictor's to check.
        if not isinstance(values.get("entities"), (list, dict, type(None))):
            raise BadRequest(f"'entities' is {type(values['entities']).__name__}; expected a list")
        if not isinstance(values.get("model"), (str, type(None))):
            raise BadRequest(f"'model' is {type(values['model']).__name__}; expected the name of a model")
        if not isinstance(values.get("consistent"), (bool, type(None))):
            raise BadRequest(f"'consistent' is {type(values['consistent']).__name__}; expected true or false")
        try:
            return cls(**values)
        except ValidationError:
            raise BadRequest(f"labels: expected {_LABELS}") from None

    def records(self, limits: Limits) -> List[Dict[str, Any]]:
        """The inputs of the predictor, each with `entities`, `consistent` and `labels`.

        # Raises

        BadRequest
            Where it is not one of the three forms, or too much.
        """
        if self.text_pair is not None and self.text is None:
            raise BadRequest("'text_pair' without 'text'; the two are a pair")
        if sum(value is not None for value in (self.text, self.texts, self.sentences)) != 1:
            raise BadRequest(f"{EXPECTED}, and one of them alone")
        labels = [] if self.labels is None else list(_strings(self.labels))
        if len(labels) > limits.max_labels:
            raise BadRequest(f"{len(labels):,} labels; at most {limits.max_labels:,} are allowed")
        if any(len(label) > MAX_TOKEN for label in labels):
            raise BadRequest(f"a label has more than {MAX_TOKEN} characters")
        if self.sentences is not None:
            if any(len(token) > MAX_TOKEN for sentence in self.sentences for token in sentence):
                raise BadRequest(f"a token has more than {MAX_TOKEN} characters")
            _check_length("the text", sum(len(token) + 1 for sentence in self.sentences for token in sentence), limits)
            return [self._asked({"sentences": self.sentences}, self.entities)]
        if self.texts is None:
            record = _record("'text'", self.text or "", limits)
            if self.text_pair is not None:
                _check_length("the pair", len(record["text"]) + len(self.text_pair), limits)
                record["text_pair"] = self.text_pair
            return [self._asked(record, self.entities)]
        if not 0 < len(self.texts) <= limits.max_texts:
            raise BadRequest(f"{len(self.texts)} texts; expected 1 to {limits.max_texts}")
        entities = [None] * len(self.texts) if self.entities is None else self.entities
        if not isinstance(entities, list) or len(entities) != len(self.texts):
            raise BadRequest(f"'entities' has no entry for each of {len(self.texts)} texts; expected a list of lists")
        return [
            self._asked(_record(f"text {number} of 'texts'", text, limits), of_text)
            for number, (text, of_text) in enumerate(zip(self.texts, entities), start=1)
        ]

    def _asked(self, record: Dict[str, Any], entities: Any) -> Dict[str, Any]:
        return {**record, "entities": entities, "consistent": self.consistent, "labels": self.labels}


class PredictResponse(BaseModel):
    """The predictor's output for each text, in the order of the request."""

    layers: Dict[str, str] = Field(description="what each task predicts: spans, relations, clusters or another kind")
    outputs: List[Dict[str, Any]] = Field(
        description="'text', 'sentences' (tokens), 'token_offsets', and the rows of each task, with offsets in tokens "
        "('start', 'end', both included) and in characters ('char_start', 'char_end', the end excluded)"
    )


class Reason(BaseModel):
    """Why a request was not answered."""

    detail: str


def _check_strings(place: str, value: Any, depth: int) -> None:
    """Raises `BadRequest` at the first that is none; of a million pydantic would list each, for seconds."""
    if not isinstance(value, list if depth else str):
        raise BadRequest(f"{place}: Input should be a valid {'list' if depth else 'string'}; {EXPECTED}")
    if depth:
        for number, item in enumerate(value):
            if depth > 1 or not isinstance(item, str):
                _check_strings(f"{place}.{number}", item, depth - 1)


def _strings(labels: Any) -> Iterator[str]:
    """The texts of labels, in whichever form they are."""
    if isinstance(labels, str):
        yield labels
    else:
        for each in labels.values() if isinstance(labels, dict) else labels:
            yield from _strings(each)


def _record(name: str, text: str, limits: Limits) -> Dict[str, Any]:
    _check_length(name, len(text), limits)
    return {"text": text}


def _check_length(name: str, length: int, limits: Limits) -> None:
    if length > limits.max_characters:
        raise BadRequest(f"{name} has {length:,} characters; at most {limits.max_characters:,} are allowed")


# Of a body that is too large so many times the limit are read and dropped: a client that is still sending would
# not see the answer.
_DRAIN = 32


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body.

    # Raises

    HTTPException
        413 where it is too large, 408 where it does not come in time. Both end the connection.
    ClientDisconnect
    """
    try:
        return await asyncio.wait_for(_read(request, limits.max_body_bytes), limits.read_seconds)
    except asyncio.TimeoutError:
        detail = f"the request was not complete after {limits.read_seconds:g} seconds"
        raise HTTPException(408, detail, {"Connection": "close"}) from None


async def _read(request: Request, limit: int) -> bytes:
    too_large = HTTPException(
        413, f"the body is too large; at most {limit:,} bytes are allowed", {"Connection": "close"}
    )
    if _content_length(request) > limit * _DRAIN:
        raise too_large
    body, num_bytes, more = bytearray(), 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        part = message.get("body", b"")
        num_bytes += len(part)
        if num_bytes > limit * _DRAIN:
            break
        if num_bytes <= limit:
            body += part
    if num_bytes > limit:
        raise too_large
    return bytes(body)


def _content_length(request: Request) -> int:
    value = request.headers.get("content-length", "")
    return int(value) if value.isdecimal() else 0
