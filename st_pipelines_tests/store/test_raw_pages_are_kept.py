"""Raw pages come back byte for byte, in the order of the reading, also of a reading that never finished."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.store.files import Store
from st_pipelines.store.pages import DamagedPage

SCHEMAS = {"invoices": pa.schema([("id", pa.int64())])}


@settings(deadline=None)
@given(content=st.binary(max_size=4000))
def test_any_page_comes_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = Store(str(tmp_path_factory.getbasetemp() / "any"))
    sha = store.write_page("demo", "invoices", "2026-10-01", content)
    assert store.page("demo", "invoices", "2026-10-01", sha) == content


def test_pages_come_in_the_order_of_the_last_complete_reading(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    shas = [store.write_page("demo", "invoices", "2026-10-01", f"page {n}".encode()) for n in range(5)]
    assert sorted(store.pages("demo", "invoices", "2026-10-01")) == [f"page {n}".encode() for n in range(5)]
    with store.table_writer("demo", "source", "invoices", "2026-10-01", SCHEMAS) as writer:
        writer.remember(pages=[shas[3], shas[1]], window_start="2026-10-01T00:00:00Z")
    assert list(store.pages("demo", "invoices", "2026-10-01")) == [b"page 3", b"page 1"]
    facts = store.manifest("demo", "source", "invoices", "2026-10-01").facts
    assert facts == {"window_start": "2026-10-01T00:00:00Z"}


def test_the_same_page_is_kept_once(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert len({store.write_page("demo", "invoices", "2026-10-01", b"same") for _ in range(3)}) == 1
    assert len(list((tmp_path / "demo/raw/invoices/2026-10-01").iterdir())) == 1


def test_a_damaged_page_is_noticed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha = store.write_page("demo", "invoices", "2026-10-01", b"x" * 1000)
    file = next((tmp_path / "demo/raw/invoices/2026-10-01").iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(DamagedPage, match=sha):
        store.page("demo", "invoices", "2026-10-01", sha)
