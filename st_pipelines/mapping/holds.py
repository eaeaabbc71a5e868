"""Every reason why mapping stops a document, with its sentences. Invariant: codes are stable; each cure names what to
do and where, down to file and column.

``key`` is the exact missing thing, equal for all documents that one action cures, so that held work can be grouped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter


@dataclass(frozen=True)
class HoldText:
    """Sentences with named places, filled from the columns of the document and of its first faulty line."""

    key: str
    detail: str
    cure: str

    def fill(self, values: Mapping[str, object]) -> tuple[str, str, str]:
        return self.key.format_map(values), self.detail.format_map(values), self.cure.format_map(values)


def fields_of(text: HoldText) -> tuple[str, ...]:
    parts = (name for line in (text.key, text.detail, text.cure) for _, name, _, _ in Formatter().parse(line))
    return tuple(dict.fromkeys(name for name in parts if name))


def _no_row(thing: str, column: str, table: str, others: str) -> HoldText:
    return HoldText(
        f"{column}={{{column}}}",
        f"{thing} {{{column}}} has no row in {table}",
        f"Add a row to {table} with {column} {{{column}}} and its {others}.",
    )


def _not_effective(thing: str, column: str, table: str) -> HoldText:
    return HoldText(
        f"{column}={{{column}}}, day={{day}}",
        f"{thing} {{{column}}} has rows in {table}, none of them valid on {{day}}",
        f"Extend valid_from or valid_to of {column} {{{column}}} in {table} to {{day}}, or correct the date.",
    )


def _renamed(thing: str, column: str, table: str) -> HoldText:
    return HoldText(
        f"{column}={{{column}}}",
        f"{thing} {{{column}}} is now called {{{column}_name_now}}, in {table} it is {{{column}_name}}",
        f"Make sure that {thing} {{{column}}} still is what the row in {table} was written for; then write its new "
        "name into column name.",
    )


def _code(thing: str, field: str, state: str) -> HoldText:
    named = f"{thing} {{{field}}}"
    if state == "unknown":
        cure = f"Create {named} in the target, or correct it in {{{field}_at}}."
        return HoldText(f"{field}={{{field}}}", f"{named} does not exist in the target", cure)
    cure = f"Activate {named} in the target, or change it in {{{field}_at}}."
    return HoldText(f"{field}={{{field}}}", f"{named} is inactive in the target", cure)


CATALOGUE: Mapping[str, HoldText] = {
    # the source record itself
    "unreadable": HoldText("{unreadable}", "the source record cannot be used: {unreadable}",
                           "Correct {doc_key} in the source; it is read again when it changes."),
    "date.unreadable": HoldText("date", "the document has no believable date",
                                "Set the date of {doc_key} in the source."),
    "amount.unreadable": HoldText("amount", "an amount is missing, or is ten billion or more",
                                  "Correct the amounts of {doc_key} in the source."),
    "currency.unknown": HoldText("currency={currency}", "the currency {currency} is not one of this integration's",
                                 "Add {currency} to options.currencies in integration.yaml, or correct {doc_key}."),
    "customer.missing": HoldText("customer", "the document names no customer",
                                 "Set the customer of {doc_key} in the source."),
    "vendor.missing": HoldText("vendor", "the document names no vendor", "Set the vendor of {doc_key} in the source."),
    "supplier.missing": HoldText("supplier", "the invoice names no supplier",
                                 "Set the supplier of {doc_key} in the source."),
    "supplier.unknown": _code("supplier", "supplier", "unknown"),
    "supplier.inactive": _code("supplier", "supplier", "inactive"),
    "invoice.conflict": HoldText("{doc_key}", "{conflict}",
                                 "Cancel all but one of them in the source, or correct the supplier's number."),
    "supplier_reference.missing": HoldText("supplier_reference", "the bill has no supplier's invoice number",
                                           "Enter the vendor's own invoice number on {doc_key} in the source."),
    "name.missing": HoldText("name", "the party has no name", "Enter a name for {doc_key} in the source."),
    # business unit and company
    "business_unit.missing": HoldText("business_unit", "the document names no business unit",
                                      "Set the business unit of {doc_key} in the source."),
    "business_unit.no_row": _no_row("business unit", "business_unit_id", "business_units.csv",
                                    "name, domain, entity, cost_center and sub_account"),
    "business_unit.not_effective": _not_effective("business unit", "business_unit_id", "business_units.csv"),
    "business_unit.name_changed": _renamed("business unit", "business_unit_id", "business_units.csv"),
    "legal_entity.missing": HoldText("legal_entity", "the invoice names no legal entity",
                                     "Set the legal entity of {doc_key} in the source."),
    "legal_entity.no_row": _no_row("legal entity", "legal_entity", "legal_entities.csv",
                                   "name, domain, entity and cost_center"),
    "legal_entity.not_effective": _not_effective("legal entity", "legal_entity", "legal_entities.csv"),
    "legal_entity.name_changed": _renamed("legal entity", "legal_entity", "legal_entities.csv"),
    "company.other_domain": HoldText(
        "company={company}", "{company} lies outside the domain in which customers and suppliers are made",
        "Use an integration of its own for {company}, or correct domain in business_units.csv."),
    "intercompany": HoldText(
        "business_unit_id={business_unit_id}",
        "line {sequence} belongs to business unit {business_unit_id} in {line_company}, the document to {company}",
        "Correct the business unit of line {sequence} of {doc_key} in the source, or book the document by hand."),
    # accounts and analysis
    "gl_account.no_row": HoldText(
        "business_unit_id={business_unit_id}, item={item}, item_type={item_type}, gl_hint={gl_hint}",
        "line {sequence} ({item}) has no row in {account_file} that is valid on {day}",
        "Add a row to {account_file} with item_type {item_type} and its gl_account; fill business_unit_id, item or "
        "gl_hint where only these lines are meant."),
    "coding.missing": HoldText("{doc_key} line {sequence}", "line {sequence} has neither purchase order nor GL account",
                               "Code line {sequence} of {number} in the source."),
    "coding.unfit": HoldText(
        "gl_account={gl_account}, cost_center={cost_center}",
        "line {sequence}: GL account {gl_account} and cost center {cost_center} do not fit: {analysis}",
        "Correct the coding of line {sequence} of {number} in the source, or the account's analysis in the target."),
    "order_line.missing": HoldText(
        "{doc_key} line {sequence}", "line {sequence} names purchase order {order} and no line of it",
        "Name the order line on line {sequence} of {number} in the source, or take the order off it."),
    "order_line.no_quantity": HoldText(
        "{doc_key} line {sequence}", "line {sequence} takes no pieces of purchase order {order} line {order_line}",
        "Enter the invoiced quantity of line {sequence} of {number} in the source, or take the order off it."),
    "currency.order_differs": HoldText(
        "{doc_key}: {currency}, order {order}: {order_currency}",
        "the invoice is in {currency}, purchase order {order} is in {order_currency}",
        "Correct the currency of {number} in the source, or have the supplier invoice in {order_currency}."),
    "charge.no_row": HoldText(
        "business_unit_id={business_unit_id}, charge={charge}",
        "the {charge} of the bill has no row in charge_accounts.csv that is valid on {day}",
        "Add a row to charge_accounts.csv with charge {charge} and its gl_account."),
    "gl_account.unknown": _code("GL account", "gl_account", "unknown"),
    "gl_account.inactive": _code("GL account", "gl_account", "inactive"),
    "gl_account.analysis": HoldText(
        "gl_account={gl_account}, business_unit_id={business_unit_id}",
        "GL account {gl_account} and the analysis of business unit {business_unit_id} do not fit: {analysis}",
        "Change the account (or analysis beside it) in {gl_account_at}, cost_center or sub_account of business unit "
        "{business_unit_id} in business_units.csv, or the account's analysis in the target."),
    "cost_center.unknown": _code("cost center", "cost_center", "unknown"),
    "cost_center.inactive": _code("cost center", "cost_center", "inactive"),
    "sub_account.unknown": _code("sub-account", "sub_account", "unknown"),
    "sub_account.inactive": _code("sub-account", "sub_account", "inactive"),
    # tax, terms, payment type, party
    "tax_zone.missing": HoldText("tax_zone", "the document has tax and names no tax zone",
                                 "Set the tax zone of {doc_key} in the source."),
    "tax_zone.no_row": _no_row("tax zone", "tax_zone_id", "tax_zones.csv", "name, tax_code and gl_account"),
    "tax_zone.not_effective": _not_effective("tax zone", "tax_zone_id", "tax_zones.csv"),
    "tax_zone.name_changed": _renamed("tax zone", "tax_zone_id", "tax_zones.csv"),
    "tax_code.unknown": _code("tax code", "tax_code", "unknown"),
    "tax_code.inactive": _code("tax code", "tax_code", "inactive"),
    "terms.no_row": HoldText("role={role}, name={terms}", "the {role} terms {terms} have no row in terms.csv on {day}",
                             "Add a row to terms.csv with role {role}, name {terms} and its credit_terms."),
    "credit_terms.unknown": _code("credit terms", "credit_terms", "unknown"),
    "credit_terms.inactive": _code("credit terms", "credit_terms", "inactive"),
    "payment_type.missing": HoldText("payment_type", "the payment names no payment type",
                                     "Set the payment type of {doc_key} in the source."),
    "payment_type.no_row": _no_row("payment type", "payment_type_id", "payment_types.csv", "name and bank_account"),
    "payment_type.not_effective": _not_effective("payment type", "payment_type_id", "payment_types.csv"),
    "payment_type.name_changed": _renamed("payment type", "payment_type_id", "payment_types.csv"),
    "party_type.no_row": HoldText(
        "role={role}, party_type={party_type}", "{role} type {party_type} has no row in party_attributes.csv on {day}",
        "Add rows to party_attributes.csv with role {role} and party_type {party_type} (or blank for all types)."),
    # arithmetic
    "unbalanced": HoldText("unbalanced", "{unbalanced}", "Correct the amounts of {doc_key} in the source."),
    "rounding.over_limit": HoldText(
        "rounding", "rounding leaves {residual} {currency}, the limit is {rounding_limit}",
        "Correct the fractions of a cent in {doc_key}, or raise the rounding limit in integration.yaml."),
    "fraction": HoldText("fraction", "cash has fractions of the smallest coin: {amounts}",
                         "Correct the amounts of {doc_key} in the source."),
    "refund.original_missing": HoldText("refunds", "the payment is negative and names no payment that it refunds",
                                        "Name the refunded payment of {doc_key} in the source, or book it by hand."),
    "refund.positive": HoldText("refunds", "the payment refunds another one, and its amount is not negative",
                                "Check {doc_key} in the source; a refund must be negative."),
    "invoice.missing": HoldText("invoice", "the payment is applied to something that is not an invoice",
                                "Check the applications of {doc_key} in the source, or apply it by hand."),
    "reallocation": HoldText("reallocation", "the payment of zero moves money between invoices",
                             "Apply {doc_key} by hand in the target."),
}  # fmt: skip
