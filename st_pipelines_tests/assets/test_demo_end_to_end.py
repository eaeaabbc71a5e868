"""What the README promises of ``make demo``: a month through Dagster, proved; a second run posts nothing; webhooks end
the same."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from st_pipelines.sandbox.server import running_sandbox

REPOSITORY = Path(__file__).resolve().parents[2]


def demo(home: Path, *options: str) -> tuple[int, dict[str, Any]]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ST_PIPELINES_", "DAGSTER_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", "from st_pipelines.cli.app import main; main()",
         "demo", "--size", "small", "--home", str(home), "--json", *options],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(home: Path) -> tuple[int, dict[str, Any]]:
    return demo(home)


@pytest.fixture
def instance(home: Path, first: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with dg.DagsterInstance.get() as opened:
        yield opened


def test_everything_eligible_is_posted_and_the_variance_is_zero(first: tuple[int, dict[str, Any]]) -> None:
    code, shown = first
    assert code == 0, shown
    assert shown["variance"] == {"USD": "0.00"}
    assert shown["sent"] > 150
    assert shown["audit"]["ok"]
    assert shown["told"]["marked"] > 50 and sum(shown["told"].values()) == shown["told"]["marked"]
    assert not shown["open"]
    assert {row["state"] for row in shown["flows"]} <= {"posted", "not_eligible", "nothing_to_post", "void", "voided"}
    assert Path(shown["report"]).read_text().startswith("<!")


def test_every_day_of_every_layer_is_materialized(instance: dg.DagsterInstance) -> None:
    for layer, flow in (
        ("source", "invoices"),
        ("mapped", "invoices"),
        ("posted", "payments"),
        ("reconciled", "bills"),
        ("written_back", "invoices"),
    ):
        days = instance.get_materialized_partitions(dg.AssetKey(["demo_qad", layer, flow]))
        assert {f"2026-10-{day:02}" for day in range(1, 32)} == days, (layer, flow)


def test_a_day_shows_its_counts_and_control_totals(instance: dg.DagsterInstance) -> None:
    records = instance.fetch_materializations(dg.AssetKey(["demo_qad", "posted", "invoices"]), limit=31).records
    posted = 0
    for record in records:
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        posted += int(metadata["posted"].value) if "posted" in metadata else 0  # type: ignore[arg-type]
        assert "control_totals" in metadata
        assert "posted_total" in metadata
    assert posted > 40


def test_the_sandbox_holds_each_document_once(home: Path, first: tuple[int, dict[str, Any]]) -> None:
    with running_sandbox(home / "sandbox", size="small") as sandbox:
        state = f"{sandbox['qad']}/_sandbox/state"
        entities = [name for name in httpx.get(state).json()["entities"] if name != "gl_entries"]  # one per line
        seen = 0
        for entity in entities:
            rows = httpx.get(state, params={"entity": entity}).json()["records"]
            references = [row["customLong0"] for row in rows if row.get("customLong0")]
            assert len(references) == len(set(references)), entity
            seen += len(references)
        assert seen > 100


def test_a_second_run_posts_nothing_and_says_so(home: Path, first: tuple[int, dict[str, Any]]) -> None:
    code, shown = demo(home)
    assert code == 0
    assert shown["sent"] == 0
    assert shown["flows"] == first[1]["flows"]
    assert shown["told"] == first[1]["told"]
    assert shown["variance"] == {"USD": "0.00"}


@pytest.mark.parametrize("by", ["webhooks", "both"])
def test_told_by_webhooks_the_month_ends_in_the_same_ledger(
    home: Path, first: tuple[int, dict[str, Any]], tmp_path: Path, by: str
) -> None:
    code, shown = demo(tmp_path, "--by", by)
    assert (code, shown["variance"], shown["flows"]) == (0, {"USD": "0.00"}, first[1]["flows"])
    assert ledger(tmp_path) == ledger(home)


def ledger(home: Path) -> dict[str, tuple[Any, ...]]:
    """Of each document the newest version, and what was sent last. Not its body: QAD numbers parties in the order in
    which they come, and bodies name these numbers."""
    statement = """SELECT v.doc_key, v.content_sha256, v.disposition, v.amount_minor, p.op, p.state, p.external_ref,
        p.business_date FROM document_version v LEFT JOIN posting p ON p.posting_id = (SELECT max(q.posting_id)
        FROM posting q WHERE q.doc_key = v.doc_key AND q.state <> 'superseded') WHERE v.is_latest = 1"""
    with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True)) as opened:
        return {row[0]: row[1:] for row in opened.execute(statement)}
