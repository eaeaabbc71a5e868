"""Which stored days hold anything that the ledger has not planned. Invariant: the ledger is asked about every document
of every day; what is remembered of a day is only what its documents' content hashes are.

A day's hashes are kept beside it when it was planned, under the digest of its mapped partition and of our code: while
both are the same, its documents need not be made again to be compared.
"""

from collections.abc import Iterable, Sequence

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
_CONTENT = pa.schema([("doc_key", pa.string()), ("content_sha256", pa.string())])


def first_to_plan(session: Session, flow: Flow, keys: Sequence[str]) -> int:
    """The place of the first day that planning could change anything for; ``len(keys)`` where there is none. All that
    follow it are to be planned too: a later version of the same document may lie in them."""
    if aligns(session, flow):
        return 0  # what is planned depends on the links too, and on what the target has
    asked: dict[str, int] = {}
    said: list[tuple[int, str, str]] = []
    end = len(keys)
    for place, key in enumerate(keys):
        known = _content(session, flow, key)
        if known is None:
            end = place
            break
        for doc_key, sha256 in known:
            said.append((place, doc_key, sha256))
            asked.setdefault(doc_key, place)
    latest = recorded(session.engine, session.integration.name, list(asked))
    return next((place for place, doc_key, sha256 in said if latest.get(doc_key) != sha256), end)


def remember(session: Session, flow: Flow, key: str, digest: str, documents: Iterable[MappedDocument]) -> None:
    """To be called when a day was planned; ``digest``: of the mapped partition that the documents were read from."""
    rows = [] if aligns(session, flow) else [(one.doc_key, content_sha256(one)) for one in documents]
    if not rows:
        return
    table = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=_CONTENT)
    place = (session.integration.name, LAYER, flow.name, key)
    with session.store.table_writer(*place, {flow.name: _CONTENT}) as writer:
        writer.write(flow.name, table)
        writer.remember(pages=[], mapped=digest, code=code_digest())


def _content(session: Session, flow: Flow, key: str) -> Iterable[tuple[str, str]] | None:
    store, name = session.store, session.integration.name
    mapped = store.manifest(name, MAPPED, flow.name, key)
    if not mapped.tables[flow.name].rows:
        return ()
    try:
        facts = store.manifest(name, LAYER, flow.name, key).facts
        if facts != {"mapped": mapped.digest, "code": code_digest()}:
            return None
        table = store.read_table(name, LAYER, flow.name, key)
    except NotStored:
        return None
    return zip(*(column.to_pylist() for column in table.columns), strict=True)
