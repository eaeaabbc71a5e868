"""``st-pipelines database``: the ledger's schema, and what to do after it was restored from a backup."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, CouldNotRun, Usage, answering, table, text

if TYPE_CHECKING:
    from st_pipelines.posting.recover import Recovered

app = typer.Typer(no_args_is_help=True, help="The database of ledger, audit trail, credentials and limits.")

_SHOWN = 20


@app.command("upgrade")
@answering
def upgrade() -> Answer:
    """Bring the database to the schema of this version. Every command does this by itself; safe to repeat."""
    from st_pipelines.database.engine import open_database
    from st_pipelines.database.migrate import REVISIONS, upgrade

    engine = open_database(opened.settings().ledger_url)
    try:
        changed = upgrade(engine)
    finally:
        engine.dispose()
    said = f"migrated to schema {REVISIONS[-1]}" if changed else f"already at schema {REVISIONS[-1]}"
    return Answer({"changed": changed, "schema": REVISIONS[-1], "database": engine.dialect.name}, (text(said),))


@app.command("recover")
@answering
def recover(
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who decides; it goes into the audit trail.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the audit trail.")] = "",
    since: Annotated[str, typer.Option("--since", help="First day to read back, YYYY-MM-DD; else worked out.")] = "",
) -> Answer:
    """After a restore from a backup: read every target back, settle what it holds, and let posting go on."""
    from st_pipelines.integrations import recovery

    first = _day(since)
    with opened.ledger() as engine:
        mark = opened.mark()
        standing = mark.look(engine)
        if not standing.fault:
            said = f"The ledger is the one that was used last (event {standing.ledger.n}); nothing is to be done."
            return Answer({"restored": False, "epoch": standing.ledger.epoch, "events": standing.ledger.n},
                          (text(said),), CLEAN)  # fmt: skip
        names, range_ = recovery.integrations_in(engine), recovery.horizon(engine, standing, first)
        ends = datetime.fromtimestamp(standing.ledger.recorded_at / 1_000_000, UTC).isoformat(timespec="seconds")
        data = {"restored": True, "why": standing.fault, "ledger_ends_at": ends, "events": standing.ledger.n,
                "marked_events": standing.mark.n if standing.mark else None, "epoch": standing.ledger.epoch,
                "integrations": names, "since": range_.since.isoformat()}  # fmt: skip
        if not yes:
            command = 'st-pipelines database recover --yes --by "NAME" --reason "restored from the backup of …"'
            return Answer(data, (
                text(standing.fault), text(f"The ledger ends at event {standing.ledger.n}, {ends}."),
                text(f"Would plan again what was read since {range_.since}, read back {', '.join(names) or 'nothing'}, "
                     "and send nothing. Do it:"), text(f"  {command}"),
            ), OPEN)  # fmt: skip
        if not by.strip() or not reason.strip():
            raise Usage("a recovery needs the name of who decides and the reason: --by NAME --reason TEXT")
        known = opened.integrations()
        names = sorted(set(names) - {one.back for one in known})  # each is read back with its integration
        missing = sorted(set(names) - {one.name for one in known})
        if missing:
            raise CouldNotRun(f"the ledger has postings of {', '.join(missing)}, which the mappings folder does not: "
                              "put them back, so that their targets can be read")  # fmt: skip
        run_id, found = f"recover-{uuid4().hex[:12]}", dict[str, Any]()
        for name in names:
            with opened.session(name) as session:
                found[name] = recovery.recover_integration(session, standing, range_, run_id, by, opened.say)
        epoch = recovery.begin_epoch(engine, mark, standing, found, by=by, reason=reason)
    open_ = any(each.held or each.differing or each.unplanned for each in found.values())
    data |= {"epoch": epoch, "found": {name: _counts(each) for name, each in found.items()}}
    return Answer(data, _screen(found, range_.since), OPEN if open_ else CLEAN)


def _counts(found: "Recovered") -> dict[str, Any]:
    return {
        "settled": found.settled, "adopted": found.adopted, "held": found.held, "not_in_target": found.absent,
        "listed": found.listed, "differing": found.differing,
        "not_in_ledger": [{"external_ref": each.external_ref, "number": each.number, "kind": each.kind}
                          for each in found.unplanned],
    }  # fmt: skip


def _screen(found: "dict[str, Recovered]", since: date) -> tuple[Any, ...]:
    rows = [(name, each.settled + each.adopted, each.held, each.absent, each.listed, len(each.differing),
             len(each.unplanned)) for name, each in found.items()]  # fmt: skip
    headings = ("integration", "found as planned", "held", "not in target", "listed", "differing", "not in ledger")
    parts: list[Any] = [table(headings, rows, "Read back", headings[1:])]
    for name, each in found.items():
        if each.unplanned:
            some = ", ".join(one.external_ref for one in each.unplanned[:_SHOWN])
            parts.append(text(f"{name}: in the target, and this ledger has no posting of them yet: {some}. They are "
                              f"adopted, not posted again, when their days are run: st-pipelines run --integration "
                              f"{name} --from {since} --to {datetime.now(UTC).date()}"))  # fmt: skip
        if each.differing:
            parts.append(text(f"{name}: changed in the target after the backup: {', '.join(each.differing[:_SHOWN])}"))
        if each.held:
            parts.append(text(f"{name}: st-pipelines holds list --integration {name}"))
    parts.append(text("Posting goes on with the next run."))
    return tuple(parts)


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise Usage(f"--since {given}: a day is written YYYY-MM-DD") from None
