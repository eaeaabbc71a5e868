"""Control totals and variances as CSV for spreadsheets. Invariant: no cell can run as a formula (reliability H6).

Text that a spreadsheet would take for a formula gets a leading apostrophe; numbers are written as plain numbers from
whole minor units, negative ones too. RFC 4180 quoting, UTF-8.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from st_pipelines.reconciliation.amounts import plain
from st_pipelines.reconciliation.causes import CAUSES
from st_pipelines.reconciliation.order_lines import MEASURES, ComparedLine, OrderLines
from st_pipelines.reconciliation.result import Reconciliation

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """Text that no spreadsheet evaluates. NUL is dropped, for CSV cannot hold it."""
    guarded = f"'{text}" if text.startswith(_DANGEROUS) else text
    return guarded.replace("\x00", "")


def totals_csv(result: Reconciliation) -> str:
    """One row per business unit, GL account, currency and business date."""
    headings = ("business_unit", "gl_account", "currency", "business_date", "source_documents", "source",
                "ledger_documents", "ledger", "target_documents", "target", "variance")  # fmt: skip
    return _csv(headings, (
        [safe_cell(r.business_unit), safe_cell(r.gl_account), safe_cell(r.currency), str(r.business_date or ""),
         str(r.source_documents), plain(r.source_minor, r.currency), str(r.ledger_documents),
         plain(r.ledger_minor, r.currency), str(r.target_documents), plain(r.target_minor, r.currency),
         plain(r.variance_minor, r.currency)]
        for r in result.rows
    ))  # fmt: skip


def variances_csv(result: Reconciliation) -> str:
    """One row per document and cause."""
    headings = ("cause", "document", "flow", "label", "reference", "target_number", "business_date", "currency",
                "source_total", "target_total", "amount_concerned", "detail", "cure", "url")  # fmt: skip

    def total(minor: int | None, currency: str) -> str:
        return "" if minor is None else plain(minor, currency)

    return _csv(headings, (
        [CAUSES[v.cause].title, safe_cell(v.doc_key), safe_cell(v.flow), safe_cell(v.label), safe_cell(v.reference),
         safe_cell(v.number), str(v.business_date or ""), safe_cell(v.currency), total(v.source_minor, v.currency),
         total(v.target_minor, v.currency), plain(v.amount_minor, v.currency), safe_cell(v.detail), safe_cell(v.cure),
         safe_cell(v.url)]
        for v in result.causes
    ))  # fmt: skip


def order_lines_csv(orders: OrderLines) -> str:
    """One row per purchase order line: pieces and money of both systems, and why they differ."""
    headings = ("order", "line", "legal_entity", "supplier", "item", "currency",
                *(f"{measure}_{what}_{side}" for measure in MEASURES for what in ("pieces", "amount")
                  for side in (safe_cell(orders.left), safe_cell(orders.right))), "differs", "cause")  # fmt: skip

    def figures(line: ComparedLine) -> Iterator[str]:
        for measure in MEASURES:
            yield from (f"{pieces:f}" for pieces in line.pieces(measure))
            yield from (plain(minor, line.known.currency) for minor in line.minor(measure))

    return _csv(headings, (
        [safe_cell(line.order), safe_cell(line.line), safe_cell(line.entity), safe_cell(line.known.supplier),
         safe_cell(line.known.item), safe_cell(line.known.currency), *figures(line),
         "yes" if line.differs(orders.measures) else "no", safe_cell(line.cause)]
        for line in orders.lines
    ))  # fmt: skip


def _csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return buffer.getvalue()
