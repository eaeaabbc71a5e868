"""Which stored days hold anything that the ledger has not planned. Invariant: the ledger is asked about every document
of every day; what is remembered of a day is only what its documents' content hashes are.

A day's hashes are kept once it was planned and sent, under the digest of its mapped documents, of the links of its
parties and of our code: while these are the same, its documents need not be made again to be compared. A month's days
are kept together.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.at_rest import LinksNow, parties_of
from st_pipelines.integrations.map_day import LAYER as MAPPED
from st_pipelines.integrations.map_day import books_of
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.posting.canonical import content_sha256
from st_pipelines.posting.versions import recorded
from st_pipelines.store.code import code_digest
from st_pipelines.store.files import NotStored

LAYER = "planned"
_CONTENT = pa.schema(
    [("day", pa.string()), ("doc_key", pa.string()), ("content_sha256", pa.string()), ("party", pa.string()),
     ("waits", pa.bool_())]
)  # fmt: skip


class _Kept(NamedTuple):
    """One document of a day as planning compares it; ``party`` and ``waits`` as in ``at_rest.Answer``."""

    doc_key: str
    content_sha256: str
    party: str
    waits: bool


@dataclass
class _Days:
    """By day: the digest of its mapped documents, that of its parties' links, and its documents."""

    mapped: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    kept: dict[str, list[_Kept]] = field(default_factory=lambda: defaultdict(list))


def first_to_plan(session: Session, flow: Flow, keys: Sequence[str], stopped: Iterable[MappedDocument] = ()) -> int:
    """The place of the first day that planning could change anything for; ``len(keys)`` where there is none. All that
    follow it are to be planned too: a later version of the same document may lie in them.

    ``stopped``: what is aligned again with this run whatever its day; the same document of a day says nothing more."""
    said: list[tuple[int, _Kept]] = []
    end, months, linked = len(keys), dict[str, _Days](), list[tuple[int, str, set[str]]]()
    for place, key in enumerate(keys):
        known = _of_day(session, flow, key, months)
        if known is None:
            end = place
            break
        kept, links = known
        said += ((place, one) for one in kept)
        linked.append((place, links, {one.party for one in kept if one.party}))
    now = LinksNow(session, flow, set().union(*(parties for _, _, parties in linked)))
    end = next((place for place, links, parties in linked if links and links != now.digest(parties)), end)
    latest = recorded(session.engine, session.integration.name, list(dict.fromkeys(one.doc_key for _, one in said)))
    again = {document.doc_key: content_sha256(document) for document in stopped}
    return next(
        (place for place, one in said
         if place < end and (again if one.waits else latest).get(one.doc_key) != one.content_sha256), end
    )  # fmt: skip


class Planned:
    """The days of one flow that this run plans; ``keep`` stores what is known of them now.

    Two processes that do this at once may forget each other's days, which are planned again then."""

    def __init__(self, session: Session, flow: Flow) -> None:
        self._session, self._flow = session, flow
        self._digests: dict[str, str] = {}

    def note(self, key: str, digest: str) -> None:
        """A day was planned; ``digest``: of the mapped partition that its documents were read from."""
        self._digests[key] = digest

    def keep(self) -> None:
        """Once everything was sent: the links are made then."""
        months: dict[str, _Days] = {}
        for key, digest in self._digests.items():
            if key[:7] not in months:
                months[key[:7]] = _read(self._session, self._flow, key[:7])
            self._keep_day(months[key[:7]], key, digest)
        for month, days in months.items():
            if days.mapped:
                self._write(month, days)

    def _keep_day(self, month: _Days, key: str, digest: str) -> None:
        session, flow = self._session, self._flow
        documents = list(stored_documents(session, flow, [key]))
        mapped = session.store.manifest(session.integration.name, MAPPED, flow.name, key)
        if mapped.digest != digest or not documents:
            return  # mapped again since it was planned
        parties = parties_of(session, flow, documents)
        now = LinksNow(session, flow, parties)
        month.mapped[key], month.links[key] = books_of(mapped), now.digest(parties)
        month.kept[key] = [
            _Kept(one.document.doc_key, content_sha256(one.document), one.party, one.waits)
            for one in now.answers(documents)
        ]

    def _write(self, month: str, days: _Days) -> None:
        rows = [(day, *one) for day in sorted(days.mapped) for one in days.kept[day]]
        columns = zip(*rows, strict=True)
        arrays = [pa.array(column, of.type) for column, of in zip(columns, _CONTENT, strict=True)]
        place = (self._session.integration.name, LAYER, self._flow.name, month)
        with self._session.store.table_writer(*place, {self._flow.name: _CONTENT}) as writer:
            writer.write(self._flow.name, pa.table(arrays, schema=_CONTENT))
            writer.remember(pages=[], mapped=days.mapped, links=days.links, code=code_digest())


def _of_day(session: Session, flow: Flow, key: str, months: dict[str, _Days]) -> tuple[Sequence[_Kept], str] | None:
    """The day's documents and the digest of their parties' links, as kept; ``None`` where they must be made."""
    mapped = session.store.manifest(session.integration.name, MAPPED, flow.name, key)
    if not mapped.tables[flow.name].rows:
        return (), ""
    if key[:7] not in months:
        months[key[:7]] = _read(session, flow, key[:7])
    known = months[key[:7]]
    return (known.kept[key], known.links[key]) if known.mapped.get(key) == books_of(mapped) else None


def _read(session: Session, flow: Flow, month: str) -> _Days:
    """What is known of a month; nothing where other code wrote it."""
    place, days = (session.integration.name, LAYER, flow.name, month), _Days()
    try:
        facts, table = session.store.manifest(*place).facts, session.store.read_table(*place)
    except NotStored:
        return days
    if facts["code"] != code_digest():
        return days
    days.mapped |= facts["mapped"]
    days.links |= facts["links"]
    for day, *kept in zip(*(column.to_pylist() for column in table.columns), strict=True):
        days.kept[day].append(_Kept(*kept))
    return days
