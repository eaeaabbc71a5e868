"""Both directions on the two sandboxes: what only QAD has is made in ServiceTitan, changes travel, echoes do not."""

import json
from typing import Any

import pytest

from st_pipelines.integrations.parties_back import Returned, send_back
from st_pipelines.systems.qad.bodies import envelope
from st_pipelines.systems.qad.company import company as company_of
from st_pipelines_tests.integrations.company import LATE, Company

ONLY_IN_QAD = {"F00051", "F00052", "F00053"}


def back(company: Company, role: str = "customer") -> Returned:
    with company.session() as session:
        return send_back(session, role, "back", "test")


def writes(company: Company, system: str) -> int:
    log = company.control(system, "log")["requests"]
    return sum(one["method"] in ("POST", "PATCH") and "token" not in one["path"] for one in log)


def external(company: Company) -> dict[str, str]:
    """Reference that our application stored -> entity and id."""
    found: dict[str, str] = {}
    for one in company.records("servicetitan", "external_data"):
        value = one["data"]["st_pipelines"]
        assert value not in found, f"{value} is on two records"
        found[value] = f"{one['entity']}/{one['record']}"
    return found


def test_what_only_qad_has_is_made_once_with_a_location(company: Company) -> None:
    first = back(company)
    assert not first.stopped and not first.conflicts
    made = {ref: place for ref, place in external(company).items() if ref.rsplit(":", 1)[1] in ONLY_IN_QAD}
    assert len(made) == 3
    customers = {f"customers/{one['id']}": one for one in company.records("servicetitan", "customers")}
    names = {customers[place]["name"] for place in made.values()}
    assert "Łódź & Sons Restoration" in names
    owners = {one["customerId"] for one in company.records("servicetitan", "locations")}
    assert all(customers[place]["id"] in owners for place in made.values())


def test_the_doubtful_ones_of_the_other_direction_are_not_made(company: Company) -> None:
    references = external(company)
    for code in ("F00004", "F00024", "F00005", "F00006", "F00008"):
        assert f"QAD:CUST:customer:{code}" not in references, code


def test_vendors_go_the_same_way(company: Company) -> None:
    assert not back(company, "vendor").stopped
    assert "QAD:SUPP:vendor:V00051" in external(company)


def test_ten_rounds_write_nothing(company: Company) -> None:
    company.run([LATE])
    for role in ("customer", "vendor"):
        back(company, role)
    for system in ("qad", "servicetitan"):
        company.control(system, "log", method="DELETE")
    for _ in range(10):
        company.run([LATE], ["customers", "vendors"])
        for role in ("customer", "vendor"):
            assert back(company, role).sent == 0
    assert (writes(company, "qad"), writes(company, "servicetitan")) == (0, 0)


def test_a_party_that_came_from_qad_is_known_there_and_not_made_again(company: Company) -> None:
    references = external(company)
    held = {one["customerCode"]: one for one in company.records("qad", "customers")}
    for code in ONLY_IN_QAD:
        identity = references[f"QAD:CUST:customer:{code}"].split("/")[1]
        assert held[code]["customLong0"] == f"ST:1234567:customer:{identity}"
        assert held[code]["creditTermsCode"] == "N45"  # what finance had decided stays


def in_qad(company: Company, code: str, **changes: Any) -> None:
    """What somebody in finance does to a supplier."""
    with company.session() as session:
        client, books = session.target_client, company_of("10USA_10USACO")
        entity = client.profile.entity("supplier")
        record = client.get_one("supplier", books, {"sharedSetCode": "SUPP", "code": code})
        keys = [("sharedSetCode", "SUPP"), ("supplierCode", code)]
        client.submit("supplier", books, envelope(entity, record | changes), keys, reference=code)


def in_servicetitan(company: Company, identity: str, **changes: Any) -> None:
    """What somebody in the field does to a vendor."""
    with company.session() as session:
        session.source.write("inventory", f"vendors/{identity}", json.dumps(changes).encode(), entity="vendors",
                             reference=identity, method="PATCH")  # fmt: skip


def vendor(company: Company, identity: str) -> Any:
    return company.record("vendors", int(identity))


def qad_vendor(company: Company, code: str) -> Any:
    return next(one for one in company.records("qad", "suppliers") if one["supplierCode"] == code)


@pytest.fixture
def identity(company: Company) -> str:
    """ServiceTitan's id of the vendor V00051 of QAD."""
    return external(company)["QAD:SUPP:vendor:V00051"].split("/")[1]


def test_the_last_change_travels_whoever_made_it(company: Company, identity: str) -> None:
    in_qad(company, "V00051", telephone="512 555 7001")
    assert back(company, "vendor").sent == 1
    assert vendor(company, identity)["contactInfo"]["phone"] == "512 555 7001"
    company.run([LATE], ["vendors"])
    assert qad_vendor(company, "V00051")["telephone"] == "512 555 7001"
    in_servicetitan(company, identity, phone="512 555 7002")
    company.run([LATE], ["vendors"])
    assert qad_vendor(company, "V00051")["telephone"] == "512 555 7002"
    assert back(company, "vendor").sent == 0
    assert vendor(company, identity)["contactInfo"]["phone"] == "512 555 7002"


def test_a_conflict_waits_for_a_person_and_goes_when_both_agree(company: Company, identity: str) -> None:
    in_qad(company, "V00051", telephone="512 555 7003")
    in_servicetitan(company, identity, phone="512 555 7004")
    company.run([LATE], ["vendors"])
    code, reason = company.held()[f"ST:1234567:vendor:{identity}"]
    assert code == "party.conflict" and "5125557003" in reason and "5125557004" in reason
    assert [one.field for _, one in back(company, "vendor").conflicts] == ["phone"]
    assert qad_vendor(company, "V00051")["telephone"] == "512 555 7003"
    in_qad(company, "V00051", telephone="(512) 555-7004")
    company.run([LATE], ["vendors"])
    assert not [key for key in company.held() if key.startswith(f"ST:1234567:vendor:{identity}")]
    assert not back(company, "vendor").conflicts


def test_what_waits_is_listed_in_both_directions_with_its_cure(company: Company) -> None:
    code, said = company.said("parties", "waiting", "--json")
    found = json.loads(said.splitlines()[0])
    assert code == 1 and {one["direction"] for one in found} == {"to the target", "to the source"}
    assert all("parties link" in one["reason"] for one in found if one["code"] == "party.doubtful")
    assert company.said("resolve")[0] == 0


def test_both_are_retired_and_come_back_as_they_were(company: Company, identity: str) -> None:
    for active in (False, True):
        in_qad(company, "V00051", isActive=active)
        back(company, "vendor")
        assert vendor(company, identity)["active"] is active
        company.run([LATE], ["vendors"])
        assert qad_vendor(company, "V00051")["isActive"] is active
    for active in (False, True):
        in_servicetitan(company, identity, active=active)
        company.run([LATE], ["vendors"])
        assert qad_vendor(company, "V00051")["isActive"] is active
        back(company, "vendor")
        assert vendor(company, identity)["active"] is active
    assert len([one for one in company.records("qad", "suppliers") if one["customLong0"].endswith(identity)]) == 1


def test_a_new_name_travels_and_one_that_is_too_long_waits_by_name(company: Company, identity: str) -> None:
    in_servicetitan(company, identity, name="Only In QAD Sheet Metal Works")
    company.run([LATE], ["vendors"])
    code = qad_vendor(company, "V00051")["businessRelationCode"]
    held = {one["businessRelationCode"]: one for one in company.records("qad", "business_relations")}
    assert held[code]["businessRelationName1"] == "Only In QAD Sheet Metal Works"
    in_servicetitan(company, identity, name="Very long " * 20)
    company.run([LATE], ["vendors"])
    hold, reason = company.held()[f"ST:1234567:vendor:{identity}:relation"]
    assert hold == "cannot_render" and "shorten" in reason
    in_servicetitan(company, identity, name="Foundry Row")
    decided = ("--by", "Ann", "--reason", "shortened in ServiceTitan")
    assert company.said("holds", "dismiss", f"ST:1234567:vendor:{identity}:relation", *decided)[0] == 0
    company.run([LATE], ["vendors"])
    held = {one["businessRelationCode"]: one for one in company.records("qad", "business_relations")}
    assert held[code]["businessRelationName1"] == "Foundry Row"
    assert f"ST:1234567:vendor:{identity}:relation" not in company.held()


def test_one_customer_is_linked_to_one_record_each_way(company: Company) -> None:
    rows = company.rows("SELECT source_id, target_id FROM party_link WHERE state = 'linked'")
    assert len({row.source_id for row in rows}) == len({row.target_id for row in rows}) == len(rows)
    code, said = company.said("audit", "verify")
    assert code == 0, said
