"""Tells the source which of a flow's documents stand in the books. Invariant: only what was read back is told, and what
a run says about it is read from the ledger after the work.

Whatever happens on the way, nothing is lost: a question whose answer is not known is asked again by the next run, which
reads the record first. A refusal keeps the source's own words and rests before it is tried again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from st_pipelines.database.engine import reading
from st_pipelines.database.schema import extraction
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.telling import Mark, Marking, Note
from st_pipelines.posting import told
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.write_back import Answer, Question, Said, ask, look_again, mark_again, plan_marks, record
from st_pipelines.systems.http.errors import SystemFault

BLOCK = 50  # documents that are asked about together: as many as one list of ids takes


@dataclass
class WriteBack:
    """One run over one flow. ``said``: answers by kind; ``noted``: the same to notes of what is not in the books.
    ``days``: documents by state, of each day asked for.
    ``stopped``: why the run ended early; empty = everything that was due was asked."""

    flow: str
    said: Counter[Said] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    days: dict[date, Mapping[str, int]] = field(default_factory=dict)
    stopped: str = ""

    @property
    def told(self) -> int:
        """How many documents the source marked because this run asked."""
        return self.said["exported"]

    @property
    def not_told(self) -> list[str]:
        """What this run could not tell, one sentence each; empty = the source knows of everything that was asked."""
        unknown, refused = self.said["unknown"], self.said["refused"]
        return [
            *([self.stopped] if self.stopped else []),
            *([f"{unknown} documents, whose answer is not known; the next run asks again"] if unknown else []),
            *([f"{refused} documents, which it refuses; see st-pipelines marks list"] if refused else []),
            *([f"why {unsaid} documents are not in the books"] if (unsaid := self._unsaid) else []),
        ]

    @property
    def _unsaid(self) -> int:
        return sum(self.noted[state] for state in ("unknown", "refused", "not_sent"))


def marked_flows(session: Session, flows: Sequence[Flow]) -> list[Flow]:
    """Those whose documents the source is told about; none where the integration does not want it."""
    wanted = session.integration.options.mark_exported and session.road.source.marking is not None
    return [flow for flow in flows if wanted and flow.marks]


def write_back(session: Session, flow: Flow, days: Sequence[date], run_id: str, actor: str) -> WriteBack:
    """Asks about everything of the flow that is due, whatever its day: what was read back later is told as well. Raises
    ``LedgerRestored``, and what the source's client raises where it cannot be opened."""
    marking = session.road.source.marking
    if marking is None or not flow.marks:
        raise ValueError(f"{session.integration.name}: its source takes no marks for {flow.name}")
    session.mark.require(session.engine)  # an older copy of the ledger would tell what is no longer so (L15)
    context, done = session.context(run_id, actor), WriteBack(flow.name)
    for day in days:
        _find_fallen_back(session, marking, flow, day, context)
    client = session.source  # opened before any question is on record: a missing key leaves nothing unknown
    if marking.values is not None:
        look_again(session.engine, context, flow.name)
    plan_marks(session.engine, context, flow.name, flow.marks)
    while not done.stopped and (questions := ask(session.engine, context, flow.name, BLOCK)):
        answers = _asked(session, client, marking, flow, questions, done)
        done.said += record(session.engine, context, answers)
    if not done.stopped and session.integration.options.tell_holds:
        _note(session, client, marking, flow, done)
    of_day = told.counts(session.engine, session.integration.name, flow.name) if days else {}
    done.days = {day: of_day.get(day.isoformat(), told.NONE) for day in days}
    return done


def refusals(session: Session, flow: Flow) -> list[dict[str, str]]:
    """Every document of the flow that the source refuses to mark, with its own words."""
    return [
        {"document": one.doc_key, "told_as": one.external_id, "reason": one.reason,
         "asked_again_after": datetime.fromtimestamp(one.not_before // 1_000_000, UTC).isoformat()}
        for one in told.open_marks(session.engine, session.integration.name, flow.name) if one.state == "refused"
    ]  # fmt: skip


def _asked(
    session: Session, client: Any, marking: Marking, flow: Flow, questions: Sequence[Question], done: WriteBack
) -> list[Answer]:
    try:
        values, gone = _values(session, marking, questions)
        asked = [one for one in questions if one.doc_key not in gone]
        wanted = [Mark(one.doc_key, one.external_id, one.told, values.get(one.doc_key, {})) for one in asked]
        said = marking.send(client, flow.marks, wanted) if wanted else ()
    except SystemFault as fault:  # the records could not be read, so nothing was sent
        done.stopped = str(fault)
        return [Answer(one, "not_sent", str(fault)) for one in questions]
    unsent = [one.reason for one in said if one.state == "not_sent"]
    done.stopped = unsent[0] if unsent else ""
    answers = [Answer(one, what.state, what.reason) for one, what in zip(asked, said, strict=True)]
    return [*answers, *(Answer(one, "refused", gone[one.doc_key]) for one in questions if one.doc_key in gone)]


def _values(
    session: Session, marking: Marking, questions: Sequence[Question]
) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, str]]:
    """What the source is told of each, as the target holds it at this moment; and why of some it is told nothing.
    Raises what the target raises on doubt."""
    if marking.values is None:
        return {}, {}
    values: dict[str, Mapping[str, str]] = {}
    gone: dict[str, str] = {}
    groups: dict[tuple[str, str], list[Question]] = {}
    for one in questions:
        groups.setdefault((one.kind, one.company), []).append(one)
    for (kind, company), group in groups.items():
        found = session.target.find(kind, company, [one.external_ref for one in group])
        for one in group:
            held = found.get(one.external_ref, ())
            if len(held) == 1:
                values[one.doc_key] = marking.values(held[0])
            else:
                gone[one.doc_key] = (
                    f"{company} holds {len(held)} documents under {one.external_ref}: look at them there"
                )
    return values, gone


def _note(session: Session, client: Any, marking: Marking, flow: Flow, done: WriteBack) -> None:
    """Why documents are not in the books. Nothing of it is in the ledger: it says again whatever the source does not
    show, so a note that was lost is written by the next run."""
    if marking.note is None:
        return
    open_ = told.not_in_books(session.engine, session.integration.name, flow.name)
    notes = [Note(doc_key, state, reason) for doc_key, (state, reason) in open_.items()]
    for start in range(0, len(notes), BLOCK):
        try:
            said = marking.note(client, flow.marks, notes[start : start + BLOCK])
        except SystemFault as fault:
            done.stopped = str(fault)
            return
        done.noted.update(one.state for one in said)


def _find_fallen_back(session: Session, marking: Marking, flow: Flow, day: date, context: RunContext) -> None:
    """A batch may be unposted and posted anew in the source, which takes its marks away. Only a reading that is younger
    than the mark can show that."""
    name, key = session.integration.name, day.isoformat()
    of = extraction.c
    with reading(session.engine) as connection:
        read_at = connection.execute(
            select(of.completed_at).where(of.integration == name, of.entity == flow.marks, of.partition_key == key)
        ).scalar_one_or_none()
    if read_at is None:
        return
    table = session.store.read_table(name, "source", flow.marks, key)
    fallen = marking.not_marked(flow.marks, {flow.marks: table}, session.integration)
    mark_again(session.engine, context, flow.name, fallen, read_at)
