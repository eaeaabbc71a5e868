"""Approved supplier invoices with all their lines. Invariant: an invoice comes with every line it has, or it is
unreadable; none is missed because only a line of it changed.

Two roads (reference §11): the invoice table itself, by the time of change of headers and of lines (a header's stamp
does not move with its lines); or the outbound staging table, where a row stays new until it is claimed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from st_pipelines.systems.servicenow.answers import BrokenOff, Row, Untrusted
from st_pipelines.systems.servicenow.choices import value_of
from st_pipelines.systems.servicenow.keyset import Window
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.query import Columns, Condition, all_of, equals, one_of, query
from st_pipelines.systems.servicenow.records import Invoice, InvoiceLine, Unreadable
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import instant, stored

AT_ONCE = 50  # invoices whose lines are asked for together
_MOST = 10_000
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
        self._line_columns: Columns = procurement.proof.columns(
            procurement.invoice_lines.table.table, [procurement.invoice_lines.table.column("invoice")]
        )

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
        headers, unreadable = self._of.invoices.read(rows)
        of: dict[str, list[InvoiceLine]] = {header.sys_id: [] for header in headers}
        why: dict[str, str] = {}
        ids = list(of)
        for start in range(0, len(ids), AT_ONCE):
            self._read_lines(ids[start : start + AT_ONCE], of, why)
        whole = []
        for header in headers:
            lines = sorted(of[header.sys_id], key=lambda line: (line.line_number.zfill(20), line.sys_id))
            reason = why.get(header.sys_id) or ("" if lines else "it has no lines that may be read")
            if reason:
                unreadable.append(Unreadable(self._of.invoices.table.table, header.sys_id, header.number, reason))
            else:
                whole.append(msgspec.structs.replace(header, lines=tuple(lines)))
        return Approved(whole, unreadable, seen)

    def _read_lines(self, ids: Sequence[str], of: dict[str, list[InvoiceLine]], why: dict[str, str]) -> None:
        """Halves the question until an invoice whose lines do not all come stands alone: that one is unreadable."""
        lines = self._of.invoice_lines
        column = lines.table.column("invoice")
        asked = query(all_of(one_of(self._line_columns[column], ids)))
        try:
            answer = select(self._client, lines.table.table, asked, lines.shown, limit=_MOST, reference=ids[0],
                            gives_up_at_once=len(ids) > 1)  # fmt: skip
        except BrokenOff:
            answer = None
        if answer is None or answer.total is None or answer.total > len(answer.rows):
            if len(ids) > 1:
                self._read_lines(ids[: len(ids) // 2], of, why)
                self._read_lines(ids[len(ids) // 2 :], of, why)
            else:
                why[ids[0]] = "not all of its lines may be read: give the integration user a role that reads them"
            return
        made, unreadable = lines.read(answer.rows)
        for line in made:
            if line.invoice not in of:
                raise self._of.proof.client.fault(
                    Untrusted, f"asked for the lines of {len(ids)} invoices and got one of {line.invoice!r}",
                    lines.table.table, cure="the condition was ignored: see the column in the profile",
                )  # fmt: skip
            of[line.invoice].append(line)
        for one in unreadable:
            row = next(row for row in answer.rows if row.get("sys_id") == one.sys_id)
            why[stored(row.get(column))] = f"its line {one.number or one.sys_id} cannot be read: {one.why}"
