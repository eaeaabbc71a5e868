"""A record that cannot be used becomes one row of ``<entity>_unreadable``; all others of its page are landed (X9)."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.systems.http.errors import SystemFault
from st_pipelines.systems.servicetitan.columns import UnfitValue
from st_pipelines.systems.servicetitan.decode import BrokenPage, decode_page, shape_of, to_tables
from st_pipelines.systems.servicetitan.entities import entity
from st_pipelines_tests.servicetitan.conftest import Day
from st_pipelines_tests.servicetitan.hostile import Hostile
from st_pipelines_tests.servicetitan.records import bill, invoice, item, receipt

BAD = {
    "no id": ({"id": None}, "id"),
    "id as text": ({"id": "12"}, "id"),
    "no activity": ({"active": None}, "active"),
    "amount not a number": ({"total": "12.3O"}, "total"),
    "amount with exponent": ({"total": "1e5"}, "total"),
    "amount too precise": ({"total": "1.123456789"}, "total"),
    "amount beyond the column": ({"total": "1234567890123456.00"}, "total"),
    "amount NaN": ({"total": "NaN"}, "total"),
    "an amount's list": ({"total": ["1.00"]}, "total"),
    "date with a time": ({"invoiceDate": "2026-10-05T20:35:00Z"}, "invoiceDate"),
    "date that is none": ({"invoiceDate": "2026-02-30T00:00:00Z"}, "invoiceDate"),
    "instant without a zone": ({"modifiedOn": "2026-10-05T12:00:00"}, "modifiedOn"),
    "instant far away": ({"modifiedOn": "9999-12-31T00:00:00Z"}, "modifiedOn"),
    "id beyond 64 bits": ({"taxZoneId": 2**63}, ""),
    "items not a list": ({"items": "none"}, "items"),
    "bad item": ({"items": [item(1), item(2, quantity="two")]}, "quantity"),
    "item without type": ({"items": [{k: v for k, v in item(1).items() if k != "type"}]}, "type"),
    "customer as a number": ({"customer": 7}, "customer"),
}


def _page(*rows: Any, **changes: Any) -> bytes:
    return json.dumps(
        {"page": 1, "pageSize": 50, "hasMore": False, "totalCount": None, "data": rows} | changes
    ).encode()


def _read(*rows: Any, name: str = "invoices") -> Any:
    about = entity(name)
    return to_tables(shape_of(name, about), decode_page(about, _page(*rows)))


@pytest.mark.parametrize("case", BAD)
def test_the_bad_record_is_named_and_the_others_are_read(case: str) -> None:
    changes, field = BAD[case]
    tables, page = _read(invoice(1), invoice(2) | changes, invoice(3))
    assert tables["invoices"]["id"].to_pylist() == [1, 3]
    assert tables["invoice_items"]["invoice_id"].to_pylist() == [1, 3]
    (broken,) = page.unreadable
    assert broken.position == 1
    assert broken.id == (2 if isinstance((invoice(2) | changes)["id"], int) else None)
    assert field in broken.error


def test_many_bad_records_of_different_kinds_are_each_found_at_their_place() -> None:
    rows: list[Any] = [invoice(n) for n in range(40)]
    rows[0] = "not an object"
    rows[7]["total"] = "x"
    rows[8]["id"] = None
    rows[39]["modifiedOn"] = "yesterday"
    tables, page = _read(*rows)
    assert sorted(one.position for one in page.unreadable) == [0, 7, 8, 39]
    assert tables["invoices"].num_rows == 36


def test_a_day_with_a_bad_record_is_landed_and_says_where_the_record_is(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 26)]
    hostile.rows["invoices"][12]["total"] = "a lot"
    got = day.read("invoices")
    assert (got.records, got.unreadable) == (24, 1)
    (row,) = day.table("invoices_unreadable").to_pylist()
    assert (row["id"], row["position"]) == (13, 2)
    assert "total: 'a lot' is not a plain decimal amount" in row["error"]
    raw = json.loads(day.store.page("demo", "invoices", "2026-10-05", row["page_sha256"]))
    assert raw["data"][2]["id"] == 13


def test_a_page_that_stays_truncated_is_kept_raw_and_refused(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 6)]
    hostile.spoil = lambda path, number, body: body[:-40]
    with pytest.raises(SystemFault, match="invoices page 1"):
        day.read("invoices")
    assert not day.store.has_table("demo", "source", "invoices", "2026-10-05")
    assert next(day.store.pages("demo", "invoices", "2026-10-05")).startswith(b'{"page"')


def test_a_page_truncated_once_is_asked_for_again(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 6)]
    cuts = iter([40])
    hostile.spoil = lambda path, number, body: body[: len(body) - next(cuts, 0)]
    assert day.read("invoices").records == 5


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>", b"[]", b'{"data":[]}', b'{"hasMore":false,"data":{}}'])
def test_what_is_not_a_page_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenPage, match="invoices"):
        decode_page(entity("invoices"), content)


def test_unknown_fields_and_enum_values_are_no_fault() -> None:
    tables, page = _read(invoice(1, syncStatus="Voided", somethingNew={"deep": [1, {"a": None}]}, items=None))
    assert tables["invoices"]["sync_status"].to_pylist() == ["Voided"]
    assert not page.unreadable


def test_a_landed_cost_method_of_zero_is_no_fault() -> None:
    assert not _read(bill(1, landedCostMethod=0), name="bills")[1].unreadable


AMOUNTS = st.decimals(min_value=Decimal("-999999999999999"), max_value=Decimal("999999999999999"), places=8)


@settings(deadline=None, max_examples=60)
@given(amount=AMOUNTS, zeros=st.integers(0, 3))
def test_amounts_are_exact_as_text_and_as_number(amount: Decimal, zeros: int) -> None:
    plain = format(amount, "f")
    short = plain[: len(plain) - zeros] if plain.endswith("0" * zeros) else plain
    as_text = _read(invoice(1, total=short))[0]["invoices"]["total"][0].as_py()
    number = _page(receipt(1, 60)).replace(b'"receiptAmount": 30.0', f'"receiptAmount": {short}'.encode())
    about = entity("receipts")
    as_number = to_tables(shape_of("receipts", about), decode_page(about, number))[0]["receipts"]["receipt_amount"][0]
    assert as_text == as_number.as_py() == amount


@settings(deadline=None, max_examples=60)
@given(amount=AMOUNTS)
def test_a_number_where_the_document_says_text_is_taken_exactly(amount: Decimal) -> None:
    page = _page(invoice(1)).replace(b'"total": "10.83"', f'"total": {format(amount, "f")}'.encode())
    about = entity("invoices")
    tables, broken = to_tables(shape_of("invoices", about), decode_page(about, page))
    assert not broken.unreadable
    assert tables["invoices"]["total"][0].as_py() == amount


@pytest.mark.parametrize("number", ["1e400", "1e999999999", "-1e-999", "0.1234567891", "1e16"])
def test_absurd_numbers_hold_their_record_and_cost_nothing(number: str) -> None:
    about = entity("receipts")
    spoiled = _page(receipt(1, 60), receipt(2, 60)).replace(
        b'"receiptAmount": 30.0', f'"receiptAmount": {number}'.encode(), 1
    )
    tables, page = to_tables(shape_of("receipts", about), decode_page(about, spoiled))
    assert (tables["receipts"]["id"].to_pylist(), len(page.unreadable)) == ([2], 1)


@settings(deadline=None, max_examples=60)
@given(
    moment=st.datetimes(), digits=st.integers(0, 7), fraction=st.integers(0, 9_999_999)
)  # fmt: skip
def test_instants_keep_their_text_and_lose_nothing_above_a_microsecond(moment: Any, digits: int, fraction: int) -> None:
    moment = moment.replace(year=2000 + moment.year % 200, microsecond=0)
    part = f"{fraction:07d}"[:digits]
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{part}" if part else "") + "Z"
    table = _read(invoice(1, text))[0]["invoices"]
    assert table["modified_on"].to_pylist() == [text]
    at = table["modified_at"][0].as_py()
    assert at.replace(tzinfo=None) == moment.replace(microsecond=int(f"{part:0<7}"[:6] or 0))


def test_the_error_is_one_of_the_house() -> None:
    assert issubclass(UnfitValue, ValueError)
