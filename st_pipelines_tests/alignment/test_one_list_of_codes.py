"""What each side should hold of a code, and what waits for a person. Pure: no system, no ledger."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.alignment.codes import Aligned, Owners, Side, align, shape
from st_pipelines.documents.codes import CodeRecord


def one(code: str, name: str = "", active: bool = True, system: str = "QAD", **more: object) -> CodeRecord:
    given = {"target_id": f"{system} {code}", "version": "1", "from_here": system != "QAD", **more}
    return CodeRecord(system, "cost_center", code, name or f"Name of {code}", active, **given)  # type: ignore[arg-type]


def there(code: str, name: str = "", active: bool = True, **more: object) -> CodeRecord:
    return one(code, name, active, "ServiceNow", **more)


def to_do(found: Aligned) -> dict[str, str]:
    return {each.code: each.to_do for each in found.differences}


BACK = Owners(creates_in_source=True)


def test_two_lists_that_agree_leave_nothing_to_do() -> None:
    found = align([one("1"), one("2", active=False)], [there("1"), there("2", active=False)], BACK)
    assert (found.pairs, found.differences) == (2, [])
    assert all(each.in_step for side in (found.in_source, found.in_target) for each in side.values())


@pytest.mark.parametrize(("name", "active"), [("source", "target"), ("target", "source")])
def test_each_field_is_its_owners_on_both_sides(name: Side, active: Side) -> None:
    found = align([one("1", "Here", True)], [there("1", "There", False)], Owners(name, active))
    said = ("Here" if name == "source" else "There", active == "source")
    assert {(each.name, each.is_active) for each in (found.in_source["1"], found.in_target["1"])} == {said}
    assert not found.in_source["1"].in_step and not found.in_target["1"].in_step


@pytest.mark.parametrize(("mine", "theirs"), [
    (one("100", "Ada"), there("0100", "Bob")), (one("AB1", "Ada"), there("ab1", "Bob")),
    (one("A 1", "Ada"), there("A1", "Bob")), (one("17", "O'Brien, Inc."), there("99", "OBrien Inc")),
])  # fmt: skip
def test_what_looks_alike_is_held_once_with_both_records(mine: CodeRecord, theirs: CodeRecord) -> None:
    theirs = replace(theirs, from_here=False)
    found = align([mine], [theirs], BACK)
    hold = found.in_target[mine.code].hold
    assert hold and mine.name in hold.detail and theirs.name in hold.detail and theirs.code in hold.detail
    assert not found.in_source
    apart = align([mine], [theirs], replace(BACK, apart=(theirs.code,)))
    assert apart.in_target[mine.code].hold is None
    assert apart.in_source[theirs.code].hold is None


def test_a_code_that_was_typed_in_the_target_comes_near_any_code_of_the_source() -> None:
    found = align([one("0100", "Ada")], [there("0100", "Ada"), there("100", "Bob", from_here=False)], BACK)
    assert found.in_target["0100"].in_step
    hold = found.in_source["100"].hold
    assert hold and "0100" in hold.detail


def test_two_codes_of_the_source_are_two() -> None:
    found = align([one("0100", "Ada"), one("100", "Bob")], [there("0100", "Ada")], BACK)
    assert found.in_target["100"].hold is None


def test_one_that_came_from_the_source_and_is_gone_there_is_named_and_left_alone() -> None:
    found = align([], [there("1")], BACK)
    assert not found.in_source and "retire it there first" in to_do(found)["1"]


def test_one_that_was_made_in_the_target_is_made_in_the_source_where_that_is_wanted() -> None:
    mine = there("1", from_here=False)
    assert align([], [mine], BACK).in_source["1"].hold is None
    left = align([], [mine], Owners())
    assert not left.in_source and "create_in_source" in to_do(left)["1"]
    assert align([], [replace(mine, is_active=False)], BACK).differences == []


def test_a_record_without_our_mark_gets_it_although_it_is_named_alike() -> None:
    found = align([one("1")], [there("1", from_here=False)], Owners())
    assert not found.in_target["1"].in_step and found.in_source["1"].in_step


def test_the_same_code_twice_is_held_with_both_ids() -> None:
    pair = [there("1", target_id="a"), there("1", target_id="b")]
    hold = align([one("1")], pair, BACK).in_target["1"].hold
    assert hold and "(a)" in hold.detail and "(b)" in hold.detail


def test_a_name_that_its_owner_does_not_give_is_asked_for() -> None:
    blank = replace(there("1"), name="")
    hold = align([one("1", "Ada")], [blank], Owners(name="target")).in_source["1"].hold
    assert hold and "target has the say of the name" in hold.detail


def test_a_record_without_a_code_is_named() -> None:
    assert to_do(align([], [there("", "Nameless", from_here=False)], BACK)) == {
        "": "Give it its code, or make it inactive."
    }


codes = st.text("0aA1", min_size=1, max_size=3)
names = st.sampled_from(("Ada", "Bob", "Curie", "ada"))
records = st.lists(st.tuples(codes, names, st.booleans(), st.booleans()), max_size=6, unique_by=lambda row: row[0])


@given(records, records, st.sampled_from(("source", "target")), st.sampled_from(("source", "target")), st.booleans())
def test_once_everything_that_is_wanted_was_written_nothing_more_is_wanted(
    here: Sequence[tuple[str, str, bool, bool]], beyond: Sequence[tuple[str, str, bool, bool]], name: Side,
    active: Side, back: bool,
) -> None:  # fmt: skip
    """Whatever the lists are: one round settles what has an owner, and what is held stays as it is on both sides."""
    owners = Owners(name, active, back)
    mine = {code: one(code, called, state) for code, called, state, _ in here}
    theirs = {code: there(code, called, state, from_here=ours) for code, called, state, ours in beyond}
    first = align(mine.values(), theirs.values(), owners)
    for code, each in first.in_source.items():
        if each.hold is None:
            mine[code] = one(code, each.name, each.is_active)
    second = align(mine.values(), theirs.values(), owners)  # as the pass does: the source is read again first
    for code, each in second.in_target.items():
        if each.hold is None:
            theirs[code] = there(code, each.name, each.is_active)
    rest = align(mine.values(), theirs.values(), owners)
    for side in (rest.in_source, rest.in_target):
        assert all(each.hold or each.in_step for each in side.values())
    both = {code for code in mine.keys() & theirs.keys() if rest.in_target[code].hold is None}
    assert all((mine[code].name, mine[code].is_active) == (theirs[code].name, theirs[code].is_active) for code in both)


@given(codes)
def test_a_shape_is_the_same_however_it_is_written(code: str) -> None:
    assert shape(code) == shape(f"0{code.upper()} ") == shape(shape(code))
