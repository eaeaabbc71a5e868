"""Connections from the command line: secrets in by file or standard input, never out again, in no channel."""

import json
import os
from pathlib import Path

import pytest

from st_pipelines_tests.cli.command import CommandLine, command_line

SECRET = "s3cr3t-5up3r-l0ng"
DEFINITION = {
    "system": "qad",
    "settings": {"base_url": "https://erp.example.test/clouderp"},
    "secrets": {"username": "api.user", "password": SECRET},
}


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    ready = command_line(tmp_path)
    assert ready.here("connections", "new-key").code == 0
    return ready


def test_key_file_is_private_and_never_overwritten(run: CommandLine, tmp_path: Path) -> None:
    key = tmp_path / "live" / "keys" / "master.key"
    assert key.stat().st_mode & 0o777 == 0o600
    again = run.here("connections", "new-key", "--json")
    assert again.code == 2 and "exists already" in again.json["error"]


def test_secrets_go_in_and_never_come_out(run: CommandLine, tmp_path: Path) -> None:
    added = run("connections", "add", "books", "--from", "-", "--json", stdin=json.dumps(DEFINITION))
    assert added.code == 0 and added.json["secrets"] == ["password", "username"]
    listed, screen = run.here("connections", "list", "--json"), run.here("connections", "list")
    assert listed.json == [{"name": "books", "system": "qad", "settings": DEFINITION["settings"]}]
    everything = [added.out, added.err, listed.out, listed.err, screen.out, screen.err]
    assert not any(SECRET in output or "api.user" in output for output in everything)
    for file in (tmp_path / "live").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


def test_from_a_file_with_further_settings(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "books.json").write_text(json.dumps(DEFINITION))
    ran = run.here("connections", "add", "books", "--from", "books.json", "--set", "per_second=20", "--set",
                   "private_network=true", "--json")  # fmt: skip
    assert ran.code == 0
    assert ran.json["settings"] == {**DEFINITION["settings"], "per_second": 20, "private_network": True}


@pytest.mark.parametrize("name", ["password", "client_secret", "app_key", "token", "api_key"])
def test_secret_as_an_argument_is_refused(run: CommandLine, name: str) -> None:
    ran = run.here("connections", "add", "books", "--system", "qad", "--set", f"{name}={SECRET}", "--json")
    assert ran.code == 2 and "never an argument" in ran.err
    assert SECRET not in ran.out + ran.err


def test_without_a_terminal_nothing_is_asked(run: CommandLine) -> None:
    ran = run("connections", "add", "books", "--system", "qad")
    assert ran.code == 2 and "no secrets given" in ran.err


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (f'{{"system": "qad", "secrets": {{"password": "{SECRET}"', "not a JSON document, line 1"),
        (f'{{"system": "qad", "secrets": {{"password": "{SECRET}", "password": "x"}}}}', "password twice"),
        (
            f'{{"system": "qad", "settings": {{"password": "{SECRET}"}}, "secrets": {{"a": "b"}}}}',
            "belongs under secrets",
        ),
        (f'{{"system": "qad", "secrets": {{"password": ["{SECRET}"]}}}}', "must be a text"),
        (f'{{"system": "qad", "secret": "{SECRET}"}}', "nothing else"),
        (f'{{"system": "sap", "secrets": {{"password": "{SECRET}"}}}}', "unknown system 'sap'"),
        ("[" * 100_000, "not a JSON document"),
        ('{"system": "qad", "secrets": {"password": ""}}', "password is empty"),
        (f'{{"system": ["{SECRET}"], "secrets": {{"password": "x"}}}}', "system must be a text"),
        ("\udcff", "not a JSON document"),
    ],
)
def test_broken_definition_is_refused_without_repeating_it(run: CommandLine, document: str, words: str) -> None:
    ran = run.here("connections", "add", "books", "--from", "-", "--json", stdin=document)
    assert ran.code == 2 and words in ran.json["error"], ran
    assert SECRET not in ran.out + ran.err and "Traceback" not in ran.err


def test_definition_that_is_not_there(run: CommandLine) -> None:
    ran = run.here("connections", "add", "books", "--from", "missing.json", "--json")
    assert ran.code == 2 and "missing.json: cannot be read" in ran.json["error"]


def test_existing_name_is_kept_unless_replaced(run: CommandLine) -> None:
    given = json.dumps(DEFINITION)
    assert run.here("connections", "add", "books", "--from", "-", stdin=given).code == 0
    assert run.here("connections", "add", "books", "--from", "-", stdin=given).code == 2
    assert run.here("connections", "add", "books", "--from", "-", "--replace", stdin=given).code == 0


def test_remove_forgets_and_says_so_when_there_is_nothing(run: CommandLine) -> None:
    run.here("connections", "add", "books", "--from", "-", stdin=json.dumps(DEFINITION))
    assert run.here("connections", "remove", "books", "--json").json == {"name": "books", "removed": True}
    ran = run.here("connections", "remove", "books")
    assert ran.code == 2 and "no connection 'books'" in ran.err


def test_rotation_needs_the_new_key_afterwards_only(run: CommandLine, tmp_path: Path) -> None:
    run.here("connections", "add", "books", "--from", "-", stdin=json.dumps(DEFINITION))
    new = tmp_path / "live" / "keys" / "second.key"
    rotated = run.here("connections", "rotate-key", "--new-key-file", str(new), "--json")
    assert rotated.code == 0 and rotated.json["changed"] == 2
    old = run.here("connections", "ping", "books")
    assert old.code == 2 and "not in the keyring" in old.err
    with_new = run("connections", "ping", "books", ST_PIPELINES_KEY_FILE=str(new))
    assert with_new.code == 2 and "no integration uses" in with_new.err


def test_key_that_others_can_read_is_refused(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "live" / "keys" / "master.key").chmod(0o644)
    ran = run.here("connections", "list", "--json")
    assert ran.code == 2 and "chmod 600" in ran.json["error"]


def test_ping_of_an_unknown_connection(run: CommandLine) -> None:
    ran = run.here("connections", "ping", "nobody", "--json")
    assert ran.code == 2 and "no connection 'nobody'" in ran.json["error"]


def test_prompt_in_a_terminal_does_not_echo(run: CommandLine) -> None:
    """The real thing: a pseudo-terminal, what it shows and what is stored."""
    import pty

    process, terminal = pty.fork()
    if process == 0:
        os.chdir(run.home)
        from st_pipelines_tests.cli.command import COMMAND

        os.execve(str(COMMAND), [str(COMMAND), "connections", "add", "books", "--system", "qad"], run.environment)
    shown = b""
    for prompt, answer in ((b"username:", b"api.user\n"), (b"password:", SECRET.encode() + b"\n")):
        while prompt not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, answer)
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux: the other side closed the terminal
            break
        if not part:
            break
        shown += part
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert SECRET.encode() not in shown and b"stored, secrets encrypted" in shown
