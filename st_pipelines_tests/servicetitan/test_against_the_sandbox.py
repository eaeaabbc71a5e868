"""The client against the house's own ServiceTitan sandbox: a month lands whole, by lists and by feed."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.sandbox.server import running_sandbox
from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan import documents
from st_pipelines.systems.servicetitan.client import connect
from st_pipelines.systems.servicetitan.entities import DAILY, REFERENCE
from st_pipelines.systems.servicetitan.extract import extract_day, extract_reference
from st_pipelines.systems.servicetitan.named import named_ids
from st_pipelines.systems.servicetitan.pages import SourceKeepsMoving
from st_pipelines.systems.servicetitan.ping import NEEDED, ping
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.writeback import Mark, mark_exported
from st_pipelines_tests.servicetitan.test_documents_from_records import Options

TENANT, ZONE = "1234567", ZoneInfo("America/Chicago")
SECRETS = {"app_key": "ak1", "client_id": "cid", "client_secret": "cs"}
DAYS = [datetime(2026, 10, 1, tzinfo=ZONE) + timedelta(days=n) for n in range(31)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), systems=["servicetitan"], size="small") as running:
        yield running["servicetitan"]


@pytest.fixture
def client(address: str, shared: tuple[Engine, Keyring]) -> Iterator[ServiceTitan]:
    httpx.post(f"{address}/_sandbox/reset").raise_for_status()
    httpx.post(f"{address}/_sandbox/settings", json={"rate_per_s": 0}).raise_for_status()
    secrets = {name: Secret(f"{start}.sandbox") for name, start in SECRETS.items()}
    settings = {"tenant": TENANT, "base_url": address, "auth_url": address, "rate_per_s": 2000, "page_size": 20}
    made = connect(Connection(f"sb_{uuid4().hex[:8]}", "servicetitan", settings, secrets), *shared)
    yield made
    made.close()


def _state(address: str, entity: str) -> list[dict[str, Any]]:
    found = httpx.get(f"{address}/_sandbox/state", params={"entity": entity}).raise_for_status().json()
    records: list[dict[str, Any]] = found["records"] if isinstance(found, dict) else found
    return records


def _land(client: ServiceTitan, store: Store, key: str, start: datetime, end: datetime) -> Mapping[str, pa.Table]:
    landed: dict[str, pa.Table] = {}
    for name, about in DAILY.items():
        got = extract_day(client, store, "demo", name, key, start, end, referenced_ids=named_ids(name, landed))
        assert (got.unreadable, got.missing) == (0, ())
        landed |= {table: store.read_table("demo", "source", table, key) for table in about.tables}
    return landed


def test_ping_finds_everything_in_order(client: ServiceTitan) -> None:
    assert ping(client, tuple(NEEDED)) == []


def test_a_month_lands_every_document_in_its_latest_state(client: ServiceTitan, address: str, tmp_path: Path) -> None:
    store, end = Store(str(tmp_path)), DAYS[-1] + timedelta(days=1)
    for name in REFERENCE:
        assert extract_reference(client, store, "demo", name).records > 0
    reference = {name: store.read_table("demo", "reference", f"source_{name}", "current") for name in REFERENCE}
    tables = {**reference, **_land(client, store, "2026-10", DAYS[0], end)}
    builders = {"invoices": documents.invoices, "payments": documents.payments, "bills": documents.bills}
    for name, build in builders.items():
        frame, _ = build(tables, TENANT, Options())
        assert set(frame["unreadable"].to_pylist()) == {""}
        landed = {row["source_id"]: row["is_active"] for row in frame.to_pylist()}
        there = {str(one["id"]): one["active"] for one in _state(address, name) if _within(one, DAYS[0], end)}
        assert there.items() <= landed.items()
        assert not all(landed.values()), f"the sandbox holds no cancelled {name}"
    customers = documents.customers(tables, TENANT)
    assert set(customers["unreadable"].to_pylist()) == {""}
    assert set(customers["doc_key"].to_pylist()) >= _keys(tables, "invoices") | _keys(tables, "payments")
    assert documents.vendors(tables, TENANT).num_rows > 0
    assert documents.facts(tables, TENANT).num_rows > 0


def test_the_days_together_hold_what_the_whole_holds(client: ServiceTitan, tmp_path: Path) -> None:
    store, middle = Store(str(tmp_path)), DAYS[10:16]
    for name in ("invoices", "payments", "bills"):
        extract_day(client, store, "demo", name, "2026-10", middle[0], middle[-1])
        for day in middle[:-1]:
            extract_day(client, store, "demo", name, day.date().isoformat(), day, day + timedelta(days=1))
        keys = [day.date().isoformat() for day in middle[:-1]]
        whole = set(store.read_table("demo", "source", name, "2026-10")["id"].to_pylist())
        assert set(store.read_partitions("demo", "source", name, keys)["id"].to_pylist()) == whole
        assert whole


def test_landing_a_day_twice_changes_nothing(client: ServiceTitan, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for name in DAILY:
        digests = {extract_day(client, store, "demo", name, "2026-10-15", DAYS[14], DAYS[15]).digest for _ in range(2)}
        assert len(digests) == 1


def test_a_row_that_slips_between_two_pages_unseen_is_noticed(
    client: ServiceTitan, address: str, tmp_path: Path
) -> None:
    httpx.post(f"{address}/_sandbox/settings", json={"drift": "omit"}).raise_for_status()
    store = Store(str(tmp_path))
    with pytest.raises(SourceKeepsMoving):
        extract_day(client, store, "demo", "invoices", "2026-10-01", DAYS[0], DAYS[30])
    assert not store.has_table("demo", "source", "invoices", "2026-10-01")


def test_a_row_that_comes_on_two_pages_lands_once(client: ServiceTitan, address: str, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    httpx.post(f"{address}/_sandbox/settings", json={"drift": ""}).raise_for_status()
    calm = extract_day(client, store, "demo", "invoices", "2026-10-01", DAYS[0], DAYS[30])
    httpx.post(f"{address}/_sandbox/settings", json={"drift": "duplicate"}).raise_for_status()
    moved = extract_day(client, store, "demo", "invoices", "2026-10-01", DAYS[0], DAYS[30])
    assert moved.pages >= calm.pages
    assert (moved.records, moved.digest) == (calm.records, calm.digest)


def test_faults_on_the_way_do_not_change_what_lands(client: ServiceTitan, address: str, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    calm = extract_day(client, store, "demo", "invoices", "2026-10-01", DAYS[0], DAYS[30])
    for action in ("truncate", "garble", "expire_token"):
        fault = {"match": {"method": "GET", "path": ".*/invoices"}, "action": action, "every": 4, "count": 2}
        httpx.post(f"{address}/_sandbox/faults", json=fault).raise_for_status()
        assert extract_day(client, store, "demo", "invoices", "2026-10-01", DAYS[0], DAYS[30]).digest == calm.digest
        httpx.delete(f"{address}/_sandbox/faults").raise_for_status()


def test_documents_are_marked_as_exported(client: ServiceTitan, address: str) -> None:
    for entity in ("invoices", "bills"):
        posted = [one["id"] for one in _state(address, entity) if one["active"] and one["syncStatus"] == "Posted"][:3]
        marks = [Mark(one, f"INV-{one}") for one in posted]
        assert [one.state for one in mark_exported(client, entity, marks)] == ["exported"] * len(posted)
        assert [one.state for one in mark_exported(client, entity, marks)] == ["already_exported"] * len(posted)


def _keys(tables: Mapping[str, pa.Table], name: str) -> set[str]:
    return {f"ST:{TENANT}:customer:{one}" for one in tables[name]["customer_id"].to_pylist() if one is not None}


def _within(record: dict[str, Any], first: datetime, last: datetime) -> bool:
    return first <= datetime.fromisoformat(record["modifiedOn"]) < last
