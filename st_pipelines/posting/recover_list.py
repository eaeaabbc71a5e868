"""Holds the target's own list of our documents against a restored ledger (L15). Invariant: changes no posting's state;
what was changed after the backup becomes an alarm, what the ledger has never heard of is named."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine, bindparam, text

from st_pipelines.database.engine import reading
from st_pipelines.posting import readback
from st_pipelines.posting.claimed import COLUMNS, Claimed, load
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.recover import Recovered
from st_pipelines.posting.target import Found, Target

_CHUNK = 500
_VOID = ":void"

_of_kind = "integration = :of AND kind = :kind AND company = :company AND external_ref IN :references"
_known = text(f"SELECT DISTINCT external_ref FROM posting WHERE {_of_kind}").bindparams(
    bindparam("references", expanding=True)
)
_standing = text(
    f"SELECT {COLUMNS} FROM posting p WHERE {_of_kind} AND state = 'posted' AND NOT EXISTS (SELECT 1 FROM posting q "
    "WHERE q.integration = p.integration AND q.doc_key = p.doc_key AND q.seq > p.seq "
    "AND q.state NOT IN ('rejected', 'superseded')) ORDER BY posting_id"
).bindparams(bindparam("references", expanding=True))


def compare_listed(
    engine: Engine, target: Target, context: RunContext, kind: str, company: str, since: date, until: date,
    found: Recovered, watch: Watch,
) -> None:  # fmt: skip
    """Business dates in [since, until]. Adds to ``found``; raises what the target raises where it cannot be listed."""
    batch: list[Found] = []
    for each in target.list_posted(kind, company, since, until):
        batch.append(each)
        if len(batch) >= _CHUNK:
            _compare(engine, target, context, kind, company, batch, found, watch)
            batch = []
    if batch:
        _compare(engine, target, context, kind, company, batch, found, watch)


def _compare(
    engine: Engine, target: Target, context: RunContext, kind: str, company: str, listed: Sequence[Found],
    found: Recovered, watch: Watch,
) -> None:  # fmt: skip
    answer: dict[str, list[Found]] = {}
    for each in listed:
        answer.setdefault(each.external_ref, []).append(each)
    references = {reference.removesuffix(_VOID) for reference in answer}
    values = {"of": context.integration, "kind": kind, "company": company, "references": sorted(references)}
    with reading(engine) as connection:
        known = set(connection.execute(_known, values).scalars())
        standing = load(connection, context.integration, connection.execute(_standing, values).all())
    found.listed += len(listed)
    found.unplanned += [each for each in listed if each.external_ref.removesuffix(_VOID) not in known]
    differing = [difference for row in standing if (difference := _difference(target, row, answer)) is not None]
    readback.record(engine, context, (), differing, watch)
    found.differing += [difference.row.doc_key for difference in differing]


def _difference(target: Target, row: Claimed, answer: dict[str, list[Found]]) -> readback.Difference | None:
    try:
        _, differing = readback.compare(target, [row], answer)
    except Exception as error:  # noqa: BLE001 (one document that cannot be compared is an alarm of its own, R7)
        return readback.Difference(row, f"cannot be compared: {type(error).__name__}: {error}")
    return differing[0] if differing else None
