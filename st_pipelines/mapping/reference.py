"""The live codes of the target, and the source's current names. Invariant: what is not in here does not exist.

Built from the reference snapshots; mapping checks every code it writes against it, so that a retired account stops a
document before it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa

# How an account wants cost centre and project, beside its flags (reference/qad.md B1).
LIMITATIONS = ("", "None", "At Least One", "Both Required", "Excluding each Other")


class BrokenReference(ValueError):
    """A reference table lacks a column, or names one code twice with different content."""


@dataclass(frozen=True)
class Account:
    code: str
    description: str
    is_active: bool
    takes_cost_center: bool
    takes_project: bool
    takes_sub_account: bool
    limitation: str


Codes = Mapping[str, bool]  # code -> is active


@dataclass(frozen=True)
class Reference:
    """``source_codes``: by list (``gl_accounts``, ``cost_centers``) the source's own codes, where documents keep them.
    ``source_names``: per mapping table (``business_units``, ``payment_types``, ``tax_zones``) the source's current
    name by id; a table that is absent is not compared."""

    gl_accounts: Mapping[str, Account]
    cost_centers: Codes
    sub_accounts: Codes
    tax_codes: Codes
    credit_terms: Codes
    source_names: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    legal_entities: Codes = field(default_factory=lambda: MappingProxyType({}))
    source_codes: Mapping[str, Codes] = field(default_factory=lambda: MappingProxyType({}))
    suppliers: Codes = field(default_factory=lambda: MappingProxyType({}))


def from_tables(
    *, gl_accounts: pa.Table, cost_centers: pa.Table, sub_accounts: pa.Table, tax_codes: pa.Table,
    credit_terms: pa.Table, source_names: Mapping[str, Mapping[str, str]] | None = None,
    suppliers: pa.Table | None = None,
) -> Reference:  # fmt: skip
    """Each table has the columns ``code``, ``description``, ``is_active``; ``gl_accounts`` also
    ``is_cost_centre_account``, ``is_project_account``, ``is_sub_account_account``, ``analysis_limitation``.
    ``source_names`` comes from ``names``; ``suppliers`` where documents name the target's own. Raises
    ``BrokenReference``."""
    return Reference(
        gl_accounts=MappingProxyType(_accounts(gl_accounts)),
        cost_centers=_codes("cost_centers", cost_centers),
        sub_accounts=_codes("sub_accounts", sub_accounts),
        tax_codes=_codes("tax_codes", tax_codes),
        credit_terms=_codes("credit_terms", credit_terms),
        source_names=MappingProxyType(dict(source_names or {})),
        suppliers=MappingProxyType({}) if suppliers is None else _codes("suppliers", suppliers),
    )


def names(table: pa.Table) -> Mapping[str, str]:
    """Name by id (as text) of a reference table of the source with the columns ``id`` and ``name``."""
    _require("source", table, ("id", "name"))
    ids, found = table["id"].to_pylist(), table["name"].to_pylist()
    return MappingProxyType({str(one): name or "" for one, name in zip(ids, found, strict=True)})


def _accounts(table: pa.Table) -> dict[str, Account]:
    columns = ("code", "description", "is_active", "is_cost_centre_account", "is_project_account",
               "is_sub_account_account", "analysis_limitation")  # fmt: skip
    _require("gl_accounts", table, columns)
    found: dict[str, Account] = {}
    for row in table.select(columns).to_pylist():
        flags = (
            row["is_active"],
            row["is_cost_centre_account"],
            row["is_project_account"],
            row["is_sub_account_account"],
        )
        limitation = row["analysis_limitation"] or ""
        if None in flags or limitation not in LIMITATIONS:
            raise BrokenReference(
                f"gl_accounts: account {row['code']!r} has an unreadable flag or limitation {limitation!r}"
            )
        account = Account(row["code"], row["description"] or "", *flags, limitation)
        if found.setdefault(account.code, account) != account:
            raise BrokenReference(f"gl_accounts: {account.code!r} is there twice with different content")
    return found


def _codes(name: str, table: pa.Table) -> Codes:
    _require(name, table, ("code", "is_active"))
    found: dict[str, bool] = {}
    for code, is_active in zip(table["code"].to_pylist(), table["is_active"].to_pylist(), strict=True):
        if code is None or is_active is None:
            raise BrokenReference(f"{name}: a row without code or without is_active")
        if found.setdefault(code, is_active) != is_active:
            raise BrokenReference(f"{name}: {code!r} is there twice, active and inactive")
    return MappingProxyType(found)


def _require(name: str, table: pa.Table, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise BrokenReference(f"{name}: the reference table lacks {', '.join(missing)}")


def of_codes(*, legal_entities: pa.Table, source_codes: Mapping[str, pa.Table]) -> Reference:
    """For targets that no document is posted to accounts in. ``source_codes``: tables of ``code`` and ``is_active``."""
    none: Codes = MappingProxyType({})
    return Reference(
        MappingProxyType({}), none, none, none, none, legal_entities=_codes("legal_entities", legal_entities),
        source_codes=MappingProxyType({name: _codes(name, one) for name, one in source_codes.items()}),
    )  # fmt: skip
