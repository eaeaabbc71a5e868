"""How supplier invoices of orders clear their match: at the first try or not, and which ones wait for goods, by age.

Invariant: read from the ledger and its trail; an invoice counts once, whatever became of it. Being early is no try: an
invoice that waits was not sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from sqlalchemy import Engine, text

from st_pipelines.database.engine import reading
from st_pipelines.documents.bill import COVERED
from st_pipelines.posting.target import ON_HOLD
from st_pipelines.posting.waiting import Wait, at_risk, waits

# Ages in hours: from the first, below the second.
AGES: Mapping[str, tuple[int, int]] = {
    "under a day": (0, 24), "1 to 3 days": (24, 72), "3 to 7 days": (72, 168), "a week and more": (168, 10**9),
}  # fmt: skip
_TENTH = Decimal("0.1")

# The first posted create of each document, under the day of its version: a replay is of no day. Refused: by the target,
# not dismissed by a person. What was seen of the goods is in the trail under the fact's key; «missing» where some were.
_matched = """
SELECT v.partition_key, count(*) AS matched,
  sum(CASE WHEN p.reason_code = :on_hold OR EXISTS (SELECT 1 FROM posting r WHERE r.integration = p.integration
    AND r.doc_key = p.doc_key AND r.seq < p.seq AND r.op = 'create' AND r.state = 'rejected'
    AND r.reason_code <> 'dismissed') THEN 1 ELSE 0 END) AS stopped,
  sum(CASE WHEN EXISTS (SELECT 1 FROM audit_event e WHERE e.doc_key = p.doc_key || :covered AND e.event = 'fact'
    AND e.content LIKE '% missing%') THEN 1 ELSE 0 END) AS early
FROM posting p JOIN posting_need w ON w.posting_id = p.posting_id AND w.needs = p.doc_key || :covered
JOIN document_version v ON v.version_id = p.version_id
WHERE p.integration = :integration {flow}AND p.op = 'create' AND p.state = 'posted' AND NOT EXISTS (
  SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key AND q.seq < p.seq
  AND q.op = 'create' AND q.state = 'posted')
GROUP BY v.partition_key"""


@dataclass(frozen=True)
class AgeOfWaits:
    """Documents that wait as long as ``age`` says; ``amounts_minor`` by currency."""

    age: str
    documents: int
    amounts_minor: Mapping[str, int]


@dataclass(frozen=True)
class MatchRate:
    """``matched``: invoices that took goods in the books; ``first_try``: of these the ones that the books took without
    refusing them before and without putting anything on hold (a throttle or a lost connection is no answer); ``early``:
    of the matched ones those that came before their goods and waited. ``waiting``: what waits now."""

    matched: int = 0
    first_try: int = 0
    early: int = 0
    waiting: Sequence[AgeOfWaits] = ()

    @property
    def percent(self) -> Decimal | None:
        """With one decimal, rounded down: one refusal in ten thousand is not 100. None where nothing was matched."""
        if not self.matched:
            return None
        return (Decimal(100 * self.first_try) / self.matched).quantize(_TENTH, rounding=ROUND_DOWN)

    @property
    def waits(self) -> int:
        return sum(one.documents for one in self.waiting)

    def verdict(self) -> str:
        if self.percent is None:
            return "No invoice of an order was matched yet"
        return (f"{self.first_try:,} of {self.matched:,} invoices of orders were matched at the first try "
                f"({self.percent} %), {self.early:,} of them had come before their goods")  # fmt: skip


def match_rate(engine: Engine, integration: str, flow: str = "") -> MatchRate:
    """Over the integration's whole life; waits as of now. ``flow``: of one only."""
    days = matched_by_day(engine, integration, flow).values()
    waiting = by_age(waits_for_goods(engine, integration, flow))
    return MatchRate(sum(one.matched for one in days), sum(one.first_try for one in days),
                     sum(one.early for one in days), waiting)  # fmt: skip


def matched_by_day(engine: Engine, integration: str, flow: str = "") -> Mapping[str, MatchRate]:
    """By the day of changes that the documents are of, without waits; days without any are left out."""
    statement = text(_matched.format(flow="AND p.flow = :flow " if flow else ""))
    values = {"integration": integration, "covered": COVERED, "on_hold": ON_HOLD, **({"flow": flow} if flow else {})}
    with reading(engine) as connection:
        return {row.partition_key: MatchRate(row.matched, row.matched - int(row.stopped), int(row.early))
                for row in connection.execute(statement, values)}  # fmt: skip


def waits_for_goods(engine: Engine, integration: str, flow: str = "") -> list[Wait]:
    """The longest wait first. What waits for something else is another matter."""
    return [wait for wait in waits(engine, integration)
            if wait.needs.endswith(COVERED) and flow in ("", wait.flow)]  # fmt: skip


def by_age(waiting: Sequence[Wait]) -> list[AgeOfWaits]:
    """Every age, also those with nothing in them, so that a plot has no gaps."""
    return [_of_age(age, waiting) for age in AGES]


def _of_age(age: str, waiting: Sequence[Wait]) -> AgeOfWaits:
    since, until = AGES[age]
    some = [wait for wait in waiting if since <= wait.age_hours < until]
    return AgeOfWaits(age, len(some), {currency: minor for currency, (_, minor) in at_risk(some).items()})
