"""ServiceTitan's own journal entries of a period, as a second witness. Invariant: read whole and exact, or not at all.

``/journal-entries`` lists the entries that hold a transaction posted in the period; the lines come from each entry's
``/summary`` (by account and business unit) or ``/details`` (by transaction). An entry may hold lines of other dates:
the reader keeps their dates and leaves the choice to the caller. Entries are open while people post, so the list is
read again after the lines, and everything is read anew if an entry changed meanwhile (X5).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from itertools import count
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import INSTANT, JOURNAL_DETAIL, JOURNAL_SUMMARY
from st_pipelines.documents.keys import doc_key
from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicetitan.journal_models import (
    JournalEntry,
    JournalEntryDetails,
    JournalEntrySummary,
)
from st_pipelines.systems.servicetitan.pages import SourceKeepsMoving
from st_pipelines.systems.servicetitan.record import Record
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.vectors import TAG
from st_pipelines.systems.servicetitan.walk import in_order

SCOPE = "tn.acc.journalentries:r"
MODULE, PATH, ENTITY = "accounting", "journal-entries", "journal_entries"
LARGEST_PAGE = 500  # the published maximum of these lists
EXTERNAL = "External"  # entries that another program wrote: no document stands behind them

# Transaction type -> type in document keys, kind of the mapped document. Every other type (bank deposits, vendor
# payments, inventory adjustments, applications …) is posted from records that this house does not carry.
DOCUMENTS = {
    "Invoice": ("invoice", "customer_invoice"),
    "Payment": ("payment", "customer_payment"),
    "Bill": ("bill", "supplier_invoice"),
}


@dataclass(frozen=True)
class Currencies:
    """``of_unit``: business unit id -> currency, where ServiceTitan says one."""

    of_unit: Mapping[int, str]
    otherwise: str

    def of(self, line: JournalEntrySummary) -> str:
        unit = line.business_unit
        return (self.of_unit.get(unit.id) if unit else None) or self.otherwise


def journal_summary(client: ServiceTitan, since: date, until: date, currencies: Currencies) -> pa.Table:
    """Schema ``JOURNAL_SUMMARY``; ``since`` and ``until`` are the first and the last posting date. Raises
    ``SystemFault``: ``Forbidden`` where the tenant has no journal entries or the app lacks ``SCOPE``."""
    rows = [
        _summary_row(entry, line, currencies)
        for entry, lines in _whole(client, since, until, JournalEntrySummary, "summary")
        for line in lines
    ]
    return _table(client, rows, JOURNAL_SUMMARY)


def journal_details(client: ServiceTitan, since: date, until: date, currencies: Currencies) -> pa.Table:
    """Schema ``JOURNAL_DETAIL``, for the same period. Raises ``SystemFault``."""
    rows = []
    for entry, lines in _whole(client, since, until, JournalEntryDetails, "details"):
        for line in lines:
            kind = line.transaction.type if line.transaction else "Unspecified"
            named, mapped = DOCUMENTS.get(kind, ("", ""))
            key = doc_key(TAG, client.tenant, named, line.transaction.id) if named and line.transaction else ""
            rows.append(_summary_row(entry, line, currencies) | {
                "transaction": kind, "kind": mapped, "doc_key": key, "modified_on": entry.modified_on,
            })  # fmt: skip
    return _table(client, rows, JOURNAL_DETAIL)


def _whole(
    client: ServiceTitan, since: date, until: date, model: type[Record], below: str
) -> Sequence[tuple[JournalEntry, Sequence[Any]]]:
    for _ in range(client.reading.attempts):
        entries = list(journal_entries(client, since, until))
        jobs: list[Callable[[], Sequence[Any] | None]] = [
            partial(_rows, client, f"{PATH}/{entry.id}/{below}", model, (), f"entry {entry.number} {below}")
            for entry in entries
        ]
        lines = list(in_order(jobs, client.reading.look_ahead))
        again = list(journal_entries(client, since, until))
        if entries == again and None not in lines:
            return [(entry, found) for entry, found in zip(entries, lines, strict=True) if found is not None]
    raise SourceKeepsMoving(
        f"its entries changed during each of {client.reading.attempts} readings", connection=client.connection,
        entity=ENTITY, cure="reconcile again when nobody posts",
    )  # fmt: skip


def journal_entries(client: ServiceTitan, since: date, until: date) -> Iterator[JournalEntry]:
    """ServiceTitan's own entries of the period, in the order of their numbers."""
    # The time of these two is ignored, their form is not: a date alone might be.
    asked = (
        ("transactionPostedFrom", f"{since}T00:00:00Z"), ("transactionPostedTo", f"{until}T00:00:00Z"),
        ("sort", "+Number"),
    )  # fmt: skip
    for _ in range(client.reading.attempts):
        found: Sequence[JournalEntry] | None = _rows(client, PATH, JournalEntry, asked, f"{since} to {until}")
        if found is not None:
            yield from (one for one in found if one.source != EXTERNAL)
            return
    raise SourceKeepsMoving(
        f"its list moved during each of {client.reading.attempts} readings", connection=client.connection,
        entity=ENTITY, reference=f"{since} to {until}", cure="reconcile again when nobody posts",
    )  # fmt: skip


def lines_of(client: ServiceTitan, entry: JournalEntry) -> Sequence[JournalEntryDetails]:
    """Every line of one entry, whatever its date. Raises ``SystemFault``."""
    for _ in range(client.reading.attempts):
        found = _rows(client, f"{PATH}/{entry.id}/details", JournalEntryDetails, (), f"entry {entry.number} details")
        if found is not None:
            return found
    raise SourceKeepsMoving(
        f"its lines moved during each of {client.reading.attempts} readings", connection=client.connection,
        entity=ENTITY, reference=f"entry {entry.number}", cure="run the month again when nobody posts",
    )  # fmt: skip


def _rows(
    client: ServiceTitan, path: str, model: type[Record], params: Sequence[tuple[str, str]], reference: str
) -> Sequence[Any] | None:
    """All rows of all pages; ``None`` where their number is not the one announced: something moved."""
    rows: list[Any] = []
    size = min(client.reading.page_size, LARGEST_PAGE)
    for number in count(1):
        page = _page(client, path, model, (*params, ("page", str(number)), ("pageSize", str(size))), reference)
        rows += page.data
        if not page.has_more:
            return rows if page.total_count in (None, len(rows)) else None
        if not page.data or (page.total_count is not None and len(rows) >= page.total_count):
            return None
    raise AssertionError("unreachable: pages are counted without end")


def _page(
    client: ServiceTitan, path: str, model: type[Record], params: Sequence[tuple[str, str]], reference: str
) -> Any:
    found: list[Any] = []

    def decode(reply: Reply) -> None:
        found.append(_decoder(model).decode(reply.content))

    asked = [*params, ("includeTotal", "true")]
    client.read(MODULE, path, asked, entity=ENTITY, reference=reference, check=decode)
    return found[-1]


@cache
def _decoder(model: type[Record]) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [("has_more", bool), ("data", list[model]), ("total_count", int | None, None)]  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct(f"{model.__name__}Page", fields, rename="camel", kw_only=True))


def _summary_row(entry: JournalEntry, line: JournalEntrySummary, currencies: Currencies) -> dict[str, Any]:
    posted = line.post_date or entry.post_date
    return {
        "business_unit": str(line.business_unit.id) if line.business_unit else "",
        "gl_account": line.account.number or line.account.name or "", "currency": currencies.of(line),
        "post_date": posted[:10] if posted else None, "debit": line.debit, "credit": line.credit,
    }  # fmt: skip


def _table(client: ServiceTitan, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Dates and instants are cast from text; an amount with more than eight decimals does not fit and is refused."""
    try:
        columns = {field.name: pa.array([row[field.name] for row in rows], _given(field)) for field in schema}
        if "modified_on" in columns:
            # Seven decimals are received; a text without a zone is refused by the cast.
            exact = pc.cast(columns["modified_on"], pa.timestamp("ns", tz="UTC"))
            columns["modified_on"] = exact.cast(INSTANT, safe=False)
        columns["post_date"] = pc.cast(columns["post_date"], schema.field("post_date").type)
        return pa.table(columns).cast(schema)
    except pa.ArrowInvalid as error:
        raise BadAnswer(
            f"a line holds a value that cannot be kept exactly ({error})", connection=client.connection, entity=ENTITY,
            cure="look for the amount or the date in ServiceTitan's journal",
        ) from error  # fmt: skip


def _given(field: pa.Field) -> pa.DataType:
    return pa.string() if field.name in ("post_date", "modified_on") else field.type
