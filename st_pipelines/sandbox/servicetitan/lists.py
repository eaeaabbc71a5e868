"""Lists and single reads. Invariant: a page is joined from bytes that exist already; nothing is serialised per request.

The rows that match a query are kept until the entity changes, so that walking 100 pages filters once.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.servicetitan import filters
from st_pipelines.sandbox.servicetitan.catalog import Listing
from st_pipelines.sandbox.servicetitan.errors import ApiError, bad_value, not_found
from st_pipelines.sandbox.servicetitan.settings import Settings
from st_pipelines.sandbox.servicetitan.shelf import Row, Shelf

_WINDOW = {"modified": ("modifiedOnOrAfter", "modifiedBefore"), "created": ("createdOnOrAfter", "createdBefore")}
_KEPT = 64
Parameters = dict[str, list[str]]


def parameters(request: Request) -> Parameters:
    found: Parameters = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return found


class Lister:
    """Answers one listing. ``settings`` is a function because settings may be replaced at run time."""

    def __init__(self, listing: Listing, shelf: Shelf, parents: Shelf | None, settings: "CurrentSettings",
                 external: Callable[[str], Callable[[int], dict[str, Any]]] | None = None) -> None:  # fmt: skip
        """``external``: an application's GUID to its data of a record."""
        self._listing, self._shelf, self._parents, self._settings = listing, shelf, parents, settings
        self._external = external
        self._kept: OrderedDict[object, Sequence[Row]] = OrderedDict()

    def page(self, request: Request) -> Response:
        given, settings = parameters(request), self._settings.now
        parent = request.path_params.get("parent")
        if parent is not None and self._parents is not None and self._parents.get(parent) is None:
            raise not_found(f"{self._listing.parent} {parent}")
        number, size = self._page_and_size(given, settings)
        rows = self._rows(given, parent, settings)
        guid = (given.get("externalDataApplicationGuid") or [""])[-1]
        if guid and self._external is not None:
            rows = [Row({**row.record, "externalData": data}) for row, data in self._carrying(rows, guid, given)]
        first, last = (number - 1) * size, number * size
        chosen, more = _drifted(rows, first, last, settings.drift)
        omits = self._listing.omits
        data = b"[" + b",".join([self._bytes(row, omits, settings) for row in chosen]) + b"]"
        if self._listing.bare:
            return Response(data, media_type="application/json")
        total = str(len(rows)) if _flag(given, "includeTotal") else "null"
        head = f'{{"page":{number},"pageSize":{size},"hasMore":{str(more).lower()},"totalCount":{total},"data":'
        return Response(head.encode() + data + b"}", media_type="application/json")

    def one(self, request: Request) -> Response:
        row = self._shelf.get(request.path_params["id"])
        if row is None:
            raise not_found(f"{self._listing.entity} {request.path_params['id']}")
        content = self._bytes(row, self._listing.omits, self._settings.now)
        return Response(content, media_type="application/json")

    def _carrying(self, rows: Sequence[Row], guid: str, given: Parameters) -> list[tuple[Row, list[dict[str, str]]]]:
        """The rows that have what is asked for, with the application's data."""
        held = self._external(guid) if self._external else (lambda _: {})
        key = (given.get("externalDataKey") or [""])[-1]
        values = {part for value in given.get("externalDataValues", []) for part in value.split(",") if part}
        found = []
        for row in rows:
            data = held(row.id)
            if not key or (key in data and (not values or data[key] in values)):
                found.append((row, [{"key": name, "value": value} for name, value in data.items()]))
        return found

    def _bytes(self, row: Row, omits: frozenset[str], settings: Settings) -> bytes:
        content = row.content(omits)
        if settings.landed_cost_as_integer:
            return content.replace(b'"landedCostMethod":"None"', b'"landedCostMethod":0')
        return content

    def _page_and_size(self, given: Parameters, settings: Settings) -> tuple[int, int]:
        number, size = _whole(given, "page", 1), _whole(given, "pageSize", settings.page_size_default)
        if size < 1 or number < 0:
            name = "pageSize" if size < 1 else "page"
            raise bad_value(name, given[name][-1])
        if size > settings.page_size_max:
            if settings.page_size_over == "reject":
                raise bad_value("pageSize", given["pageSize"][-1])
            size = settings.page_size_max
        return max(1, number), size

    def _rows(self, given: Parameters, parent: int | None, settings: Settings) -> Sequence[Row]:
        asked = {name: tuple(values) for name, values in given.items() if name not in ("page", "pageSize")}
        key = (self._shelf.version, parent, tuple(sorted(asked.items())), settings.invoices_default_active_state,
               settings.list_canceled_bills)  # fmt: skip
        rows = self._kept.get(key)
        if rows is None:
            rows = self._select(given, parent, settings)
            self._kept[key] = rows
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return rows

    def _select(self, given: Parameters, parent: int | None, settings: Settings) -> Sequence[Row]:
        tests = [make(name, given[name]) for name, make in self._listing.filters.items() if given.get(name)]
        tests.append(self._active(given, settings))
        low, high = self._window(given, "modified")
        after, before = self._window(given, "created")
        wanted = filters.ids_of("ids", given.get("ids", []))
        if self._listing.needs and not any(given.get(name) for name in self._listing.needs):
            names = ", ".join(self._listing.needs)
            raise ApiError(400, f"At least one of {names} must be specified.", {self._listing.needs[0]: ["Required."]})
        rows: Sequence[Row]
        if wanted is not None:
            rows = [row for row in map(self._shelf.get, sorted(set(wanted))) if row is not None]
        elif low is not None or high is not None:
            ordered = self._shelf.by_modified()
            start = 0 if low is None else bisect_left(ordered, (low,))
            end = len(ordered) if high is None else bisect_left(ordered, (high,))
            rows = sorted((row for _, _, row in ordered[start:end]), key=lambda row: row.id)
        else:
            rows = self._shelf.by_id()
        if wanted is not None:
            rows = [row for row in rows if _within(row.modified, low, high)]
        if after is not None or before is not None:
            rows = [row for row in rows if _within(row.created, after, before)]
        if parent is not None:
            rows = [row for row in rows if row.record[self._listing.within] == parent]
        for test in tests:
            if test is not None:
                rows = [row for row in rows if test(row)]
        return self._sorted(rows, given)

    def _active(self, given: Parameters, settings: Settings) -> filters.Test | None:
        switch = self._listing.switch
        if switch == "":
            return None
        if switch == "always":
            return filters.active_test("True")
        if switch == "bills":
            return None if settings.list_canceled_bills else filters.active_test("True")
        choice = (given.get(switch) or [""])[-1]
        if switch == "active":
            if choice.capitalize() not in ("", "True", "False", "Any"):
                raise bad_value(switch, choice)
            return filters.active_test(choice.capitalize() or "True")
        if choice not in ("", "ActiveOnly", "InactiveOnly", "All"):
            raise bad_value(switch, choice)
        default = settings.invoices_default_active_state if self._listing.entity == "invoices" else "ActiveOnly"
        return filters.active_test(choice or default)

    def _window(self, given: Parameters, which: str) -> tuple[int | None, int | None]:
        if which not in self._listing.dates:
            return None, None
        low, high = _WINDOW[which]
        return filters.instant(low, given.get(low, [])), filters.instant(high, given.get(high, []))

    def _sorted(self, rows: Sequence[Row], given: Parameters) -> Sequence[Row]:
        asked = (given.get("sort") or [""])[-1]
        # A plus that was not percent-encoded arrives as a blank: no sorting, as if nothing had been asked.
        if not self._listing.sorts or not asked or asked[0] not in "+-":
            return rows
        name = asked[1:].lower()
        if name not in self._listing.sorts:
            raise bad_value("sort", asked)
        keys = {"id": lambda row: row.id, "modifiedon": lambda row: (row.modified, row.id),
                "createdon": lambda row: (row.created, row.id),
                "priority": lambda row: (row.record["priority"], row.id)}  # fmt: skip
        return sorted(rows, key=keys[name], reverse=asked[0] == "-")


class CurrentSettings:
    """Holds the settings of the moment, so that they can be replaced for everyone at once."""

    def __init__(self, settings: Settings) -> None:
        self.now = settings


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or low <= value) and (high is None or value < high)


def _drifted(rows: Sequence[Row], first: int, last: int, drift: str) -> tuple[Sequence[Row], bool]:
    """A page and whether there is more. With ``drift``, as if between the first page and the next one a row before them
    had come in (the last row of page one comes again) or gone (the first row of page two is never seen)."""
    shift = {"duplicate": 1, "omit": -1}.get(drift, 0)
    more = last < len(rows) + shift
    return (rows[first:last] if first == 0 else rows[first - shift : last - shift]), more


def _whole(given: Parameters, name: str, default: int) -> int:
    text = (given.get(name) or [""])[-1]
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise bad_value(name, text) from None


def _flag(given: Parameters, name: str) -> bool:
    text = (given.get(name) or [""])[-1].lower()
    if text not in ("", "true", "false"):
        raise bad_value(name, text)
    return text == "true"
