"""The routes of the server, the page that describes them, and what it tells of its model."""

import asyncio
import hashlib
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict
from html import escape
from typing import Any, AsyncIterator, Dict, List, Mapping, Optional

import torch
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request

from hmtl.errors import UserError
from hmtl.page import document, picture, policy_of, server_page, themed
from hmtl.predictors import HMTLPredictor
from hmtl.server.about import ModelRecord
from hmtl.server.access import Access
from hmtl.server.batcher import Closed, QueueFull
from hmtl.server.limits import Limits
from hmtl.server.messages import BadRequest, PredictRequest, PredictResponse, Reason, read_body
from hmtl.server.service import PredictionService, encoded
from hmtl.server.watch import Watch
from hmtl.tasks.kind import kinds_of
from hmtl.version import VERSION


def describe(
    predictor: HMTLPredictor, name: str, limits: Limits, record: Optional[ModelRecord] = None
) -> Dict[str, Any]:
    """What `/info` answers: the model's name, its tasks with the levels that they read, their labels and, where there
    is one, their calibration and score, and whether they take other labels, the digest of its weights, hmtl's version
    and the limits."""
    model = predictor.model
    record = record or ModelRecord()
    tasks: Dict[str, Dict[str, Any]] = {
        task: {
            "predicts": layer,
            "labels": predictor.labels[task],
            "reads": sorted({*model.reads[task], *model.reads_labels[task]}),
            **({"calibration": model.calibration[task]._asdict()} if task in model.calibration else {}),
            **({"score": record.scores[task]} if task in record.scores else {}),
        }
        for task, layer in sorted(predictor.layers.items())
    }
    for task in predictor.tasks_with_label_texts:
        tasks[task]["takes_labels"] = True
    return {
        "model": name,
        "version": VERSION,
        "weights_sha256": weights_digest(predictor.model),
        "tasks": tasks,
        "limits": asdict(limits),
    }


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256, in hexadecimal, over the names, types, shapes and values of all parameters and buffers, by name.

    Equal weights have equal digests, whatever the file they were read from: a run's directory, its archive or another
    format.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not isinstance(value, torch.Tensor):
            continue
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        # Shape: (num_bytes,)
        values = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


_EXAMPLE = """curl -s {address}predict -H 'Content-Type: application/json' \\
  -d '{{"text": "Ada Lovelace lived in London."}}'"""


def documentation(openapi: Dict[str, Any], address: str = "http://127.0.0.1:8000/") -> str:
    """An HTML page of an OpenAPI description: each route with its parameters and answers, and a request to `address`.

    FastAPI's own page loads its scripts from elsewhere.
    """

    def schema_of(response: Dict[str, Any]) -> Dict[str, Any]:
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        return openapi["components"]["schemas"][name] if name else {}

    title = f"{openapi['info']['title']}: the interface"
    example = _EXAMPLE.format(address=address)
    return "".join(document("routes.html", title, themed(), openapi=openapi, example=example, schema_of=schema_of))


def model_page(info: Dict[str, Any], layers: Mapping[str, str], card: str) -> str:
    """An HTML page of what `/info` answers, and of the model's card; `layers` has the tasks from the lowest up."""
    kinds = kinds_of(layers)
    return "".join(document("model.html", info["model"], themed(), info=info, kinds=kinds, card=card))


# Stands for the address of the server, which those who ask know alone.
_ADDRESS = "https://address.invalid/"

_WARM_UP = "Ada Lovelace lived in London. She wrote programs."

_CLOSE_SECONDS = 1.0

# As web servers log a client that went before its answer.
_CLIENT_GONE = 499

_REASONS = {
    401: "The server asks for an API key",
    403: "A page of another site asks",
    408: "The request did not come in time",
    413: "The body is too large",
    422: "Not a request of the server's, or too much in it",
    421: "The server is asked under another name than its own",
    429: "Too many texts wait, or too many requests of this address are open; Retry-After says when to try again",
    503: "Too many requests are open, the answer took too long, or the server stops",
}


def create_app(
    predictor: HMTLPredictor,
    limits: Optional[Limits] = None,
    title: str = "hmtl",
    access: Optional[Access] = None,
    name: str = "hmtl",
    with_metrics: bool = True,
    record: Optional[ModelRecord] = None,
) -> FastAPI:
    """The ASGI application that serves a predictor: the page at `/`, `/predict`, `/health`, `/ready`, `/info`, which
    `/model` shows people, `/metrics`, `/docs`, `/openapi.json`, and `/preview.png`, the picture of links to the page.
    Its `state.service` is the `PredictionService`.

    # Parameters

    predictor : `HMTLPredictor`
    limits : `Limits`, optional
    title : `str`, optional (default = `"hmtl"`)
        The heading of the page.
    access : `Access`, optional
    name : `str`, optional (default = `"hmtl"`)
        The name of the model, for `/info`.
    with_metrics : `bool`, optional (default = `True`)
        Whether `/metrics` is one of the routes.
    record : `ModelRecord`, optional
        What is known of the model's scores, and its card.
    """
    limits = limits or Limits()
    access = access or Access()
    record = record or ModelRecord()
    service = PredictionService(predictor, limits)
    info = describe(predictor, name, limits, record)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # A first prediction takes longer than the others.
        await asyncio.wrap_future(service.submit([{"text": _WARM_UP}])[0])
        yield
        # Whoever asked was answered by now.
        await asyncio.to_thread(service.batcher.close, _CLOSE_SECONDS)

    app = FastAPI(
        title=title,
        version=VERSION,
        description="Named entities, mentions, relations and coreference of texts, by one model.",
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_middleware(Watch, limits=limits, metrics=service.metrics, access=access)
    # Where several tasks take labels, a list does not say whose they are.
    asked = [predictor.labels[task] for task in predictor.tasks_with_label_texts]
    page = server_page(
        title,
        predictor.layers,
        limits.max_characters,
        labels=asked[0] if len(asked) == 1 else None,
        about={**info, "tasks": {task: info["tasks"][task] for task in predictor.layers}, "card": "model"},
        preview=f"{_ADDRESS}preview.png",
    )
    model = model_page(info, predictor.layers, record.card)
    preview = picture("preview.png")

    def html(document: str) -> HTMLResponse:
        return HTMLResponse(document, headers=access.headers(policy_of(document)))

    @app.post(
        "/predict",
        summary="Annotate one text or many",
        response_model=PredictResponse,
        responses={status: {"description": text, "model": Reason} for status, text in _REASONS.items()},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": PredictRequest.model_json_schema()}},
            }
        },
    )
    async def predict(request: Request) -> Response:
        try:
            records = PredictRequest.read(await read_body(request, limits)).records(limits)
            request.state.log.update(texts=len(records))
            futures = service.submit(records, request.state.client)
            answers = await _answers(request, futures, limits.answer_seconds)
        except (BadRequest, UserError) as error:
            raise HTTPException(422, str(error)) from None
        except QueueFull as full:
            detail = f"too many texts wait for the model, of at most {limits.max_queue:,}; try again"
            if full.of_client:
                limit = limits.of_client(limits.max_queue)
                detail = f"too many texts of this address wait for the model, of at most {limit:,}; try again"
            raise HTTPException(429, detail, {"Retry-After": "1"}) from None
        except Closed:
            raise HTTPException(503, "the server stops", {"Retry-After": "10"}) from None
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        return Response(
            b'{"layers": %b, "outputs": [%b]}' % (encoded(service.layers), b", ".join(answers)),
            media_type="application/json",
        )

    @app.get("/health", summary="Whether the process is well", responses={503: {"model": Reason}})
    async def health() -> Any:
        if not service.batcher.alive:
            return JSONResponse({"detail": "the thread of the model has ended"}, 503)
        return {"status": "ok"}

    @app.get("/ready", summary="Whether a text would be taken", responses={503: {"model": Reason}})
    async def ready() -> Any:
        if not service.batcher.alive or service.batcher.num_waiting >= limits.max_queue:
            return JSONResponse({"detail": "the server is busy, or stops"}, 503, {"Retry-After": "1"})
        return {"status": "ready"}

    @app.get("/info", summary="Which model this is, and the limits")
    async def show_info() -> Any:
        return info

    if with_metrics:

        @app.get("/metrics", summary="Counters for Prometheus", response_class=Response)
        async def show_metrics() -> Response:
            return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return html(documentation(app.openapi(), str(request.base_url)))

    @app.get("/model", include_in_schema=False)
    async def show_model() -> HTMLResponse:
        return html(model)

    @app.get("/preview.png", include_in_schema=False)
    async def show_preview() -> Response:
        return Response(preview, media_type="image/png", headers={"Cache-Control": "public, max-age=86400"})

    @app.get("/", include_in_schema=False)
    async def root(request: Request) -> HTMLResponse:
        # Those who show previews of links take whole addresses alone.
        return html(page.replace(_ADDRESS, escape(str(request.base_url))))

    return app


async def _answers(request: Request, futures: "List[Future[bytes]]", seconds: float) -> List[bytes]:
    """The answers, as long as there is somebody to wait for them and it does not take too long."""
    answers = asyncio.ensure_future(_all(futures))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({answers, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answers.done():
            return answers.result()
        if gone.done():
            raise ClientDisconnect
        raise HTTPException(503, f"no answer within {seconds:g} seconds; send less, or try again", {"Retry-After": "5"})
    finally:
        # Of what nobody awaits any more, what the model has not begun is dropped.
        for future in futures:
            future.cancel()
        answers.cancel()
        gone.cancel()


async def _all(futures: "List[Future[bytes]]") -> List[bytes]:
    return [await asyncio.wrap_future(future) for future in futures]


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
