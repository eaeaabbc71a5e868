"""A connection proves who it is before anything is read, and ``ping`` names the permission that is missing."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.http.errors import Misconfigured, SignInRefused
from st_pipelines.systems.servicetitan.client import connect, rate_scope
from st_pipelines.systems.servicetitan.entities import DAILY, REFERENCE
from st_pipelines.systems.servicetitan.ping import checks, ping
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines_tests.servicetitan.conftest import Day, connection
from st_pipelines_tests.servicetitan.hostile import Hostile, serving


def _everything(hostile: Hostile) -> None:
    for about in (*DAILY.values(), *REFERENCE.values()):
        hostile.rows[about.path] = []
        if about.feed:
            hostile.feeds[about.feed] = [[]]


def test_all_well_is_an_empty_list(day: Day, hostile: Hostile) -> None:
    _everything(hostile)
    assert ping(day.client) == []
    made = checks(day.client, ["invoices"])
    assert ("tenant", True) in [(check.name, check.ok) for check in made]
    assert not [one for one in hostile.requests if one[0] == "POST"], "nothing is asked that no option needs"


def test_the_missing_permission_is_named(day: Day, hostile: Hostile) -> None:
    _everything(hostile)
    hostile.forbidden = {"receipts", "export/inventory-bills"}
    faults = ping(day.client)
    assert {fault.name for fault in faults} == {"tn.inv.receipts:r", "tn.acc.inventorybills:r"}
    assert "developer portal" in str(faults[0])
    assert ping(day.client, ["customers", "invoices"]) == []


def test_the_journal_is_asked_for_where_it_is_the_second_witness(day: Day, hostile: Hostile) -> None:
    _everything(hostile)
    hostile.forbidden = {"journal-entries"}
    assert ping(day.client, ["invoices"]) == []
    (fault,) = ping(day.client, ["invoices"], with_journal=True)
    assert fault.name == "tn.acc.journalentries:r"
    assert "the scope tn.acc.journalentries:r" in fault.cure and "second_witness to none" in fault.cure
    hostile.forbidden, hostile.rows["journal-entries"] = set(), []
    assert ping(day.client, ["invoices"], with_journal=True) == []


def test_a_missing_permission_to_mark_as_exported_is_named_and_nothing_is_marked(day: Day, hostile: Hostile) -> None:
    _everything(hostile)
    hostile.answer_write = lambda path, body: (403, b'{"title":"Forbidden","status":403}')
    faults = ping(day.client, ["invoices", "bills"], write_back=True)
    assert [fault.name for fault in faults] == ["tn.acc.invoices:w", "tn.acc.inventorybills:w"]
    assert all("may not be marked as exported" in fault.detail and fault.name in fault.cure for fault in faults)
    assert sorted(hostile.bodies) == [b"[]", b'{"inventoryBillIds":[]}']
    assert ping(day.client, ["payments"], write_back=True) == [], "payments are not marked"


def test_a_missing_permission_to_tell_journal_entries_is_named(day: Day, hostile: Hostile) -> None:
    _everything(hostile)
    hostile.answer_write = lambda path, body: (403, b'{"title":"Forbidden","status":403}')
    (fault,) = ping(day.client, ["invoices"], tell_journal=True)
    assert fault.name == "tn.acc.journalentries:w" and "tn.acc.journalentries:w" in fault.cure
    assert hostile.requests[-1][:2] == ("PATCH", "journal-entries/0/sync")
    hostile.answer_write = lambda path, body: (404, b'{"title":"Not found","status":404}')
    assert ping(day.client, ["invoices"], tell_journal=True) == []


@pytest.mark.parametrize(("status", "body", "ok"), [
    (200, b"[]", True), (400, b'{"title":"One or more validation errors occurred."}', True),
    (500, b"<html>down</html>", None),
])  # fmt: skip
def test_permission_to_mark_is_proven_by_any_answer_but_a_refusal_of_who_asks(
    day: Day, hostile: Hostile, status: int, body: bytes, ok: bool | None
) -> None:
    _everything(hostile)
    hostile.answer_write = lambda path, given: (status, body)
    made = {check.name: check.ok for check in checks(day.client, ["invoices"], write_back=True)}
    assert made["tn.acc.invoices:w"] is ok


def test_a_wrong_base_url_is_named(day: Day, hostile: Hostile) -> None:
    _everything(hostile)
    del hostile.rows["payments"]
    (fault,) = ping(day.client, ["payments"])
    assert "base_url" in fault.cure


def test_another_tenant_behind_the_credentials_is_refused_before_anything_is_read(
    hostile: Hostile, connected: Callable[..., ServiceTitan]
) -> None:
    hostile.token_tenant = "7654321"
    with serving(hostile) as address:
        client = connected(address)
        with pytest.raises(SignInRefused, match="belong to tenant 7654321, the connection is pinned to tenant 1234567"):
            client.read("accounting", "invoices", [], entity="invoices")
        (fault,) = ping(client)
        assert fault.name == "sign-in"
    assert hostile.requests == []


def test_the_integrations_pin_is_compared_before_anything_is_sent(shared: tuple[Engine, Keyring]) -> None:
    with pytest.raises(Misconfigured, match="pinned to tenant 99"):
        connect(connection("st", "http://127.0.0.1:9"), *shared, tenant="99")


@pytest.mark.parametrize(("settings", "secrets", "named"), [
    ({}, {}, "tenant"),
    ({"tenant": "1234567", "page_sise": 5}, {}, "page_sise"),
    ({"tenant": 1234567}, {}, "tenant"),
    ({"tenant": "12/34"}, {"app_key", "client_id", "client_secret"}, "tenant"),
    ({"tenant": "1234567"}, {"app_key", "client_id"}, "client_secret"),
    ({"tenant": "1234567", "page_size": 5001}, {"app_key", "client_id", "client_secret"}, "page_size"),
])  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(
    shared: tuple[Engine, Keyring], settings: dict[str, Any], secrets: set[str], named: str
) -> None:
    given = Connection("st", "servicetitan", settings, {name: Secret("x" * 8) for name in secrets})
    with pytest.raises(Misconfigured, match=named):
        connect(given, *shared)


def test_one_gate_per_app_and_tenant_and_no_key_in_its_name() -> None:
    one, other = Secret("ak1.one"), Secret("ak1.other")
    assert rate_scope(one, "1") == rate_scope(Secret("ak1.one"), "1")
    assert len({rate_scope(one, "1"), rate_scope(one, "2"), rate_scope(other, "1")}) == 3
    assert "ak1" not in rate_scope(one, "1")


def test_clocks_far_apart_stop_the_reading(day: Day, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    from http.server import BaseHTTPRequestHandler

    from st_pipelines.systems.http.errors import BadAnswer

    hostile.rows["invoices"] = []
    day.read("invoices")
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_: "Mon, 05 Oct 2026 12:00:00 GMT")
    with pytest.raises(BadAnswer, match="clock"):
        day.read("invoices")


def test_no_secret_is_logged(day: Day, hostile: Hostile, caplog: pytest.LogCaptureFixture) -> None:
    hostile.rows["invoices"] = []
    with caplog.at_level(logging.DEBUG):
        day.read("invoices")
    assert "ak1.test" not in caplog.text
    assert "cs.test" not in caplog.text
    assert "e30." not in caplog.text
