"""Each code of the catalogue can happen, and its sentences fill in. Invariant: a new code without a case fails here."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.mapping.holds import CATALOGUE
from st_pipelines_tests.mapping import given, given_approved

Case = Callable[[Path], MappedDocument]

UNITS = "business_unit_id,name,domain,entity,cost_center,sub_account,valid_from\n"
ZONES = "tax_zone_id,name,tax_code,gl_account,valid_from\n"
TYPES = "payment_type_id,name,bank_account,valid_from\n"


def _inv(changed: dict[str, object] | None = None, *lines: dict[str, object], **tables: object) -> Case:
    def case(folder: Path) -> MappedDocument:
        files = {name: text for name, text in tables.items() if isinstance(text, str)}
        live = {name: value for name, value in tables.items() if not isinstance(value, str)}
        return given.one_invoice(
            changed or {}, *lines, mapping=given.tables(folder, **files), live=given.reference(**live)
        )

    return case


def _pay(changed: dict[str, object], *applied: dict[str, object], **tables: object) -> Case:
    def case(folder: Path) -> MappedDocument:
        files = {name: text for name, text in tables.items() if isinstance(text, str)}
        live = {name: value for name, value in tables.items() if not isinstance(value, str)}
        lines = [given.application(sequence=place, **one) for place, one in enumerate(applied or ({},), start=1)]
        frames = given.payments(
            [given.payment(**changed)], lines, given.tables(folder, **files), given.reference(**live)
        )
        return given.only(frames)

    return case


def _bill(changed: dict[str, object], **tables: str) -> Case:
    return lambda folder: given.only(
        given.bills([given.bill(**changed)], [given.bill_item()], given.tables(folder, **tables))
    )


def _party(changed: dict[str, object], **tables: str) -> Case:
    return lambda folder: next(
        document
        for document in given.mapped_documents(given.parties([given.party(**changed)], given.tables(folder, **tables)))
    )


def _approved(changed: dict[str, object], *lines: dict[str, object], **live: object) -> Case:
    """``legal_entities``: text of the table; the others are lists of the target."""

    def case(folder: Path) -> MappedDocument:
        written = live.pop("legal_entities", "")
        tables = given_approved.tables(folder, str(written))
        return given.only(given_approved.mapped([given_approved.invoice(**changed)],
                                                [given_approved.line(sequence=place, **line)
                                                 for place, line in enumerate(lines or ({},), start=1)],
                                                tables, given_approved.reference(**live)))  # fmt: skip

    return case


ENTITIES = "legal_entity,name,domain,entity,cost_center,sub_account,valid_from\n"

CASES: dict[str, Case] = {
    "supplier.missing": _approved({"supplier": ""}, suppliers=given.codes("", "PS0001")),
    "supplier.unknown": _approved({"supplier": "PS0009"}),
    "supplier.inactive": _approved({}, suppliers=given.codes(inactive=["PS0001"])),
    "invoice.conflict": _approved(
        {"conflict": "INVC1 of 1.00 USD and INVC2 of 2.00 USD are all to be posted, and differ"}
    ),
    "legal_entity.missing": _approved({"business_unit": ""}),
    "legal_entity.no_row": _approved({"business_unit": "30USACO"}),
    "legal_entity.not_effective": _approved(
        {}, legal_entities=ENTITIES + "10USACO,Texas,10USA,10USACO,1100,01,2027-01-01\n"
    ),
    "legal_entity.name_changed": _approved({}, source_names={"legal_entities": {"10USACO": "Other"}}),
    "coding.missing": _approved({}, {"gl_account": ""}),
    "coding.unfit": _approved({}, {"cost_center": ""}),
    "order_line.missing": _approved({}, {"order": "PR000001"}),
    "order_line.no_quantity": _approved({}, {"order": "PR000001", "order_line": "1", "quantity": Decimal(0)}),
    "currency.order_differs": _approved({}, {"order": "PR000001", "order_line": "1", "order_currency": "EUR"}),
    "unreadable": _inv({"unreadable": "total: not a number"}),
    "date.unreadable": _inv({"invoice_date": None}),
    "amount.unreadable": _inv({"tax_amount": None}),
    "currency.unknown": _inv({"currency": "EUR"}),
    "customer.missing": _inv({"customer_key": ""}),
    "vendor.missing": _bill({"vendor_key": ""}),
    "supplier_reference.missing": _bill({"supplier_reference": ""}),
    "name.missing": _party({"name": ""}),
    "business_unit.missing": _inv({"business_unit": ""}),
    "business_unit.no_row": _inv({"business_unit": "107"}),
    "business_unit.not_effective": _inv(business_units=UNITS + "101,HVAC Service,10USA,10USACO,1100,01,2027-01-01\n"),
    "business_unit.name_changed": _inv(source_names={"business_units": {"101": "Other"}}),
    "company.other_domain": _inv(business_units=UNITS + "101,HVAC Service,20EUR,1,1100,01,\n"),
    "intercompany": _inv({}, {"business_unit": "106"}),
    "gl_account.no_row": _inv({}, {"item_type": "Odd"}),
    "charge.no_row": _bill({}, charge_accounts="business_unit_id,charge,gl_account\n,tax,5300\n,other,5400\n"),
    "gl_account.unknown": _inv(gl_accounts=given.accounts().slice(10, 3)),
    "gl_account.inactive": _pay({}, gl_accounts=given.accounts(a1030="inactive")),
    "gl_account.analysis": _inv(gl_accounts=given.accounts(a4000="no_sub")),
    "cost_center.unknown": _inv(cost_centers=given.codes("1200")),
    "cost_center.inactive": _inv(cost_centers=given.codes(inactive=["1100"])),
    "sub_account.unknown": _inv(sub_accounts=given.codes("02")),
    "sub_account.inactive": _inv(sub_accounts=given.codes(inactive=["01"])),
    "tax_zone.missing": _inv({"tax_zone": ""}),
    "tax_zone.no_row": _inv({"tax_zone": "999"}),
    "tax_zone.not_effective": _inv(tax_zones=ZONES + "301,Austin TX,TX825,2200,2027-01-01\n"),
    "tax_zone.name_changed": _inv(source_names={"tax_zones": {"301": "Other"}}),
    "tax_code.unknown": _inv(tax_codes=given.codes("WI55")),
    "tax_code.inactive": _inv(tax_codes=given.codes(inactive=["TX825"])),
    "terms.no_row": _inv({"terms": "Net 31"}),
    "credit_terms.unknown": _inv(credit_terms=given.codes("DUE")),
    "credit_terms.inactive": _inv(credit_terms=given.codes(inactive=["N30"])),
    "payment_type.missing": _pay({"payment_type": ""}),
    "payment_type.no_row": _pay({"payment_type": "599"}),
    "payment_type.not_effective": _pay({}, payment_types=TYPES + "502,Check,1030,2027-01-01\n"),
    "payment_type.name_changed": _pay({}, source_names={"payment_types": {"502": "Cheque"}}),
    "party_type.no_row": _party({}, party_attributes="role,party_type,attribute,value\ncustomer,Commercial,a,b\n"),
    "unbalanced": _inv({"total": Decimal("108.26")}),
    "rounding.over_limit": _inv(
        {"sub_total": Decimal("0.08"), "total": Decimal("8.33")}, *({"amount": Decimal("0.004")} for _ in range(20))
    ),
    "fraction": _pay({"amount": Decimal("100.005"), "unapplied": Decimal("0.005")}),
    "refund.original_missing": _pay({"amount": Decimal(-100)}, {"amount": Decimal(-100)}),
    "refund.positive": _pay({"refunds_key": given.key("payment", 9)}),
    "invoice.missing": _pay({}, {"invoice_key": ""}),
    "reallocation": _pay({"amount": Decimal(0)}, {}, {"amount": Decimal(-100), "invoice_key": given.key("invoice", 2)}),
}


def test_each_code_of_the_catalogue_has_a_case() -> None:
    assert set(CASES) == set(CATALOGUE)


@pytest.mark.parametrize("code", CATALOGUE)
def test_the_document_is_held_with_its_key_and_a_cure_to_act_on(code: str, tmp_path: Path) -> None:
    document = CASES[code](tmp_path)
    assert document.hold is not None, document
    assert (document.disposition, document.hold.code) == ("held", code)
    assert document.hold.key
    assert document.hold.detail
    assert document.hold.cure.endswith(".")
    assert not re.search(r"[{}]|None", document.hold.key + document.hold.detail + document.hold.cure)
    assert (document.payload, document.needs, document.control) == (None, (), ())
    assert document.business_date >= date(2026, 10, 5)
