"""Whatever people do to codes on both sides, in whatever order: after a round both sides agree on what has an owner,
and the next round writes nothing. Against both sandboxes, with an oracle that knows owners only."""

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_pipelines_tests.procurement.buyer import Buyer, buyer
from st_pipelines_tests.procurement.codes import Held, aligned, in_qad, in_servicenow, keep, put, writes

EXAMPLE = count(61)  # each example has codes of its own, so that they are made in it too
NAMES = ("Ada", "Brunel Ltd", "Curie & Sons", "Łódź Depot", "O'Brien", "Zoë")
LIST = "cost_centers"  # made on either side; its name is ServiceNow's, whether it is in use QAD's


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buyer]:
    with buyer(tmp_path_factory.mktemp("rest")) as made:
        aligned(made, LIST)
        yield made


edits = st.tuples(
    st.sampled_from(("qad", "servicenow")), st.sampled_from(("01", "02", "03")),
    st.sampled_from(("rename", "retire", "revive")), st.sampled_from(NAMES),
)  # fmt: skip


def edit(company: Buyer, side: str, code: str, what: str, name: str) -> None:
    """A person makes the code if it is not there; names carry the code, so that no two codes are called alike."""
    change = {"rename": {"name": f"{name} {code}"}, "retire": {"active": False}, "revive": {"active": True}}[what]
    there = in_qad(company, LIST) if side == "qad" else in_servicenow(company, LIST)
    if code not in there:
        change = {"name": f"{name} {code}", **change}
    (keep if side == "qad" else put)(company, LIST, code, **change)


def agreed(here: Held, there: Held) -> Held:
    """What both should hold of the codes that both had before the round: the name of ServiceNow, the state of QAD."""
    return {code: (there[code][0], here[code][1]) for code in here.keys() & there.keys()}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(edits, max_size=4), min_size=1, max_size=2))
def test_after_a_round_both_sides_agree_and_the_next_one_writes_nothing(
    company: Buyer, rounds: list[list[tuple[str, str, str, str]]]
) -> None:
    prefix = next(EXAMPLE)
    for some in rounds:
        for side, code, what, name in some:
            edit(company, side, f"{prefix}{code}", what, name)
        here, there = in_qad(company, LIST), in_servicenow(company, LIST)
        done = aligned(company, LIST)[LIST]
        assert (done.held, done.stopped, done.differing) == (0, "", ())
        after, beyond = in_qad(company, LIST), in_servicenow(company, LIST)
        made_there = {code: held for code, held in there.items() if code not in here and held[1]}
        idle = {code for code, held in there.items() if code not in here and not held[1]}  # retired before it was known
        assert after == {**here, **agreed(here, there), **made_there}
        assert {code: held for code, held in beyond.items() if code not in idle} == after
    before = writes(company)
    again = aligned(company, LIST)[LIST]
    assert writes(company) == before and again.differences == []
