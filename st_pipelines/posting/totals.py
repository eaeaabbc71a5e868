"""Counts, sums and control totals of the ledger. Invariant: every posting ever planned is in exactly one state (L17).

Sums are whole minor units per currency. ``documents`` counts each document once, by where its newest version ended;
``postings`` counts ledger rows; ``control_totals`` adds up the control lines of what stands in the target.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from st_pipelines.audit.trail import Event, append_many
from st_pipelines.database.engine import reading
from st_pipelines.posting.context import RunContext, ledger_transaction


@dataclass(frozen=True)
class Total:
    """``key`` names what was counted, e.g. flow and state; ``amount_minor`` in minor units of ``currency``."""

    key: tuple[str, ...]
    currency: str
    count: int
    amount_minor: int


@dataclass(frozen=True)
class Identity:
    """planned = posted + rejected + superseded + held + unknown + open, by flow and company, from two witnesses: the
    trail says what was ever planned, the ledger where it is now."""

    holds: bool
    planned: int
    states: Mapping[str, int]
    breaks: tuple[str, ...]


class IdentityBroken(RuntimeError):
    """The ledger does not add up. Nothing may be sent until it is understood."""


_postings = """SELECT {keys}, currency, count(*) AS postings, sum(amount_minor) AS amount FROM posting
WHERE integration = :integration GROUP BY {keys}, currency ORDER BY {keys}, currency"""

# A document is where its last posting that was not superseded is; one without postings is what its version says. A
# planned one that waits for another document or a fact is waiting.
_documents = """
SELECT flow, company, partition_key, business_date, currency, state, count(*) AS documents, sum(amount_minor) AS amount
FROM (
  SELECT v.flow, v.company, v.partition_key, v.business_date, v.currency, v.amount_minor,
    CASE WHEN p.posting_id IS NULL THEN v.disposition
      WHEN p.state = 'posted' AND p.op = 'void' THEN 'voided'
      WHEN p.state = 'planned' AND EXISTS (SELECT 1 FROM posting_need w WHERE w.posting_id = p.posting_id
        AND w.satisfied_at IS NULL) THEN 'waiting'
      ELSE p.state END AS state
  FROM document_version v LEFT JOIN posting p ON p.posting_id = (
    SELECT q.posting_id FROM posting q WHERE q.integration = v.integration AND q.doc_key = v.doc_key
    AND q.state <> 'superseded' ORDER BY q.seq DESC LIMIT 1)
  WHERE v.integration = :integration AND v.is_latest = 1
) d WHERE {where} GROUP BY flow, company, partition_key, business_date, currency, state"""

_standing = """
FROM posting p JOIN control_line c ON c.posting_id = p.posting_id
WHERE p.integration = :integration AND p.state = 'posted' AND p.op IN ('create', 'update') AND {where}
AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
  AND q.seq > p.seq AND q.state = 'posted')"""


def postings(engine: Engine, integration: str, by: tuple[str, ...] = ("flow", "state")) -> list[Total]:
    """Ledger rows by any of flow, kind, op, state, company, partition_key, business_date, run_id, reason_code."""
    allowed = {"flow", "kind", "op", "state", "company", "partition_key", "business_date", "run_id", "reason_code"}
    if not by or not set(by) <= allowed:
        raise ValueError(f"postings are counted by {sorted(allowed)}")
    with reading(engine) as connection:
        rows = connection.execute(text(_postings.format(keys=", ".join(by))), {"integration": integration})
        return [Total(tuple(row[: len(by)]), row.currency, row.postings, int(row.amount)) for row in rows]


def documents(engine: Engine, integration: str, by: tuple[str, ...] = ("flow", "state"), *, flow: str = "",
              partition_key: str = "") -> list[Total]:  # fmt: skip
    """Documents counted once each, by any of flow, company, partition_key, business_date, state.

    States: posted, voided, planned, waiting, sending, unknown, held, rejected; and for what has nothing to post:
    nothing_to_post, not_eligible, void, or ready (posted as it stands, before the version changed nothing)."""
    allowed = ("flow", "company", "partition_key", "business_date", "state")
    if not by or not set(by) <= set(allowed):
        raise ValueError(f"documents are counted by {allowed}")
    conditions = ["1 = 1", *(["flow = :flow"] if flow else []), *(["partition_key = :day"] if partition_key else [])]
    values = {"integration": integration, "flow": flow, "day": partition_key}
    counted: dict[tuple[tuple[str, ...], str], list[int]] = {}
    with reading(engine) as connection:
        for row in connection.execute(text(_documents.format(where=" AND ".join(conditions))), values):
            at = counted.setdefault((tuple(row._mapping[name] for name in by), row.currency), [0, 0])
            at[0] += row.documents
            at[1] += int(row.amount)
    return [Total(key, currency, count, amount) for (key, currency), (count, amount) in sorted(counted.items())]


def control_totals(
    engine: Engine, integration: str, by: tuple[str, ...] = ("business_unit", "gl_account"), *, flow: str = "",
    since: str = "", until: str = "",
) -> list[Total]:  # fmt: skip
    """What stands in the target, by any of flow, company, business_unit, gl_account, cost_center, business_date, month,
    partition_key; debit positive. ``since`` and ``until``: business dates, both included. ``count`` is of lines."""
    columns = {
        "flow": "p.flow", "company": "p.company", "business_unit": "c.business_unit", "gl_account": "c.gl_account",
        "cost_center": "c.cost_center", "business_date": "p.business_date", "month": "substr(p.business_date, 1, 7)",
        "partition_key": "p.partition_key",
    }  # fmt: skip
    if not by or not set(by) <= columns.keys():
        raise ValueError(f"control totals are added up by {sorted(columns)}")
    keys = ", ".join(columns[name] for name in by)
    conditions = ["1 = 1", *(["p.flow = :flow"] if flow else []), *(["p.business_date >= :since"] if since else []),
                  *(["p.business_date <= :until"] if until else [])]  # fmt: skip
    statement = (
        f"SELECT {keys}, p.currency, count(*) AS lines, sum(c.amount_minor) AS amount "
        f"{_standing.format(where=' AND '.join(conditions))} GROUP BY {keys}, p.currency ORDER BY {keys}, p.currency"
    )
    values = {"integration": integration, "flow": flow, "since": since, "until": until}
    with reading(engine) as connection:
        rows = connection.execute(text(statement), values)
        return [Total(tuple(row[: len(by)]), row.currency, row.lines, int(row.amount)) for row in rows]


def check_identity(engine: Engine, integration: str) -> Identity:
    """Compares the two witnesses. A break is for ``require_identity`` to stop on."""
    with reading(engine) as connection:
        return _identity(connection, integration)


def require_identity(engine: Engine, context: RunContext) -> Identity:
    """The same, recorded in the trail; raises ``IdentityBroken`` where it does not hold."""
    with ledger_transaction(engine) as connection:
        found = _identity(connection, context.integration)
        content = {**context.audited(), "holds": found.holds, "planned": found.planned, "states": dict(found.states),
                   "breaks": list(found.breaks)}  # fmt: skip
        append_many(connection, [Event("identity_checked", "", None, content)])
    if not found.holds:
        raise IdentityBroken("; ".join(found.breaks))
    return found


def _identity(connection: Connection, integration: str) -> Identity:
    field = "content ->> '{}'" if connection.dialect.name == "sqlite" else "(CAST(content AS jsonb) ->> '{}')"
    told = ", ".join(f"{field.format(name)} AS {name}" for name in ("flow", "company", "currency"))
    amount = f"CAST({field.format('amount_minor')} AS bigint)"
    events = connection.execute(
        text(
            f"SELECT {told}, count(*) AS postings, sum({amount}) AS amount FROM audit_event WHERE event = 'planned' "
            f"AND {field.format('integration')} = :integration GROUP BY 1, 2, 3"
        ),
        {"integration": integration},
    )
    planned = {(row.flow, row.company, row.currency): (row.postings, int(row.amount)) for row in events}
    rows = connection.execute(
        text(
            "SELECT flow, company, currency, state, count(*) AS postings, sum(amount_minor) AS amount FROM posting "
            "WHERE integration = :integration GROUP BY flow, company, currency, state"
        ),
        {"integration": integration},
    )
    states: dict[str, int] = {}
    now: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        states[row.state] = states.get(row.state, 0) + row.postings
        count, total = now.get((row.flow, row.company, row.currency), (0, 0))
        now[row.flow, row.company, row.currency] = (count + row.postings, total + int(row.amount))
    breaks = tuple(
        f"{' '.join(key)}: planned {planned.get(key, (0, 0))}, now {now.get(key, (0, 0))} (count, minor units)"
        for key in sorted(planned.keys() | now.keys()) if planned.get(key, (0, 0)) != now.get(key, (0, 0))
    )  # fmt: skip
    return Identity(not breaks, sum(count for count, _ in planned.values()), states, breaks)


@dataclass(frozen=True)
class FlowTotal:
    """Documents of one flow in one state; ``amount_minor`` in minor units of ``currency``."""

    flow: str
    state: str
    currency: str
    documents: int
    amount_minor: int


def flow_totals(engine: Engine, integration: str) -> list[FlowTotal]:
    """Documents by flow and state, each counted once."""
    counted = documents(engine, integration, ("flow", "state"))
    return [FlowTotal(row.key[0], row.key[1], row.currency, row.count, row.amount_minor) for row in counted]


def writes_sent(engine: Engine, integration: str) -> int:
    """How many writes left, or may have left, for the target so far: answered ones and those without an answer."""
    with reading(engine) as connection:
        field = "content ->> '{}'" if connection.dialect.name == "sqlite" else "(CAST(content AS jsonb) ->> '{}')"
        of, how, was = field.format("integration"), field.format("how"), field.format("from")
        statement = text(
            f"SELECT count(*) FROM audit_event WHERE event IN ('posted', 'rejected', 'unknown', 'lease_ended') "
            f"AND {of} = :integration AND {was} = 'sending' AND (event <> 'posted' OR {how} = 'sent') "
            f"AND {field.format('to')} IN ('posted', 'rejected', 'unknown')"
        )
        return int(connection.execute(statement, {"integration": integration}).scalar_one())
