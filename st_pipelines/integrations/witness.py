"""Calls the second witness of a month: the source's own journal, asked about what we have read of the source.

Invariant: what we have read is a run of days without a gap; what changed after it cannot contradict us.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.reconciliation.hearing import Terms, hear
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.second_witness import Journal, SecondWitness
from st_pipelines.reconciliation.sides import Side
from st_pipelines.reconciliation.source_side import latest_versions

_MISSED = ("held", "nothing_to_post")  # what the journal may have posted and our totals do not count, or not there


@contextmanager
def second_witness(
    session: Session, flows: Sequence[Flow], period: Period, read: Mapping[str, Sequence[str]],
    documents: Sequence[MappedDocument],
) -> Iterator[Callable[[Side], SecondWitness] | None]:  # fmt: skip
    """To be called with the source side; nothing where the integration wants no witness. ``read``: flow -> stored days.
    ``documents``: all that are stored, of any date and version. The journal is read while the target is."""
    options, source = session.integration.options, session.road.source
    if options.second_witness == "none" or source.journal is None:
        yield None
        return
    journal = source.journal(lambda: session.source, session.integration, session.reference_tables("source"))
    newest = latest_versions(documents)
    spans = [span(read[flow.name], session.integration.zone, datetime.now(UTC)) for flow in flows if read[flow.name]]
    terms = Terms(
        kinds=[kind for flow in flows for kind in flow.reconciled_kinds],
        first_day=max((first for first, _ in spans), default=None),
        until=min(until for _, until in spans) if len(spans) == len(flows) and spans else None,
        dated_elsewhere={key: one.business_date for key, one in newest.items() if one.business_date not in period},
        accounts=options.witness_accounts,
        own_accounts=options.rounding_accounts,
        control_accounts=set(options.own_accounts) - set(options.rounding_accounts),
        details_first=any(one.business_date in period and one.disposition in _MISSED for one in newest.values()),
    )  # fmt: skip
    with ThreadPoolExecutor(1, thread_name_prefix="journal") as reader:
        asked = _asked_ahead(journal, period, terms, reader)
        yield lambda source_side: hear(asked, source_side, period, terms)


def _asked_ahead(journal: Journal, period: Period, terms: Terms, reader: ThreadPoolExecutor) -> Journal:
    """The journal, whose first question is asked already. What it raises is raised where the answer is wanted."""
    since, until = period.ranges[0][0], period.ranges[-1][1]
    first = reader.submit(journal.details if terms.details_first else journal.summary, since, until)

    def answered(ask: Callable[[date, date], pa.Table]) -> Callable[[date, date], pa.Table]:
        return lambda *dates: first.result() if dates == (since, until) else ask(*dates)

    if terms.details_first:
        return replace(journal, details=answered(journal.details))
    return replace(journal, summary=answered(journal.summary))


def span(days: Sequence[str], zone: ZoneInfo, now: datetime) -> tuple[date, datetime]:
    """First day, and the instant up to which every modification was read: the end of the last day before a gap, but
    not later than the last midnight, for the day in progress is read again and again."""
    stored = sorted(date.fromisoformat(day) for day in days)
    last = stored[0]
    for before, after in pairwise(stored):
        if after - before > timedelta(days=1):
            break
        last = after
    today = now.astimezone(zone).date()
    end = min(last + timedelta(days=1), today)
    return stored[0], datetime.combine(end, time(), zone).astimezone(UTC)
