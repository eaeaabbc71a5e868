"""The journal's reads and its one write. Invariant: paged like the other lists, but never more than 500 a page."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.servicetitan import filters, stamps
from st_pipelines.sandbox.servicetitan.errors import bad_value, not_found
from st_pipelines.sandbox.servicetitan.journal import Journal, Record
from st_pipelines.sandbox.servicetitan.journal_sync import JournalSync
from st_pipelines.sandbox.servicetitan.lists import Parameters, parameters
from st_pipelines.sandbox.servicetitan.shelf import encode

_MAX_PAGE = 500


class JournalRoutes:
    def __init__(self, journal: Journal, sync: JournalSync) -> None:
        self._journal, self._sync = journal, sync

    def entries(self, request: Request) -> Response:
        """Filters: ids, all windows but created and exported, name, statuses. The other published ones are ignored."""
        given = parameters(request)
        return _page(given, [one for one in self._journal.entries() if _matches(one, given)])

    def one(self, request: Request) -> Response:
        identity = request.path_params["id"]
        for entry in self._journal.entries():
            if entry["id"] == identity.lower():
                return Response(encode(entry), media_type="application/json")
        raise not_found(f"Journal entry {identity[:40]}")

    async def sync(self, request: Request) -> Response:
        """PATCH …/sync: gives the entry as it is afterwards."""
        content = await request.body()
        self.one(request)  # 404 for an unknown one
        self._sync.change(request.path_params["id"].lower(), content)
        return self.one(request)

    def summary(self, request: Request) -> Response:
        return self._below(request, self._journal.summary(request.path_params["id"]))

    def details(self, request: Request) -> Response:
        return self._below(request, self._journal.details(request.path_params["id"]))

    def _below(self, request: Request, rows: list[Record] | None) -> Response:
        if rows is None:
            raise not_found(f"Journal entry {request.path_params['id'][:40]}")
        return _page(parameters(request), rows)


def _matches(entry: Record, given: Parameters) -> bool:
    ids = {part for value in given.get("ids", []) for part in value.lower().split(",") if part}
    modified = stamps.parse(entry["modifiedOn"]) or 0
    low = filters.instant("modifiedOnOrAfter", given.get("modifiedOnOrAfter", []))
    high = filters.instant("modifiedBefore", given.get("modifiedBefore", []))
    # An entry holds one date here, so its own and its transactions' are the same.
    windows = (("postedFrom", "postedTo"), ("transactionPostedFrom", "transactionPostedTo"))
    dates = [[given.get(name, [""])[-1][:10] for name in window] for window in windows]
    return (
        (not ids or entry["id"] in ids)
        and (low is None or modified >= low)
        and (high is None or modified < high)
        and all(not first or entry["postDate"][:10] >= first for first, _ in dates)
        and all(not last or entry["postDate"][:10] <= last for _, last in dates)
        and given.get("name", [""])[-1].lower() in entry["name"].lower()
        and _listed(entry["status"], given.get("statuses"))
        and _listed(entry["syncStatus"], given.get("syncStatuses"))
    )


def _listed(value: str, wanted: list[str] | None) -> bool:
    return wanted is None or value in wanted


def _page(given: Parameters, rows: list[Record]) -> Response:
    sizes = []
    for name, default in (("page", 1), ("pageSize", 50)):
        text = given.get(name, [str(default)])[-1]
        if not text.isdecimal() or (name == "pageSize" and not 1 <= int(text) <= _MAX_PAGE):
            raise bad_value(name, text)
        sizes.append(max(1, int(text)))
    number, size = sizes
    chosen = rows[(number - 1) * size : number * size]
    total = len(rows) if given.get("includeTotal", [""])[-1].lower() == "true" else None
    head = msgspec.json.encode(
        {"pageSize": size, "page": number, "hasMore": number * size < len(rows), "totalCount": total}
    )
    return Response(head[:-1] + b',"data":' + encode(chosen) + b"}", media_type="application/json")
