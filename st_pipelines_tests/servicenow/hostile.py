"""A small ServiceNow on loopback that can misbehave in every way the reference names. Written against the reference,
independent of the package's sandbox.

``tables`` hold rows of text. The knobs change what goes wrong; ``requests`` holds every request seen.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from st_pipelines_tests import loopback
from st_pipelines_tests.servicenow.encoded import Term, holds, parse

Row = dict[str, str]
RANGES = (">", ">=", "<", "<=", "STARTSWITH", "BETWEEN")
NO_USER = {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"},
           "status": "failure"}  # fmt: skip


class Hostile:
    """``hidden(table, row)``: rows that rights take away after the limit. ``withheld``: columns that may not be read.
    ``no_range``: columns on which range conditions and orders are not granted, ``range_answer`` what happens then.
    ``before(table)`` may change rows between two requests. ``spoil`` may change the bytes of an answer. ``denied``:
    tables without any right. ``clock``: the instance's time."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {}
        self.columns: dict[str, list[str]] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.hidden: Callable[[str, Row], bool] = lambda table, row: False
        self.withheld: set[str] = set()
        self.no_range: set[str] = set()
        self.range_answer = "drop"
        self.before: Callable[[str], None] = lambda table: None
        self.spoil: Callable[[str, dict[str, str], bytes], bytes] = lambda path, params, body: body
        self.denied: set[str] = set()
        self.counts = True
        self.largest_page = 10_000
        self.clock: datetime | None = None
        self.token = "token-1"
        self.token_life: int | str | None = 1800
        self.tokens_given = 0
        self.expired: set[str] = set()
        self.answer_write: Callable[[str, str, Any], tuple[int, Any]] = lambda method, path, body: (404, {})
        self.batch_services = 100
        self.once: list[tuple[int, dict[str, str], bytes]] = []
        self.lock = threading.Lock()

    def asked(self, table: str) -> list[dict[str, str]]:
        return [params for method, path, params, _ in self.requests
                if method == "GET" and path == f"/api/now/table/{table}"]  # fmt: skip

    def add_table(self, name: str, columns: list[str], extends: str = "", unique: tuple[str, ...] = ()) -> None:
        """A table with its entries in the metadata tables."""
        self.tables.setdefault(name, [])
        own = [*columns, *(() if extends else ("sys_id", "sys_updated_on", "sys_mod_count"))]
        inherited = self.columns.get(extends, [])
        self.columns[name] = [*own, *inherited]
        chain = [name, *self._chain(extends)]
        levels = {".".join(["super_class"] * depth + ["name"]): one for depth, one in enumerate(chain)}
        missing = {".".join(["super_class"] * depth + ["name"]): "" for depth in range(len(chain), 7)}
        self.tables.setdefault("sys_db_object", []).append({"sys_id": name, **levels, **missing})
        for column in own:
            self.tables.setdefault("sys_dictionary", []).append(
                {"sys_id": f"{name}.{column}", "name": name, "element": column, "column_label": column.title(),
                 "internal_type": "string", "reference": "", "unique": str(column in unique).lower(), "active": "true",
                 "max_length": "255"}
            )  # fmt: skip

    def _chain(self, name: str) -> list[str]:
        row = next((row for row in self.tables.get("sys_db_object", []) if row["name"] == name), None)
        return [value for key, value in sorted(row.items(), key=lambda one: len(one[0]))
                if key.endswith("name") and value] if row else []  # fmt: skip

    def read(self, path: str, params: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        table, _, sys_id = path.removeprefix("/api/now/table/").partition("/")
        if table in self.denied:
            return 403, {}, {"error": {"message": "User Not Authorized",
                                       "detail": "Failed API level ACL Validation"}, "status": "failure"}  # fmt: skip
        if table not in self.tables:
            return 400, {}, {"error": {"message": f"Invalid table {table}", "detail": None}, "status": "failure"}
        self.before(table)
        if sys_id:
            one = [row for row in self.tables[table] if row["sys_id"] == sys_id and not self.hidden(table, row)]
            if not one:
                return 404, {}, {"error": {"message": "No Record found", "detail": "Record doesn't exist or ACL "
                                           "restricts the record retrieval"}, "status": "failure"}  # fmt: skip
            return 200, {}, {"result": self._shown(one[0], params)}
        asked = parse(params.get("sysparm_query", ""))
        terms = [one for alternative in asked.alternatives for choice in alternative for one in choice]
        refused = [one.column for one in terms if one.operator in RANGES and one.column in self.no_range]
        refused += [column for column in asked.order if column in self.no_range]
        if refused and self.range_answer == "403":
            return 403, {}, {"error": {"message": "Operation Failed", "detail": f"query_range on {refused[0]}"},
                             "status": "failure"}  # fmt: skip
        rows = [row for row in self.tables[table]
                if any(all(self._passes(choice, row) for choice in one) for one in asked.alternatives)]  # fmt: skip
        for column in reversed([column for column in asked.order if column not in self.no_range]):
            rows.sort(key=lambda row, column=column: row.get(column, ""))  # type: ignore[misc]
        limit = min(int(params.get("sysparm_limit", "10000")), self.largest_page)
        offset = int(params.get("sysparm_offset", "0"))
        page = [row for row in rows[offset : offset + limit] if not self.hidden(table, row)]
        counted = self.counts and params.get("sysparm_no_count") != "true"
        headers = {"X-Total-Count": str(len(rows))} if counted else {}
        return 200, headers, {"result": [self._shown(row, params) for row in page]}

    def _passes(self, choice: list[Term], row: Row) -> bool:
        """A condition that is not understood, or not granted, is dropped."""
        known = [one for one in choice if one.column in row
                 and not (one.operator in RANGES and one.column in self.no_range)]  # fmt: skip
        return not known or any(holds(one, row) for one in known)

    def _shown(self, row: Row, params: dict[str, str]) -> Row:
        wanted = params["sysparm_fields"].split(",") if "sysparm_fields" in params else list(row)
        return {name: row[name] for name in wanted if name in row and name not in self.withheld}


@contextmanager
def serving(hostile: Hostile) -> Iterator[str]:
    class Instance(loopback.Talk):
        def do_GET(self) -> None:
            self._serve("GET", b"")

        def do_POST(self) -> None:
            self._serve("POST", self.content())

        def do_PATCH(self) -> None:
            self._serve("PATCH", self.content())

        def _serve(self, method: str, body: bytes) -> None:
            parts = urlsplit(self.path)
            params = dict(parse_qsl(parts.query, keep_blank_values=True))
            with hostile.lock:
                if parts.path == "/oauth_token.do":
                    self._token(body)
                    return
                hostile.requests.append((method, parts.path, params, body))
                if hostile.once:
                    status, headers, content = hostile.once.pop(0)
                    self._answer(status, headers, content)
                    return
                given = self.headers.get("authorization", "")
                if given != f"Bearer {hostile.token}" or hostile.token in hostile.expired:
                    self._answer(401, {"WWW-Authenticate": "Bearer"}, json.dumps(NO_USER).encode())
                    return
                status, headers, said = self._said(method, parts.path, params, body)
            if status == 0:  # dropped after it was taken
                self.drop()
                return
            self._answer(status, headers, said)

        def _said(self, method: str, path: str, params: dict[str, str],
                  body: bytes) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
            if method == "GET":
                status, headers, said = hostile.read(path, params)
                return status, headers, hostile.spoil(path, params, json.dumps(said).encode())
            if path == "/api/now/v1/batch":
                return 200, {}, json.dumps(self._batch(json.loads(body))).encode()
            status, said = hostile.answer_write(method, path, json.loads(body))
            return status, {}, said if isinstance(said, bytes) else json.dumps(said).encode()

        def _batch(self, asked: Any) -> Any:
            served, left = [], []
            for place, one in enumerate(asked["rest_requests"]):
                if place >= hostile.batch_services:
                    left.append(one["id"])
                    continue
                parts = urlsplit(one["url"])
                content = base64.b64decode(one.get("body", ""))
                status, headers, said = self._said(one["method"], parts.path, dict(parse_qsl(parts.query)), content)
                served.append({"id": one["id"], "status_code": status, "status_text": "", "execution_time": 1,
                               "body": base64.b64encode(said).decode(),
                               "headers": [{"name": k, "value": v} for k, v in headers.items()]})  # fmt: skip
            return {"batch_request_id": str(asked["batch_request_id"]), "serviced_requests": served,
                    "unserviced_requests": left}  # fmt: skip

        def _token(self, body: bytes) -> None:
            form = dict(parse_qsl(body.decode()))
            kind = self.headers.get("content-type", "")
            if (
                "?" in self.path
                or kind != "application/x-www-form-urlencoded"
                or form.get("client_secret") != "cs.test"
            ):
                refusal = {"error": "access_denied", "error_description": "access_denied"}
                self._answer(401, {}, json.dumps(refusal).encode())
                return
            if hostile.token in hostile.expired:  # one token lives; a new one only when it is dead
                number = int(re.sub(r"\D", "", hostile.token)) + 1
                hostile.token = f"token-{number}"
            hostile.tokens_given += 1
            said: dict[str, Any] = {"access_token": hostile.token, "token_type": "Bearer", "scope": "useraccount"}
            if hostile.token_life is not None:
                said["expires_in"] = hostile.token_life
            self._answer(200, {}, json.dumps(said).encode())

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            date = format_datetime(hostile.clock or datetime.now(UTC), usegmt=True)
            self.answer(status, body, {"Date": date, **headers})

    with loopback.serving(Instance) as address:
        yield address
