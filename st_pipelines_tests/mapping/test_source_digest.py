"""The digest of a source document tells a changed document from a changed mapping."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines_tests.mapping import given


def test_it_does_not_move_with_the_mapping(tmp_path: Path) -> None:
    header = "business_unit_id,item,item_type,gl_hint,gl_account\n"
    other = given.tables(tmp_path, invoice_accounts=header + ",,Service,,4300\n")
    one, two = given.one_invoice({}), given.one_invoice({}, mapping=other)
    assert one.source_sha256 == two.source_sha256
    assert one.payload != two.payload


@pytest.mark.parametrize("changed", [{"modified_on": datetime(2027, 1, 1, tzinfo=UTC)}, {"customer_name": "Renamed"}])
def test_it_does_not_move_with_what_the_books_do_not_see(changed: dict[str, Any]) -> None:
    assert given.one_invoice(changed).source_sha256 == given.one_invoice({}).source_sha256


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ({"is_active": False}, {}),
        ({"eligibility": "pending"}, {}),
        ({"total": Decimal("108.26")}, {}),
        ({"tax_zone": "302"}, {}),
        ({"customer_key": given.key("customer", 8)}, {}),
        ({"due_date": None}, {}),
        ({}, {"amount": Decimal("99.99999999")}),
        ({}, {"item": "OTHER"}),
        ({}, {"description": "Other"}),
    ],
)
def test_it_moves_with_what_the_books_see(header: dict[str, Any], line: dict[str, Any]) -> None:
    assert given.one_invoice(header, line).source_sha256 != given.one_invoice({}).source_sha256


def test_it_tells_where_a_text_stands() -> None:
    one, other = (given.one_invoice({"adjusts_key": here, "summary": there}) for here, there in (("A", ""), ("", "A")))
    assert one.source_sha256 != other.source_sha256
