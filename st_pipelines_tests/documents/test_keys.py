"""Keys: the same record always gives the same key, and no two records share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.documents.keys import coded, codes_of, doc_key, external_ref, fitting, request_key

PART = st.from_regex(r"[A-Za-z0-9_.\-]{1,12}", fullmatch=True)


@given(st.tuples(PART, PART, PART, PART), st.tuples(PART, PART, PART, PART))
def test_different_parts_give_different_keys(one: tuple[str, str, str, str], other: tuple[str, str, str, str]) -> None:
    assert (doc_key(*one) == doc_key(*other)) == (one == other)


@pytest.mark.parametrize("part", ["", "a:b", "a b", "a\n", "a\u200b", "ä", "x" * 65])
def test_a_part_that_could_hide_something_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="not usable in a document key"):
        doc_key("ST", "1", "invoice", part)


def test_the_second_life_of_a_document_has_its_own_reference() -> None:
    assert [external_ref("ST:1:invoice:5", life) for life in (1, 2, 3)] == [
        "ST:1:invoice:5", "ST:1:invoice:5:2", "ST:1:invoice:5:3",
    ]  # fmt: skip


def test_the_request_key_depends_on_each_part_of_the_write_and_on_nothing_else() -> None:
    write = ("ST:1:invoice:5", "create", 1, "qad", "10USA_10USACO")
    keys = {request_key(*write)} | {
        request_key(*(*write[:place], other, *write[place + 1 :]))
        for place, other in enumerate(("ST:1:invoice:6", "update", 2, "acumatica", "10USA_20USACO"))
    }
    assert len(keys) == 6
    assert request_key(*write) == request_key(*write)
    assert request_key(*write, length=24) == request_key(*write)[:24]


CODES = st.text(min_size=1, max_size=100)


@given(st.tuples(CODES, CODES), st.tuples(CODES, CODES))
def test_no_two_numbers_share_a_key_however_long_and_strange(one: tuple[str, str], other: tuple[str, str]) -> None:
    keys = [doc_key("SN", "demo", "invoice", fitting(coded(*pair))) for pair in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
    assert all(len(key.rpartition(":")[2]) <= 64 for key in keys)


@given(st.text(min_size=70, max_size=100), st.text(max_size=3), st.text(max_size=3))
def test_long_numbers_that_begin_alike_do_not_meet(begins: str, one: str, other: str) -> None:
    assert (fitting(coded(begins + one)) == fitting(coded(begins + other))) == (one == other)


@given(CODES, CODES)
def test_a_cut_code_is_never_the_whole_code_of_another(one: str, other: str) -> None:
    cut, whole = fitting(coded(one)), coded(other)
    assert cut != whole or one == other


@given(st.tuples(CODES, CODES, CODES))
def test_codes_are_read_back_from_what_was_not_cut(codes: tuple[str, str, str]) -> None:
    assert codes_of(coded(*codes)) == codes


def test_a_cut_code_begins_readably_and_ends_with_a_digest() -> None:
    key = fitting(coded("1000", "F^2026\n/" + "x" * 90))
    assert key.startswith("1000-F.5e2026.0a.2fxxxx") and len(key) == 64 and key.count("..") == 1
