"""QAD behind the real ledger and poster: everything once, equal to the plan, also when answers are lost."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.summary import PostSummary
from st_pipelines_tests.posting.cases import mark_of
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.samples import bill, changed, invoice, key, line, party, payment
from st_pipelines_tests.qad.tenant import Tenant, tenant

QUICK = PostSettings(
    lease_s=30,
    margin_s=0.5,
    patience_s=20,
    quiet_period_s=0.2,
    second_wait_s=0.2,
    backoff_base_s=0.05,
    backoff_cap_s=0.2,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def company(ledger: Engine) -> Iterator[Tenant]:
    with tenant(ledger, settings={"quiet_period_s": 0.2, "request_deadline_s": 3}) as made:
        yield made


def _needing(document: MappedDocument, *needs: str) -> MappedDocument:
    return changed(document, needs=needs)


def _month() -> list[MappedDocument]:
    buyer, seller = party(), party("vendor", 7)
    documents = [
        samples.relation(buyer), _needing(samples.master(buyer), f"{buyer.doc_key}:relation"),
        _needing(samples.domain(buyer), buyer.doc_key),
        samples.relation(seller), _needing(samples.master(seller), f"{seller.doc_key}:relation"),
    ]  # fmt: skip
    for number in range(7001, 7021):
        sale = invoice(
            number, lines=(line(1, "4000", f"{number - 6950}.25"), line(2, "2200", "1.10", "tax", tax_code="TX825"))
        )
        documents.append(_needing(sale, buyer.doc_key, f"{buyer.doc_key}:domain"))
    for number in range(1, 11):
        cash = payment(number, amount="20.00", applied={7000 + number: "15.00"})
        documents.append(_needing(cash, buyer.doc_key, key("invoice", 7000 + number)))
    documents += [_needing(bill(number, reference=f"S-{number}"), seller.doc_key) for number in range(1, 6)]
    return documents


def _run(company: Tenant, ledger: Engine, documents: list[MappedDocument], name: str) -> PostSummary:
    context = RunContext("demo", name, "test")
    plan_documents(ledger, context, documents, target="demo_qad", change=company.target.change)
    return post(ledger, company.target, "demo", (), context, mark=mark_of(ledger), settings=QUICK)


def _open(ledger: Engine) -> list[str]:
    with ledger.connect() as connection:
        query = text(
            "SELECT doc_key, op, state, reason_code, reason FROM posting WHERE state NOT IN ('posted', 'superseded')"
        )
        return [" ".join(map(str, row)) for row in connection.execute(query)]


def _count(company: Tenant) -> dict[str, int]:
    entities = (
        "business_relations",
        "customers",
        "suppliers",
        "customer_invoices",
        "customer_payments",
        "supplier_invoices",
    )
    return {entity: len(company.state(entity)) for entity in entities}


ONCE = {"business_relations": 2, "customers": 1, "suppliers": 1, "customer_invoices": 20, "customer_payments": 10,
        "supplier_invoices": 5}  # fmt: skip


def test_a_month_is_posted_once_and_a_second_run_writes_nothing(company: Tenant, ledger: Engine) -> None:
    summary = _run(company, ledger, _month(), "first")
    assert summary.clean, summary
    assert (summary.posted, summary.read_back) == (40, 40)
    assert _count(company) == ONCE
    company.control("log", method="DELETE")
    again = _run(company, ledger, _month(), "second")
    assert again.sent == 0
    assert company.writes() == []


@pytest.mark.parametrize("seed", [1, 2])
def test_lost_answers_throttles_and_errors_double_nothing(company: Tenant, ledger: Engine, seed: int) -> None:
    # One of each kind is there already: only a search that can find something proves that something is absent.
    known = [*_month()[:6], _needing(payment(99), key("customer", 42)), _needing(bill(99), key("vendor", 7))]
    assert _run(company, ledger, known, "known").clean
    for position, fault in enumerate(
        [{"action": "apply_then_drop"}, {"action": "throttle", "seconds": 0.05}, {"action": "status", "status": 500},
         {"action": "truncate"}, {"action": "drop_before"}, {"action": "garble"}]
    ):  # fmt: skip
        company.arm(
            **fault, count=3, probability=0.15, seed=seed * 10 + position, match={"method": "POST", "path": "/api/"}
        )
    summary = _run(company, ledger, _month(), "storm")
    fired = {one["action"]: one["fired"] for one in company.control("faults")["faults"]}
    assert sum(fired.values()) >= 6, fired
    company.disarm()
    for number in range(5):
        if summary.clean:
            break
        summary = _run(company, ledger, _month(), f"after {number}")
    assert summary.clean, _open(ledger)
    assert _count(company) == ONCE | {"customer_payments": 11, "supplier_invoices": 6}


def test_edits_and_voids_go_through_as_reversals_and_updates(company: Tenant, ledger: Engine) -> None:
    documents = _month()
    assert _run(company, ledger, documents, "first").clean
    edited = invoice(7001, lines=(line(1, "4100", "51.25"), line(2, "2200", "1.10", "tax", tax_code="TX825")))
    free = changed(documents[24], disposition="void", payload=None)  # invoice 7020: nobody paid it
    more = payment(10, amount="20.00", applied={7010: "15.00", 7011: "5.00"})
    customer = key("customer", 42)
    later = [free, _needing(more, customer, key("invoice", 7010), key("invoice", 7011))]
    summary = _run(company, ledger, later, "later")
    assert summary.clean, _open(ledger)
    invoices = {one["customLong0"]: one for one in company.state("customer_invoices")}
    assert invoices[f"{key('invoice', 7020)}:void"]["invoiceType"] == "Credit Note"
    assert len(company.state("customer_payments")) == 10
    unpaid = _needing(invoice(7019, lines=edited.payload.lines), customer)  # type: ignore[union-attr]
    assert _run(company, ledger, [unpaid], "edit").clean
    held = {
        one["customLong0"] for one in company.state("customer_invoices") if key("invoice", 7019) in one["customLong0"]
    }
    assert held == {key("invoice", 7019), f"{key('invoice', 7019)}:void", f"{key('invoice', 7019)}:2"}
    (now,) = company.target.find("customer_invoice", samples.BOOKS, [f"{key('invoice', 7019)}:2"]).popitem()[1]
    assert now.total == Decimal("52.35")
