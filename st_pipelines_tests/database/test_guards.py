"""The database itself refuses what no code may do: illegal moves, falling fences, changed bodies, rewritten history."""

import itertools

import pytest
from sqlalchemy import Connection, Engine, bindparam, insert, text, update
from sqlalchemy.exc import DBAPIError

from st_pipelines.database import schema
from st_pipelines.database.engine import transaction
from st_pipelines.database.guards import LEGAL_MOVES
from st_pipelines.database.schema import STATES, document_version, posting

# One legal way from the start to each state, each step with what the constraints ask for.
ROADS = {
    "planned": (), "held": ("held",), "superseded": ("superseded",), "sending": ("sending",),
    "unknown": ("sending", "unknown"), "posted": ("sending", "posted"), "rejected": ("sending", "rejected"),
}  # fmt: skip


def plant(connection: Connection, key: str = "ST:1:invoice:1") -> int:
    version = {
        column.name: 1 if column.name in ("version", "is_latest", "amount_minor", "recorded_at") else "x"
        for column in document_version.columns
        if column.name != "version_id"
    } | {"doc_key": key, "disposition": "ready", "currency": "USD", "document": b"{}"}
    version_id = connection.execute(insert(document_version).values(**version)).inserted_primary_key[0]
    return int(
        connection.execute(
            insert(posting).values(
                integration="i",
                flow="invoices",
                kind="customer_invoice",
                doc_key=key,
                seq=1,
                op="create",
                target="t",
                company="c",
                external_ref=key,
                request_key=key,
                version_id=version_id,
                currency="USD",
                amount_minor=100,
                business_date="2026-10-01",
                partition_key="2026-10-01",
                run_id="r",
                created_at=1,
                updated_at=1,
            )
        ).inserted_primary_key[0]
    )


def move(connection: Connection, row: int, state: str) -> None:
    values: dict[str, object] = {"state": state, "lease_owner": "w" if state == "sending" else None}
    if state == "sending":
        values |= {"fence": posting.c.fence + 1, "attempt": posting.c.attempt + 1}
    if state == "unknown":
        values |= {"body": b"{}", "body_sha256": "0" * 64}
    if state == "posted":
        values["target_id"] = f"T{row}"
    connection.execute(update(posting).where(posting.c.posting_id == bindparam("row")).values(**values), {"row": row})


def test_only_the_legal_moves_are_possible(engine: Engine) -> None:
    possible = set()
    for old, new in itertools.permutations(STATES, 2):
        with transaction(engine) as connection:
            row = plant(connection, f"ST:1:invoice:{old}.{new}")
            for step in ROADS[old]:
                move(connection, row, step)
        try:
            with transaction(engine) as connection:
                move(connection, row, new)
            possible.add((old, new))
        except DBAPIError as error:
            assert "illegal transition" in str(error)
    assert possible == set(LEGAL_MOVES)


def test_a_hold_after_an_attempt_is_never_superseded(engine: Engine) -> None:
    with transaction(engine) as connection:
        row = plant(connection)
        for step in ("sending", "unknown", "held"):
            move(connection, row, step)
    with pytest.raises(DBAPIError, match="settled by a person"), transaction(engine) as connection:
        move(connection, row, "superseded")


REFUSED = {
    "the fence falls": ("UPDATE posting SET fence = fence - 1", "fence never falls"),
    "an attempt is uncounted": ("UPDATE posting SET attempt = 0", "fence never falls"),
    "a frozen body changes": ("UPDATE posting SET body_sha256 = '1' || substr(body_sha256, 2)", "frozen body"),
    "a frozen body is emptied": ("UPDATE posting SET body = NULL, body_sha256 = NULL", "frozen body"),
    "an amount changes": ("UPDATE posting SET amount_minor = 1", "what a posting is"),
    "a company changes": ("UPDATE posting SET company = 'other'", "what a posting is"),
    "a posting is deleted": ("DELETE FROM posting", "never deleted"),
    "a version changes": ("UPDATE document_version SET document = ''", "version never changes"),
    "a version becomes the latest again": ("UPDATE document_version SET is_latest = 2", "version never changes"),
    "a version is deleted": ("DELETE FROM document_version", "never deleted"),
    "a control line changes": ("UPDATE control_line SET amount_minor = 0", "never change"),
    "a control line is deleted": ("DELETE FROM control_line", "never deleted"),
    "an event changes": ("UPDATE audit_event SET content = '{}'", "append-only"),
    "an event is deleted": ("DELETE FROM audit_event", "append-only"),
    "an event leaves a gap": (
        "INSERT INTO audit_event (n, hash, previous_hash, recorded_at, event, content) VALUES (3, '', '', 0, '', '')",
        "no gaps",
    ),
    "a claim keeps the fence": (
        "UPDATE posting SET state = 'planned', lease_owner = NULL; "
        "UPDATE posting SET state = 'sending', lease_owner = 'x'",
        "each claim raises",
    ),
}


@pytest.mark.parametrize("statement, message", REFUSED.values(), ids=REFUSED.keys())
def test_history_cannot_be_rewritten(engine: Engine, statement: str, message: str) -> None:
    with transaction(engine) as connection:
        row = plant(connection)
        move(connection, row, "sending")
        connection.execute(update(posting).values(body=b"{}", body_sha256="0" * 64))
        connection.execute(
            insert(schema.control_line).values(
                posting_id=row, line=1, business_unit="1", gl_account="4000", cost_center="1", amount_minor=1
            )
        )
        connection.execute(
            insert(schema.audit_event).values(n=1, hash="h", previous_hash="", recorded_at=1, event="e", content="{}")
        )
    with pytest.raises(DBAPIError, match=message), transaction(engine) as connection:
        for part in statement.split("; "):
            connection.execute(text(part))


def test_a_posting_cannot_start_posted(engine: Engine) -> None:
    with transaction(engine) as connection:
        row = plant(connection)
    copy = "INSERT INTO posting SELECT * FROM posting WHERE posting_id = -1"
    with transaction(engine) as connection:
        connection.execute(text(copy))  # the statement itself is fine: it inserts nothing
    columns = ", ".join(c.name for c in posting.columns if c.name not in ("posting_id", "state", "seq", "request_key",
                                                                           "external_ref", "target_id"))  # fmt: skip
    with pytest.raises(DBAPIError, match="starts planned or held"), transaction(engine) as connection:
        connection.execute(
            text(
                f"INSERT INTO posting (seq, request_key, external_ref, target_id, state, {columns}) "
                f"SELECT 2, 'k', 'e', 'T', 'posted', {columns} FROM posting WHERE posting_id = {row}"
            )
        )


def test_truncate_is_refused_on_postgresql(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    for table in ("posting", "document_version", "control_line", "audit_event", "inbox_event"):
        with pytest.raises(DBAPIError, match="never deleted"), transaction(engine) as connection:
            connection.execute(text(f"TRUNCATE {table} CASCADE"))


def test_two_open_attempts_of_one_document_are_refused(engine: Engine) -> None:
    with transaction(engine) as connection:
        first = plant(connection)
        columns = ", ".join(c.name for c in posting.columns if c.name not in ("posting_id", "seq", "request_key",
                                                                               "op"))  # fmt: skip
        connection.execute(
            text(
                f"INSERT INTO posting (seq, request_key, op, {columns}) "
                f"SELECT 2, 'k2', 'update', {columns} FROM posting"
            )
        )
        move(connection, first, "sending")
    refused = pytest.raises(DBAPIError, match=r"posting_one_open|posting\.integration, posting\.doc_key")
    with refused, transaction(engine) as connection:
        move(connection, first + 1, "sending")


def test_two_live_creates_of_one_reference_are_refused(engine: Engine) -> None:
    with transaction(engine) as connection:
        plant(connection)
        columns = ", ".join(c.name for c in posting.columns if c.name not in ("posting_id", "doc_key", "request_key"))
        with pytest.raises(DBAPIError, match=r"posting_one_create|posting\.external_ref"):
            connection.execute(
                text(
                    f"INSERT INTO posting (doc_key, request_key, {columns}) "
                    f"SELECT 'other', 'k2', {columns} FROM posting"
                )
            )
