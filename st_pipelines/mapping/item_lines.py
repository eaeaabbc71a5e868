"""Item lines of invoices and bills: each line's business unit, account, analysis. Invariant: the line's own unit
decides where it has one; a line of another company than its document stops the document."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.mapping.analysis import Judged, judge_pairs
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, constant
from st_pipelines.mapping.header import Header
from st_pipelines.mapping.intake import Intake, is_blank
from st_pipelines.mapping.ledger_lines import Check, account_checks, blanks, judged_columns
from st_pipelines.mapping.lookup import RowLookup
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import MappingTable


@dataclass(frozen=True)
class ItemLines:
    """``columns``: those of ``MAPPED_LINE`` that accounts decide."""

    judged: Judged
    columns: dict[str, pa.Array]


def map_item_lines(
    intake: Intake, header: Header, unreadable_amounts: Flags, counts: Flags, table: MappingTable, reference: Reference
) -> ItemLines:
    """Looks up and reports on every line that ``counts`` (a line of zero moves nothing and needs no account)."""
    doc_of, days = intake.doc_of, header.days[intake.doc_of]
    ids, own, unit_rows, unit_checks = _line_units(intake, header, days)
    accounts = RowLookup(table)
    texts = {"business_unit_id": ids} | {name: intake.line_text(name) for name in ("item", "item_type", "gl_hint")}
    rows = accounts.find(accounts.codes(texts), days)
    judged = judge_pairs(accounts, rows, header.units.lookup, unit_rows, reference)
    values: Columns = {"business_unit_id": ids, "account_file": constant(table.file)}
    foreign = own & header.units.differ(unit_rows, header.unit_rows[doc_of])
    companies: Columns = {
        "business_unit_id": ids,
        "line_company": lambda places: header.units.companies(unit_rows[places]),
        "company": lambda places: header.units.companies(header.unit_rows[doc_of[places]]),
    }
    account_at = lambda places: accounts.at("gl_account", rows[places])  # noqa: E731
    header.findings.on_lines([
        (unreadable_amounts, "amount.unreadable", None),
        *((flags & own & counts, code, found) for flags, code, found in unit_checks),
        (foreign & counts, "intercompany", companies),
        ((rows < 0) & counts, "gl_account.no_row", values),
        *account_checks(judged, account_at, header.units.lookup, unit_rows, ids, counts),
    ])  # fmt: skip
    return ItemLines(judged, {"business_unit": ids, **judged_columns(judged)})


def _line_units(intake: Intake, header: Header, days: Ints) -> tuple[pa.Array, Flags, Ints, list[Check]]:
    """Ids and rows of the business units that decide; the second says where it is the line's own."""
    doc_of = intake.doc_of
    of_header = intake.text("business_unit").take(pa.array(doc_of))
    inherited = header.unit_rows[doc_of]
    if "business_unit" not in intake.lines.column_names:
        return of_header, np.zeros(len(doc_of), dtype=np.bool_), inherited, []
    ids = intake.line_text("business_unit")
    own = ~is_blank(ids)
    if not own.any():
        return of_header, own, inherited, []
    found = header.units.find(ids, days)
    checks: list[Check] = [(flags, code, found.values) for flags, code in found.faults()]
    return pc.if_else(pa.array(own), ids, of_header), own, np.where(own, found.rows, inherited), checks


def described(intake: Intake) -> dict[str, pa.Array]:
    """What every item line keeps of its source."""
    size = len(intake.doc_of)
    return {
        "description": intake.line_text("description"),
        "source_id": intake.line_text("source_id"),
        "tax_code": blanks(size),
    }
