"""A payment whose invoice does not come is seen everywhere a person looks, with the reason and the money; it counts as
a problem from the age that the integration names, and goes out by itself once the invoice stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from st_pipelines_tests.cli.command import Ran
from st_pipelines_tests.integrations.company import LATE, Company, Record, copied_mappings, edit, started

RUN = ("run", "--from", LATE.isoformat(), "--to", LATE.isoformat())
APPLIED = Decimal("0.75")


@pytest.fixture
def company(posted_month: Path, tmp_path: Path) -> Iterator[Company]:
    mappings = copied_mappings(tmp_path / "mappings")
    with started(tmp_path / "home", copied_from=posted_month, mappings=mappings) as opened:
        yield opened


@dataclass(frozen=True)
class Applied:
    """Money of a posted payment, applied to an invoice that is new."""

    payment: Record
    invoice: Record

    @property
    def payment_key(self) -> str:
        return f"ST:1234567:payment:{self.payment['id']}"

    @property
    def invoice_key(self) -> str:
        return f"ST:1234567:invoice:{self.invoice['id']}"


@pytest.fixture
def applied(company: Company) -> Applied:
    standing = company.live()
    payment = next(
        one for one in company.records("servicetitan", "payments")
        if Decimal(one["unappliedAmount"]) > APPLIED and f"ST:1234567:payment:{one['id']}" in standing
    )  # fmt: skip
    line = {"type": "Service", "quantity": "1", "price": "80.00"}
    customer = payment["customer"]["id"]
    invoice = company.business("add_invoice", business_unit_id=101, lines=[line], customer_id=customer)[0]
    company.business("apply_payment", payment_id=payment["id"], invoice_id=invoice["id"], amount=str(APPLIED))
    return Applied(payment, invoice)


def status_of(company: Company, invoice: Record, status: str) -> None:
    company.business("set_fields", entity="invoices", record_id=invoice["id"], fields={"syncStatus": status})


def words(ran: Ran) -> str:
    return " ".join(ran.out.split())


def test_a_payment_of_an_invoice_that_is_not_posted_yet(company: Company, applied: Applied) -> None:
    status_of(company, applied.invoice, "Pending")
    ran = company.here(*RUN, "--json")
    assert (ran.code, ran.json["waiting"]["overdue"]) == (0, 0), "to wait for a while is no problem"
    (wait,) = ran.json["waiting"]["documents"]
    assert (wait["document"], wait["waits_for"]) == (applied.payment_key, applied.invoice_key)
    assert wait["which_is"] == "not_eligible" and wait["why"].startswith("it is not to be posted yet: pending")
    assert applied.invoice_key in wait["cure"] and wait["since"][:2] == "20" and wait["hours"] == 0
    total = abs(Decimal(applied.payment["total"]))
    risk = ran.json["waiting"]["at_risk"]
    assert [(one["currency"], one["documents"], abs(Decimal(one["amount"]))) for one in risk] == [("USD", 1, total)]

    status = company.here("status", "--json")
    assert status.code == 0 and status.json["open"] == 0 and status.json["waiting"]["documents"] == [wait]
    listed = company.here("holds", "waiting", "--json")
    assert listed.code == 0 and listed.json["documents"] == [wait]
    for command in (("status",), ("holds", "list"), ("holds", "waiting"), RUN):
        shown = words(company.here(*command))
        assert "1 waiting" in shown and "it is not to be posted yet" in shown, shown
    reconciled = company.here("reconcile", "--month", applied.payment["date"][:7], "--json")
    assert reconciled.code == 1
    (variance,) = [one for one in reconciled.json["variances"] if one["document"] == applied.payment_key]
    assert variance["cause"] == "waiting"
    assert variance["detail"].startswith(f"waits for {applied.invoice_key} since 20")
    assert "it is not to be posted yet: pending" in variance["detail"] and variance["cure"] == wait["cure"]

    edit(company.mappings / "demo_qad" / "integration.yaml",
         lambda text: text.replace("longest_wait_hours: 168", "longest_wait_hours: 0"))  # fmt: skip
    for command in (("status",), ("holds", "list"), ("holds", "waiting"), RUN):
        late = company.here(*command)
        assert late.code == 1 and "may wait for ever" in words(late), late
    assert company.here("status", "--json").json["open"] == 1

    status_of(company, applied.invoice, "Posted")
    assert company.here(*RUN).code == 0
    assert company.here("status").code == 0 and words(company.here("holds", "waiting")) == "Nothing waits."
    company.require_proof()


def test_a_payment_of_an_invoice_that_qad_refused(company: Company, applied: Applied) -> None:
    company.arm("qad", {"action": "refuse", "text": "the customer is blocked", "field": "customerCode",
                        "match": {"method": "POST", "body": applied.invoice_key}})  # fmt: skip
    assert company.here(*RUN).code == 1
    status = company.here("status", "--json")
    assert status.code == 1 and status.json["waiting"]["overdue"] == 0, "what is rejected is the problem"
    (wait,) = status.json["waiting"]["documents"]
    assert wait["which_is"] == "rejected" and "the customer is blocked" in wait["why"]
    assert f"st-pipelines replay {applied.invoice_key}" in wait["cure"]
    replayed = company.here("replay", applied.invoice_key, "--by", "Ann", "--reason", "unblocked", "--json")
    assert replayed.code == 0, replayed
    assert company.here(*RUN).code == 0
    assert company.here("status").code == 0
    company.require_proof()
