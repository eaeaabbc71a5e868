"""Run limits (M5): a mapping accident stops at some documents, not at all of them. Invariant: counted in the ledger.

What a run has planned is counted per company (and currency, for amounts) in the transaction that plans more. Above a
limit, all postings of that run and company which nobody has claimed yet are held together with the new ones.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text

from st_pipelines.documents.money import from_minor
from st_pipelines.posting import moves
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.rows import NewPosting
from st_pipelines.posting.settings import RunLimits

LIMIT_CODE = "run_limit"

_so_far = text(
    "SELECT company, currency, count(*) AS documents, sum(abs(amount_minor)) AS amount FROM posting "
    "WHERE integration = :integration AND run_id = :run_id AND (state <> 'held' OR reason_code = :code) "
    "GROUP BY company, currency"
)
_unsent = text(
    "SELECT posting_id, doc_key, fence, seq, op FROM posting WHERE integration = :integration AND run_id = :run_id "
    "AND company = :company AND state = 'planned' AND attempt = 0 AND reason_code <> :released"
)
RELEASED = "released"  # a person has looked at it: the limit does not hold it again


class RunTotals:
    """One run's totals while it plans."""

    def __init__(self, context: RunContext, limits: RunLimits) -> None:
        self.context, self.limits = context, limits
        self.documents: dict[str, int] = {}
        self.amounts: dict[tuple[str, str], int] = {}
        self.held_earlier = 0
        self._loaded = False

    def add(self, connection: Connection, new: Collection[NewPosting]) -> dict[str, str]:
        """Counts the new postings and turns them into holds where their company is above a limit. Gives the companies
        above a limit, with the sentence that says so."""
        if self.limits.documents is None and self.limits.amount is None:
            return {}
        if not self._loaded:
            self._load(connection)
        planned = [row for row in new if row.state == "planned"]
        for row in planned:
            self.documents[row.company] = self.documents.get(row.company, 0) + 1
            at = (row.company, row.currency)
            self.amounts[at] = self.amounts.get(at, 0) + abs(row.amount_minor)
        above = {company: said for company in {row.company for row in planned} if (said := self._above(company))}
        for row in planned:
            if row.company in above:
                row.state, row.reason_code, row.reason = "held", LIMIT_CODE, above[row.company]
        return above

    def hold_earlier(self, connection: Connection, above: dict[str, str], now: int) -> None:
        """Holds what the run planned before the limit was reached and nobody has claimed."""
        for company, said in above.items():
            values = {"integration": self.context.integration, "run_id": self.context.run_id, "company": company,
                      "released": RELEASED}  # fmt: skip
            rows = connection.execute(_unsent, values).all()
            moves.apply(connection, self.context, list(_holds(rows, said)), now)
            self.held_earlier += len(rows)

    def _load(self, connection: Connection) -> None:
        values = {"integration": self.context.integration, "run_id": self.context.run_id, "code": LIMIT_CODE}
        for company, currency, documents, amount in connection.execute(_so_far, values):
            self.documents[company] = self.documents.get(company, 0) + documents
            self.amounts[company, currency] = int(amount)
        self._loaded = True

    def _above(self, company: str) -> str:
        documents = self.documents.get(company, 0)
        if self.limits.documents is not None and documents > self.limits.documents:
            return f"this run plans {documents} postings for {company}, the limit is {self.limits.documents}"
        if self.limits.amount is not None:
            for (of, currency), minor in self.amounts.items():
                planned = from_minor(minor, currency)
                if of == company and planned > Decimal(self.limits.amount):
                    return f"this run plans {currency} {planned} for {company}, the limit is {self.limits.amount}"
        return ""


def _holds(rows: Iterable[Row[Any]], said: str) -> Iterable[moves.Move]:
    for row in rows:
        yield moves.Move(row.posting_id, row.doc_key, row.fence, "planned", "held", "held",
                         sets={"reason_code": LIMIT_CODE, "reason": said},
                         content={"seq": row.seq, "op": row.op})  # fmt: skip
