"""Every command: exit code, one JSON document on stdout with --json, one clear sentence on stderr, no traceback."""

import importlib
import json
from pathlib import Path

import pytest

from st_pipelines.cli import output
from st_pipelines_tests.cli.command import CommandLine, command_line


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    return command_line(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("connections", "list"), "key"),
        (("integrations", "check"), "no integrations here"),
        (("mappings", "check", "nowhere"), "there are no integrations in"),
        (("reconcile", "--month", "2026-13"), "--month 2026-13"),
        (("documents", "show", "ST:1:invoice:9"), "knows no document"),
        (("no-such-command",), "no-such-command"),
        (("reconcile",), "--month"),
        (("audit", "export", "x", "--after", "-1"), "after"),
    ],
)
def test_wrong_usage_is_two_with_one_sentence_and_one_document(
    run: CommandLine, arguments: tuple[str, ...], words: str
) -> None:
    ran = run.here(*arguments, "--json")
    assert ran.code == 2, ran
    assert words in ran.err and "Traceback" not in ran.err
    assert ran.json["exit_code"] == 2 and words in ran.json["error"]


def test_without_a_command_the_help_is_on_stderr(run: CommandLine) -> None:
    ran = run()
    assert (ran.code, ran.out) == (2, "") and "connections" in ran.err


def test_without_json_an_error_leaves_stdout_empty(run: CommandLine) -> None:
    ran = run.here("mappings", "check", "nowhere")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: there are no integrations in") and len(ran.err.splitlines()) == 1


def test_database_upgrade_is_clean_and_repeatable(run: CommandLine) -> None:
    first, second = run("database", "upgrade", "--json"), run.here("database", "upgrade", "--json")
    assert (first.code, first.json["changed"]) == (0, True)
    assert (second.code, second.json["changed"]) == (0, False)


def test_empty_ledger_verifies_and_exports(run: CommandLine, tmp_path: Path) -> None:
    verified = run.here("audit", "verify", "--json")
    assert (verified.code, verified.json["ok"], verified.json["events"]) == (0, True, 0)
    exported = run.here("audit", "export", "trail.jsonl", "--json")
    assert (exported.code, exported.json["events"]) == (0, 0)
    assert (tmp_path / "trail.jsonl").stat().st_mode & 0o777 == 0o600
    again = run.here("audit", "export", "trail.jsonl", "--json")
    assert again.code == 2 and "never overwritten" in again.err


def test_saved_head_is_accepted_and_a_forged_one_refused(run: CommandLine, tmp_path: Path) -> None:
    key = {"ST_PIPELINES_AUDIT_KEY": "k" * 40}
    head = run("audit", "head", "--json", **key)
    (tmp_path / "head.json").write_text(head.out)
    assert run.here("audit", "verify", "--head", "head.json", "--json", **key).code == 0
    (tmp_path / "forged.json").write_text(json.dumps(head.json | {"n": 5}))
    forged = run.here("audit", "verify", "--head", "forged.json", "--json", **key)
    assert forged.code == 2 and "HMAC" in forged.err


def test_database_that_cannot_be_opened_is_three(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    ran = run.here("audit", "head", "--json", ST_PIPELINES_DATABASE_URL=f"sqlite:///{tmp_path / 'ledger.db'}")
    assert ran.code == 3 and ran.json["exit_code"] == 3
    assert "the database cannot be used" in ran.err and "SELECT" not in ran.err and "Traceback" not in ran.err


def test_unsupported_database_is_two(run: CommandLine) -> None:
    ran = run.here("audit", "head", ST_PIPELINES_DATABASE_URL="mysql://root:hunter2@db/x")
    assert ran.code == 2 and "sqlite or postgresql" in ran.err and "hunter2" not in ran.err + ran.out


def test_broken_setting_is_named(run: CommandLine) -> None:
    ran = run.here("audit", "head", "--json", ST_PIPELINES_LOG_LEVEL="LOUD")
    assert ran.code == 2 and "log_level" in ran.json["error"].lower()


def test_without_integrations_the_setting_is_named(run: CommandLine) -> None:
    ran = run.here("holds", "list")
    assert (ran.code, ran.out) == (2, "") and "set ST_PIPELINES_MAPPINGS" in ran.err


def test_every_named_fault_exists() -> None:
    for name in output._CODES:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), BaseException), name


def test_hostile_text_cannot_move_the_cursor_or_mark_up() -> None:
    shown = output.text("\x1b[2J[bold red]\u202ename[/]\n2")
    assert shown.plain == "\\u001b[2J[bold red]\\u202ename[/] 2" and not shown.spans
