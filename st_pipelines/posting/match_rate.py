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
from st_pipelines.posting.waiting import Wait, at_risk, waits

# Ages in hours: from the first, below the second.
AGES: Mapping[str, tuple[int, int]] = {
    "under a day": (0, 24), "1 to 3 days": (24, 72), "3 to 7 days": (72, 168), "a week and more": (168, 10**9),
}  # fmt: skip
_TENTH = Decimal("0.1")

# What was seen of the goods of an invoice is in the trail under the fact's key; «missing» is said where some were.
_matched = text("""
SELECT count(*) AS matched, coalesce(sum(refused), 0) AS refused, coalesce(sum(early), 0) AS early FROM (
  SELECT p.doc_key,
    CASE WHEN EXISTS (SELECT 1 FROM audit_event e WHERE e.doc_key = p.doc_key AND e.event = 'rejected')
      THEN 1 ELSE 0 END AS refused,
    CASE WHEN EXISTS (SELECT 1 FROM audit_event e WHERE e.doc_key = p.doc_key || :covered AND e.event = 'fact'
      AND e.content LIKE '% missing%') THEN 1 ELSE 0 END AS early
  FROM posting p JOIN posting_need w ON w.posting_id = p.posting_id AND w.needs = p.doc_key || :covered
  WHERE p.integration = :integration AND p.op = 'create' AND p.state = 'posted'
  GROUP BY p.doc_key
) one""")


@dataclass(frozen=True)
class AgeOfWaits:
    """Documents that wait as long as ``age`` says; ``amounts_minor`` by currency."""

    age: str
    documents: int
    amounts_minor: Mapping[str, int]


@dataclass(frozen=True)
class MatchRate:
    """``matched``: invoices that took goods in the books; ``first_try``: of these the ones that the books never
    refused; ``early``: of these the ones that came before their goods and waited. ``waiting``: what waits now."""

    matched: int
    first_try: int
    early: int
    waiting: Sequence[AgeOfWaits]

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


def match_rate(engine: Engine, integration: str) -> MatchRate:
    """Over the integration's whole life; waits as of now."""
    with reading(engine) as connection:
        row = connection.execute(_matched, {"integration": integration, "covered": COVERED}).one()
    for_goods = [wait for wait in waits(engine, integration) if wait.needs.endswith(COVERED)]
    matched, refused = int(row.matched), int(row.refused)
    return MatchRate(matched, matched - refused, int(row.early), [_of_age(age, for_goods) for age in AGES])


def _of_age(age: str, waiting: Sequence[Wait]) -> AgeOfWaits:
    since, until = AGES[age]
    some = [wait for wait in waiting if since <= wait.age_hours < until]
    return AgeOfWaits(age, len(some), {currency: minor for currency, (_, minor) in at_risk(some).items()})
