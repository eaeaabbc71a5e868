"""Do the tables cover the live source and fit the live target? Invariant: each finding names file, line, column and
cure, and nothing is found here that mapping would not also stop.

``gap``: documents of this kind will be held when they come. ``fault``: a table says something the target refuses.
"""

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa

from st_pipelines.mapping.analysis import account_state, judge, natural_analysis
from st_pipelines.mapping.columns import ROLES
from st_pipelines.mapping.named_rows import names_differ
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Codes, Reference
from st_pipelines.mapping.row import MappingRow
from st_pipelines.mapping.tables import Mapping, MappingTable

# mapping table, and reference entity of the source, that go by id -> what the hold codes call one of them
_BY_ID = {"business_units": "business_unit", "payment_types": "payment_type", "tax_zones": "tax_zone"}
_INTEGRATION = "integration.yaml"


@dataclass(frozen=True, order=True)
class Finding:
    """``line`` is 0 where the file has no such line yet. ``code`` is stable, ``key`` the missing or wrong thing."""

    file: str
    line: int
    column: str
    severity: Literal["fault", "gap"]
    code: str
    key: str
    message: str
    cure: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.column}: {self.message}. {self.cure}"


def check(
    mapping: Mapping, reference: Reference, source: MappingOf[str, pa.Table] | None = None,
    options: MappingOptions | None = None, on: date | None = None,
) -> list[Finding]:  # fmt: skip
    """``source``: the source's reference tables ``business_units``, ``payment_types``, ``tax_zones`` (columns ``id``,
    ``name``) and ``payment_terms`` (``name``), where ``active`` is absent or true; absent tables are not compared.
    ``on``: the day a row must be valid; None = on some day."""
    found = [*_accounts(mapping, reference), *_codes(mapping, reference)]
    if options is not None:
        found += _options(mapping, reference, options)
    for name, thing in _BY_ID.items():
        if source and name in source:
            found += _missing_ids(mapping[name], thing, source[name], on)
    if source and "payment_terms" in source:
        found += _missing_terms(mapping["terms"], source["payment_terms"], on)
    return sorted(set(found))


def _accounts(mapping: Mapping, reference: Reference) -> Iterator[Finding]:
    units = mapping["business_units"].rows
    for name in ("invoice_accounts", "bill_accounts", "charge_accounts", "tax_zones"):
        for row in mapping[name].rows:
            of = row.cells.get("business_unit_id", "")
            meant = [unit for unit in units if unit.overlaps(row) and of in ("", unit["business_unit_id"])]
            if of and not meant:
                yield _at(mapping[name], row, "business_unit_id", "fault", "business_unit.no_row", of,
                          f"business unit {of} has no row in business_units.csv",
                          "Add it there, or delete this row.")  # fmt: skip
            yield from _judged(mapping[name], row, meant, reference)
    for row in mapping["payment_types"].rows:
        yield from _state(mapping["payment_types"], row, "bank_account", account_state(row["bank_account"], reference))


def _judged(table: MappingTable, row: MappingRow, units: list[MappingRow], reference: Reference) -> Iterator[Finding]:
    problem = account_state(row["gl_account"], reference)
    if problem:
        yield from _state(table, row, "gl_account", problem)
        return
    misfits: defaultdict[str, list[str]] = defaultdict(list)
    for unit in units:
        verdict = judge(row["gl_account"], row["analysis"], unit["cost_center"], unit["sub_account"], reference)
        if verdict.detail:
            misfits[verdict.detail].append(unit["business_unit_id"])
    for detail, ids in misfits.items():
        yield _at(table, row, "gl_account", "fault", "gl_account.analysis", row["gl_account"],
                  f"account {row['gl_account']} and business units {', '.join(ids)} do not fit: {detail}",
                  "Change the account, column analysis, or the codes in business_units.csv.")  # fmt: skip


def _codes(mapping: Mapping, reference: Reference) -> Iterator[Finding]:
    wanted: tuple[tuple[str, str, Codes], ...] = (
        ("business_units", "cost_center", reference.cost_centers),
        ("business_units", "sub_account", reference.sub_accounts),
        ("tax_zones", "tax_code", reference.tax_codes),
        ("terms", "credit_terms", reference.credit_terms),
    )
    for name, column, codes in wanted:
        for row in mapping[name].rows:
            if row[column] and not codes.get(row[column]):
                state = "inactive" if row[column] in codes else "unknown"
                yield from _state(mapping[name], row, column, f"{column}.{state}")


def _options(mapping: Mapping, reference: Reference, options: MappingOptions) -> Iterator[Finding]:
    named = (
        ("control_accounts.receivable", options.receivable_account),
        ("control_accounts.payable", options.payable_account),
        ("rounding.account", options.rounding_account),
    )
    for setting, code in named:
        if problem := account_state(code, reference):
            yield Finding(_INTEGRATION, 0, setting, "fault", problem, code, f"account {code} is {_word(problem)}",
                          "Correct the setting, or the account in the target.")  # fmt: skip
    analysis = natural_analysis(reference.gl_accounts.get(options.rounding_account))
    for unit in mapping["business_units"].rows:
        if unit["domain"] != options.party_domain:
            yield _at(mapping["business_units"], unit, "domain", "fault", "company.other_domain", unit["domain"],
                      f"domain {unit['domain']} is not {options.party_domain}, where customers and suppliers are made",
                      "Use an integration of its own for this domain.")  # fmt: skip
        verdict = judge(options.rounding_account, analysis, unit["cost_center"], unit["sub_account"], reference)
        if verdict.detail:
            code = verdict.gl_account
            yield _at(mapping["business_units"], unit, "cost_center", "fault", "gl_account.analysis", code,
                      f"rounding account {code} does not fit: {verdict.detail}",
                      "Complete the business unit's codes, or choose another rounding account.")  # fmt: skip


def _missing_ids(table: MappingTable, thing: str, source: pa.Table, on: date | None) -> Iterator[Finding]:
    key = table.format.keys[0].name
    others = ", ".join(column.name for column in table.format.columns if not column.key and not column.optional)
    rows: defaultdict[str, list[MappingRow]] = defaultdict(list)
    for row in table.rows:
        rows[row[key]].append(row)
    for one in _active(source, ("id", "name")):
        identity, name = str(one["id"]), str(one["name"] or "")
        valid = [row for row in rows[identity] if on is None or row.first <= on <= row.last]
        if not valid:
            when = f" on {on}" if on else ""
            yield Finding(table.file, 0, key, "gap", f"{thing}.no_row", identity,
                          f"{identity} ({name}) is active in the source and has no row{when}",
                          f"Add a row with {key} {identity} and its {others}.")  # fmt: skip
        for row in valid:
            if names_differ(row["name"], name):
                yield _at(table, row, "name", "fault", f"{thing}.name_changed", identity,
                          f"{identity} is called {name!r} in the source, {row['name']!r} here",
                          "Make sure that it still is the same thing, then write the new name.")  # fmt: skip


def _missing_terms(table: MappingTable, source: pa.Table, on: date | None) -> Iterator[Finding]:
    known = {(row["role"], row["name"]) for row in table.rows if on is None or row.first <= on <= row.last}
    for one in _active(source, ("name",)):
        for role in ROLES:
            if one["name"] and (role, one["name"]) not in known:
                yield Finding(table.file, 0, "name", "gap", "terms.no_row", f"{role} {one['name']}",
                              f"{role} terms {one['name']!r} are active in the source and have no row",
                              f"Add a row with role {role}, name {one['name']} and its credit_terms.")  # fmt: skip


def _active(table: pa.Table, columns: tuple[str, ...]) -> Iterator[dict[str, object]]:
    chosen = [*columns, *(["active"] if "active" in table.column_names else [])]
    for row in table.select(chosen).to_pylist():
        if row.get("active", True):
            yield row


def _state(table: MappingTable, row: MappingRow, column: str, problem: str) -> Iterator[Finding]:
    if problem:
        yield _at(table, row, column, "fault", problem, row[column], f"{row[column]} is {_word(problem)}",
                  "Correct the cell, or the code in the target.")  # fmt: skip


def _word(problem: str) -> str:
    return "inactive in the target" if problem.endswith("inactive") else "not in the target"


def _at(
    table: MappingTable, row: MappingRow, column: str, severity: Literal["fault", "gap"], code: str, key: str,
    message: str, cure: str,
) -> Finding:  # fmt: skip
    return Finding(table.file, row.line, column, severity, code, key, message, cure)
