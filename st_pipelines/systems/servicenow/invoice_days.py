"""Supplier invoices landed by local day of modification. Invariant: an invoice is in the day in which its header or one
of its lines was last modified, with all of its lines and with every other row of the same invoice.

A header's stamp does not move with its lines, so both are asked for. What is written back moves the header's stamp: an
invoice that was told is read with its day by its identity. What waits is looked at each time, because a row that left
the states that are read leaves nothing behind in a window. Rows that contradict each other meet in one day, whenever
each was modified. In memory are one page of rows and the sys_ids of the day.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa

from st_pipelines.documents.keys import first_of
from st_pipelines.store.code import code_digest
from st_pipelines.store.files import NotStored, Store
from st_pipelines.store.writer import TableWriter
from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.invoice_rows import GONE, LIVE, InvoiceRows, unfit
from st_pipelines.systems.servicenow.invoice_tables import SCHEMAS, fits, line_row
from st_pipelines.systems.servicenow.keyset import STAMP, SYS_ID, Window
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.records import Invoice, Unreadable
from st_pipelines.systems.servicenow.values import UnreadableValue, instant, stored
from st_pipelines.systems.servicenow.whole_invoices import WholeInvoices

LAYER, ENTITY = "source", "invoices"
STILL = "?"  # before an id of which only is seen whether there is a row
ROW = "row:"  # before the sys_id of a row that has no identity yet
_encode = msgspec.json.Encoder().encode


@dataclass
class Landed:
    """What one day holds now. ``max_modified_on`` as stored there, of the window's newest header."""

    pages: int = 0
    records: int = 0
    unreadable: int = 0
    digest: str = ""
    max_modified_on: str = ""
    max_id: str = ""


@dataclass
class _Day:
    """A day while it is read. ``taken``: sys_ids of its headers; ``identities``: of its invoices."""

    writer: TableWriter
    key: str
    taken: set[str] = field(default_factory=set)
    identities: set[str] = field(default_factory=set)
    pages: list[str] = field(default_factory=list)
    landed: Landed = field(default_factory=Landed)


class InvoiceDays:
    """Reads one tenant's invoices into a store. Not thread-safe."""

    def __init__(self, procurement: Procurement, store: Store, integration: str) -> None:
        self._of, self._store, self._integration = procurement, store, integration
        self._client = procurement.proof.client
        self._rows, self._whole = InvoiceRows(procurement), WholeInvoices(procurement)
        self._lines = procurement.invoice_lines.reader()

    def extract(
        self, windows: Mapping[str, tuple[datetime, datetime]], told: Mapping[str, Sequence[str]]
    ) -> Iterator[dict[str, Landed]]:
        """Replaces the partitions of ``windows``, oldest first. ``told``: by partition, what is looked at as well: an
        identity is read, behind ``STILL`` it is only seen whether there is a row (behind ``ROW``: of this sys_id).
        A day in progress in which no header and no line was saved since it was read last is left as it is; a day that
        is over is read whole. Raises ``SystemFault``; partitions that were not given then stay as they were."""
        newest = self._client.now(self._of.invoices.table.table) - self._client.reading.settle
        for key, (start, end) in sorted(windows.items(), key=lambda item: item[1]):
            window = Window.between(start - self._client.reading.overlap, min(end, newest))
            seen = "" if end <= newest else self._seen(window, told.get(key, ()))
            if seen and (before := self._as_before(key, seen, told.get(key, ()))):
                yield {key: before}
                continue
            with self._store.table_writer(self._integration, LAYER, ENTITY, key, SCHEMAS) as writer:
                day = _Day(writer, key)
                self._read(day, window, told.get(key, ()))
                writer.remember(pages=day.pages, records=day.landed.records, unreadable=day.landed.unreadable,
                                last=[day.landed.max_modified_on, day.landed.max_id], seen=seen)  # fmt: skip
            day.landed.digest, day.landed.pages = writer.digest, len(day.pages)
            yield {key: day.landed}

    def _seen(self, window: Window, told: Sequence[str]) -> str:
        """Digest of what decides about a day in progress: which rows and lines were saved when, and our own rules."""
        content = hashlib.sha256(f"{code_digest()} {self._of.profile.model_dump_json()} {window.start}\n".encode())
        content.update("\n".join(sorted(one for one in told if not one.startswith(STILL))).encode())
        if not window.is_empty:
            for rows in chain(self._rows.modified(window), (page.rows for page in self._lines.window(window))):
                for row in rows:
                    stamps = [_stored(row.get(name)) for name in (SYS_ID, STAMP, "sys_mod_count")]
                    content.update(f"\n{' '.join(stamps)}".encode())
        return content.hexdigest()

    def _as_before(self, key: str, seen: str, told: Sequence[str]) -> Landed | None:
        found = self._store.standing(self._integration, LAYER, ENTITY, key)
        if found is None or found.facts.get("seen") != seen:
            return None
        if any(self._gone([one for one in told if one.startswith(STILL)])):
            return None
        self._store.sync_pages()
        last, identity = found.facts["last"]
        return Landed(len(found.pages), found.facts["records"], found.facts["unreadable"], found.digest, last, identity)

    def again(self, key: str, ids: Sequence[str]) -> tuple[Landed, list[str]]:
        """One partition of these invoices, by sys_id, each with every other row of it. Also gives the ids of which
        there is no row in a state that matters here."""
        with self._store.table_writer(self._integration, LAYER, ENTITY, key, SCHEMAS) as writer:
            day = _Day(writer, key)
            for rows in self._rows.by_sys_id(list(dict.fromkeys(ids))):
                self._take(day, rows)
            writer.remember(
                pages=day.pages, records=day.landed.records, unreadable=day.landed.unreadable, last=["", ""]
            )
        day.landed.pages = len(day.pages)
        return day.landed, [one for one in ids if one not in day.taken]

    def _read(self, day: _Day, window: Window, told: Sequence[str]) -> None:
        if not window.is_empty:
            for rows in self._rows.modified(window):
                self._note_newest(day, rows[-1])
                self._take(day, rows)
            column = self._of.invoice_lines.table.column("invoice")
            for page in self._lines.window(window):
                named = dict.fromkeys(_stored(row.get(column)) for row in page.rows)
                ids = [one for one in named if one and one not in day.taken]
                for rows in self._rows.by_sys_id(ids):
                    self._take(day, rows)
        for rows in self._rows.by_identity(one for one in told if not one.startswith((STILL, ROW))):
            self._land(day, rows)
        self._note_gone(day, told)

    def _note_gone(self, day: _Day, told: Sequence[str]) -> None:
        """What was posted, or is to be, and is not there any more. What the day said of it before is kept as it was
        said, as long as it holds."""
        before = {row["identity"] or ROW + row["id"]: row for row in self._gone_before(day.key)}
        wanted = dict.fromkeys([*before, *(one.removeprefix(STILL) for one in told)])
        gone, rows = self._gone([one for one in wanted if one not in day.identities])
        said = {"modified_on": self._client.now(self._rows.table.table), "number": "", "state": GONE, "shown_state": "",
                "kind": "invoice", "supplier": "", "reason": "no row of it is approved any more"}  # fmt: skip
        self._write(day, "invoices_unreadable", [
            *(before.get(one) or {**said, "id": "", "identity": one, "supplier_invoice_number": first_of(one)[0]}
              for one in gone),
            *(before.get(ROW + one) or {**said, "id": one, "identity": "", "supplier_invoice_number": ""}
              for one in rows),
        ])  # fmt: skip

    def _gone_before(self, key: str) -> list[dict[str, Any]]:
        try:
            rows = self._store.read_table(self._integration, LAYER, "invoices_unreadable", key)
        except NotStored:
            return []
        return [row for row in rows.to_pylist() if row["state"] == GONE]

    def _gone(self, ids: Sequence[str]) -> tuple[list[str], list[str]]:
        """Identities that have no row any more in a state that counts (taken back, or numbered anew), and sys_ids of
        rows that are gone or became an invoice. Rows that may not be read are no proof of that."""
        ids = [one.removeprefix(STILL) for one in ids]
        gone = self._rows.gone(one for one in ids if not one.startswith(ROW))
        return gone, self._rows.settled_rows(one.removeprefix(ROW) for one in ids if one.startswith(ROW))

    def _take(self, day: _Day, rows: Sequence[Row]) -> None:
        """These and the other rows of the same invoices."""
        if new := self._land(day, rows):
            for others in self._rows.by_identity(map(self._rows.identity, new)):
                self._land(day, others)

    def _land(self, day: _Day, rows: Sequence[Row]) -> list[Row]:
        new = [row for row in rows if row.get("sys_id") not in day.taken]
        if not new:
            return []
        day.taken.update(str(row.get("sys_id")) for row in new)
        day.identities.update(map(self._rows.identity, new))
        by_id = {str(row.get("sys_id")): row for row in new}
        live = [row for row in new if self._rows.word(row) in LIVE]
        closed = [row for row in new if self._rows.word(row) not in LIVE]
        whole, (ended, broken) = self._whole.of(live), self._of.invoices.read(closed)
        self._keep(day, {"invoices": new, "invoice_lines": whole.line_rows})
        faults = {one.sys_id: fault for one in whole.invoices if (fault := self._fault(one))}
        invoices = [one for one in (*whole.invoices, *ended) if one.sys_id not in faults and fits(one)]
        broken += [
            self._unreadable(one, faults.get(one.sys_id) or "an amount has more than eight decimals")
            for one in (*whole.invoices, *ended)
            if one.sys_id in faults or not fits(one)
        ]
        self._write(day, "invoices", (self._invoice(one, by_id[one.sys_id]) for one in invoices))
        self._write(day, "invoice_lines", (line_row(one, line) for one in invoices for line in one.lines))
        unreadable = [*whole.unreadable, *broken]
        self._write(day, "invoices_unreadable", (self._broken(one, by_id[one.sys_id]) for one in unreadable))
        day.landed.records += len(new)
        day.landed.unreadable += len(unreadable)
        return new

    def _fault(self, one: Invoice) -> str:
        """Why an invoice that is to be posted cannot be used."""
        if why := unfit(one.supplier_invoice_number):
            return why
        if one.type not in self._of.profile.invoices.types:
            return f"the type {one.type or '(empty)'} is not named in the profile (invoices.types)"
        for line in one.lines:
            if line.currency != one.currency:
                return f"line {line.line_number} is in {line.currency}, the invoice in {one.currency}"
        return ""

    def _unreadable(self, one: Invoice, why: str) -> Unreadable:
        return Unreadable(self._rows.table.table, one.sys_id, one.number, why)

    def _keep(self, day: _Day, content: Mapping[str, Sequence[Row]]) -> None:
        """As the client gave the rows: texts as received."""
        page = self._store.write_page(self._integration, ENTITY, day.key, _encode(content))
        day.pages.append(page)

    def _write(self, day: _Day, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        if made := list(rows):
            day.writer.write(table, pa.Table.from_pylist(made, SCHEMAS[table]))

    def _invoice(self, one: Invoice, row: Row) -> dict[str, Any]:
        return {
            **self._of_row(row), "invoice_date": one.invoice_date, "due_date": one.due_date, "currency": one.currency,
            "amount": one.amount, "tax": one.tax, "freight": one.freight, "order": one.order,
            "legal_entity": one.legal_entity, "voucher": one.voucher, "message": one.message,
            "submission": self._rows.text(row, "invoice") or one.sys_id, "submitted": self._rows.text(row, "created"),
        }  # fmt: skip

    def _broken(self, one: Unreadable, row: Row) -> dict[str, Any]:
        return {**self._of_row(row), "reason": one.why}

    def _of_row(self, row: Row) -> dict[str, Any]:
        text, word = self._rows.text, self._rows.word(row)
        return {
            "id": str(row.get("sys_id")), "modified_on": _moment(row), "number": text(row, "number"),
            "identity": self._rows.identity(row), "state": word,
            "shown_state": self._rows.table.choices["state"].get(word, "Reopened"), "kind": self._rows.kind(row),
            "supplier": text(row, "supplier"), "supplier_invoice_number": text(row, "supplier_invoice_number"),
        }  # fmt: skip

    def _note_newest(self, day: _Day, row: Row) -> None:
        day.landed.max_modified_on, day.landed.max_id = _stored(row.get(STAMP)), str(row.get("sys_id"))


def _moment(row: Row) -> datetime:
    try:
        found = instant(_stored(row.get(STAMP)))
    except UnreadableValue:
        found = None
    return found or datetime(1970, 1, 1, tzinfo=UTC)


def _stored(value: Any) -> str:
    try:
        return stored(value)
    except UnreadableValue:
        return ""
