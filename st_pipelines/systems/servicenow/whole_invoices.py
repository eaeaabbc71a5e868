"""Invoices with all their lines. Invariant: an invoice comes with every line it has, or it is unreadable with the
reason; lines are never given alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from st_pipelines.systems.servicenow.answers import BrokenOff, Row, Untrusted
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.query import Columns, all_of, one_of, query
from st_pipelines.systems.servicenow.records import Invoice, InvoiceLine, Unreadable
from st_pipelines.systems.servicenow.tables import select
from st_pipelines.systems.servicenow.values import stored

AT_ONCE = 50  # invoices whose lines are asked for together
_MOST = 10_000


@dataclass(frozen=True)
class Whole:
    """``line_rows``: the lines as they came, for keeping."""

    invoices: list[Invoice]
    unreadable: list[Unreadable]
    line_rows: list[Row]


class WholeInvoices:
    """Of one tenant. Not thread-safe."""

    def __init__(self, procurement: Procurement) -> None:
        self._of, self._client = procurement, procurement.proof.client
        self._columns: Columns = procurement.proof.columns(
            procurement.invoice_lines.table.table, [procurement.invoice_lines.table.column("invoice")]
        )

    def of(self, rows: Sequence[Row]) -> Whole:
        """The invoices of these rows of headers, each with its lines in their order."""
        headers, unreadable = self._of.invoices.read(rows)
        reading = _Reading({header.sys_id: [] for header in headers}, {}, [])
        ids = list(reading.of)
        for start in range(0, len(ids), AT_ONCE):
            self._read(ids[start : start + AT_ONCE], reading)
        whole = []
        for header in headers:
            lines = sorted(reading.of[header.sys_id], key=lambda line: (line.line_number.zfill(20), line.sys_id))
            reason = reading.why.get(header.sys_id) or ("" if lines else "it has no lines that may be read")
            if reason:
                unreadable.append(Unreadable(self._of.invoices.table.table, header.sys_id, header.number, reason))
            else:
                whole.append(msgspec.structs.replace(header, lines=tuple(lines)))
        return Whole(whole, unreadable, reading.rows)

    def _read(self, ids: Sequence[str], reading: "_Reading") -> None:
        """Halves the question until an invoice whose lines do not all come stands alone: that one is unreadable."""
        lines = self._of.invoice_lines
        column = lines.table.column("invoice")
        asked = query(all_of(one_of(self._columns[column], ids)))
        try:
            answer = select(self._client, lines.table.table, asked, lines.shown, limit=_MOST, reference=ids[0],
                            gives_up_at_once=len(ids) > 1)  # fmt: skip
        except BrokenOff:
            answer = None
        if answer is None or answer.total is None or answer.total > len(answer.rows):
            if len(ids) > 1:
                self._read(ids[: len(ids) // 2], reading)
                self._read(ids[len(ids) // 2 :], reading)
            else:
                reading.why[ids[0]] = (
                    "not all of its lines may be read: give the integration user a role that reads them"
                )
            return
        reading.rows.extend(answer.rows)
        made, unreadable = lines.read(answer.rows)
        for line in made:
            if line.invoice not in reading.of:
                raise self._client.fault(
                    Untrusted, f"asked for the lines of {len(ids)} invoices and got one of {line.invoice!r}",
                    lines.table.table, cure="the condition was ignored: see the column in the profile",
                )  # fmt: skip
            reading.of[line.invoice].append(line)
        for one in unreadable:
            row = next(row for row in answer.rows if row.get("sys_id") == one.sys_id)
            reading.why[stored(row.get(column))] = f"its line {one.number or one.sys_id} cannot be read: {one.why}"


@dataclass(frozen=True)
class _Reading:
    """Lines and reasons by the invoice's sys_id."""

    of: dict[str, list[InvoiceLine]]
    why: dict[str, str]
    rows: list[Row]
