"""When an armed fault fires: matcher, count, every, probability, seed; and what cannot be armed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.sandbox.faults import WIRE_ACTIONS, BadFault, Fault, FaultBoard, Match


def fires(fault: Fault, requests: int, body: bytes = b"") -> list[bool]:
    board = FaultBoard({})
    board.arm(fault)
    return [bool(board.due("POST", "/a/b", "x=1", body)) for _ in range(requests)]


def test_a_fault_fires_once_unless_told_otherwise() -> None:
    assert fires(Fault("throttle"), 4) == [True, False, False, False]
    assert fires(Fault("throttle", count=2), 4) == [True, True, False, False]
    assert fires(Fault("throttle", count=None), 4) == [True] * 4


def test_every_third_request_counts_matching_requests_only() -> None:
    board = FaultBoard({})
    board.arm(Fault("throttle", Match(method="post"), every=3, count=None))
    assert [bool(board.due(m, "/", "", b"")) for m in ("POST", "GET", "POST", "GET", "POST", "POST")] == [
        False, False, False, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (Match(), True),
        (Match(method="post", path=r"/b$", query=r"x=\d", body="hel+o"), True),
        (Match(method="GET"), False),
        (Match(path="^/b"), False),
        (Match(query="y="), False),
        (Match(body="HELLO"), False),
    ],
)
def test_all_parts_of_a_matcher_must_match(match: Match, hit: bool) -> None:
    assert fires(Fault("throttle", match), 1, b'{"v": "hello"}') == [hit]


@given(st.integers(0, 2**32), st.floats(0.1, 0.9))
def test_the_seed_decides_chance(seed: int, probability: float) -> None:
    fault = Fault("throttle", probability=probability, seed=seed, count=None)
    assert fires(fault, 50) == fires(fault, 50)


def test_five_percent_is_about_five_percent() -> None:
    assert 30 <= sum(fires(Fault("throttle", probability=0.05, seed=1, count=None), 1000)) <= 70


def test_the_first_deciding_fault_wins_and_the_other_keeps_its_count() -> None:
    board = FaultBoard({"odd": ""})
    for action in ("delay", "odd", "throttle", "truncate"):
        board.arm(Fault(action))
    assert [fault.action for fault in board.due("GET", "/", "", b"")] == ["delay", "odd", "throttle"]
    assert [fault.action for fault in board.due("GET", "/", "", b"")] == ["truncate"]
    assert board.due("GET", "/", "", b"") == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("explode"),
        Fault("status"),
        Fault("throttle", Match(path="(")),
        Fault("throttle", every=0),
        Fault("throttle", count=0),
        Fault("throttle", probability=1.5),
        Fault("delay", seconds=-1),
    ],
)
def test_what_makes_no_sense_is_refused(fault: Fault) -> None:
    with pytest.raises(BadFault):
        FaultBoard({}).arm(fault)


def test_every_wire_action_is_described() -> None:
    assert all(meaning for meaning in FaultBoard({}).actions.values())
    assert {"status", "delay", "drop_before", "apply_then_drop", "apply_late", "truncate", "garble", "throttle", "html",
            "byte_by_byte"} <= set(WIRE_ACTIONS)  # fmt: skip
