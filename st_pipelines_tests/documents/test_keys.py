"""Keys: the same record always gives the same key, and no two records share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.documents.keys import doc_key, external_ref, request_key

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
