"""Invoices that wait for their goods, behind the real ledger and poster: sent once covered, never before, and never two
for the same goods."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.cover import in_turn
from st_pipelines.integrations.qad import TARGET
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.cover import CoverSummary, evaluate, settle, wanted
from st_pipelines.posting.holds import list_holds
from st_pipelines.posting.life import life
from st_pipelines.posting.match_rate import match_rate
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.summary import PostSummary
from st_pipelines.posting.waiting import waits
from st_pipelines.systems.qad.matching import goods
from st_pipelines_tests.posting.cases import INTEGRATION, mark_of, prove, rows
from st_pipelines_tests.qad.goods import Warehouse, warehouse
from st_pipelines_tests.qad.samples import BOOKS, changed
from st_pipelines_tests.qad.tenant import Tenant

CONTEXT = RunContext(INTEGRATION, "run-1", "Ann", "m1", "2026-10-05")
QUICK = PostSettings(lease_s=30, margin_s=0.5, patience_s=3, quiet_period_s=0.2, second_wait_s=0.2,
                     backoff_base_s=0.02, backoff_cap_s=0.05)  # fmt: skip


@dataclass
class Company:
    engine: Engine
    tenant: Tenant
    house: Warehouse

    def plan(self, *documents: MappedDocument) -> None:
        plan_documents(self.engine, CONTEXT, documents, target="qad", change=self.tenant.target.change)

    def look(self) -> CoverSummary:
        return evaluate(self.engine, CONTEXT, lambda company, lines: goods(self.tenant.client, company, lines),
                        target="qad", change=self.tenant.target.change)  # fmt: skip

    def send(self) -> PostSummary:
        return post(
            self.engine, self.tenant.target, INTEGRATION, (), CONTEXT, mark=mark_of(self.engine), settings=QUICK
        )

    def run(self, *documents: MappedDocument) -> PostSummary:
        self.plan(*documents)
        self.look()
        return self.send()

    def matched(self) -> list[int]:
        return [int(row["quantityInvoiced"]) for row in self.tenant.state("purchase_order_lines")]

    def vouchers(self) -> list[str]:
        return [row["supplierInvoiceReference"] for row in self.tenant.state("supplier_invoices")]

    def why(self) -> list[str]:
        return [
            wait.reason.why.removeprefix("its goods are not all there: ") for wait in waits(self.engine, INTEGRATION)
        ]


@contextmanager
def company(engine: Engine) -> Iterator[Company]:
    with warehouse(engine, settings={"quiet_period_s": 0.2, "request_deadline_s": 3}) as (tenant, house):
        yield Company(engine, tenant, house)


@pytest.fixture
def here(engine: Engine) -> Iterator[Company]:
    with company(engine) as made:
        yield made


def test_an_invoice_before_its_goods_waits_and_clears_at_first_try(here: Company) -> None:
    order = here.house.order()
    bill = here.house.take(1, (order, 1, "10", "3.00"))
    assert here.run(bill).sent == 0 and here.vouchers() == []
    assert here.why() == [f"order {order} line 1: 10 invoiced, 0 received, 0 already matched, 10 missing"]
    here.house.receive(order, 6)
    assert here.run().sent == 0
    assert here.why() == [f"order {order} line 1: 10 invoiced, 6 received, 0 already matched, 4 missing"]
    here.house.receive(order, 4)
    summary = here.run()  # nothing new was read: what waits is looked at all the same
    assert (summary.posted, summary.read_back, summary.differing) == (1, 1, [])
    assert [(row.state, row.attempt) for row in rows(here.engine)] == [("posted", 1)]
    assert here.matched() == [10] and here.run(bill).sent == 0
    prove(here.engine)
    looks = [
        event["content"] for event in life(here.engine, INTEGRATION, bill.doc_key).events if event["event"] == "fact"
    ]
    assert [look["is_true"] for look in looks] == [False, False, True]
    assert looks[-1]["detail"] == f"order {order} line 1: 10 invoiced, 10 received, 0 already matched"


def test_an_order_line_that_qad_lacks_is_named(here: Company) -> None:
    here.plan(here.house.take(1, ("P0009999", 3, "1", "3.00")))
    assert [wait.reason.why for wait in waits(here.engine, INTEGRATION)] == ["nobody has looked for its goods yet"]
    here.run()
    assert here.why() == ["order P0009999 line 3: 1 invoiced, 10USA has no order P0009999 line 3"]


def test_over_invoicing_waits_and_says_what_is_missing(here: Company) -> None:
    order = here.house.order("3.00", "5.00")
    here.house.receive(order, 8)
    here.house.receive(order, 2, line=2)
    assert here.run(here.house.take(1, (order, 1, "5", "3.00"))).posted == 1
    assert here.run(here.house.take(2, (order, 1, "4", "3.00"), (order, 2, "2", "5.00"))).sent == 0
    assert here.why() == [
        f"order {order} line 1: 4 invoiced, 8 received, 5 already matched, 1 missing; "
        f"order {order} line 2: 2 invoiced, 2 received, 0 already matched"
    ]


def test_two_invoices_never_take_the_same_goods_and_the_order_is_fixed(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 10)
    later, earlier = here.house.take(1, (order, 1, "6", "3.00")), here.house.take(2, (order, 1, "6", "3.00"))
    here.plan(changed(later, business_date=later.business_date.replace(day=9)), earlier)
    here.look()
    assert here.send().posted == 1
    assert here.vouchers() == ["INV-2"]
    here.look()
    assert here.why() == [f"order {order} line 1: 6 invoiced, 10 received, 6 already matched, 2 missing"]
    here.house.receive(order, 2)
    assert here.run().posted == 1 and here.matched() == [12]


def test_invoices_of_one_order_line_go_one_after_the_other_and_name_receivers_of_their_own(here: Company) -> None:
    """Built at the same time, both would name the oldest receiver, and QAD would refuse the second."""
    order = here.house.order()
    for _ in range(2):
        here.house.receive(order, 5)
    here.plan(here.house.take(1, (order, 1, "5", "3.00")), here.house.take(2, (order, 1, "5", "3.00")))
    first = here.look()
    assert (first.covered, first.behind) == (1, 1)
    assert "another invoice of the same order line goes first" in here.why()[0]
    assert here.send().posted == 1
    second = here.look()
    assert (second.covered, second.behind) == (1, 0)
    assert here.send().posted == 1 and here.matched() == [10]
    assert [(row.state, row.attempt) for row in rows(here.engine)] == [("posted", 1), ("posted", 1)]
    prove(here.engine)


def test_a_reversal_before_sending_takes_it_back_into_waiting(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.plan(here.house.take(1, (order, 1, "5", "3.00")))
    assert here.look().covered == 1
    here.house.receive(order, -2)
    summary = here.look()
    assert (summary.covered, summary.waiting, summary.facts.withdrawn) == (0, 1, 1)
    assert here.send().sent == 0
    assert here.why() == [f"order {order} line 1: 5 invoiced, 3 received, 0 already matched, 2 missing"]


def test_goods_that_go_back_between_look_and_sending_are_not_sent_and_wait_again(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.plan(here.house.take(1, (order, 1, "5", "3.00")))
    here.look()
    here.house.receive(order, -2)
    assert here.send().sent == 0 and here.vouchers() == []
    (row,) = rows(here.engine)
    assert (row.state, row.body_sha256) == ("planned", None) and "not open in QAD" in row.reason
    here.look()
    assert len(here.why()) == 1


def test_goods_of_an_unknown_outcome_are_nobody_elses(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 10)
    here.run(here.house.take(9, (here.house.order(), 1, "1", "3.00")))
    here.tenant.arm(action="drop_before", count=1, match={"method": "POST", "path": "supplierInvoices"})
    here.plan(here.house.take(1, (order, 1, "6", "3.00")))
    here.look()
    slow = PostSettings(lease_s=30, margin_s=0.5, patience_s=0.1, quiet_period_s=600, second_wait_s=600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("st_pipelines.posting.poster._Session._waits", lambda self, idle: [])
        post(here.engine, here.tenant.target, INTEGRATION, (), CONTEXT, mark=mark_of(here.engine), settings=slow)
    assert [row.state for row in rows(here.engine, "SN:demo:bill:1")] == ["unknown"]
    here.plan(here.house.take(2, (order, 1, "6", "3.00")))
    assert here.look().covered == 0
    assert here.why()[-1] == (
        f"order {order} line 1: 6 invoiced, 10 received, 0 already matched, 6 for other invoices, 2 missing"
    )


def test_two_evaluators_at_once_grant_the_same_goods_once(here: Company) -> None:
    """The slow one read ledger and books before the other's invoice was there; it must not grant on top of it."""
    order = here.house.order()
    here.house.receive(order, 6)
    here.plan(here.house.take(2, (order, 1, "5", "3.00")))
    slow = wanted(here.engine, INTEGRATION)
    assert slow is not None
    known = {(BOOKS, key): one for key, one in goods(here.tenant.client, BOOKS, slow.lines[BOOKS]).items()}
    here.plan(here.house.take(1, (order, 1, "5", "3.00")))
    assert here.look().covered == 1
    with pytest.raises(RuntimeError, match="another run"):
        settle(here.engine, CONTEXT, slow, known, target="qad", change=here.tenant.target.change)
    assert here.send().posted == 1
    assert here.run().sent == 0 and here.vouchers() == ["INV-1"]


def test_what_was_posted_while_the_books_were_read_is_deducted_too(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.plan(here.house.take(1, (order, 1, "5", "3.00")))
    here.look()
    slow = wanted(here.engine, INTEGRATION)
    assert slow is not None
    known = {(BOOKS, key): one for key, one in goods(here.tenant.client, BOOKS, slow.lines[BOOKS]).items()}
    assert here.send().posted == 1
    here.plan(here.house.take(2, (order, 1, "5", "3.00")))
    settle(here.engine, CONTEXT, slow, known, target="qad", change=here.tenant.target.change)
    assert here.send().sent == 0
    assert "5 for other invoices, 5 missing" in here.why()[0]


def test_a_new_version_is_looked_at_again_before_it_is_sent(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.plan(here.house.take(1, (order, 1, "5", "3.00")))
    assert here.look().covered == 1
    here.plan(here.house.take(1, (order, 1, "7", "3.00")))
    assert here.send().sent == 0, "what was covered was five pieces, not seven"
    here.plan(here.house.take(1, (order, 1, "4", "3.00")))
    assert here.send().sent == 0
    assert here.look().covered == 1
    assert here.send().posted == 1 and here.matched() == [4]


def test_a_body_of_an_earlier_look_is_made_anew_when_the_books_moved(here: Company) -> None:
    order = here.house.order()
    first = here.house.receive(order, 5)
    here.plan(here.house.take(1, (order, 1, "5", "3.00")))
    here.look()
    here.tenant.arm(action="throttle", seconds=60, match={"method": "POST", "path": "supplierInvoices"})
    here.send()
    (row,) = rows(here.engine)
    assert (row.state, row.attempt) == ("planned", 1) and row.body_sha256
    here.tenant.disarm()
    assert here.look().renewed == 0, "nothing moved"
    here.house.receive(order, -5)
    second = here.house.receive(order, 6)
    assert first != second
    summary = here.look()
    assert (summary.covered, summary.renewed) == (1, 1)
    assert here.send().posted == 1
    assert [row.state for row in rows(here.engine)] == ["superseded", "posted"]
    (held,) = here.tenant.state("supplier_invoices")
    assert [line["receiverNumber"] for line in held["matchingLines"]] == [second]
    prove(here.engine)


@pytest.mark.parametrize("action", ["apply_then_drop", "drop_before", "garble", "truncate"])
def test_a_lost_answer_doubles_nothing(here: Company, action: str) -> None:
    order = here.house.order()
    here.house.receive(order, 20)
    assert here.run(here.house.take(1, (order, 1, "5", "3.00"))).posted == 1
    here.tenant.arm(action=action, count=1, match={"method": "POST", "path": "supplierInvoices"})
    here.run(here.house.take(2, (order, 1, "5", "3.00")), here.house.take(3, (order, 1, "6", "3.00")))
    for _ in range(3):
        here.run()
    assert sorted(here.vouchers()) == ["INV-1", "INV-2", "INV-3"] and here.matched() == [16]
    assert {row.state for row in rows(here.engine)} == {"posted"}
    prove(here.engine)


def test_facts_say_what_was_seen_of_covered_ones_too(here: Company) -> None:
    assert _facts(here.engine) == []
    order = here.house.order()
    here.house.receive(order, 3)
    here.run(here.house.take(1, (order, 1, "2", "3.00")), here.house.take(2, (order, 1, "2", "3.00")))
    assert _facts(here.engine) == [
        (1, f"order {order} line 1: 2 invoiced, 3 received, 0 already matched"),
        (0, f"order {order} line 1: 2 invoiced, 3 received, 0 already matched, 2 for other invoices, 1 missing"),
    ]


def test_the_ledger_says_how_many_were_matched_at_the_first_try(here: Company) -> None:
    assert match_rate(here.engine, INTEGRATION).percent is None
    order = here.house.order()
    early, later = here.house.take(1, (order, 1, "2", "3.00")), here.house.take(2, (order, 1, "3", "3.00"))
    here.run(early)
    here.house.receive(order, 2)
    here.run(later)
    found = match_rate(here.engine, INTEGRATION)
    assert (found.matched, found.first_try, found.early, str(found.percent)) == (1, 1, 1, "100.0")
    assert [(one.age, one.documents, one.amounts_minor) for one in found.waiting if one.documents] == [
        ("under a day", 1, {"USD": 900})
    ]
    here.house.receive(order, 3)
    here.tenant.arm(action="refuse", count=1, text="The voucher was refused.",
                    match={"method": "POST", "path": "supplierInvoices"})  # fmt: skip
    here.run()
    assert match_rate(here.engine, INTEGRATION).matched == 1, "a refused one is not matched"


def _facts(engine: Engine) -> list[tuple[int, str]]:
    with engine.connect() as connection:
        found: Iterable[Any] = connection.execute(text("SELECT is_true, detail FROM fact ORDER BY key"))
        return [(row.is_true, row.detail) for row in found]


def test_two_workers_at_once_take_no_piece_twice(here: Company) -> None:
    """Each looks and sends until nothing is left; both begin at the same moment."""
    order = here.house.order("3.00", "3.00", "3.00")
    for line, pieces in ((1, 7), (2, 5), (3, 9)):
        here.house.receive(order, pieces, line=line)
    here.run(here.house.take(99, (order, 1, "1", "3.00")))
    bills = [here.house.take(number, (order, 1 + number % 3, "2", "3.00")) for number in range(1, 13)]
    here.plan(*bills)
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        for _ in range(8):
            here.look()
            here.send()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work) for _ in range(2)]:
            done.result(timeout=120)
    assert here.matched() == [7, 4, 8]
    assert Counter(row.state for row in rows(here.engine)) == {"posted": 1 + 3 + 2 + 4, "planned": 1 + 2}
    assert len(set(here.vouchers())) == len(here.vouchers())
    prove(here.engine)


def test_a_posted_match_is_left_to_a_person_when_its_source_is_voided_or_changed(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 9)
    first, second = here.house.take(1, (order, 1, "2", "3.00")), here.house.take(2, (order, 1, "2", "3.00"))
    assert here.run(first, second).posted in (1, 2)
    here.run()
    here.run(changed(first, disposition="void", payload=None, needs=(), control=(), source_sha256="c" * 64))
    more = here.house.take(2, (order, 1, "5", "3.00"))
    here.run(changed(more, is_final=True))
    assert here.vouchers() == ["INV-1", "INV-2"] and here.matched() == [4]
    held = {(hold.doc_key[-1], hold.op, hold.code) for hold in list_holds(here.engine, INTEGRATION)}
    assert held == {("1", "void", "cannot_render"), ("2", "void", "changed_after_posting"),
                    ("2", "create", "changed_after_posting")}  # fmt: skip
    (said,) = [hold.reason for hold in list_holds(here.engine, INTEGRATION) if hold.code == "cannot_render"]
    assert "a person undoes or credits the match in QAD" in said


def test_one_that_waits_for_something_else_too_keeps_nobody_from_the_goods(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    first = here.house.take(1, (order, 1, "5", "3.00"))
    here.plan(changed(first, needs=(*first.needs, "SN:demo:vendor:7")), here.house.take(2, (order, 1, "5", "3.00")))
    assert here.run().posted == 1 and here.vouchers() == ["INV-2"]
    assert "its goods are not all there: it waits for SN:demo:vendor:7 too, so it takes no goods" in {
        wait.reason.why for wait in waits(here.engine, INTEGRATION)
    }


def test_invoices_of_one_order_line_go_in_turn_until_one_stays(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 9)
    here.plan(*[here.house.take(number, (order, 1, "3", "3.00")) for number in (1, 2, 3)])
    session = SimpleNamespace(
        engine=here.engine, target=here.tenant.target, target_client=here.tenant.client,
        road=SimpleNamespace(target=TARGET), integration=SimpleNamespace(target=SimpleNamespace(connection="qad")),
    )  # fmt: skip
    calls: list[int] = []

    def send() -> PostSummary:
        calls.append(len(here.vouchers()))
        return here.send()

    flow = cast(Any, SimpleNamespace(takes_goods=True))
    assert in_turn(cast(Any, session), flow, CONTEXT, lambda: PostSummary()).posted == 0, "and it ends"
    summary = in_turn(cast(Any, session), flow, CONTEXT, send)
    assert (summary.posted, calls, here.matched()) == (3, [0, 1, 2], [9])
