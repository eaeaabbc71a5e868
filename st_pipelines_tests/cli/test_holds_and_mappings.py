"""Decisions about held documents carry a name and a reason; broken mapping tables are named by file and line."""

import shutil
from pathlib import Path

import msgspec
import pytest

from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.documents.mapped import Hold
from st_pipelines.posting.plan import RunContext, RunLimits, plan_documents
from st_pipelines_tests.cli.command import CommandLine, command_line
from st_pipelines_tests.conftest import REPOSITORY
from st_pipelines_tests.reconciliation.books import document

BY = ("--by", "A. Controller", "--reason", "checked")


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    """Two documents above the run limit, one held by the mapping."""
    ready = command_line(tmp_path)
    shutil.copytree(REPOSITORY / "mappings" / "demo_qad", tmp_path / "mappings" / "demo_qad")
    engine = open_database(f"sqlite:///{tmp_path / 'live' / 'ledger.db'}")
    upgrade(engine)
    held = document(3, 300, disposition="held", hold=Hold("gl_account.no_row", "101/X", "no row", "Add a row."))
    documents = [document(1, 100), msgspec.structs.replace(document(2, -200), label="\x1b[31mred"), held]
    plan_documents(engine, RunContext("demo_qad", "r1", "test"), documents, target="qad", change=lambda *_: "update",
                   limits=RunLimits(documents=1))  # fmt: skip
    engine.dispose()
    return ready


def test_list_says_what_is_held_and_what_to_do(run: CommandLine) -> None:
    listed = run.here("holds", "list", "--json")
    assert listed.code == 1
    assert [(h["document"], h["amount"], h["releasable"]) for h in listed.json] == [
        ("ST:1:invoice:3", "3.00", False), ("ST:1:invoice:2", "-2.00", True), ("ST:1:invoice:1", "1.00", True),
    ]  # fmt: skip
    only = run.here("holds", "list", "--code", "gl_account.no_row", "--json")
    assert [h["code"] for h in only.json] == ["gl_account.no_row"]
    screen = run.here("holds", "list")
    assert "\x1b" not in screen.out and "fix the mapping" in screen.out


def test_nothing_held_is_clean(run: CommandLine) -> None:
    ran = run.here("holds", "list", "--code", "no.such.code")
    assert (ran.code, ran.out.strip()) == (0, "Nothing is held.")


def test_unknown_integration_names_the_known_ones(run: CommandLine) -> None:
    ran = run.here("status", "--integration", "nowhere", "--json")
    assert ran.code == 2 and "'nowhere'; there are: demo_qad" in ran.json["error"]


def test_release_needs_name_and_reason_and_goes_into_the_trail(run: CommandLine) -> None:
    assert run.here("holds", "release", "ST:1:invoice:1", "--by", "A").code == 2
    assert run.here("holds", "release", "ST:1:invoice:1", "--by", " ", "--reason", "x", "--json").code == 2
    released = run.here("holds", "release", "ST:1:invoice:1", *BY, "--json")
    assert released.code == 0 and len(released.json["released"]) == 1
    (life,) = run.here("documents", "show", "ST:1:invoice:1", "--json").json
    assert life["postings"][0]["state"] == "planned"
    assert any(event["content"].get("by") == "A. Controller" for event in life["events"])
    assert run.here("audit", "verify", "--json").code == 0


def test_what_the_mapping_holds_cannot_be_released(run: CommandLine) -> None:
    ran = run.here("holds", "release", "ST:1:invoice:3", *BY, "--json")
    assert ran.code == 2 and "fix the mapping" in ran.json["error"]


def test_mistyped_key_decides_nothing(run: CommandLine) -> None:
    ran = run.here("holds", "dismiss", "ST:1:invoice:1", "ST:1:invoice:99", *BY, "--json")
    assert ran.code == 2 and "ST:1:invoice:99" in ran.json["error"]
    assert len(run.here("holds", "list", "--json").json) == 3


def test_dismissed_and_adopted_leave_the_list(run: CommandLine) -> None:
    assert run.here("holds", "dismiss", "ST:1:invoice:1", *BY, "--json").code == 0
    adopted = run.here("holds", "adopt", "ST:1:invoice:2", *BY, "--target-id", "V1", "--number", "INV 7", "--json")
    assert adopted.code == 0
    assert [h["document"] for h in run.here("holds", "list", "--json").json] == ["ST:1:invoice:3"]
    status = run.here("status", "--json")
    assert status.code == 1
    assert {(d["state"], d["amount"]) for d in status.json["documents"]} == {
        ("held", "3.00"), ("posted", "-2.00"), ("rejected", "1.00"),
    }  # fmt: skip


def test_replay_of_what_was_not_rejected_says_so(run: CommandLine) -> None:
    ran = run.here("replay", "ST:1:invoice:1", *BY, "--json")
    assert ran.code == 1 and ran.json["documents"][0]["said"] == "held; see st-pipelines holds list"
    unknown = run.here("replay", "ST:1:invoice:1", "ST:1:invoice:99", "999", *BY, "--json")
    assert unknown.code == 2 and "no posting of 999, ST:1:invoice:99; nothing was changed" in unknown.json["error"]
    assert run.here("replay", *BY).code == 2


def test_mapping_tables_in_order(run: CommandLine) -> None:
    checked = run.here("mappings", "check", "--json")
    assert checked.code == 0 and checked.json["ok"] is True and checked.json["rows"]["business_units.csv"] > 0


def test_broken_mapping_table_is_named_with_line_and_column(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "mappings" / "demo_qad" / "business_units.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1], "=cmd"]) + "\n")
    checked = run.here("mappings", "check", "--json")
    assert checked.code == 2 and checked.json["ok"] is False
    assert all("business_units.csv:" in fault for fault in checked.json["faults"]) and checked.json["faults"]
    assert run.here("integrations", "check", "--json").code == 2


def test_coverage_before_reference_data_was_read_says_what_to_do(run: CommandLine) -> None:
    ran = run.here("mappings", "coverage", "--json")
    assert ran.code == 3 and "never read" in ran.json["error"]
