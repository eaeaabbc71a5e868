"""A reader sees the last complete writing of a partition, all its tables together, whatever happens to a writer."""

import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

from st_pipelines.store.files import NotStored, Store
from st_pipelines.store.stream import ROW_GROUP, ROW_GROUPS_PER_FILE
from st_pipelines.store.writer import TableWriter

PARENT = pa.schema([("id", pa.int64()), ("total", pa.decimal128(23, 8))])
CHILD = pa.schema([("parent_id", pa.int64()), ("text", pa.string())])


def _rows(schema: pa.Schema, *rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema)


def _writer(store: Store, key: str = "2026-10-01") -> TableWriter:
    return store.table_writer("demo", "source", "invoices", key, {"invoices": PARENT, "invoice_items": CHILD})


@pytest.fixture(params=["disk", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data") if request.param == "disk" else f"memory://{tmp_path.name}{id(request)}")


def test_tables_of_a_partition_appear_together_and_are_read_by_their_own_names(store: Store) -> None:
    with _writer(store) as writer:
        writer.write("invoices", _rows(PARENT, {"id": 1, "total": None}))
        writer.write("invoice_items", _rows(CHILD, {"parent_id": 1, "text": "é"}))
        assert not store.has_table("demo", "source", "invoices", "2026-10-01")
    assert store.read_table("demo", "source", "invoices", "2026-10-01")["id"].to_pylist() == [1]
    assert store.read_table("demo", "source", "invoice_items", "2026-10-01")["text"].to_pylist() == ["é"]
    assert store.partitions("demo", "source", "invoice_items") == ["2026-10-01"]


def test_a_writer_that_fails_leaves_the_partition_as_it_was(store: Store) -> None:
    with _writer(store) as writer:
        writer.write("invoices", _rows(PARENT, {"id": 1, "total": None}))
    with pytest.raises(RuntimeError, match="the page moved"), _writer(store) as writer:
        writer.write("invoices", pa.concat_tables([_rows(PARENT, {"id": 2, "total": None})] * (ROW_GROUP + 1)))
        raise RuntimeError("the page moved")
    assert store.read_table("demo", "source", "invoices", "2026-10-01")["id"].to_pylist() == [1]


def test_a_process_killed_while_writing_leaves_the_partition_as_it_was(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with _writer(store) as writer:
        writer.write("invoices", _rows(PARENT, {"id": 1, "total": None}))
    program = f"""
import os, signal, pyarrow as pa
from st_pipelines.store.files import Store
from {__name__} import _writer, _rows, PARENT
with _writer(Store({str(tmp_path / "data")!r})) as writer:
    writer.write("invoices", pa.concat_tables([_rows(PARENT, {{"id": 2, "total": None}})] * 20000))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert store.read_table("demo", "source", "invoices", "2026-10-01")["id"].to_pylist() == [1]


def test_the_same_rows_give_the_same_digest_however_they_arrive(store: Store) -> None:
    rows = pa.table({"id": range(3 * ROW_GROUP + 5), "total": [None] * (3 * ROW_GROUP + 5)}, schema=PARENT)
    digests = set()
    for step in (7, 1000, 20000):
        with _writer(store) as writer:
            for start in range(0, rows.num_rows, step):
                writer.write("invoices", rows.slice(start, step))
        digests.add(writer.digest)
        assert store.read_table("demo", "source", "invoices", "2026-10-01").equals(rows)
    assert len(digests) == 1


def test_a_long_table_lies_in_several_files_and_is_read_as_one(tmp_path: Path) -> None:
    store, rows = Store(str(tmp_path)), 2 * ROW_GROUP * ROW_GROUPS_PER_FILE + 17
    table = pa.table({"id": range(rows), "total": [None] * rows}, schema=PARENT)
    store.write_table("demo", "source", "invoices", "2026-10-01", table)
    assert len(list((tmp_path / "demo/source/invoices/2026-10-01").glob("*.parquet"))) == 3
    assert store.read_table("demo", "source", "invoices", "2026-10-01").equals(table)
    with pytest.raises(RuntimeError, match="moved"), _writer(store) as writer:
        writer.write("invoices", table)
        raise RuntimeError("moved")
    store.write_table("demo", "source", "invoices", "2026-10-01", table.slice(0, 5))
    assert len(list((tmp_path / "demo/source/invoices/2026-10-01").iterdir())) == 2, "files were left behind"


def test_an_empty_day_keeps_its_columns_and_costs_one_file(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with _writer(store):
        pass
    assert store.read_table("demo", "source", "invoices", "2026-10-01").schema == PARENT
    assert store.read_table("demo", "source", "invoice_items", "2026-10-01", ["text"]).column_names == ["text"]
    assert [p.name for p in (tmp_path / "demo/source/invoices/2026-10-01").iterdir()] == ["manifest.json"]


def test_many_partitions_read_as_one_and_a_missing_one_is_named(store: Store) -> None:
    for day in (3, 1, 2):
        store.write_table("demo", "mapped", "bills", f"2026-10-0{day}", pa.table({"day": [day]}))
    assert store.read_partitions("demo", "mapped", "bills")["day"].to_pylist() == [1, 2, 3]
    assert store.read_partitions("demo", "mapped", "bills", ["2026-10-02"])["day"].to_pylist() == [2]
    with pytest.raises(NotStored, match="demo/mapped/bills/2026-10-09"):
        store.read_partitions("demo", "mapped", "bills", ["2026-10-01", "2026-10-09"])


def test_replacing_a_partition_leaves_no_old_files_behind(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for number in range(3):
        store.write_table("demo", "mapped", "bills", "2026-10", pa.table({"n": [number]}))
    files = [p.name for p in (tmp_path / "demo/mapped/bills/2026-10").iterdir()]
    assert len(files) == 2, files


def test_a_reader_beside_a_writer_always_gets_one_of_the_two_versions(tmp_path: Path) -> None:
    import threading

    store, seen = Store(str(tmp_path)), set()
    store.write_table("demo", "mapped", "bills", "current", pa.table({"n": [0]}))
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(store.read_table("demo", "mapped", "bills", "current")["n"][0].as_py())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(60):
        store.write_table("demo", "mapped", "bills", "current", pa.table({"n": [number]}))
    done.set()
    for reader in readers:
        reader.join()
    assert seen <= set(range(60))
    assert len(seen) > 1


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    store.write_page("demo", "invoices", "2026-10-01", b"{}")
    store.write_table("demo", "mapped", "bills", "current", pa.table({"n": [0]}))
    modes = {p.is_dir(): set() for p in (tmp_path / "data").rglob("*")}
    for path in (tmp_path / "data").rglob("*"):
        modes[path.is_dir()].add(stat.S_IMODE(path.stat().st_mode))
    assert modes == {True: {0o700}, False: {0o600}}


def test_a_file_url_is_the_same_disk(tmp_path: Path) -> None:
    Store(UPath(tmp_path).as_uri()).write_table("demo", "mapped", "bills", "current", pa.table({"n": [4]}))
    assert Store(str(tmp_path)).read_table("demo", "mapped", "bills", "current")["n"].to_pylist() == [4]


def test_a_removed_partition_is_gone_with_its_children_and_pages_and_the_others_stay(store: Store) -> None:
    for key in ("2026-10-01", "2026-10-02_e1791234567890123"):
        page = store.write_page("demo", "invoices", key, b"{}")
        with _writer(store, key) as writer:
            writer.write("invoices", _rows(PARENT, {"id": 1, "total": None}))
            writer.write("invoice_items", _rows(CHILD, {"parent_id": 1, "text": "é"}))
            writer.remember(pages=[page])
    for _ in range(2):  # also where it is gone already
        store.remove("demo", "source", "invoices", "2026-10-02_e1791234567890123")
    assert store.partitions("demo", "source", "invoices") == ["2026-10-01"]
    assert store.partitions("demo", "source", "invoice_items") == ["2026-10-01"]
    assert not list(store.pages("demo", "invoices", "2026-10-02_e1791234567890123"))
    with pytest.raises(NotStored):
        store.read_table("demo", "source", "invoice_items", "2026-10-02_e1791234567890123")
    assert store.read_table("demo", "source", "invoices", "2026-10-01").num_rows == 1
