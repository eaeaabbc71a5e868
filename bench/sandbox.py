"""What one answer of the QAD sandbox costs beside 50,000 documents, client included: it must never be what another
benchmark waits for."""

import time
from collections.abc import Callable, Iterator

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import build
from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox.qad_client import Qad, day, invoice

DOCUMENTS = 50_000


def cpu_ms(work: Callable[[int], object], times: int) -> float:
    """Mean processor time of this process, in which the server runs too, after a first use that builds the index."""
    work(0)
    started = time.process_time()
    for number in range(1, times + 1):
        work(number)
    return (time.process_time() - started) / times * 1000


def fill(books: Books, qad: Qad) -> str:
    """October with ``DOCUMENTS`` customer invoices of one entity; gives the customer's code."""
    code: str = qad.customer()["customerCode"]
    qad.create("customerInvoices", **invoice(code, "10.00"))
    kept = books.get("customer_invoices", "10USACO.ARINV.2026.1")
    assert kept is not None

    def more() -> Iterator[tuple[str, dict[str, object]]]:
        for number in range(2, DOCUMENTS + 1):
            changes = {"voucherNumber": number, "customLong0": f"ST:1:invoice:{number}"}
            date = day(f"2026-10-{number % 31 + 1:02d}")
            yield f"10USACO.ARINV.2026.{number}", {**kept, **changes, "postingDate": date}

    books.put_many("customer_invoices", more())
    return code


def run() -> list[dict[str, object]]:
    """The figures for ``make bench``."""
    books = Books()
    with serving(build(books, Clock(), SandboxOptions())) as origin:
        qad = Qad(origin).login()
        code = fill(books, qad)
        other = Qad(str(qad.http.base_url), "10USA_20USACO")
        other.token = qad.token

        def reference(number: int) -> None:
            qad.rows("customerInvoices", f"customLong0,eq,ST:1:invoice:{number * 700 + 2},literal")

        def one_day(number: int) -> None:
            date = f"2026-10-{number + 1:02d}"
            text = f"postingDate,rg,{date},literal,{date},literal"
            qad.get("/api/erp/customerInvoices", {"viewUri": "x", "page": "1", "pageSize": "20",
                                                  "pageAction": "first", "filter": text})  # fmt: skip

        def create(number: int) -> None:
            other.create("customerInvoices", **invoice(code, "10.00", customLong0=f"new:{number}"))

        measured: list[tuple[str, float, float]] = [
            ("QAD sandbox: find a reference", cpu_ms(reference, 30), 8.0),
            ("QAD sandbox: first page of a day", cpu_ms(one_day, 10), 20.0),
            ("QAD sandbox: create an invoice", cpu_ms(create, 100), 10.0),
        ]
        qad.http.close()
        other.http.close()
    books.close()
    note = f"beside {DOCUMENTS:,} documents, client and server"
    return [
        {"name": name, "value": round(value, 2), "unit": "ms CPU", "bar": bar, "ok": value <= bar, "note": note}
        for name, value, bar in measured
    ]  # fmt: skip


if __name__ == "__main__":
    for line in run():
        print(line)
