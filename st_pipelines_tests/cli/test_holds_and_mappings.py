"""Decisions about held documents carry a name and a reason; broken mapping tables are named by file and line."""

import shlex
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
    held = document(
        3,
        300,
        disposition="held",
        hold=Hold(
            "payment_type.no_row",
            "payment_type_id=77",
            "payment type 77 has no row in payment_types.csv",
            "Add a row to payment_types.csv with payment_type_id 77 and its name and bank_account.",
        ),
    )
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
    only = run.here("holds", "list", "--code", "payment_type.no_row", "--json")
    assert [h["code"] for h in only.json] == ["payment_type.no_row"]
    screen = run.here("holds", "list")
    assert "\x1b" not in screen.out and "1 invoice, 3.00 USD waits for one row in payment_types.csv" in screen.out


def test_each_cause_has_its_count_sum_and_cure(run: CommandLine, tmp_path: Path) -> None:
    grouped = run.here("holds", "list", "--by-cause", "--json")
    assert [(g["code"], g["documents"], g["at_risk"]) for g in grouped.json] == [
        ("payment_type.no_row", 1, {"USD": "3.00"}), ("run_limit", 2, {"USD": "3.00"}),
    ]  # fmt: skip
    mapping, limit = (g["cure"] for g in grouped.json)
    assert mapping["file"] == str(tmp_path / "mappings" / "demo_qad" / "payment_types.csv")
    assert mapping["row"] == "77,<name>,<bank_account>"
    assert [command.split(" --")[0] for command in mapping["commands"]] == [
        "st-pipelines mappings check demo_qad", "st-pipelines run",
    ]  # fmt: skip
    # The row as shown, completed, is one that the tables take.
    with Path(mapping["file"]).open("a") as file:
        file.write(mapping["row"].replace("<name>", "Barter").replace("<bank_account>", "1030") + "\n")
    assert run.here(*shlex.split(mapping["commands"][0])[1:]).code == 0
    # The commands can be pasted: the last one releases what the cause names, after it was listed.
    release = shlex.split(limit["commands"][-1])[1:]
    assert release[:2] == ["holds", "release"]
    listed = run.here(*release, "--json")
    assert listed.code == 1 and len(listed.json["would_be_released"]) == 2
    assert run.here("status", "--json").json["documents"][0]["state"] == "held"
    done = run.here(*release, "--yes", "--json")
    assert done.code == 0 and len(done.json["released"]) == 2


def test_every_hold_code_has_a_cure(run: CommandLine) -> None:
    from st_pipelines.cli.hold_cures import cure_of
    from st_pipelines.mapping.holds import CATALOGUE, fields_of
    from st_pipelines.posting.holds import HeldPosting

    def held(code: str, releasable: bool, missing: str = "", cure: str = "") -> HeldPosting:
        return HeldPosting(7, "bills", "supplier_invoice", "ST:1:bill:7", 1, "create", "10USA", "ST:1:bill:7", "USD",
                           100, "2026-10-01", code, "why", "about", False, releasable, 0, "2026-10-02", missing, "why",
                           cure)  # fmt: skip

    folder = REPOSITORY / "mappings" / "demo_qad"
    for code, words in CATALOGUE.items():
        values = {name: "invoice_accounts.csv" if name == "account_file" else "7" for name in fields_of(words)}
        missing, _, cure = words.fill(values)
        there = "demo_servicenow_back" if "legal_entities.csv" in cure else "demo_qad"
        found = cure_of([held(code, False, missing, cure)], "demo_qad", folder.parent / there)
        assert found.do == cure and found.commands[-1] == (
            "st-pipelines run --integration demo_qad --from 2026-10-02 --to 2026-10-02"
        )
        assert not code.endswith(".no_row") or found.row.count("7") >= 1, code
    for code in (
        "run_limit",
        "changed_after_posting",
        "in_books_already",
        "found_different",
        "found_twice",
        "unanswered",
        "something new",
    ):
        found = cure_of([held(code, True)], "demo_qad", folder)
        assert found.do and any("--by" in command for command in found.commands)
        for command in found.commands:
            named = run.here(*shlex.split(command)[1:3], "--help")
            assert named.code == 0, command


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
