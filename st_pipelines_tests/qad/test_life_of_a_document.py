"""A customer, an invoice, its payment, their voids: each written once, found again, and equal to the plan."""

from datetime import date
from decimal import Decimal

from st_pipelines.documents.mapped import ControlLine
from st_pipelines.posting.target import Found, Posted
from st_pipelines.systems.qad.validate import validate
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.samples import BOOKS, bill, invoice, key, line, party, payment
from st_pipelines_tests.qad.tenant import Tenant


def _only(qad: Tenant, kind: str, reference: str) -> Found:
    found = qad.target.find(kind, BOOKS, [reference])
    assert list(found) == [reference], found
    (one,) = found[reference]
    assert one.external_ref == reference
    return one


def test_the_demo_tenant_is_as_its_profile_says(qad: Tenant) -> None:
    assert [str(fault) for fault in validate(qad.client)] == []
    assert validate(qad.client, days=[date(2026, 10, 31)]) == []
    qad.target.check_company(BOOKS)


def test_customer_invoice_payment_void_and_read_back(qad: Tenant) -> None:
    assert qad.target.find("customer", BOOKS, [key("customer", 42)]) == {}
    qad.customer()
    for document in (samples.relation(party()), samples.master(party()), samples.domain(party())):
        assert qad.target.differences(document, _only(qad, document.kind, document.doc_key)) == []

    sale = invoice()
    outcome = qad.post(sale)
    assert outcome.target_id == "10USACO|ARINV|2026|1"
    assert outcome.number == "ARINV/2026/1"
    held = _only(qad, "customer_invoice", sale.doc_key)
    assert qad.target.differences(sale, held) == []
    assert (held.total, held.currency, held.business_date) == (Decimal("97.43"), "USD", samples.DAY)
    assert sorted(held.control, key=lambda one: one.gl_account) == [
        ControlLine("", "1200", "", 9743), ControlLine("", "2200", "", -743), ControlLine("", "4000", "1100", -10000),
        ControlLine("", "4900", "1100", 1000)]  # fmt: skip

    cash = payment(amount="100.00", applied={7001: "97.43"})
    qad.post(cash)
    assert qad.target.differences(cash, _only(qad, "customer_payment", cash.doc_key)) == []
    assert qad.state("customer_invoices")[0]["balanceTC"] == 0

    qad.post(cash, op="void", previous=cash)
    voided = _only(qad, "customer_payment", cash.doc_key)
    assert voided.content["void"] == "yes"
    assert voided.control == ()
    assert qad.state("customer_invoices")[0]["balanceTC"] == Decimal("97.43")

    reversal = qad.post(sale, op="void", previous=sale)
    assert reversal.target_id == "10USACO|ARCRN|2026|1"
    turned = _only(qad, "customer_invoice", f"{sale.doc_key}:void")
    assert turned.total == Decimal("-97.43")
    assert turned.content["reverses"] == sale.doc_key
    assert qad.target.differences(sale, turned) == []
    listed = list(qad.target.list_posted("customer_invoice", BOOKS, date(2026, 10, 1), date(2026, 10, 31)))
    assert sum(entry.amount_minor for one in listed for entry in one.control) == 0
    assert {one.external_ref for one in listed} == {sale.doc_key, f"{sale.doc_key}:void"}


def test_the_ledger_of_qad_nets_to_zero_after_every_void(qad: Tenant) -> None:
    qad.customer()
    qad.vendor()
    memo = invoice(7002, lines=(line(1, "4000", "-50.00"), line(2, "2200", "-4.13", "tax", tax_code="TX825")))
    documents = [
        invoice(),
        memo,
        bill(),
        payment(),
        payment(9002, "-20.00", refunds_key=key("payment", 9001), bank_account="1010"),
    ]
    for document in documents:
        qad.post(document)
    for document in documents:
        qad.post(document, op="void", previous=document)
    moved: dict[tuple[str, str], Decimal] = {}
    for entry in qad.state("gl_entries"):
        place = (entry["glCode"], entry["costCentreCode"])
        amount = Decimal(str(entry["amountTC"]))
        moved[place] = moved.get(place, Decimal(0)) + (amount if entry["isDebit"] else -amount)
    assert moved
    assert set(moved.values()) == {Decimal(0)}


def test_a_payment_that_only_gains_an_application_is_updated(qad: Tenant) -> None:
    qad.customer()
    qad.post(invoice(7001), invoice(7002))
    before, after = (
        payment(amount="150.00", applied={7001: "97.43"}),
        payment(amount="150.00", applied={7001: "97.43", 7002: "52.57"}),
    )
    qad.post(before)
    assert qad.target.change(before, after) == "update"
    qad.post(after, op="update", previous=before)
    held = _only(qad, "customer_payment", after.doc_key)
    assert qad.target.differences(after, held) == []
    assert qad.target.differences(before, held) != []
    assert len(qad.state("customer_payments")) == 1
    assert [one["balanceTC"] for one in qad.state("customer_invoices")] == [0, Decimal("44.86")]


def test_a_changed_customer_is_updated_from_qads_whole_record(qad: Tenant) -> None:
    qad.customer()
    renamed = party(name="Ada Lovelace Bakery and Confectionery of Greater Austin", terms="N15")
    assert qad.target.change(samples.relation(party()), samples.relation(renamed)) == "update"
    assert qad.target.change(samples.master(party()), samples.master(renamed)) == "update"
    qad.post(samples.relation(renamed), op="update", previous=samples.relation(party()))
    qad.post(samples.master(renamed), op="update", previous=samples.master(party()))
    (relation,) = qad.state("business_relations")
    assert relation["businessRelationName1"] + " " + relation["businessRelationName2"] == renamed.name
    assert qad.target.differences(samples.master(renamed), _only(qad, "customer", key("customer", 42))) == []


def test_a_half_made_customer_is_repaired_and_never_made_again(qad: Tenant) -> None:
    of = party()
    qad.post(samples.relation(of), samples.master(of))
    assert qad.target.find("customer_domain", BOOKS, [f"{of.doc_key}:domain"]) == {}
    assert len(qad.target.find("customer", BOOKS, [of.doc_key])[of.doc_key]) == 1
    qad.post(samples.domain(of))
    assert _only(qad, "customer_domain", f"{of.doc_key}:domain").content == {"site": "100", "daybookSet": "STD"}
    assert len(qad.state("customers")) == 1


def test_a_second_bill_with_the_same_supplier_number_is_posted_with_qads_warning(qad: Tenant) -> None:
    qad.vendor()
    qad.post(bill(3001))
    outcome = qad.post(bill(3002))
    assert isinstance(outcome, Posted)
    assert any("already used" in warning for warning in outcome.warnings)


def test_documents_of_another_entity_stay_in_their_own_books(qad: Tenant) -> None:
    qad.customer()
    sale = samples.changed(invoice(lines=(line(1, "4000", "10.00", centre="4100"),)), company="10USA_20USACO")
    outcome = qad.post(sale)
    assert outcome.target_id.startswith("20USACO|")
    assert qad.target.find("customer_invoice", BOOKS, [sale.doc_key]) == {}
    assert list(qad.target.find("customer_invoice", "10USA_20USACO", [sale.doc_key])) == [sale.doc_key]
