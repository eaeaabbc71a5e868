"""A small ServiceTitan on loopback that can misbehave in every way the reference names. Written against the published
documents, independent of the package's sandbox.

``Hostile.rows[path]`` are the records of a list; filters, ids, window, activity and paging work as published. The knobs
change what goes wrong; ``requests`` holds every request seen.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from st_pipelines_tests import loopback

TENANT = "1234567"


class Hostile:
    """``before_page(path, number)`` may change the rows while a client walks. ``spoil(path, number, body)`` may change
    the bytes of an answer. ``ignored``: parameters that are not honoured. ``totals``: whether includeTotal works."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.feeds: dict[str, list[list[dict[str, Any]]]] = {}
        self.requests: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.bodies: list[bytes] = []
        self.ignored: set[str] = set()
        self.totals = True
        self.largest_page = 5000
        self.token_tenant = TENANT
        self.forbidden: set[str] = set()
        self.before_page: Callable[[str, int], None] = lambda path, number: None
        self.spoil: Callable[[str, int, bytes], bytes] = lambda path, number, body: body
        self.answer_write: Callable[[str, bytes], tuple[int, bytes]] = lambda path, body: (200, b"[]")
        self.drop_writes = False
        self.lock = threading.Lock()

    def asked(self, path: str) -> list[dict[str, str]]:
        """Parameters of each request for a list, repeated ones joined by a blank."""
        found = []
        for _, seen, params in self.requests:
            if seen == path:
                joined: dict[str, str] = {}
                for name, value in params:
                    joined[name] = f"{joined[name]} {value}" if name in joined else value
                found.append(joined)
        return found

    def get(self, path: str, params: list[tuple[str, str]]) -> tuple[int, bytes]:
        if path in self.forbidden:
            return 403, b'{"title":"Forbidden","status":403}'
        given: dict[str, list[str]] = {}
        for name, value in params:
            if name not in self.ignored:
                given.setdefault(name, []).append(value)
        if path in self.feeds:
            return 200, self._feed(path, given["from"][0])
        if path not in self.rows:
            return 404, b'{"title":"Not found","status":404}'
        number, size = int(given.get("page", ["1"])[0]), int(given.get("pageSize", ["50"])[0])
        self.before_page(path, number)
        size = min(size, self.largest_page)
        rows = self._select(path, given)
        start = (number - 1) * size
        total = len(rows) if self.totals and given.get("includeTotal") == ["true"] else None
        page = {"page": number, "pageSize": size, "hasMore": start + size < len(rows), "totalCount": total,
                "data": rows[start : start + size]}  # fmt: skip
        return 200, self.spoil(path, number, json.dumps(page).encode())

    def _feed(self, path: str, token: str) -> bytes:
        pages = self.feeds[path]
        place = int(token.removeprefix("token-")) if token.startswith("token-") else 0
        body = {"hasMore": place + 1 < len(pages), "continueFrom": f"token-{place + 1}", "data": pages[place]}
        return self.spoil(path, place, json.dumps(body).encode())

    def _select(self, path: str, given: dict[str, list[str]]) -> list[dict[str, Any]]:
        rows = list(self.rows[path])
        everything = given.get("active") == ["Any"] or given.get("activeState") == ["All"]
        if not everything:
            rows = [row for row in rows if row.get("active", True)]
        for name, field in (("ids", "id"), ("customerIds", "customerId"), ("customerId", "customerId"),
                            ("purchaseOrderIds", "purchaseOrderId")):  # fmt: skip
            if name in given:
                wanted = {int(part) for value in given[name] for part in value.split(",")}
                assert len(wanted) <= 50, f"{len(wanted)} ids in one request"
                rows = [row for row in rows if row[field] in wanted]
        # A date without a time is ignored by the real filters.
        low, high = given.get("modifiedOnOrAfter", [""])[0], given.get("modifiedBefore", [""])[0]
        if "T" in low:
            rows = [row for row in rows if _padded(_filtered_on(row)) >= _padded(low)]
        if "T" in high:
            rows = [row for row in rows if _padded(_filtered_on(row)) < _padded(high)]
        if given.get("sort") == ["+Id"]:
            rows.sort(key=lambda row: row["id"])
        return rows


def _filtered_on(row: dict[str, Any]) -> object:
    """The instant that filters look at: of customers not always the one that is shown."""
    return row.get("_filterOn", row["modifiedOn"])


def _padded(stamp: object) -> str:
    whole, _, fraction = str(stamp).removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<7}"


@contextmanager
def serving(hostile: Hostile) -> Iterator[str]:
    class Tenant(loopback.Talk):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = parse_qsl(parts.query, keep_blank_values=True)
            path = parts.path.partition(f"/tenant/{TENANT}/")[2]
            with hostile.lock:
                hostile.requests.append(("GET", path, params))
                status, body = hostile.get(path, params)
            self.answer(status, body)

        def do_POST(self) -> None:
            body = self.content()
            if self.path == "/connect/token":
                self.answer(200, _token(hostile.token_tenant))
                return
            path = urlsplit(self.path).path.partition(f"/tenant/{TENANT}/")[2]
            with hostile.lock:
                hostile.requests.append((self.command, path, []))
                hostile.bodies.append(body)
                status, answer = hostile.answer_write(path, body)
            if hostile.drop_writes:
                self.drop()
            else:
                self.answer(status, answer)

        do_PATCH = do_POST

    with loopback.serving(Tenant) as address:
        yield address


def _token(tenant: str) -> bytes:
    import base64

    claims = base64.urlsafe_b64encode(json.dumps({"tenant": tenant, "scope": ["tn.acc.invoices:r"]}).encode())
    token = f"e30.{claims.decode().rstrip('=')}.c2ln"
    return json.dumps({"access_token": token, "expires_in": 900, "token_type": "Bearer"}).encode()
