"""Every route exists in the published documents and every answer fits them, nulls, numbers and texts included."""

import json
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan.app import routes
from st_pipelines.sandbox.servicetitan.catalog import FEEDS, LISTINGS, Listing
from st_pipelines.sandbox.servicetitan.settings import Settings
from st_pipelines_tests.sandbox_servicetitan import published
from st_pipelines_tests.sandbox_servicetitan.api import Api


def checked(specs: Path, module: str, path: str, answer: Any, method: str = "GET") -> Any:
    """The decoded answer, after validation of what is on the wire (``json`` keeps numbers apart from texts)."""
    found = published.operation(specs, module, path, method)
    schema = published.answer_schema(found, answer.status_code)
    assert schema is not None
    content = json.loads(answer.content)
    assert published.problems(specs, module, schema, content) == []
    assert published.date_times(content, schema, published.document(specs, module)) == []
    return content


def plain(path: str) -> str:
    return path.replace(":int}", "}")


def parents(reading: Api, listing: Listing) -> list[int]:
    other = next(one for one in LISTINGS if one.entity == listing.parent)
    return [row["id"] for row in reading.get(other.module, other.path, pageSize=500)["data"]]


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda one: one.module + one.path)
def test_lists_and_single_reads(reading: Api, specs: Path, listing: Listing) -> None:
    everything = {"activeState": "All", "active": "Any", "pageSize": 500, "modifiedOnOrAfter": "2020-01-01T00:00:00Z"}
    if listing.parent:
        answers = [reading.call(listing.module, listing.path.replace("{parent:int}", str(one)), **everything)
                   for one in parents(reading, listing)]  # fmt: skip
    else:
        answers = [reading.call(listing.module, listing.path, **everything)]
    contents = [checked(specs, listing.module, plain(listing.path), answer) for answer in answers]
    rows = [row for content in contents for row in (content if listing.bare else content["data"])]
    assert rows
    if listing.one:
        for row in rows[:5]:
            answer = reading.call(listing.module, listing.one.replace("{id:int}", str(row["id"])))
            assert checked(specs, listing.module, plain(listing.one), answer) == row


@pytest.mark.parametrize("feed", FEEDS, ids=lambda one: one.module + one.path)
def test_feeds(reading: Api, specs: Path, feed: Any) -> None:
    content = checked(specs, feed.module, feed.path, reading.call(feed.module, feed.path))
    assert content["data"]


def test_journal_entries(reading: Api, specs: Path) -> None:
    entries = checked(specs, "accounting", "/journal-entries", reading.call("accounting", "/journal-entries"))["data"]
    assert len(entries) > 25
    for entry in entries[::4]:
        for below in ("", "/summary", "/details"):
            path = f"/journal-entries/{entry['id']}{below}"
            rows = checked(specs, "accounting", f"/journal-entries/{{id}}{below}", reading.call("accounting", path))
            assert rows == entry if not below else rows["data"]


def test_every_route_is_published(specs: Path) -> None:
    made = [one for one in routes(Books(None), Clock(), Settings()) if one.path != "/connect/token"]
    assert len(made) > 40
    for one in made:
        module, _, rest = one.path.removeprefix("/").partition("/v2/tenant/{tenant}")
        for method in (one.methods or set()) - {"HEAD"}:
            assert published.operation(specs, module, plain(rest), method)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda one: one.module + one.path)
def test_every_filter_is_published(specs: Path, listing: Listing) -> None:
    found = published.operation(specs, listing.module, plain(listing.path), "GET")
    known = {one["name"] for one in found["parameters"]}
    assert set(listing.filters) <= known
    assert not listing.sorts or "sort" in known
    assert ("modifiedBefore" in known) == ("modified" in listing.dates)
    assert ("createdBefore" in known) == ("created" in listing.dates)
    assert ("active" in known, "activeState" in known) == (listing.switch == "active", listing.switch == "activeState")


def test_writes_answer_as_published(api: Api, specs: Path) -> None:
    invoice, bill = (
        api.get("accounting", path)["data"][0]["id"] for path in ("/invoices", "/inventory-bills/paginated")
    )
    for path, body in (
        ("/invoices/markasexported", [{"invoiceId": invoice, "externalId": "Q1"}, {"invoiceId": 1}]),
        ("/inventory-bills/markasexported", {"inventoryBillIds": [bill, 1]}),
    ):
        answer = api.post("accounting", path, body)
        assert [one["success"] for one in checked(specs, "accounting", path, answer, "POST")] == [True, False]
    payment = api.get("accounting", "/payments")["data"][0]["id"]
    answer = api.post("accounting", "/payments/status", {"paymentIds": [payment], "status": "Exported"})
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("module", "path", "status"),
    [
        ("accounting", "/invoices?ids=one", 400),
        ("accounting", "/invoices?activeState=Some", 400),
        ("accounting", "/inventory-bills/paginated?pageSize=x", 400),
        ("inventory", "/vendors?active=Perhaps", 400),
        ("crm", "/customers/contacts", 400),
        ("crm", "/customers/1", 404),
        ("inventory", "/purchase-orders/1", 404),
    ],
)
def test_errors_are_the_published_object(reading: Api, specs: Path, module: str, path: str, status: int) -> None:
    before, _, query = path.partition("?")
    answer = reading.query(module, before, query)
    assert answer.status_code == status
    checked(specs, module, before.replace("/1", "/{id}"), answer)
