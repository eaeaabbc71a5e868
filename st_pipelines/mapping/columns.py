"""The formats of the mapping tables as data: which files, which columns, what a cell may hold.

Invariant: every table a company edits is declared here and nowhere else; the loader refuses whatever is not declared.
``valid_from`` and ``valid_to`` may be added to every table: first and last day, both inclusive, blank = open.
"""

import re
from dataclasses import dataclass

VALID_FROM, VALID_TO = "valid_from", "valid_to"

# What an account takes beside the amount. Blank in a table means the table's default, see ``Column.default``.
BOTH, COST_CENTER, SUB_ACCOUNT, NONE = "cost_center+sub_account", "cost_center", "sub_account", "none"
ANALYSES = (BOTH, COST_CENTER, SUB_ACCOUNT, NONE)

ROLES = ("customer", "vendor")
CHARGES = ("tax", "freight", "other")

# A company reads ``<domain>_<entity>`` (reference/qad.md A1), so neither part may hold the separator.
_COMPANY_PART = re.compile(r"[A-Za-z0-9.\-]{1,20}")


@dataclass(frozen=True)
class Column:
    """``key``: part of what identifies a row. ``blank_is_any``: a blank key cell matches everything.
    ``optional``: the header may leave the column out. ``default``: what a blank cell or absent column stands for."""

    name: str
    key: bool = False
    may_be_blank: bool = False
    blank_is_any: bool = False
    optional: bool = False
    default: str = ""
    one_of: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True)
class TableFormat:
    """``one_of_filled``: of these columns at least one must be filled, else the row would be a default."""

    name: str
    columns: tuple[Column, ...]
    one_of_filled: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        return f"{self.name}.csv"

    @property
    def keys(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.key)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _any(name: str) -> Column:
    return Column(name, key=True, may_be_blank=True, blank_is_any=True)


def _analysis(default: str) -> Column:
    return Column("analysis", may_be_blank=True, optional=True, default=default, one_of=ANALYSES)


def _accounts(name: str) -> TableFormat:
    keys = (_any("business_unit_id"), _any("item"), _any("item_type"), _any("gl_hint"))
    columns = (*keys, Column("gl_account"), _analysis(BOTH))
    return TableFormat(name, columns, one_of_filled=("item", "item_type", "gl_hint"))


# What documents need that are posted to accounts; an integration of another kind has other tables.
FINANCIAL = ("business_units", "invoice_accounts", "bill_accounts", "charge_accounts", "payment_types", "tax_zones",
             "terms", "party_attributes")  # fmt: skip

# What approved supplier invoices of a procurement system need.
INVOICED = ("legal_entities", "charge_accounts")

# What purchase orders and receipts need on their way to a procurement system.
PROCUREMENT = ("sites", "order_states")

FORMATS: tuple[TableFormat, ...] = (
    TableFormat("business_units", (
        Column("business_unit_id", key=True), Column("name"), Column("domain", pattern=_COMPANY_PART),
        Column("entity", pattern=_COMPANY_PART), Column("cost_center", may_be_blank=True),
        Column("sub_account", may_be_blank=True))),
    TableFormat("legal_entities", (
        Column("legal_entity", key=True), Column("name"), Column("domain", pattern=_COMPANY_PART),
        Column("entity", pattern=_COMPANY_PART), Column("cost_center", may_be_blank=True),
        Column("sub_account", may_be_blank=True))),
    _accounts("invoice_accounts"),
    _accounts("bill_accounts"),
    TableFormat("charge_accounts", (
        _any("business_unit_id"), Column("charge", key=True, one_of=CHARGES), Column("gl_account"), _analysis(BOTH))),
    TableFormat("payment_types", (Column("payment_type_id", key=True), Column("name"), Column("bank_account"))),
    TableFormat("tax_zones", (
        Column("tax_zone_id", key=True), Column("name"), Column("tax_code"), Column("gl_account"), _analysis(NONE))),
    TableFormat("terms", (Column("role", key=True, one_of=ROLES), Column("name", key=True), Column("credit_terms"))),
    TableFormat("sites", (Column("site", key=True), Column("name"), Column("legal_entity"))),
    TableFormat("order_states", (Column("order_status", key=True, may_be_blank=True),
                                 Column("status", may_be_blank=True))),
    TableFormat("party_attributes", (
        Column("role", key=True, one_of=ROLES), _any("party_type"), Column("attribute", key=True), Column("value"))),
)  # fmt: skip
