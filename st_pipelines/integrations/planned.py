"""Which stored days hold anything that the ledger has not planned. Invariant: the ledger is asked about every document
of every day; what is remembered of a day is only what its documents' content hashes are.

A day's hashes are kept when it was planned, under the digest of its mapped partition and of our code: while both are
the same, its documents need not be made again to be compared. A month's days are kept together.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.align_parties import aligns
from st_pipelines.integrations.map_day import LAYER as MAPPED
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.posting.canonical import content_sha256
from st_pipelines.posting.versions import recorded
from st_pipelines.store.code import code_digest
from st_pipelines.store.files import NotStored

LAYER = "planned"
_CONTENT = pa.schema([("day", pa.string()), ("doc_key", pa.string()), ("content_sha256", pa.string())])
_Hashes = Sequence[tuple[str, str]]  # document key, content hash


@dataclass
class _Days:
    """By day: the digest of the mapped partition, and its documents' hashes."""

    mapped: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))


def first_to_plan(session: Session, flow: Flow, keys: Sequence[str]) -> int:
    """The place of the first day that planning could change anything for; ``len(keys)`` where there is none. All that
    follow it are to be planned too: a later version of the same document may lie in them."""
    if aligns(session, flow):
        return 0  # what is planned depends on the links too, and on what the target has
    said: list[tuple[int, str, str]] = []
    end, months = len(keys), dict[str, _Days]()
    for place, key in enumerate(keys):
        hashes = _of_day(session, flow, key, months)
        if hashes is None:
            end = place
            break
        said += ((place, *one) for one in hashes)
    latest = recorded(session.engine, session.integration.name, list(dict.fromkeys(key for _, key, _ in said)))
    return next((place for place, key, sha256 in said if latest.get(key) != sha256), end)


class Planned:
    """The days of one flow that this run plans; ``keep`` stores what is known of them now.

    Two processes that do this at once may forget each other's days, which are planned again then."""

    def __init__(self, session: Session, flow: Flow) -> None:
        self._session, self._flow, self._wanted = session, flow, not aligns(session, flow)
        self._months: dict[str, _Days] = {}

    def note(self, key: str, digest: str, documents: Iterable[MappedDocument]) -> None:
        """A day was planned; ``digest``: of the mapped partition that its documents were read from."""
        mapped = self._session.store.manifest(self._session.integration.name, MAPPED, self._flow.name, key)
        if not self._wanted or mapped.digest != digest or not mapped.tables[self._flow.name].rows:
            return
        if key[:7] not in self._months:
            self._months[key[:7]] = _read(self._session, self._flow, key[:7])
        month = self._months[key[:7]]
        month.mapped[key] = digest
        month.hashes[key] = [(one.doc_key, content_sha256(one)) for one in documents]

    def keep(self) -> None:
        for month, days in self._months.items():
            rows = [(day, *one) for day in sorted(days.mapped) for one in days.hashes[day]]
            table = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=_CONTENT)
            place = (self._session.integration.name, LAYER, self._flow.name, month)
            with self._session.store.table_writer(*place, {self._flow.name: _CONTENT}) as writer:
                writer.write(self._flow.name, table)
                writer.remember(pages=[], mapped=days.mapped, code=code_digest())


def _of_day(session: Session, flow: Flow, key: str, months: dict[str, _Days]) -> _Hashes | None:
    mapped = session.store.manifest(session.integration.name, MAPPED, flow.name, key)
    if not mapped.tables[flow.name].rows:
        return ()
    if key[:7] not in months:
        months[key[:7]] = _read(session, flow, key[:7])
    known = months[key[:7]]
    return known.hashes[key] if known.mapped.get(key) == mapped.digest else None


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
    for day, doc_key, sha256 in zip(*(column.to_pylist() for column in table.columns), strict=True):
        days.hashes[day].append((doc_key, sha256))
    return days
