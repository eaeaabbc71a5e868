"""Every path, parameter and scope that we use, and every field that we keep, stands in the published OpenAPI documents
with the type we read it as."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from st_pipelines.systems.servicetitan.entities import DAILY, REFERENCE, Entity
from st_pipelines.systems.servicetitan.fields import Field, fields
from st_pipelines.systems.servicetitan.writeback import _PATHS, WRITE_SCOPES, Mark, _BillAnswer, _body, _InvoiceAnswer

ENTITIES = {**DAILY, **REFERENCE}
# Sent by the walk itself: see pages.PageReader and pages.Window.
PAGING = ("page", "pageSize", "includeTotal")
WINDOW = ("modifiedOnOrAfter", "modifiedBefore")

# What a kept field may be in the document: (type, format); null beside it is checked apart.
TYPES = {
    "whole": [("integer", "int64"), ("integer", "int32")],
    "text": [("string", None), ("string", "html"), ("string", "multiline"), ("string", "phone"), ("string", "email")],
    "flag": [("boolean", None)],
    "text_amount": [("string", None)],
    "number_amount": [("number", "decimal")],
    "date": [("string", "date-time")],
    "instant": [("string", "date-time")],
}


@cache
def _document(specs: Path, module: str) -> Any:
    return json.loads((specs / "servicetitan" / f"{module}-v2.json").read_text())


def _operation(specs: Path, module: str, path: str, method: str = "get") -> Any:
    return _document(specs, module)["paths"][f"/tenant/{{tenant}}/{path}"][method]


def _resolved(document: Any, schema: Any) -> tuple[Any, bool]:
    """The schema behind references and one-of-with-null, and whether null is allowed."""
    null = False
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            continue
        parts = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
        if not parts:
            kinds = schema.get("type")
            return schema, null or (isinstance(kinds, list) and "null" in kinds) or bool(schema.get("nullable"))
        null = null or any(part.get("type") == "null" for part in parts)
        (schema,) = [part for part in parts if part.get("type") != "null"]


def _row_schema(document: Any, operation: Any) -> Any:
    answer, _ = _resolved(document, operation["responses"]["200"]["content"]["application/json"]["schema"])
    row, _ = _resolved(document, answer["properties"]["data"]["items"])
    return row


@pytest.mark.parametrize("name", ENTITIES)
def test_every_parameter_and_scope_is_published(specs: Path, name: str) -> None:
    about: Entity = ENTITIES[name]
    operation = _operation(specs, about.module, about.path)
    published = {parameter["name"]: parameter for parameter in operation["parameters"]}
    sent = [*PAGING, *(filter_ for filter_, _ in about.filters)]
    sent += WINDOW if about.windowed else ()
    sent += ["sort"] if about.sorted_by_id else []
    sent += [about.ids.parameter] if about.ids else []
    assert set(sent) <= set(published)
    if about.ids:
        assert about.ids.repeated == (published[about.ids.parameter]["schema"]["type"] == "array")
    scopes = [scope for one in operation["security"] for scope in one.get("oauth", ())]
    assert scopes == [about.scope]


@pytest.mark.parametrize("name", ENTITIES)
def test_values_of_filters_are_published(specs: Path, name: str) -> None:
    about: Entity = ENTITIES[name]
    document = _document(specs, about.module)
    published = {one["name"]: one["schema"] for one in _operation(specs, about.module, about.path)["parameters"]}
    for parameter, value in about.filters:
        schema, _ = _resolved(document, published[parameter])
        assert value in schema.get("enum", ["true", "false"]), f"{parameter}={value}"


@pytest.mark.parametrize("name", ENTITIES)
def test_every_kept_field_is_published_with_its_type(specs: Path, name: str) -> None:
    about: Entity = ENTITIES[name]
    document = _document(specs, about.module)
    row = _row_schema(document, _operation(specs, about.module, about.feed or about.path))
    _compare(document, row, about.model, name)


def test_the_feed_row_is_the_list_row_and_activity(specs: Path) -> None:
    document = _document(specs, "accounting")
    for about in (one for one in DAILY.values() if one.feed):
        feed = _row_schema(document, _operation(specs, about.module, about.feed))["properties"]
        listed = _row_schema(document, _operation(specs, about.module, about.path))["properties"]
        assert set(feed) - set(listed) == {"active"}
        assert set(listed) <= set(feed)
        asked = {one["name"] for one in _operation(specs, about.module, about.feed)["parameters"]}
        assert {"from", "includeRecentChanges"} <= asked


def test_marking_as_exported_sends_and_reads_the_published_shapes(specs: Path) -> None:
    document = _document(specs, "accounting")
    for entity, answer in (("invoices", _InvoiceAnswer), ("bills", _BillAnswer)):
        operation = _operation(specs, "accounting", _PATHS[entity], "post")
        assert [scope for one in operation["security"] for scope in one.get("oauth", ())] == [WRITE_SCOPES[entity]]
        schema, _ = _resolved(document, operation["requestBody"]["content"]["application/json"]["schema"])
        sent = json.loads(_body(entity, [Mark(5, "INV1", "posted")]))
        if schema["type"] == "array":
            assert isinstance(sent, list)
            schema, (sent,) = _resolved(document, schema["items"])[0], sent
        assert set(sent) <= set(schema["properties"])
        assert set(schema.get("required", ())) <= set(sent)
        row, _ = _resolved(document, operation["responses"]["200"]["content"]["application/json"]["schema"]["items"])
        _compare(document, row, answer, entity)


def _compare(document: Any, schema: Any, model: type[msgspec.Struct], where: str) -> None:
    for field in fields(model):
        published, null = _resolved(document, schema["properties"][field.published])
        here = f"{where}.{field.published}"
        required = field.published in schema.get("required", ())
        assert field.nullable or (required and not null), f"{here} may be null or absent"
        _compare_type(document, published, field, here)


def _compare_type(document: Any, published: Any, field: Field, here: str) -> None:
    kinds = published["type"] if isinstance(published["type"], list) else [published["type"]]
    (kind,) = [one for one in kinds if one != "null"]
    if field.kind == "object":
        assert kind == "object", here
        assert field.model is not None
        _compare(document, published, field.model, here)
    elif field.kind == "list":
        assert kind == "array", here
        assert field.model is not None
        _compare(document, _resolved(document, published["items"])[0], field.model, here)
    else:
        assert (kind, published.get("format")) in TYPES[field.kind], f"{here}: {kind} {published.get('format')}"
