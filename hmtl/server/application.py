"""The routes of the server, and the page that describes them."""

import asyncio
import re
from concurrent.futures import Future
from contextlib import asynccontextmanager
from html import escape
from typing import Any, AsyncIterator, Callable, Dict, List, Mapping, Optional

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request

from hmtl.errors import UserError
from hmtl.page import document, picture, policy_of, themed
from hmtl.predictors import HMTLPredictor
from hmtl.server.about import ModelRecord
from hmtl.server.access import Access
from hmtl.server.batcher import Closed, QueueFull
from hmtl.server.limits import Limits
from hmtl.server.messages import BadRequest, PredictRequest, PredictResponse, Reason, read_body
from hmtl.server.models import ADDRESS, Models, ServedModel, no_record
from hmtl.server.service import encoded
from hmtl.server.watch import Watch
from hmtl.version import VERSION

_EXAMPLE = """curl -s {address}predict -H 'Content-Type: application/json' \\
  -d '{{"text": "Ada Lovelace lived in London."}}'"""


def documentation(openapi: Dict[str, Any], address: str) -> str:
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


# What stands in an example that people paste into a shell is nothing but a name and a port.
_ADDRESS = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d+)?", re.ASCII)


def _asked_at(request: Request, is_behind_proxy: bool) -> str:
    """The address of the directory in which the path of a request lies, as its client has it."""
    scheme = request.url.scheme
    if is_behind_proxy and request.headers.get("x-forwarded-proto") in ("http", "https"):
        scheme = request.headers["x-forwarded-proto"]
    host = request.headers.get("host", "")
    if not _ADDRESS.fullmatch(host):
        host = "127.0.0.1:8000"
    model = request.path_params.get("model")
    return f"{scheme}://{host}/" + (f"models/{model}/" if model else "")


def create_app(
    predictor: HMTLPredictor,
    limits: Optional[Limits] = None,
    title: str = "hmtl",
    access: Optional[Access] = None,
    name: str = "hmtl",
    with_metrics: bool = True,
    record_of: Callable[[str, HMTLPredictor], ModelRecord] = no_record,
    others: Optional[Mapping[str, HMTLPredictor]] = None,
) -> FastAPI:
    """The ASGI application that serves a predictor: the page at `/`, `/predict`, `/health`, `/ready`, `/info`, which
    `/model` shows people, `/metrics`, `/docs`, `/openapi.json`, and `/preview.png`, the picture of links to the page.
    The page, `predict`, `info`, `model` and `docs` of a model by its name lie below `/models/NAME/`, too. Its
    `state.models` are the `Models`.

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
    record_of : `Callable[[str, HMTLPredictor], ModelRecord]`, optional
        What is known of a model's scores, and its card, by its name.
    others : `Mapping[str, HMTLPredictor]`, optional
        More models, by their names, which answer where they are named.
    """
    limits = limits or Limits()
    access = access or Access()
    models = Models({name: predictor, **(others or {})}, limits, title, record_of)
    preview = picture("preview.png")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await models.warm_up()
        yield
        # Whoever asked was answered by now.
        await asyncio.to_thread(models.close)

    app = FastAPI(
        title=title,
        version=VERSION,
        description="Named entities, mentions, relations and coreference of texts, by one model.",
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.models = models
    app.add_middleware(Watch, limits=limits, metrics=models.metrics, access=access)

    def html(document: str) -> HTMLResponse:
        return HTMLResponse(document, headers=access.headers(policy_of(document)))

    def address_of(request: Request) -> str:
        return _asked_at(request, access.trusted_proxies > 0)

    def model_of(request: Request) -> ServedModel:
        try:
            return models.of_request(request)
        except BadRequest as error:
            raise HTTPException(404, str(error)) from None

    @app.post("/models/{model}/predict", include_in_schema=False)
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
            asked = PredictRequest.read(await read_body(request, limits))
            model = model_of(request) if request.path_params else models.named(asked.model)
            records = asked.records(limits)
            request.state.log.update(texts=len(records), model=model.name)
            futures = model.service.submit(records, request.state.client)
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
            b'{"layers": %b, "outputs": [%b]}' % (encoded(model.service.layers), b", ".join(answers)),
            media_type="application/json",
        )

    @app.get("/health", summary="Whether the process is well", responses={503: {"model": Reason}})
    async def health() -> Any:
        if not models.alive:
            return JSONResponse({"detail": "the thread of a model has ended"}, 503)
        return {"status": "ok"}

    @app.get("/ready", summary="Whether a text would be taken", responses={503: {"model": Reason}})
    async def ready() -> Any:
        if not (models.alive and models.have_room):
            return JSONResponse({"detail": "the server is busy, or stops"}, 503, {"Retry-After": "1"})
        return {"status": "ready"}

    @app.get("/models/{model}/info", include_in_schema=False)
    @app.get("/info", summary="Which model this is, which others there are, and the limits")
    async def show_info(request: Request) -> Any:
        return models.info(model_of(request))

    if with_metrics:

        @app.get("/metrics", summary="Counters for Prometheus", response_class=Response)
        async def show_metrics() -> Response:
            return Response(models.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/models/{model}/docs", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        model_of(request)
        return html(documentation(app.openapi(), address_of(request)))

    @app.get("/models/{model}/model", include_in_schema=False)
    @app.get("/model", include_in_schema=False)
    async def show_model(request: Request) -> HTMLResponse:
        return html(model_of(request).card_page)

    @app.get("/models/{model}/preview.png", include_in_schema=False)
    @app.get("/preview.png", include_in_schema=False)
    async def show_preview() -> Response:
        return Response(preview, media_type="image/png", headers={"Cache-Control": "public, max-age=86400"})

    @app.get("/models/{model}/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def root(request: Request) -> HTMLResponse:
        # Those who show previews of links take whole addresses alone.
        return html(model_of(request).page.replace(ADDRESS, escape(address_of(request))))

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
