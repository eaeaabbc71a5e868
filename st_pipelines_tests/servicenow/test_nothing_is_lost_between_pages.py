"""Ties, drift, rows that may not be read, late commits and missing rights: what stood in the window comes out."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.http.errors import Forbidden
from st_pipelines.systems.servicenow import query as q
from st_pipelines.systems.servicenow.answers import Untrusted
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.keyset import Place, Window, question
from st_pipelines.systems.servicenow.pages import SourceKeepsMoving
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.read import Reader
from st_pipelines_tests.servicenow.encoded import holds, parse
from st_pipelines_tests.servicenow.hostile import Hostile

TABLE = "sn_shop_receipt"
START = datetime(2026, 10, 1, tzinfo=UTC)
DAY = Window.between(START, START + timedelta(days=1))


def stamped(second: int) -> str:
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")


def row(number: int, second: int, **more: str) -> dict[str, str]:
    mixed = (number * 2654435761) % 2**32  # sys_ids are in no order
    return {"sys_id": f"{mixed:08x}{number:024x}", "sys_updated_on": stamped(second), "sys_mod_count": "0",
            "number": f"RCT{number}", "status": "1", **more}  # fmt: skip


@pytest.fixture
def rows(hostile: Hostile) -> list[dict[str, str]]:
    hostile.add_table(TABLE, ["number", "status"])
    return hostile.tables[TABLE]


def numbers(reader: Reader, window: Window = DAY, base: q.AllOf = ()) -> list[str]:
    return [one["number"] for page in reader.window(window, base) for one in page.rows]


def reader(client: ServiceNow) -> Reader:
    return Reader(Proof(client), TABLE, ("number",), ("status",))


def test_hundreds_of_equal_stamps_are_read_once_each(rows: list[Any], client: ServiceNow) -> None:
    rows += [row(number, 60 if number < 230 else 61) for number in range(300)]
    found = numbers(reader(client))
    assert sorted(found) == sorted(one["number"] for one in rows)
    assert len(found) == 300


def test_a_reading_goes_on_where_an_earlier_one_ended(rows: list[Any], client: ServiceNow) -> None:
    rows += [row(number, number // 9) for number in range(60)]
    pages = reader(client).window(DAY)
    first, second = next(pages), next(pages)
    rest = [one["number"] for page in reader(client).window(DAY, after=second.last) for one in page.rows]
    begun = [one["number"] for one in (*first.rows, *second.rows)]
    assert sorted(begun + rest) == sorted(one["number"] for one in rows)


def test_the_base_filter_holds_in_every_alternative(rows: list[Any], client: ServiceNow) -> None:
    rows += [row(number, 60, status=str(number % 2)) for number in range(60)]
    asking = reader(client)
    found = numbers(asking, base=q.all_of(q.equals(asking.columns["status"], "1")))
    assert sorted(found) == sorted(one["number"] for one in rows if one["status"] == "1")


def test_a_row_that_changes_meanwhile_pushes_no_other_out(
    rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [row(number, number) for number in range(100)]

    def touch(table: str) -> None:
        if table == TABLE:  # one of the rows already read moves out of the window: later ones slide down one place
            earliest = min(rows, key=lambda one: one["sys_updated_on"])
            earliest["sys_updated_on"] = stamped(90_000)

    hostile.before = touch
    found = numbers(reader(client))
    moved = {one["number"] for one in rows if one["sys_updated_on"] >= DAY.end}
    assert set(found) | moved == {one["number"] for one in rows}
    assert {one["number"] for one in rows} - moved <= set(found)


@pytest.mark.parametrize("readable", [lambda n: n % 7 == 0, lambda n: n >= 55, lambda n: n == 99, lambda n: n < 1])
def test_short_and_empty_pages_are_no_end(
    readable: Callable[[int], bool], rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [row(number, number // 3) for number in range(100)]
    hostile.hidden = lambda table, one: table == TABLE and not readable(int(one["number"][3:]))
    assert sorted(numbers(reader(client))) == sorted(f"RCT{n}" for n in range(100) if readable(n))


def test_hidden_rows_that_leave_hide_no_other(rows: list[Any], hostile: Hostile, client: ServiceNow) -> None:
    rows += [row(number, number) for number in range(40)]
    hostile.hidden = lambda table, one: table == TABLE and int(one["number"][3:]) < 31
    asked = [0]

    def leave(table: str) -> None:
        if table == TABLE:
            asked[0] += 1
            if asked[0] == 4:  # before the last page of the hidden stretch: what follows moves up over its edge
                for one in rows[:4]:
                    one["sys_updated_on"] = stamped(90_000)

    hostile.before = leave
    assert numbers(reader(client)) == [f"RCT{n}" for n in range(31, 40)]


def test_an_answer_that_breaks_off_is_asked_for_with_fewer_rows(
    rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    client.reading = type(client.reading)(page_rows=80, smallest_page=10)
    rows += [row(number, number) for number in range(200)]
    error = b',{"error":{"message":"Transaction cancelled: maximum execution time exceeded","detail":"quota"}}'

    def spoil(path: str, params: dict[str, str], body: bytes) -> bytes:
        too_many = path.endswith(TABLE) and int(params["sysparm_limit"]) > 20
        return body[: len(body) // 2] + error if too_many else body

    hostile.spoil = spoil
    assert numbers(reader(client)) == [f"RCT{n}" for n in range(200)]


@pytest.mark.parametrize("how", ["drop", "403"])
def test_without_query_range_on_sys_id_the_window_is_read_by_offsets(
    how: str, rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [row(number, number // 50) for number in range(120)]
    hostile.no_range, hostile.range_answer = {"sys_id"}, how
    asking = reader(client)
    assert sorted(set(numbers(asking))) == sorted(one["number"] for one in rows)
    before = len(hostile.asked(TABLE))
    assert len(numbers(asking)) == 120  # it is remembered, and costs no refusal again
    assert len(hostile.asked(TABLE)) - before == 13


def test_offsets_are_begun_again_when_rows_move_and_end_in_an_error(
    rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [row(number, number) for number in range(50)]
    hostile.no_range = {"sys_id"}
    moves = [3]

    def touch(table: str) -> None:
        if table == TABLE and len(hostile.asked(TABLE)) > 3 and moves[0]:
            moves[0] -= 1
            min(rows, key=lambda one: one["sys_updated_on"])["sys_updated_on"] = stamped(90_000)

    hostile.before = touch
    found = numbers(reader(client))
    assert {one["number"] for one in rows if one["sys_updated_on"] < DAY.end} <= set(found)
    moves[0] = 10_000
    rows += [row(number, number) for number in range(100, 400)]
    with pytest.raises(SourceKeepsMoving, match="moved during every reading"):
        numbers(reader(client))


def test_without_query_range_on_the_stamp_nothing_is_claimed(
    rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [row(number, 200_000 + number) for number in range(15)]
    hostile.no_range = {"sys_id", "sys_updated_on"}
    with pytest.raises(Untrusted, match="rows are not those asked for"):
        numbers(reader(client))
    hostile.range_answer = "403"
    with pytest.raises(Forbidden):
        numbers(reader(client))


def test_a_missing_count_or_key_is_an_error(rows: list[Any], hostile: Hostile, client: ServiceNow) -> None:
    rows += [row(number, number) for number in range(15)]
    hostile.counts = False
    with pytest.raises(Untrusted, match="X-Total-Count"):
        numbers(reader(client))
    hostile.counts, hostile.withheld = True, {"sys_updated_on"}
    with pytest.raises(Untrusted, match="without sys_updated_on or sys_id"):
        numbers(reader(client))


def test_a_poll_ends_before_the_instance_s_clock_and_begins_before_the_newest_stamp(
    rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    hostile.clock = START + timedelta(seconds=1000)  # far from ours: only theirs counts
    rows += [row(1, 100), row(2, 960), row(3, 985)]
    asking = reader(client)
    first = asking.changes(None)
    assert [one["number"] for page in first.pages() for one in page.rows] == ["RCT1", "RCT2"]
    assert first.newest == START + timedelta(seconds=960)
    rows.append(row(4, 950))  # committed late, behind the newest stamp
    hostile.clock = START + timedelta(seconds=2000)
    second = asking.changes(first.newest)
    list(second.pages())  # the clock is learned from its answers
    second = asking.changes(first.newest)
    assert [one["number"] for page in second.pages() for one in page.rows] == ["RCT4", "RCT2", "RCT3"]
    assert second.newest == START + timedelta(seconds=985)
    third = asking.changes(START + timedelta(seconds=1500))
    assert list(third.pages()) == []
    assert third.newest == START + timedelta(seconds=1500)


def test_a_poll_that_finds_nothing_costs_three_requests_also_in_a_new_process(
    rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    rows += [row(number, number) for number in range(30)]
    hostile.clock = START + timedelta(days=2)
    found = reader(client).changes(START + timedelta(days=1))
    assert list(found.pages()) == []
    assert len(hostile.requests) <= 3
    asking = Reader(Proof(client), TABLE, ("number",))
    before = len(hostile.requests)
    assert list(asking.changes(START + timedelta(days=1)).pages()) == []
    assert len(hostile.requests) - before == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=30, unique=True),
       st.tuples(st.integers(0, 4), st.integers(0, 30)))  # fmt: skip
def test_the_next_page_is_exactly_what_lies_above_the_place(keys: list[tuple[int, int]], at: tuple[int, int]) -> None:
    columns = q.Columns(TABLE, ["sys_updated_on", "sys_id"])
    place = Place(stamped(at[0]), f"{at[1]:032x}")
    parsed = parse(question(columns, (), Window(stamped(0), stamped(4)), place))
    for second, number in keys:
        held = {"sys_updated_on": stamped(second), "sys_id": f"{number:032x}"}
        passes = any(all(any(holds(one, held) for one in choice) for choice in each) for each in parsed.alternatives)
        above = place < Place(held["sys_updated_on"], held["sys_id"])
        inside = held["sys_updated_on"] < stamped(4) or held["sys_updated_on"] == place.stamp
        assert passes == (above and inside)
    assert parsed.order == ["sys_updated_on", "sys_id"]


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_ties_and_hidden_rows_comes_out_whole(
    seed: int, rows: list[Any], hostile: Hostile, client: ServiceNow
) -> None:
    chance = random.Random(seed)
    rows += [row(number, chance.randint(0, 8)) for number in range(chance.randint(0, 150))]
    hostile.hidden = lambda table, one: table == TABLE and (int(one["sys_id"], 16) * 7 + seed) % 3 != 0
    wanted = [one["number"] for one in rows if not hostile.hidden(TABLE, one)]
    found = numbers(reader(client))
    assert sorted(found) == sorted(wanted)
