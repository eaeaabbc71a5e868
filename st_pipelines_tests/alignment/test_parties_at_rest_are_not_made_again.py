"""Parties of a posted month are not made again while alignment could only say the same of them; a decision, a change in
either system or a new party is planned. Each test decides about parties of its own, in the order of the module.
"""

import json
from typing import Any

import pytest

from st_pipelines.alignment import decisions, links
from st_pipelines.documents.parties import Party
from st_pipelines.integrations import post_days
from st_pipelines.integrations.align_parties import align, stopped_before
from st_pipelines.integrations.at_rest import LinksNow, parties_of
from st_pipelines.integrations.planned import first_to_plan
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.posting.canonical import content_sha256
from st_pipelines.sandbox.business.generate import generate
from st_pipelines.sandbox.qad.known_parties import chosen
from st_pipelines.systems.qad.bodies import envelope
from st_pipelines.systems.qad.company import company as company_of
from st_pipelines_tests.integrations.company import LATE, MONTH, Company

FLOWS = ("customers", "vendors")
KEYS = [day.isoformat() for day in MONTH]
BOOKS = company_of("10USA_10USACO")
ANN = {"by": "Ann", "reason": "called them"}


def reference(case: str) -> str:
    return f"ST:1234567:customer:{chosen(generate(1, 'small', '2026-10'))[case].id}"


@pytest.fixture(scope="module", autouse=True)
def at_rest(company: Company) -> None:
    company.post(MONTH, FLOWS)  # parties that were linked by the first run come to rest with the next


def first(company: Company, flow: str = "customers") -> int:
    """The place of the first day that would be planned."""
    with company.session() as session:
        of = session.road.flow(flow)
        return first_to_plan(session, of, KEYS, stopped_before(session, of))


def first_of(company: Company, party: str) -> int:
    """The place of the first day that has this party."""
    with company.session() as session:
        flow = session.road.flow("customers" if ":customer:" in party else "vendors")
        return next(place for place, key in enumerate(KEYS)
                    if party in parties_of(session, flow, stored_documents(session, flow, [key])))  # fmt: skip


def waits(company: Company, party: str) -> bool:
    """Whether alignment is asked about all documents of this party, or about none."""
    with company.session() as session:
        flow = session.road.flow("customers")
        found = LinksNow(session, flow, [party]).answers(stored_documents(session, flow, KEYS))
        (said,) = {one.waits for one in found if one.party == party}
        return said


def rest(company: Company) -> None:
    """Everything that is planned is posted, and every day is at rest."""
    company.post(MONTH, FLOWS)
    assert [first(company, flow) for flow in FLOWS] == [len(KEYS), len(KEYS)]


def decide(company: Company, what: Any, *of: str) -> None:
    with company.session() as session:
        context = session.context("decision", "test")
        what(session.engine, context, session.integration.link_book, "customer", *of, **ANN)


def standing(company: Company, party: str) -> list[str]:
    return [state for _, state, _ in company.postings(party)]


def in_qad(company: Company, code: str, **changes: Any) -> None:
    """What somebody in finance does to a customer."""
    with company.session() as session:
        client = session.target_client
        record = client.get_one("customer", BOOKS, {"sharedSetCode": "CUST", "code": code})
        keys = [("sharedSetCode", "CUST"), ("customerCode", code)]
        changed = envelope(client.profile.entity("customer"), record | changes)
        client.submit("customer", BOOKS, changed, keys, reference=code)


def test_a_second_run_makes_no_party_though_some_wait_for_a_person(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("documents were made again")

    assert [code for code, _ in company.held().values()].count("party.doubtful") >= 4
    monkeypatch.setattr(post_days, "stored_documents", never)
    assert company.post(MONTH, FLOWS).sent == 0


def test_what_is_settled_is_what_alignment_says(company: Company) -> None:
    """Alignment itself is asked about every document, and asks the target."""
    with company.session() as session:
        for name in FLOWS:
            flow = session.road.flow(name)
            documents = list(stored_documents(session, flow, KEYS))
            now = LinksNow(session, flow, parties_of(session, flow, documents))
            newest = {document.doc_key: document for document in documents}
            answers = list(now.answers(newest.values()))
            aligned = {one.doc_key: content_sha256(one) for one in align(session, flow, documents, None, set())}
            settled = [one for one in answers if one.party and not one.waits]
            assert len(settled) > 10
            for one in settled:
                assert aligned[one.document.doc_key] == content_sha256(one.document), one.document.doc_key


def test_who_waits_is_who_is_held(company: Company) -> None:
    with company.session() as session:
        flow = session.road.flow("customers")
        documents = list(stored_documents(session, flow, KEYS))
        now = LinksNow(session, flow, parties_of(session, flow, documents))
        waits = {one.document.doc_key for one in now.answers(documents) if one.waits}
        assert waits == {one.doc_key for one in stopped_before(session, flow)} != set()


def test_a_link_that_a_person_made_is_planned(company: Company) -> None:
    party = reference("two_candidates")
    assert standing(company, party) == ["held"]
    decide(company, decisions.link, party, "QAD:CUST:customer:F00024")
    assert waits(company, party)  # what the record has there was never looked at
    assert first(company) == first_of(company, party)
    company.post(MONTH, FLOWS)
    assert standing(company, party) == ["posted"]
    rest(company)
    assert not waits(company, party)


def test_a_proposal_that_a_person_settled_is_planned(company: Company) -> None:
    party = reference("looks_alike")
    assert standing(company, party) == ["held"]
    decide(company, decisions.separate, party, "QAD:CUST:customer:F00006")
    company.post(MONTH, FLOWS)
    assert standing(company, party) == ["posted"]
    rest(company)


def test_a_changed_record_of_the_target_frees_who_waited_for_it(company: Company) -> None:
    party = reference("same_email_other_phone")
    assert standing(company, party) == ["held"]
    with company.session() as session:
        flow = session.road.flow("customers")
        (held,) = (one for one in stopped_before(session, flow) if one.doc_key == party)
    assert isinstance(held.payload, Party)
    in_qad(company, "F00008", telephone=held.payload.phone)
    company.post(MONTH, FLOWS)
    assert standing(company, party) == ["posted"]
    rest(company)


def test_an_ended_link_is_planned(company: Company) -> None:
    party = reference("same_email")
    decide(company, decisions.unlink, party)
    assert first(company) <= first_of(company, party)
    company.post(MONTH, FLOWS)
    assert company.held()[party][0] == "party.link_ended"
    rest(company)
    decide(company, decisions.link, party, "QAD:CUST:customer:F00002")
    assert first(company) == first_of(company, party)
    rest(company)


def test_what_both_sides_agreed_on_anew_is_planned(company: Company) -> None:
    party = reference("same_name_and_address")
    with company.session() as session:
        book = session.integration.link_book
        link = links.live(session.engine, book, "customer", [party])[party]
        links.record_agreed(session.engine, session.context("back", "test"), {link.link_id: {"name.source": "other"}})
    assert first(company) == first_of(company, party)
    rest(company)


def test_a_field_that_moved_since_both_sides_agreed_waits(company: Company) -> None:
    party = reference("same_phone_other_spelling")
    assert not waits(company, party)
    with company.session() as session:
        book = session.integration.link_book
        link = links.live(session.engine, book, "customer", [party])[party]
        links.record_agreed(session.engine, session.context("back", "test"), {link.link_id: {"active.source": "other"}})
    assert waits(company, party)
    rest(company)
    assert not waits(company, party)


def test_other_owners_of_a_field_are_planned(company: Company) -> None:
    with company.session() as session:
        flow, rules = session.road.flow("customers"), session.integration.parties
        assert rules is not None
        rules.customer.fields["email"] = "target"
        assert first_to_plan(session, flow, KEYS, stopped_before(session, flow)) < len(KEYS)


def test_a_new_party_is_planned(company: Company) -> None:
    keys = [*KEYS, LATE.isoformat()]
    made = in_servicetitan(company)
    company.read([LATE], FLOWS)
    with company.session() as session:
        assert first_to_plan(session, session.road.flow("vendors"), keys) == len(KEYS)
    assert company.post([*MONTH, LATE], FLOWS).sent > 0
    assert standing(company, f"ST:1234567:vendor:{made}") == ["posted"]


def in_servicetitan(company: Company) -> int:
    """Somebody in the field enters a vendor."""
    vendor = {
        "name": "Zebra Gaskets", "active": True, "isTruckReplenishment": False, "taxRate": 0, "phone": "", "email": "",
        "restrictedMobileCreation": False,
        "address": {"street": "9 Far Road", "unit": "", "city": "Austin", "state": "TX", "zip": "78701",
                    "country": "USA"},
    }  # fmt: skip
    with company.session() as session:
        session.source.write("inventory", "vendors", json.dumps(vendor).encode(), entity="vendors", reference="new")
    return int(next(one["id"] for one in company.records("servicetitan", "vendors") if one["name"] == vendor["name"]))
