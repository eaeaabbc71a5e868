"""Whatever a value holds, the query keeps the structure that the code gave it, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.servicenow import query as q
from st_pipelines_tests.servicenow.encoded import Term, parse

COLUMNS = q.Columns("sn_fin_supplier", ["name", "number", "state", "sys_updated_on", "sys_id"])
NAME, NUMBER, STATE = COLUMNS["name"], COLUMNS["number"], COLUMNS["state"]
PIECES = ["^", "^^", "^OR", "^NQ", "^ORDERBYname", "=", "@", ",", "name=", "javascript:", "\n", "IN", "O'Brien & Söhne",
          "STANCEOF", " ", "EQ", ">", "<", "!"]  # fmt: skip
NASTY = st.one_of(
    st.text(min_size=1, max_size=40), st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
)


def built(make: object) -> str | None:
    try:
        return make()  # type: ignore[operator, no-any-return]
    except q.UnfitValue:
        return None


@given(NASTY, NASTY, NASTY)
def test_conditions_come_back_as_they_were_made(first: str, second: str, third: str) -> None:
    base = built(lambda: q.all_of(q.equals(NAME, first), q.one_of(NUMBER, [second, third])))
    if base is None:
        return
    text = q.query(base, q.all_of(q.differs(STATE, "7")), q.all_of(q.is_empty(STATE)), order_by=[NUMBER, NAME])  # type: ignore[arg-type]
    parsed = parse(text)
    repeated = [[Term("name", "=", first)], [Term("number", "=", second), Term("number", "=", third)]]
    assert parsed.alternatives == [[*repeated, [Term("state", "!=", "7")]], [*repeated, [Term("state", "ISEMPTY", "")]]]
    assert parsed.order == ["number", "name"]


@given(NASTY)
@pytest.mark.parametrize(
    ("make", "operator"),
    [(q.above, ">"), (q.at_least, ">="), (q.below, "<"), (q.at_most, "<="), (q.starts_with, "STARTSWITH"),
     (q.equals, "="), (q.differs, "!=")],
)  # fmt: skip
def test_an_operator_stays_the_one_that_was_called(make: object, operator: str, value: str) -> None:
    text = built(lambda: q.query(q.all_of(make(NAME, value)), order_by=[NAME]))  # type: ignore[operator]
    if text is not None:
        parsed = parse(text)
        assert parsed.alternatives == [[[Term("name", operator, value)]]]
        assert parsed.order == ["name"]


@given(NASTY, NASTY)
def test_a_range_has_the_ends_that_were_given(low: str, high: str) -> None:
    text = built(lambda: q.query(q.all_of(q.between(NAME, low, high))))
    if text is not None:
        assert "@" not in low + high
        assert parse(text).alternatives == [[[Term("name", "BETWEEN", f"{low}@{high}")]]]


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x00", "a\u2028b", "\ud800", "javascript:gs.now()",
                                   " JavaScript :alert(1)", ""])  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_table_and_column(value: str) -> None:
    with pytest.raises(q.UnfitValue, match=r"sn_fin_supplier\.name"):
        q.equals(NAME, value)


def test_a_comma_is_a_letter() -> None:
    assert q.query(q.all_of(q.one_of(NAME, ["Smith, Ltd", "B"]))) == "name=Smith, Ltd^ORname=B"


def test_no_values_are_no_condition_and_refused() -> None:
    with pytest.raises(q.UnfitValue, match="would be left out"):
        q.one_of(NAME, [])


@pytest.mark.parametrize("name", ["", "Name", "name=1^", "a.b", "name ", "1name", "name^ORstate"])
def test_only_plain_names_are_columns(name: str) -> None:
    with pytest.raises(q.NotAColumn):
        q.Columns("t", [name])
    with pytest.raises(q.NotAColumn, match="not among the columns"):
        COLUMNS["erp_number"]


def test_the_order_stands_after_the_last_alternative() -> None:
    text = q.query((), q.all_of(q.equals(STATE, "1")), q.all_of(q.equals(STATE, "2")), order_by=[NAME])
    assert text == "state=1^NQstate=2^ORDERBYname"
    assert q.query((), order_by=[NAME]) == "ORDERBYname"
