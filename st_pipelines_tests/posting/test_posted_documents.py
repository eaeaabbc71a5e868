"""The documents of a day that stand in the books: each once, by its newest confirmed posting, the most money first."""

from sqlalchemy import Engine

from st_pipelines.posting.posted_documents import posted_documents
from st_pipelines_tests.posting.cases import INTEGRATION, document, held, key, plan, send, void
from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks, MovedClock

DAY = "2026-10-01"


def test_each_document_once_the_most_money_first(engine: Engine) -> None:
    target = FakeTarget(MemoryBooks(), clock=MovedClock())
    plan(engine, [document(1, "100.00"), document(2, "900.00"), held(3, "5000.00"), document(4, "-300.00")])
    send(engine, target, "invoices")
    plan(engine, [document(1, "120.00")])  # edited after posting: an update of the same document
    plan(engine, [void(2, "900.00")])
    send(engine, target, "invoices")
    found = posted_documents(engine, INTEGRATION, "invoices", [DAY, "2026-10-02"], 10)
    assert [(one.doc_key, one.amount_minor) for one in found[DAY]] == [
        (key(2), 90000), (key(4), -30000), (key(1), 12000),
    ]  # fmt: skip
    assert found[DAY][0].op == "void"
    assert all(one.target_id for one in found[DAY])
    assert found["2026-10-02"] == []


def test_no_more_than_asked_for(engine: Engine) -> None:
    plan(engine, [document(number, f"{number}.00") for number in range(1, 8)])
    send(engine, FakeTarget(MemoryBooks(), clock=MovedClock()), "invoices")
    found = posted_documents(engine, INTEGRATION, "invoices", [DAY], 3)
    assert [one.doc_key for one in found[DAY]] == [key(7), key(6), key(5)]
    assert posted_documents(engine, INTEGRATION, "invoices", [], 3) == {}
