"""What an outage of the target has left open, and whether the target answers again. Invariant: reads only; what is
rejected, held or waits for another document is never counted, for no run would change it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text

from st_pipelines.database.engine import now_us, reading
from st_pipelines.integrations.session import Session
from st_pipelines.posting.claim import ELIGIBLE
from st_pipelines.posting.owner import is_gone
from st_pipelines.posting.target import WrongCompany

# "Proven not sent" in all its ways; an empty code: the session ended before it came to this posting.
TRANSPORT = ("not_sent", "proved_absent", "lease_ended", "")
_US = 1_000_000
_planned = text(
    "SELECT p.partition_key, p.company, p.not_before AS due FROM posting p WHERE "
    + ELIGIBLE.format(flows="")
    + " AND p.reason_code IN :codes"
).bindparams(bindparam("codes", expanding=True))
_under_way = text(
    "SELECT partition_key, company, state, coalesce(sent_at, 0) AS sent_at, coalesce(lease_until, 0) AS lease_until, "
    "lease_owner "
    "FROM posting WHERE integration = :integration AND state IN ('unknown', 'sending')"
)


@dataclass(frozen=True)
class LeftOpen:
    """``days``: partitions with something that a run could settle now; ``later_s``: seconds until more can be."""

    postings: int
    days: tuple[str, ...]
    companies: tuple[str, ...]
    later: int
    later_s: float

    def __str__(self) -> str:
        if self.postings:
            return f"{self.postings} postings of {len(self.days)} day(s), {self.days[0]} to {self.days[-1]}, are open"
        return f"{self.later} postings are on their way, or wait a while" if self.later else "Nothing is open"


def left_open(session: Session) -> LeftOpen:
    """Of the integration, by the ledger. Asks no outside system."""
    values = {"integration": session.integration.name, "codes": TRANSPORT}
    with reading(session.engine) as connection:
        now = now_us(connection)
        planned = connection.execute(_planned, values).all()
        under_way = connection.execute(_under_way, {"integration": session.integration.name}).all()
    rows = [(row.due, row.partition_key, row.company) for row in planned]
    quiet = int(session.target.quiet_period_s * _US) if under_way else 0
    rows += [(_due(row, quiet), row.partition_key, row.company) for row in under_way]
    due = [row for row in rows if row[0] <= now]
    later = [row[0] - now for row in rows if row[0] > now]
    days, companies = {day for _, day, _ in due if day}, {company for _, _, company in due}
    return LeftOpen(len(due), tuple(sorted(days)), tuple(sorted(companies)), len(later), min(later, default=0) / _US)


def _due(row: Any, quiet_us: int) -> int:
    """When a run can do something about it: a worker's lease is over, or the quiet period of what was sent."""
    if row.state == "unknown":
        return int(row.sent_at) + quiet_us
    return 0 if is_gone(row.lease_owner) else int(row.lease_until)


def no_answer(session: Session, companies: Sequence[str]) -> str:
    """Why nothing can be sent now: the ledger was restored, or the target does not answer a cheap read. Empty = it may
    be tried. A wrong company is no outage: it is raised."""
    fault = session.mark.look(session.engine).fault
    if fault:
        return fault
    for company in companies:
        try:
            session.target.check_company(company)
        except WrongCompany:
            raise
        except Exception as error:  # noqa: BLE001 (down, refused, expired: the reason is what the sensor shows)
            return f"{type(error).__name__}: {error}"[:300]
    return ""
