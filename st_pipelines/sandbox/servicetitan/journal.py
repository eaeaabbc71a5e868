"""Journal entries, one a posting date, made from what the sandbox holds now. Invariant: a true second witness.

They are computed from the posted, active invoices, payments and bills, line by line with the line's account and
business unit, independently of any client: debits equal credits wherever the documents add up.
"""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.business import company
from st_pipelines.sandbox.business.company import ACCOUNT, TENANT, UNIT
from st_pipelines.sandbox.servicetitan.journal_sync import JournalSync
from st_pipelines.sandbox.servicetitan.records.amounts import cents_of, number

Record = dict[str, Any]
_SOURCES = ("invoices", "payments", "bills")
_SPACE = uuid.UUID("6f1d8a52-7f0c-4f5e-9a51-5a5ad6b0c0de")


class Posting(msgspec.Struct, frozen=True):
    """One line: ``cents`` debit positive, credit negative; ``record`` is the document it comes from."""

    date: str
    account_id: int
    unit_id: int
    cents: int
    kind: str
    record: Record
    line: Record | None = None


class Journal:
    """Entries with their lines; made anew when a document changed."""

    def __init__(self, books: Books, sync: JournalSync) -> None:
        self._books, self._sync = books, sync
        self._versions: tuple[int, ...] = ()
        self._days: dict[str, list[Posting]] = {}

    def know(self) -> None:
        """Notices its entries before anything is done to their documents; once, for every read notices them too."""
        if not self._days:
            self._fresh()

    def entries(self) -> list[Record]:
        return [self._entry(nth, day) for nth, day in enumerate(sorted(self._fresh()), start=1)]

    def summary(self, identity: str) -> list[Record] | None:
        """Per account and business unit: the sum of debits and the sum of credits. None for an unknown entry."""
        lines = self._lines(identity)
        if lines is None:
            return None
        sums: dict[tuple[int, int], list[int]] = {}
        for one in lines:
            both = sums.setdefault((one.account_id, one.unit_id), [0, 0])
            both[one.cents < 0] += abs(one.cents)
        return [
            {"postDate": lines[0].date, "account": _account(account), "credit": number(credit), "debit": number(debit),
             "memo": None, "businessUnit": {"id": unit, "name": UNIT[unit].name}}
            for (account, unit), (debit, credit) in sorted(sums.items())
        ]  # fmt: skip

    def details(self, identity: str) -> list[Record] | None:
        lines = self._lines(identity)
        return None if lines is None else [_detail(one) for one in lines]

    def _lines(self, identity: str) -> list[Posting] | None:
        return next((lines for day, lines in self._fresh().items() if _guid(day) == identity.lower()), None)

    def _entry(self, nth: int, day: str) -> Record:
        lines, synced = self._days[day], self._sync.of(_guid(day))
        return {
            "id": _guid(day), "createdOn": min(one.record["createdOn"] for one in lines),
            "number": nth, "name": f"Daily {day[:10]}", "source": "ServiceTitan", "status": "Open", **synced,
            "postDate": lines[0].date, "customFields": None, "url": None, "isEmpty": False,
        }  # fmt: skip

    def _fresh(self) -> dict[str, list[Posting]]:
        versions = tuple(self._books.version(entity) for entity in _SOURCES)
        if versions != self._versions:
            self._days = {}
            for posting in self._postings():
                self._days.setdefault(posting.date, []).append(posting)
            self._sync.notice({
                _guid(day): (map(_content, lines), max(one.record["modifiedOn"] for one in lines))
                for day, lines in self._days.items()
            })  # fmt: skip
            self._versions = versions
        return self._days

    def _postings(self) -> Iterator[Posting]:
        for entity, make in (("invoices", _invoice), ("payments", _payment), ("bills", _bill)):
            for record in self._books.all(entity):
                if record["active"] and record["syncStatus"] in ("Posted", "Exported"):
                    yield from (one for one in make(record) if one.cents)


def _content(one: Posting) -> tuple[object, ...]:
    """What of a line makes another version of its entry: not that its document was exported since."""
    return one.account_id, one.unit_id, one.cents, one.kind, one.record["id"]


def _invoice(record: Record) -> Iterator[Posting]:
    date, unit = _day(record["invoiceDate"]), record["businessUnit"]["id"]
    yield Posting(date, company.RECEIVABLE, unit, cents_of(record["total"]), "Invoice", record)
    for line in record["items"] or ():
        own = line["businessUnit"] or record["businessUnit"]
        account = line["generalLedgerAccount"]["id"]
        yield Posting(date, account, own["id"], -cents_of(line["total"]), "Invoice", record, line)
    yield Posting(date, company.SALES_TAX, unit, -cents_of(record["salesTax"]), "Invoice", record)


def _payment(record: Record) -> Iterator[Posting]:
    date, unit, cents = _day(record["date"]), record["businessUnit"]["id"], cents_of(record["total"])
    yield Posting(date, record["generalLedgerAccount"]["id"], unit, cents, "Payment", record)
    yield Posting(date, company.RECEIVABLE, unit, -cents, "Payment", record)


def _bill(record: Record) -> Iterator[Posting]:
    date, unit = _day(record["postDate"]), record["businessUnit"]["id"]
    for line in record["items"] or ():
        cents = cents_of(str(Decimal(line["quantity"]) * Decimal(line["cost"])))
        yield Posting(date, line["generalLedgerAccount"]["id"], unit, cents, "Bill", record, line)
    for field, account in (("taxAmount", company.PURCHASE_TAX), ("shippingAmount", company.FREIGHT),
                           ("otherAmount", company.OTHER_COST)):  # fmt: skip
        yield Posting(date, account, unit, cents_of(record[field]), "Bill", record)
    yield Posting(date, company.PAYABLE, unit, -cents_of(record["billAmount"]), "Bill", record)


def _detail(one: Posting) -> Record:
    record, line = one.record, one.line
    sku = None if line is None else {"id": line["skuId"], "type": line.get("type") or line.get("skuType"),
                                     "code": line.get("skuName") or line.get("skuCode")}  # fmt: skip
    job = record.get("job")
    kind = {"id": int(record["typeId"]), "name": record["type"]} if one.kind == "Payment" else None
    return {
        "postDate": one.date, "account": _account(one.account_id), "debit": number(max(0, one.cents)),
        "credit": number(max(0, -one.cents)), "memo": None, "quantity": None, "unitAmount": None,
        "externalObjects": None,
        "transaction": {"id": record["id"], "type": one.kind, "refNumber": record["referenceNumber"]},
        "businessUnit": {"id": one.unit_id, "name": UNIT[one.unit_id].name}, "customer": record.get("customer"),
        "vendor": record.get("vendor"), "inventoryLocation": None,
        "job": {"id": job["id"], "number": job["number"]} if job else None, "customerLocation": record.get("location"),
        "paymentType": kind, "project": None, "serviceAgreement": None, "appliedTo": None, "sku": sku,
        "transactionDate": one.date, "budgetCodeId": None,
    }  # fmt: skip


def _account(identity: int) -> Record:
    one = ACCOUNT[identity]
    return {"id": one.id, "number": one.number, "name": one.name, "type": one.kind, "subtype": one.detail}


def _day(text: str) -> str:
    """Declared as a date, seen live as midnight without a zone (reference 8)."""
    return f"{text[:10]}T00:00:00"


def _guid(day: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{TENANT}:{day[:10]}"))
