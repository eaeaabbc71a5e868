"""A month of the sandbox's business against the sandbox's own journal, through the session that every run uses.

Nothing is posted here: the witness is about the source alone, and must agree however little the target has.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest

from st_pipelines.assets.reconciled import WITNESS_CHECK, _result, _witness_result, period_asset
from st_pipelines.cli.demo_company import DemoCompany, demo_company
from st_pipelines.cli.one_pass import chosen_flows, days_between, read_days
from st_pipelines.integrations.map_day import map_day
from st_pipelines.integrations.reconcile import Reconciled, reconcile_month
from st_pipelines.integrations.registry import Integration, load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines.integrations.session import Session

MONTH, FLOWS = date(2026, 10, 1), ("invoices", "payments", "bills")
DAYS = days_between(MONTH, date(2026, 10, 31))


@dataclass(frozen=True)
class Company:
    demo: DemoCompany

    def reconciled(self, integration: Integration | None = None) -> Reconciled:
        with Session(integration or self.demo.integration, self.demo.settings) as session:
            return reconcile_month(session, MONTH, "test")

    def map_anew(self, integration: Integration) -> None:
        """The invoices of the first ten days, with this integration's tables."""
        with Session(integration, self.demo.settings) as session:
            for day in DAYS[:10]:
                map_day(session, session.road.flow("invoices"), day)

    def with_options(self, **options: Any) -> Integration:
        there = self.demo.integration
        return there.model_copy(update={"options": there.options.model_copy(update=options)})

    def asked_for_the_journal(self) -> int:
        seen = httpx.get(f"{self.demo.sandbox['servicetitan']}/_sandbox/log").raise_for_status().text
        return seen.count("/journal-entries")

    def fault(self, **fault: Any) -> None:
        address = f"{self.demo.sandbox['servicetitan']}/_sandbox/faults"
        httpx.post(address, json={"match": {"path": "/journal-entries"}, "count": None, **fault}).raise_for_status()

    def no_faults(self) -> None:
        httpx.delete(f"{self.demo.sandbox['servicetitan']}/_sandbox/faults").raise_for_status()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with mock.patch.dict(os.environ), demo_company("demo_qad", tmp_path_factory.mktemp("home"), size="small") as demo:
        with Session(demo.integration, demo.settings) as session:
            read_days(session, chosen_flows(session, FLOWS), DAYS, "test", lambda text: None)
        yield Company(demo)


def test_the_journal_agrees_to_the_cent_but_for_zero_totals(company: Company) -> None:
    month = company.reconciled()
    witness = month.witness
    assert witness is not None and witness.heard and not witness.contradicts
    assert witness.account_count > 12 and {row.business_unit for row in witness.accounts} >= {"101", "106"}
    assert {one.reason for one in witness.disagreements} == {"nothing to post"}
    by_document: dict[tuple[str, str], int] = {}
    for one in witness.disagreements:
        for row in one.accounts:
            place = (row.business_unit, row.gl_account)
            by_document[place] = by_document.get(place, 0) + row.difference_minor
    left = {(row.business_unit, row.gl_account): row.difference_minor for row in witness.accounts}
    assert {place: minor for place, minor in left.items() if minor} == by_document, "nothing else differs anywhere"
    page = Path(month.report_path).read_text()
    assert f"Second witness: {witness.verdict()}".replace("'", "&#39;") in page
    assert not month.result.has_alarm and not month.is_clean, "nothing was posted; the witness has no say in that"


def test_a_wrong_mapping_is_contradicted_by_document(company: Company, tmp_path: Path) -> None:
    """Source, ledger and target would all agree on it: only the source's own books tell."""
    folder = tmp_path / "demo_qad"
    shutil.copytree(company.demo.integration.folder, folder)
    table = folder / "invoice_accounts.csv"
    table.write_text(table.read_text().replace(",,Material,,4100", ",,Material,,4000"))
    try:
        wrong = load_integration(folder)
        company.map_anew(wrong)
        month = company.reconciled(wrong)
    finally:
        company.map_anew(company.demo.integration)
    witness = month.witness
    assert witness is not None and witness.contradicts and month.result.has_alarm
    assert {one.reason for one in witness.contradictions} == {"posted differently"}
    for one in witness.contradictions:
        assert sum(row.difference_minor for row in one.accounts) == 0
        assert {row.gl_account for row in one.accounts} == {"4000", "4100"}
    assert "But ServiceTitan's journal contradicts" in month.result.verdict()
    check = _witness_result([witness])
    assert not check.passed and check.severity.value == "WARN" and check.check_name == WITNESS_CHECK
    page = Path(month.report_path).read_text()
    assert '<div class="verdict bad">' in page and witness.contradictions[0].doc_key in page


def test_what_happens_after_the_last_reading_does_not_contradict(company: Company) -> None:
    address = company.demo.sandbox["servicetitan"]
    made = httpx.post(f"{address}/_sandbox/business", json={
        "action": "add_invoice", "business_unit_id": 101, "invoice_date": "2026-10-20",
        "lines": [{"type": "Service", "quantity": "1", "price": "100.00"}],
    }).raise_for_status().json()["changed"][0]  # fmt: skip
    witness = company.reconciled().witness
    assert witness is not None and not witness.contradicts
    late = [one for one in witness.disagreements if one.doc_key.endswith(f":{made['id']}")]
    assert [one.reason for one in late] == ["not read since"]
    voided = {"action": "void_invoice", "invoice_id": made["id"]}
    httpx.post(f"{address}/_sandbox/business", json=voided).raise_for_status()


def test_without_the_scope_there_is_no_witness_and_no_error(company: Company) -> None:
    company.fault(action="status", status=403)
    try:
        month = company.reconciled()
    finally:
        company.no_faults()
    witness = month.witness
    assert witness is not None and not witness.heard and not witness.accounts
    assert "tn.acc.journalentries:r" in witness.verdict() and not month.result.has_alarm
    check = _witness_result([witness])
    assert not check.passed and "was not heard" in str(check.description)


def test_a_broken_journal_is_no_error_either(company: Company) -> None:
    company.fault(action="truncate")
    try:
        witness = company.reconciled().witness
    finally:
        company.no_faults()
    assert witness is not None and not witness.heard and "could not be read" in witness.verdict()


def test_an_integration_that_wants_no_witness_asks_for_none(company: Company) -> None:
    before = company.asked_for_the_journal()
    assert company.reconciled(company.with_options(second_witness="none")).witness is None
    assert company.asked_for_the_journal() == before > 0


def test_the_period_asset_has_the_check_only_where_the_witness_is_wanted(company: Company) -> None:
    for option, expected in (("journal_entries", {WITNESS_CHECK, "variance_is_zero"}), ("none", {"variance_is_zero"})):
        integration = company.with_options(second_witness=option)
        road = road_of(integration)
        flows = [flow for flow in road.flows if flow.name in FLOWS]
        assert {spec.name for spec in period_asset(integration, road, flows).check_specs} == expected
    month = company.reconciled()
    assert month.witness is not None
    made = {one.check_name: one for one in _result(month, witnesses=[month.witness]).check_results or ()}
    assert made[WITNESS_CHECK].passed and not made["variance_is_zero"].passed
