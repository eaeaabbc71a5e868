"""What invoices, payments and bills have in common: date, currency, party, business unit, company, control account.

Invariant: these are judged before anything of a flow's own, always in the same order.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.analysis import account_state
from st_pipelines.mapping.assembly import business_dates
from st_pipelines.mapping.dispositions import unreadable
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, Findings, Supply, constant
from st_pipelines.mapping.intake import Currencies, Intake, currencies, readable_days
from st_pipelines.mapping.ledger_lines import repeated
from st_pipelines.mapping.named_rows import BusinessUnits, NamedRows
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping


@dataclass(frozen=True)
class HeaderNames:
    """How a flow's source frame calls things, and which option holds its control account. ``unit``: what its column
    ``business_unit`` holds, which names the company: a business unit, or a legal entity."""

    date: str
    party_key: str
    party: str
    control: str  # receivable or payable
    unit: str = "business_unit"


@dataclass(frozen=True)
class Header:
    """``days`` since 1970; ``unreadable``: held before any other rule; ``unit_rows``: places in ``business_units``, or
    in the table of what else names the company."""

    days: Ints
    dates: pa.Array
    money: Currencies
    units: BusinessUnits
    unit: NamedRows
    findings: Findings
    unreadable: Flags
    columns: dict[str, pa.Array]

    @property
    def unit_rows(self) -> Ints:
        return self.unit.rows


def read_header(
    intake: Intake, names: HeaderNames, amounts_present: Flags, line_values: Columns,
    mapping: Mapping, reference: Reference, options: MappingOptions,
) -> Header:  # fmt: skip
    """Reports on every header; ``columns`` are the finished ones of ``MAPPED_DOCUMENT``."""
    days, believable = readable_days(intake.text(names.date))
    dates = business_dates(intake.text(names.date), believable, intake.text("modified_on"))
    values: Columns = {
        "doc_key": intake.text("doc_key"), "unreadable": intake.text("unreadable"), "currency": intake.text("currency"),
        "business_unit_id": intake.text("business_unit"), "day": lambda places: dates.take(pa.array(places)),
        "rounding_limit": constant(f"{options.rounding_limit:f}"),
    }  # fmt: skip
    findings = Findings(len(intake), intake.doc_of, values, {"day": _of_line(intake, dates), **line_values})
    broken = unreadable(intake, findings, believable, amounts_present)
    money = currencies(intake.text("currency"), options)
    findings.on_documents(~money.known, "currency.unknown")
    findings.on_documents(intake.blank(names.party_key), f"{names.party}.missing")
    units = BusinessUnits(mapping, reference, options, names.unit)
    unit = units.find(intake.text("business_unit"), days)
    units.report(findings, unit)
    control_account = options.receivable_account if names.control == "receivable" else options.payable_account
    report_account(
        control_account, f"integration.yaml, control_accounts.{names.control}", findings, len(intake), reference
    )
    columns = {
        "number": intake.text("number"), "party_key": intake.text(names.party_key), "currency": money.codes,
        "business_unit": intake.text("business_unit"), "company": units.companies(unit.rows), "business_date": dates,
        "control_account": repeated(control_account, len(intake)),
    }  # fmt: skip
    return Header(days, dates, money, units, unit, findings, broken, columns)


def report_account(code: str, written_in: str, findings: Findings, size: int, reference: Reference) -> None:
    """An account of the options that cannot be used stops every document that would use it."""
    if problem := account_state(code, reference):
        values: Columns = {"gl_account": constant(code), "gl_account_at": constant(written_in)}
        findings.on_documents(np.ones(size, dtype=np.bool_), problem, values)


def _of_line(intake: Intake, of_document: pa.Array) -> Supply:
    return lambda places: of_document.take(pa.array(intake.doc_of[places]))
