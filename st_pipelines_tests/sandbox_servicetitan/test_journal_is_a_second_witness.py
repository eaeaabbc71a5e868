"""Journal entries: what the documents say, per account and business unit, counted independently."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from st_pipelines_tests.sandbox_servicetitan import published
from st_pipelines_tests.sandbox_servicetitan.api import Api
from st_pipelines_tests.sandbox_servicetitan.conftest import sandbox

Sums = dict[tuple[str, int], Decimal]


def counted(api: Api) -> Sums:
    """Debits less credits per account number and business unit, straight from lists and feed."""
    sums: Sums = defaultdict(Decimal)
    for one in api.every("accounting", "/invoices"):
        if one["syncStatus"] != "Pending":
            unit = one["businessUnit"]["id"]
            sums["1200", unit] += Decimal(one["total"])
            sums["2200", unit] -= Decimal(one["salesTax"])
            for line in one["items"] or []:
                own = (line["businessUnit"] or one["businessUnit"])["id"]
                sums[line["generalLedgerAccount"]["number"], own] -= Decimal(line["total"])
    for one in api.every("accounting", "/payments"):
        if one["syncStatus"] != "Pending":
            sums[one["generalLedgerAccount"]["number"], one["businessUnit"]["id"]] += Decimal(one["total"])
            sums["1200", one["businessUnit"]["id"]] -= Decimal(one["total"])
    for one in api.every("accounting", "/inventory-bills/paginated"):
        if one["syncStatus"] != "Pending":
            unit = one["businessUnit"]["id"]
            sums["2000", unit] -= Decimal(one["billAmount"])
            for field, account in (("taxAmount", "5300"), ("shippingAmount", "5200"), ("otherAmount", "5400")):
                sums[account, unit] += Decimal(one[field])
            for line in one["items"]:
                number = line["generalLedgerAccount"]["number"]
                sums[number, unit] += Decimal(line["quantity"]) * Decimal(line["cost"])
    return {key: amount for key, amount in sums.items() if amount}


def witnessed(api: Api, below: str) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for entry in api.every("accounting", "/journal-entries"):
        for row in api.every("accounting", f"/journal-entries/{entry['id']}/{below}", pageSize=100):
            key = (row["account"]["number"], row["businessUnit"]["id"])
            sums[key] += Decimal(row["debit"]) - Decimal(row["credit"])
    return {key: amount for key, amount in sums.items() if amount}


def test_summary_and_details_say_what_the_documents_say(api: Api) -> None:
    truth = counted(api)
    assert witnessed(api, "summary") == witnessed(api, "details") == truth
    assert len(truth) > 20 and sum(truth.values()) == 0


def test_late_changes_move_the_witness(api: Api) -> None:
    before = witnessed(api, "summary")
    invoice = next(one for one in api.every("accounting", "/invoices", statuses="Posted") if Decimal(one["total"]) > 0)
    api.act("void_invoice", invoice_id=invoice["id"])
    unit = invoice["businessUnit"]["id"]
    after = witnessed(api, "summary")
    assert before["1200", unit] - after.get(("1200", unit), Decimal(0)) == Decimal(invoice["total"])
    assert after == counted(api)


def test_each_entry_balances_and_has_one_posting_date(api: Api) -> None:
    entries: list[dict[str, Any]] = api.every("accounting", "/journal-entries")
    dates = [one["postDate"] for one in entries]
    assert len(set(dates)) == len(dates) and all(one.endswith("T00:00:00") for one in dates)
    for entry in entries:
        rows = api.every("accounting", f"/journal-entries/{entry['id']}/summary")
        assert sum(Decimal(one["debit"]) - Decimal(one["credit"]) for one in rows) == 0
        assert {one["postDate"] for one in rows} == {entry["postDate"]}


def test_an_invoice_that_does_not_add_up_shows_in_the_witness() -> None:
    with sandbox(surprises="true") as api:
        assert sum(witnessed(api, "summary").values()) == Decimal("0.05")


def test_pages_of_journals_stop_at_five_hundred(reading: Api) -> None:
    assert reading.call("accounting", "/journal-entries", pageSize=501).status_code == 400
    assert reading.call("accounting", "/journal-entries/none").status_code == 404
    first = reading.get("accounting", "/journal-entries", pageSize=2, includeTotal="true")
    assert first["hasMore"] and first["totalCount"] > 25 and len(first["data"]) == 2
    october = reading.every("accounting", "/journal-entries", postedFrom="2026-10-05", postedTo="2026-10-06")
    assert [one["postDate"][:10] for one in october] == ["2026-10-05", "2026-10-06"]


def test_an_entry_is_told_whether_its_version_is_in_the_books(api: Api, specs: Path) -> None:
    entry = api.every("accounting", "/journal-entries")[3]
    path = f"/journal-entries/{entry['id']}/sync"
    wrong = [{"syncStatus": "Synced"}, {"syncStatus": "Synced", "versionId": 7}, {"syncStatus": "Posted"}, {},
             {"syncStatus": "Error", "customFields": {str(n): "" for n in range(6)}}]  # fmt: skip
    assert [api.patch("accounting", path, one).status_code for one in wrong] == [400] * 5
    assert api.patch("accounting", "/journal-entries/none/sync", {"syncStatus": "Error"}).status_code == 404
    assert api.get("accounting", f"/journal-entries/{entry['id']}") == entry

    order = {"syncStatus": "Synced", "versionId": entry["versionId"], "message": "in the books"}
    found = published.operation(specs, "accounting", "/journal-entries/{id}/sync", "PATCH")
    schema = published.document(specs, "accounting")["components"]["schemas"][
        "Accounting.V2.JournalEntrySyncUpdateRequest"
    ]
    assert published.problems(specs, "accounting", schema, order) == []
    answer = api.patch("accounting", path, order)
    assert published.problems(specs, "accounting", published.answer_schema(found, 200), answer.json()) == []
    told = api.get("accounting", f"/journal-entries/{entry['id']}")
    assert told == entry | {
        "syncStatus": "Synced", "lastSyncVersionId": 1, "message": "in the books", "exportedOn": told["exportedOn"],
        "exportedBy": told["exportedBy"],
    }  # fmt: skip

    row = api.every("accounting", f"/journal-entries/{entry['id']}/details")
    invoice = next(one["transaction"]["id"] for one in row if one["transaction"]["type"] == "Invoice")
    marks = [{"invoiceId": invoice, "externalId": "Q-1", "externalMessage": None}]
    api.post("accounting", "/invoices/markasexported", marks)
    assert api.get("accounting", f"/journal-entries/{entry['id']}")["versionId"] == 1, "an export changes no line"
    api.act("edit_invoice_line", invoice_id=invoice, price="77.00")
    moved = api.get("accounting", f"/journal-entries/{entry['id']}")
    assert (moved["versionId"], moved["lastSyncVersionId"], moved["syncStatus"]) == (2, 1, "OutOfSync")
