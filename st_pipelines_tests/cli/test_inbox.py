"""The inbox from the command line: what waits, what nobody could read, and what is deleted when it is old."""

from pathlib import Path

from sqlalchemy import insert

from st_pipelines.database.engine import now_us, open_database, transaction
from st_pipelines.database.schema import inbox_event
from st_pipelines.inbox.delivery import arrival
from st_pipelines.inbox.pending import pending, settle
from st_pipelines.inbox.storing import store
from st_pipelines_tests.cli.command import command_line

DAY_US = 86_400_000_000


def test_status_and_purge(tmp_path: Path) -> None:
    run = command_line(tmp_path)
    assert run.here("inbox", "status").out.strip() == "No webhooks were received."
    engine = open_database(f"sqlite:///{tmp_path / 'live' / 'ledger.db'}")
    store(engine, [arrival("st", b'{"a": "Mrs Smith"}', event_id=f"e{n}") for n in range(3)])
    store(engine, [arrival("st", b"\xff Mrs Smith", event_type="invoice.\x1b[31mupdated", unusable="not UTF-8")])
    settle(engine, [pending(engine, "st", limit=1)[0].n], state="ignored", reason="an event we do not know")
    with transaction(engine) as connection:
        old = now_us(connection) - 100 * DAY_US
        connection.execute(insert(inbox_event).values(connection="st", event_key="old", received_at=old, handled_at=old,
                                                      state="unusable", body_sha256="", body=b""))  # fmt: skip
    shown = run.here("inbox", "status", "--json")
    (one,) = shown.json["connections"]
    assert one["oldest_age_s"] < 60
    assert {name: one[name] for name in ("connection", "pending", "done", "ignored", "unusable")} == {
        "connection": "st", "pending": 2, "done": 0, "ignored": 1, "unusable": 2}  # fmt: skip
    assert [(item["n"], item["size"], item["reason"]) for item in shown.json["unusable"]] == [
        (4, 11, "not UTF-8"), (5, 0, "")]  # fmt: skip
    screen = run.here("inbox", "status")
    assert screen.code == 0 and "not UTF-8" in screen.out and "\x1b" not in screen.out
    assert "Smith" not in screen.out + shown.out
    assert run.here("inbox", "purge", "--json").json == {"deleted": 1, "older_than_days": 90}
    assert run.here("inbox", "purge", "--older-than-days", "0").code == 2
    assert len(run.here("inbox", "status", "--json").json["unusable"]) == 1
    engine.dispose()
