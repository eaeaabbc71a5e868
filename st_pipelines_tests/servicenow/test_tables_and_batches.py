"""Writes show what was ignored; batches ask again for reads alone; long queries go in a body; bad answers are named."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_pipelines.systems.http.errors import BadAnswer, Forbidden, Misconfigured, OutcomeUnknown, Refused, Unreachable
from st_pipelines.systems.servicenow import query as q
from st_pipelines.systems.servicenow.answers import BrokenOff, said
from st_pipelines.systems.servicenow.batch import Became, Part, read_parts, write_parts
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.tables import get, insert, select, update
from st_pipelines_tests.servicenow.hostile import Hostile

TABLE = "sn_shop_invoice"
COLUMNS = q.Columns(TABLE, ["number"])


@pytest.fixture
def rows(hostile: Hostile) -> list[dict[str, str]]:
    hostile.add_table(TABLE, ["number", "erp_number", "amount", "posted"])

    def write(method: str, path: str, body: dict[str, str]) -> tuple[int, Any]:
        assert all(isinstance(value, str) for value in body.values()), body
        if method == "POST":
            row = {"sys_id": f"{len(hostile.tables[TABLE]) + 1:032x}", "sys_mod_count": "0", "erp_number": "",
                   "sys_updated_on": "2026-10-01 00:00:00", "amount": "", "posted": ""}  # fmt: skip
            hostile.tables[TABLE].append(row)
        else:
            row = next(row for row in hostile.tables[TABLE] if path.endswith(row["sys_id"]))
        row.update({name: value for name, value in body.items() if name != "erp_number"})  # an ACL drops this one
        return 201 if method == "POST" else 200, {"result": row}

    hostile.answer_write = write
    return hostile.tables[TABLE]


def test_everything_is_text_and_what_was_ignored_is_named(rows: list[dict[str, str]], client: ServiceNow) -> None:
    made = insert(client, TABLE, {"number": "INV1", "amount": Decimal("12.50"), "erp_number": "V1", "posted": True},
                  reference="INV1")  # fmt: skip
    assert rows[0]["amount"] == "12.50"
    assert rows[0]["posted"] == "true"
    assert made.ignored == ("erp_number",)
    changed = update(client, TABLE, made.sys_id, {"posted": datetime(2026, 10, 1, 5, tzinfo=UTC)}, reference="INV1")
    assert rows[0]["posted"] == "2026-10-01 05:00:00"
    assert changed.ignored == ()


@pytest.mark.parametrize("value", [1.5, datetime(2026, 10, 1), [1], Decimal("NaN")])  # noqa: DTZ001
def test_what_is_no_exact_value_is_never_sent(value: Any, hostile: Hostile, client: ServiceNow) -> None:
    with pytest.raises(Misconfigured, match="amount"):
        insert(client, TABLE, {"amount": value}, reference="x")
    assert hostile.requests == []


@pytest.mark.parametrize(
    ("held", "sent", "is_same"),
    [("12.5", "12.50", True), ("USD;12.50", "USD;12.5", True), ("12.50", "USD;12.50", True),
     ("EUR;12.50", "USD;12.50", False), ("00123", "123", False), ("123", "00123", False), ("", "1", False),
     ({"value": "x", "link": "y"}, "x", True), ({"display_value": "x"}, "x", False), (None, "", True)],
)  # fmt: skip
def test_a_value_is_the_same_by_its_meaning_not_by_its_spelling(held: Any, sent: str, is_same: bool) -> None:
    from st_pipelines.systems.servicenow.tables import same

    assert same(held, sent) is is_same


def test_a_write_without_the_record_in_its_answer_is_unknown(hostile: Hostile, client: ServiceNow) -> None:
    for answer in ({"result": {}}, {"result": []}, b"{", {"result": {"sys_id": "b" * 32}, "error": {"message": "x"}}):
        hostile.answer_write = lambda method, path, body, answer=answer: (201, answer)
        with pytest.raises(OutcomeUnknown):
            insert(client, TABLE, {"number": "1"}, reference="1")
    hostile.answer_write = lambda method, path, body: (200, {"result": {"sys_id": "b" * 32}})
    with pytest.raises(OutcomeUnknown, match="without the record's sys_id"):
        update(client, TABLE, "a" * 32, {"number": "1"}, reference="1")


@pytest.mark.parametrize(
    ("body", "why"),
    [(b'{"result":[{"number":"1"},', "answered 200"), (b"<html>Instance Hibernating page</html>", "a web page"),
     (b'{"result":[],"error":{"message":"Transaction cancelled: maximum execution time exceeded"}}', "cancelled"),
     (b'{"status":"success"}', "no result"), (b'{"result":[1,2]}', "answered 200"), (b"", "answered 200")],
)  # fmt: skip
def test_a_200_that_is_no_answer_is_an_error(
    body: bytes, why: str, rows: list[dict[str, str]], hostile: Hostile, client: ServiceNow, quick: None
) -> None:
    hostile.spoil = lambda path, params, whole: body
    with pytest.raises(BrokenOff, match=why):
        select(client, TABLE, "", ["number"], limit=10, gives_up_at_once=True)
    assert len(hostile.requests) == 1
    with pytest.raises(BadAnswer):
        select(client, TABLE, "", ["number"], limit=10)
    assert len(hostile.requests) == 4


@pytest.mark.usefixtures("quick")
def test_a_garbled_single_record_is_asked_for_again(
    rows: list[dict[str, str]], hostile: Hostile, client: ServiceNow
) -> None:
    rows.append({"sys_id": "a" * 32, "number": "1"})
    times = [2]

    def spoil(path: str, params: dict[str, str], body: bytes) -> bytes:
        times[0] -= 1
        return body if times[0] < 0 else body[:-3]

    hostile.spoil = spoil
    assert get(client, TABLE, "a" * 32, ["number"]) == {"number": "1"}
    times[0] = 99
    with pytest.raises(BadAnswer):
        get(client, TABLE, "a" * 32, ["number"])


def test_refusals_carry_the_instance_s_own_words(hostile: Hostile, client: ServiceNow) -> None:
    with pytest.raises(Refused) as caught:
        select(client, "u_nothing", "", ["sys_id"], limit=1)
    assert said(caught.value) == "Invalid table u_nothing"
    hostile.denied = {"sys_user"}
    with pytest.raises(Forbidden) as denied:
        select(client, "sys_user", "", ["sys_id"], limit=1)
    assert said(denied.value) == "User Not Authorized: Failed API level ACL Validation"


def test_a_query_that_is_too_long_for_a_url_goes_in_a_body(
    rows: list[dict[str, str]], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [{"sys_id": f"{n:032x}", "number": f"INV{n:010d}"} for n in range(500)]
    asked = q.query(q.all_of(q.one_of(COLUMNS["number"], [f"INV{n:010d}" for n in range(400)])))
    found = select(client, TABLE, asked, ["number"], limit=1000)
    assert (len(found.rows), found.total) == (400, 400)
    assert [path for _, path, _, _ in hostile.requests] == ["/api/now/v1/batch"]


def parts(count: int, method: str = "GET") -> list[Part]:
    path = f"/api/now/table/{TABLE}"
    body = b'{"number":"1"}' if method == "POST" else None
    return [Part(str(n), path, [("sysparm_limit", "1")], method, body) for n in range(count)]


def test_reads_that_were_not_serviced_are_asked_again(
    rows: list[dict[str, str]], hostile: Hostile, client: ServiceNow
) -> None:
    hostile.batch_services = 3
    found = read_parts(client, parts(8), entity=TABLE)
    assert sorted(found) == [str(n) for n in range(8)]
    assert {reply.status for reply in found.values()} == {200}
    assert len(hostile.requests) == 3
    hostile.batch_services = 0
    with pytest.raises(Unreachable, match="no headway"):
        read_parts(client, parts(2), entity=TABLE)


def test_writes_that_were_not_serviced_are_given_back_not_repeated(
    rows: list[dict[str, str]], hostile: Hostile, client: ServiceNow
) -> None:
    hostile.batch_services = 2
    found = write_parts(client, parts(3, "POST"), entity=TABLE, reference="three")
    assert [found[str(n)].became for n in range(3)] == [Became.SERVED, Became.SERVED, Became.NOT_SENT]
    assert len(hostile.requests) == 1
    assert len(rows) == 2


@pytest.mark.parametrize(
    "spoil",
    [lambda one: one.pop("status_code"), lambda one: one.update(body="%%%"), lambda one: one.update(id="other"),
     lambda one: one.update(status_code="201")],
)  # fmt: skip
def test_a_part_that_cannot_be_read_is_unknown(
    spoil: Callable[[dict[str, Any]], Any], hostile: Hostile, client: ServiceNow
) -> None:
    client.read("/api/now/table/sys_user", entity="sign-in")
    one = {"id": "0", "status_code": 201, "body": "", "headers": []}
    spoil(one)
    answer = {"batch_request_id": "1", "serviced_requests": [one], "unserviced_requests": []}
    hostile.once.append((200, {}, json.dumps(answer).encode()))
    found = write_parts(client, parts(1, "POST"), entity=TABLE, reference="one")
    assert found["0"].became is Became.UNKNOWN
