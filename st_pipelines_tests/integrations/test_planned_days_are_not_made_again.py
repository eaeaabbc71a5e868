"""A day that was planned is compared with the ledger by its content hashes, and its documents are not made again; any
difference, in the day or in the ledger, is planned."""

from collections.abc import Iterator
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import text

from st_pipelines.database.engine import transaction
from st_pipelines.integrations import post_days
from st_pipelines.integrations.map_day import map_day
from st_pipelines.integrations.planned import LAYER, first_to_plan
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.posting.canonical import content_sha256
from st_pipelines_tests.integrations.company import MONTH, Company, started

KEYS = [day.isoformat() for day in MONTH]


@pytest.fixture
def company(posted_month: Path, tmp_path: Path) -> Iterator[Company]:
    with started(tmp_path / "home", copied_from=posted_month) as opened:
        opened.post(MONTH, ["invoices"])
        yield opened


def first(company: Company, flow: str = "invoices") -> int:
    with company.session() as session:
        return first_to_plan(session, session.road.flow(flow), KEYS)


def test_a_posted_month_is_planned_without_its_documents(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("documents were made again")

    monkeypatch.setattr(post_days, "stored_documents", never)
    assert first(company) == len(KEYS)
    assert company.post(MONTH, ["invoices"]).sent == 0


def test_what_the_ledger_no_longer_says_is_planned_with_all_days_after_it(company: Company) -> None:
    with company.session() as session:
        table = session.store.read_table("demo_qad", LAYER, "invoices", "2026-10")
        known = table.to_pylist()
        chosen = known[len(known) // 2]
        with transaction(session.engine) as connection:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'document_version'"
            for (name,) in connection.execute(text(triggers)).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(
                text("UPDATE document_version SET content_sha256 = :other WHERE doc_key = :key AND is_latest = 1"),
                {"other": "0" * 64, "key": chosen["doc_key"]},
            )
    days = [row["day"] for row in known if row["doc_key"] == chosen["doc_key"]]
    assert first(company) == KEYS.index(min(days))


def test_a_day_that_was_mapped_otherwise_is_planned(company: Company) -> None:
    with company.session() as session:
        store = session.store
        of = {key: store.manifest("demo_qad", "mapped", "invoices", key).tables for key in KEYS}
        key = next(key for key in KEYS[3:] if of[key]["invoices"].rows)
        tables = {name: store.read_table("demo_qad", "mapped", name, key) for name in of[key]}
        schemas = {name: table.schema for name, table in tables.items()}
        with store.table_writer("demo_qad", "mapped", "invoices", key, schemas) as writer:
            for name, table in tables.items():
                writer.write(name, table.slice(1) if name == "invoices" else table)
            writer.remember(pages=[])
    assert first(company) == KEYS.index(key)


def test_a_day_of_which_only_the_times_of_modification_moved_is_not_planned(company: Company) -> None:
    """What our own marks do to it."""
    with company.session() as session:
        store = session.store
        of = {key: store.manifest("demo_qad", "source", "invoices", key).tables for key in KEYS}
        key = next(key for key in KEYS[3:] if of[key]["invoices"].rows)
        before = store.manifest("demo_qad", "mapped", "invoices", key)
        tables = {name: store.read_table("demo_qad", "source", name, key) for name in of[key]}
        later = pc.add(tables["invoices"]["modified_at"], pa.scalar(1_000_000, pa.duration("us")))
        at = tables["invoices"].schema.get_field_index("modified_at")
        tables["invoices"] = tables["invoices"].set_column(at, tables["invoices"].schema.field(at), later)
        schemas = {name: table.schema for name, table in tables.items()}
        with store.table_writer("demo_qad", "source", "invoices", key, schemas) as writer:
            for name, table in tables.items():
                writer.write(name, table)
            writer.remember(pages=[])
        map_day(session, session.road.flow("invoices"), date.fromisoformat(key))
        assert store.manifest("demo_qad", "mapped", "invoices", key).digest != before.digest
        moved = {one.modified_on for one in stored_documents(session, session.road.flow("invoices"), [key])}
        assert {one.replace(tzinfo=UTC) for one in later.to_pylist()} == moved
    assert first(company) == len(KEYS)


def test_the_hashes_are_those_of_the_ledger(company: Company) -> None:
    with company.session() as session:
        known = session.store.read_table("demo_qad", LAYER, "invoices", "2026-10").to_pylist()
        made = {one.doc_key: content_sha256(one)
                for one in stored_documents(session, session.road.flow("invoices"), KEYS)}  # fmt: skip
    assert {row["doc_key"] for row in known} == made.keys()
    latest = dict(company.rows("SELECT doc_key, content_sha256 FROM document_version WHERE is_latest = 1"))
    assert all(latest[key] == sha256 for key, sha256 in made.items())
