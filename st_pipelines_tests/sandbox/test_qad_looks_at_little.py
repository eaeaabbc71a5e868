"""The sandbox is never what a benchmark waits for: a question looks at the records that answer it, however many stand
beside them. What that takes is measured in ``bench/sandbox.py``; here is counted what is looked at.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from st_pipelines.sandbox.books import Books, Record
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import build
from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox.qad_client import KEYS, Qad, day, invoice

DOCUMENTS, DAYS = 3_000, 30


class CountedBooks(Books):
    """Counts the documents that it hands out, found or listed."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = 0

    def all(self, entity: str) -> list[Record]:
        return self._counted(entity, super().all(entity))

    def find(self, entity: str, field: str, value: Any) -> list[Record]:
        return self._counted(entity, super().find(entity, field, value))

    def between(self, entity: str, field: str, low: str | None = None, high: str | None = None) -> list[Record]:
        return self._counted(entity, super().between(entity, field, low, high))

    def _counted(self, entity: str, found: list[Record]) -> list[Record]:
        self.looked_at += len(found) if entity == "customer_invoices" else 0
        return found


class Full(Qad):
    """A client of books that hold ``DOCUMENTS`` customer invoices, evenly over ``DAYS`` days."""

    books: CountedBooks

    def looked_at(self) -> int:
        """Since it was asked last."""
        count, self.books.looked_at = self.books.looked_at, 0
        return count


@pytest.fixture(scope="module")
def full() -> Iterator[Full]:
    books = CountedBooks()
    with serving(build(books, Clock(), SandboxOptions())) as origin:
        qad = Full(origin)
        qad.login()
        qad.books = books
        qad.create("customerInvoices", **invoice(qad.customer()["customerCode"], "10.00"))
        kept = books.get("customer_invoices", "10USACO.ARINV.2026.1")
        assert kept is not None

        def more() -> Iterator[tuple[str, dict[str, object]]]:
            for number in range(2, DOCUMENTS + 1):
                changes = {"voucherNumber": number, "customLong0": f"ST:1:invoice:{number:05d}"}
                date = day(f"2026-10-{number % DAYS + 1:02d}")
                yield f"10USACO.ARINV.2026.{number}", {**kept, **changes, "postingDate": date}

        books.put_many("customer_invoices", more())
        qad.looked_at()
        yield qad
        qad.http.close()
    books.close()


def test_a_reference_is_found_without_looking_at_others(full: Full) -> None:
    wanted = "ST:1:invoice:02042"
    rows = full.rows("customerInvoices", f"customLong0,eq,{wanted},literal", "entityCode,eq,10USACO,literal")
    assert [row["customLong0"] for row in rows] == [wanted]
    assert full.looked_at() == 1


def test_a_range_of_references_looks_at_the_range(full: Full) -> None:
    rows = full.rows("customerInvoices", "customLong0,rg,ST:1:invoice:01000,literal,ST:1:invoice:01009,literal")
    assert len(rows) == 10
    assert full.looked_at() == 10


def test_a_day_of_the_month_looks_at_the_day(full: Full) -> None:
    text = "postingDate,rg,2026-10-07,literal,2026-10-07,literal"
    params = {"viewUri": "x", "page": "1", "pageSize": "20", "pageAction": "first", "filter": text}
    assert full.get("/api/erp/customerInvoices", params).json()["auxillaryData"]["HasMoreParams"] == "true"
    assert full.looked_at() == DOCUMENTS // DAYS


def test_a_key_is_a_key(full: Full) -> None:
    keys = {"entityCode": "10USACO", "daybookCode": "ARINV", "postingYear": 2026}
    assert list(keys) == list(KEYS["customerInvoices"][:3])
    assert full.read("customerInvoices", **keys, voucherNumber=905) is not None
    assert full.looked_at() <= 1


def test_a_create_looks_at_no_more_beside_many_than_beside_few(full: Full) -> None:
    """In the other entity, whose voucher numbers the fixture left alone."""
    code = full.state("customers")[0]["customerCode"]
    other = Qad(str(full.http.base_url), "10USA_20USACO")
    other.token = full.token
    full.looked_at()
    for number in range(1, 4):
        made = other.create("customerInvoices", **invoice(code, "10.00", customLong0=f"new:{number}"))
        assert (made["entityCode"], made["voucherNumber"]) == ("20USACO", number)
    assert full.looked_at() <= 3
    other.http.close()
