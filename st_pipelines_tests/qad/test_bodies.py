"""The wire body of each document: exact amounts, whole names, the tenant's own names, refusals by name."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import CannotRender, Reference
from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.exact_json import decode
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.post import QadTarget
from st_pipelines.systems.qad.profile import Profile
from st_pipelines.systems.qad.profile_file import load_profile
from st_pipelines.systems.qad.wire_values import canonical, split_name
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.samples import CUSTOMER, VENDOR, bill, invoice, key, line, party, payment


def _target(profile: Profile) -> QadTarget:
    """Rendering a create asks nobody, so no server stands behind this."""
    return QadTarget(QadClient(HttpClient("q", "http://127.0.0.1:1/clouderp", StaticHeaders()), profile))


def _body(
    document: MappedDocument, references: dict[str, Reference], profile: Profile, op: str = "create", **more: Any
) -> Any:
    body = _target(profile).render(
        document, op, document.doc_key, references, more.get("previous"), more.get("target_id", "")
    )
    content = decode(body)
    assert content["supplementaryMessages"] == []
    (array,) = content.keys() - {"supplementaryMessages"}
    return content[array][0]


def test_an_invoice_is_whole_and_balances(profile: Profile) -> None:
    record = _body(invoice(), CUSTOMER, profile)
    assert record["customerCode"] == "10000042"
    assert (record["invoiceType"], record["daybookCode"]) == ("Invoice", "ARINV")
    assert record["invoiceAmountTC"] == Decimal("97.43")
    assert record["customLong0"] == key("invoice", 7001)
    assert record["invoiceDate"] == "2026-10-05T00:00:00.000Z"
    assert record["description"] == "Spring tune-up and filter"
    lines = [(one["glCode"], one["costCentreCode"], one["amountTC"], one["isDebit"]) for one in record["postingLines"]]
    assert lines == [
        ("1200", "", Decimal("97.43"), True),
        ("4000", "1100", Decimal("100.00"), False),
        ("4900", "1100", Decimal("10.00"), True),
        ("2200", "", Decimal("7.43"), False),
    ]
    assert [(tax["taxCode"], tax["taxAmountTC"]) for tax in record["taxes"]] == [("TX825", Decimal("7.43"))]
    assert "voucherNumber" not in record  # QAD's to give


def test_a_credit_memo_is_a_credit_note_positive_in_its_own_sense(profile: Profile) -> None:
    memo = invoice(lines=(line(1, "4000", "-50.00"), line(2, "2200", "-4.13", "tax", tax_code="TX825")))
    record = _body(memo, CUSTOMER, profile)
    assert (record["invoiceType"], record["daybookCode"], record["invoiceAmountTC"]) == (
        "Credit Note",
        "ARCRN",
        Decimal("54.13"),
    )
    assert [(one["glCode"], one["isDebit"]) for one in record["postingLines"]] == [
        ("1200", False),
        ("4000", True),
        ("2200", True),
    ]
    assert record["taxes"][0]["taxAmountTC"] == Decimal("4.13")
    assert all(one["amountTC"] > 0 for one in record["postingLines"])


def test_a_void_turns_every_line_and_names_the_original(profile: Profile) -> None:
    document = invoice()
    record = _body(document, CUSTOMER, profile, "void", target_id="10USACO|ARINV|2026|17", previous=document)
    assert record["invoiceType"] == "Credit Note"
    assert record["customLong0"] == key("invoice", 7001) + ":void"
    assert record["description"] == "Void of 10USACO/ARINV/2026/17"
    original = _body(document, CUSTOMER, profile)
    turned = [(one["glCode"], one["amountTC"], not one["isDebit"]) for one in record["postingLines"]]
    assert turned == [(one["glCode"], one["amountTC"], one["isDebit"]) for one in original["postingLines"]]


def test_a_supplier_invoice_debits_costs_and_carries_the_suppliers_own_number(profile: Profile) -> None:
    record = _body(bill(), VENDOR, profile)
    assert (record["supplierInvoiceReference"], record["invoiceStatusCode"]) == ("SUP-88/1", "AP-GLALLOC")
    assert [(one["glCode"], one["isDebit"]) for one in record["postingLines"]] == [
        ("2000", False), ("5000", True), ("5200", True), ("5300", True)]  # fmt: skip
    assert record["taxes"] == []  # the supplier's tax is cost here


def test_a_payment_settles_invoices_by_their_voucher_keys(profile: Profile) -> None:
    references = CUSTOMER | samples.invoice_reference(7001, 17) | samples.invoice_reference(7002, 18)
    record = _body(payment(amount="150.00", applied={7001: "97.43", 7002: "40.00"}), references, profile)
    assert record["bankGLCode"] == "1030"
    assert record["amountTC"] == Decimal("150.00")
    assert [(part["voucherNumber"], part["amountTC"]) for part in record["allocations"]] == [
        (17, Decimal("97.43")), (18, Decimal("40.00"))]  # fmt: skip


def test_a_refund_is_a_form_of_its_own_and_positive(profile: Profile) -> None:
    refund = payment(amount="-20.00", refunds_key=key("payment", 9001), bank_account="1010")
    record = _body(refund, CUSTOMER, profile)
    assert (record["paymentType"], record["amountTC"]) == ("Refund", Decimal("20.00"))
    assert key("payment", 9001) in record["description"]


def test_a_customer_has_a_blank_code_and_a_relation_a_readable_one(profile: Profile) -> None:
    related = samples.posted(key("customer", 42) + ":relation", "business_relation", "STC42", "STC42")
    record = _body(samples.master(party()), related, profile)
    assert (record["customerCode"], record["sharedSetCode"]) == ("", "CUST")
    assert (record["businessRelationCode"], record["customLong0"]) == ("STC42", key("customer", 42))
    assert record["invoiceControlGLProfileCode"] == "AR"
    assert _body(samples.relation(party()), {}, profile)["businessRelationCode"] == "STC42"
    assert _body(samples.relation(party("vendor", 7)), {}, profile)["businessRelationCode"] == "STV7"


def test_what_the_mapping_decides_for_a_party_overrides_the_default(profile: Profile) -> None:
    related = samples.posted(key("customer", 42) + ":relation", "business_relation", "STC42", "STC42")
    decided = party(terms="N15", attributes={"invoiceStatusCode": "AR-CONTESTED"})
    record = _body(samples.master(decided), related, profile)
    assert (record["creditTermsCode"], record["invoiceStatusCode"]) == ("N15", "AR-CONTESTED")
    with pytest.raises(CannotRender, match="salesTeam"):
        _body(samples.master(party(attributes={"salesTeam": "X"})), related, profile)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (invoice(number=1, summary="x\x00y"), "description: character U\\+0000"),
        (invoice(number=1), "needs|not posted"),
        (payment(amount="1.005"), "amountTC: .*more decimals"),
        (bill(reference="R" * 61), "supplierInvoiceReference: 61 characters, QAD takes 60"),
        (bill(reference="A\u200bB"), "U\\+200B"),
        (payment(amount="10.00", applied={7001: "0.00"}), "application of nothing"),
        (payment(amount="10.00", unapplied=Decimal("9.00")), "are not the amount"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(profile: Profile, document: MappedDocument, said: str) -> None:
    references = {} if said.startswith("needs") else CUSTOMER | VENDOR | samples.invoice_reference(7001, 17)
    with pytest.raises(CannotRender, match=said):
        _body(document, references, profile)


def test_lines_that_do_not_add_up_are_never_rendered(profile: Profile) -> None:
    with pytest.raises(CannotRender, match=r"add up to 10\.00, the total is 12\.00"):
        _body(invoice(lines=(line(1, "4000", "10.00"),), total=Decimal("12.00")), CUSTOMER, profile)


def test_an_assumed_entity_is_not_written_before_it_is_confirmed(tmp_path: Any) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(samples.PROFILE.read_text().replace("writes_confirmed: true", "writes_confirmed: false"))
    unconfirmed = load_profile(path)
    with pytest.raises(CannotRender, match="writes_confirmed"):
        _body(invoice(), CUSTOMER, unconfirmed)
    assert _body(samples.relation(party()), {}, unconfirmed)["businessRelationCode"] == "STC42"  # observed


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Cn")), max_size=140)


@given(NAMES)
def test_a_name_is_split_whole_or_refused(name: str) -> None:
    name = name.strip()
    try:
        parts = split_name(name, (36, 36, 60))
    except CannotRender:
        assert len(name) > 36
        return
    assert len(parts) == 3
    assert all(len(part) <= limit for part, limit in zip(parts, (36, 36, 60), strict=True))
    assert "".join("".join(parts).split()) == "".join(name.split())  # not a letter lost


def test_a_long_name_breaks_at_blanks() -> None:
    name = "The Honourable Company of Heating, Ventilation and Air Conditioning Engineers of Austin"
    parts = split_name(name, (36, 36, 60))
    assert " ".join(parts) == name
    assert not any(part != part.strip() for part in parts)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=80), st.integers(-(10**14), 10**14)
)
def test_bodies_are_exact_json_that_any_reader_agrees_on(text: str, cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    body = canonical({"b": text, "a": amount, "n": [amount, True, ""]})
    read = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    assert read["b"] == text
    assert read["a"] == amount == decode(body)["a"]
    assert canonical(decode(body)) == body  # canonical: once more gives the same bytes


def test_a_float_never_reaches_the_wire() -> None:
    with pytest.raises(TypeError):
        canonical({"amount": [{"amountTC": 0.1}]})


@given(
    st.lists(
        st.tuples(st.sampled_from(["4000", "4100", "4900", "2200"]), st.integers(-(10**9), 10**9)),
        min_size=1,
        max_size=8,
    )
)
def test_every_rendered_invoice_balances_and_has_no_negative_amount(rows: list[tuple[str, int]]) -> None:
    profile = samples.demo_profile()
    lines = tuple(
        Line(n, "revenue", account, Decimal(cents).scaleb(-2)) for n, (account, cents) in enumerate(rows, start=1)
    )
    document = invoice(lines=lines)
    if not document.total:
        with pytest.raises(CannotRender, match="nothing to post"):
            _body(document, CUSTOMER, profile)
        return
    record = _body(document, CUSTOMER, profile)
    assert record["invoiceAmountTC"] == abs(document.total)
    signed = [one["amountTC"] if one["isDebit"] else -one["amountTC"] for one in record["postingLines"]]
    assert sum(signed) == 0
    assert all(one["amountTC"] > 0 for one in record["postingLines"])
