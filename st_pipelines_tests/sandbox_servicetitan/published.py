"""The published OpenAPI 3.1 documents as validators. Invariant: references are resolved inside the document itself."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

MODULES = ("accounting", "crm", "inventory", "settings", "jpm")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


@cache
def document(folder: Path, module: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "servicetitan" / f"{module}-v2.json").read_text())
    return content


@cache
def _registry(folder: Path, module: str) -> Any:
    return Registry().with_resource("urn:doc", DRAFT202012.create_resource(document(folder, module)))


def operation(folder: Path, module: str, path: str, method: str) -> dict[str, Any]:
    """The published operation of a path below the module; names of path parameters do not matter. ``KeyError``."""
    wanted = re.sub(r"\{[^}]*\}", "{}", f"/tenant/{{tenant}}{path}")
    for published, operations in document(folder, module)["paths"].items():
        if re.sub(r"\{[^}]*\}", "{}", published) == wanted and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise KeyError(f"{method} {module} {path}")


def problems(folder: Path, module: str, schema: dict[str, Any], content: Any) -> list[str]:
    """What is wrong with an answer: against the schema, and date-times that are none."""
    local = json.loads(json.dumps(schema).replace('"#/', '"urn:doc#/'))
    validator = Draft202012Validator(local, registry=_registry(folder, module))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(content)]


def answer_schema(found: dict[str, Any], status: int) -> dict[str, Any] | None:
    content = found["responses"][str(status)].get("content", {})
    return next((one["schema"] for one in content.values()), None)


def date_times(value: Any, schema: dict[str, Any], doc: dict[str, Any]) -> list[str]:
    """Values of properties with format date-time that are not an instant in UTC with at most seven decimals."""
    while "$ref" in schema:
        schema = doc["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if value is None:
        return []
    if "oneOf" in schema and schema.get("type") is None:
        return date_times(value, next(one for one in schema["oneOf"] if one.get("type") != "null"), doc)
    if isinstance(value, dict):
        below = schema.get("properties", {})
        return [bad for name, one in value.items() for bad in date_times(one, below.get(name, {}), doc)]
    if isinstance(value, list):
        return [bad for one in value for bad in date_times(one, schema.get("items", {}), doc)]
    if schema.get("format") == "date-time" and not _INSTANT.fullmatch(str(value)):
        return [str(value)]
    return []
