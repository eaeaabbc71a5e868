"""Every reason that stops an invoice: its code, its exact key, and a cure that names file and column."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.mapping.options import MappingOptions
from st_pipelines_tests.mapping import given

UNIT_HEADER = "business_unit_id,name,domain,entity,cost_center,sub_account,valid_from,valid_to\n"
SECOND_LINE = {"sub_total": Decimal("200"), "total": Decimal("208.25")}


def test_the_ordinary_invoice_is_ready() -> None:
    document = given.one_invoice({})
    assert (document.disposition, document.hold) == ("ready", None)


@pytest.mark.parametrize(
    ("changed", "code", "key", "cure"),
    [
        ({"unreadable": "total is not a number"}, "unreadable", "total is not a number", "ST:1234567:invoice:1"),
        ({"invoice_date": None}, "date.unreadable", "date", "Set the date"),
        ({"invoice_date": date(20, 10, 5)}, "date.unreadable", "date", "Set the date"),
        ({"total": None}, "amount.unreadable", "amount", "Correct the amounts"),
        ({"total": Decimal("10000000000")}, "amount.unreadable", "amount", "Correct the amounts"),
        ({"is_active": None}, "unreadable", "it does not say whether it is active", "Correct"),
        ({"modified_on": None}, "unreadable", "it has no time of modification", "Correct"),
        ({"currency": "EUR"}, "currency.unknown", "currency=EUR", "integration.yaml"),
        ({"currency": "Dollar"}, "currency.unknown", "currency=Dollar", "integration.yaml"),
        ({"customer_key": ""}, "customer.missing", "customer", "Set the customer"),
        ({"business_unit": ""}, "business_unit.missing", "business_unit", "Set the business unit"),
        ({"business_unit": "107"}, "business_unit.no_row", "business_unit_id=107",
         "Add a row to business_units.csv with business_unit_id 107"),
        ({"tax_zone": ""}, "tax_zone.missing", "tax_zone", "Set the tax zone"),
        ({"tax_zone": "399"}, "tax_zone.no_row", "tax_zone_id=399", "Add a row to tax_zones.csv with tax_zone_id 399"),
        ({"terms": "Net 90"}, "terms.no_row", "role=customer, name=Net 90", "Add a row to terms.csv"),
        ({"terms": "net 30"}, "terms.no_row", "role=customer, name=net 30", "Add a row to terms.csv"),
        ({"total": Decimal("108.26")}, "unbalanced", "subtotal 100.00 + tax 8.25, total 108.26", "Correct the amounts"),
        ({"sub_total": Decimal("99"), "total": Decimal("107.25")}, "unbalanced", "lines 100.00, subtotal 99.00",
         "Correct the amounts"),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_mapped(changed: dict[str, Any], code: str, key: str, cure: str) -> None:
    document = given.one_invoice(changed)
    assert document.hold is not None
    assert (document.disposition, document.hold.code) == ("held", code)
    assert key in (document.hold.key, document.hold.detail)
    assert cure in document.hold.cure
    assert (document.payload, document.control, document.needs) == (None, (), ())


@pytest.mark.parametrize(
    ("line", "code", "key", "cure"),
    [
        ({"amount": None}, "amount.unreadable", "amount", "Correct the amounts"),
        ({"business_unit": "107"}, "business_unit.no_row", "business_unit_id=107", "business_units.csv"),
        ({"business_unit": "106"}, "intercompany", "business_unit_id=106", "Correct the business unit of line 2"),
        ({"item_type": "Unspecified", "item": "X", "gl_hint": ""}, "gl_account.no_row",
         "business_unit_id=101, item=X, item_type=Unspecified, gl_hint=", "Add a row to invoice_accounts.csv"),
        ({"item_type": "service", "gl_hint": ""}, "gl_account.no_row",
         "business_unit_id=101, item=SVC-DIAG, item_type=service, gl_hint=", "Add a row to invoice_accounts.csv"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_mapped(line: dict[str, Any], code: str, key: str, cure: str) -> None:
    document = given.one_invoice(SECOND_LINE, {}, line)
    assert document.hold is not None
    assert (document.hold.code, document.hold.key) == (code, key)
    assert cure in document.hold.cure


def test_the_first_faulty_line_counts_whatever_its_fault() -> None:
    lines = ({"item_type": "Odd"}, {"business_unit": "107"}, {"item_type": "Other"})
    document = given.one_invoice({"sub_total": Decimal(300), "total": Decimal("308.25")}, *lines)
    assert document.hold is not None
    assert "item_type=Odd" in document.hold.key


@pytest.mark.parametrize(
    ("flags", "code", "key"),
    [
        ({"a4000": "inactive"}, "gl_account.inactive", "gl_account=4000"),
        ({"a2200": "inactive"}, "gl_account.inactive", "gl_account=2200"),
        ({"a1200": "inactive"}, "gl_account.inactive", "gl_account=1200"),
        ({"a4000": "no_cc"}, "gl_account.analysis", "gl_account=4000, business_unit_id=101"),
        ({"a4000": "no_sub"}, "gl_account.analysis", "gl_account=4000, business_unit_id=101"),
        ({"a4000": "project"}, "gl_account.analysis", "gl_account=4000, business_unit_id=101"),
        ({"a4000": "=Both Required"}, "gl_account.analysis", "gl_account=4000, business_unit_id=101"),
        ({"a2200": "cc"}, "gl_account.analysis", "gl_account=2200, business_unit_id=101"),
        ({"a2200": "sub"}, "gl_account.analysis", "gl_account=2200, business_unit_id=101"),
    ],
)
def test_an_account_that_the_target_would_refuse(flags: dict[str, str], code: str, key: str) -> None:
    document = given.one_invoice({}, live=given.reference(gl_accounts=given.accounts(**flags)))
    assert document.hold is not None
    assert (document.hold.code, document.hold.key) == (code, key)
    assert ".csv, line" in document.hold.cure or "integration.yaml" in document.hold.cure


@pytest.mark.parametrize("limitation", ["At Least One", "Excluding each Other"])
def test_a_project_account_is_usable_where_a_cost_center_is_enough(limitation: str) -> None:
    chart = given.accounts(a4000=f"project|={limitation}")
    assert given.one_invoice({}, live=given.reference(gl_accounts=chart)).disposition == "ready"


@pytest.mark.parametrize(
    ("table", "known", "code", "key"),
    [
        ("cost_centers", given.codes("1200"), "cost_center.unknown", "cost_center=1100"),
        ("cost_centers", given.codes("1200", inactive=["1100"]), "cost_center.inactive", "cost_center=1100"),
        ("sub_accounts", given.codes("02"), "sub_account.unknown", "sub_account=01"),
        ("sub_accounts", given.codes("02", inactive=["01"]), "sub_account.inactive", "sub_account=01"),
        ("tax_codes", given.codes(), "tax_code.unknown", "tax_code=TX825"),
        ("tax_codes", given.codes(inactive=["TX825"]), "tax_code.inactive", "tax_code=TX825"),
        ("credit_terms", given.codes(), "credit_terms.unknown", "credit_terms=N30"),
        ("credit_terms", given.codes(inactive=["N30"]), "credit_terms.inactive", "credit_terms=N30"),
        ("gl_accounts", given.accounts().slice(0, 3), "gl_account.unknown", "gl_account=1200"),
    ],
)
def test_a_code_that_the_target_does_not_have(table: str, known: Any, code: str, key: str) -> None:
    document = given.one_invoice({}, live=given.reference(**{table: known}))
    assert document.hold is not None
    assert (document.hold.code, document.hold.key) == (code, key)


def test_a_unit_without_the_cost_center_that_its_account_needs(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, business_units=UNIT_HEADER + "101,HVAC Service,10USA,10USACO,,01,,\n")
    document = given.one_invoice({}, mapping=mapping)
    assert document.hold is not None
    assert document.hold.code == "gl_account.analysis"
    assert "needs a cost center" in document.hold.detail


def test_a_balance_sheet_account_is_usable_when_the_table_says_that_it_takes_no_analysis(tmp_path: Path) -> None:
    header = "business_unit_id,item,item_type,gl_hint,gl_account,analysis\n"
    mapping = given.tables(tmp_path, invoice_accounts=header + ",,Service,,2200,none\n")
    document = given.one_invoice({}, mapping=mapping)
    assert document.disposition == "ready"
    assert [(line.gl_account, line.cost_center) for line in document.payload.lines] == [("2200", ""), ("2200", "")]  # type: ignore[union-attr]


def test_a_unit_in_another_domain_than_the_masters(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, business_units=UNIT_HEADER + "101,HVAC Service,20EUR,20EURCO,1100,01,,\n")
    document = given.one_invoice({}, mapping=mapping)
    assert document.hold is not None
    assert (document.hold.code, document.hold.key) == ("company.other_domain", "company=20EUR_20EURCO")


@pytest.mark.parametrize(
    ("table", "names", "code"),
    [
        ("business_units", {"101": "HVAC Service South"}, "business_unit.name_changed"),
        ("tax_zones", {"301": "Austin Metro"}, "tax_zone.name_changed"),
    ],
)
def test_a_name_that_the_source_has_changed(table: str, names: dict[str, str], code: str) -> None:
    document = given.one_invoice({}, live=given.reference(source_names={table: names}))
    assert document.hold is not None
    assert document.hold.code == code
    assert next(iter(names.values())) in document.hold.detail


def test_the_id_decides_where_the_names_are_equal_in_normal_form(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, business_units=UNIT_HEADER + "101,Café,10USA,10USACO,1100,01,,\n")
    live = given.reference(source_names={"business_units": {"101": "Cafe\u0301"}})
    assert given.one_invoice({}, mapping=mapping, live=live).disposition == "ready"


def test_two_missing_things_are_told_one_after_the_other_header_first() -> None:
    document = given.one_invoice({"business_unit": "107", "tax_zone": "399"}, {"item_type": "Odd"})
    assert document.hold is not None
    assert document.hold.code == "business_unit.no_row"


def test_rounding_beyond_the_limit_is_held_with_the_difference() -> None:
    thirds = [{"amount": Decimal("0.004")}] * 20  # each rounds to nothing; 0.08 is left
    document = given.one_invoice({"sub_total": Decimal("0.08"), "total": Decimal("8.33")}, *thirds)
    assert document.hold is not None
    assert (document.hold.code, document.hold.detail) == (
        "rounding.over_limit",
        "rounding leaves 0.08 USD, the limit is 0.05",
    )


def test_an_unusable_rounding_account_stops_only_documents_that_need_it() -> None:
    live = given.reference(gl_accounts=given.accounts(a6900="inactive"))
    fraction = given.one_invoice(
        {"sub_total": Decimal("100.004"), "total": Decimal("108.254")}, {"amount": Decimal("100.004")}, live=live
    )
    assert given.one_invoice({}, live=live).disposition == "ready"
    assert fraction.disposition == "ready"  # line and total round alike: nothing is left over
    halves = [{"amount": Decimal("50.004")}, {"amount": Decimal("50.004")}]
    left = given.one_invoice({"sub_total": Decimal("100.008"), "total": Decimal("108.258")}, *halves, live=live)
    assert left.hold is not None
    assert (left.hold.code, left.hold.key) == ("gl_account.inactive", "gl_account=6900")
    assert "integration.yaml, rounding.account" in left.hold.cure


def test_options_refuse_what_would_be_a_guess() -> None:
    good = {name: getattr(given.OPTIONS, name) for name in given.OPTIONS.__dataclass_fields__}
    for name, value in (
        ("receivable_account", " "),
        ("rounding_limit", Decimal(-1)),
        ("source_tag", "ST:1:"),
        ("currency", "usd"),
    ):
        with pytest.raises(ValueError, match=r"."):
            MappingOptions(**good | {name: value})
