"""Nothing is sent to, and nothing is believed from, books that are not the pinned ones."""

from typing import Any

import pytest
from sqlalchemy import Engine

from st_pipelines.posting.target import NotSent, Write, WrongCompany
from st_pipelines.systems.qad.post import QadTarget
from st_pipelines.systems.qad.profile import Profile
from st_pipelines_tests.qad.samples import BOOKS, changed, invoice, key
from st_pipelines_tests.qad.scripted import scripted
from st_pipelines_tests.qad.tenant import Tenant, tenant

WORKSPACES = {"data": {"workspaces": [{"workspaceId": BOOKS, "domainCode": "10USA", "entityCode": "10USACO"}]}}


def test_every_request_of_a_life_names_the_company(qad: Tenant) -> None:
    qad.customer()
    qad.post(changed(invoice(), company="10USA_20USACO"))
    assert [one["entityCode"] for one in qad.state("customer_invoices")] == ["20USACO"]  # not the default workspace


def test_a_workspace_that_the_user_does_not_have_is_named(tokens: Engine) -> None:
    with tenant(tokens, companies=("10USA_77USACO",)) as made:
        with pytest.raises(WrongCompany, match=r"77USACO|Access is denied"):
            made.target.check_company("10USA_77USACO")
        assert made.writes() == []


@pytest.mark.parametrize(
    "listed", [{"domainCode": "99TRAIN", "entityCode": "10USACO"}, {"domainCode": "10USA", "entityCode": "99"}]
)
def test_a_workspace_that_leads_elsewhere_is_refused(profile: Profile, listed: dict[str, str]) -> None:
    answer = {"data": {"workspaces": [{"workspaceId": BOOKS, **listed}]}}
    with scripted(profile, lambda request, body: answer) as script, pytest.raises(WrongCompany):
        QadTarget(script.qad).check_company(BOOKS)


@pytest.mark.parametrize("periods", [[{"entityCode": "99TRAINCO"}], []])
def test_a_header_that_qad_ignores_shows_in_the_probed_record(profile: Profile, periods: list[Any]) -> None:
    def answer(request: Any, body: bytes) -> Any:
        return WORKSPACES if "workspaces" in request.url.path else {"data": periods}

    with scripted(profile, answer) as script, pytest.raises(WrongCompany):
        QadTarget(script.qad).check_company(BOOKS)


def test_a_found_record_of_other_books_is_never_given_out(profile: Profile) -> None:
    record = {"domainCode": "10USA", "entityCode": "20USACO", "daybookCode": "ARINV", "postingYear": 2026,
              "voucherNumber": 1, "customLong0": key("invoice", 7001)}  # fmt: skip
    with (
        scripted(profile, lambda request, body: {"data": [record]}) as script,
        pytest.raises(WrongCompany, match="20USACO"),
    ):
        QadTarget(script.qad).find("customer_invoice", BOOKS, [key("invoice", 7001)])


@pytest.mark.parametrize("company", ["", "10USA", "10USA_10USACO_X", "10USA_10US\nACO", "10USA_../x"])
def test_a_company_that_is_not_one_domain_and_one_entity_is_never_sent(qad: Tenant, company: str) -> None:
    qad.customer()
    before = len(qad.writes())
    write = qad.write(invoice())
    outcome = qad.target.send(Write("create", write.kind, company, write.external_ref, "k", write.body))
    assert isinstance(outcome, NotSent)
    assert len(qad.writes()) == before
