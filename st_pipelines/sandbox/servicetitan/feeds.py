"""Export feeds. Invariant: whoever stores each ``continueFrom`` and comes back sees every version of every record.

A token names its feed and the last (modified, id) handed out. A change shows up when it is older than the lag; with
``includeRecentChanges`` at once, but then the token does not move past the lag, so the same rows come again.
"""

import base64
import binascii
import hashlib
from bisect import bisect_left, bisect_right

from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.business.calendar import TICKS
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.catalog import Feed, Record
from st_pipelines.sandbox.servicetitan.errors import bad_value
from st_pipelines.sandbox.servicetitan.lists import CurrentSettings
from st_pipelines.sandbox.servicetitan.shelf import Shelf

Position = tuple[int, int]


class Feeder:
    """Answers one feed."""

    def __init__(self, feed: Feed, shelf: Shelf, clock: Clock, settings: CurrentSettings) -> None:
        self._feed, self._shelf, self._clock, self._settings = feed, shelf, clock, settings

    def page(self, request: Request) -> Response:
        settings = self._settings.now
        recent = request.query_params.get("includeRecentChanges", "").lower() == "true"
        position = self._position(request.query_params.get("from", ""))
        visible = stamps.round_to_ticks(self._clock.now()) - settings.export_lag_s * TICKS
        ordered = self._shelf.by_modified()
        start = bisect_right(ordered, position, key=lambda one: one[:2])
        end = len(ordered) if recent else bisect_left(ordered, (visible,))
        chosen = ordered[start : min(end, start + settings.export_page_size)]
        more = start + len(chosen) < end
        if chosen:
            last = chosen[-1][:2]
            # Past the lag the token only moves while there is more to fetch, else a walk would never end.
            position = last if more or last[0] < visible else max(position, (visible - 1, 0))
        data = b"[" + b",".join([row.content() for _, _, row in chosen]) + b"]"
        head = f'{{"hasMore":{str(more).lower()},"continueFrom":"{self._token(position)}","data":'
        return Response(head.encode() + data + b"}", media_type="application/json")

    def _token(self, position: Position) -> str:
        plain = f"{self._feed.path}|{position[0]}|{position[1]}"
        return base64.urlsafe_b64encode(f"{plain}|{_seal(plain)}".encode()).decode()

    def _position(self, text: str) -> Position:
        """The token's position, or just before the given date; a foreign or broken token is a 400."""
        if not text:
            return (0, 0)
        try:
            ticks = stamps.parse(text)
            return (ticks - 1 if ticks is not None else stamps.midnight(text) - 1, 2**63)
        except ValueError:
            pass  # not a date: it must be a token
        try:
            plain, _, seal = base64.urlsafe_b64decode(text.encode()).decode().rpartition("|")
        except (binascii.Error, UnicodeDecodeError, UnicodeEncodeError):
            raise bad_value("from", text[:80]) from None
        path, _, place = plain.partition("|")
        if seal != _seal(plain) or path != self._feed.path:
            raise bad_value("from", text[:80])
        ticks_text, _, identity = place.partition("|")
        return int(ticks_text), int(identity)


def invoice_items(record: Record) -> list[Record]:
    """The rows of the invoice-items feed: each line with its invoice's id and life."""
    return [{**line, "active": record["active"], "invoiceId": record["id"]} for line in record["items"] or ()]


def _seal(plain: str) -> str:
    return hashlib.sha256(b"servicetitan sandbox feed" + plain.encode()).hexdigest()[:12]
