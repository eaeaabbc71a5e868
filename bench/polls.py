"""What a poll costs that finds nothing new: requests per table, by the sandboxes' own logs, and CPU.

A company in the middle of its life. The schedule of minutes reads the day in progress with the whole engine (session,
vault, token, store): once on a quiet morning, which has the bar, and once on a day that is full of orders, receipts and
invoices, all read a moment ago: there a source may have to be listed in pages, and what it lists is told beside it.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from st_pipelines.cli.demo_company import DemoCompany
from st_pipelines.integrations.session import Session

FULL, QUIET = date(2026, 10, 13), date(2026, 10, 14)
MOST = 3  # requests that a table may cost on a quiet day
TIMES = 3
_TABLES = ("/api/erp/", "/api/now/table/")


def run() -> list[dict[str, Any]]:
    """Rows for ``bench``: name, value, unit, bar, ok, note."""
    os.environ.pop("ST_PIPELINES_DATABASE_URL", None)
    from st_pipelines.cli.demo_company import demo_company
    from st_pipelines.cli.demo_life import rest_until

    with (
        tempfile.TemporaryDirectory() as folder,
        demo_company("demo_servicenow", Path(folder) / "home", size="demo") as company,
    ):
        _live(company)
        full = [row for one in company.integrations for row in _polled(company, one, FULL)]
        rest_until(company, QUIET)
        return [row for one in company.integrations for row in _polled(company, one, QUIET)] + full


def _live(company: DemoCompany) -> None:
    from st_pipelines.cli.demo_life import goods_until, mail_of
    from st_pipelines.cli.one_pass import align, chosen_flows, days_between, post, read_days

    goods_until(company, FULL)
    for one in company.integrations:
        with Session(one, company.settings) as session:
            flows, days = chosen_flows(session, ()), days_between(one.first_day, FULL)
            align(session, "bench", "bench", lambda _: None)
            read_days(session, flows, days, "bench", lambda _: None)
            post(session, flows, days, "bench", "bench", lambda _: None)
        mail_of(company)


def _polled(company: DemoCompany, integration: Any, day: date) -> Iterator[dict[str, Any]]:
    from st_pipelines.integrations.extracting import extract_days

    with Session(integration, company.settings) as session:
        wanted = {name for flow in session.road.flows if flow.name in integration.flows for name in flow.reads}
        for entity in (one for one in session.road.source.daily if one.name in wanted):
            (held,) = extract_days(session, entity, [day], "bench")
            _asked(company)
            cpu = time.process_time()
            for _ in range(TIMES):
                (again,) = extract_days(session, entity, [day], "bench")
                if again.digest != held.digest:
                    raise RuntimeError(f"{entity.name}: the day changed while nothing happened")
            cpu, tables = (time.process_time() - cpu) / TIMES, _asked(company)
            worst, count = tables.most_common(1)[0]
            quiet = day == QUIET
            yield {
                "name": f"{integration.name}: {entity.name}, {'a quiet day' if quiet else 'a full day'}",
                "value": round(count / TIMES, 1), "unit": "requests/table", "bar": MOST if quiet else None,
                "ok": not quiet or count <= MOST * TIMES,
                "note": f"most for {worst}; {sum(tables.values()) / TIMES:.1f} for {len(tables)} tables, "
                f"{held.records} records of the day, {cpu * 1000:.0f} ms CPU",
            }  # fmt: skip


def _asked(company: DemoCompany) -> Counter[str]:
    """Requests by table that both systems saw since the last call; forgets them."""
    found: Counter[str] = Counter()
    for address in company.sandbox.addresses.values():
        url = httpx.URL(address)
        log = f"{url.scheme}://{url.netloc.decode()}/_sandbox/log"
        for one in httpx.get(log, timeout=30).raise_for_status().json()["requests"]:
            part = next((part for part in _TABLES if part in one["path"]), "")
            found[one["path"].partition(part)[2].partition("/")[0] if part else one["path"]] += 1
        httpx.delete(log, timeout=30).raise_for_status()
    return found


if __name__ == "__main__":
    for row in run():
        print(row)
