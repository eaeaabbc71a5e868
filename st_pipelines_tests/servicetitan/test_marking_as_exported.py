"""Each element of a markasexported call is judged alone, an unknown outcome stays unknown, and asking again is safe."""

import json

import pytest

from st_pipelines.systems.servicetitan.writeback import Mark, mark_exported
from st_pipelines_tests.servicetitan.conftest import Day
from st_pipelines_tests.servicetitan.hostile import Hostile
from st_pipelines_tests.servicetitan.records import bill, invoice


def _apply(hostile: Hostile, body: bytes) -> bytes:
    """Marks everything but 13, and answers in reverse order."""
    asked = json.loads(body)
    ids = asked["inventoryBillIds"] if isinstance(asked, dict) else [one["invoiceId"] for one in asked]
    name = "inventoryBillId" if isinstance(asked, dict) else "invoiceId"
    rows = [row for rows in hostile.rows.values() for row in rows]
    for row in rows:
        if row["id"] in ids and row["id"] != 13:
            row["syncStatus"] = "Exported"
    return json.dumps([
        {name: one, "success": one != 13, "errorMessage": "batch is locked" if one == 13 else None} for one in ids[::-1]
    ]).encode()  # fmt: skip


def _accept(hostile: Hostile) -> None:
    hostile.answer_write = lambda path, body: (200, _apply(hostile, body))


def test_every_element_has_its_own_result_in_the_order_asked(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [
        invoice(11), invoice(12, syncStatus="Exported", exportId="INV12"), invoice(13),
        invoice(14, syncStatus="Pending"), invoice(15, active=False),
    ]  # fmt: skip
    _accept(hostile)
    found = mark_exported(day.client, "invoices", [Mark(n, f"INV{n}") for n in (16, 15, 14, 13, 12, 11)])
    assert [(one.id, one.state) for one in found] == [
        (16, "refused"), (15, "refused"), (14, "refused"), (13, "refused"), (12, "already_exported"), (11, "exported"),
    ]  # fmt: skip
    assert found[3].reason == "batch is locked"
    assert "Pending" in found[2].reason
    assert json.loads(hostile.bodies[-1]) == [
        {"invoiceId": 13, "externalId": "INV13", "externalMessage": None},
        {"invoiceId": 11, "externalId": "INV11", "externalMessage": None},
    ]


def test_what_the_record_says_decides_whether_it_is_marked(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [
        invoice(21, syncStatus="Exported"), invoice(22, syncStatus="Exported"),
        invoice(23, syncStatus="Exported", exportId="INV1"), invoice(24, syncStatus="Exported", exportId="QB-9"),
        invoice(25, exportId="QB-9"), invoice(26, exportId="INV1"),
    ]  # fmt: skip
    _accept(hostile)
    found = mark_exported(day.client, "invoices", [
        Mark(21, "INV2"), Mark(22, "INV2", told=("INV2",)), Mark(23, "INV2", told=("INV1",)), Mark(24, "INV2"),
        Mark(25, "INV2"), Mark(26, "INV2", told=("INV1", "INV2")),
    ])  # fmt: skip
    assert [(one.id, one.state) for one in found] == [
        (21, "exported"),  # somebody exported it by hand: our number is still news
        (22, "already_exported"),  # asked for once, and this tenant keeps no external id
        (23, "exported"),  # posted again under a new number
        (24, "already_exported"),  # another program's id is never written over
        (25, "refused"), (26, "exported"),
    ]  # fmt: skip
    assert "QB-9" in found[3].reason and "QB-9" in found[4].reason
    assert [one["invoiceId"] for one in json.loads(hostile.bodies[-1])] == [21, 23, 26]


def test_bills_are_named_in_one_object(day: Day, hostile: Hostile) -> None:
    hostile.rows["inventory-bills/paginated"] = [bill(5), bill(6)]
    _accept(hostile)
    assert {one.state for one in mark_exported(day.client, "bills", [Mark(5), Mark(6), Mark(5)])} == {"exported"}
    assert [json.loads(body) for body in hostile.bodies] == [{"inventoryBillIds": [5, 6]}]


def test_many_are_marked_in_blocks(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(100, 230)]
    _accept(hostile)
    found = mark_exported(day.client, "invoices", [Mark(n) for n in range(100, 230)])
    assert [one.state for one in found] == ["exported"] * 130
    assert [len(json.loads(body)) for body in hostile.bodies] == [50, 50, 30]


def test_a_lost_answer_is_unknown_and_the_next_call_settles_it_without_sending(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(11), invoice(13)]
    _accept(hostile)
    hostile.drop_writes = True
    assert [one.state for one in mark_exported(day.client, "invoices", [Mark(11), Mark(13)])] == ["unknown", "unknown"]
    assert len(hostile.bodies) == 1
    hostile.drop_writes = False
    assert [one.state for one in mark_exported(day.client, "invoices", [Mark(11)])] == ["already_exported"]
    assert len(hostile.bodies) == 1


@pytest.mark.parametrize("answer", [b"", b"{}", b'[{"invoiceId":11}]', b'[{"success":true}]', b"<html>"])
def test_an_answer_of_another_shape_is_unknown(day: Day, hostile: Hostile, answer: bytes) -> None:
    hostile.rows["invoices"] = [invoice(11)]
    hostile.answer_write = lambda path, body: (200, answer)
    assert [one.state for one in mark_exported(day.client, "invoices", [Mark(11)])] == ["unknown"]


def test_an_element_that_the_answer_leaves_out_is_unknown(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(11), invoice(12)]
    hostile.answer_write = lambda path, body: (200, b'[{"invoiceId":12,"success":true,"errorMessage":null}]')
    assert [one.state for one in mark_exported(day.client, "invoices", [Mark(11), Mark(12)])] == ["unknown", "exported"]


@pytest.mark.parametrize(
    ("status", "state"), [(400, "refused"), (403, "not_sent"), (429, "not_sent"), (500, "unknown")]
)
def test_an_error_of_the_whole_call_is_told_for_each(day: Day, hostile: Hostile, status: int, state: str) -> None:
    hostile.rows["invoices"] = [invoice(11)]
    hostile.answer_write = lambda path, body: (status, b'{"title":"No","status":%d}' % status)
    (found,) = mark_exported(day.client, "invoices", [Mark(11)])
    assert found.state == state
    assert found.reason
    assert len(hostile.bodies) == 1
