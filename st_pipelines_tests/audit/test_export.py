"""The exported trail: complete, verifiable by itself, and no longer so when a byte changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from st_pipelines.audit.export import BrokenExport, check_export, export
from st_pipelines.audit.trail import Event, append_many
from st_pipelines.database.engine import transaction


@pytest.fixture
def lines(engine: Engine) -> list[bytes]:
    with transaction(engine) as connection:
        append_many(connection, [Event("event", f"ST:1:invoice:{n}", n, {"name": f"Zoë {n}"}) for n in range(20)])
    return list(export(engine, key=b"k" * 32))


def test_an_export_verifies_without_the_database(lines: list[bytes]) -> None:
    assert len(lines) == 21
    assert check_export(iter(lines)) == 20


def test_an_export_may_start_after_an_event(engine: Engine, lines: list[bytes]) -> None:
    assert check_export(export(engine, after=15)) == 5


def test_a_cut_export_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(BrokenExport, match="cut short"):
        check_export(iter(lines[:-1]))
    with pytest.raises(BrokenExport, match="head is not the last"):
        check_export(iter([*lines[:-2], lines[-1]]))


def test_a_missing_line_is_named(lines: list[bytes]) -> None:
    with pytest.raises(BrokenExport, match="line 6: does not continue"):
        check_export(iter([*lines[:5], *lines[6:]]))


def test_any_changed_digit_is_found(lines: list[bytes]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def changed(data: st.DataObject) -> None:
        at = data.draw(st.integers(0, 19))
        digits = [index for index, byte in enumerate(lines[at]) if chr(byte).isdigit()]
        where = data.draw(st.sampled_from(digits))
        digit = data.draw(st.sampled_from([d for d in b"123456789" if d != lines[at][where]]))
        line = lines[at][:where] + bytes([digit]) + lines[at][where + 1 :]
        with pytest.raises(BrokenExport):
            check_export(iter([*lines[:at], line, *lines[at + 1 :]]))

    changed()
