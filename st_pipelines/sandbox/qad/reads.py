"""Reading this QAD: one record by all its keys, lists, browses. Invariant: a list without ``page`` and ``pageAction``
has no rows, and a record of another workspace does not exist.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.kernel import ExactJson
from st_pipelines.sandbox.qad.company import SETS
from st_pipelines.sandbox.qad.filters import Filter, candidates, parse_filter
from st_pipelines.sandbox.qad.masters import with_related_hashes
from st_pipelines.sandbox.qad.served import Served, ServedEntity
from st_pipelines.sandbox.qad.submission import Workspace
from st_pipelines.sandbox.qad.wire import GatewayError

Record = dict[str, Any]
_KEPT_LISTS = 32


class Reads:
    """Answers reads from the books. Keeps the row lists of the last scans while their entity does not change."""

    def __init__(self, books: Books, served: Served) -> None:
        self._books, self._served = books, served
        self._lists: OrderedDict[tuple[object, ...], tuple[int, list[Record]]] = OrderedDict()

    def collection(self, request: Request, entity: ServedEntity, workspace: Workspace) -> Response:
        """``GET <path>``: a list where paging is asked for, else the one record that all the keys name."""
        given, paging = request.query_params, self._served.paging
        check_view(given.get("viewUri"), entity, needed=False)
        if paging.page in given or paging.size in given:
            rows, more = self._page(request, entity, workspace)
            if given.get("viewUri"):
                body = {**self._wrapped(request, entity, rows), paging.more_in: {paging.more: _text(more)}}
                return ExactJson(body)
            return ExactJson(self._flat(entity, rows, more, whole=True))
        keys = [given.get(entity.wire(name)) for name in entity.keys]
        record = None
        if all(key is not None for key in keys):
            record = self._books.get(entity.name, ".".join(str(key) for key in keys))
        rows = [record] if record is not None and workspace.sees(entity, record) else []
        return ExactJson(self._wrapped(request, entity, rows))

    def browse(self, request: Request, workspace: Workspace) -> Response:
        """``GET /api/qracore/browses``: flat rows with dotted names."""
        entity = self._browsed(request)
        rows, more = self._page(request, entity, workspace)
        return ExactJson(self._flat(entity, rows, more, whole=False))

    def total(self, request: Request, workspace: Workspace) -> Response:
        """``GET /api/qracore/browses/totalCount/``."""
        entity = self._browsed(request)
        return ExactJson({"data": {"totalCount": len(self._rows(request, entity, workspace))}})

    def out(self, entity: ServedEntity, record: Record) -> Record:
        """A record as the wire shows it, with its ``uri``."""
        if entity.name in ("customers", "suppliers"):
            relation = self._books.get("business_relations", record["businessRelationCode"])
            record = with_related_hashes(record, relation)
        shown = entity.to_wire(record)
        if entity.view_uri:
            shown["uri"] = f"{entity.view_uri}:{entity.key_of(record)}"
        return shown

    def _browsed(self, request: Request) -> ServedEntity:
        wanted = request.query_params.get(self._served.paging.browse_id, "")
        for entity in self._served.entities.values():
            if entity.browse_id and entity.browse_id == wanted:
                return entity
        raise GatewayError(404, f"Browse not found: {wanted[:100]}")

    def _page(self, request: Request, entity: ServedEntity, workspace: Workspace) -> tuple[list[Record], bool]:
        given, paging = request.query_params, self._served.paging
        if paging.page not in given or given.get(paging.action) not in (paging.first, paging.next):
            return [], False
        try:
            page, size = int(given[paging.page]), int(given.get(paging.size, "100"))
        except ValueError:
            raise GatewayError(400, "Invalid page or page size") from None
        if page < 1 or not 1 <= size <= 1000:
            raise GatewayError(400, "Invalid page or page size")
        rows = self._rows(request, entity, workspace)
        if flagged(request, "lag_index"):
            newest = self._books.all(entity.name)[-1:]
            rows = [row for row in rows if row not in newest]
        start = (page - 1) * size
        if page > 1 and flagged(request, "repeat_page"):
            return rows[:size], True
        if page > 1 and flagged(request, "shift_page"):
            start -= 1
        return rows[start : start + size], start + size < len(rows)

    def _rows(self, request: Request, entity: ServedEntity, workspace: Workspace) -> list[Record]:
        given, paging = request.query_params, self._served.paging
        texts = tuple(given.getlist(paging.filter))
        identity = (entity.name, workspace, texts)
        version = self._books.version(entity.name)
        kept = self._lists.get(identity)
        if kept is not None and kept[0] == version:
            self._lists.move_to_end(identity)
            return kept[1]
        filters = [parse_filter(text, entity) for text in texts]
        rows = self._select(entity, workspace, filters)
        self._lists[identity] = (version, rows)
        while len(self._lists) > _KEPT_LISTS:
            self._lists.popitem(last=False)
        return rows

    def _select(self, entity: ServedEntity, workspace: Workspace, filters: Sequence[Filter]) -> list[Record]:
        scope = {
            "entity": ("entityCode", workspace.entity),
            "domain": (entity.keys[0], workspace.domain),
            "shared_set": ("sharedSetCode", SETS.get(entity.shared_set, "")),
        }.get(entity.scope)
        found = candidates(self._books, entity, filters, scope)
        if not filters:
            return found
        return [row for row in found if workspace.sees(entity, row) and all(one.holds(row) for one in filters)]

    def _wrapped(self, request: Request, entity: ServedEntity, rows: Sequence[Record]) -> Record:
        inner = {entity.array: [self.out(entity, row) for row in rows]}
        return inner if flagged(request, "no_wrapper") else {self._served.data_wrapper: inner}

    def _flat(self, entity: ServedEntity, rows: Sequence[Record], more: bool, *, whole: bool) -> Record:
        """Rows with ``array.field`` names; a browse shows columns only, a list of the collection nested arrays too."""
        paging, flat = self._served.paging, []
        for row in rows:
            shown = self.out(entity, row)
            flat.append(
                {
                    f"{entity.array}.{name}": value
                    for name, value in shown.items()
                    if whole or not isinstance(value, list)
                }
            )
        return {paging.rows: flat, paging.more_in: {paging.more: _text(more)}}


def check_view(given: str | None, entity: ServedEntity, *, needed: bool) -> None:
    """An entity with a viewUri wants exactly that one, for writes always; assumed entities take any."""
    if entity.view_uri and (given is not None or needed) and given != entity.view_uri:
        raise GatewayError(400, f"Invalid viewUri: {(given or 'missing')[:100]}")


def _text(flag: bool) -> str:
    """QAD writes this boolean as text."""
    return "true" if flag else "false"
