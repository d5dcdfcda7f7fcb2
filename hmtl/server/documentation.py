"""The page that describes the server's routes; FastAPI's own loads its scripts from elsewhere."""

from html import escape
from typing import Any, Dict, Iterator

from hmtl.page import document

_EXAMPLE = """curl -s http://127.0.0.1:8000/predict -H 'Content-Type: application/json' \\
  -d '{"text": "Ada Lovelace lived in London."}'"""


def documentation(openapi: Dict[str, Any]) -> str:
    """An HTML page of an OpenAPI description: each route with its parameters and answers."""
    return document(f"{openapi['info']['title']}: the interface", "".join(_body(openapi)))


def _body(openapi: Dict[str, Any]) -> Iterator[str]:
    yield f"<header><h1>{escape(openapi['info']['title'])}: the interface</h1></header>\n<main>\n"
    yield f"<p>{escape(openapi['info']['description'])} "
    yield 'Also as <a href="openapi.json">OpenAPI</a>. <a href="./">Back to the page</a>.</p>\n'
    yield f'<pre tabindex="0">{escape(_EXAMPLE)}</pre>\n'
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            yield f"<section>\n<h2><code>{method.upper()} {escape(path)}</code></h2>\n"
            yield f"<p>{escape(operation['summary'])}.</p>\n"
            body = operation.get("requestBody")
            if body:
                yield "<h3>Body: a JSON object with one of</h3>\n"
                yield _properties(body["content"]["application/json"]["schema"])
            yield "<h3>Answers</h3>\n<dl>\n"
            for status, response in operation["responses"].items():
                yield f"<dt><code>{escape(status)}</code></dt><dd>{escape(response['description'])}"
                yield f"{_schema(openapi, response)}</dd>\n"
            yield "</dl>\n</section>\n"
    yield "</main>"


def _schema(openapi: Dict[str, Any], response: Dict[str, Any]) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return _properties(openapi["components"]["schemas"][name]) if name else ""


def _properties(schema: Dict[str, Any]) -> str:
    rows = (
        f"<dt><code>{escape(name)}</code></dt><dd>{escape(value.get('description', value.get('type', '')))}</dd>\n"
        for name, value in schema.get("properties", {}).items()
    )
    return f"<dl>\n{''.join(rows)}</dl>\n"
