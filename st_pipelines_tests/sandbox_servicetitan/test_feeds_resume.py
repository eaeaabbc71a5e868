"""Export feeds: a stored token sees every later version, and nothing younger than the lag unless asked for."""

from typing import Any

import pytest

from st_pipelines.sandbox.servicetitan.catalog import FEEDS, Feed
from st_pipelines_tests.sandbox_servicetitan.api import Api

INVOICES = ("accounting", "/export/invoices")


def rows(pages: Any) -> list[dict[str, Any]]:
    return [one for page in pages for one in page["data"]]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda one: one.module + one.path)
def test_small_pages_give_each_row_once_in_order_of_change(api: Api, feed: Feed) -> None:
    whole = rows(api.feed(feed.module, feed.path))
    api.control("settings", {"export_page_size": 7})
    pages = list(api.feed(feed.module, feed.path))
    assert rows(pages) == whole and all(len(one["data"]) == 7 for one in pages[:-1])
    keys = [(one["modifiedOn"][:19], one["id"]) for one in whole]
    assert sorted(key[0] for key in keys) == [key[0] for key in keys] and len(set(keys)) == len(keys)


def test_a_finished_token_gives_an_empty_page_and_later_the_changes(api: Api) -> None:
    last = list(api.feed(*INVOICES))[-1]
    empty = api.get(*INVOICES, **{"from": last["continueFrom"]})
    assert (empty["data"], empty["hasMore"]) == ([], False)
    (voided,) = api.act("void_invoice", invoice_id=last["data"][0]["id"])
    assert rows(api.feed(*INVOICES, empty["continueFrom"])) == []
    api.wait(15 * 60 + 1)
    assert rows(api.feed(*INVOICES, empty["continueFrom"])) == [voided]


def test_recent_changes_come_at_once_and_again(api: Api) -> None:
    token = list(api.feed(*INVOICES))[-1]["continueFrom"]
    first = api.get("accounting", "/invoices")["data"][0]["id"]
    (changed,) = api.act("edit_invoice_line", invoice_id=first, price="1.00")
    for _ in range(3):
        (page,) = api.feed(*INVOICES, token, includeRecentChanges="true")
        assert page["data"] == [changed]
        token = page["continueFrom"]
    api.wait(1000)
    (page,) = api.feed(*INVOICES, token)
    assert page["data"] == [changed]
    assert rows(api.feed(*INVOICES, page["continueFrom"])) == []


def test_a_record_comes_again_each_time_it_changes(api: Api) -> None:
    api.control("settings", {"export_lag_s": 0})
    pages = list(api.feed(*INVOICES))
    target, token = pages[0]["data"][0], pages[-1]["continueFrom"]
    for price in ("10.00", "11.00"):
        (changed,) = api.act("edit_invoice_line", invoice_id=target["id"], price=price)
        api.wait(1)
        page = list(api.feed(*INVOICES, token))[-1]
        assert page["data"] == [changed] and changed["modifiedOn"] > target["modifiedOn"]
        token = page["continueFrom"]


def test_a_walk_starts_at_a_date(api: Api) -> None:
    whole = rows(api.feed(*INVOICES))
    later = rows(api.feed(*INVOICES, "2026-10-20"))
    assert later == [one for one in whole if one["modifiedOn"] >= "2026-10-20"] and 0 < len(later) < len(whole)
    exact = rows(api.feed(*INVOICES, later[0]["modifiedOn"]))
    assert exact == later


def test_a_token_of_another_feed_is_refused(api: Api) -> None:
    token = api.get(*INVOICES)["continueFrom"]
    assert api.call("accounting", "/export/payments", **{"from": token}).status_code == 400
    for broken in (token[:-4], "nonsense", "2026-13-45"):
        assert api.call(*INVOICES, **{"from": broken}).status_code == 400


def test_item_rows_carry_their_invoice(api: Api) -> None:
    invoices = {one["id"]: one for one in rows(api.feed(*INVOICES))}
    items = rows(api.feed("accounting", "/export/invoice-items"))
    assert len(items) == sum(len(one["items"] or []) for one in invoices.values())
    for one in items:
        line = {name: value for name, value in one.items() if name not in ("active", "invoiceId")}
        assert line in invoices[one["invoiceId"]]["items"] and one["active"] == invoices[one["invoiceId"]]["active"]
