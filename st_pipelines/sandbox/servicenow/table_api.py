"""The Table API: list, read, create, change, delete. Invariant: a page is cut before rights are looked at, so that it
may be short or empty while more rows follow; the count is of all matching rows.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.faults import Fault, flagged
from st_pipelines.sandbox.servicenow import values
from st_pipelines.sandbox.servicenow.encoded_query import escape
from st_pipelines.sandbox.servicenow.errors import ApiError, forbidden, invalid_table, no_record
from st_pipelines.sandbox.servicenow.reading import Reading, Shape
from st_pipelines.sandbox.servicenow.rights import Person, Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.schema import Column
from st_pipelines.sandbox.servicenow.selecting import Selecting
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

Record = dict[str, Any]
_JSON = "application/json;charset=UTF-8"
_OVER_TIME = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": "maximum execution time"}


class TableApi:
    def __init__(
        self, rows: Rows, rights: Rights, reading: Reading, selecting: Selecting, settings: CurrentSettings
    ) -> None:
        self._rows, self._rights, self._reading = rows, rights, reading
        self._selecting, self._settings = selecting, settings

    async def collection(self, request: Request, person: Person) -> Response:
        table = self._table(request)
        if request.method == "POST":
            return await self._create(request, table, person)
        return self._list(request, table, person)

    async def one(self, request: Request, person: Person) -> Response:
        table, sys_id = self._table(request), request.path_params["sys_id"]
        self._may(person, table, "read")
        row = self._rows.get(table, sys_id)
        if row is None or not self._rights.row(person, table, row):
            raise no_record()
        if request.method == "GET":
            return self._answer(request, table, row, person, 200)
        self._may(person, table, "write")
        if request.method == "DELETE":
            self._rows.delete(table, sys_id)
            return Response(status_code=204)
        fields = self._fields(table, _object(await request.body()), request, person)
        fields.pop("sys_id", None)
        return self._answer(request, table, self._rows.update(table, sys_id, fields, person.user_name), person, 200)

    async def _create(self, request: Request, table: str, person: Person) -> Response:
        self._may(person, table, "write")
        fields = self._fields(table, _object(await request.body()), request, person)
        row = self._rows.insert(table, fields, person.user_name)
        location = {"Location": f"{_origin(request)}/api/now/table/{table}/{row['sys_id']}"}
        return self._answer(request, table, row, person, 201, location)

    def _list(self, request: Request, table: str, person: Person) -> Response:
        asked = request.query_params
        limit = _whole(asked, "sysparm_limit", self._settings.now.limit_default, 1)
        offset = _whole(asked, "sysparm_offset", 0, 0)
        denied = not self._rights.table(person, table, "read")
        if denied and self._settings.now.denied_table == "403":
            raise forbidden("Failed API level ACL Validation")
        query = asked.get("sysparm_query", "")
        plain = [f"{name}={escape(value)}" for name, value in asked.items() if not name.startswith("sysparm_")]
        matching = self._selecting.rows(table, "^".join(filter(None, (query, *plain))), person)
        if self._settings.now.unordered == "shuffled" and "ORDERBY" not in query and offset:
            matching = matching[::-1]
        page = matching[offset : offset + limit]
        limited = self._rights.rows_limited(table)
        visible = [] if denied else [row for row in page if not limited or self._rights.row(person, table, row)]
        if "/v1/" in request.url.path and not visible:
            raise ApiError(404, "No Record found", "Records matching query not found")
        headers = {}
        if asked.get("sysparm_no_count") != "true":
            headers["X-Total-Count"] = str(len(matching))
        links = _links(request, limit, offset, len(matching))
        if links and asked.get("sysparm_suppress_pagination_header") != "true":
            headers["Link"] = links
        body = msgspec.json.encode({"result": self._reading.records(table, visible, _shape(request), person)})
        self._meanwhile(request, table, page)
        cut = flagged(request, "over_time")
        return Response(body if cut is None else over_time(body, cut), 200, headers, _JSON)

    def _meanwhile(self, request: Request, table: str, page: list[Record]) -> None:
        """Somebody else saves rows while a scan is under way: those of the page that was just read."""
        fault = flagged(request, "saved_meanwhile")
        if fault is not None:
            for row in page[: fault.status or 1]:
                self._rows.touch(table, row["sys_id"])

    def _fields(self, table: str, given: Mapping[str, Any], request: Request, person: Person) -> dict[str, str]:
        """What is written: known columns that this user may write, as they are stored. The rest is lost silently."""
        known = self._rows.schema.table(table)
        assert known is not None
        locale = person.locale if request.query_params.get("sysparm_input_display_value") == "true" else None
        return {
            name: self._stored(known.columns[name], value, locale)
            for name, value in given.items()
            if name in known.columns and self._rights.column(person, table, name, "write")
        }

    def _stored(self, column: Column, given: Any, locale: values.Locale | None) -> str:
        if locale is not None:
            for one in self._rows.find("sys_choice", element=column.element, name=column.table):
                if one["label"] == given:
                    return str(one["value"])
        return values.stored(column, given, locale, self._sys_id_of_shown)

    def _sys_id_of_shown(self, column: Column, text: str) -> str:
        if self._rows.get(column.reference, text) is not None:
            return text
        target = self._rows.schema.table(column.reference)
        found = self._rows.one(column.reference, **{target.display: text}) if target and target.display else None
        return "" if found is None else str(found["sys_id"])

    def _table(self, request: Request) -> str:
        name: str = request.path_params["table"]
        if self._rows.schema.table(name) is None:
            raise invalid_table(name)
        return name

    def _may(self, person: Person, table: str, operation: str) -> None:
        if not self._rights.table(person, table, operation):
            raise forbidden("Failed API level ACL Validation")

    def _answer(
        self, request: Request, table: str, row: Record, person: Person, status: int,
        headers: dict[str, str] | None = None,
    ) -> Response:  # fmt: skip
        (record,) = self._reading.records(table, [row], _shape(request), person)
        return Response(msgspec.json.encode({"result": record}), status, headers, _JSON)


def over_time(body: bytes, fault: Fault) -> bytes:
    """A 200 that ends in an error: appended to a list that stops in the middle of a row (the switch's ``code`` whole
    keeps the JSON valid)."""
    tail = b',"error":' + msgspec.json.encode(_OVER_TIME) + b',"status":"failure"}'
    return body[:-1] + tail if fault.code == "whole" else body[: max(12, len(body) * 2 // 3)] + tail


def _shape(request: Request) -> Shape:
    asked = request.query_params
    fields = [one.strip() for one in asked.get("sysparm_fields", "").split(",") if one.strip()]
    exclude = asked.get("sysparm_exclude_reference_link", "false") == "true"
    return Shape(asked.get("sysparm_display_value", "false"), exclude, fields or None, _origin(request))


def _object(body: bytes) -> dict[str, Any]:
    """One record. Of a list only the first counts."""
    try:
        given = msgspec.json.decode(body or b"{}")
    except msgspec.DecodeError as error:
        raise ApiError(400, "Exception while reading request", f"The payload is not valid JSON: {error}") from error
    if isinstance(given, list):
        given = given[0] if given else {}
    if not isinstance(given, dict):
        raise ApiError(400, "Exception while reading request", "The payload is not a JSON object")
    return given


def _whole(asked: Mapping[str, str], name: str, default: int, lowest: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < lowest:
        raise ApiError(400, f"Invalid value for {name}", f"{text!r} is not a whole number from {lowest} on")
    return int(text)


def _links(request: Request, limit: int, offset: int, total: int) -> str:
    if total <= limit and not offset:
        return ""
    last = max(0, (total - 1) // limit * limit)
    places = {"first": 0, "prev": max(0, offset - limit) if offset else None,
              "next": offset + limit if offset + limit < total else None, "last": last}  # fmt: skip
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "sysparm_offset"]
    base = f"{_origin(request)}{request.url.path}"
    return ",".join(
        f'<{base}?{urlencode([*given, ("sysparm_offset", place)])}>;rel="{name}"'
        for name, place in places.items()
        if place is not None
    )


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"
