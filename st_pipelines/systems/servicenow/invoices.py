"""Approved supplier invoices with all their lines, since the last look. Invariant: none is missed because only a line
of it changed.

Two roads (reference §11): the invoice table itself, by the time of change of headers and of lines (a header's stamp
does not move with its lines); or the outbound staging table, where a row stays new until it is claimed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.choices import value_of
from st_pipelines.systems.servicenow.keyset import Window
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.query import Condition, all_of, equals, one_of
from st_pipelines.systems.servicenow.records import Invoice, Unreadable
from st_pipelines.systems.servicenow.values import instant, stored
from st_pipelines.systems.servicenow.whole_invoices import AT_ONCE, WholeInvoices

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
READY = {"primary": "approved", "outbound": "new"}


@dataclass(frozen=True)
class Seen:
    """The newest stamps seen of headers and of lines; None before the first poll."""

    headers: datetime | None = None
    lines: datetime | None = None


@dataclass(frozen=True)
class Approved:
    """Some invoices. ``seen``: store it only once these are stored. An invoice may come again: compare its content."""

    invoices: list[Invoice]
    unreadable: list[Unreadable]
    seen: Seen


class ApprovedInvoices:
    """Polls one tenant. Not thread-safe."""

    def __init__(self, procurement: Procurement) -> None:
        self._of, self._client = procurement, procurement.proof.client
        self._road = procurement.profile.invoices.road
        procurement.proof.learn([procurement.invoices.table.table, procurement.invoice_lines.table.table])
        self._headers = procurement.invoices.reader(["state"])
        self._lines = procurement.invoice_lines.reader()
        self._whole = WholeInvoices(procurement)

    def poll(self, seen: Seen) -> Iterator[Approved]:
        """What is approved and new or changed since ``seen``; on the outbound road whatever is still new."""
        if self._road == "outbound":
            end = self._client.now(self._of.invoices.table.table) - self._client.reading.settle
            for page in self._headers.window(Window.between(_EVER, end), all_of(self._ready)):
                yield self._with_lines(page.rows, seen)
            return
        headers = self._headers.changes(seen.headers, all_of(self._ready))
        for page in headers.pages():
            yield self._with_lines(page.rows, replace(seen, headers=headers.newest))
        seen = replace(seen, headers=headers.newest)
        if seen.lines is None:  # the first poll read every approved invoice with its lines just now
            yield Approved([], [], replace(seen, lines=instant(headers.window.end)))
            return
        lines = self._lines.changes(seen.lines)
        for page in lines.pages():
            column = self._of.invoice_lines.table.column("invoice")
            ids = dict.fromkeys(stored(row.get(column)) for row in page.rows)
            yield self._with_lines(self._by_id([one for one in ids if one]), replace(seen, lines=lines.newest))

    @cached_property
    def _ready(self) -> Condition:
        invoices = self._of.invoices
        label, column = invoices.table.label("state", READY[self._road]), invoices.table.column("state")
        value = value_of(self._of.proof, invoices.table.table, column, label, self._of.profile.language)
        return equals(self._headers.columns[column], value)

    def _by_id(self, ids: Sequence[str]) -> list[Row]:
        """The headers of these that are approved."""
        rows: list[Row] = []
        key = self._headers.columns["sys_id"]
        for start in range(0, len(ids), AT_ONCE):
            base = all_of(self._ready, one_of(key, ids[start : start + AT_ONCE]))
            end = self._client.now(self._of.invoices.table.table)
            for page in self._headers.window(Window.between(_EVER, end), base):
                rows += page.rows
        return rows

    def _with_lines(self, rows: Sequence[Row], seen: Seen) -> Approved:
        whole = self._whole.of(rows)
        return Approved(whole.invoices, whole.unreadable, seen)
