"""``update`` where QAD can take it, ``replace`` where the books would differ, ``none`` where they would not see it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Address
from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.post import QadTarget
from st_pipelines.systems.qad.profile import Profile
from st_pipelines_tests.qad.samples import bill, changed, domain, invoice, key, line, master, party, payment, relation

OTHER_LINES = (line(1, "4100", "97.43"),)


@pytest.mark.parametrize(
    ("old", "new", "how"),
    [
        (invoice(), invoice(), "none"),
        (invoice(), invoice(summary="another text"), "none"),
        (invoice(), invoice(terms="N45"), "none"),
        (invoice(), invoice(lines=OTHER_LINES), "replace"),
        (invoice(), invoice(customer=43), "replace"),
        (invoice(), invoice(invoice_date=date(2026, 10, 6)), "replace"),
        (invoice(), invoice(due_date=date(2026, 12, 1)), "replace"),
        (invoice(), invoice(number=7001, currency="CAD"), "replace"),
        (invoice(), changed(invoice(), company="10USA_20USACO"), "replace"),
        (bill(), bill(summary="x"), "none"),
        (bill(), bill(reference="SUP-89"), "replace"),
        (bill(), bill(vendor=8), "replace"),
        (payment(), payment(), "none"),
        (payment(), payment(memo="thanks"), "none"),
        (payment(), payment(applied={7001: "10.00"}), "update"),
        (payment(applied={7001: "10.00"}), payment(applied={7001: "12.00"}), "update"),
        (payment(applied={7001: "10.00"}), payment(applied={7001: "9.00"}), "replace"),
        (payment(applied={7001: "10.00"}), payment(applied={7002: "10.00"}), "replace"),
        (payment(), payment(amount="98.00"), "replace"),
        (payment(), payment(bank_account="1020"), "replace"),
        (payment(), payment(customer_key=key("customer", 43)), "replace"),
        (master(party()), master(party()), "none"),
        (master(party()), master(party(name="New Name")), "none"),  # the relation holds the name
        (relation(party()), relation(party(name="New Name")), "update"),
        (relation(party()), relation(party(address=Address("2 Elm Street"))), "update"),
        (relation(party()), relation(party(terms="N45")), "none"),
        (master(party()), master(party(terms="N45")), "update"),
        (master(party()), master(party(is_active=False)), "update"),
        (domain(party()), domain(party(terms="N45")), "none"),
    ],
)
def test_change(profile: Profile, old: MappedDocument, new: MappedDocument, how: str) -> None:
    target = QadTarget(QadClient(HttpClient("q", "http://127.0.0.1:1/clouderp", StaticHeaders()), profile))
    assert target.change(old, new) == how


def test_the_order_of_lines_is_not_a_change(profile: Profile) -> None:
    target = QadTarget(QadClient(HttpClient("q", "http://127.0.0.1:1/clouderp", StaticHeaders()), profile))
    payload: Any = invoice().payload
    assert target.change(invoice(), invoice(lines=tuple(reversed(payload.lines)))) == "none"
    assert payload.total == Decimal("97.43")
