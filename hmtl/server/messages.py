"""What a request may say, and what it is told."""

from typing import Any, Dict, List, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hmtl.server.limits import Limits

EXPECTED = 'expected {"text": "..."}, {"texts": ["...", ...]} or {"sentences": [["a", "token", ...], ...]}'


class BadRequest(Exception):
    """A request that cannot be answered: the reason for the client."""


class PredictRequest(BaseModel):
    """One of `text`, `texts` and `sentences`. Other keys are ignored."""

    model_config = ConfigDict(strict=True)

    text: Optional[str] = Field(None, description="one raw text")
    texts: Optional[List[str]] = Field(None, description="several raw texts")
    sentences: Optional[List[List[str]]] = Field(None, description="the tokens of one text, sentence by sentence")

    @classmethod
    def read(cls, body: bytes) -> "PredictRequest":
        """The request in a body.

        # Raises

        BadRequest
            Where it is not valid UTF-8, not valid JSON, too deeply nested, or its values have other types.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            # The first one: an array of a million wrong values has a million. Never the values: they are the client's.
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise BadRequest(f"{place + ': ' if place else ''}{first['msg']}; {EXPECTED}") from None

    def records(self, limits: Limits) -> List[Dict[str, Any]]:
        """The inputs of the predictor.

        # Raises

        BadRequest
            Where it is not one of the three forms, or too much.
        """
        if sum(value is not None for value in (self.text, self.texts, self.sentences)) != 1:
            raise BadRequest(f"{EXPECTED}, and one of them alone")
        if self.sentences is not None:
            _check_length("the text", sum(len(token) + 1 for sentence in self.sentences for token in sentence), limits)
            return [{"sentences": self.sentences}]
        if self.texts is None:
            return [_record("'text'", self.text or "", limits)]
        if not 0 < len(self.texts) <= limits.max_texts:
            raise BadRequest(f"{len(self.texts)} texts; expected 1 to {limits.max_texts}")
        return [_record(f"text {number} of 'texts'", text, limits) for number, text in enumerate(self.texts, start=1)]


class PredictResponse(BaseModel):
    """The predictor's output for each text, in the order of the request."""

    layers: Dict[str, Literal["spans", "relations", "clusters"]] = Field(description="what each task predicts")
    outputs: List[Dict[str, Any]] = Field(
        description="'text', 'sentences' (tokens), 'token_offsets', and the rows of each task, with offsets in tokens "
        "('start', 'end', both included) and in characters ('char_start', 'char_end', the end excluded)"
    )


class Reason(BaseModel):
    """Why a request was not answered."""

    detail: str


def _record(name: str, text: str, limits: Limits) -> Dict[str, Any]:
    if not text.strip():
        raise BadRequest(f"{name} is empty")
    _check_length(name, len(text), limits)
    return {"text": text}


def _check_length(name: str, length: int, limits: Limits) -> None:
    if length > limits.max_characters:
        raise BadRequest(f"{name} has {length:,} characters; at most {limits.max_characters:,} are allowed")
