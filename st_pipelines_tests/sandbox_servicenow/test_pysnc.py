"""ServiceNow's own client for Python, unchanged, against the sandbox.

It refuses addresses that begin with ``http://``; scheme names have no case, so it is given ``HTTP://``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pysnc
import pytest
from pysnc.auth import ServiceNowClientCredentialsFlow
from pysnc.exceptions import AuthenticationException, RequestException, RoleException

from st_pipelines_tests.sandbox_servicenow.api import Api

SUPPLIERS = "sn_fin_supplier"


@contextmanager
def client(api: Api, auth: object) -> Iterator[pysnc.ServiceNowClient]:
    one = pysnc.ServiceNowClient(api.origin.replace("http://", "HTTP://"), auth, auto_retry=False)
    yield one
    one.session.close()


@pytest.fixture
def snow(api: Api) -> Iterator[pysnc.ServiceNowClient]:
    with client(api, ServiceNowClientCredentialsFlow("sn-client", "sn-secret")) as one:
        yield one


def test_query_pages_through_everything_in_order(api: Api, snow: pysnc.ServiceNowClient) -> None:
    api.act("fill", table=SUPPLIERS, count=55, fields={"name": "S{n}", "status": "Active"})
    record = snow.GlideRecord(SUPPLIERS, batch_size=10)
    record.add_query("name", "STARTSWITH", "S")
    record.add_query("status", "Active").add_or_condition("status", "Inactive")
    record.order_by("name")
    record.query()
    names = [one.name for one in record]
    assert len(record) == 55 and [str(name) for name in names] == sorted(f"S{n}" for n in range(55))


def test_get_insert_update_delete(api: Api, snow: pysnc.ServiceNowClient) -> None:
    term = api.create("sn_shop_payment_term", payment_term="N30", name="Net 30")
    record = snow.GlideRecord(SUPPLIERS)
    record.initialize()
    record.name, record.payment_term = "Acme & Sons", term["sys_id"]
    key = record.insert()
    assert record.payment_term.get_display_value() == "Net 30" and str(record.number) == "SUP0000001"
    found = snow.GlideRecord(SUPPLIERS)
    assert found.get("name", "acme & sons") and str(found.sys_id) == str(key)
    found.city = "Austin"
    assert found.update() and api.one(SUPPLIERS, "")["city"] == "Austin"
    assert snow.GlideRecord(SUPPLIERS).get(str(key)) and not snow.GlideRecord(SUPPLIERS).get("0" * 32)
    assert found.delete() and api.rows(SUPPLIERS) == []


def test_batches_repeat_what_was_not_serviced(api: Api, snow: pysnc.ServiceNowClient) -> None:
    api.act("fill", table=SUPPLIERS, count=6, fields={"name": "S{n}"})
    api.control("faults", {"action": "leave_unserviced", "match": {"path": "/batch"}})
    record = snow.GlideRecord(SUPPLIERS)
    record.query()
    for one in record:
        one.city = "Austin"
    assert record.update_multiple() and len(api.rows(SUPPLIERS, "city=Austin")) == 6
    assert sum("/batch" in one["path"] for one in api.control("log")["requests"]) == 2
    gone = snow.GlideRecord(SUPPLIERS)
    gone.add_query("name", "IN", "S1,S2")
    assert gone.delete_multiple() and len(api.rows(SUPPLIERS)) == 4


def test_a_very_long_query_goes_through_the_batch(api: Api, snow: pysnc.ServiceNowClient) -> None:
    api.act("fill", table=SUPPLIERS, count=3, fields={"name": "S{n}"})
    record = snow.GlideRecord(SUPPLIERS)
    record.add_query("name", "IN", ",".join(["S1", *(f"nobody {n}" for n in range(1500))]))
    record.query()
    assert [str(one.name) for one in record] == ["S1"]


def test_its_exceptions_fit_the_sandbox_answers(api: Api, snow: pysnc.ServiceNowClient) -> None:
    with pytest.raises(AuthenticationException), client(api, ServiceNowClientCredentialsFlow("sn-client", "guess")):
        pass
    with pytest.raises(RequestException, match="Invalid table"):
        snow.GlideRecord("u_nothing").query()
    with client(api, ("nobody", "sn-password")) as nobody, pytest.raises(RoleException):
        nobody.GlideRecord(SUPPLIERS).query()
    api.control("faults", {"action": "over_time"})
    with pytest.raises(RequestException, match="Maximum execution time"):
        snow.GlideRecord("sys_choice").query()
