"""The sandbox is never what a benchmark waits for: a create costs little, look-ups do not grow with the books.

The limits are several times what is measured on an idle machine, because the machine is shared.
"""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import build
from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox.qad_client import KEYS, Qad, day, invoice

DOCUMENTS = 50_000


@pytest.fixture(scope="module")
def full() -> Iterator[Qad]:
    """50,000 customer invoices over October, put into the books as they would stand there."""
    books = Books()
    with serving(build(books, Clock(), SandboxOptions())) as origin:
        qad = Qad(origin).login()
        made = qad.create("customerInvoices", **invoice(qad.customer()["customerCode"], "10.00"))
        kept = books.get("customer_invoices", "10USACO.ARINV.2026.1")
        assert kept is not None and kept["concurrencyHash"] == made["concurrencyHash"]

        def more() -> Iterator[tuple[str, dict[str, object]]]:
            for number in range(2, DOCUMENTS + 1):
                changes = {"voucherNumber": number, "customLong0": f"ST:1:invoice:{number}"}
                date = day(f"2026-10-{number % 31 + 1:02d}")
                yield f"10USACO.ARINV.2026.{number}", {**kept, **changes, "postingDate": date}

        books.put_many("customer_invoices", more())
        yield qad
        qad.http.close()
    books.close()


def mean_ms(work: object, times: int = 30) -> float:
    assert callable(work)
    work(0)  # the first use builds the index
    started = time.process_time()
    for number in range(1, times + 1):
        work(number)
    return (time.process_time() - started) / times * 1000


def test_a_reference_is_found_in_no_time(full: Qad) -> None:
    def find(number: int) -> None:
        wanted = f"ST:1:invoice:{number * 700 + 2}"
        rows = full.rows("customerInvoices", f"customLong0,eq,{wanted},literal", "entityCode,eq,10USACO,literal")
        assert [row["customLong0"] for row in rows] == [wanted]

    assert mean_ms(find) < 20


def test_a_range_of_references_is_found_in_no_time(full: Qad) -> None:
    def find(number: int) -> None:
        low = f"ST:1:invoice:{20000 + number * 50}"
        rows = full.rows("customerInvoices", f"customLong0,rg,{low},literal,{low}9,literal")
        assert low in [row["customLong0"] for row in rows]

    assert mean_ms(find) < 20


def test_a_day_of_the_month_is_read_at_a_steady_pace(full: Qad) -> None:
    def read(number: int) -> None:
        date = f"2026-10-{number + 1:02d}"
        text = f"postingDate,rg,{date},literal,{date},literal"
        params = {"viewUri": "x", "page": "1", "pageSize": "20", "pageAction": "first", "filter": text}
        assert full.get("/api/erp/customerInvoices", params).json()["auxillaryData"]["HasMoreParams"] == "true"

    assert mean_ms(read, 10) < 60


def test_a_key_is_a_key(full: Qad) -> None:
    keys = {"entityCode": "10USACO", "daybookCode": "ARINV", "postingYear": 2026}
    assert list(keys) == list(KEYS["customerInvoices"][:3])

    def read(number: int) -> None:
        assert full.read("customerInvoices", **keys, voucherNumber=number * 900 + 5) is not None

    assert mean_ms(read) < 15


def test_a_create_costs_little_beside_so_many(full: Qad) -> None:
    """In the other entity, whose voucher numbers the fixture left alone."""
    code = full.state("customers")[0]["customerCode"]
    other = Qad(str(full.http.base_url), "10USA_20USACO")
    other.token = full.token

    def create(number: int) -> None:
        made = other.create("customerInvoices", **invoice(code, "10.00", customLong0=f"new:{number}"))
        assert (made["entityCode"], made["voucherNumber"]) == ("20USACO", number + 1)
        assert made["invoiceAmountTC"] == Decimal("10.00")

    assert mean_ms(create, 100) < 15
    other.http.close()
