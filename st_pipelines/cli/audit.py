"""``st-pipelines audit``: verifies, exports and pins the audit trail. Reads only."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(no_args_is_help=True, help="The audit trail: append-only, hash-chained.")

KEY_VARIABLE = "ST_PIPELINES_AUDIT_KEY"


@app.command("verify")
@answering
def verify(
    heads: Annotated[list[Path] | None, typer.Option("--head", help="A head saved by `audit head --json`.")] = None,
) -> Answer:
    """Walk the whole chain and hold every row against it: gaps, hashes, saved heads, the high-water mark, and each
    column of postings, document versions, bodies, control lines, needs and facts."""
    from st_pipelines.audit.verify import verify as walk

    saved = [_read_head(path) for path in heads or []]
    with opened.ledger() as engine:
        found, marked = walk(engine, saved), _mark_fault(engine)
    faults = [finding.text for finding in found.findings] + ([marked] if marked else [])
    data = {"ok": not faults, "events": found.events, "posted": found.posted_rows, "head": found.head_hash,
            "first_bad": found.first_bad_n, "faults": faults}  # fmt: skip
    if not faults:
        said = f"{found.events} events, chain intact, every row as recorded, {found.posted_rows} posted rows proved."
        return Answer(data, (text(said),), CLEAN)
    return Answer(data, (table(("what does not hold",), [(fault,) for fault in faults]),), OPEN)


@app.command("head")
@answering
def head() -> Answer:
    """The last event's number and hash, to be kept elsewhere; with an HMAC where ST_PIPELINES_AUDIT_KEY is set."""
    from st_pipelines.audit.head import head as newest

    with opened.ledger() as engine:
        found = newest(engine, _key())
    data = {"ledger_id": found.ledger_id, "n": found.n, "hash": found.hash, "recorded_at": found.recorded_at,
            "mac": found.mac}  # fmt: skip
    return Answer(data, (table(("ledger", "event", "hash"), [(found.ledger_id, found.n, found.hash)]),))


@app.command("export")
@answering
def export(
    to: Annotated[Path, typer.Argument(help="File to write, JSON lines; it must not exist yet.")],
    after: Annotated[int, typer.Option("--after", min=0, help="Only events above this number.")] = 0,
) -> Answer:
    """Write the trail as JSON lines, its head last: it can be verified without the database."""
    from st_pipelines.audit.export import export as lines

    events = -1  # the last line is the head
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Usage(f"{to}: exists already; an export is never overwritten") from None
    with os.fdopen(descriptor, "wb") as file, opened.ledger() as engine:
        for line in lines(engine, after=after, key=_key()):
            file.write(line)
            events += 1
        file.flush()
        os.fsync(descriptor)
    return Answer({"file": str(to), "events": events}, (text(f"{to}: {events} events."),))


def _mark_fault(engine: "Engine") -> str:
    """Whether the mark outside the ledger agrees, where this machine holds the master key that proves it."""
    from st_pipelines.credentials.keyring import KeyFault

    try:
        return opened.mark().look(engine).fault
    except KeyFault:
        return ""  # an auditor verifies without the company's keys


def _key() -> bytes | None:
    """The trail's own key. It is not the vault's: whoever owns the database must not hold it."""
    value = os.environ.get(KEY_VARIABLE, "")
    if value and len(value) < 32:
        raise Usage(f"{KEY_VARIABLE}: at least 32 characters, e.g. from: openssl rand -hex 32")
    return value.encode() if value else None


def _read_head(path: Path) -> Any:
    from st_pipelines.audit.head import Head, is_authentic

    try:
        given = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
        read = Head(**{name: given[name] for name in ("ledger_id", "n", "hash", "recorded_at", "mac")})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Usage(f"{path}: not a head as `st-pipelines audit head --json` prints it ({error})") from None
    key = _key()
    if key is not None and read.mac and not is_authentic(read, key):
        raise Usage(f"{path}: its HMAC does not fit {KEY_VARIABLE}; the head was changed or another key is set")
    return read
