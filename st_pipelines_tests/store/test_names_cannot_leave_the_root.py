"""No name of an entity, tenant or partition can become a path outside the store (reliability H7)."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.store import durable
from st_pipelines.store.files import Store
from st_pipelines.store.names import BadName

HOSTILE = ("..", ".", "", "a/b", "../x", "a\\b", "Ä", "a\0", "a" * 65, "A", "a-b", "2026-10-01\n", "/etc", "a b")


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_refused_in_every_place(tmp_path: Path, hostile: str, place: int) -> None:
    names = ["demo", "mapped", "bills", "current"]
    names[place] = hostile
    store = Store(str(tmp_path / "root"))
    with pytest.raises(BadName):
        store.write_table(*names, pa.table({"n": [1]}))
    with pytest.raises(BadName):
        store.read_table(*names)
    assert not (tmp_path / "root").exists()


@settings(deadline=None)
@given(key=st.text(max_size=12))
def test_only_dates_months_and_current_are_partitions(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    store = Store(str(tmp_path_factory.getbasetemp() / "names"))
    with pytest.raises(BadName):
        store.write_page("demo", "invoices", key, b"")


def test_a_planted_link_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = tmp_path / "planted"
    (tmp_path / "victim").write_text("safe")
    planted.symlink_to(tmp_path / "victim")
    monkeypatch.setattr(durable, "temporary_beside", lambda path: planted)
    store = Store(str(tmp_path / "root"))
    with pytest.raises(FileExistsError):
        store.write_page("demo", "invoices", "2026-10-01", b"stolen")
    assert (tmp_path / "victim").read_text() == "safe"
    assert os.path.lexists(tmp_path / "victim")
