"""One source party becomes the documents of the target, each waiting for the one before."""

from pathlib import Path
from typing import Any

import pytest

from st_pipelines.documents.parties import Address, Party
from st_pipelines.mapping.parties import UnknownRole
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines_tests.mapping import given

KEY = given.key("customer", 7)


def test_a_customer_becomes_relation_customer_and_domain() -> None:
    found = {one.doc_key: one for one in mapped_documents(given.parties([given.party()]))}
    assert {key: (one.kind, one.needs) for key, one in found.items()} == {
        f"{KEY}:relation": ("business_relation", ()),
        KEY: ("customer", (f"{KEY}:relation",)),
        f"{KEY}:domain": ("customer_domain", (KEY,)),
    }
    assert {one.flow for one in found.values()} == {"customers"}
    assert {one.company for one in found.values()} == {"10USA_10USACO"}
    assert {(one.label, str(one.total), one.control) for one in found.values()} == {("Ada Lovelace", "0.00", ())}


def test_a_vendor_becomes_relation_and_supplier() -> None:
    key = given.key("vendor", 3)
    found = {one.doc_key: one for one in mapped_documents(given.parties([given.party(3, "vendor")]))}
    assert {one: (document.kind, document.needs) for one, document in found.items()} == {
        f"{key}:relation": ("business_relation", ()),
        key: ("supplier", (f"{key}:relation",)),
    }


def test_all_parts_carry_the_same_party_with_the_codes_of_the_target() -> None:
    payloads = [one.payload for one in mapped_documents(given.parties([given.party(tax_exempt=True, tax_zone="303")]))]
    assert payloads == [payloads[0]] * 3
    assert payloads[0] == Party(
        role="customer", doc_key=KEY, name="Ada Lovelace", currency="USD", email="ada@mail.example",
        address=Address(street="1 Main St", city="Austin", state="TX", zip="78701", country="USA"),
        phone="512-555-0100", terms="N30", tax_code="EXEMPT", is_taxable=False, party_type="Residential",
        attributes={"invoiceStatusCode": "AR-ALLOC"},
    )  # fmt: skip


ATTRIBUTES = """role,party_type,attribute,value
customer,,invoiceStatusCode,AR-ALLOC
customer,,invoiceControlGLProfileCode,AR
customer,Commercial,invoiceControlGLProfileCode,AR-COM
vendor,,invoiceStatusCode,AP
"""


def test_attributes_of_the_own_type_come_before_those_of_any_type(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, party_attributes=ATTRIBUTES)
    rows = [given.party(1), given.party(2, party_type="Commercial"), given.party(3, party_type="")]
    found = {
        one.doc_key: one.payload for one in mapped_documents(given.parties(rows, mapping)) if one.kind == "customer"
    }
    profiles = [payload.attributes for _, payload in sorted(found.items()) if isinstance(payload, Party)]
    assert [one["invoiceControlGLProfileCode"] for one in profiles] == ["AR", "AR-COM", "AR"]
    assert {one["invoiceStatusCode"] for one in profiles} == {"AR-ALLOC"}


def test_without_any_row_for_the_role_there_are_no_attributes(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, party_attributes="role,party_type,attribute,value\n")
    (one, *_) = mapped_documents(given.parties([given.party()], mapping))
    assert isinstance(one.payload, Party)
    assert one.payload.attributes == {}


@pytest.mark.parametrize(
    ("changed", "disposition", "code"),
    [
        ({"is_active": False}, "void", ""),
        ({"is_active": False, "merged_into": given.key("customer", 8)}, "void", ""),
        ({"unreadable": "bad", "is_active": False}, "held", "unreadable"),
        ({"terms": "Net 99"}, "held", "terms.no_row"),
        ({"terms": ""}, "ready", ""),
        ({"tax_zone": ""}, "ready", ""),
        ({"tax_zone": "999"}, "held", "tax_zone.no_row"),
        ({"name": ""}, "held", "name.missing"),
    ],
)
def test_dispositions_of_a_party(changed: dict[str, Any], disposition: str, code: str) -> None:
    for one in mapped_documents(given.parties([given.party(**changed)])):
        assert (one.disposition, one.hold.code if one.hold else "") == (disposition, code)
        assert (one.payload is not None) == (disposition != "held")


def test_mixed_or_unknown_roles_are_refused() -> None:
    with pytest.raises(UnknownRole, match="customer"):
        given.parties([given.party(), given.party(3, "vendor")])
    with pytest.raises(UnknownRole, match="employee"):
        given.parties([given.party(1, "employee")])


def test_no_parties_are_no_documents() -> None:
    assert list(mapped_documents(given.parties([]))) == []
