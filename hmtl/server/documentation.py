"""The page that describes the server's routes; FastAPI's own loads its scripts from elsewhere."""

from typing import Any, Dict

from hmtl.page import document

_EXAMPLE = """curl -s http://127.0.0.1:8000/predict -H 'Content-Type: application/json' \\
  -d '{"text": "Ada Lovelace lived in London."}'"""


def documentation(openapi: Dict[str, Any]) -> str:
    """An HTML page of an OpenAPI description: each route with its parameters and answers."""

    def schema_of(response: Dict[str, Any]) -> Dict[str, Any]:
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        return openapi["components"]["schemas"][name] if name else {}

    title = f"{openapi['info']['title']}: the interface"
    return "".join(document("routes.html", title, openapi=openapi, example=_EXAMPLE, schema_of=schema_of))
