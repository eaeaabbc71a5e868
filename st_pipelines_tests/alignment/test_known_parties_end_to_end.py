"""QAD has kept some parties for years: those that are certainly ours are used and changed, the doubtful ones wait with
both records side by side, the rest is made; documents wait for their party.
"""

from st_pipelines.sandbox.business.generate import generate
from st_pipelines.sandbox.qad.known_parties import chosen
from st_pipelines_tests.integrations.company import MONTH, Company

CERTAIN = {"same_phone_other_spelling": "F00001", "same_email": "F00002", "same_name_and_address": "F00003",
           "our_reference": "F00007"}  # fmt: skip
DOUBTFUL = ("two_candidates", "inactive", "looks_alike", "same_email_other_phone")


def reference(case: str) -> str:
    return f"ST:1234567:customer:{chosen(generate(1, 'small', '2026-10'))[case].id}"


def test_certain_ones_are_used_and_not_made_again(company: Company) -> None:
    held = {one["customerCode"]: one for one in company.records("qad", "customers")}
    for case, code in CERTAIN.items():
        assert held[code]["customLong0"] == reference(case), case
        assert [one["customerCode"] for one in held.values() if one["customLong0"] == reference(case)] == [code]


def test_a_linked_record_is_changed_where_the_source_has_the_say(company: Company) -> None:
    relations = {one["businessRelationCode"]: one for one in company.records("qad", "business_relations")}
    real = company.record("customers", int(reference("same_email").rsplit(":", 1)[1]))
    held = relations["FIN0002"]
    assert held["businessRelationName1"] == real["name"]
    assert held["headOfficeStreet1"].startswith(real["address"]["street"])


def test_doubtful_ones_wait_with_both_records_and_the_commands(company: Company) -> None:
    held = company.held()
    for case in DOUBTFUL:
        code, reason = held[reference(case)]
        assert code == "party.doubtful", case
        assert reference(case) in reason and "QAD:CUST:customer:F" in reason, case
        assert "parties link" in reason and "parties separate" in reason
    assert not [one for one in company.records("qad", "customers") if one["customLong0"] in map(reference, DOUBTFUL)]


def test_documents_of_a_doubtful_party_wait(company: Company) -> None:
    waiting = company.rows(
        "SELECT p.state FROM posting p JOIN posting_need n ON n.posting_id = p.posting_id WHERE n.needs IN "
        f"({', '.join(repr(reference(case)) for case in DOUBTFUL)}) AND p.kind = 'customer_invoice'"
    )
    assert {row.state for row in waiting} <= {"planned"}


def test_nothing_is_unknown_or_refused_and_the_rest_stands(company: Company) -> None:
    assert not company.open()
    rejected = company.rows("SELECT doc_key, reason FROM posting WHERE state = 'rejected'")
    assert rejected == []
    linked = company.rows("SELECT how, count(*) AS n FROM party_link WHERE state = 'linked' GROUP BY how ORDER BY how")
    made = {row.how: row.n for row in linked}
    assert made.pop("created") > 20
    assert made == {"rule email": 2, "rule external_id": 1, "rule name_address": 1, "rule phone": 1}


def test_a_second_run_asks_for_no_parties_and_writes_nothing(company: Company) -> None:
    company.control("qad", "log", method="DELETE")
    again = company.post(MONTH)
    assert again.sent == 0


def test_decisions_of_a_person_let_the_next_run_go_on(company: Company) -> None:
    """In order of the module: what was held above is decided here."""
    decided = ("--by", "Ann", "--reason", "called them")
    one, two, gone = map(reference, ("two_candidates", "looks_alike", "inactive"))
    code, said = company.said("parties", "list", "--state", "proposed")
    assert code == 1 and all(party in said for party in (one, two, gone)), said
    assert company.said("parties", "link", one, "QAD:CUST:customer:F00024", *decided)[0] == 0
    assert company.said("parties", "separate", two, "QAD:CUST:customer:F00006", *decided)[0] == 0
    assert company.said("parties", "link", gone, "QAD:CUST:customer:F00005", *decided)[0] == 0
    code, said = company.said("parties", "link", gone, "QAD:CUST:customer:F00001", *decided)
    assert code == 2 and "is linked to" in said
    company.post(MONTH)
    held = {one["customerCode"]: one for one in company.records("qad", "customers")}
    assert held["F00024"]["customLong0"] == one and held["F00004"]["customLong0"] == ""
    assert held["F00006"]["customLong0"] == ""
    assert len([record for record in held.values() if record["customLong0"] == two]) == 1
    # Finance has blocked that one: a link alone does not unblock it, where the last change decides.
    assert held["F00005"]["customLong0"] == "" and held["F00005"]["isActive"] is False
    code_of = {party: code for party, (code, _) in company.held().items()}
    assert code_of.pop(gone) == "party.conflict" and "active" in company.held()[gone][1]
    assert {party for party in code_of if party.count(":") == 3} == {reference("same_email_other_phone")}
    code, said = company.said("audit", "verify")
    assert code == 0, said


def test_a_wrong_link_is_ended_and_the_party_goes_to_the_right_record(company: Company) -> None:
    """The wrong record stays as it is, with what was posted to it; the next change waits until a person has named the
    right one. Parts that were on their way to the wrong record meanwhile are stopped by the database; released, they
    are looked for first, and found at the right one."""
    decided = ("--by", "Ann", "--reason", "it is the other one")
    party = reference("same_email")
    assert company.said("parties", "unlink", party, *decided)[0] == 0
    company.post(MONTH)
    assert company.held()[party][0] == "party.link_ended"
    assert company.said("parties", "link", party, "QAD:CUST:customer:F00051", *decided)[0] == 0
    company.post(MONTH)
    stopped = {code for key, (code, _) in company.held().items() if key.startswith(f"{party}:")}
    assert stopped <= {"target_id_taken"}
    company.release("target_id_taken")
    company.post(MONTH)
    assert not [key for key in company.held() if key.startswith(party)], company.held()
    held = {one["customerCode"]: one for one in company.records("qad", "customers")}
    assert held["F00051"]["customLong0"] == f"{party}:2" and held["F00002"]["isActive"] is True
    assert [(op, state) for op, state, _ in company.postings(party)] == [
        ("create", "posted"), ("void", "posted"), ("create", "posted")
    ]  # fmt: skip
