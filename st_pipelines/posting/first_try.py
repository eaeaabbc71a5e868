"""How many documents that take goods went through at first try. Invariant: counted from what the target answered to the
first write of each document, as the ledger has it; a throttle or a lost connection is no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, text

from st_pipelines.database.engine import reading
from st_pipelines.documents.bill import COVERED
from st_pipelines.posting.target import ON_HOLD

# The first create of each document that the target answered: posted, or refused by it (not dismissed by a person).
_first_answers = text("""
SELECT p.partition_key, count(*) AS answered,
  sum(CASE WHEN p.state = 'posted' AND p.reason_code <> :on_hold THEN 1 ELSE 0 END) AS at_first_try
FROM posting p JOIN posting_need w ON w.posting_id = p.posting_id AND w.needs = p.doc_key || :covered
WHERE p.integration = :integration AND p.flow = :flow AND p.op = 'create' AND p.state IN ('posted', 'rejected')
  AND p.reason_code <> 'dismissed' AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration
    AND q.doc_key = p.doc_key AND q.seq < p.seq AND q.op = 'create' AND q.state IN ('posted', 'rejected')
    AND q.reason_code <> 'dismissed')
GROUP BY p.partition_key""")


@dataclass(frozen=True)
class MatchRate:
    """``at_first_try``: taken without a refusal and without anything on hold."""

    answered: int = 0
    at_first_try: int = 0

    @property
    def tenths_of_a_percent(self) -> int | None:
        """Rounded down, so that 1000 means all of them. None: nothing was matched yet."""
        return self.at_first_try * 1000 // self.answered if self.answered else None

    def __add__(self, other: "MatchRate") -> "MatchRate":
        return MatchRate(self.answered + other.answered, self.at_first_try + other.at_first_try)

    def __str__(self) -> str:
        tenths = self.tenths_of_a_percent
        return "none matched yet" if tenths is None else f"{tenths // 10}.{tenths % 10} % of {self.answered}"


def match_rates(engine: Engine, integration: str, flow: str) -> Mapping[str, MatchRate]:
    """By the day whose documents they are; days without any are left out."""
    with reading(engine) as connection:
        values = {"integration": integration, "flow": flow, "covered": COVERED, "on_hold": ON_HOLD}
        rows = connection.execute(_first_answers, values)
        return {row.partition_key: MatchRate(row.answered, int(row.at_first_try)) for row in rows}


def overall(rates: Mapping[str, MatchRate]) -> MatchRate:
    return sum(rates.values(), MatchRate())
