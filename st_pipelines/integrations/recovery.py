"""Recovers a ledger that was restored from a backup (L15): what the store has is planned again, then the target is read
back. Invariant: sends nothing; the epoch is raised only after every integration of the ledger was read back.

The store outlives the ledger's backup: it holds the days that were mapped, and posted, after the backup was made.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, bindparam, select, text, update

from st_pipelines.audit import trail
from st_pipelines.audit.high_water import HighWaterMark, Standing
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import document_version, ledger_identity, posting
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.event_posting import plan_partition
from st_pipelines.integrations.map_day import LAYER
from st_pipelines.integrations.post_days import pace, plan_day
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.integrations.way_back import way_back
from st_pipelines.posting import canonical
from st_pipelines.posting.clock import Clock, Watch
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.recover import Recovered, read_back_open
from st_pipelines.posting.recover_list import compare_listed
from st_pipelines.store.names import events_read_at

MARGIN = timedelta(days=7)  # stored days before the backup that are planned again; documents listed before it
AHEAD = timedelta(days=62)  # business dates may lie in the future
_CHUNK = 500
_latest = select(document_version.c.doc_key, document_version.c.document).where(
    document_version.c.integration == bindparam("integration"),
    document_version.c.doc_key.in_(bindparam("keys", expanding=True)), text("document_version.is_latest = 1"),
)  # fmt: skip


@dataclass(frozen=True)
class Horizon:
    """``since``: the first day whose documents may have been posted after the backup."""

    since: date
    until: date


def horizon(engine: Engine, standing: Standing, first: date | None = None) -> Horizon:
    """From the day of the ledger's last event, less a margin, or from the oldest business date that is still open."""
    moment = datetime.fromtimestamp(standing.ledger.recorded_at / 1_000_000, UTC).date()
    with reading(engine) as connection:
        open_ = select(posting.c.business_date).where(posting.c.state.in_(("planned", "sending", "unknown")))
        oldest = connection.execute(open_.order_by(posting.c.business_date).limit(1)).scalar_one_or_none()
    earliest = min(moment - MARGIN, date.fromisoformat(oldest) if oldest else moment)
    return Horizon(first or earliest, datetime.now(UTC).date() + AHEAD)


def integrations_in(engine: Engine) -> list[str]:
    """Those that this ledger has postings of."""
    with reading(engine) as connection:
        return sorted(connection.execute(select(posting.c.integration).distinct()).scalars())


def recover_integration(
    session: Session, standing: Standing, since: Horizon, run_id: str, actor: str, say: Callable[[str], None],
    clock: Clock | None = None,
) -> Recovered:  # fmt: skip
    """Plans what the store has since the horizon, settles every open posting by reading back, and compares the target's
    own list. Raises ``CannotRecover``, ``WrongCompany`` and what the target raises where it cannot be reached."""
    flows = [flow for flow in session.road.flows if flow.name in session.integration.flows]
    for flow in flows:
        for key, documents in _stored_since(session, flow, since.since):
            say(f"{session.integration.name}: planning {flow.name} of {key} again")
            if events_read_at(key) is None:
                plan_day(session, flow, key, documents, f"{run_id}:{key}", actor)
            else:
                plan_partition(session, flow, key, documents, since.since, run_id, actor)
    context, found, clock = session.context(run_id, actor), Recovered(), clock or Clock()
    say(f"{session.integration.name}: reading the target back")
    last_sent = standing.mark.recorded_at if standing.mark else None
    companies, target = session.integration.target.companies, session.target
    read_back_open(session.engine, target, context, companies, found, settings=pace(target), clock=clock,
                   last_sent_us=last_sent)  # fmt: skip
    back = way_back(session)
    if back is not None:
        say(f"{back.integration}: reading {back.target.system} back")
        read_back_open(session.engine, back.target, RunContext(back.integration, run_id, actor), back.companies, found,
                       settings=pace(back.target), clock=clock, last_sent_us=last_sent)  # fmt: skip
    for kind in sorted({kind for flow in flows for kind in flow.reconciled_kinds}):
        for company in companies:
            compare_listed(session.engine, target, context, kind, company, since.since, since.until, found,
                           Watch(clock))  # fmt: skip
    return found


def _stored_since(session: Session, flow: Flow, since: date) -> Iterator[tuple[str, list[MappedDocument]]]:
    """Each day's documents, without those of which another day or the ledger has a newer version."""
    keys = [key for key in session.store.partitions(session.integration.name, LAYER, flow.name)
            if key >= since.isoformat()]  # fmt: skip
    newest: dict[str, tuple[datetime, str]] = {}
    for key in keys:
        for document in stored_documents(session, flow, [key]):
            if document.doc_key not in newest or document.modified_on >= newest[document.doc_key][0]:
                newest[document.doc_key] = (document.modified_on, key)
    for key in keys:
        mine = [each for each in stored_documents(session, flow, [key]) if newest[each.doc_key][1] == key]
        recorded = _recorded(session, [each.doc_key for each in mine])
        yield key, [each for each in mine
                    if each.doc_key not in recorded or each.modified_on >= recorded[each.doc_key]]  # fmt: skip


def _recorded(session: Session, keys: Sequence[str]) -> dict[str, datetime]:
    """When the newest version that the ledger knows was modified, by document."""
    found: dict[str, datetime] = {}
    with reading(session.engine) as connection:
        for start in range(0, len(keys), _CHUNK):
            values = {"integration": session.integration.name, "keys": list(keys[start : start + _CHUNK])}
            for doc_key, stored in connection.execute(_latest, values):
                found[doc_key] = canonical.decode(bytes(stored)).modified_on
    return found


def begin_epoch(
    engine: Engine, mark: HighWaterMark, standing: Standing, found: dict[str, Recovered], *, by: str, reason: str
) -> int:
    """Makes the recovered ledger the one that counts, with an event that says what was found; gives the new epoch."""
    epoch = max(standing.ledger.epoch, standing.mark.epoch if standing.mark else 0) + 1
    total: dict[str, Any] = defaultdict(int)
    for each in found.values():
        for name in ("settled", "adopted", "held", "absent", "listed"):
            total[name] += getattr(each, name)
        total["differing"] += len(each.differing)
        total["unplanned"] += len(each.unplanned)
    known = standing.mark
    context = RunContext(", ".join(sorted(found)), f"recover-{epoch}", by)
    with ledger_transaction(engine) as connection:
        connection.execute(update(ledger_identity).values(epoch=epoch))
        said = {"epoch": epoch, "why": reason, "said": standing.fault, "mark_epoch": known.epoch if known else 0,
                "mark_n": known.n if known else 0, "mark_hash": known.hash if known else "", **total}  # fmt: skip
        trail.append(connection, "ledger_recovered", **context.audited(), **said)
    mark.replace_after_recovery(engine)
    return epoch
