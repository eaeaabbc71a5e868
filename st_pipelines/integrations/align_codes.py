"""Lists of codes that both systems keep, brought to one: read whole, compared, written through the ledger, read again.
Invariant: both lists are read in the same pass, so nothing is ever written from what was read earlier; two systems at
rest cost reads and no writes (L13).

What goes the other way is kept in the ledger under the name that all of the way back has (``Integration.back``). Codes
have no day: the ledger plans a document where a side holds something else than the owner, or does not know the code.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from st_pipelines.alignment import ledger
from st_pipelines.alignment.codes import Aligned, Difference, Owners, Wanted, align, not_taken
from st_pipelines.documents.codes import KINDS, Code
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.masters import CodeSide
from st_pipelines.integrations.post_days import pace
from st_pipelines.integrations.session import NotReady, Session
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import RunLimits
from st_pipelines.posting.target import Target

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class CodesDone:
    """What one pass over one list did. ``active``: codes in use, by side. ``held``: codes that wait for a person;
    ``differing``: written and read back otherwise."""

    name: str
    active: tuple[int, int]
    pairs: int
    sent: int
    sent_back: int
    held: int
    stopped: str
    differing: tuple[str, ...]
    differences: Sequence[Difference]


@dataclass(frozen=True)
class _Way:
    """One direction: whose ledger it is in, where it goes, and how that side's codes are called in the ledger."""

    integration: str
    connection: str
    company: str
    target: Target
    named: CodeSide
    knows_all: bool  # every code gets a document, because others wait for it
    option: str = ""  # of the command that plans a refused one again


def align_codes(session: Session, name: str, run_id: str, actor: str) -> CodesDone:
    """One pass over one list. Raises ``NotReady`` where integration.yaml does not name it, and whatever a side raises
    that cannot be read whole: then nothing was written."""
    lists, sent, stopped, differing = _Lists(session, name), [0, 0], list[str](), list[str]()
    there, back = lists.ways
    lists.look()
    for place, way in ((1, back), (0, there)):  # what is made in the source is known there when the target hears of it
        if way is back and name not in lists.source.takes:
            continue
        context = RunContext(way.integration, run_id, actor, session.mapping.version)
        _plan(session, way, context, name, lists.found.in_source if way is back else lists.found.in_target)
        done = post(session.engine, way.target, way.integration, [name], context, mark=session.mark,
                    pinned=[way.company], settings=pace(way.target))  # fmt: skip
        sent[place] = done.sent
        stopped += [done.stopped] if done.stopped else []
        differing += done.differing
        if done.sent or done.settled:
            lists.look()
    return lists.said(sent=sent[0], sent_back=sent[1], stopped="; ".join(stopped), differing=tuple(differing))


def compare_codes(session: Session, name: str) -> CodesDone:
    """The same without a write: what differs now, and what the ledger says of it."""
    lists = _Lists(session, name)
    lists.look()
    return lists.said()


class _Lists:
    """One list of both sides, as it was last looked at."""

    def __init__(self, session: Session, name: str) -> None:
        rules = next((rules for each, rules in session.integration.codes.items() if each == name), None)
        source, target = session.road.source.codes, session.road.target.codes
        if rules is None or source is None or target is None:
            raise NotReady(f"{session.integration.name}: integration.yaml has no codes.{name}")
        self.session, self.name, self.kind, self.source, self.target = session, name, KINDS[name], source, target
        self.owners = Owners(rules.fields.get("name", "source"), rules.fields.get("active", "source"),
                             rules.create_in_source, rules.apart)  # fmt: skip
        self.ways = _ways(session, source, target)
        self.active, self.found = (0, 0), Aligned()

    def look(self) -> None:
        mine = list(self.source.read(self.session.source, self.kind))
        theirs = list(self.target.read(self.session.target_client, self.kind))
        self.active = sum(one.is_active for one in mine), sum(one.is_active for one in theirs)
        self.found = align(mine, theirs, self.owners)

    def said(self, *, sent: int = 0, sent_back: int = 0, stopped: str = "", differing: tuple[str, ...] = ()
             ) -> CodesDone:  # fmt: skip
        stuck = [(way, ledger.stuck_codes(self.session.engine, way.integration, self.name)) for way in self.ways]
        differences = [_with_reason(self.session, one, self.kind, stuck) for one in self.found.differences]
        sides = (self.found.in_target, self.found.in_source)
        held = sum(bool(one.hold) for side in sides for one in side.values())
        return CodesDone(self.name, self.active, self.found.pairs, sent, sent_back, held, stopped, differing,
                         differences)  # fmt: skip


def _with_reason(
    session: Session, one: Difference, kind: str, stuck: Sequence[tuple[_Way, Mapping[str, tuple[str, str]]]]
) -> Difference:
    """What the ledger says of a code that is not the same on both sides."""
    for way, known in stuck:
        key = way.named.key(session.integration, kind, one.code) if one.code else ""
        state, why = known.get(key, ("", ""))
        if state == "rejected":
            mend = f"Mend that, then: st-pipelines replay {key}{way.option} --by NAME --reason TEXT."
            return replace(one, to_do=f"{way.target.system} refused it: {why}. {mend}")
        if state == "held" and not why.startswith(one.to_do):
            return replace(one, to_do=f"It is held: {why}")
    return one


def _ways(session: Session, source: CodeSide, target: CodeSide) -> tuple[_Way, _Way]:
    integration = session.integration
    there = _Way(integration.name, integration.target.connection, integration.target.companies[0], session.target,
                 source, knows_all=True)  # fmt: skip
    back = _Way(integration.back, integration.source.connection, integration.source.company,
                source.as_target(session.source), target, knows_all=False, option=" --back")  # fmt: skip
    return there, back


def _plan(session: Session, way: _Way, context: RunContext, name: str, wanted: Mapping[str, Wanted]) -> None:
    kind, limits = KINDS[name], session.integration.options.run_limits
    keys = {code: way.named.key(session.integration, kind, code) for code in wanted}
    in_hand = ledger.in_hand(session.engine, way.integration, keys.values())
    held = ledger.held_codes(session.engine, way.integration, name)
    refused = ledger.not_taken(session.engine, way.integration, name)
    documents = []
    for code, one in wanted.items():
        key = keys[code]
        known = key in in_hand
        if one.hold is None and one.in_step and key not in held and (known or not way.knows_all):
            continue
        # Once more only after somebody has saved the record there.
        saved = one.there is not None and held.get(key, one.there.version) != one.there.version
        if key in refused and not one.in_step and not saved:
            one = not_taken(one, *refused[key])
        documents.append(_document(session, way, name, key, one, known))
    plan_documents(session.engine, context, documents, target=way.connection, change=way.target.change,
                   limits=RunLimits(limits.documents, limits.amount))  # fmt: skip


def _document(session: Session, way: _Way, name: str, key: str, one: Wanted, known: bool) -> MappedDocument:
    """``known``: the ledger has written it there before, so that it begins from nothing."""
    there = one.there
    payload = Code(
        key, one.code, one.name, one.is_active, dict(one.details),
        begins_from=there.target_id if there and not known else "",
        replaces=there.version if there and not one.in_step else "",
    )  # fmt: skip
    integration, said = session.integration, [msgspec.json.encode(payload), one.hold.code.encode() if one.hold else b""]
    return MappedDocument(
        flow=name, kind=KINDS[name], doc_key=key, company=way.company, business_date=integration.first_day,
        currency=integration.options.currency, total=Decimal(0), disposition="held" if one.hold else "ready",
        source_sha256=hashlib.sha256(b"|".join(said)).hexdigest(), modified_on=_NO_TIME,
        payload=payload, hold=one.hold, label=f"{one.code} {one.name}",
    )  # fmt: skip
