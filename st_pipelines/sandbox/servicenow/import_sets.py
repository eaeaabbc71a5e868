"""The Import Set API. Invariant: a 201 says that rows were staged, and nothing about what became of them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.servicenow.errors import ApiError, forbidden, invalid_table, no_record
from st_pipelines.sandbox.servicenow.rights import Person, Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.settings import CurrentSettings
from st_pipelines.sandbox.servicenow.transforming import Transforming
from st_pipelines.sandbox.servicenow.values import INSTANT

Record = dict[str, Any]
_JSON = "application/json;charset=UTF-8"
_BY_NAME = "sys_rest_insert_multiple"  # a record there: column names are taken in place of labels
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class ImportSets:
    def __init__(self, rows: Rows, rights: Rights, transforming: Transforming, settings: CurrentSettings) -> None:
        self._rows, self._rights, self._transforming, self._settings = rows, rights, transforming, settings

    async def single(self, request: Request, person: Person) -> Response:
        """One row, staged and transformed before the answer."""
        staging = self._staging(request, person)
        given = _object(await request.body())
        names = {name: name for name in self._columns(staging)}
        fault = flagged(request, "transform_error")
        import_set = self._new_set(staging)
        row = self._stage(staging, given, names, import_set, 0, person)
        results = self._transforming.run(staging, row["sys_id"], _forced(fault))
        self._rows.update("sys_import_set", import_set["sys_id"], {"state": "processed"})
        return self._answer(request, staging, import_set["number"], results, 201)

    async def multiple(self, request: Request, person: Person) -> Response:
        """Many rows in one import set, transformed now or later."""
        staging = self._staging(request, person)
        given = _object(await request.body()).get("records")
        if not isinstance(given, list):
            raise ApiError(400, "Exception while reading request", "records is not a list")
        columns = self._columns(staging)
        labelled = self._settings.now.multiple_labels and not self._rows.find(_BY_NAME, source_table=staging)
        names = {columns[name] if labelled else name: name for name in columns}
        import_set = self._new_set(staging, request.query_params.get("multi_import_set_id", ""))
        with self._rows.books.transaction():
            for number, one in enumerate(given):
                self._stage(staging, one if isinstance(one, dict) else {}, names, import_set, number, person)
        fault = flagged(request, "transform_error")
        if not self._settings.now.multiple_asynchronous or fault is not None:
            self._process(import_set, _forced(fault))
        chain = import_set["multi_import_set"]
        body = {"import_set_id": import_set["sys_id"], "multi_import_set_id": chain}
        return Response(msgspec.json.encode(body), 201, media_type=_JSON)

    async def staged(self, request: Request, person: Person) -> Response:
        """An import row, until it is cleaned away."""
        staging = self._staging(request, person)
        self.clean(staging)
        row = self._rows.get(staging, request.path_params["sys_id"])
        if row is None:
            raise no_record()
        of_set = self._rows.get("sys_import_set", row["sys_import_set"])
        number = of_set["number"] if of_set else ""
        return self._answer(request, staging, number, [self._transforming.result(staging, row["sys_id"])], 200)

    def run_due(self) -> None:
        """Transforms what was loaded asynchronously and whose time has come."""
        delay = timedelta(seconds=self._settings.now.multiple_delay_s)
        due = (self._rows.clock.now() - delay).strftime(INSTANT)
        for import_set in self._rows.find("sys_import_set", state="loaded"):
            if import_set["sys_created_on"] <= due:
                self._process(import_set, "")

    def clean(self, staging: str) -> int:
        """Takes out rows over their age."""
        oldest = self._rows.clock.now() - timedelta(seconds=self._settings.now.keep_import_rows_s)
        before = (oldest - timedelta(seconds=1)).strftime(INSTANT)
        old = self._rows.books.between(staging, "sys_created_on", None, before)
        for row in old:
            self._rows.delete(staging, row["sys_id"])
        return len(old)

    def retrigger(self, staging: str) -> list[Record]:
        """The job that tries failed rows again, oldest first. Gives them as they are now."""
        failed = self._rows.find(staging, sys_import_state="error")
        for row in failed:
            self._transforming.run(staging, row["sys_id"])
        again = (self._rows.get(staging, row["sys_id"]) for row in failed)
        return [row for row in again if row is not None]

    def _process(self, import_set: Record, forced_error: str) -> None:
        table = import_set["table_name"]
        rows = self._rows.find(table, sys_import_set=import_set["sys_id"])
        for row in sorted(rows, key=lambda one: int(one["sys_import_row"])):
            self._transforming.run(table, row["sys_id"], forced_error)
        self._rows.update("sys_import_set", import_set["sys_id"], {"state": "processed"})

    def _new_set(self, staging: str, chain: str = "") -> Record:
        fields = {"table_name": staging, "state": "loaded", "multi_import_set": chain}
        made = self._rows.insert("sys_import_set", fields)
        return (
            made if chain else self._rows.update("sys_import_set", made["sys_id"], {"multi_import_set": made["sys_id"]})
        )

    def _stage(
        self, staging: str, given: Record, names: dict[str, str], import_set: Record, number: int, person: Person
    ) -> Record:
        fields = {names[name]: text for name, value in given.items() if name in names and (text := _staged(value))}
        own = {"sys_import_set": import_set["sys_id"], "sys_import_row": str(number), "sys_import_state": "pending"}
        return self._rows.insert(staging, {**fields, **own}, person.user_name)

    def _staging(self, request: Request, person: Person) -> str:
        name: str = request.path_params["table"]
        known = self._rows.schema.table(name)
        if known is None:
            raise invalid_table(name)
        if "sys_import_set_row" not in known.line:
            raise ApiError(400, f"Invalid staging table {name}", "The table does not extend sys_import_set_row")
        if not self._rights.table(person, name, "write") or not person.has_any("import_transformer"):
            raise forbidden("The role import_transformer and write access to the staging table are required")
        return name

    def _columns(self, staging: str) -> dict[str, str]:
        """The table's own columns with their labels."""
        known = self._rows.schema.table(staging)
        assert known is not None
        return {name: column.label for name, column in known.columns.items() if column.table == staging}

    def _answer(self, request: Request, staging: str, number: str, results: list[Record], status: int) -> Response:
        origin = f"{request.url.scheme}://{request.url.netloc}"
        linked = [
            {**one, "record_link": origin + one["record_link"]} if "record_link" in one else one for one in results
        ]
        body = {"import_set": number, "staging_table": staging, "result": linked}
        return Response(msgspec.json.encode(body), status, media_type=_JSON)


def _forced(fault: Any) -> str:
    return "" if fault is None else fault.text or "Transform script failed"


def _staged(value: Any) -> str:
    """Only text comes through whole: a number loses its trailing zeros, everything else is lost."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(Decimal(value).normalize(), "f")
    return ""


def _object(body: bytes) -> Record:
    try:
        given = _decode(body or b"{}")
    except msgspec.DecodeError as error:
        raise ApiError(400, "Exception while reading request", f"The payload is not valid JSON: {error}") from error
    if not isinstance(given, dict):
        raise ApiError(400, "Exception while reading request", "The payload is not a JSON object")
    return given
