"""Spellings meet, different things stay apart, and normalizing twice changes nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.alignment import normalize
from st_pipelines.documents.parties import Address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Brien & Sons, Inc.", "OBRIEN AND SONS"), ("Smith, John", "John  Smith"), ("Zoë Müller", "ZOE MULLER"),
        ("Crédit Agricole – 2nd Floor", "Credit Agricole 2nd floor"), ("Straße 5 GmbH", "STRASSE 5"),
        ("Cafe\u0301 Łódź", "Café Łódź"), ("The Co", "the"),
    ],
)  # fmt: skip
def test_spellings_of_one_name_meet(one: str, other: str) -> None:
    assert normalize.name(one) == normalize.name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Smith, John", "Smith, Joan"), ("山田 太郎", "山田 花子"), ("Acme 1", "Acme 2"), ("Co", "Inc")]
)
def test_different_names_stay_apart(one: str, other: str) -> None:
    assert normalize.name(one) != normalize.name(other)


@pytest.mark.parametrize(
    "written", ["(512) 555-0100", "5125550100", "+1 512 555 0100", "1-512-555-0100", "512.555.0100 ext. 7",
                "512-555-0100 x12", "٥١٢٥٥٥٠١٠٠"]
)  # fmt: skip
def test_forms_of_one_phone_number_meet(written: str) -> None:
    assert normalize.phone(written) == "5125550100"


@pytest.mark.parametrize("written", ["", "911", "none", "ext 7", "n/a"])
def test_what_is_no_phone_number_compares_with_nothing(written: str) -> None:
    assert normalize.phone(written) == ""


@pytest.mark.parametrize("written", ["", "none", "@", "a@b", "a b@c.de", "n/a"])
def test_what_is_no_address_compares_with_nothing(written: str) -> None:
    assert normalize.email(written) == ""


def test_forms_of_one_address_meet() -> None:
    one = Address("12 Main Street", "Suite 200", "Austin", "TX", "78701-1234")
    other = Address("12 main st ste 200", "", "AUSTIN", "Texas", "78701")
    assert normalize.address(one) == normalize.address(other) != ""
    assert normalize.address(Address("12 Main St", "", "Austin", "TX", "")) == ""


@given(st.text(max_size=60))
def test_normalizing_twice_changes_nothing(written: str) -> None:
    for form in (normalize.name, normalize.email, normalize.phone, normalize.tax_id):
        once = form(written)
        assert form(once) == once


@given(st.text(max_size=60))
def test_composed_and_decomposed_text_are_one(written: str) -> None:
    for form in (normalize.name, normalize.email, normalize.phone, normalize.tax_id):
        assert form(unicodedata.normalize("NFC", written)) == form(unicodedata.normalize("NFD", written))


@given(st.text(max_size=60))
def test_case_and_outer_blanks_do_not_matter(written: str) -> None:
    assert normalize.name(f"  {written.swapcase()} ") in (normalize.name(written), normalize.name(written.swapcase()))
    assert normalize.email(f" {written} ") == normalize.email(written)
